"""Valence and arousal: how pleasant and how stirring, from what a model hears.

The circumplex of affect (Russell, *A circumplex model of affect*, Journal of Personality and Social
Psychology 39(6), 1980) has two dimensions. Each is read off what is known of a span of sound anyway
(`Dimension`): the expected intensities of the nine emotions, the features of its segments, and how
loud it is within its track. What is read and how is on a model's card; `docs/valence-arousal.md`
says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.features.compute import FEATURES
from music_emotion.features.segments import segment_count

ENDS = {"valence": ("unpleasant", "pleasant"), "arousal": ("calm", "stirring")}
"""What −1 and 1 of each dimension mean, in plain words."""

LEVEL = "level"
"""The term for a span's level in dB above the mean of the track's audible segments."""

Array = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dimension:
    """How valence or arousal is read: ``tanh(offset + sum of weight · term)``, −1 to 1.

    Attributes
    ----------
    terms
        Weight of each term. A term is an emotion (its intensity, 0–1), ``level`` (dB above the
        mean of the track's audible segments), or ``feature.column`` of a feature of
        :data:`~music_emotion.features.compute.FEATURES` whose columns have names.
    offset
        Added to the sum.
    seconds
        Of the middle of a span whose features and level count; 0 takes the whole span.
    """

    terms: Mapping[str, float] = field(default_factory=dict)
    offset: float = 0.0
    seconds: float = 0.0

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features it needs."""
        return tuple(dict.fromkeys(term.partition(".")[0] for term in self.terms if "." in term))

    def values(
        self,
        intensities: Array,
        columns: Mapping[str, Floats],
        spans: Sequence[NDArray[np.int64]],
    ) -> Array:
        """Return the dimension of spans of segments, shape (spans,), −1 to 1.

        Parameters
        ----------
        intensities
            Of the spans, shape (spans, 9).
        columns
            Per segment the terms that are no emotions, each of shape (segments,).
        spans
            For each span the indices of its audible segments; 0 where it has none.
        """
        parts = [middle_of(span, self.seconds) for span in spans]
        total = np.full(len(spans), self.offset)
        for term, weight in self.terms.items():
            if term in EMOTIONS:
                total += weight * intensities[:, EMOTIONS.index(term)]
            else:
                values = columns[term]
                total += weight * np.array([values[p].mean() if len(p) else 0.0 for p in parts])
        is_heard = np.array([len(span) > 0 for span in spans], bool)
        return np.where(is_heard, np.tanh(total), 0.0).astype(np.float32)


def middle_of(span: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
    """Return the segments in the middle of a span, as many as last ``seconds``; 0 takes all.

    Examples
    --------
    >>> middle_of(np.arange(9), 9.0)
    array([3, 4, 5])
    """
    wanted = segment_count(seconds)
    if wanted == 0 or len(span) <= wanted:
        return span
    start = (len(span) - wanted) // 2
    return span[start : start + wanted]


def term_columns(
    terms: Sequence[str], features: Mapping[str, Array], level: Floats
) -> dict[str, Floats]:
    """Return the terms that are no emotions, each of shape (segments,).

    Parameters
    ----------
    terms
        As `Dimension` has them.
    features
        Per segment, (segments, columns) by name.
    level
        In dB above the track's mean, shape (segments,).

    Examples
    --------
    >>> term_columns(["calmness", "level"], {}, np.zeros(3))
    {'level': array([0., 0., 0.])}
    """
    found = {LEVEL: level} if LEVEL in terms else {}
    for term in terms:
        feature, dot, column = term.partition(".")
        if dot:
            values = features[feature][:, FEATURES[feature].columns.index(column)]
            found[term] = values.astype(np.float64)
    return found


def is_term(term: str) -> bool:
    """Whether there is such a term.

    Examples
    --------
    >>> is_term("calmness"), is_term("tags.happy"), is_term("tags.hapy")
    (True, True, False)
    """
    feature, _, column = term.partition(".")
    known = FEATURES[feature].columns if feature in FEATURES else ()
    return term in EMOTIONS or term == LEVEL or column in known


def _signed_sum(risers: str, fallers: str, mean: float, deviation: float) -> Dimension:
    weight = 0.5 / deviation
    signs = {**dict.fromkeys(risers.split(), weight), **dict.fromkeys(fallers.split(), -weight)}
    return Dimension(signs, -mean * weight)


# Mean and standard deviation of the signed sums of the votes for EMOTIFY's 400 tracks; two
# deviations above the mean make tanh(1) = .76.
VALENCE = _signed_sum(
    "joyful_activation amazement tenderness calmness power", "sadness tension", 0.639, 0.488
)
AROUSAL = _signed_sum(
    "joyful_activation power tension amazement",
    "calmness tenderness sadness nostalgia solemnity",
    -0.288,
    0.995,
)
"""How valence and arousal are read where a model's card does not say it: from intensities alone."""

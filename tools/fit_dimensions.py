"""How valence and arousal are read by the models of the wheel.

Each is a sum of parts: the signed sum of the nine intensities, and what else the ear knows of it.
Parts are brought to one standard deviation over the tracks of the corpus (intensities as models
say them that have not heard the artist) and weighted by small round numbers; the sum is brought to
a mean of 0 and a deviation of one half, before `Dimension` bends it into −1 to 1. What was tried is
in ``docs/valence-arousal.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.valence_arousal import AROUSAL, LEVEL, VALENCE, Dimension

LEVEL_DEVIATION = 6.0  # dB that count as one standard deviation of a part
SCALE = 0.5  # standard deviation of the sum

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A signed sum of terms of `Dimension`, and its weight in standard deviations."""

    weight: float
    terms: Mapping[str, float]


@dataclass(frozen=True)
class DimensionRecipe:
    """What a dimension is read from, and the seconds that its features and level are taken over."""

    parts: tuple[Part, ...]
    seconds: float

    @property
    def features(self) -> tuple[str, ...]:
        """Features of segments that it needs."""
        return Dimension({term: 0.0 for part in self.parts for term in part.terms}).features


def _signs(dimension: Dimension) -> Mapping[str, float]:
    return {term: float(np.sign(weight)) for term, weight in dimension.terms.items()}


FLUX = {f"summary.flux_{band}": 0.25 for band in (4, 5, 6, 7)}  # of the upper half of the bands
STIRRING_TAGS = {"tags.party": 1.0, "tags.dance": 1.0, "tags.happy": 1.0}
CALM_TAGS = {"tags.mellow": -1.0, "tags.chill": -1.0, "tags.sad": -1.0}
HAPPY_TAGS = {"tags.happy": 1.0, "tags.sad": -1.0}
MAJOR = {"summary.harmony_18": 1.0}  # fit to the profile of a major key

AROUSAL_SECONDS, VALENCE_SECONDS = 9.0, 27.0


def _arousal(level: float, *parts: Part) -> DimensionRecipe:
    emotions = Part(1.0, _signs(AROUSAL))
    return DimensionRecipe((emotions, *parts, Part(level, {LEVEL: 1.0})), AROUSAL_SECONDS)


def _valence(*parts: Part) -> DimensionRecipe:
    return DimensionRecipe((Part(1.0, _signs(VALENCE)), *parts), VALENCE_SECONDS)


TAGS = (Part(0.5, STIRRING_TAGS), Part(0.5, CALM_TAGS))
RECIPES: Mapping[str, tuple[DimensionRecipe, DimensionRecipe]] = {
    "default": (
        _valence(Part(1.0, MAJOR), Part(1.0, HAPPY_TAGS)),
        _arousal(1.5, Part(1.0, FLUX), *TAGS),
    ),
    "light": (_valence(Part(0.5, MAJOR)), _arousal(2.0, Part(2.0, FLUX))),
    "transfer": (_valence(Part(1.0, HAPPY_TAGS)), _arousal(1.5, *TAGS)),
}
"""Valence and arousal of each model that has other features than the intensities."""


def fit_dimension(
    recipe: DimensionRecipe, intensities: Floats, columns: Mapping[str, Floats]
) -> Dimension:
    """Return the dimension with its weights per unit of each term.

    Parameters
    ----------
    recipe
        What it is read from.
    intensities
        Of the corpus' tracks, out of fold, shape (tracks, 9).
    columns
        Means over each track of the other terms, shape (tracks,); a level needs none, as it is
        told against its own track's.
    """
    terms: dict[str, float] = {}
    offset, total = 0.0, np.zeros(len(intensities))
    for part in recipe.parts:
        if LEVEL in part.terms:
            terms[LEVEL] = part.weight / LEVEL_DEVIATION
            continue
        values = sum(
            sign * _values(term, intensities, columns) for term, sign in part.terms.items()
        )
        each = part.weight / np.std(values)
        for term, sign in part.terms.items():
            terms[term] = terms.get(term, 0.0) + sign * each
        offset -= each * np.mean(values)
        total += each * values
    scale = SCALE / total.std()
    rounded = {term: float(f"{weight * scale:.4g}") for term, weight in terms.items()}
    return Dimension(rounded, float(f"{offset * scale:.4g}"), recipe.seconds)


def _values(term: str, intensities: Floats, columns: Mapping[str, Floats]) -> Floats:
    return intensities[:, EMOTIONS.index(term)] if term in EMOTIONS else columns[term]


def track_means(
    terms: Sequence[str], values: Mapping[str, Floats], track: NDArray[np.int64]
) -> dict[str, Floats]:
    """Return the mean of each term over the segments of each track, shape (tracks,).

    Parameters
    ----------
    values
        Of each segment by term, as `term_columns` gives them.
    track
        Each segment's track, numbered from 0.
    """
    counts = np.bincount(track)
    return {term: np.bincount(track, values[term]) / counts for term in terms if term in values}

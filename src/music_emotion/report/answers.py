"""What a packaged model says of many tracks, and what of it can be held against people's words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.moods import MOODS
from music_emotion.datasets.ratings import Ratings, Scale
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.rating_model import RatingPrediction, RatingTimeline
from music_emotion.inference.valence_arousal import AROUSAL, VALENCE

Floats = NDArray[np.float64]

DIMENSIONS = {"valence": VALENCE, "arousal": AROUSAL}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of n tracks."""

    model: str
    version: str
    scales: tuple[Scale, ...]  #: what it says something on
    values: Floats  #: shape (n, k); NaN where it heard nothing
    #: probabilities and intensities of the nine emotions, each (n, 9); ``None`` of ratings alone
    emotions: NDArray[np.float32] | None = None
    intensities: NDArray[np.float32] | None = None
    heard_in_training: int | None = None  #: of how many it is known; ``None`` of none

    @classmethod
    def of(cls, predictions: Sequence[TrackPrediction] | Sequence[RatingPrediction]) -> Answers:
        """Return predictions of one model, at least one, as arrays."""
        first = predictions[0]
        if isinstance(first, RatingPrediction):
            rated = [one.ratings for one in predictions if isinstance(one, RatingPrediction)]
            return cls(first.model, first.version, first.scales, np.array(rated))
        named = [one for one in predictions if not isinstance(one, RatingPrediction)]
        values = np.array(
            [(*(getattr(one, n) for n in DIMENSIONS), *one.intensities) for one in named]
        )
        scales = (
            *(Scale(name, -1.0, 1.0) for name in DIMENSIONS),
            *(Scale(name, 0.0, 1.0) for name in EMOTIONS),
        )
        return cls(
            first.model,
            first.version,
            scales,
            values.astype(np.float64),
            np.stack([one.emotions for one in named]),
            np.stack([one.intensities for one in named]),
            sum(one.heard_in_training for one in named) or None,
        )

    @classmethod
    def over_time(
        cls,
        predictions: Sequence[TrackPrediction] | Sequence[RatingPrediction],
        track_index: NDArray[np.int64],
    ) -> Answers | None:
        """Return what they say of n segments, ``None`` where the model follows no course.

        ``track_index`` (n,) is each segment's track; those of a track follow one another from its
        beginning.
        """
        whole = cls.of(predictions)
        values = np.full((len(track_index), len(whole.scales)), np.nan)
        said: Iterable[TrackPrediction | RatingPrediction] = predictions
        for number, prediction in enumerate(said):
            course = _course(prediction)
            if course is None:
                return None
            rows = np.flatnonzero(track_index == number)[: len(course)]
            values[rows] = course[: len(rows)]
        return replace(whole, values=values, emotions=None, intensities=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scales."""
        return tuple(scale.name for scale in self.scales)

    def said(self, scale: str) -> Floats | None:
        """Return what is said on a scale or of a mood, shape (n,); ``None`` where nothing is.

        Of a mood (:data:`~music_emotion.datasets.moods.MOODS`) the intensity of its emotion.
        """
        name = scale if scale in self.names else MOODS.get(scale, scale)
        return self.values[:, self.names.index(name)] if name in self.names else None

    def on(self, scale: Scale) -> Floats | None:
        """Return the same between the ends of a scale, ``None`` where some end is not known."""
        values = self.said(scale.name)
        if values is None:
            return None
        name = scale.name if scale.name in self.names else MOODS[scale.name]
        own = self.scales[self.names.index(name)]
        if math.isinf(scale.low) or math.isinf(own.low):
            return None
        share = (values - own.low) / (own.high - own.low)
        spread: Floats = scale.low + share * (scale.high - scale.low)
        return spread


def _course(prediction: TrackPrediction | RatingPrediction) -> Floats | None:
    """Return what is said of each point on the scales of :class:`Answers`, (points, k)."""
    course = prediction.timeline
    if course is None or isinstance(course, RatingTimeline):
        return None if course is None else course.ratings
    dimensions = [getattr(course, name) for name in DIMENSIONS]
    return np.column_stack([*dimensions, course.intensities]).astype(np.float64)


def truths(corpus: Corpus, answers: Answers) -> Ratings:
    """Return what people say that can be held against a model, as ratings.

    The corpus' ratings; its votes as shares of the listeners, each emotion a scale from 0 to 1; and
    where a model knows valence or arousal and no emotions, these by the fixed reading of the votes,
    or of the labels.
    """
    ratings = corpus.ratings or Ratings.of((), [()] * len(corpus))
    if not corpus.has_votes and not corpus.has_labels:
        return ratings
    fractions = corpus.vote_fractions
    listeners = corpus.listeners
    for name in EMOTIONS if corpus.has_votes else ():
        if name not in ratings.names:
            votes = fractions[:, EMOTIONS.index(name)].astype(np.float64)
            people = np.maximum(listeners - 1, 1)
            deviation = np.sqrt(votes * (1.0 - votes) * listeners / people)
            ratings = _with(ratings, Scale(name, 0.0, 1.0), votes, deviation, listeners)
    unknown = np.full(len(corpus), np.nan)
    spans = [np.arange(1)] * len(corpus)
    for name, dimension in DIMENSIONS.items():
        asked = answers.emotions is None and name in answers.names
        if asked and name not in ratings.names:
            read = dimension.values(fractions, {}, spans).astype(np.float64)
            ratings = _with(ratings, Scale(name, -1.0, 1.0), read, unknown, 0 * listeners)
    return ratings


def _with(
    ratings: Ratings, scale: Scale, mean: Floats, deviation: Floats, raters: NDArray[np.int64]
) -> Ratings:
    def wider(old: NDArray[np.generic], new: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([old, new[:, None]], axis=1)

    return Ratings(
        (*ratings.scales, scale),
        wider(ratings.mean, mean).astype(np.float64),
        wider(ratings.deviation, deviation).astype(np.float64),
        wider(ratings.raters, raters).astype(np.int64),
    )


def quadrants(valence: Floats, arousal: Floats, ends: Sequence[Scale]) -> NDArray[np.int64]:
    """Return the quadrant of each track, shape (n,), 0 to 3; -1 where something is not known.

    Bit 0 says whether valence is above the middle of its scale, bit 1 whether arousal is.

    >>> ends = [Scale("valence", -1, 1), Scale("arousal", 1, 9)]
    >>> quadrants(np.array([0.5, -0.5]), np.array([9.0, 1.0]), ends)
    array([3, 0])
    """
    known = np.isfinite(valence) & np.isfinite(arousal)
    high = [
        values > (scale.low + scale.high) / 2
        for values, scale in zip((valence, arousal), ends, strict=True)
    ]
    return np.where(known, high[0].astype(np.int64) + 2 * high[1], -1)

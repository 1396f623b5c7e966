"""A packaged model that has learned ratings, from sound to what it says on its scales.

One that has learned ratings over time also says how they change: a track's ratings plus by how much
each moment differs from them, which a second graph tells. A moment is a segment; where features are
pooled, what is heard of it is the mean over the segments around it, less that over the track.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import AudioSource, AudioStream
from music_emotion.audio.files import source_name
from music_emotion.audio.limit import NO_LIMIT, ReadingLimit
from music_emotion.audio.names import written_name
from music_emotion.datasets.ratings import Scale
from music_emotion.features.compute import sample_rates, segment_features
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.inference import segmenter
from music_emotion.inference.model import (
    SPANS_AT_ONCE,
    EmotionModel,
    Heard,
    ReadingProgress,
    SegmentLevel,
    file_path,
    hear,
    load_model,
    reported,
    sound_warnings,
)
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import Network, find_package, open_course, open_package
from music_emotion.inference.prediction import point_spans, rounded_values
from music_emotion.models.pooling import MOMENT_SEGMENTS, moment_features, pool, pool_alone

Array = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RatingTimeline:
    """How a track's ratings change: n points, one for each segment.

    Attributes
    ----------
    start, end: what the point was heard from, in seconds, shape (n,); spans overlap
    ratings: on k scales, in their units, shape (n, k); NaN for silence
    """

    start: Floats
    end: Floats
    ratings: Floats

    def __len__(self) -> int:
        return len(self.start)

    @property
    def time(self) -> Floats:
        """Middle of what each point was heard from, in seconds, shape (n,)."""
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class RatingPrediction:
    """What a model says of one track on its scales.

    Attributes
    ----------
    path: the file as it was named
    duration: seconds of sound that were heard
    model, version: of the model
    scales: what is rated
    ratings: one for each scale, in its units; NaN for silence
    warnings: what was wrong with the sound, one line each
    timeline: how they change, of a model that has learned ratings over time
    """

    path: str
    duration: float
    model: str
    version: str
    scales: tuple[Scale, ...]
    ratings: tuple[float, ...]
    warnings: tuple[str, ...] = ()
    timeline: RatingTimeline | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, as ``music-emotion predict`` writes them.

        >>> said = RatingPrediction("a.mp3", 3.0, "mine", "1", (Scale("mood"),), (0.25,))
        >>> said.to_dict()["ratings"]
        {'mood': 0.25}
        """
        names = [scale.name for scale in self.scales]
        course = {} if self.timeline is None else {"timeline": _course_dict(self.timeline, names)}
        return {
            "path": written_name(self.path),
            "duration": round(self.duration, 3),
            "model": self.model,
            "version": self.version,
            "ratings": dict(zip(names, rounded_values(self.ratings), strict=True)),
            **course,
            "warnings": list(self.warnings),
        }


def _course_dict(course: RatingTimeline, names: Sequence[str]) -> dict[str, Any]:
    """Return a timeline as columns, as that of emotions is written."""
    ratings = {name: rounded_values(course.ratings[:, at]) for at, name in enumerate(names)}
    times = ("time", "start", "end")
    return {
        **{name: rounded_values(getattr(course, name), digits=3) for name in times},
        "ratings": ratings,
    }


class RatingModel:
    """A packaged model that rates music; a track's ratings are those of all it holds of sound.

    ``course`` is the graph that says by how much moments differ from them, if there is one.
    """

    def __init__(self, network: Network, course: Network | None = None) -> None:
        self.network = network
        self.course = course
        self.card = network.card

    def predict(
        self,
        source: AudioSource,
        *,
        progress: ReadingProgress | None = None,
        limit: ReadingLimit = NO_LIMIT,
    ) -> RatingPrediction:
        """Rate a file; as :meth:`~music_emotion.inference.model.EmotionModel.predict` takes it.

        Raises
        ------
        AudioError
            The sound cannot be read, or is shorter than half a second.
        MissingExtraError
            Reading the file needs the extra ``[formats]``.
        """
        with AudioStream(source, limit=limit) as stream:
            blocks = iter(stream) if progress is None else reported(stream, progress)
            rates = sample_rates(self.card.features)
            heard = hear(blocks, stream.sample_rate, source_name(source), rates, self._analyse)
            is_audible = bool(heard.audible.any())
            ratings = self._rate(heard)
            return RatingPrediction(
                path=file_path(source),
                duration=stream.duration,
                model=self.card.name,
                version=self.card.version,
                scales=self.card.scales,
                ratings=tuple(ratings.tolist()),
                warnings=(
                    *stream.warnings,
                    *sound_warnings(is_audible, heard.peak, heard.is_repeated, stream.duration),
                ),
                timeline=self._timeline(heard, ratings, stream.duration),
            )

    def _analyse(self, segments: segmenter.Segments) -> SegmentLevel:
        """Return the features of segments, or what the graphs say of each."""
        features = segment_features(segments.waveforms, self.card.features)
        if self.card.scope == "track":
            return features
        said = {"ratings": _rated(self.network, features)}
        return said if self.course is None else said | {"moments": _rated(self.course, features)}

    def _rate(self, heard: Heard) -> NDArray[np.float64]:
        """Return the ratings of a track, shape (k,); NaN where nothing is audible."""
        if not heard.audible.any():
            return np.full(len(self.card.scales), np.nan)
        level = _audible(heard)
        if self.card.scope == "track":
            pooled = {
                feature: pool(level[feature], statistics)[None]
                for feature, statistics in self.card.pooling.items()
            }
            said = _rated(self.network, pooled)
        else:
            said = level["ratings"]
        ratings: Floats = said.mean(axis=0, dtype=np.float64)
        return ratings

    def _timeline(
        self, heard: Heard, ratings: NDArray[np.float64], duration: float
    ) -> RatingTimeline | None:
        """Return how ratings, shape (k,), change; ``None`` where nothing tells it."""
        if self.course is None:
            return None
        course = np.full((len(heard.audible), len(ratings)), np.nan)
        if heard.audible.any():
            said = self._moments(self.course, _audible(heard)).astype(np.float64)
            course[heard.audible] = ratings + said - said.mean(axis=0)
        segments = MOMENT_SEGMENTS if self.card.scope == "track" else 1
        one_section = np.zeros(len(course), np.int64)
        start, end = point_spans(one_section, segments * SEGMENT_SECONDS, duration)
        return RatingTimeline(start, end, course)

    def _moments(self, course: Network, level: SegmentLevel) -> Array:
        """Return by how much each audible segment differs from the whole, shape (n, k)."""
        if self.card.scope == "segment":
            return level["moments"]
        one_track = np.zeros(len(next(iter(level.values()))), np.int64)
        seen = {name: moment_features(values, one_track) for name, values in level.items()}
        parts = []
        for first in range(0, len(one_track), SPANS_AT_ONCE):
            some = slice(first, first + SPANS_AT_ONCE)
            pooling = self.card.pooling.items()
            alone = {name: pool_alone(seen[name][some], statistics) for name, statistics in pooling}
            parts.append(_rated(course, alone))
        return np.concatenate(parts)


def _audible(heard: Heard) -> SegmentLevel:
    return {name: values[heard.audible] for name, values in heard.segment_level.items()}


def _rated(network: Network, inputs: Mapping[str, NDArray[np.floating]]) -> Array:
    ratings = network(inputs).ratings
    assert ratings is not None, "the network checks that"
    return ratings


def load_any_model(name_or_path: str | os.PathLike[str]) -> EmotionModel | RatingModel:
    """Return a model from the wheel or from a folder, of emotions or of ratings.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.

    Examples
    --------
    >>> load_any_model("lstm_cnn")  # doctest: +ELLIPSIS
    EmotionModel('lstm_cnn', version ...)
    """
    folder = find_package(name_or_path)
    if read_card(folder).scales:
        return RatingModel(open_package(folder, rates=True)[0], open_course(folder))
    return load_model(folder)

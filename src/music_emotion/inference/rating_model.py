"""A packaged model that has learned ratings, from sound to what it says on its scales."""

from __future__ import annotations

import os
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
from music_emotion.inference import segmenter
from music_emotion.inference.model import (
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
from music_emotion.inference.package import Network, find_package, open_package
from music_emotion.inference.prediction import rounded_values
from music_emotion.models.pooling import pool

Array = NDArray[np.float32]


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
    """

    path: str
    duration: float
    model: str
    version: str
    scales: tuple[Scale, ...]
    ratings: tuple[float, ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, as ``music-emotion predict`` writes them.

        >>> said = RatingPrediction("a.mp3", 3.0, "mine", "1", (Scale("mood"),), (0.25,))
        >>> said.to_dict()["ratings"]
        {'mood': 0.25}
        """
        names = (scale.name for scale in self.scales)
        return {
            "path": written_name(self.path),
            "duration": round(self.duration, 3),
            "model": self.model,
            "version": self.version,
            "ratings": dict(zip(names, rounded_values(self.ratings), strict=True)),
            "warnings": list(self.warnings),
        }


class RatingModel:
    """A packaged model that rates music; a track's ratings are those of all it holds of sound."""

    def __init__(self, network: Network) -> None:
        self.network = network
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
            )

    def _analyse(self, segments: segmenter.Segments) -> SegmentLevel:
        """Return the features of segments, or what the network says of each."""
        features = segment_features(segments.waveforms, self.card.features)
        return features if self.card.scope == "track" else self._rated(features)

    def _rate(self, heard: Heard) -> NDArray[np.float64]:
        """Return the ratings of a track, shape (k,); NaN where nothing is audible."""
        if not heard.audible.any():
            return np.full(len(self.card.scales), np.nan)
        level = {name: values[heard.audible] for name, values in heard.segment_level.items()}
        if self.card.scope == "track":
            pooled = {
                feature: pool(level[feature], statistics)[None]
                for feature, statistics in self.card.pooling.items()
            }
            level = self._rated(pooled)
        ratings: NDArray[np.float64] = level["ratings"].mean(axis=0, dtype=np.float64)
        return ratings

    def _rated(self, inputs: dict[str, Any]) -> dict[str, Array]:
        ratings = self.network(inputs).ratings
        assert ratings is not None, "the network checks that"
        return {"ratings": ratings}


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
        return RatingModel(open_package(folder, rates=True)[0])
    return load_model(folder)

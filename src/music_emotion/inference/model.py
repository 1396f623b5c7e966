"""Segments → track → file: a packaged model that answers for any sound."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import AudioSource, AudioStream, Sound, sound_from_array
from music_emotion.audio.discover import STANDARD_INPUT
from music_emotion.audio.files import BLOCK_FRAMES, source_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import AudioError
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.inference.inputs import EAR, compute_features
from music_emotion.inference.model_card import CARD_FILE
from music_emotion.inference.package import ONNX_FILE, Network, find_package
from music_emotion.inference.prediction import Timeline, TrackPrediction
from music_emotion.inference.segmenter import (
    Envelope,
    Segments,
    audible_segments,
    fill_segment,
    segment_blocks,
)
from music_emotion.models.base import Prediction

DEFAULT_MODEL = "default"
QUIETEST_PEAK = 1e-3  # of music, -60 dB

Array = NDArray[np.float32]
Evidence = Mapping[str, Array]
"""What is kept of each segment, one entry per segment on axis 0: the graph's answers (scope
``segment``) or the features it will see pooled (scope ``track``)."""

ReadingProgress = Callable[[float, float | None], None]
"""Called with (seconds heard, seconds in all where known)."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was collected from a stream of sound.

    Attributes
    ----------
    evidence
        Of each segment.
    audible
        Whether it is louder than silence, shape (n,).
    envelope
        The shape of the waveform.
    short
        Whether the sound had to be repeated to fill a segment.
    """

    evidence: Evidence
    audible: NDArray[np.bool_]
    envelope: Array
    short: bool


class EmotionModel:
    """A packaged model, from sound to prediction.

    Parameters
    ----------
    network
        The graph and its card.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.card = network.card

    def __repr__(self) -> str:
        return f"EmotionModel({self.card.name!r}, version {self.card.version!r})"

    @property
    def needs_embedding(self) -> bool:
        """Whether segments must come at 16 kHz as well."""
        return bool(EAR & set(self.card.features))

    def predict(
        self,
        source: AudioSource | Sound | NDArray[Any],
        sample_rate: int | None = None,
        *,
        progress: ReadingProgress | None = None,
    ) -> TrackPrediction:
        """Predict what people feel in a piece of music.

        Parameters
        ----------
        source
            A path, an open binary stream, a :class:`~music_emotion.audio.Sound`, or an array of
            shape (n,), (n, channels) or (channels, n).
        sample_rate
            Of an array, in Hz; files and sounds bring their own.
        progress
            Told how far the reading is.

        Raises
        ------
        AudioError
            The sound cannot be read, or is shorter than half a second.
        MissingExtraError
            Reading the file needs the extra ``[formats]``.
        """
        if sample_rate is not None and (is_file(source) or isinstance(source, Sound)):
            raise AudioError("a file or a Sound brings its own sample rate; leave it out")
        if is_file(source):
            return self._predict_file(source, progress)
        sound = _checked(source) if isinstance(source, Sound) else array_sound(source, sample_rate)
        steps = range(0, len(sound.samples), BLOCK_FRAMES)
        blocks = (sound.samples[at : at + BLOCK_FRAMES] for at in steps)
        heard = self._listen(blocks, sound.sample_rate, "the array")
        return self._prediction("", sound.duration, heard, sound.warnings)

    def _predict_file(
        self, source: AudioSource, progress: ReadingProgress | None
    ) -> TrackPrediction:
        path = _path(source)
        with AudioStream(source) as stream:
            blocks = iter(stream) if progress is None else _reported(stream, progress)
            heard = self._listen(blocks, stream.sample_rate, source_name(source))
            return self._prediction(path, stream.duration, heard, stream.warnings)

    def _listen(self, blocks: Iterable[Array], sample_rate: int, name: str) -> _Heard:
        """Collect the evidence of all segments of a stream of sound."""
        envelope = Envelope(sample_rate)
        blocks, short = fill_segment(envelope.watch(blocks), sample_rate, name)
        evidence: list[Evidence] = []
        audible: list[NDArray[np.bool_]] = []
        for segments in segment_blocks(blocks, sample_rate, embedding=self.needs_embedding):
            evidence.append(self.evidence(segments))
            audible.append(audible_segments(segments))
        joined = {name: np.concatenate([e[name] for e in evidence]) for name in evidence[0]}
        return _Heard(joined, np.concatenate(audible), envelope.values(), short)

    def evidence(self, segments: Segments) -> Evidence:
        """Return what the model keeps of each segment."""
        features = compute_features(segments, self.card.features)
        if self.card.scope == "track":
            return features
        answer = self.network(features)
        return {"emotions": answer.emotions, "intensities": answer.intensities}

    def conclude(self, evidence: Evidence, spans: Sequence[NDArray[np.int64]]) -> Prediction:
        """Prediction for spans of segments.

        Parameters
        ----------
        evidence
            Of all segments of a track.
        spans
            For each span the numbers of its audible segments; a span without any gets the answer
            of silence: all emotions equally probable, none felt.

        Returns
        -------
        Prediction
            One row per span.
        """
        answer = silence(len(spans))
        heard = [number for number, span in enumerate(spans) if len(span)]
        if not heard:
            return answer
        if self.card.scope == "segment":
            parts = [
                np.stack([evidence[name][spans[number]].mean(axis=0) for number in heard])
                for name in ("emotions", "intensities")
            ]
            answer.emotions[heard], answer.intensities[heard] = parts
            return answer
        pooled = {
            name: np.stack([pool(evidence[name][spans[number]], statistics) for number in heard])
            for name, statistics in self.card.pooling.items()
        }
        told = self.network(pooled)
        answer.emotions[heard], answer.intensities[heard] = told.emotions, told.intensities
        return answer

    def confidence(self, emotions: Array) -> float:
        """Return the calibrated probability that the top emotion is right, 0–1."""
        top = float(emotions.max())
        curve = self.card.confidence
        return top if curve is None else float(np.interp(top, curve.probability, curve.accuracy))

    def _prediction(
        self, path: str, duration: float, heard: _Heard, warnings: tuple[str, ...]
    ) -> TrackPrediction:
        count = len(heard.audible)
        everything = np.flatnonzero(heard.audible)
        width = max(1, round(self.card.window_seconds / SEGMENT_SECONDS))
        windows = [
            np.flatnonzero(heard.audible[span]) + span.start for span in spans_around(count, width)
        ]
        answer = self.conclude(heard.evidence, [everything, *windows])
        middles = (np.arange(count, dtype=np.float64) + 0.5) * min(SEGMENT_SECONDS, duration)
        return TrackPrediction(
            path=path,
            duration=duration,
            model=self.card.name,
            version=self.card.version,
            emotions=answer.emotions[0],
            intensities=answer.intensities[0],
            confidence=self.confidence(answer.emotions[0]) if len(everything) else 0.0,
            timeline=Timeline(middles, answer.emotions[1:], width * SEGMENT_SECONDS),
            warnings=(*warnings, *_quiet_warning(heard), *_short_warning(heard.short, duration)),
            envelope=heard.envelope,
        )


def silence(rows: int) -> Prediction:
    """Return the answer for silence: all emotions equally probable, none felt."""
    shape = (rows, len(EMOTIONS))
    return Prediction(np.full(shape, 1 / len(EMOTIONS), np.float32), np.zeros(shape, np.float32))


def _quiet_warning(heard: _Heard) -> tuple[str, ...]:
    """Say that there is nothing to hear, or hardly anything."""
    if not heard.audible.any():
        return ("silent: there is nothing to hear",)
    peak = float(heard.envelope.max(initial=0.0))
    if peak >= QUIETEST_PEAK:
        return ()
    return (f"very quiet: the loudest sample is at {20 * math.log10(peak):.0f} dB",)


def _short_warning(short: bool, duration: float) -> tuple[str, ...]:
    if not short:
        return ()
    return (f"only {duration:.1f} s of sound, repeated to {SEGMENT_SECONDS:g} s: little to go by",)


def is_file(source: object) -> TypeGuard[AudioSource]:
    """Whether a source is a path or an open binary stream."""
    return isinstance(source, str | os.PathLike) or hasattr(source, "read")


def array_sound(samples: Any, sample_rate: int | None) -> Sound:
    """Take an array as sound; see :func:`music_emotion.audio.sound_from_array`."""
    if samples is None or isinstance(samples, bytes | bytearray | memoryview):
        kind = type(samples).__name__
        raise AudioError(f"{kind} is no sound; give a path, an open binary stream or an array")
    if sample_rate is None:
        raise AudioError("an array needs its sample rate: predict(samples, sample_rate)")
    given: object = sample_rate  # callers without a type checker give anything
    if isinstance(given, bool) or not isinstance(given, Real):
        raise AudioError(f"a sample rate of {given!r} is no number; give it in Hz")
    return sound_from_array(np.asarray(samples), sample_rate)


def _checked(sound: Sound) -> Sound:
    samples = np.asarray(sound.samples)
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise AudioError(
            f"a Sound of {samples.dtype} and shape {samples.shape} cannot be heard; it holds "
            "float32 of shape (n,), as sound_from_array makes it"
        )
    return sound


def _path(source: AudioSource) -> str:
    """Return what a prediction is filed under: a path, or ``-`` for a stream without one."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name != "<stdin>" else STANDARD_INPUT


def _reported(stream: AudioStream, progress: ReadingProgress) -> Iterator[Array]:
    for block in stream:
        yield block
        progress(stream.duration, stream.claimed_duration)


POOLINGS: Mapping[str, Callable[[Array], Array]] = {
    "mean": lambda rows: rows.mean(axis=0, dtype=np.float64),
    "std": lambda rows: rows.std(axis=0, dtype=np.float64),
    "max": lambda rows: rows.max(axis=0),
    "min": lambda rows: rows.min(axis=0),
}


def pool(rows: Array, statistics: tuple[str, ...]) -> Array:
    """Pool the segments of one span.

    Parameters
    ----------
    rows
        One feature vector per segment, shape (segments, d), at least one segment.
    statistics
        Names in :data:`POOLINGS`; ``std`` divides by the number of segments and is 0 for one.

    Returns
    -------
    ndarray of shape (len(statistics) · d,), float32
    """
    return np.concatenate([POOLINGS[name](rows) for name in statistics]).astype(np.float32)


def spans_around(count: int, width: int) -> list[slice]:
    """Return for each of ``count`` segments the span of about ``width`` segments around it.

    Spans are cut at the ends of the track.
    """
    before = (width - 1) // 2
    after = width - 1 - before
    return [slice(max(0, at - before), min(count, at + after + 1)) for at in range(count)]


def load_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> EmotionModel:
    """Return a model from the wheel by name, or one on disk by its folder.

    Parameters
    ----------
    name_or_path
        A name that ``music-emotion models`` lists, or the folder of a packaged model.

    Returns
    -------
    EmotionModel
        Its ``predict`` answers for one piece of music after the other.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.
    """
    folder = find_package(name_or_path).resolve()
    return _opened(folder, tuple(_state(folder / file) for file in (CARD_FILE, ONNX_FILE)))


@lru_cache(maxsize=4)
def _opened(folder: Path, state: tuple[object, ...]) -> EmotionModel:
    """Open a model once for each ``state`` its files have been in."""
    return EmotionModel(Network(folder))


def _state(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None  # what is wrong with it is said where it is opened
    return found.st_mtime_ns, found.st_size, found.st_ino


def predict(
    source: AudioSource | Sound | NDArray[Any],
    sample_rate: int | None = None,
    *,
    model: str | os.PathLike[str] | EmotionModel = DEFAULT_MODEL,
) -> TrackPrediction:
    """Predict what people feel in a piece of music.

    Parameters
    ----------
    source
        A path, an open binary stream, a :class:`~music_emotion.audio.Sound`, or an array of shape
        (n,), (n, channels) or (channels, n).
    sample_rate
        Of an array, in Hz; files and sounds bring their own.
    model
        A model's name, its folder, or what :func:`load_model` returned.

    Returns
    -------
    TrackPrediction
        Nine probabilities and intensities, a confidence, and the course over time.

    Raises
    ------
    AudioError
        The sound cannot be read, or is shorter than half a second.
    ModelError
        There is no such model, or it is damaged.
    MissingExtraError
        Reading the file needs the extra ``[formats]``.
    """
    chosen = model if isinstance(model, EmotionModel) else load_model(model)
    return chosen.predict(source, sample_rate)

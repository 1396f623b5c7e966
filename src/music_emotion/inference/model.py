"""Segments → track → file: a packaged model that answers for any sound."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import AudioSource, AudioStream, Sound, sound_from_array
from music_emotion.audio.decoders import BLOCK_FRAMES
from music_emotion.audio.discover import STANDARD_INPUT
from music_emotion.audio.files import STDIN_NAME, source_name, stream_name
from music_emotion.audio.limit import NO_LIMIT, ReadingLimit
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import AudioError, printable
from music_emotion.features.compute import sample_rates, segment_features
from music_emotion.features.segments import SEGMENT_SECONDS, segment_count
from music_emotion.inference import segmenter
from music_emotion.inference.familiarity import UNFAMILIAR, doubted
from music_emotion.inference.package import (
    OUTPUTS,
    PACKAGE_FILES,
    Network,
    find_package,
    open_package,
)
from music_emotion.inference.prediction import (
    Timeline,
    TrackPrediction,
    new_seconds,
    point_spans,
)
from music_emotion.inference.reference import Reference
from music_emotion.inference.valence_arousal import term_columns
from music_emotion.models.base import Prediction
from music_emotion.models.pooling import pool, pool_alone, spans_around
from music_emotion.models.sections import number_sections

DEFAULT_MODEL = "default"
ARRAY_METHODS = ("__array__", "__array_interface__", "__array_struct__")
BYTES = (bytes, bytearray, memoryview)  # of a file or of samples, who knows
QUIETEST_PEAK = 1e-3  # of music, -60 dB
SPANS_AT_ONCE = 200  # that are pooled together: 6 MB
UNFAMILIAR_SOUND = "unlike the music behind this model (speech, noise, …?): the answer means little"
KNOWN_RECORDING = (
    "the model learned from this very recording; its confidence says nothing about other music"
)

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Key = TypeVar("Key")
SegmentLevel = Mapping[str, Array]
"""What is kept of each segment, one entry per segment on axis 0: the graph's outputs (scope
``segment``) or the features it will see pooled (scope ``track``), and the features that valence
and arousal are read from or that are compared with the reference."""

ReadingProgress = Callable[[float, float | None], None]
"""Called with (seconds read, seconds in all where known)."""


class EmotionModel:
    """A packaged model, its graph, card and reference, from sound to prediction."""

    def __init__(self, network: Network, reference: Reference | None = None) -> None:
        self.network = network
        self.card = network.card
        self.reference = reference or Reference()

    def __repr__(self) -> str:
        return f"EmotionModel({self.card.name!r}, version {self.card.version!r})"

    @property
    def sample_rates(self) -> frozenset[int]:
        """Rates in Hz at which the model needs segments."""
        return sample_rates(self.features)

    @property
    def features(self) -> tuple[str, ...]:
        """Features of a segment that are computed: for the answer, and to compare the sound."""
        return tuple(dict.fromkeys((*self.card.computed_features, *self.reference.features)))

    @property
    def segments_per_window(self) -> int:
        """Segments of the span that a point of the timeline is heard from."""
        return segment_count(self.card.window_seconds)

    def predict(
        self,
        source: AudioSource | Sound | NDArray[Any],
        sample_rate: int | None = None,
        *,
        progress: ReadingProgress | None = None,
        limit: ReadingLimit = NO_LIMIT,
    ) -> TrackPrediction:
        """Predict what people feel in a piece of music; takes and gives what :func:`predict` does.

        ``progress`` is called with how far the reading of a file is, and a file that holds more
        sound than ``limit`` is refused.

        Raises
        ------
        TooMuchError
            A file claims or holds more than the limit.
        AudioError
            The sound cannot be read, or is shorter than half a second.
        MissingExtraError
            Reading the file needs the extra ``[formats]``.
        """
        if sample_rate is not None and (is_file(source) or isinstance(source, Sound)):
            raise AudioError("a file or a Sound brings its own sample rate; leave it out")
        if is_file(source):
            with AudioStream(source, limit=limit) as stream:
                blocks = iter(stream) if progress is None else reported(stream, progress)
                return self._predict_blocks(blocks, stream, file_path(source), source_name(source))
        sound = as_sound(source, sample_rate)
        starts = range(0, len(sound.samples), BLOCK_FRAMES)
        blocks = (sound.samples[start : start + BLOCK_FRAMES] for start in starts)
        return self._predict_blocks(blocks, sound, "", "the array")

    def _predict_blocks(
        self, blocks: Iterable[Array], sound: AudioStream | Sound, path: str, name: str
    ) -> TrackPrediction:
        """Predict blocks of sound, whose length and warnings are known when all have passed."""
        heard = hear(blocks, sound.sample_rate, name, self.sample_rates, self.analyse)
        level, audible, duration = heard.segment_level, heard.audible, sound.duration
        course = self.timeline(level, audible, heard.decibels, duration)
        emotions, intensities = course.mean(course.emotions), course.mean(course.intensities)
        is_audible, is_known = bool(audible.any()), self.reference.knows(level, audible)
        familiarity = self.reference.familiarity(level, audible)
        is_unfamiliar = familiarity < UNFAMILIAR
        return TrackPrediction(
            path=path,
            duration=duration,
            model=self.card.name,
            version=self.card.version,
            emotions=emotions,
            intensities=intensities,
            confidence=self.confidence(emotions, familiarity) if is_audible else 0.0,
            valence=float(course.mean(course.valence)),
            arousal=float(course.mean(course.arousal)),
            timeline=course,
            standing=self.reference.standing(intensities),
            familiarity=familiarity,
            unfamiliar=is_unfamiliar,
            heard_in_training=is_known,
            warnings=(
                *sound.warnings,
                *sound_warnings(is_audible, heard.peak, heard.is_repeated, duration),
                *((UNFAMILIAR_SOUND,) if is_unfamiliar and is_audible else ()),
                *((KNOWN_RECORDING,) if is_known else ()),
            ),
            envelope=heard.envelope,
        )

    def analyse(self, segments: segmenter.Segments) -> SegmentLevel:
        """Return what the model keeps of each segment: its features, or the graph's outputs.

        Features that valence and arousal are read from, or that are compared, are kept in both
        cases.
        """
        features = segment_features(segments.waveforms, self.features)
        if self.card.scope == "track":
            return features
        predicted = self.network(features)
        others = {*self.card.dimension_features, *self.reference.features}
        kept = {name: features[name] for name in others}
        return {"emotions": predicted.emotions, "intensities": predicted.intensities, **kept}

    def timeline(
        self,
        segment_level: SegmentLevel,
        audible: NDArray[np.bool_],
        level: Floats,
        duration: float,
    ) -> Timeline:
        """Return the course of a track: a point for each segment, heard from the span around it.

        Parameters
        ----------
        segment_level
            What :meth:`analyse` gave for the track's n segments.
        audible
            Which of them are more than silence, shape (n,).
        level
            Of each segment, in dB, shape (n,).
        duration
            Of the track in seconds.
        """
        section = self.sections(segment_level, audible)
        spans = self.spans(section, audible)
        predicted = self.aggregate(segment_level, spans)
        relative = segmenter.relative_levels(level, audible)
        valence, arousal = (
            dimension.values(
                predicted.intensities,
                term_columns(tuple(dimension.terms), segment_level, relative),
                spans,
            )
            for dimension in (self.card.valence, self.card.arousal)
        )
        window = self.segments_per_window * SEGMENT_SECONDS
        start, end = point_spans(section, window, duration)
        return Timeline(
            start=start,
            end=end,
            section=section,
            weight=np.where(audible, new_seconds(len(audible), duration), 0.0),
            emotions=predicted.emotions,
            intensities=predicted.intensities,
            valence=valence,
            arousal=arousal,
            window=window,
        )

    def sections(
        self, segment_level: SegmentLevel, audible: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Return the section of each of a track's segments, shape (n,), numbered from 0.

        Silence belongs to the section before it. A model that answers for each segment alone, or
        does not tell sections, knows one.

        Parameters
        ----------
        segment_level, audible
            As :meth:`timeline` takes them.
        """
        section = np.zeros(len(audible), np.int64)
        if self.card.scope == "segment" or not self.network.tells_sections or not audible.any():
            return section
        heard = np.flatnonzero(audible)
        parts = []
        for start in range(0, len(heard), SPANS_AT_ONCE):
            some = heard[start : start + SPANS_AT_ONCE]
            pooling = self.card.pooling.items()
            alone = {name: pool_alone(segment_level[name][some], how) for name, how in pooling}
            parts.append(self.network.positions(alone))
        section[heard] = number_sections(np.concatenate(parts))
        numbered: NDArray[np.int64] = np.maximum.accumulate(section)
        return numbered

    def spans(
        self, section: NDArray[np.int64], audible: NDArray[np.bool_]
    ) -> list[NDArray[np.int64]]:
        """Return for each segment the audible ones that its point is heard from.

        Parameters
        ----------
        section
            Of each segment, shape (n,), see :meth:`sections`.
        audible
            Which of them are more than silence, shape (n,).
        """
        slices = spans_around(section, self.segments_per_window)
        return [np.flatnonzero(audible[span]) + span.start for span in slices]

    def aggregate(
        self, segment_level: SegmentLevel, spans: Sequence[NDArray[np.int64]]
    ) -> Prediction:
        """Predict spans of segments, one row per span.

        Parameters
        ----------
        segment_level
            What :meth:`analyse` gave for all segments of a track.
        spans
            For each span the indices of its audible segments; a span without any is silence.
        """
        result = no_emotion(len(spans))
        heard = [row for row, span in enumerate(spans) if len(span)]
        for start in range(0, len(heard), SPANS_AT_ONCE):
            some = heard[start : start + SPANS_AT_ONCE]
            predicted = self._answer(segment_level, [spans[row] for row in some])
            result.emotions[some] = predicted.emotions
            result.intensities[some] = predicted.intensities
        return result

    def _answer(
        self, segment_level: SegmentLevel, spans: Sequence[NDArray[np.int64]]
    ) -> Prediction:
        """Predict spans that are not empty, so many that memory suffices."""
        if self.card.scope == "segment":
            emotions, intensities = (
                np.stack([segment_level[output][span].mean(axis=0) for span in spans])
                for output in OUTPUTS
            )
            return Prediction(emotions, intensities)
        pooled = {
            name: np.stack([pool(segment_level[name][span], statistics) for span in spans])
            for name, statistics in self.card.pooling.items()
        }
        return self.network(pooled)

    def confidence(self, emotions: Array, familiarity: float = math.nan) -> float:
        """Return the calibrated probability that the top emotion is right, 0–1.

        Of unfamiliar sound it falls towards one in nine, which a guess is worth.
        """
        top = float(emotions.max())
        curve = self.card.confidence
        if curve is not None:
            top = float(np.interp(top, curve.probability, curve.accuracy))
        return doubted(top, familiarity, guess=1.0 / len(EMOTIONS))


@dataclass(frozen=True, slots=True)
class Heard:
    """A track of n segments, analysed.

    Attributes
    ----------
    segment_level: what is kept of each segment
    audible: which of them are more than silence, shape (n,)
    decibels: how loud each is, shape (n,)
    envelope: largest sample in each 1/20 s
    is_repeated: whether there was less than a segment, which was repeated
    """

    segment_level: SegmentLevel
    audible: NDArray[np.bool_]
    decibels: Floats
    envelope: Array
    is_repeated: bool

    @property
    def peak(self) -> float:
        """The largest sample."""
        return float(self.envelope.max())


def hear(
    blocks: Iterable[Array],
    sample_rate: int,
    name: str,
    rates: Collection[int],
    analyse: Callable[[segmenter.Segments], SegmentLevel],
) -> Heard:
    """Cut blocks of sound into segments and analyse these, some at a time.

    Parameters
    ----------
    blocks
        Mono, at ``sample_rate`` Hz.
    name
        Of the sound, for what is wrong with it.
    rates
        In Hz, that segments are analysed at.
    analyse
        Gives what is kept of some segments.

    Raises
    ------
    AudioError
        The sound is shorter than half a second.

    Examples
    --------
    >>> def peaks(segments):
    ...     return {"peak": np.abs(segments.waveforms[22_050]).max(axis=1)}
    >>> tone = np.tile(np.float32([0.5, 0.5, -0.5, -0.5, 0.5]), 13_230)
    >>> blocks = [tone, np.zeros(66_150, np.float32)]
    >>> heard = hear(blocks, 22_050, "a tone", [22_050], peaks)
    >>> heard.segment_level["peak"].tolist(), heard.audible.tolist(), heard.peak
    ([0.5, 0.0], [True, False], 0.5)
    """
    envelope = segmenter.Envelope(sample_rate)
    blocks, is_repeated = segmenter.fill_segment(envelope.watch(blocks), sample_rate, name)
    parts, masks, decibels = list[SegmentLevel](), list[NDArray[np.bool_]](), list[Floats]()
    for segments in segmenter.segment_blocks(blocks, sample_rate, rates=rates):
        parts.append(analyse(segments))
        masks.append(segmenter.audible_segments(segments))
        decibels.append(segmenter.segment_levels(segments))
    return Heard(
        joined(parts),
        np.concatenate(masks),
        np.concatenate(decibels),
        envelope.values(),
        is_repeated,
    )


def joined(parts: Sequence[Mapping[Key, Array]]) -> dict[Key, Array]:
    """Return arrays of consecutive parts of a track, at least one, as of one part.

    Examples
    --------
    >>> joined([{"summary": np.zeros((2, 272))}, {"summary": np.ones((1, 272))}])["summary"].shape
    (3, 272)
    """
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def no_emotion(rows: int) -> Prediction:
    """Return the prediction for silence: all emotions equally probable, none felt.

    Examples
    --------
    >>> no_emotion(2).emotions.shape
    (2, 9)
    """
    shape = (rows, len(EMOTIONS))
    return Prediction(np.full(shape, 1 / len(EMOTIONS), np.float32), np.zeros(shape, np.float32))


def sound_warnings(
    is_audible: bool, peak: float, is_repeated: bool, duration: float
) -> Iterator[str]:
    """Say that there is nothing to hear, hardly anything, or little of it.

    Examples
    --------
    >>> list(sound_warnings(True, 0.5, True, 1.0))
    ['only 1.0 s of sound, repeated to 3 s: little to go by']
    """
    if not is_audible:
        yield "silent: there is nothing to hear"
    elif peak < QUIETEST_PEAK:
        yield f"very quiet: the loudest sample is at {20 * math.log10(peak):.0f} dB"
    if is_repeated:
        yield f"only {duration:.1f} s of sound, repeated to {SEGMENT_SECONDS:g} s: little to go by"


def is_file(source: object) -> TypeGuard[AudioSource]:
    """Whether a source is a path or an open binary stream.

    Examples
    --------
    >>> is_file("song.mp3"), is_file(np.zeros(66_150))
    (True, False)
    """
    return isinstance(source, str | os.PathLike) or hasattr(source, "read")


def as_sound(source: Any, sample_rate: int | None) -> Sound:
    """Return a sound of float32 and shape (n,) as it is, or an array as sound.

    Raises
    ------
    AudioError
        It is neither, or the rate of an array is missing or no number; see also
        :func:`music_emotion.audio.sound_from_array`.

    Examples
    --------
    >>> as_sound(np.zeros((44_100, 2)), 44_100).samples.shape
    (44100,)
    """
    if isinstance(source, Sound):
        samples = np.asarray(source.samples)
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise AudioError(
                f"a Sound of {samples.dtype} and shape {samples.shape} cannot be heard; it holds "
                "float32 of shape (n,), as sound_from_array makes it"
            )
        return source
    if not _is_array(source):
        kind = type(source).__name__
        raise AudioError(f"{kind} is no sound; give a path, an open binary stream or an array")
    if sample_rate is None:
        raise AudioError("an array needs its sample rate: predict(samples, sample_rate)")
    given: object = sample_rate  # callers without a type checker give anything
    if isinstance(given, bool) or not isinstance(given, Real):
        raise AudioError(f"a sample rate of {given!r} is no number; give it in Hz")
    return sound_from_array(_array(source), sample_rate)


def _is_array(source: object) -> bool:
    """Whether numpy may make numbers of an object: a list, an array of any kind, or a buffer."""
    if isinstance(source, BYTES):
        return False
    if isinstance(source, Sequence) or any(hasattr(source, name) for name in ARRAY_METHODS):
        return True
    try:
        memoryview(source)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _array(source: object) -> NDArray[Any]:
    try:
        return np.asarray(source)
    except Exception as error:  # a tensor on another device, a ragged list: exceptions of their own
        kind, reason = type(source).__name__, printable((str(error).splitlines() or [""])[0])
        raise AudioError(f"{kind} is no sound ({reason}); give an array of numpy") from None


def file_path(source: AudioSource) -> str:
    """Return what a prediction is filed under: a path, or ``-`` for a stream without one.

    Examples
    --------
    >>> file_path(Path("song.mp3"))
    'song.mp3'
    """
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name = stream_name(source)
    return STANDARD_INPUT if name in (None, STDIN_NAME) else name


def reported(stream: AudioStream, progress: ReadingProgress) -> Iterator[Array]:
    """Pass blocks of sound on and tell how far the reading is.

    Examples
    --------
    >>> import io
    >>> import soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(22_050), 22_050, format="WAV")
    >>> with AudioStream(file) as stream:
    ...     blocks = list(reported(stream, print))
    1.0 1.0
    """
    for block in stream:
        yield block
        progress(stream.duration, stream.claimed_duration)


def load_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> EmotionModel:
    """Return a model from the wheel by its name, or one on disk by its folder.

    Parameters
    ----------
    name_or_path
        A name that ``music-emotion models`` lists, or the folder of a packaged model. Its
        ``predict`` answers for one piece of music after the other.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.

    Examples
    --------
    >>> load_model("lstm_cnn")  # doctest: +ELLIPSIS
    EmotionModel('lstm_cnn', version ...)
    """
    folder = find_package(name_or_path).resolve()
    return _opened(folder, tuple(_stamp(folder / file) for file in PACKAGE_FILES))


@lru_cache(maxsize=4)
def _opened(folder: Path, stamps: tuple[FileStamp | None, ...]) -> EmotionModel:
    """Open a model once for each of the ``stamps`` that its files have had."""
    return EmotionModel(*open_package(folder))


def _stamp(file: Path) -> FileStamp | None:
    try:
        return FileStamp.read(file)
    except OSError:
        return None  # what is wrong with it is said where it is opened


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

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(6 * 22_050) / 22_050)
    >>> prediction = predict(tone, 22_050, model="lstm_cnn")
    >>> prediction.duration, prediction.timeline.emotions.shape
    (6.0, (2, 9))
    >>> round(float(prediction.emotions.sum()), 5)
    1.0
    """
    chosen = model if isinstance(model, EmotionModel) else load_model(model)
    return chosen.predict(source, sample_rate)

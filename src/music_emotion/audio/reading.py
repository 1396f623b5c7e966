"""Read sound: in blocks (:class:`AudioStream`) or whole (:func:`decode`, :func:`read_audio`).

Both ways give the same samples, bit for bit: the whole is the blocks, joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.condition import Conditioner
from music_emotion.audio.decoders import BLOCK_FRAMES
from music_emotion.audio.files import (
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    AudioSource,
    open_file,
    source_name,
)
from music_emotion.audio.limit import NO_LIMIT, ReadingLimit
from music_emotion.audio.pieces import Loss
from music_emotion.audio.scale import FULL_SCALE, LARGEST, Scale, scale_of
from music_emotion.errors import AudioError

RESAMPLING_QUALITY = "HQ"  # soxr's 20-bit setting; passband to 0.91 of the lower Nyquist rate
WIDE_BYTES = 4  # integers of as many bytes or more often hold sound of fewer bits
ONE_PLACE_SECONDS = 1.0  # damage that is nearer to other damage is one place
LEAST_SHOWN_SECONDS = 0.05  # a tenth of a second, rounded

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono sound.

    Attributes
    ----------
    samples, sample_rate
        float32, shape (n,), full scale ±1; Hz.
    warnings
        What was wrong and has been repaired or left out, one line each.
    """

    samples: Array
    sample_rate: int
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


class AudioStream:
    """A file read in mono blocks at its own rate, for files of any length.

    The source is a path or a binary stream, its format told by its content; not more than
    ``duration`` seconds are read, and what holds more than ``limit`` is refused. Iterate it once,
    inside ``with``; :attr:`warnings` and :attr:`duration` are complete after the last block.

    Raises
    ------
    AudioError
        The source cannot be read, or holds no sound.
    TooMuchError
        It claims or holds more than the limit.
    MissingExtraError
        Reading it needs the extra ``[formats]``.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        duration: float | None = None,
        limit: ReadingLimit = NO_LIMIT,
    ) -> None:
        self._name = source_name(source)
        self._file, self._scale = open_file(source, limit)
        self._allowed = limit
        self._conditioner = Conditioner(self._file.sample_rate, self._scale)
        self._limit = None if duration is None else round(duration * self._file.sample_rate)
        self._frames = 0
        self.sample_rate = self._file.sample_rate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Array]:
        for block in self._allowed.watched(self._file, self._name, self._limit):
            self._frames += len(block)
            yield self._conditioner.mono(block)
        if self._frames == 0:
            what = "is damaged" if self._file.losses else "holds no sound (0 samples)"
            raise AudioError(f"{self._name} {what}; copy or download it again")

    @property
    def claimed_duration(self) -> float | None:
        """Seconds the file says it lasts, ``None`` where it does not say; for progress only."""
        frames, limit = self._file.frames, self._limit
        if frames is None:
            return None
        return (frames if limit is None else min(frames, limit)) / self.sample_rate

    @property
    def duration(self) -> float:
        """Seconds read so far."""
        return self._frames / self.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong so far, one line each."""
        scaled = filter(None, [self._scale.warning()])
        found = [*self._file.remarks, *scaled, *self._conditioner.warnings()]
        claimed = None if self._file.estimated else self.claimed_duration
        if claimed is not None and self.duration < claimed - self._file.slack / self.sample_rate:
            found.insert(0, f"only {self.duration:.1f} of {claimed:.1f} s could be read")
        losses = [loss for loss in self._file.losses if loss.at <= self.duration]
        return (*_damage(losses), *found)


def _damage(losses: Iterable[Loss]) -> Iterator[str]:
    """Say in one line where sound is damaged and how much of it is missing."""
    ordered = sorted(losses, key=lambda loss: loss.at)
    if not ordered:
        return
    places, end = 0, -ONE_PLACE_SECONDS
    for loss in ordered:
        places += loss.at > end + ONE_PLACE_SECONDS or not places
        end = max(end, loss.at + loss.seconds)
    where = f"damaged at {ordered[0].at:.1f} s"
    if places > 1:
        where = f"damaged at {places} places, the first at {ordered[0].at:.1f} s"
    missing = sum(loss.seconds for loss in ordered)
    silent = f"; {missing:.1f} s are missing, taken as silence"
    yield where + (silent if missing >= LEAST_SHOWN_SECONDS else "")


class Resampler:
    """Changes the rate of a stream block by block, equal to resampling the whole at once."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(
                from_rate, to_rate, 1, dtype="float32", quality=RESAMPLING_QUALITY
            )

    def push(self, block: Array, *, last: bool = False) -> Array:
        """Return what is ready after ``block``; with ``last``, all that remains."""
        if self._stream is None:
            return block
        return np.asarray(self._stream.resample_chunk(block, last=last))


def resample(samples: Array, from_rate: int, to_rate: int) -> Array:
    """Change the sample rate of mono sound, shape (n,) → (about n · to_rate / from_rate,)."""
    return Resampler(from_rate, to_rate).push(np.ascontiguousarray(samples), last=True)


def decode(source: AudioSource, *, duration: float | None = None) -> Sound:
    """Read a file as mono at its own sample rate; takes what :class:`AudioStream` does.

    Raises
    ------
    AudioError
        The source cannot be read, or holds no sound.
    MissingExtraError
        Reading it needs the extra ``[formats]``.
    """
    with AudioStream(source, duration=duration) as stream:
        samples = np.concatenate(list(stream))
        return Sound(samples, stream.sample_rate, stream.warnings)


def read_audio(source: AudioSource, sample_rate: int, *, duration: float | None = None) -> Array:
    """Read a file as mono at ``sample_rate`` Hz, shape (n,); see :func:`decode`."""
    sound = decode(source, duration=duration)
    return resample(sound.samples, sound.sample_rate, sample_rate)


def sound_from_array(samples: NDArray[Any], sample_rate: int) -> Sound:
    """Take an array of shape (n,), (n, channels) or (channels, n) as sound at 4,000–768,000 Hz.

    Channels are fewer than samples. Integers are brought to full scale ±1 by their type, or where
    they have 32 bits and more by the 8, 16, 24 or 32 bits their largest needs; floats that are not
    at full scale by what all of them together tell, see :func:`music_emotion.audio.scale.scale_of`.

    Raises
    ------
    AudioError
        The array is empty, not real numbers or of another shape; the rate is out of range.
    """
    array = np.asarray(samples)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.size == 0:
        raise AudioError(f"an array of shape {np.shape(samples)} is not sound; give shape (n,)")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        limits = f"{MIN_SAMPLE_RATE:,}–{MAX_SAMPLE_RATE:,} Hz"
        raise AudioError(f"a sample rate of {sample_rate} is out of range; give {limits}")
    if array.shape[0] < array.shape[1]:
        array = array.T
    if array.shape[1] > MAX_CHANNELS:
        raise AudioError(f"an array of shape {np.shape(samples)} is not sound; give shape (n,)")
    if not np.issubdtype(array.dtype, np.integer) and not np.issubdtype(array.dtype, np.floating):
        raise AudioError(f"an array of {array.dtype} is not sound; give floats or integers")
    with np.errstate(over="ignore"):
        floats = array.astype(np.float32)
    starts = range(0, len(floats), BLOCK_FRAMES)
    blocks = [floats[start : start + BLOCK_FRAMES] for start in starts]
    scale, assumed = _scale_of_array(array.dtype, blocks)
    conditioner = Conditioner(int(sample_rate), scale)
    mono = np.concatenate([conditioner.mono(block) for block in blocks])
    return Sound(mono, int(sample_rate), (*filter(None, [assumed]), *conditioner.warnings()))


def _scale_of_array(kind: np.dtype[Any], blocks: Iterable[Array]) -> tuple[Scale, str]:
    """Return the scale of samples that were of a type, and in a line what was assumed."""
    if not np.issubdtype(kind, np.integer):
        scale = scale_of(blocks)
        return scale, scale.warning()
    limit = np.iinfo(kind)
    full = (limit.max + 1.0) if limit.min < 0 else (limit.max + 1.0) / 2
    own = Scale(full, 0.0 if limit.min < 0 else full, LARGEST)
    if kind.itemsize < WIDE_BYTES:
        return own, ""
    scale = scale_of(blocks, are_integers=True)
    if scale.divisor in (own.divisor, FULL_SCALE.divisor):
        return own, ""
    return scale, scale.warning(f"{kind} samples of a smaller range")

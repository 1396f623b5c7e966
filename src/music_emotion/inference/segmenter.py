"""Waveform → segments: mono blocks at any rate become 3-s segments, a few at a time.

Block by block this gives the same segments as cutting the whole sound at once, so that a 3-hour
file needs no more memory than a song.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import Resampler
from music_emotion.errors import AudioError
from music_emotion.features.segments import (
    SAMPLE_RATE,
    SEGMENT_SECONDS,
    cut_segments,
    segment_length,
)

BATCH_SEGMENTS = 20  # segments given at once: one minute
SILENT_LEVEL = 2e-5  # mean absolute sample, -94 dB; one bit of 16 dithered is below
LEVEL_SECONDS = 0.05
AUDIBLE_LEVELS = 5  # of the 60 in a segment; a click fills one or two
LEAST_POWER = 1e-10  # of a segment's level, -100 dB
LOWEST_LEVEL = -60.0  # dB, below the track's mean
MIN_SECONDS = 0.5  # less sound than this is refused
ENVELOPE_RATE = 20  # largest samples per second, for pictures

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segments:
    """Consecutive segments of one track, each 3 s of mono sound.

    ``waveforms`` holds by sample rate in Hz, at least one, the same sound, shape (n, 3 s at it).
    """

    waveforms: Mapping[int, Array]

    def __len__(self) -> int:
        return len(self.waveform)

    @property
    def sample_rate(self) -> int:
        """The highest rate in Hz."""
        return max(self.waveforms)

    @property
    def waveform(self) -> Array:
        """At the highest rate, shape (n, 3 s at that rate)."""
        return self.waveforms[self.sample_rate]


class _Cutter:
    """Resamples blocks and hands over whole segments."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._resampler = Resampler(from_rate, to_rate)
        self._sr, self._length = to_rate, segment_length(to_rate)
        self._pending: list[Array] = []
        self._given: Array = np.empty(0, dtype=np.float32)  # the last segment that was taken

    @property
    def ready(self) -> int:
        """Number of whole segments there are."""
        return sum(len(piece) for piece in self._pending) // self._length

    def push(self, block: Array) -> None:
        """Take a block of sound."""
        self._pending.append(self._resampler.push(block))

    def finish(self) -> None:
        """Take what the resampler holds back; where rounding leaves a sample short, add a zero."""
        rest = self._resampler.push(np.empty(0, dtype=np.float32), last=True)
        self._pending += [rest, np.zeros(2, dtype=np.float32)]

    def take(self, count: int) -> Array:
        """Return the first ``count`` segments and forget them."""
        sound = np.concatenate(self._pending)
        self._pending = [sound[count * self._length :]]
        self._given = sound[(count - 1) * self._length : count * self._length]
        return cut_segments(sound[: count * self._length], sr=self._sr)

    def take_end(self, remainder: float) -> Array:
        """Return one segment that ends ``remainder`` seconds after those that were taken."""
        sound = np.concatenate([self._given, *self._pending])
        start = round(remainder * self._sr)
        return cut_segments(sound[start : start + self._length], sr=self._sr)


def segment_blocks(
    blocks: Iterable[Array], sample_rate: int, *, rates: Iterable[int] = (SAMPLE_RATE,)
) -> Iterator[Segments]:
    """Cut a stream of mono blocks into segments, :data:`BATCH_SEGMENTS` at a time.

    Parameters
    ----------
    blocks, sample_rate
        Mono sound, each block of shape (samples,), and its rate in Hz.
    rates
        At which rates in Hz the segments are wanted, at least one.

    Yields
    ------
    Segments
        A remainder of `MIN_SECONDS` and more is in a last segment that reaches back from the end of
        the sound; a shorter one is dropped.

    Examples
    --------
    >>> minute = np.zeros(60 * 44_100, np.float32)
    >>> for segments in segment_blocks([minute], 44_100, rates=[16_000]):
    ...     print(segments.sample_rate, segments.waveform.shape)
    16000 (20, 48000)
    """
    cutters = {rate: _Cutter(sample_rate, rate) for rate in rates}
    samples = given = 0
    for block in blocks:
        samples += len(block)
        for cutter in cutters.values():
            cutter.push(block)
        while min(cutter.ready for cutter in cutters.values()) >= BATCH_SEGMENTS:
            yield _take(cutters, BATCH_SEGMENTS)
            given += BATCH_SEGMENTS
    for cutter in cutters.values():
        cutter.finish()
    # The sound decides how many segments there are, not the rounding of a rate.
    count = int(samples // (SEGMENT_SECONDS * sample_rate))
    for start in range(given, count, BATCH_SEGMENTS):
        yield _take(cutters, min(BATCH_SEGMENTS, count - start))
    remainder = samples / sample_rate - count * SEGMENT_SECONDS
    if count and remainder >= MIN_SECONDS:
        yield Segments({rate: cutter.take_end(remainder) for rate, cutter in cutters.items()})


def _take(cutters: Mapping[int, _Cutter], count: int) -> Segments:
    return Segments({rate: cutter.take(count) for rate, cutter in cutters.items()})


def audible_segments(segments: Segments) -> NDArray[np.bool_]:
    """Return which segments are more than silence and the noise of 16 bits, shape (n,).

    The mean size of the samples decides, a constant offset left out, in all and in a quarter of a
    second: a click or a resampler's ringing at the edge of silence does not make it music.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(66_150).astype(np.float32)
    >>> audible_segments(Segments({22_050: np.stack([noise, 0 * noise])}))
    array([ True, False])
    """
    waveform = segments.waveform
    size: Array = np.abs(waveform - waveform.mean(axis=1, keepdims=True))
    length = int(LEVEL_SECONDS * segments.sample_rate)
    whole = waveform.shape[1] // length * length
    levels = size[:, :whole].reshape(len(size), -1, length).mean(axis=2)
    spread = np.count_nonzero(levels >= SILENT_LEVEL, axis=1) >= AUDIBLE_LEVELS
    audible: NDArray[np.bool_] = (size.mean(axis=1) >= SILENT_LEVEL) & spread
    return audible


def segment_levels(segments: Segments) -> NDArray[np.float64]:
    """Return the mean power of each segment in dB of full scale, shape (n,); silence at -100.

    Examples
    --------
    >>> half = np.full((1, 66_150), 0.5, np.float32)
    >>> segment_levels(Segments({22_050: half})).round(2)
    array([-6.02])
    """
    waveform = segments.waveform
    power = np.einsum("ns,ns->n", waveform, waveform) / waveform.shape[1]
    level: NDArray[np.float64] = 10.0 * np.log10(power.astype(np.float64) + LEAST_POWER)
    return level


def relative_levels(level: NDArray[np.float64], audible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return levels in dB above the mean of the audible segments, at least -60, shape (n,).

    A track that is made louder or quieter as a whole keeps them.

    Examples
    --------
    >>> relative_levels(np.array([-20.0, -10.0, -100.0]), np.array([True, True, False]))
    array([ -5.,   5., -60.])
    """
    mean = level[audible].mean() if audible.any() else level.mean()
    relative: NDArray[np.float64] = np.maximum(level - mean, LOWEST_LEVEL)
    return relative


def fill_segment(
    blocks: Iterable[Array], sample_rate: int, name: str
) -> tuple[Iterator[Array], bool]:
    """Return sound, repeated to one segment where it is shorter, and whether it was repeated.

    Raises
    ------
    AudioError
        There is less than half a second.

    Examples
    --------
    >>> blocks, is_repeated = fill_segment([np.zeros(22_050, np.float32)], 22_050, "song.mp3")
    >>> [len(block) for block in blocks], is_repeated
    ([66150], True)
    """
    whole, head, length = iter(blocks), list[Array](), 0
    enough = math.ceil(SEGMENT_SECONDS * sample_rate)
    for block in whole:
        head.append(block)
        length += len(block)
        if length >= enough:
            return chain(head, whole), False
    if length < MIN_SECONDS * sample_rate:
        seconds = length / sample_rate
        raise AudioError(f"{name} lasts {seconds:.2f} s; give at least {MIN_SECONDS} s of sound")
    return iter([np.resize(np.concatenate(head), enough)]), True


class Envelope:
    """Largest absolute sample in each 1/20 s of the blocks that pass."""

    def __init__(self, sample_rate: int) -> None:
        self._step = max(1, round(sample_rate / ENVELOPE_RATE))
        self._rest: Array = np.zeros(0, dtype=np.float32)
        self._peaks: list[Array] = []

    def watch(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Pass blocks of mono sound on, unchanged."""
        for block in blocks:
            sound = np.concatenate([self._rest, np.abs(block)])
            whole = len(sound) // self._step * self._step
            self._peaks.append(sound[:whole].reshape(-1, self._step).max(axis=1))
            self._rest = sound[whole:]
            yield block

    def values(self) -> Array:
        """Return what was seen, shape (n,)."""
        rest = [self._rest.max(keepdims=True)] if len(self._rest) else []
        return np.concatenate([*self._peaks, *rest])

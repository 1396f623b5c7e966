"""Waveform → segments: mono blocks at any rate become 3-s segments, a few at a time.

Block by block this gives the same segments as cutting the whole sound at once, so that a 3-hour
file needs no more memory than a song.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import Resampler
from music_emotion.errors import AudioError
from music_emotion.features.embedding import SAMPLE_RATE as EMBEDDING_RATE
from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_SECONDS, cut_segments

BATCH_SEGMENTS = 20  # segments given at once: one minute
SILENT_LEVEL = 2e-5  # mean absolute sample, -94 dB; one bit of 16 dithered is below
MIN_SECONDS = 0.5  # less sound than this is refused
FILLED_SECONDS = 3.1  # sound of less than a segment is repeated up to here

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segments:
    """Consecutive segments of one track, each 3 s of mono sound.

    Attributes
    ----------
    waveform
        At 22,050 Hz, shape (n, 66150).
    embedding_waveform
        The same sound at 16 kHz, shape (n, 48000); ``None`` where no model asks for it.
    """

    waveform: Array
    embedding_waveform: Array | None

    def __len__(self) -> int:
        return len(self.waveform)


class _Cutter:
    """Resamples blocks and hands over whole segments."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._resampler = Resampler(from_rate, to_rate)
        self._length = round(to_rate * SEGMENT_SECONDS)
        self._pending: list[Array] = []
        self.ready = 0

    def push(self, block: Array, *, last: bool = False) -> None:
        """Take a block of sound."""
        self._pending.append(self._resampler.push(block, last=last))
        self.ready = sum(len(piece) for piece in self._pending) // self._length

    def take(self, count: int) -> Array:
        """Return the first ``count`` segments and forget them."""
        sound = np.concatenate(self._pending)
        self._pending = [sound[count * self._length :]]
        self.ready -= count
        return cut_segments(sound[: count * self._length], self._length)


def segment_blocks(
    blocks: Iterable[Array], sample_rate: int, *, embedding: bool
) -> Iterator[Segments]:
    """Cut a stream of mono blocks into segments, :data:`BATCH_SEGMENTS` at a time.

    Parameters
    ----------
    blocks
        Mono sound, each of shape (samples,).
    sample_rate
        Its rate in Hz.
    embedding
        Whether the pretrained network's 16-kHz segments are wanted as well.

    Yields
    ------
    Segments
        A remainder shorter than a segment is dropped.
    """
    rates = (SAMPLE_RATE, EMBEDDING_RATE) if embedding else (SAMPLE_RATE,)
    cutters = [_Cutter(sample_rate, rate) for rate in rates]
    for block in blocks:
        for cutter in cutters:
            cutter.push(block)
        while min(cutter.ready for cutter in cutters) >= BATCH_SEGMENTS:
            yield _take(cutters, BATCH_SEGMENTS)
    for cutter in cutters:
        cutter.push(np.empty(0, dtype=np.float32), last=True)
    while count := min(BATCH_SEGMENTS, *(cutter.ready for cutter in cutters)):
        yield _take(cutters, count)


def _take(cutters: list[_Cutter], count: int) -> Segments:
    waveform = cutters[0].take(count)
    return Segments(waveform, cutters[1].take(count) if len(cutters) > 1 else None)


def audible_segments(segments: Segments) -> NDArray[np.bool_]:
    """Return which segments are more than silence and the noise of 16 bits, shape (n,).

    The mean size of the samples decides, a constant offset left out: a click or a resampler's
    ringing at the edge of silence does not make it music.
    """
    waveform = segments.waveform
    level: Array = np.abs(waveform - waveform.mean(axis=1, keepdims=True)).mean(axis=1)
    return level >= SILENT_LEVEL


def fill_segment(
    blocks: Iterable[Array], sample_rate: int, name: str
) -> tuple[Iterator[Array], bool]:
    """Repeat sound that is shorter than a segment until it fills one.

    Returns
    -------
    blocks
        The sound, at least one segment of it.
    short
        Whether it had to be repeated.

    Raises
    ------
    AudioError
        There is less than half a second.
    """
    whole = iter(blocks)
    head: list[Array] = []
    length, enough = 0, (SEGMENT_SECONDS + 0.001) * sample_rate
    while length < enough:
        block = next(whole, None)
        if block is None:
            break
        head.append(block)
        length += len(block)
    if length >= enough:
        return chain(head, whole), False
    if length < MIN_SECONDS * sample_rate:
        seconds = length / sample_rate
        raise AudioError(f"{name} lasts {seconds:.2f} s; give at least {MIN_SECONDS} s of sound")
    filled = np.resize(np.concatenate(head), round(FILLED_SECONDS * sample_rate))
    return iter([filled]), length < SEGMENT_SECONDS * sample_rate

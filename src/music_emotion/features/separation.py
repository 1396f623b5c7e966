"""Harmonic and percussive energy, by running medians.

Median filtering after Fitzgerald, *Harmonic/percussive separation using median filtering*, DAFx
2010: sustained tones are ridges along time, strokes are ridges along frequency. Medians over 31
frames and over 31 bins give soft masks of power 2, as ``librosa.decompose.hpss`` has them.

The running median is exact and vectorised. ``scipy.ndimage.median_filter`` keeps a heap per line,
about 40 ns per value. Here whole rows go through a network of minima and maxima instead, which the
processor does eight values at a time; neighbouring windows share most of the work, as in Adams,
*Fast median filters using separable sorting networks*, ACM Transactions on Graphics 40(4), 2021,
reduced to one dimension.

A window of 2B - 1 values, B a power of two, is split at multiples of B. B neighbouring windows all
contain one aligned block of B values, their *core*. Sort every aligned block of 1, 2, 4 … B values.
Then divide the B windows in two halves: all windows of the first half also contain the B/2 values
left of the core, all of the second the B/2 values right of it. Adding these e = B/2 values, sorted,
to the 2e candidates known so far leaves e values that can still be the median: of 3e values, the
lowest e and the highest e are out. Halve again until each window stands alone and one value is
left, its median. Only minima and maxima of the input are taken, so the result is the input's own
values: bit-identical to any other exact median.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.filterbanks import N_FFT
from music_emotion.features.spectrum import FRAMES

WINDOW = 31  # frames for the harmonic part, bins for the percussive

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Step:
    """One halving: which block of e values each new group of windows takes in."""

    extent: int  # e
    # For each group (twice as many as before, pairs sharing a parent) the index of its block of e
    # values, counted from the beginning of the core.
    blocks: tuple[int, ...]


def _plan(block: int) -> tuple[tuple[_Step, ...], tuple[int, ...]]:
    """Return the halvings for windows of 2 * block - 1, and the window each final group is."""
    steps = []
    groups = [(0, block, 0)]  # values known so far, relative to the core: [low, high); first window
    extent = block // 2
    while extent:
        blocks, divided = [], []
        for low, high, window in groups:
            blocks += [low // extent - 1, high // extent]
            divided += [(low - extent, high, window), (low, high + extent, window + extent)]
        steps.append(_Step(extent, tuple(blocks)))
        groups = divided
        extent //= 2
    return tuple(steps), tuple(window for _, _, window in groups)


class RunningMedian:
    """Medians along axis 0 of arrays of one shape; holds the working memory between calls.

    The ends are mirrored, the end value included (``mode="reflect"`` of scipy).

    Parameters
    ----------
    length, width
        Shape of the arrays. Values along `width` are independent of each other.
    window
        Number of values a median is taken over: 3, 7, 15, 31 …; at most 2 * length + 1.

    Examples
    --------
    >>> values = np.array([[0], [0], [9], [1], [2]], np.float32)
    >>> RunningMedian(5, 1, 3)(values).ravel().tolist()
    [0.0, 0.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, length: int, width: int, window: int) -> None:
        block = (window + 1) // 2
        if window < 3 or window != 2 * block - 1 or block & (block - 1):
            raise ValueError(f"the window must be a power of two minus one, at least 3: {window}")
        if block - 1 > length:
            raise ValueError(f"a window of {window} is too long for {length} values")
        self.shape = (length, width)
        self._block = block
        self._steps, self._order = _plan(block)
        self._tiles = -(-length // block)
        # Tile t holds windows block * t … block * t + block - 1; its core is block t + 1 of the
        # mirrored input, one value of padding in front to align it.
        self._blocks = self._tiles + 2
        places = np.arange(self._blocks * block) - block
        places = np.minimum(places, length + block - 2)
        mirrored = np.where(places < 0, -1 - places, places)
        mirrored = np.where(mirrored >= length, 2 * length - 1 - mirrored, mirrored)
        self._source = np.maximum(mirrored, 0).reshape(self._blocks, block).T.ravel()
        size = self._blocks * block * width
        levels = block.bit_length()
        self._sorted = [np.empty(size, dtype=np.float32) for _ in range(levels)]
        self._spare = np.empty(size, dtype=np.float32)
        half = self._tiles * block * width
        self._candidates = [np.empty(half, dtype=np.float32) for _ in range(3)]

    def __call__(self, values: Array) -> Array:
        """Return the medians, of the shape of `values`; overwritten by the next call."""
        length, width = self.shape
        if values.shape != self.shape:
            raise ValueError(f"expected shape {self.shape}, got {values.shape}")
        self._sort_blocks(values)
        core = self._sorted[-1].reshape(1, self._block, self._blocks, width)
        candidates = core[:, :, 1 : self._tiles + 1]
        for number, step in enumerate(self._steps[:-1]):
            candidates = self._halve(candidates, step, self._candidates[number % 2])
        return self._finish(candidates, self._steps[-1])[:length]

    def _sort_blocks(self, values: Array) -> None:
        """Sort aligned blocks of 1, 2, 4 … values; level k has axes (phase, rank, block · width).

        The index of a block of 2^k values is split into the core-sized block it lies in and its
        phase therein, so that one phase of all blocks is contiguous.
        """
        columns = self._blocks * values.shape[1]
        level = self._sorted[0].reshape(self._block, values.shape[1] * self._blocks)
        rows = level.reshape(self._block * self._blocks, values.shape[1])
        np.take(values, self._source, axis=0, out=rows, mode="clip")
        size = 1
        for number in range(1, len(self._sorted)):
            pairs = self._sorted[number - 1].reshape(-1, 2, size, columns)
            merged = self._sorted[number].reshape(-1, 2, size, columns)
            # The second block reversed makes the pair bitonic: rising, then falling.
            first, second = pairs[:, 0], pairs[:, 1, ::-1]
            np.minimum(first, second, out=merged[:, 0])
            np.maximum(first, second, out=merged[:, 1])
            if size > 1:
                target, self._spare = _sort_bitonic(
                    self._sorted[number].reshape(-1, size, columns),
                    self._spare.reshape(-1, size, columns),
                )
                self._sorted[number] = target.reshape(-1)
                self._spare = self._spare.reshape(-1)
            size *= 2

    def _extension(self, extent: int, block: int) -> Array:
        """Return the blocks of `extent` sorted values at `block` from each core, highest first."""
        phases = self._block // extent
        level = self._sorted[extent.bit_length() - 1]
        blocks = level.reshape(phases, extent, self._blocks, self.shape[1])
        offset, phase = divmod(block + phases, phases)
        return blocks[phase, ::-1, offset : offset + self._tiles]

    def _halve(self, candidates: Array, step: _Step, target: Array) -> Array:
        """Take in the next blocks: groups × 2e candidates → twice the groups × e candidates."""
        extent, groups = step.extent, len(step.blocks)
        columns = (self._tiles, self.shape[1])
        result = target.reshape(groups, extent, *columns)
        for number, block in enumerate(step.blocks):
            upper = candidates[number // 2, extent:]
            np.minimum(upper, self._extension(extent, block), out=result[number])
        pairs = result.reshape(groups // 2, 2, extent, *columns)
        np.maximum(pairs, candidates[:, None, :extent], out=pairs)
        flat = target.reshape(groups, extent, -1)
        spare = self._candidates[2].reshape(groups, extent, -1)
        ordered, _ = _sort_bitonic(flat, spare)
        if ordered is not flat:
            np.copyto(flat, ordered)
        return result

    def _finish(self, candidates: Array, step: _Step) -> Array:
        """Take in the last value of each window and return the medians in order."""
        shape = (self._tiles, self._block, self.shape[1])
        result = self._spare[: math.prod(shape)].reshape(shape)
        for number, block in enumerate(step.blocks):
            median = result[:, self._order[number]]
            lower, upper = candidates[number // 2]
            np.minimum(upper, self._extension(1, block)[0], out=median)
            np.maximum(lower, median, out=median)
        return result.reshape(-1, self.shape[1])


def _sort_bitonic(values: Array, spare: Array) -> tuple[Array, Array]:
    """Sort along axis 1, where each line is bitonic and its length a power of two.

    Works back and forth between the two arrays; returns the one with the result, then the other.
    """
    half = values.shape[1] // 2
    shape = values.shape
    while half:
        source = values.reshape(-1, 2, half * shape[2])
        target = spare.reshape(-1, 2, half * shape[2])
        np.minimum(source[:, 0], source[:, 1], out=target[:, 0])
        np.maximum(source[:, 0], source[:, 1], out=target[:, 1])
        values, spare = spare, values
        half //= 2
    return values, spare


class Separator:
    """Splits magnitude spectra (frames, bins), 15 each at least, of one segment at a time.

    Holds the working memory.

    Examples
    --------
    >>> Separator(20, 16).energies(np.ones((20, 16), np.float32))[0].tolist()
    [4.0, 4.0]
    """

    def __init__(self, frames: int = FRAMES, bins: int = 1 + N_FFT // 2) -> None:
        self._along_time = RunningMedian(frames, bins, WINDOW)
        self._along_frequency = RunningMedian(bins, frames, WINDOW)

    def medians(self, magnitude: Array) -> tuple[Array, Array]:
        """Return the medians along time and along frequency, each (frames, bins)."""
        harmonic = self._along_time(magnitude)
        percussive = self._along_frequency(np.ascontiguousarray(magnitude.T))
        return harmonic, percussive.T

    def energies(self, magnitude: Array) -> Array:
        """Return the harmonic and the percussive energy of each frame, (frames, 2).

        The energy of a part is the sum of its squared magnitudes over the bins.
        """
        harmonic, percussive = self.medians(magnitude)
        # The mask of a part is its square over the sum of both squares.
        harmonic = np.square(harmonic)
        percussive = np.square(percussive)
        total = harmonic + percussive
        empty = total < np.finfo(np.float32).tiny
        if empty.any():  # both medians 0: the bin is shared
            harmonic[empty] = percussive[empty] = 0.5
            total[empty] = 1.0
        share = np.divide(magnitude, total, out=total)
        harmonic *= share
        percussive *= share
        parts = (harmonic, percussive)
        return np.stack([np.einsum("tf,tf->t", part, part) for part in parts], axis=1)

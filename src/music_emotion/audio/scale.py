"""Tell the scale of samples that may be floats of any: one for the whole of a sound.

Full scale is ±1. Programs also hand over the numbers of 8, 16, 24 or 32 bits as floats, sound
divided by its standard deviation, or brought to a range of their own. Part of a sound cannot tell:
its quiet beginning looks like a whole at full scale. So all of it is looked at first, in blocks,
and counted by size in constant memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CREDIBLE_PEAK = 8.0  # 18 dB over full scale; single samples beyond it are damaged
DAMAGED_SHARE = 1e-3  # of the samples; an octave that holds fewer may be damage
OVER = 1.01  # of full scale; the largest integers divided by a smaller one are within
OVER_SHARE = 0.02  # of the samples may be over: decoded loud masters have less than 1 %
DC_LIMIT = 0.2  # of the peak; what has a larger mean has an offset (music stays within .17)

INTEGER_SCALES = (2.0**7, 2.0**15, 2.0**23, 2.0**31)  # of 8, 16, 24 and 32 bits
INTEGER_SHARE = 0.99  # of the samples; where as many are whole numbers, all were
INTEGER_LIMIT = 2.0**20  # beyond it, few float32 are no whole numbers
OVERSHOOT = 2.0  # of an integer scale; resampled or mixed integers go beyond it
QUIETEST_INTEGERS = 1 / 16  # of their scale, -24 dB; where the peak alone tells it

EXPONENTS, ONE, NOT_FINITE = 256, 127, 255  # of float32: how many; of 1 ≤ x < 2; of NaN and inf
LARGEST = float(np.finfo(np.float32).max)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scale:
    """What brings samples to full scale ±1.

    Attributes
    ----------
    divisor, offset
        A sample x becomes (x - offset) / divisor.
    limit
        Samples whose size is beyond it are damaged.
    """

    divisor: float = 1.0
    offset: float = 0.0
    limit: float = CREDIBLE_PEAK

    def warning(self, what: str = "samples beyond full scale") -> str:
        """Say what was done to the samples; empty where nothing was.

        Examples
        --------
        >>> Scale(2.0**15).warning()
        'samples beyond full scale; divided by 32,768'
        >>> FULL_SCALE.warning()
        ''
        """
        if self.divisor == 1.0:
            return ""
        centred = f"{_shown(self.offset)} subtracted, " if self.offset else ""
        return f"{what}; {centred}divided by {_shown(self.divisor)}"


FULL_SCALE = Scale()


def _shown(number: float) -> str:
    # What rounding of float32 leaves beside a whole number is not worth a digit.
    return f"{number:,.0f}" if abs(number) >= 999.5 else f"{number:.3g}"


def scale_of(blocks: Iterable[Array], *, are_integers: bool = False) -> Scale:
    """Return the one scale of a whole sound.

    Parameters
    ----------
    blocks
        All of it, float32 of any shape; samples that are not finite do not count.
    are_integers
        Whether they are known to have been integers, so that even small ones are not at full scale.

    Examples
    --------
    >>> tone = np.sin(np.arange(44_100, dtype=np.float32) / 16)
    >>> scale_of([tone]) == FULL_SCALE
    True
    >>> scale_of([0 * tone, 20_000 * tone]).divisor
    32768.0
    >>> round(scale_of([20 * tone]).divisor)
    20
    """
    sizes = _Sizes()
    for block in blocks:
        sizes.add(np.ascontiguousarray(block, dtype=np.float32).reshape(-1))
    return sizes.scale(are_integers=are_integers)


class _Sizes:
    """Counts samples by octave: those of one exponent of float32; all within ±1 are one class."""

    def __init__(self) -> None:
        self._samples = self._nonzero = self._within = 0  # finite; not 0; within ±INTEGER_LIMIT
        self._over = self._whole = 0  # over full scale; whole numbers within ±INTEGER_LIMIT
        self._counts = np.zeros(EXPONENTS, np.int64)  # by octave, as all that follow
        self._sums = np.zeros(EXPONENTS)
        self._lowest = np.full(EXPONENTS, np.inf)
        self._highest = np.full(EXPONENTS, -np.inf)

    def add(self, samples: Array) -> None:
        """Count samples, shape (n,)."""
        if not len(samples):
            return
        lowest, highest = float(samples.min()), float(samples.max())
        if not (lowest > -1.0 and highest < 1.0):  # also where one is NaN
            # The bits behind the sign and before the 23 of the fraction.
            octaves = (samples.view(np.uint32) >> 23).astype(np.uint8)
            is_large = octaves >= ONE
            self._add_large(samples[is_large], octaves[is_large])
            samples = samples[~is_large]
            if not len(samples):
                return
            lowest, highest = float(samples.min()), float(samples.max())
        nonzero = int(np.count_nonzero(samples))
        self._samples += len(samples)
        self._nonzero += nonzero
        self._within += nonzero
        self._sums[ONE - 1] += float(samples.sum(dtype=np.float64))
        self._lowest[ONE - 1] = min(self._lowest[ONE - 1], lowest)
        self._highest[ONE - 1] = max(self._highest[ONE - 1], highest)

    def _add_large(self, samples: Array, octaves: NDArray[np.uint8]) -> None:
        """Count samples of a size of 1 or more."""
        finite = octaves < NOT_FINITE
        if not finite.all():
            samples, octaves = samples[finite], octaves[finite]
        size = np.abs(samples)
        is_within = size < INTEGER_LIMIT
        self._samples += len(samples)
        self._nonzero += len(samples)
        self._within += int(np.count_nonzero(is_within))
        self._over += int(np.count_nonzero(size > OVER))
        self._whole += int(np.count_nonzero(is_within & (size == np.rint(size))))
        counts = np.bincount(octaves, minlength=EXPONENTS)
        self._counts += counts
        for octave in np.flatnonzero(counts):  # few; ufunc.at is slower by far
            some = samples[octaves == octave]
            self._sums[octave] += some.sum(dtype=np.float64)
            self._lowest[octave] = min(self._lowest[octave], some.min())
            self._highest[octave] = max(self._highest[octave], some.max())

    def scale(self, *, are_integers: bool = False) -> Scale:
        """Judge what was counted, see :func:`scale_of`."""
        filled = np.flatnonzero(self._counts > DAMAGED_SHARE * self._nonzero)
        # What lies below holds all but the rarest samples.
        bulk = 2.0 ** (int(filled[-1]) + 1 - ONE) if len(filled) else 1.0
        is_over = self._over > OVER_SHARE * self._nonzero or bulk > CREDIBLE_PEAK
        if not (is_over or (are_integers and self._nonzero)):
            return FULL_SCALE
        limit = min(CREDIBLE_PEAK * bulk, LARGEST)
        octaves = slice(0, ONE + round(math.log2(limit)))
        damaged = int(self._counts[octaves.stop :].sum())
        mean = float(self._sums[octaves].sum()) / (self._samples - damaged)
        lowest, highest = self._lowest[octaves].min(), self._highest[octaves].max()
        if are_integers or self._whole >= INTEGER_SHARE * self._within:
            return _of_integers(float(lowest), float(highest), mean, limit)
        peak, offset = _peak_and_offset(float(lowest), float(highest), mean)
        near = (s for s in INTEGER_SCALES[1:] if QUIETEST_INTEGERS * s <= peak <= OVERSHOOT * s)
        return Scale(next(near, peak), offset, limit)


def _of_integers(lowest: float, highest: float, mean: float, limit: float) -> Scale:
    """Return the smallest scale of whole numbers, which may be unsigned."""
    for scale in INTEGER_SCALES:
        if lowest >= 0 and scale / 2 < mean and highest <= 2 * scale:
            return Scale(scale, scale, limit)
    peak, offset = _peak_and_offset(lowest, highest, mean)
    return Scale(next((s for s in INTEGER_SCALES if peak <= OVERSHOOT * s), peak), offset, limit)


def _peak_and_offset(lowest: float, highest: float, mean: float) -> tuple[float, float]:
    """Return the largest size of samples, and what is to be subtracted first if anything is."""
    peak = max(-lowest, highest)
    if abs(mean) <= DC_LIMIT * peak:
        return peak, 0.0
    half = max(highest - mean, mean - lowest)
    return (half, mean) if half > 0 else (peak, 0.0)

"""Power to decibels, segment by segment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_POWER = 1e-10  # -100 dB: what silence counts as
DYNAMIC_RANGE = 80.0  # dB below a segment's maximum that are kept

Array = NDArray[np.float32]


def power_to_db(power: Array, *, relative: bool = False) -> Array:
    """Return 10 log10(power), at most 80 dB below the segment's own maximum.

    Parameters
    ----------
    power
        Shape (n, …), one segment per entry of axis 0, at least 0.
    relative
        Whether 0 dB is the segment's own maximum, instead of a power of 1.

    Returns
    -------
    ndarray of the same shape, float32
        Finite: powers below 1e-10 count as 1e-10.
    """
    decibels = np.maximum(power, np.float32(SMALLEST_POWER))
    np.log10(decibels, out=decibels)
    decibels *= np.float32(10.0)
    axes = tuple(range(1, power.ndim))
    loudest = decibels.max(axis=axes, keepdims=True)
    if relative:
        decibels -= loudest
        loudest = np.zeros_like(loudest)
    np.maximum(decibels, loudest - np.float32(DYNAMIC_RANGE), out=decibels)
    return decibels

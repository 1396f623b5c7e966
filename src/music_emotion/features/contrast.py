"""Spectral contrast: how far peaks stand above valleys in octave bands.

Jiang, Lu, Zhang, Tao and Cai, *Music type classification by spectral contrast feature*, ICME 2002,
with the band edges and the share of bins of ``librosa.feature.spectral_contrast``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.decibels import power_to_db
from music_emotion.features.spectrum import BINS, bin_frequencies

LOWEST_EDGE = 200.0  # Hz: upper edge of the first band
BANDS = 7  # 0–200 Hz, five octaves, and the rest
SHARE = 0.02  # of a band's bins that make its peak, and its valley

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Band:
    """Bins [start, stop) and how many of them make the peak and the valley."""

    start: int
    stop: int
    count: int


@lru_cache(maxsize=1)
def _bands() -> tuple[_Band, ...]:
    """Return the bands; all but the last end one bin early, as librosa's do."""
    edges = np.concatenate(([0.0], LOWEST_EDGE * 2.0 ** np.arange(BANDS)))
    bands = []
    for number in range(BANDS):
        inside = (bin_frequencies() >= edges[number]) & (bin_frequencies() <= edges[number + 1])
        start, stop = int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1]) + 1
        start -= number > 0
        last = number == BANDS - 1
        stop = BINS if last else stop
        count = max(int(np.rint(SHARE * (stop - start))), 1)
        bands.append(_Band(start, stop if last else stop - 1, count))
    return tuple(bands)


def spectral_contrast(magnitude: Array) -> Array:
    """Return the contrast of each band in dB, at least 0.

    Parameters
    ----------
    magnitude
        Shape (n, frames, bins).

    Returns
    -------
    ndarray of shape (n, frames, 7), float32
    """
    shape = (*magnitude.shape[:2], BANDS)
    peak, valley = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    for number, band in enumerate(_bands()):
        values = magnitude[:, :, band.start : band.stop]
        if band.count == 1:
            values.max(axis=-1, out=peak[..., number])
            values.min(axis=-1, out=valley[..., number])
        else:
            ordered = np.sort(values, axis=-1)  # faster than a partition where sorting uses SIMD
            ordered[..., -band.count :].mean(axis=-1, out=peak[..., number])
            ordered[..., : band.count].mean(axis=-1, out=valley[..., number])
    contrast: Array = power_to_db(peak) - power_to_db(valley)
    return contrast

"""How far a segment's pitches lie from A = 440 Hz.

Spectral peaks between 150 Hz and 4 kHz, interpolated by a parabola (J. O. Smith, *Spectral Audio
Signal Processing*, "Quadratic interpolation of spectral peaks"), the stronger half of them counted
in a histogram of deviations from the tempered scale: the steps of ``librosa.estimate_tuning`` on a
power spectrum, evaluated at the peaks alone and in the same precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.filterbanks import CONCERT_A
from music_emotion.features.segments import SAMPLE_RATE
from music_emotion.features.spectrum import N_FFT

LOWEST_BIN = 14  # the first bin of at least 150 Hz
END_BIN = 372  # the first bin of at least 4 kHz
PEAK_THRESHOLD = 0.1  # of the frame's maximum
STEPS = 100  # histogram bins per semitone

Array = NDArray[np.float32]


def estimate_tuning(power: Array) -> float:
    """Return the deviation of one segment's pitches from the tempered scale.

    Parameters
    ----------
    power
        Power spectrum of one segment, shape (frames, bins).

    Returns
    -------
    float
        Semitones, -0.5 to 0.5 in steps of 0.01; 0 where there is no peak.
    """
    centre = power[:, LOWEST_BIN:END_BIN]
    threshold = PEAK_THRESHOLD * power.max(axis=1, keepdims=True)
    is_peak = centre > power[:, LOWEST_BIN - 1 : END_BIN - 1]
    is_peak &= centre >= power[:, LOWEST_BIN + 1 : END_BIN + 1]
    is_peak &= centre > threshold
    places = np.flatnonzero(is_peak)
    if not len(places):
        return 0.0
    frame, offset = np.divmod(places, END_BIN - LOWEST_BIN)
    position = offset + LOWEST_BIN
    frequencies, magnitudes = _interpolate(power, frame, position)
    strong = frequencies[magnitudes >= np.median(magnitudes)]
    return _histogram_peak(strong)


def _interpolate(
    power: Array, frame: NDArray[np.int64], position: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return frequency (Hz) and height of each peak, float32, from its bin and the two beside."""
    flat = power.ravel()
    at = frame * power.shape[1] + position
    left, middle, right = flat[at - 1], flat[at], flat[at + 1]
    curvature = (right + left).astype(np.float64) - 2.0 * middle
    slope = (right - left).astype(np.float64) / 2.0
    shift = np.zeros_like(middle)
    sharp = np.abs(slope) < np.abs(curvature)
    shift[sharp] = -slope[sharp] / curvature[sharp]
    height = middle + np.float32(0.5) * slope.astype(np.float32) * shift
    frequency = (position + shift) * float(SAMPLE_RATE) / N_FFT
    return frequency.astype(np.float32), height


def _histogram_peak(frequencies: Array) -> float:
    """Return the commonest deviation from the tempered scale in semitones (lower edge of a bin)."""
    residual = np.mod(12 * np.log2(frequencies / (CONCERT_A / 16.0)), 1.0)
    residual[residual >= 0.5] -= 1.0
    edges = np.linspace(-0.5, 0.5, STEPS + 1)
    counts, _ = np.histogram(residual, edges)
    return float(edges[np.argmax(counts)])

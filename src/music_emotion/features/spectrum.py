"""The short-time spectrum all descriptors of a segment share.

Frames of 2,048 samples every 512 under a periodic Hann window, centred on their time with zeros
beyond the ends of the segment: librosa's defaults. Frames come before bins on the axes, so that a
frame's spectrum is contiguous.

The transform itself is computed in float64 and rounded to float32, as librosa's is: in float32 its
rounding error, 140 dB below a frame's loudest bin, would fill the valleys that spectral contrast
measures. All that follows is float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_LENGTH

N_FFT = 2_048  # samples
HOP_LENGTH = 512  # samples
FRAMES = 1 + SEGMENT_LENGTH // HOP_LENGTH  # 130 per segment
BINS = 1 + N_FFT // 2  # 1,025 frequencies from 0 to SAMPLE_RATE / 2
BATCH = 2  # segments whose spectra are held at once; more fall out of the processor's cache

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Waveforms of n segments and their spectra.

    Attributes
    ----------
    waveform
        Shape (n, samples), full scale ±1.
    magnitude
        Absolute value of the transform, shape (n, frames, bins), at least 0.
    power
        Its square.
    """

    waveform: Array
    magnitude: Array
    power: Array


def bin_frequencies() -> NDArray[np.float64]:
    """Return the frequency of each bin in Hz, shape (bins,)."""
    return np.arange(BINS, dtype=np.float64) * (SAMPLE_RATE / N_FFT)


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    """Return the periodic Hann window, shape (2048,)."""
    phase = 2.0 * np.pi * np.arange(N_FFT) / N_FFT
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float64)


def transform(waveform: Array) -> NDArray[np.complex64]:
    """Return the short-time Fourier transform of segments, shape (n, frames, bins)."""
    from scipy.fft import rfft

    padded = np.zeros(SEGMENT_LENGTH + N_FFT, dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    result = np.empty((len(waveform), FRAMES, BINS), dtype=np.complex64)
    for segment, target in zip(waveform, result, strict=True):
        padded[N_FFT // 2 : N_FFT // 2 + SEGMENT_LENGTH] = segment
        target[:] = rfft(frames * _window(), axis=-1, overwrite_x=True, workers=1)
    return result


def spectra(segments: Array) -> Iterator[tuple[slice, Spectrum]]:
    """Yield the spectra of a few segments at a time, each with the segments' place.

    Parameters
    ----------
    segments
        Waveforms, shape (n, samples), as `checked_segments` returns them.
    """
    for start in range(0, len(segments), BATCH):
        place = slice(start, min(start + BATCH, len(segments)))
        magnitude = np.abs(transform(segments[place]))
        yield place, Spectrum(segments[place], magnitude, np.square(magnitude))

"""The short-time spectrum of segments, in decibels, and its log-mel form.

Arguments are librosa's: `sr` is the rate in Hz, `n_fft` the length of a frame and `hop_length` the
distance between frames in samples, `n_mels` the number of mel bands, `fmax` in Hz where the highest
ends. So are the defaults: frames of 2,048 samples every 512 under a periodic Hann window, centred
on their time with zeros beyond the ends of the segment. Frames come before bins on the axes, so
that a frame's spectrum is contiguous.

The transform itself is computed in float64 and rounded to float32, as librosa's is: in float32 its
rounding error, 140 dB below a frame's loudest bin, would fill the valleys that spectral contrast
measures. All that follows is float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.filterbanks import N_FFT, N_MELS, banded_mel
from music_emotion.features.segments import (
    SAMPLE_RATE,
    SEGMENT_LENGTH,
    checked_segments,
    segment_length,
)

HOP_LENGTH = 512  # samples
FRAMES = 1 + SEGMENT_LENGTH // HOP_LENGTH  # 130 per segment
BATCH = 2  # segments whose spectra are held at once; more fall out of the processor's cache

SMALLEST_POWER = 1e-10  # -100 dB: what silence counts as
DYNAMIC_RANGE = 80.0  # dB below a segment's maximum that are kept
HIGHEST_FREQUENCY = 8_000.0  # Hz, of the log-mel spectrogram

Array = NDArray[np.float32]


@lru_cache(maxsize=8)
def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window, shape (length,).

    Examples
    --------
    >>> hann(4).round(3).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    phase = 2.0 * np.pi * np.arange(length) / length
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float64)


def stft(
    waveform: Array, *, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH
) -> NDArray[np.complex64]:
    """Return the short-time Fourier transform of waveforms, shape (n, samples), full scale ±1.

    Its shape is (n, 1 + samples // hop_length, 1 + n_fft // 2).

    Examples
    --------
    >>> stft(np.ones((1, 48_000), np.float32), n_fft=512, hop_length=256).shape
    (1, 188, 257)
    """
    from scipy.fft import rfft

    count, length = waveform.shape
    padded = np.zeros(length + n_fft, dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = hann(n_fft)
    result = np.empty((count, len(frames), 1 + n_fft // 2), dtype=np.complex64)
    for segment, target in zip(waveform, result, strict=True):
        padded[n_fft // 2 : n_fft // 2 + length] = segment
        target[:] = rfft(frames * window, axis=-1, overwrite_x=True, workers=1)
    return result


@dataclass(frozen=True)
class Spectrum:
    """Waveforms (n, samples), full scale ±1, and spectra, computed when they are asked for."""

    waveform: Array
    sr: int = SAMPLE_RATE
    n_fft: int = N_FFT
    hop_length: int = HOP_LENGTH

    @cached_property
    def magnitude(self) -> Array:
        """Absolute value of the transform, shape (n, frames, bins), at least 0."""
        return np.abs(stft(self.waveform, n_fft=self.n_fft, hop_length=self.hop_length))

    @cached_property
    def power(self) -> Array:
        """Square of the magnitude, same shape."""
        return np.square(self.magnitude)


def spectra(
    segments: NDArray[Any],
    *,
    sr: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
) -> Iterator[Spectrum]:
    """Yield the spectra of a few segments at a time, checked by `checked_segments`.

    Examples
    --------
    >>> [len(few.waveform) for few in spectra(np.zeros((3, 66_150)))]
    [2, 1]
    """
    segments = checked_segments(segments, sr=sr)
    for start in range(0, len(segments), BATCH):
        yield Spectrum(segments[start : start + BATCH], sr, n_fft, hop_length)


def stacked(parts: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Join features of a few segments each, which have this shape per segment.

    Examples
    --------
    >>> stacked([], (130, 27)).shape
    (0, 130, 27)
    """
    return np.concatenate([np.empty((0, *shape), dtype=np.float32), *parts])


def power_to_db(power: Array, *, relative: bool = False) -> Array:
    """Return 10 log10(power), at most 80 dB below the segment's own maximum; always finite.

    Axis 0 of the power (at least 0) is the segments; what is below 1e-10 counts as 1e-10. 0 dB is a
    power of 1, or the segment's own maximum where the result shall be `relative`.

    Examples
    --------
    >>> power_to_db(np.array([[10.0, 1.0, 0.0]], np.float32)).tolist()
    [[10.0, 0.0, -70.0]]
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


def log_mel(
    segments: NDArray[Any],
    *,
    sr: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    n_mels: int = N_MELS,
    fmax: float = HIGHEST_FREQUENCY,
) -> Array:
    """Return the log-mel spectrogram of each segment: what the two-dimensional networks see.

    128 Slaney mel bands from 0 to 8 kHz of the power spectrum, in decibels relative to the
    segment's own maximum, floored at -80 dB. Equal to
    ``librosa.power_to_db(librosa.feature.melspectrogram(y=…, sr=22050, n_fft=2048, hop_length=512,
    n_mels=128, fmax=8000), ref=np.max)`` within 1e-4 dB.

    Parameters
    ----------
    segments
        Waveforms of 3 s, shape (n, 66150) at 22,050 Hz, full scale ±1.
    sr, n_fft, hop_length, n_mels, fmax
        As above.

    Returns
    -------
    ndarray of shape (n, 128, 130), float32
        Bands × frames in dB, -80 to 0; a silent segment is 0 throughout.

    Examples
    --------
    >>> log_mel(np.zeros((1, 48_000)), sr=16_000, hop_length=256, n_mels=64).shape
    (1, 64, 188)
    """
    parts = [
        spectrum_log_mel(few, n_mels=n_mels, fmax=fmax)
        for few in spectra(segments, sr=sr, n_fft=n_fft, hop_length=hop_length)
    ]
    return stacked(parts, (n_mels, 1 + segment_length(sr) // hop_length))


def spectrum_log_mel(
    spectrum: Spectrum, *, n_mels: int = N_MELS, fmax: float = HIGHEST_FREQUENCY
) -> Array:
    """Return the log-mel spectrograms of segments whose spectrum is known, (n, bands, frames).

    Examples
    --------
    >>> spectrum_log_mel(Spectrum(np.zeros((2, 66_150), np.float32))).shape
    (2, 128, 130)
    """
    filters = banded_mel(sr=spectrum.sr, n_fft=spectrum.n_fft, n_mels=n_mels, fmax=fmax)
    return power_to_db(filters.apply(spectrum.power), relative=True).swapaxes(1, 2)

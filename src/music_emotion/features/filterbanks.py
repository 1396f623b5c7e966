"""Fixed matrices that turn spectra into bands: mel filters, chroma filters, cosine transform.

`sr` and `n_fft` are the rate in Hz and the window in samples of the spectra to be multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.segments import SAMPLE_RATE

N_FFT = 2_048  # samples
N_MELS = 128
CHROMA_BANDS = 12
CONCERT_A = 440.0  # Hz
CHROMA_CENTRE = 5.0  # octave, counted from CONCERT_A / 16, that chroma weighs most
CHROMA_WIDTH = 2.0  # octaves: standard deviation of that weight
FRAMES_AT_ONCE = 13  # a tenth of a segment; see `project`
BANDS_PER_BLOCK = 16  # mel bands multiplied at once; neighbouring bands share most of their bins

Array = NDArray[np.float32]


def project(spectrum: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Multiply spectra (n, frames, bins) with weights (bins, bands), a few frames at a time.

    Products this small stay on the calling thread: where numpy's BLAS wakes its other threads for
    them, they cost hundreds of times more on a busy machine, and gain nothing on an idle one.

    Examples
    --------
    >>> project(np.ones((2, 130, 5)), np.ones((5, 3))).shape
    (2, 130, 3)
    """
    count, frames, bins = spectrum.shape
    at_once = next(size for size in range(FRAMES_AT_ONCE, 0, -1) if frames % size == 0)
    parts = spectrum.reshape(count, frames // at_once, at_once, bins)
    product: NDArray[Any] = parts @ weights
    return product.reshape(count, frames, weights.shape[1])


@dataclass(frozen=True, slots=True)
class BandedMatrix:
    """A matrix of shape (bins, bands) whose columns are narrow.

    It is kept as a dense block for each run of bands: the first bin, and weights of shape (bins of
    the run, bands of the run).
    """

    blocks: tuple[tuple[int, Array], ...]

    def apply(self, spectrum: Array) -> Array:
        """Multiply spectra, shape (n, frames, bins), to bands, shape (n, frames, bands)."""
        parts = [
            project(spectrum[..., first : first + len(weights)], weights)
            for first, weights in self.blocks
        ]
        return np.concatenate(parts, axis=-1)


def fft_frequencies(*, sr: int = SAMPLE_RATE, n_fft: int = N_FFT) -> NDArray[np.float64]:
    """Return the frequency of each bin in Hz, shape (1 + n_fft // 2,).

    Examples
    --------
    >>> fft_frequencies(sr=16_000, n_fft=8).tolist()
    [0.0, 2000.0, 4000.0, 6000.0, 8000.0]
    """
    return np.arange(1 + n_fft // 2, dtype=np.float64) * (sr / n_fft)


def _hz_to_mel(frequency: float) -> float:
    if frequency < 1000.0:
        return frequency * 3.0 / 200.0
    return 15.0 + float(np.log(frequency / 1000.0)) * 27.0 / float(np.log(6.4))


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0))
    return np.where(mel < 15.0, mel * 200.0 / 3.0, logarithmic)


@lru_cache(maxsize=8)
def mel(
    *, sr: int = SAMPLE_RATE, n_fft: int = N_FFT, n_mels: int = N_MELS, fmax: float | None = None
) -> Array:
    """Return triangular filters of unit area on Slaney's mel scale.

    Slaney, *Auditory Toolbox*, technical report 1998-010, Interval Research: linear below 1 kHz
    (200/3 Hz per mel), logarithmic above (27 mels per factor of 6.4). The transpose of
    ``librosa.filters.mel``: shape (1 + n_fft // 2, n_mels), 0 Hz to `fmax`, by default `sr` / 2.

    Examples
    --------
    >>> mel(sr=16_000, n_fft=512, n_mels=96).shape
    (257, 96)
    """
    frequency = fft_frequencies(sr=sr, n_fft=n_fft)[:, None]
    highest = _hz_to_mel(sr / 2 if fmax is None else fmax)
    edges = _mel_to_hz(np.linspace(0.0, highest, n_mels + 2))
    rising = (frequency - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequency) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


@lru_cache(maxsize=8)
def banded_mel(
    *, sr: int = SAMPLE_RATE, n_fft: int = N_FFT, n_mels: int = N_MELS, fmax: float | None = None
) -> BandedMatrix:
    """Return `mel` in the form that multiplies fastest.

    Examples
    --------
    >>> banded_mel(n_mels=40).apply(np.ones((1, 130, 1025), np.float32)).shape
    (1, 130, 40)
    """
    weights = mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmax=fmax)
    blocks = []
    for first_band in range(0, n_mels, BANDS_PER_BLOCK):
        run = weights[:, first_band : first_band + BANDS_PER_BLOCK]
        bins = np.flatnonzero(run.any(axis=1))
        first, stop = (int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 1)
        blocks.append((first, np.ascontiguousarray(run[first:stop])))
    return BandedMatrix(tuple(blocks))


@lru_cache(maxsize=128)
def chroma_filters(tuning: float, *, sr: int = SAMPLE_RATE, n_fft: int = N_FFT) -> Array:
    """Return the weights of each frequency for the twelve pitch classes, (1 + n_fft // 2, 12).

    C comes first; `tuning` is the deviation from A = 440 Hz in semitones, -0.5 to 0.5. Gaussian
    bumps of half a semitone around each pitch class, each bin brought to unit length and weighted
    by a broad Gaussian over octaves; after Ellis, *Chroma feature analysis and synthesis* (2007),
    as librosa has it.

    Examples
    --------
    >>> chroma_filters(0.0).shape
    (1025, 12)
    """
    reference = CONCERT_A * 2.0 ** (tuning / CHROMA_BANDS) / 16.0
    frequencies = np.arange(1, n_fft) * (sr / n_fft)
    semitones = CHROMA_BANDS * np.log2(frequencies / reference)
    # Bin 0 has no pitch: placed 1.5 octaves below bin 1 it spreads evenly over the classes.
    semitones = np.concatenate(([semitones[0] - 1.5 * CHROMA_BANDS], semitones))
    width = np.concatenate((np.maximum(np.diff(semitones), 1.0), [1.0]))
    half = CHROMA_BANDS // 2
    distance = semitones[:, None] - np.arange(CHROMA_BANDS)
    distance = np.remainder(distance + half + 10 * CHROMA_BANDS, CHROMA_BANDS) - half
    bumps = np.exp(-0.5 * (2.0 * distance / width[:, None]) ** 2)
    bumps /= np.sqrt(np.sum(bumps**2, axis=1, keepdims=True))
    octaves = semitones / CHROMA_BANDS
    bumps *= np.exp(-0.5 * ((octaves - CHROMA_CENTRE) / CHROMA_WIDTH) ** 2)[:, None]
    # Octaves are counted from A; rotate so that C comes first.
    return np.ascontiguousarray(np.roll(bumps, -3, axis=1)[: 1 + n_fft // 2], dtype=np.float32)


@lru_cache(maxsize=8)
def cosine_transform(coefficients: int, n_mels: int = N_MELS) -> Array:
    """Return the orthonormal DCT-II of the mel bands, shape (n_mels, coefficients).

    Examples
    --------
    >>> cosine_transform(13).shape
    (128, 13)
    """
    bands = np.arange(n_mels)[:, None]
    order = np.arange(coefficients)
    matrix = np.sqrt(2.0 / n_mels) * np.cos(np.pi * order * (2 * bands + 1) / (2 * n_mels))
    matrix[:, 0] /= np.sqrt(2.0)
    return np.asarray(matrix, dtype=np.float32)

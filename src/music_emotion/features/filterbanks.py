"""Fixed matrices that turn spectra into bands: mel filters, chroma filters, cosine transform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.segments import SAMPLE_RATE
from music_emotion.features.spectrum import BINS, N_FFT, bin_frequencies

MEL_BANDS = 128
CHROMA_BANDS = 12
CONCERT_A = 440.0  # Hz
CHROMA_CENTRE = 5.0  # octave, counted from CONCERT_A / 16, that chroma weighs most
CHROMA_WIDTH = 2.0  # octaves: standard deviation of that weight
FRAMES_AT_ONCE = 13  # a tenth of a segment; see `project`
BANDS_PER_BLOCK = 16  # mel bands multiplied at once; neighbouring bands share most of their bins

Array = NDArray[np.float32]


def project(spectrum: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Multiply the spectra of segments with weights, a few frames at a time.

    Products this small stay on the calling thread: where numpy's BLAS wakes its other threads for
    them, they cost hundreds of times more on a busy machine, and gain nothing on an idle one.

    Parameters
    ----------
    spectrum
        Shape (n, frames, bins).
    weights
        Shape (bins, bands).

    Returns
    -------
    ndarray of shape (n, frames, bands)
    """
    count, frames, bins = spectrum.shape
    parts = spectrum.reshape(count, frames // FRAMES_AT_ONCE, FRAMES_AT_ONCE, bins)
    product: NDArray[Any] = parts @ weights
    return product.reshape(count, frames, -1)


@dataclass(frozen=True, slots=True)
class BandedMatrix:
    """A matrix of shape (bins, bands) whose columns are narrow, kept as dense blocks.

    Attributes
    ----------
    blocks
        For each run of bands: first bin, weights of shape (bins of the run, bands of the run).
    """

    blocks: tuple[tuple[int, Array], ...]

    def apply(self, spectrum: Array) -> Array:
        """Multiply spectra, shape (n, frames, bins), to bands, shape (n, frames, bands)."""
        parts = [
            project(spectrum[..., first : first + len(weights)], weights)
            for first, weights in self.blocks
        ]
        return np.concatenate(parts, axis=-1)


def _hz_to_mel(frequency: float) -> float:
    if frequency < 1000.0:
        return frequency * 3.0 / 200.0
    return 15.0 + float(np.log(frequency / 1000.0)) * 27.0 / float(np.log(6.4))


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0))
    return np.where(mel < 15.0, mel * 200.0 / 3.0, logarithmic)


@lru_cache(maxsize=4)
def mel_weights(highest: float) -> Array:
    """Return triangular filters of unit area on Slaney's mel scale.

    Slaney, *Auditory Toolbox*, technical report 1998-010, Interval Research: linear below 1 kHz
    (200/3 Hz per mel), logarithmic above (27 mels per factor of 6.4).

    Parameters
    ----------
    highest
        Upper edge of the highest band, Hz; the lowest band begins at 0.

    Returns
    -------
    ndarray of shape (1025, 128), float32
    """
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(highest), MEL_BANDS + 2))
    rising = (bin_frequencies()[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bin_frequencies()[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


@lru_cache(maxsize=4)
def mel_filters(highest: float) -> BandedMatrix:
    """Return `mel_weights` in the form that multiplies fastest."""
    weights = mel_weights(highest)
    blocks = []
    for first_band in range(0, MEL_BANDS, BANDS_PER_BLOCK):
        run = weights[:, first_band : first_band + BANDS_PER_BLOCK]
        bins = np.flatnonzero(run.any(axis=1))
        blocks.append((int(bins[0]), np.ascontiguousarray(run[bins[0] : bins[-1] + 1])))
    return BandedMatrix(tuple(blocks))


@lru_cache(maxsize=128)
def chroma_filters(tuning: float) -> Array:
    """Return the weights of each frequency for the twelve pitch classes, C first.

    Gaussian bumps of half a semitone around each pitch class, each bin brought to unit length and
    weighted by a broad Gaussian over octaves; after Ellis, *Chroma feature analysis and synthesis*
    (2007), as librosa has it.

    Parameters
    ----------
    tuning
        Deviation from A = 440 Hz in semitones, -0.5 to 0.5.

    Returns
    -------
    ndarray of shape (1025, 12), float32
    """
    reference = CONCERT_A * 2.0 ** (tuning / CHROMA_BANDS) / 16.0
    frequencies = np.arange(1, N_FFT) * (SAMPLE_RATE / N_FFT)
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
    return np.ascontiguousarray(np.roll(bumps, -3, axis=1)[:BINS], dtype=np.float32)


@lru_cache(maxsize=2)
def cosine_transform(coefficients: int) -> Array:
    """Return the orthonormal DCT-II of the mel bands, shape (128, coefficients)."""
    bands = np.arange(MEL_BANDS)[:, None]
    order = np.arange(coefficients)
    matrix = np.sqrt(2.0 / MEL_BANDS) * np.cos(np.pi * order * (2 * bands + 1) / (2 * MEL_BANDS))
    matrix[:, 0] /= np.sqrt(2.0)
    return np.asarray(matrix, dtype=np.float32)

"""Descriptors of each frame: what the one-dimensional networks see.

Every function takes segments or their shared spectrum and returns one row per frame. The oracle of
each is librosa, called on the single segment with its defaults (22,050 Hz, 2,048-sample frames
every 512); the tests hold them to these tolerances on real tracks, tones, noise and silence:

=====================  ==============================================  ==================
descriptor             librosa 0.11                                    largest difference
=====================  ==============================================  ==================
13 MFCC                ``feature.mfcc(n_mfcc=13)``                     0.005 (of hundreds)
spectral centroid      ``feature.spectral_centroid``                   0.01 Hz
12 chroma              ``feature.chroma_stft``                         1e-5
zero-crossing rate     ``feature.zero_crossing_rate``                  none
6 tonnetz              ``feature.tonnetz(chroma=chroma_stft(…))``      1e-5
7 spectral contrast    ``feature.spectral_contrast``                   0.001 dB
harmonic, percussive   ``decompose.hpss`` of the magnitudes, squares   0.001 dB
energy                 summed over bins, ``power_to_db``
rolloff                ``feature.spectral_rolloff``                    none
bandwidth              ``feature.spectral_bandwidth``                  0.01 Hz
RMS                    ``feature.rms(y=…)``                            1e-6
=====================  ==============================================  ==================

Tonnetz is taken of the chroma already there, not of a constant-Q chromagram, which would cost more
than all the rest and needs more sound than a segment holds for its lowest octaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.contrast import spectral_contrast
from music_emotion.features.decibels import power_to_db
from music_emotion.features.filterbanks import (
    chroma_filters,
    cosine_transform,
    mel_filters,
    project,
)
from music_emotion.features.segments import SAMPLE_RATE, checked_segments
from music_emotion.features.separation import Separator
from music_emotion.features.spectrum import (
    FRAMES,
    HOP_LENGTH,
    N_FFT,
    Spectrum,
    bin_frequencies,
    spectra,
)
from music_emotion.features.tuning import estimate_tuning

MFCC_COUNT = 13
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TONNETZ_AXES = ("fifth_x", "fifth_y", "minor_third_x", "minor_third_y", "major_third_x",
                "major_third_y")  # fmt: skip
TONNETZ_SEMITONE_ANGLES = (7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3)  # multiples of pi
TONNETZ_RADII = (1.0, 1.0, 1.0, 1.0, 0.5, 0.5)
ROLLOFF_SHARE = 0.85  # of the summed magnitude that lies below the rolloff
SIGN_THRESHOLD = 1e-10  # samples no larger count as zero, and zero as positive
TINIEST = float(np.finfo(np.float32).tiny)  # sums below are not divided by

BASIC_NAMES: tuple[str, ...] = (
    *(f"mfcc_{number}" for number in range(1, MFCC_COUNT + 1)),
    "spectral_centroid",
    *(f"chroma_{name}" for name in PITCH_CLASSES),
    "zero_crossing_rate",
)
"""Names of the 27 basic descriptors in the order of the columns."""

ADVANCED_NAMES: tuple[str, ...] = (
    *BASIC_NAMES,
    *(f"tonnetz_{axis}" for axis in TONNETZ_AXES),
    *(f"spectral_contrast_{band}" for band in range(1, 8)),
    "harmonic_energy",
    "percussive_energy",
    "spectral_rolloff",
    "spectral_bandwidth",
    "rms",
)
"""Names of the 45 advanced descriptors; the first 27 are the basic ones."""

Array = NDArray[np.float32]


def basic(segments: NDArray[Any]) -> Array:
    """Return MFCC, spectral centroid, chroma and zero-crossing rate of each frame.

    Parameters
    ----------
    segments
        Waveforms at 22,050 Hz, shape (n, 66150), full scale ±1.

    Returns
    -------
    ndarray of shape (n, 130, 27), float32
        Columns as in `BASIC_NAMES`; always finite.

    Raises
    ------
    AudioError
        A sample is NaN or infinite.
    """
    segments = checked_segments(segments)
    result = np.empty((len(segments), FRAMES, len(BASIC_NAMES)), dtype=np.float32)
    for place, spectrum in spectra(segments):
        result[place] = spectrum_basic(spectrum)
    return result


def advanced(segments: NDArray[Any]) -> Array:
    """Return the basic descriptors and tonnetz, contrast, energies, rolloff, bandwidth, RMS.

    Parameters
    ----------
    segments
        Waveforms at 22,050 Hz, shape (n, 66150), full scale ±1.

    Returns
    -------
    ndarray of shape (n, 130, 45), float32
        Columns as in `ADVANCED_NAMES`; always finite.

    Raises
    ------
    AudioError
        A sample is NaN or infinite.
    """
    segments = checked_segments(segments)
    separator = Separator()
    result = np.empty((len(segments), FRAMES, len(ADVANCED_NAMES)), dtype=np.float32)
    for place, spectrum in spectra(segments):
        result[place] = spectrum_advanced(spectrum, separator)
    return result


def spectrum_basic(spectrum: Spectrum) -> Array:
    """Return the basic descriptors of segments whose spectrum is known, (n, frames, 27)."""
    columns = [
        mfcc(spectrum.power),
        spectral_moments(spectrum.magnitude)[..., :1],
        chroma(spectrum.power),
        zero_crossing_rate(spectrum.waveform)[..., None],
    ]
    return np.concatenate(columns, axis=-1)


def spectrum_advanced(spectrum: Spectrum, separator: Separator) -> Array:
    """Return the advanced descriptors of segments whose spectrum is known, (n, frames, 45)."""
    moments = spectral_moments(spectrum.magnitude)
    pitch_classes = chroma(spectrum.power)
    energies = np.stack([separator.energies(magnitude) for magnitude in spectrum.magnitude])
    columns = [
        mfcc(spectrum.power),
        moments[..., :1],
        pitch_classes,
        zero_crossing_rate(spectrum.waveform)[..., None],
        tonnetz(pitch_classes),
        spectral_contrast(spectrum.magnitude),
        power_to_db(energies[..., :1]),
        power_to_db(energies[..., 1:]),
        spectral_rolloff(spectrum.magnitude)[..., None],
        moments[..., 1:],
        rms(spectrum.waveform)[..., None],
    ]
    return np.concatenate(columns, axis=-1)


def mfcc(power: Array) -> Array:
    """Return 13 mel-frequency cepstral coefficients from power spectra, (n, frames, 13).

    Orthonormal DCT-II of 128 mel bands (0 to 11,025 Hz) in dB, floored 80 dB below the segment's
    maximum.
    """
    bands = power_to_db(mel_filters(SAMPLE_RATE / 2).apply(power))
    return project(bands, cosine_transform(MFCC_COUNT))


def chroma(power: Array) -> Array:
    """Return the strength of the twelve pitch classes, C first, 0–1, (n, frames, 12).

    Follows the tuning of each segment; a frame's strongest class is 1, a silent frame is 0.
    """
    result = np.concatenate(
        [project(one[None], chroma_filters(estimate_tuning(one))) for one in power]
    )
    strongest = result.max(axis=-1, keepdims=True)
    strongest[strongest < TINIEST] = 1.0
    result /= strongest
    return result


def tonnetz(pitch_classes: Array) -> Array:
    """Return the tonal centroid of chroma vectors, (n, frames, 12) → (n, frames, 6).

    Harte, Sandler and Gasser, *Detecting harmonic change in musical audio*, AMCMM 2006: circles of
    fifths, minor thirds and major thirds; 0 for a silent frame.
    """
    angles = np.outer(np.arange(12), TONNETZ_SEMITONE_ANGLES)
    angles[:, ::2] -= 0.5
    projection = (np.cos(np.pi * angles) * TONNETZ_RADII).astype(np.float32)
    total = pitch_classes.sum(axis=-1, keepdims=True)
    total[total < TINIEST] = 1.0
    return project(pitch_classes / total, projection)


def spectral_moments(magnitude: Array) -> Array:
    """Return centroid and bandwidth in Hz from magnitudes, (n, frames, 2); 0 in silence.

    Mean and standard deviation of frequency, weighted by the normalised magnitudes.
    """
    frequency = bin_frequencies()
    powers = np.stack([np.ones_like(frequency), frequency, frequency**2], axis=1)
    # The variance of a narrow spectrum is a small difference: float64 keeps 0.01 Hz at 10 kHz.
    sums = project(magnitude.astype(np.float64), powers)
    total = sums[..., 0]
    total[total < TINIEST] = 1.0
    centroid = sums[..., 1] / total
    # Below the smallest sum librosa leaves magnitudes unnormalised, which weighs next to nothing.
    variance = np.maximum(sums[..., 2] / total - centroid**2, 0.0)
    return np.stack([centroid, np.sqrt(variance)], axis=-1).astype(np.float32)


def spectral_rolloff(magnitude: Array) -> Array:
    """Return the frequency below which 85 % of the magnitude lies, Hz, (n, frames)."""
    running = np.cumsum(magnitude, axis=-1)
    threshold = np.float32(ROLLOFF_SHARE) * running[..., -1:]
    below = np.count_nonzero(running < threshold, axis=-1)
    return np.asarray(below * (SAMPLE_RATE / N_FFT), dtype=np.float32)


def zero_crossing_rate(waveform: Array) -> Array:
    """Return the share of samples in each frame whose sign differs from the one before.

    Parameters
    ----------
    waveform
        Shape (n, samples).

    Returns
    -------
    ndarray of shape (n, frames), float32, 0–1
    """
    negative = waveform < -SIGN_THRESHOLD
    # The ends are continued with their own value, which adds no crossing.
    crossing = np.zeros((len(waveform), (FRAMES + 3) * HOP_LENGTH), dtype=bool)
    start = N_FFT // 2 + 1
    np.not_equal(
        negative[:, 1:], negative[:, :-1], out=crossing[:, start : start + waveform.shape[1] - 1]
    )
    hops = crossing.reshape(len(waveform), -1, HOP_LENGTH)
    counts = np.count_nonzero(hops, axis=-1)
    frames = counts[:, :-3] + counts[:, 1:-2] + counts[:, 2:-1] + counts[:, 3:]
    frames -= hops[:, :FRAMES, 0]  # a frame's first sample has none before it
    return np.asarray(frames / N_FFT, dtype=np.float32)


def rms(waveform: Array) -> Array:
    """Return the root mean square of each frame, zeros beyond the ends, (n, frames)."""
    padded = np.zeros((len(waveform), (FRAMES + 3) * HOP_LENGTH), dtype=np.float32)
    used = min(waveform.shape[1], padded.shape[1] - N_FFT // 2)
    padded[:, N_FFT // 2 : N_FFT // 2 + used] = waveform[:, :used]
    hops = padded.reshape(len(waveform), -1, HOP_LENGTH)
    squares = np.einsum("nhs,nhs->nh", hops, hops)
    total = squares[:, :-3] + squares[:, 1:-2] + squares[:, 2:-1] + squares[:, 3:]
    return np.asarray(np.sqrt(total / np.float32(N_FFT)), dtype=np.float32)

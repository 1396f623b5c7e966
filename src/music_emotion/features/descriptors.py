"""Descriptors of each frame: what the one-dimensional networks see.

Every function takes segments or their shared spectrum and returns one row per frame, float32. The
arguments are librosa's (see `features.spectrum`); a frame must be a whole number of hops. The
oracle of each is librosa, called on the single segment with its defaults (22,050 Hz, 2,048-sample
frames every 512), and once at another rate and size; the tests hold them to these tolerances on
real tracks, tones, noise and silence:

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

from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.filterbanks import (
    CONCERT_A,
    N_FFT,
    N_MELS,
    banded_mel,
    chroma_filters,
    cosine_transform,
    fft_frequencies,
    project,
)
from music_emotion.features.segments import SAMPLE_RATE, segment_length
from music_emotion.features.separation import Separator
from music_emotion.features.spectrum import HOP_LENGTH, Spectrum, power_to_db, spectra, stacked

MFCC_COUNT = 13
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TONNETZ_AXES = ("fifth_x", "fifth_y", "minor_third_x", "minor_third_y", "major_third_x",
                "major_third_y")  # fmt: skip
TONNETZ_SEMITONE_ANGLES = (7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3)  # multiples of pi
TONNETZ_RADII = (1.0, 1.0, 1.0, 1.0, 0.5, 0.5)
ROLLOFF_SHARE = 0.85  # of the summed magnitude that lies below the rolloff
SIGN_THRESHOLD = 1e-10  # samples no larger count as zero, and zero as positive
LOWEST_PITCH, HIGHEST_PITCH = 150.0, 4_000.0  # Hz, of the peaks that tell the tuning
PEAK_THRESHOLD = 0.1  # of the frame's maximum
TUNING_STEPS = 100  # histogram bins per semitone
CONTRAST_EDGE = 200.0  # Hz: upper edge of the first band
CONTRAST_BANDS = 7  # 0–200 Hz, five octaves, and the rest
CONTRAST_SHARE = 0.02  # of a band's bins that make its peak, and its valley
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
    *(f"spectral_contrast_{band}" for band in range(1, CONTRAST_BANDS + 1)),
    "harmonic_energy",
    "percussive_energy",
    "spectral_rolloff",
    "spectral_bandwidth",
    "rms",
)
"""Names of the 45 advanced descriptors; the first 27 are the basic ones."""

Array = NDArray[np.float32]


def basic(
    segments: NDArray[Any],
    *,
    sr: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    n_mels: int = N_MELS,
) -> Array:
    """Return MFCC, spectral centroid, chroma and zero-crossing rate of each frame, (n, 130, 27).

    Columns as in `BASIC_NAMES`, always finite. Segments are waveforms of 3 s, shape (n, 66150) at
    22,050 Hz, full scale ±1; `n_mels` are the mel bands under the MFCC.

    Raises
    ------
    AudioError
        A sample is NaN or infinite.

    Examples
    --------
    >>> basic(np.zeros((2, 66_150))).shape
    (2, 130, 27)
    """
    parts = [
        spectrum_basic(few, n_mels=n_mels)
        for few in spectra(segments, sr=sr, n_fft=n_fft, hop_length=hop_length)
    ]
    return stacked(parts, (1 + segment_length(sr) // hop_length, len(BASIC_NAMES)))


def advanced(
    segments: NDArray[Any],
    *,
    sr: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    n_mels: int = N_MELS,
) -> Array:
    """Return the basic descriptors and tonnetz, contrast, energies, rolloff, bandwidth, RMS.

    As `basic`, but of shape (n, 130, 45), columns as in `ADVANCED_NAMES`.

    Raises
    ------
    AudioError
        A sample is NaN or infinite.
    ValueError
        The highest band of the contrast, from 6,400 Hz, begins beyond `sr` / 2.

    Examples
    --------
    >>> advanced(np.zeros((1, 48_000)), sr=16_000, n_fft=1_024, hop_length=256).shape
    (1, 188, 45)
    """
    frames = 1 + segment_length(sr) // hop_length
    separator = Separator(frames, 1 + n_fft // 2)
    parts = [
        spectrum_advanced(few, separator, n_mels=n_mels)
        for few in spectra(segments, sr=sr, n_fft=n_fft, hop_length=hop_length)
    ]
    return stacked(parts, (frames, len(ADVANCED_NAMES)))


def spectrum_basic(spectrum: Spectrum, *, n_mels: int = N_MELS) -> Array:
    """Return the basic descriptors of segments whose spectrum is known, (n, frames, 27).

    Examples
    --------
    >>> spectrum_basic(Spectrum(np.zeros((1, 66_150), np.float32))).shape
    (1, 130, 27)
    """
    sr, n_fft, hop_length = spectrum.sr, spectrum.n_fft, spectrum.hop_length
    columns = [
        mfcc(spectrum.power, sr=sr, n_mels=n_mels),
        spectral_moments(spectrum.magnitude, sr=sr)[..., :1],
        chroma(spectrum.power, sr=sr),
        zero_crossing_rate(spectrum.waveform, n_fft=n_fft, hop_length=hop_length)[..., None],
    ]
    return np.concatenate(columns, axis=-1)


def spectrum_advanced(spectrum: Spectrum, separator: Separator, *, n_mels: int = N_MELS) -> Array:
    """Return the advanced descriptors of segments whose spectrum is known, (n, frames, 45).

    Examples
    --------
    >>> spectrum_advanced(Spectrum(np.zeros((1, 66_150), np.float32)), Separator()).shape
    (1, 130, 45)
    """
    sr, n_fft, hop_length = spectrum.sr, spectrum.n_fft, spectrum.hop_length
    moments = spectral_moments(spectrum.magnitude, sr=sr)
    pitch_classes = chroma(spectrum.power, sr=sr)
    energies = np.stack([separator.energies(magnitude) for magnitude in spectrum.magnitude])
    columns = [
        mfcc(spectrum.power, sr=sr, n_mels=n_mels),
        moments[..., :1],
        pitch_classes,
        zero_crossing_rate(spectrum.waveform, n_fft=n_fft, hop_length=hop_length)[..., None],
        tonnetz(pitch_classes),
        spectral_contrast(spectrum.magnitude, sr=sr),
        power_to_db(energies[..., :1]),
        power_to_db(energies[..., 1:]),
        spectral_rolloff(spectrum.magnitude, sr=sr)[..., None],
        moments[..., 1:],
        rms(spectrum.waveform, n_fft=n_fft, hop_length=hop_length)[..., None],
    ]
    return np.concatenate(columns, axis=-1)


def mfcc(power: Array, *, sr: int = SAMPLE_RATE, n_mels: int = N_MELS) -> Array:
    """Return 13 mel-frequency cepstral coefficients from power spectra, (n, frames, 13).

    Orthonormal DCT-II of 128 mel bands (0 to `sr` / 2) in dB, floored 80 dB below the segment's
    maximum.

    Examples
    --------
    >>> mfcc(np.ones((1, 130, 1_025), np.float32)).shape
    (1, 130, 13)
    """
    filters = banded_mel(sr=sr, n_fft=_n_fft(power), n_mels=n_mels)
    return project(power_to_db(filters.apply(power)), cosine_transform(MFCC_COUNT, n_mels))


def chroma(power: Array, *, sr: int = SAMPLE_RATE) -> Array:
    """Return the strength of the twelve pitch classes, C first, 0–1, (n, frames, 12).

    Follows the tuning of each segment; a frame's strongest class is 1, a silent frame is 0.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 / 22_050 * np.arange(66_150))
    >>> power = Spectrum(tone[None].astype(np.float32)).power
    >>> PITCH_CLASSES[chroma(power)[0, 65].argmax()]
    'A'
    """
    n_fft = _n_fft(power)
    result = np.concatenate(
        [
            project(one[None], chroma_filters(estimate_tuning(one, sr=sr), sr=sr, n_fft=n_fft))
            for one in power
        ]
    )
    strongest = result.max(axis=-1, keepdims=True)
    strongest[strongest < TINIEST] = 1.0
    result /= strongest
    return result


def estimate_tuning(power: Array, *, sr: int = SAMPLE_RATE) -> float:
    """Return how far the pitches of one segment lie from the tempered scale on A = 440 Hz.

    In semitones, -0.5 to 0.5 in steps of 0.01, 0 where there is no peak; of a power spectrum of
    shape (frames, bins). Spectral peaks between 150 Hz and 4 kHz, interpolated by a parabola (J. O.
    Smith, *Spectral Audio Signal Processing*, "Quadratic interpolation of spectral peaks"), the
    stronger half of them counted in a histogram of deviations: the steps of
    ``librosa.estimate_tuning``, evaluated at the peaks alone and in the same precision.

    Examples
    --------
    >>> estimate_tuning(np.zeros((130, 1_025), np.float32))
    0.0
    """
    first, end = np.searchsorted(
        fft_frequencies(sr=sr, n_fft=_n_fft(power)), (LOWEST_PITCH, HIGHEST_PITCH)
    )
    end = min(end, power.shape[1] - 1)
    centre = power[:, first:end]
    threshold = PEAK_THRESHOLD * power.max(axis=1, keepdims=True)
    is_peak = centre > power[:, first - 1 : end - 1]
    is_peak &= centre >= power[:, first + 1 : end + 1]
    is_peak &= centre > threshold
    places = np.flatnonzero(is_peak)
    if not len(places):
        return 0.0
    frame, offset = np.divmod(places, end - first)
    frequencies, magnitudes = _interpolate(power, frame, offset + first, sr)
    strong = frequencies[magnitudes >= np.median(magnitudes)]
    residual = np.mod(12 * np.log2(strong / (CONCERT_A / 16.0)), 1.0)
    residual[residual >= 0.5] -= 1.0
    edges = np.linspace(-0.5, 0.5, TUNING_STEPS + 1)
    counts, _ = np.histogram(residual, edges)
    return float(edges[np.argmax(counts)])


def _interpolate(
    power: Array, frame: NDArray[np.int64], position: NDArray[np.int64], sr: int
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
    frequency = (position + shift) * float(sr) / _n_fft(power)
    return frequency.astype(np.float32), height


def tonnetz(pitch_classes: Array) -> Array:
    """Return the tonal centroid of chroma vectors, (n, frames, 12) → (n, frames, 6).

    Harte, Sandler and Gasser, *Detecting harmonic change in musical audio*, AMCMM 2006: circles of
    fifths, minor thirds and major thirds; 0 for a silent frame.

    Examples
    --------
    >>> tonnetz(np.ones((1, 1, 12), np.float32)).round(5).any()
    np.False_
    """
    angles = np.outer(np.arange(12), TONNETZ_SEMITONE_ANGLES)
    angles[:, ::2] -= 0.5
    projection = (np.cos(np.pi * angles) * TONNETZ_RADII).astype(np.float32)
    total = pitch_classes.sum(axis=-1, keepdims=True)
    total[total < TINIEST] = 1.0
    return project(pitch_classes / total, projection)


@lru_cache(maxsize=8)
def _contrast_bands(sr: int, n_fft: int) -> tuple[tuple[slice, int], ...]:
    """Return the bins of each band, and how many of them make its peak and its valley."""
    frequency = fft_frequencies(sr=sr, n_fft=n_fft)
    edges = np.concatenate(([0.0], CONTRAST_EDGE * 2.0 ** np.arange(CONTRAST_BANDS)))
    if edges[-2] >= sr / 2:
        raise ValueError(f"the highest band of the contrast begins at {edges[-2]:g} Hz; raise sr")
    bands = []
    for number in range(CONTRAST_BANDS):
        inside = (frequency >= edges[number]) & (frequency <= edges[number + 1])
        start, stop = int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1]) + 1
        start -= number > 0
        last = number == CONTRAST_BANDS - 1
        stop = len(frequency) if last else stop
        count = max(int(np.rint(CONTRAST_SHARE * (stop - start))), 1)
        # All but the last end one bin early, as librosa's do.
        bands.append((slice(start, stop if last else stop - 1), count))
    return tuple(bands)


def spectral_contrast(magnitude: Array, *, sr: int = SAMPLE_RATE) -> Array:
    """Return how far peaks stand above valleys in octave bands, dB, at least 0, (n, frames, 7).

    Jiang, Lu, Zhang, Tao and Cai, *Music type classification by spectral contrast feature*, ICME
    2002, with the band edges and the share of bins of ``librosa.feature.spectral_contrast``.

    Raises
    ------
    ValueError
        The highest band, from 6,400 Hz, begins beyond `sr` / 2.

    Examples
    --------
    >>> spectral_contrast(np.ones((1, 2, 1_025), np.float32))[0, 0].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    shape = (*magnitude.shape[:2], CONTRAST_BANDS)
    peak, valley = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    for number, (band, count) in enumerate(_contrast_bands(sr, _n_fft(magnitude))):
        values = magnitude[:, :, band]
        if count == 1:
            values.max(axis=-1, out=peak[..., number])
            values.min(axis=-1, out=valley[..., number])
        else:
            ordered = np.sort(values, axis=-1)  # faster than a partition where sorting uses SIMD
            ordered[..., -count:].mean(axis=-1, out=peak[..., number])
            ordered[..., :count].mean(axis=-1, out=valley[..., number])
    contrast: Array = power_to_db(peak) - power_to_db(valley)
    return contrast


def spectral_moments(magnitude: Array, *, sr: int = SAMPLE_RATE) -> Array:
    """Return centroid and bandwidth in Hz from magnitudes, (n, frames, 2); 0 in silence.

    Mean and standard deviation of frequency, weighted by the normalised magnitudes.

    Examples
    --------
    >>> spectral_moments(np.eye(1_025, dtype=np.float32)[None, 512:513])[0, 0].tolist()
    [5512.5, 0.0]
    """
    frequency = fft_frequencies(sr=sr, n_fft=_n_fft(magnitude))
    powers = np.stack([np.ones_like(frequency), frequency, frequency**2], axis=1)
    # The variance of a narrow spectrum is a small difference: float64 keeps 0.01 Hz at 10 kHz.
    sums = project(magnitude.astype(np.float64), powers)
    total = sums[..., 0]
    total[total < TINIEST] = 1.0
    centroid = sums[..., 1] / total
    # Below the smallest sum librosa leaves magnitudes unnormalised, which weighs next to nothing.
    variance = np.maximum(sums[..., 2] / total - centroid**2, 0.0)
    return np.stack([centroid, np.sqrt(variance)], axis=-1).astype(np.float32)


def spectral_rolloff(magnitude: Array, *, sr: int = SAMPLE_RATE) -> Array:
    """Return the frequency below which 85 % of the magnitude lies, Hz, (n, frames).

    Examples
    --------
    >>> spectral_rolloff(np.eye(1_025, dtype=np.float32)[None, 512:513]).tolist()
    [[5512.5]]
    """
    running = np.cumsum(magnitude, axis=-1)
    threshold = np.float32(ROLLOFF_SHARE) * running[..., -1:]
    below = np.count_nonzero(running < threshold, axis=-1)
    return np.asarray(below * (sr / _n_fft(magnitude)), dtype=np.float32)


def zero_crossing_rate(
    waveform: Array, *, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH
) -> Array:
    """Return the share, 0–1, of samples in each frame whose sign differs from the one before.

    Of waveforms (n, samples), in shape (n, frames).

    Examples
    --------
    >>> alternating = np.resize(np.array([1, -1], np.float32), (1, 66_150))
    >>> float(zero_crossing_rate(alternating)[0, 65].round(3))
    1.0
    """
    negative = waveform < -SIGN_THRESHOLD
    # The ends are continued with their own value, which adds no crossing.
    crossing = np.zeros(waveform.shape, dtype=bool)
    np.not_equal(negative[:, 1:], negative[:, :-1], out=crossing[:, 1:])
    hops = _hops(crossing, n_fft, hop_length)
    frames = _frame_sums(np.count_nonzero(hops, axis=-1), n_fft // hop_length)
    frames -= hops[:, : frames.shape[1], 0]  # a frame's first sample has none before it
    return np.asarray(frames / n_fft, dtype=np.float32)


def rms(waveform: Array, *, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> Array:
    """Return the root mean square of each frame, zeros beyond the ends, (n, frames).

    Examples
    --------
    >>> float(rms(np.full((1, 66_150), 0.5, np.float32))[0, 65])
    0.5
    """
    hops = _hops(waveform, n_fft, hop_length)
    squares = np.einsum("nhs,nhs->nh", hops, hops)
    total = _frame_sums(squares, n_fft // hop_length)
    return np.asarray(np.sqrt(total / np.float32(n_fft)), dtype=np.float32)


def _hops(values: NDArray[Any], n_fft: int, hop_length: int) -> NDArray[Any]:
    """Cut samples into hops, (n, hops, hop_length), so that the first frame is centred on 0."""
    if n_fft % hop_length:
        raise ValueError(f"a frame of {n_fft} samples is no whole number of hops of {hop_length}")
    count, length = values.shape
    hops = length // hop_length + n_fft // hop_length
    padded = np.zeros((count, hops * hop_length), dtype=values.dtype)
    used = min(length, padded.shape[1] - n_fft // 2)
    padded[:, n_fft // 2 : n_fft // 2 + used] = values[:, :used]
    return padded.reshape(count, hops, hop_length)


def _frame_sums(hops: NDArray[Any], per_frame: int) -> NDArray[Any]:
    """Sum what each hop holds, (n, hops), over the hops of each frame, (n, frames)."""
    frames = hops.shape[1] - per_frame + 1
    return reduce(np.add, (hops[:, start : start + frames] for start in range(per_frame)))


def _n_fft(spectrum: NDArray[Any]) -> int:
    """Return the frame length of a spectrum whose last axis is bins."""
    return 2 * (int(spectrum.shape[-1]) - 1)

"""The low-level descriptors and what they are made from, written out in NumPy, in float64.

As ``features/lowlevel.py`` describes them; its graph is compared with this.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from music_emotion.features.filterbanks import mel

Floats = NDArray[np.float64]

SAMPLE_RATE = 16_000
N_FFT = 512
HOP_LENGTH = 256
N_MELS = 96
FRAMES = 187
PEAK = 0.9
QUIETEST_PEAK = 1e-3
LOG_GAIN = 10_000.0

BANDS_PER_GROUP = 3
COEFFICIENTS = 20
COARSE_BANDS = 8
LEVEL_FLOOR = 1e-4  # of a frame's summed power, so that silence has a level
POWER_FLOOR = 1e-6  # of a band's power before its logarithm is taken

ROLL_OFF = (0.25, 0.85)  # share of the power below
LOWEST_FREQUENCY = 20.0  # Hz, added before a frequency's logarithm is taken
LEVEL_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONTRAST_EDGES = (0, 7, 13, 26, 51, 103, 257)  # bins: octaves from 200 Hz to 8 kHz
CONTRAST_SHARE = 0.2  # of a band's bins count as peaks, and as many as valleys
CONTRAST_STEP = 2  # every second frame is enough

MODULATION_FFT = 256  # frames
MODULATION_EDGES = (2, 4, 8, 16, 32, 64, 129)  # bins of 0.244 Hz
LAG_EDGES = (12, 16, 20, 24, 28, 34, 40, 48, 58, 70, 84, 100, 124)  # frames of 16 ms

PITCH_FFT = 4_096  # samples
PITCH_HOP = 3_200  # samples
PITCH_RANGE = (65.0, 4_000.0)  # Hz
PITCH_WIDTH = 0.35  # semitones
PITCH_CENTRE = 440.0  # Hz, where the weight over octaves is highest
PITCH_OCTAVES = 1.5  # width of that weight

# Krumhansl and Kessler's probe-tone ratings for major and minor keys.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

TINY = 1e-6


def normalise_level(segments: NDArray[np.float32]) -> Floats:
    """Each segment at a peak of 0.9; silence raised by 59 dB at most."""
    segments = segments.astype(np.float64)
    peak = np.abs(segments).max(axis=1, keepdims=True)
    return segments * (PEAK / np.maximum(peak, QUIETEST_PEAK))


def hann(length: int) -> Floats:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


def power_spectra(levelled: Floats) -> Floats:
    """Power of centred, zero-padded frames, (n, 187, 257)."""
    padded = np.pad(levelled, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP_LENGTH]
    spectrum = np.fft.rfft(frames[:, :FRAMES] * hann(N_FFT), axis=2)
    return np.square(np.abs(spectrum))


def lowlevel(segments: NDArray[np.float32]) -> Floats:
    """The 272 descriptors of segments (n, 48000)."""
    levelled = normalise_level(segments)
    power = power_spectra(levelled)
    mel_power = power @ mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS).astype(np.float64)
    log_mel = np.log10(LOG_GAIN * mel_power + 1.0)
    rise = np.maximum(np.diff(log_mel, axis=1), 0.0)
    groups = (
        *_timbre(mel_power, log_mel, rise),
        *_shape_and_dynamics(levelled, power, mel_power),
        *_contrast(power),
        _modulation(log_mel),
        _periodicity(rise.mean(axis=2)),
        _harmony(levelled),
    )
    return np.concatenate(groups, axis=1)


def _timbre(mel: Floats, log_mel: Floats, rise: Floats) -> list[Floats]:
    count = len(mel)
    grouped = (count, N_MELS // BANDS_PER_GROUP, BANDS_PER_GROUP)
    decibels = 10.0 * np.log10(mel + POWER_FLOOR)
    cepstrum = dct(decibels, norm="ortho", axis=2)[:, :, :COEFFICIENTS]
    return [
        log_mel.mean(axis=1).reshape(grouped).mean(axis=2),
        log_mel.std(axis=1).reshape(grouped).mean(axis=2),
        cepstrum.mean(axis=1),
        cepstrum.std(axis=1),
        (cepstrum[:, 2:] - cepstrum[:, :-2]).std(axis=1),
        rise.mean(axis=1).reshape(count, COARSE_BANDS, -1).mean(axis=2),
    ]


def _shape_and_dynamics(levelled: Floats, power: Floats, mel: Floats) -> list[Floats]:
    frequency = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    total = power.sum(axis=2) + TINY
    moments = power @ np.stack([frequency, frequency**2], axis=1)
    centroid = moments[:, :, 0] / total
    spread = np.sqrt(np.maximum(moments[:, :, 1] / total - centroid**2, 0.0))
    floor = POWER_FLOOR
    flatness = np.log(mel + floor).mean(axis=2) - np.log(mel.mean(axis=2) + floor)
    cumulated = np.cumsum(power, axis=2)
    roll_off = [
        (cumulated < share * cumulated[:, :, -1:]).sum(axis=2) * (SAMPLE_RATE / N_FFT)
        for share in ROLL_OFF
    ]
    level = 10.0 * np.log10(total + LEVEL_FLOOR)
    octaves = [np.log2(value + LOWEST_FREQUENCY) for value in (centroid, spread, *roll_off)]
    shape = np.stack([*octaves, flatness, _crossings(levelled), level], axis=2)
    quantiles = np.quantile(level, LEVEL_QUANTILES, axis=1).T - level.mean(axis=1, keepdims=True)
    quiet = (total < total.mean(axis=1, keepdims=True)).mean(axis=1, keepdims=True)
    mean_square = np.square(levelled).mean(axis=1, keepdims=True)
    peak = np.abs(levelled).max(axis=1, keepdims=True)
    crest = np.log10((peak + TINY) / (np.sqrt(mean_square) + TINY))
    return [
        shape[:, :, :-1].mean(axis=1),
        shape.std(axis=1),
        np.concatenate([quantiles, quiet, crest], axis=1),
    ]


def _crossings(levelled: Floats) -> Floats:
    """Return the share of zero crossings per frame, shape (n, 187)."""
    negative = levelled < 0.0
    changes = (negative[:, 1:] != negative[:, :-1])[:, : FRAMES * HOP_LENGTH]
    frames = changes.reshape(len(levelled), FRAMES, HOP_LENGTH)
    return frames.mean(axis=2)


def _contrast(power: Floats) -> list[Floats]:
    log_power = np.log(power[:, ::CONTRAST_STEP] + POWER_FLOOR)
    bands = []
    for low, high in pairwise(CONTRAST_EDGES):
        size = max(1, int(CONTRAST_SHARE * (high - low)))
        ordered = np.sort(log_power[:, :, low:high], axis=2)
        bands.append(ordered[:, :, -size:].mean(axis=2) - ordered[:, :, :size].mean(axis=2))
    contrast = np.stack(bands, axis=2)
    return [contrast.mean(axis=1), contrast.std(axis=1)]


def _modulation(log_mel: Floats) -> Floats:
    count, frames, _ = log_mel.shape
    coarse = log_mel.reshape(count, frames, COARSE_BANDS, -1).mean(axis=3)
    envelope = np.concatenate([coarse, log_mel.mean(axis=2, keepdims=True)], axis=2)
    envelope -= envelope.mean(axis=1, keepdims=True)
    window = np.hanning(frames)[:, None]
    power = np.square(np.abs(np.fft.rfft(envelope * window, n=MODULATION_FFT, axis=1)))
    octaves = [
        np.log(power[:, low:high].mean(axis=1) + 1e-3) for low, high in pairwise(MODULATION_EDGES)
    ]
    return np.stack(octaves, axis=2).reshape(count, -1)


def _periodicity(onset: Floats) -> Floats:
    onset = onset - onset.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(onset, n=512, axis=1)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)), axis=1)
    correlation = correlation / (correlation[:, :1] + TINY)
    ranges = [correlation[:, low:high].max(axis=1) for low, high in pairwise(LAG_EDGES)]
    deviation = onset.std(axis=1)
    third = (onset**3).mean(axis=1) / (deviation**3 + TINY)
    highest = correlation[:, LAG_EDGES[0] : LAG_EDGES[-1]].max(axis=1)
    density = (onset > 2.0 * deviation[:, None]).mean(axis=1)
    peakedness = np.log(np.maximum(third, 0.0) + 3.0)
    return np.stack([*ranges, highest, deviation, density, peakedness], axis=1)


def _harmony(levelled: Floats) -> Floats:
    chroma = _chroma(levelled)
    profile = chroma.mean(axis=1)
    share = profile / (profile.sum(axis=1, keepdims=True) + TINY)
    standard = (profile - profile.mean(axis=1, keepdims=True)) / (
        profile.std(axis=1, keepdims=True) + TINY
    )
    major, minor = (np.sort(standard @ _keys(profile), axis=1) for profile in (MAJOR, MINOR))
    change = np.sqrt(np.square(np.diff(chroma, axis=1)).sum(axis=2))
    cycles = _cycles(chroma)
    scalars = [
        major[:, -1],
        minor[:, -1],
        major[:, -1] - minor[:, -1],
        major[:, -1] - major[:, -2],
        -(share * np.log(share + 1e-9)).sum(axis=1),
        change.mean(axis=1),
        change.std(axis=1),
        chroma.std(axis=1).mean(axis=1),
    ]
    groups = [_cycles(profile), cycles.mean(axis=1), cycles.std(axis=1), np.stack(scalars, axis=1)]
    return np.concatenate([*groups, np.sort(profile, axis=1)[:, ::-1]], axis=1)


def _chroma(levelled: Floats) -> Floats:
    """Return pitch-class profiles between 0 and 1, shape (n, frames, 12)."""
    window = hann(PITCH_FFT)
    frames = np.lib.stride_tricks.sliding_window_view(levelled, PITCH_FFT, axis=1)
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames[:, ::PITCH_HOP] * window, axis=2)))
    chroma = magnitude @ _pitch_bank()
    chroma = chroma - chroma.min(axis=2, keepdims=True)
    return chroma / (chroma.max(axis=2, keepdims=True) + TINY)


def _cycles(profile: Floats) -> Floats:
    """Return the magnitudes of the six Fourier components over pitch class, relative to the sum."""
    spectrum = np.abs(np.fft.rfft(profile, axis=-1))[..., 1:]
    return spectrum / (profile.sum(axis=-1, keepdims=True) + TINY)


def _pitch_bank() -> Floats:
    frequency = np.maximum(np.arange(PITCH_FFT // 2 + 1) * SAMPLE_RATE / PITCH_FFT, 1.0)
    octave = np.log2(frequency / PITCH_CENTRE)
    distance = (12.0 * octave[:, None] - np.arange(12.0) + 3.0) % 12.0  # pitch class 3 is A
    distance = np.minimum(distance, 12.0 - distance)
    bank = np.exp(-0.5 * (distance / PITCH_WIDTH) ** 2)
    bank *= np.exp(-0.5 * (octave / PITCH_OCTAVES) ** 2)[:, None]
    bank[(frequency < PITCH_RANGE[0]) | (frequency > PITCH_RANGE[1])] = 0.0
    return bank


def _keys(profile: tuple[float, ...]) -> Floats:
    """Return the standardised profile in twelve keys as columns that give correlations."""
    values = np.asarray(profile)
    values = (values - values.mean()) / values.std() / 12.0
    return np.stack([np.roll(values, key) for key in range(12)], axis=1)

"""What a segment sounds like in a few hundred numbers that are cheap to compute.

Timbre, movement, rhythm, dynamics and harmony of one 3-s segment, from the same 16 kHz signal and
the same short-time spectra as the pretrained network takes (`features.musicnn`), plus one long
transform for pitch. No source separation, no tuning estimate, nothing above 8 kHz. Segments are
brought to one level first, so that a quieter copy gives the same numbers. About 50 ms per
one-minute track.

Groups of columns (`LOWLEVEL_NAMES`):

- ``mel``, ``mel_deviation``: mean and standard deviation over time of the log-mel spectrum,
  averaged over three neighbouring bands;
- ``mfcc``, ``mfcc_deviation``, ``mfcc_change``: mean, standard deviation and standard deviation
  of the two-frame difference of 20 cepstral coefficients;
- ``flux``: mean rise per eighth of the bands;
- ``shape``, ``shape_deviation``: centroid, spread, flatness, two roll-off points and zero
  crossings (mean, deviation; the deviation of the level too);
- ``dynamics``: quantiles of the frame level about its mean, the share of frames below the mean
  power, and the crest factor;
- ``contrast``, ``contrast_deviation``: peaks over valleys in six octave bands (after Jiang and
  others, *Music type classification by spectral contrast feature*, ICME 2002);
- ``modulation``: log power of the bands' envelopes in six octaves of modulation frequency from
  0.5 to 31 Hz (after Pampalk and others, *Content-based organization and visualization of music
  archives*, ACM Multimedia 2002: fluctuation patterns);
- ``periodicity``: the highest autocorrelation of the onset curve in twelve ranges of lag, its
  overall maximum, and the strength, density and peakedness of onsets;
- ``harmony``: magnitudes of the Fourier transform over pitch classes, which don't change with the
  key (Tymoczko, *Set-class similarity, voice leading, and the Fourier transform*, Journal of
  Music Theory 52(2), 2008), fit to major and minor key profiles (Krumhansl, *Cognitive
  foundations of musical pitch*, 1990), entropy, sorted pitch-class profile and its change.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.musicnn import (
    HOP_LENGTH,
    LOG_GAIN,
    N_FFT,
    N_MELS,
    PATCH_FRAMES,
    SAMPLE_RATE,
    LevelledSegments,
    levelled_segments,
    mel_power,
)
from music_emotion.features.spectrum import hann, stacked

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

Array = NDArray[np.float32]


def lowlevel(segments: Array) -> Array:
    """Describe segments as `musicnn` takes them, (n, 48000) → (n, 272), float32.

    Columns as in `LOWLEVEL_NAMES`.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1_000 / 16_000 * np.arange(48_000)).astype(np.float32)
    >>> octave = lowlevel(tone[None])[0, LOWLEVEL_NAMES.index("shape_0")]
    >>> round(2 ** float(octave) - LOWEST_FREQUENCY)
    1000
    """
    parts = [levelled_lowlevel(few) for few in levelled_segments(segments)]
    return stacked(parts, (LOWLEVEL_SIZE,))


def levelled_lowlevel(segments: LevelledSegments) -> Array:
    """Describe segments whose level and power spectra are there already.

    Examples
    --------
    >>> (few,) = levelled_segments(np.zeros((2, 48_000), np.float32))
    >>> levelled_lowlevel(few).shape
    (2, 272)
    """
    levelled, power = segments.waveform, segments.power
    mel = mel_power(power)
    log_mel = np.log10(np.float32(LOG_GAIN) * mel + np.float32(1.0))
    rise = np.maximum(np.diff(log_mel, axis=1), 0.0)
    groups = (
        *_timbre(mel, log_mel, rise),
        *_shape_and_dynamics(levelled, power, mel),
        *_contrast(power),
        _modulation(log_mel),
        _periodicity(rise.mean(axis=2)),
        _harmony(levelled),
    )
    return np.concatenate(groups, axis=1).astype(np.float32)


def _timbre(mel: Array, log_mel: Array, rise: Array) -> list[Array]:
    from scipy.fft import dct

    count = len(mel)
    grouped = (count, N_MELS // BANDS_PER_GROUP, BANDS_PER_GROUP)
    decibels = 10.0 * np.log10(mel + np.float32(POWER_FLOOR))
    cepstrum = dct(decibels, norm="ortho", axis=2)[:, :, :COEFFICIENTS]
    return [
        log_mel.mean(axis=1).reshape(grouped).mean(axis=2),
        log_mel.std(axis=1).reshape(grouped).mean(axis=2),
        cepstrum.mean(axis=1),
        cepstrum.std(axis=1),
        (cepstrum[:, 2:] - cepstrum[:, :-2]).std(axis=1),
        rise.mean(axis=1).reshape(count, COARSE_BANDS, -1).mean(axis=2),
    ]


def _shape_and_dynamics(levelled: Array, power: Array, mel: Array) -> list[Array]:
    frequency = (np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT).astype(np.float32)
    total = power.sum(axis=2) + np.float32(TINY)
    moments = power @ np.stack([frequency, frequency**2], axis=1)
    centroid = moments[:, :, 0] / total
    spread = np.sqrt(np.maximum(moments[:, :, 1] / total - centroid**2, 0.0))
    floor = np.float32(POWER_FLOOR)
    flatness = np.log(mel + floor).mean(axis=2) - np.log(mel.mean(axis=2) + floor)
    cumulated = np.cumsum(power, axis=2)
    roll_off = [
        (cumulated < share * cumulated[:, :, -1:]).sum(axis=2) * (SAMPLE_RATE / N_FFT)
        for share in ROLL_OFF
    ]
    level = 10.0 * np.log10(total + np.float32(LEVEL_FLOOR))
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


def _crossings(levelled: Array) -> Array:
    """Return the share of zero crossings per frame, shape (n, 187)."""
    negative = np.signbit(levelled)
    changes = (negative[:, 1:] != negative[:, :-1])[:, : PATCH_FRAMES * HOP_LENGTH]
    frames = changes.reshape(len(levelled), PATCH_FRAMES, HOP_LENGTH)
    return np.asarray(frames.mean(axis=2, dtype=np.float32))


def _contrast(power: Array) -> list[Array]:
    log_power = np.log(power[:, ::CONTRAST_STEP] + np.float32(POWER_FLOOR))
    bands = []
    for low, high in pairwise(CONTRAST_EDGES):
        size = max(1, int(CONTRAST_SHARE * (high - low)))
        ordered = np.sort(log_power[:, :, low:high], axis=2)
        bands.append(ordered[:, :, -size:].mean(axis=2) - ordered[:, :, :size].mean(axis=2))
    contrast = np.stack(bands, axis=2)
    return [contrast.mean(axis=1), contrast.std(axis=1)]


def _modulation(log_mel: Array) -> Array:
    from scipy.fft import rfft

    count, frames, _ = log_mel.shape
    coarse = log_mel.reshape(count, frames, COARSE_BANDS, -1).mean(axis=3)
    envelope = np.concatenate([coarse, log_mel.mean(axis=2, keepdims=True)], axis=2)
    envelope -= envelope.mean(axis=1, keepdims=True)
    window = np.hanning(frames).astype(np.float32)[:, None]
    power = np.square(np.abs(rfft(envelope * window, n=MODULATION_FFT, axis=1)))
    octaves = [
        np.log(power[:, low:high].mean(axis=1) + 1e-3) for low, high in pairwise(MODULATION_EDGES)
    ]
    return np.stack(octaves, axis=2).reshape(count, -1)


def _periodicity(onset: Array) -> Array:
    from scipy.fft import irfft, rfft

    onset = onset - onset.mean(axis=1, keepdims=True)
    spectrum = rfft(onset, n=512, axis=1)
    correlation = irfft(np.square(np.abs(spectrum)), axis=1)
    correlation = correlation / (correlation[:, :1] + TINY)
    ranges = [correlation[:, low:high].max(axis=1) for low, high in pairwise(LAG_EDGES)]
    deviation = onset.std(axis=1)
    third = (onset**3).mean(axis=1) / (deviation**3 + TINY)
    highest = correlation[:, LAG_EDGES[0] : LAG_EDGES[-1]].max(axis=1)
    density = (onset > 2.0 * deviation[:, None]).mean(axis=1)
    peakedness = np.log(np.maximum(third, 0.0) + 3.0)
    return np.stack([*ranges, highest, deviation, density, peakedness], axis=1)


def _harmony(levelled: Array) -> Array:
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


def _chroma(levelled: Array) -> Array:
    """Return pitch-class profiles between 0 and 1, shape (n, frames, 12)."""
    from scipy.fft import rfft

    window = hann(PITCH_FFT).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(levelled, PITCH_FFT, axis=1)
    magnitude = np.sqrt(np.abs(rfft(frames[:, ::PITCH_HOP] * window, axis=2)))
    chroma = magnitude @ _pitch_bank()
    chroma = chroma - chroma.min(axis=2, keepdims=True)
    return np.asarray(chroma / (chroma.max(axis=2, keepdims=True) + np.float32(TINY)))


def _cycles(profile: Array) -> Array:
    """Return the magnitudes of the six Fourier components over pitch class, relative to the sum."""
    spectrum = np.abs(np.fft.rfft(profile, axis=-1))[..., 1:]
    return np.asarray(spectrum / (profile.sum(axis=-1, keepdims=True) + TINY))


@lru_cache(maxsize=1)
def _pitch_bank() -> Array:
    frequency = np.maximum(np.arange(PITCH_FFT // 2 + 1) * SAMPLE_RATE / PITCH_FFT, 1.0)
    octave = np.log2(frequency / PITCH_CENTRE)
    distance = (12.0 * octave[:, None] - np.arange(12.0) + 3.0) % 12.0  # pitch class 0 is C
    distance = np.minimum(distance, 12.0 - distance)
    bank = np.exp(-0.5 * (distance / PITCH_WIDTH) ** 2)
    bank *= np.exp(-0.5 * (octave / PITCH_OCTAVES) ** 2)[:, None]
    bank[(frequency < PITCH_RANGE[0]) | (frequency > PITCH_RANGE[1])] = 0.0
    return bank.astype(np.float32)


def _keys(profile: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the standardised profile in twelve keys as columns that give correlations."""
    values = np.asarray(profile)
    values = (values - values.mean()) / values.std() / 12.0
    return np.stack([np.roll(values, key) for key in range(12)], axis=1)


_GROUPS = (
    ("mel", N_MELS // BANDS_PER_GROUP),
    ("mel_deviation", N_MELS // BANDS_PER_GROUP),
    ("mfcc", COEFFICIENTS),
    ("mfcc_deviation", COEFFICIENTS),
    ("mfcc_change", COEFFICIENTS),
    ("flux", COARSE_BANDS),
    ("shape", 6),
    ("shape_deviation", 7),
    ("dynamics", 7),
    ("contrast", 6),
    ("contrast_deviation", 6),
    ("modulation", (COARSE_BANDS + 1) * (len(MODULATION_EDGES) - 1)),
    ("periodicity", len(LAG_EDGES) + 3),
    ("harmony", 38),
)

LOWLEVEL_NAMES: tuple[str, ...] = tuple(
    f"{group}_{number}" for group, size in _GROUPS for number in range(size)
)
"""Names of the columns of `lowlevel`."""

LOWLEVEL_SIZE = len(LOWLEVEL_NAMES)


def column_groups() -> NDArray[np.int64]:
    """Return for each column of `lowlevel` the number of its group of names, shape (272,).

    Examples
    --------
    >>> column_groups()[[0, 31, 32]].tolist()
    [0, 0, 1]
    """
    return np.repeat(np.arange(len(_GROUPS)), [size for _, size in _GROUPS])

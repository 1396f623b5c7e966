"""What a segment sounds like in a few hundred numbers that are cheap to compute.

Timbre, movement, rhythm, dynamics and harmony of one 3-s segment, from the same 16 kHz signal and
the same short-time spectra as the pretrained network takes (`features.musicnn`), plus one long
transform for pitch. No source separation, no tuning estimate, nothing above 8 kHz. Segments are
brought to one level first, so that a quieter copy gives the same numbers. It is a graph
(`features.graphs`), built by ``tools/build_ear.py``; about 25 ms per one-minute track.

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

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.graphs import SUMMARY, run_graph
from music_emotion.features.musicnn import LevelledSegments, levelled_segments
from music_emotion.features.spectrum import stacked

Array = NDArray[np.float32]

_GROUPS = (
    ("mel", 32),
    ("mel_deviation", 32),
    ("mfcc", 20),
    ("mfcc_deviation", 20),
    ("mfcc_change", 20),
    ("flux", 8),
    ("shape", 6),
    ("shape_deviation", 7),
    ("dynamics", 7),
    ("contrast", 6),
    ("contrast_deviation", 6),
    ("modulation", 54),
    ("periodicity", 16),
    ("harmony", 38),
)

LOWLEVEL_NAMES: tuple[str, ...] = tuple(
    f"{group}_{number}" for group, size in _GROUPS for number in range(size)
)
"""Names of the columns of `lowlevel`."""

LOWLEVEL_SIZE = len(LOWLEVEL_NAMES)


LOWEST_FREQUENCY = 20.0  # Hz, added before a frequency's logarithm is taken


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
    """Describe segments whose level and spectra are there already.

    Examples
    --------
    >>> (few,) = levelled_segments(np.zeros((2, 48_000), np.float32))
    >>> levelled_lowlevel(few).shape
    (2, 272)
    """
    spectra = {"power": segments.power, "mel": segments.mel, "log_mel": segments.log_mel}
    (summary,) = run_graph(SUMMARY, ["summary"], {"levelled": segments.waveform, **spectra})
    return summary


def column_groups() -> NDArray[np.int64]:
    """Return for each column of `lowlevel` the number of its group of names, shape (272,).

    Examples
    --------
    >>> column_groups()[[0, 31, 32]].tolist()
    [0, 0, 1]
    """
    return np.repeat(np.arange(len(_GROUPS)), [size for _, size in _GROUPS])

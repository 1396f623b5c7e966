"""Fit the fingerprints by which a model knows the recordings that it learned from.

Directions in which segments of music differ much, and copies of the same recording little, solve a
generalised eigenvalue problem (Fisher's discriminant, with a recording's segment as class): the
covariance of all segments against that of what coding changes. Some tracks are coded badly for
that, in memory: as MP3 of low quality, at their own rate and at half of it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy.linalg import eigh

from music_emotion.audio import Resampler, decode
from music_emotion.features.compute import compute_features
from music_emotion.features.segments import EXCERPT_SECONDS
from music_emotion.inference.recordings import CLIP, STEP, Recordings, projected

CODED_TRACKS = 24
SEGMENTS = 20  # of a fingerprint: a minute
DIRECTIONS = 16
RIDGE = 0.03
"""Added to what coding changes, in variances of a column: other changes are unknown."""

NEAREST = {"summary": 0.22, "tags": 0.4}
"""Distance below which a recording is the same, by what fingerprints are made of."""

CODINGS = (("VARIABLE", 0.9, 44_100), ("CONSTANT", 0.99, 44_100), ("VARIABLE", 0.9, 22_050))
"""Of MP3: mode of the bit rate, how low it is (0 to 1), sample rate in Hz."""

Array = NDArray[np.float32]


def fit_recordings(
    feature: str, tracks: Sequence[Array], changes: NDArray[np.floating]
) -> Recordings:
    """Return the fingerprints of recordings.

    Parameters
    ----------
    feature
        Name of what they are made of.
    tracks
        For each recording the feature of its segments from the beginning on, (n, k).
    changes
        What coding changes of it, of any segments, shape (m, k).
    """
    rows = np.concatenate(list(tracks)).astype(np.float64)
    mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    standard = np.clip((rows - mean) / deviation, -CLIP, CLIP)
    changed = np.clip(changes / deviation, -CLIP, CLIP)
    noise = changed.T @ changed / len(changed) + RIDGE * np.eye(len(mean))
    _, vectors = eigh(np.cov(standard.T), noise)
    axes = vectors[:, ::-1][:, :DIRECTIONS]
    axes /= (standard @ axes).std(axis=0)
    stored = [array.astype(np.float32) for array in (mean, 1.0 / deviation, axes)]
    prints = np.zeros((len(tracks), SEGMENTS, axes.shape[1]), np.int8)
    for print_, track in zip(prints, tracks, strict=True):
        points = projected(track[:SEGMENTS], *stored)
        print_[: len(points)] = np.clip(np.round(points / STEP), -127, 127)
    lengths = np.array([min(len(track), SEGMENTS) for track in tracks], np.int16)
    return Recordings(feature, *stored, prints, lengths, NEAREST[feature])


def coding_changes(feature: str, paths: Sequence[Path]) -> NDArray[np.float64]:
    """Return what coding changes of a feature, of the segments of some of the tracks, (m, k)."""
    chosen = np.unique(np.linspace(0, len(paths) - 1, CODED_TRACKS).round().astype(int))
    return np.concatenate([part for at in chosen for part in _changes(feature, paths[at])])


def _changes(feature: str, path: Path) -> Iterator[NDArray[np.float64]]:
    sound = decode(path, duration=EXCERPT_SECONDS)
    plain = compute_features(sound, [feature])[feature]
    for mode, level, rate in CODINGS:
        samples = Resampler(sound.sample_rate, rate).push(sound.samples, last=True)
        file = io.BytesIO()
        sf.write(file, samples, rate, format="MP3", bitrate_mode=mode, compression_level=level)
        copy = compute_features(decode(io.BytesIO(file.getvalue())), [feature])[feature]
        both = min(len(copy), len(plain))
        yield copy[:both].astype(np.float64) - plain[:both]

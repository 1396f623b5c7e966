"""Fingerprints: a planted recording is found again in any copy, and no other is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf

from fit_recordings import DIRECTIONS, SEGMENTS, coding_changes, fit_recordings
from helpers.sounds import RATE
from music_emotion.features.compute import FEATURES

COLUMNS = FEATURES["summary"].shape[0]
RANDOM = np.random.default_rng(5)
CHANGED = 40  # columns that coding changes


def courses(count: int, segments: int = 20) -> list[np.ndarray]:
    """Tracks of independent segments."""
    return list(RANDOM.standard_normal((count, segments, COLUMNS)).astype(np.float32))


def change(shape: tuple[int, ...]) -> np.ndarray:
    """What coding does: much, but in a few columns."""
    result = np.zeros((*shape, COLUMNS))
    result[..., :CHANGED] = 3.0 * RANDOM.standard_normal((*shape, CHANGED))
    return result


TRACKS = courses(30)
KNOWN = fit_recordings("summary", TRACKS, change((500,)))


def test_copies_are_known_and_other_music_is_not() -> None:
    heard = np.ones(20, bool)
    for track in TRACKS:
        assert KNOWN.hold((track + change((20,))).astype(np.float32), heard)
    assert not any(KNOWN.hold(track, heard) for track in courses(10))


def test_what_coding_changes_is_not_looked_at() -> None:
    assert KNOWN.axes.shape == (COLUMNS, DIRECTIONS)
    looked_at = np.square(KNOWN.axes).sum(axis=1)
    assert looked_at[:CHANGED].sum() < 0.01 * looked_at.sum()


def test_the_directions_are_of_one_size() -> None:
    stored = KNOWN.prints.astype(np.float64) / 16
    assert np.allclose(stored.std(axis=(0, 1)), 1.0, atol=0.02)


def test_short_recordings_keep_their_length() -> None:
    known = fit_recordings("summary", [TRACKS[0][:12], *courses(5, 25)], change((500,)))
    assert known.lengths.tolist() == [12] + [SEGMENTS] * 5
    assert not known.prints[0, 12:].any()


def test_what_coding_changes_is_measured_on_coded_sound(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(6 * RATE)
    sf.write(tmp_path / "noise.wav", noise, RATE)
    changes = coding_changes("summary", [tmp_path / "noise.wav"])
    assert changes.shape == (3 * 2, COLUMNS)  # three codings of two segments
    assert np.abs(changes).max() > 0.1

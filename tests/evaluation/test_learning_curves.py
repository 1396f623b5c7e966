"""Curves by the share that was learned from: means, gains, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.learning_curves import learning_curves
from music_emotion.evaluation.scores import Scored

N = 100


def right_on(first: int) -> Scored:
    """Right on the first tracks alone, each of another artist; without votes."""
    emotions = np.full((N, 9), 0.0, dtype=np.float32)
    emotions[np.arange(N), np.where(np.arange(N) < first, 0, 1)] = 1.0
    label = np.zeros(N, dtype=np.int64)
    genre = np.array([""] * N)
    return Scored(label, None, np.arange(N), N, genre, emotions, emotions)


def test_points_gains_and_what_is_no_curve() -> None:
    runs = {
        ("artist", "label", "net", 42): {
            1.0: {0: right_on(60), 1: right_on(70)},
            0.5: {0: right_on(40), 1: right_on(50), 2: right_on(90)},
        },
        ("artist", "label", "whole", 42): {1.0: {0: right_on(60)}},
    }
    [curve] = learning_curves(runs, resample_groups(N))
    assert (curve.protocol, curve.target, curve.model, curve.seed) == (
        "artist", "label", "net", 42,
    )  # fmt: skip
    half, whole = curve.points
    assert (half.share, half.trainings, whole.share, whole.trainings) == (0.5, 3, 1.0, 2)
    assert half.scores["accuracy"].value == pytest.approx(0.6)
    assert whole.scores["accuracy"].value == pytest.approx(0.65)
    assert "mean_pearson_r" not in whole.scores
    # Over the two trainings that both have: 65 against 45 of 100.
    gain = curve.doubling["accuracy"]
    assert gain.value == pytest.approx(0.2)
    # In either training the same 20 artists are gained: 20 of 100, though others.
    assert gain.high - gain.low == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / N), abs=0.02)


def test_a_gain_needs_the_half_and_the_whole() -> None:
    runs = {("track", "votes", "net", 42): {0.25: {0: right_on(10)}, 1.0: {0: right_on(20)}}}
    [curve] = learning_curves(runs, resample_groups(N))
    assert curve.doubling == {}

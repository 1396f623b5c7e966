"""What is familiar: planted music and planted noise, and what it costs the confidence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from music_emotion.inference.familiarity import Discriminant, doubted

# Familiar is what has a high mean in the first column and moves in the second.
PLANTED = Discriminant(
    "own",
    mean=np.array([1.0, 0.0, 0.0, 2.0], np.float32),
    scale=np.array([2.0, 1.0, 1.0, 0.5], np.float32),
    weights=np.array([0.5, 0.0, 0.0, 0.25], np.float32),
    offset=-0.1,
)
HEARD = np.ones(2, bool)


def odds(familiarity: float) -> float:
    return math.log(familiarity / (1 - familiarity))


def test_means_and_deviations_are_weighed() -> None:
    rows = np.array([[2.0, -4.0], [3.0, 4.0]], np.float32)  # means 2.5 and 0, deviations 0.5 and 4
    expected = 0.5 * 2.0 * (2.5 - 1.0) + 0.25 * 0.5 * (4.0 - 2.0) - 0.1
    assert odds(PLANTED.familiarity(rows, HEARD)) == pytest.approx(expected, rel=1e-6)


def test_no_column_decides_alone() -> None:
    far = np.array([[1e6, 0.0], [1e6, 0.0]], np.float32)
    assert odds(PLANTED.familiarity(far, HEARD)) == pytest.approx(0.5 * 6 - 0.25 - 0.1, rel=1e-6)


def test_silence_is_not_familiar_and_does_not_count() -> None:
    rows = np.array([[2.0, 1.0], [2.0, 1.0], [-50.0, 9.0]], np.float32)
    assert PLANTED.familiarity(rows, np.zeros(3, bool)) == 0.0
    heard = PLANTED.familiarity(rows, np.array([True, True, False]))
    assert heard == PLANTED.familiarity(rows[:2], HEARD)


@pytest.mark.parametrize("offset", [-1e4, 1e4])
def test_extremes_stay_within_zero_and_one(offset: float) -> None:
    value = replace(PLANTED, offset=offset).familiarity(np.ones((2, 2), np.float32), HEARD)
    assert value == (0.0 if offset < 0 else 1.0)


def test_what_does_not_fit_together_is_refused() -> None:
    for wrong in ({"mean": PLANTED.mean[:3]}, {"weights": PLANTED.weights[None]}):
        with pytest.raises(ValueError, match="do not fit"):
            replace(PLANTED, **wrong)


@pytest.mark.parametrize(
    ("confidence", "familiarity", "expected"),
    [
        (0.6, 1.0, 0.6),
        (0.6, 0.5, 0.6),
        (0.6, 0.4, 0.8 * 0.6 + 0.2 / 9),
        (0.6, 0.0, 1 / 9),
        (0.6, math.nan, 0.6),
        (0.1, 0.0, 0.1),  # never raised
    ],
)
def test_confidence_falls_to_that_of_a_guess(
    confidence: float, familiarity: float, expected: float
) -> None:
    assert doubted(confidence, familiarity, guess=1 / 9) == pytest.approx(expected)

"""The emotions people confuse, where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.people import simulate, unanimous
from music_emotion.datasets.votes import VoteTable, read_emotify
from music_emotion.emotions import EMOTIONS
from music_emotion.evaluation.agreement import people_confuse


def test_unanimous_people_confuse_nothing() -> None:
    found = people_confuse(unanimous(18, 12), draws=10)
    np.testing.assert_allclose(found.halves, 2 * np.eye(9))
    np.testing.assert_allclose(found.together, np.eye(9))


def test_two_camps_confuse_their_two_emotions() -> None:
    """Half of the listeners of each track feel tenderness, half calmness, one both."""
    ticks = np.zeros((20 * 9, 9), dtype=np.int8)
    for listener in range(9):
        ticks[listener::9, 2] = listener <= 4
        ticks[listener::9, 4] = listener >= 4
    found = people_confuse(
        VoteTable(np.repeat(np.arange(20), 9), ticks, tuple(map(str, range(20)))), draws=50
    )
    assert found.halves[2, 4] > 5
    assert abs(found.halves.sum() - 20) < 1e-9
    assert found.halves[np.ix_([2, 4], [2, 4])].sum() > 19.9
    assert abs(found.together[2, 4] - 1 / 5) < 1e-12
    assert np.isnan(found.together[0]).all()


def test_symmetric_and_complete() -> None:
    found = people_confuse(simulate(tracks=25, listeners=9, seed=1).table, draws=30)
    np.testing.assert_allclose(found.halves, found.halves.T)
    assert abs(found.halves.sum() - 25) < 1e-9
    np.testing.assert_allclose(np.diag(found.together), 1.0)


@pytest.mark.emotify
def test_people_confuse_calmness_with_nostalgia_most(emotify_root: Path) -> None:
    found = people_confuse(read_emotify(emotify_root / "data.csv"), draws=100)
    apart = np.triu(found.halves, k=1)
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    assert (EMOTIONS[row], EMOTIONS[column]) == ("nostalgia", "calmness")

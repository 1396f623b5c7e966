"""Agreement of listeners: extremes, simulations with a known truth, and the published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.people import simulate, unanimous
from music_emotion.datasets.votes import VoteTable, read_emotify
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import ceilings, people_confuse
from music_emotion.evaluation.metrics import pearson_over_tracks


def test_people_who_agree_leave_room_for_a_perfect_model() -> None:
    found = ceilings(unanimous(27, 12), draws=50)
    np.testing.assert_allclose(found.r, 1.0, atol=1e-9)
    assert found.half_agreement == 1.0
    assert found.label_stability == 1.0
    assert found.oracle_accuracy > 0.97


def test_people_who_tick_at_random_leave_none() -> None:
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(300), 15)
    ticks = (rng.random((len(track), 9)) < 0.2).astype(np.int8)
    found = ceilings(VoteTable(track, ticks, tuple(map(str, range(300)))), draws=100)
    assert np.all(found.reliability < 0.3)
    assert abs(found.half_agreement - 1 / 9) < 0.04
    assert found.oracle_accuracy < 0.25


def test_against_a_known_truth() -> None:
    """The ceilings, estimated from votes alone, are what the truth itself reaches."""
    simulation = simulate(tracks=400, listeners=14, seed=3)
    votes, listeners = simulation.table.votes, simulation.table.listeners
    found = ceilings(simulation.table, draws=200)

    reached = pearson_over_tracks(simulation.truth, votes / listeners[:, None])
    np.testing.assert_allclose(found.r, reached, atol=0.04)

    rng = np.random.default_rng(4)
    named = simulation.truth.argmax(axis=1)
    fresh = rng.binomial(14, simulation.truth, size=(200, 400, 9)) + 0.5 * rng.random((400, 9))
    assert abs(found.oracle_accuracy - (fresh.argmax(axis=-1) == named).mean()) < 0.03


def test_spearman_brown_by_hand() -> None:
    """With two listeners per track there is one way to halve them, so r is known exactly."""
    first = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    second = np.array([0, 0, 1, 1, 1, 1, 1, 0])
    ticks = np.zeros((16, 9), dtype=np.int8)
    ticks[0::2, 3], ticks[1::2, 3] = first, second
    table = VoteTable(np.repeat(np.arange(8), 2), ticks, tuple("abcdefgh"))
    # Swapping the two listeners of a track changes r, so average over all 2^8 assignments.
    swaps = (np.arange(256)[:, None] >> np.arange(8)) & 1
    one, other = np.where(swaps, second, first), np.where(swaps, first, second)
    r = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)])
    found = ceilings(table, draws=1500)
    assert abs(found.reliability[3] - 2 * r / (1 + r)) < 0.01
    assert np.isnan(found.reliability[0])  # never ticked


def test_the_seed_decides() -> None:
    table = simulate(tracks=30, listeners=11, seed=0).table
    one, same, other = (ceilings(table, seed=seed, draws=20) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.reliability, same.reliability)
    assert one.oracle_accuracy == same.oracle_accuracy != other.oracle_accuracy


def test_too_few_tracks() -> None:
    with pytest.raises(EvaluationError, match="three tracks"):
        ceilings(simulate(tracks=5, listeners=1, seed=0).table)


@pytest.mark.emotify
def test_reproduces_the_published_agreement(emotify_root: Path) -> None:
    found = ceilings(read_emotify(emotify_root / "data.csv"), seed=11)
    published = [0.55, 0.77, 0.86, 0.81, 0.88, 0.87, 0.91, 0.83, 0.81]
    np.testing.assert_allclose(found.r, published, atol=0.0075)
    assert abs(found.mean_r - 0.81) < 0.005
    assert abs(found.half_agreement - 0.40) < 0.0075
    assert abs(found.label_stability - 0.69) < 0.0075
    assert abs(found.oracle_accuracy - 0.67) < 0.0075


# --- What people confuse --------------------------------------------------------------------------


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

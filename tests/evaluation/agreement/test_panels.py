"""Panels of listeners and what a model is worth in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.people import simulate, unanimous
from music_emotion.datasets.votes import VoteTable, read_emotify
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import (
    Worth,
    Yardstick,
    build_yardstick,
    panel_curve,
)
from music_emotion.evaluation.agreement.panels import dominance, halves, panel_that_reaches, panels

TRACKS = 150
POPULATION = simulate(TRACKS, listeners=44, seed=5)


def worth_of(table: VoteTable, emotions, intensities, groups, **how) -> Worth:
    return build_yardstick(table, groups, **how).measure(emotions, intensities)


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    return build_yardstick(POPULATION.table, np.arange(TRACKS), seed=1, draws=100, resamples=200)


def test_dominance_shares_ties() -> None:
    np.testing.assert_allclose(
        dominance(np.array([[3, 1, 3, 0], [0, 0, 0, 0], [1, 2, 0, 1]])),
        [[0.5, 0, 0.5, 0], [0.25] * 4, [0, 1, 0, 0]],
    )


def test_halves_and_panels_use_each_listener_once() -> None:
    table = simulate(tracks=4, listeners=43, seed=0).table
    rng = np.random.default_rng(0)
    for first, second, rest in halves(table, 30, rng):
        np.testing.assert_array_equal(
            first + second + rest, np.broadcast_to(table.votes, first.shape)
        )
        assert rest.max() <= 1
    for held_out, grown in panels(table, 16, 27, 3, rng):  # 16 + 27: everybody
        votes = grown * np.arange(1, 28)[:, None]
        np.testing.assert_allclose(
            16 * held_out + votes[:, :, -1], np.broadcast_to(table.votes, held_out.shape)
        )
        one_more = np.diff(votes, axis=2)
        np.testing.assert_allclose(one_more, one_more.round(), atol=1e-9)
        assert set(np.unique(one_more.round())) == {0, 1}


@pytest.mark.parametrize("size", [1, 4, 10, 20])
def test_a_model_that_asks_k_listeners_is_worth_k(yardstick: Yardstick, size: int) -> None:
    """Fresh listeners of the same tracks, disguised as a model, are recognised for what they are.

    One disguised panel is itself a random draw, so the mean over many is compared.
    """
    rng = np.random.default_rng(size)
    measured = []
    for _ in range(15):
        asked = rng.binomial(size, POPULATION.truth) / size
        measured.append(yardstick.measure(asked, asked))
    assert abs(np.mean([worth.by_r.value for worth in measured]) - size) < 0.06 * size + 0.1
    by_accuracy = np.mean([worth.by_accuracy.value for worth in measured])
    assert abs(by_accuracy - size) < 0.2 * size + 0.2


def test_the_interval_covers_what_it_should(yardstick: Yardstick) -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(25):
        asked = rng.binomial(6, POPULATION.truth) / 6
        size = yardstick.measure(asked, asked).by_r
        assert size.low <= size.value <= size.high
        covered += size.low <= 6 <= size.high
    assert covered >= 21  # of 25, at a nominal 95 %


def test_the_truth_is_worth_more_than_any_panel(yardstick: Yardstick) -> None:
    worth = yardstick.measure(POPULATION.truth, POPULATION.truth)
    for size in (worth.by_accuracy, worth.by_r):
        assert size.censored
        assert size.high_censored
        assert size.value == 24
        assert str(size).startswith("> 24 (")


def test_a_constant_model_is_worth_nobody_by_r(yardstick: Yardstick) -> None:
    constant = np.full((TRACKS, 9), 1 / 9)
    worth = yardstick.measure(constant, constant)
    assert worth.mean_r == 0.0
    assert worth.by_r.value == 0.0
    assert abs(worth.accuracy - 1 / 9) < 1e-12  # a nine-way tie, broken at random
    assert worth.by_accuracy.value < 0.01
    assert str(worth.by_r) == "0.0 (0.0 to 0.0)"


def test_an_emotion_never_predicted_counts_zero(yardstick: Yardstick) -> None:
    without = POPULATION.truth.copy()
    without[:, 0] = 0.0
    full = yardstick.measure(POPULATION.truth, POPULATION.truth)
    part = yardstick.measure(without, without)
    # r of amazement is near .9 here; leaving it out of the sum, not of the count, costs a ninth.
    assert abs((full.mean_r - part.mean_r) - full.mean_r / 9) < 0.02


def test_r_and_accuracy_are_measured_on_their_own_predictions(yardstick: Yardstick) -> None:
    constant = np.full((TRACKS, 9), 1 / 9)
    worth = yardstick.measure(POPULATION.truth, constant)
    assert worth.by_accuracy.censored
    assert worth.by_r.value == 0.0


def test_larger_groups_widen_the_interval() -> None:
    asked = np.random.default_rng(0).binomial(5, POPULATION.truth) / 5
    # Groups of tracks that share how well they are predicted.
    good = np.arange(TRACKS) < TRACKS // 2
    asked[good] = POPULATION.truth[good]
    alone = worth_of(POPULATION.table, asked, asked, np.arange(TRACKS), draws=20, resamples=100)
    together = worth_of(
        POPULATION.table, asked, asked, np.arange(TRACKS) // 15, draws=20, resamples=100
    )
    assert together.accuracy == alone.accuracy
    assert together.by_accuracy.value == alone.by_accuracy.value
    width = [worth.by_accuracy.high - worth.by_accuracy.low for worth in (alone, together)]
    assert width[1] > width[0]


def test_the_seed_decides() -> None:
    asked = np.random.default_rng(0).binomial(5, POPULATION.truth) / 5
    one, same, other = (
        worth_of(
            POPULATION.table, asked, asked, np.arange(TRACKS), seed=seed, draws=25, resamples=50
        )
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other
    assert abs(one.by_r.value - other.by_r.value) < 0.5


@pytest.mark.parametrize(
    ("score", "size", "censored"),
    [
        (0.05, 0.0, False),  # below chance
        (0.1, 0.0, False),
        (0.15, 0.5, False),
        (0.2, 1.0, False),
        (0.25, 1.5, False),
        (0.35, 2.25, False),  # 3 and 4 are pooled to .5
        (0.5, 3.0, False),
        (0.55, 4.5, False),
        (0.6, 5.0, False),
        (0.61, 5.0, True),
    ],
)
def test_panel_that_reaches_by_hand(score: float, size: float, censored: bool) -> None:
    curve = np.array([0.2, 0.3, 0.55, 0.45, 0.6])
    found, is_censored = panel_that_reaches(score, curve, chance=0.1)
    assert abs(found - size) < 1e-9
    assert is_censored is censored


def test_unanimous_people_need_one_listener() -> None:
    table = unanimous(18, 40)
    curve = panel_curve(table, draws=5)
    np.testing.assert_allclose(curve.accuracy, 1.0)
    np.testing.assert_allclose(curve.mean_r, 1.0)
    worth = worth_of(table, table.votes, table.votes, np.arange(18), draws=5)
    assert worth.by_accuracy.value == worth.by_r.value == 1.0


def test_a_seed_stands_for_the_same_panels_everywhere() -> None:
    table = simulate(tracks=9, listeners=40, seed=2).table
    curve = panel_curve(table, seed=4, draws=8)
    there = build_yardstick(table, np.arange(9), seed=4, draws=8, resamples=2).curve
    np.testing.assert_array_equal(curve.accuracy, there.accuracy)
    np.testing.assert_array_equal(curve.mean_r, there.mean_r)
    other = panel_curve(table, seed=5, draws=8)
    assert not np.array_equal(curve.mean_r, other.mean_r)


def test_refuses_what_it_cannot_measure(yardstick: Yardstick) -> None:
    few = simulate(tracks=10, listeners=14, seed=0).table
    with pytest.raises(EvaluationError, match="40 listeners or more; here are 0"):
        panel_curve(few)
    with pytest.raises(EvaluationError, match="one row of 9 per track"):
        yardstick.measure(POPULATION.truth[:10], POPULATION.truth)
    broken = POPULATION.truth.copy()
    broken[0, 0] = np.nan
    with pytest.raises(EvaluationError, match="intensities are not finite"):
        yardstick.measure(POPULATION.truth, broken)
    same = unanimous(9, 14).take(np.zeros(3, dtype=np.int64))
    with pytest.raises(EvaluationError, match="never differ"):
        worth_of(same, same.votes, same.votes, np.arange(3), held_out=12, largest=2, draws=2)
    with pytest.raises(EvaluationError, match="groups for"):
        build_yardstick(POPULATION.table, np.arange(3))


@pytest.mark.emotify
def test_reproduces_the_published_panels(emotify_root: Path) -> None:
    curve = panel_curve(read_emotify(emotify_root / "data.csv"), seed=11)
    assert curve.tracks == 78
    shown = np.array([1, 2, 4, 8, 12, 16, 20, 24]) - 1
    accuracy = [0.25, 0.30, 0.35, 0.41, 0.45, 0.47, 0.48, 0.49]
    mean_r = [0.30, 0.39, 0.50, 0.60, 0.65, 0.68, 0.71, 0.72]
    np.testing.assert_allclose(curve.accuracy[shown], accuracy, atol=0.01)
    np.testing.assert_allclose(curve.mean_r[shown], mean_r, atol=0.01)
    assert np.isfinite(curve.r).all()

from dataclasses import replace

import numpy as np
import pytest

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.models.pooling import pool, pool_rows, pool_units


def test_pooling_is_mean_and_population_deviation() -> None:
    given = examples()
    units, unit_of_row = pool_units(given, ("musicnn",))
    rows = given.features["musicnn"].reshape(TRACKS, SEGMENTS, -1)
    expected = np.concatenate([rows.mean(axis=1), rows.std(axis=1)], axis=1)
    np.testing.assert_allclose(units.features["musicnn"], expected, atol=1e-5)
    np.testing.assert_array_equal(unit_of_row, given.track_index)
    np.testing.assert_array_equal(units.label, given.label[::SEGMENTS])
    np.testing.assert_array_equal(units.listeners, given.listeners[::SEGMENTS])


def test_rows_of_a_unit_need_not_stand_together() -> None:
    rows = np.array([[1.0, 8.0], [5.0, 0.0], [3.0, 2.0], [7.0, 4.0]])
    pooled = pool_rows(rows, np.array([1, 0, 1, 0]), ("mean", "std", "max", "min"))
    expected = [[6, 2, 1, 2, 7, 4, 5, 0], [2, 5, 1, 3, 3, 8, 1, 2]]
    np.testing.assert_array_equal(pooled, expected)


def test_nothing_pools_to_nothing() -> None:
    nobody = np.zeros(0, dtype=np.int64)
    assert pool_rows(np.zeros((0, 3)), nobody, ("mean", "std")).shape == (0, 6)
    units, _ = pool_units(examples().take(nobody), ("musicnn",))
    assert len(units) == 0


@pytest.mark.parametrize(
    ("target", "emotions", "weight"),
    [
        ("label", [[0, 1, 0], [1, 0, 0]], [1, 1]),
        ("votes", [[0.75, 0.25, 0], [1, 0, 0]], [8, 5]),
    ],
)
def test_targets_of_units(target: str, emotions: list[list[float]], weight: list[int]) -> None:
    given = examples()
    votes = np.zeros_like(given.vote_fractions)
    votes[:SEGMENTS, :2] = [0.6, 0.2]
    units, _ = pool_units(given, ())
    units = units.take(np.arange(len(units)) < 2)
    label, listeners = np.array([1, 0]), np.array([8, 5])
    units = replace(
        units, label=label, listeners=listeners, vote_fractions=votes[::SEGMENTS][:2].astype(float)
    )
    found, how_much = units.target(target)  # type: ignore[arg-type] # parametrised
    np.testing.assert_allclose(found[:, :3], emotions, atol=1e-6)
    np.testing.assert_array_equal(how_much, weight)


def test_pooled_statistics_follow_one_another_as_named() -> None:
    rows = np.array([[1.0, -5.0], [2.0, 5.0], [6.0, 0.0]], np.float32)
    pooled = pool(rows, ("max", "std", "min", "mean"))
    deviations = [np.sqrt(14 / 3), np.sqrt(50 / 3)]
    assert pooled == pytest.approx([6.0, 5.0, *deviations, 1.0, -5.0, 3.0, 0.0])
    assert pool(rows[:1], ("std",)).tolist() == [0.0, 0.0]
    large = np.full((3, 1), 1e4, np.float32) + np.array([[0.0], [1.0], [2.0]], np.float32)
    assert pool(large, ("std",)) == pytest.approx([np.sqrt(2 / 3)], rel=1e-6)

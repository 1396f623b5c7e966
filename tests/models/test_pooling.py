from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.models.pooling import (
    pool,
    pool_alone,
    pool_rows,
    pool_spans,
    pool_units,
    span_ratios,
    spans_around,
)


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


def one_place(segments: Mapping[str, np.ndarray]) -> np.ndarray:
    """Where nothing is new."""
    return np.zeros((len(segments["musicnn"]), 1))


def test_a_row_alone_is_pooled_as_a_unit_of_one() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3))
    for statistics in (("mean", "std"), ("max",), ("std", "min", "mean")):
        np.testing.assert_array_equal(
            pool_alone(rows, statistics), pool_rows(rows, np.arange(4), statistics)
        )


def test_spans_end_with_their_section() -> None:
    section = np.array([0, 0, 1, 1, 1, 5])
    spans = [(span.start, span.stop) for span in spans_around(section, 4)]
    assert spans == [(0, 2), (0, 2), (2, 5), (2, 5), (3, 5), (5, 6)]


def test_spans_of_two_pieces_in_one_unit_hold_one_piece_each() -> None:
    unit = examples().take(np.arange(4 * SEGMENTS))
    unit = replace(unit, unit=np.zeros(4 * SEGMENTS, np.int64))
    first = 2 * SEGMENTS - 1  # and as many segments as a section has, or more, on each side
    place = np.repeat([0.0, 9.0], [first, 4 * SEGMENTS - first])[:, None]
    spans, _ = pool_spans(unit, ("musicnn",), 99, lambda segments: place)
    before, after = np.split(unit.gather("musicnn"), [first])
    for at, pooled in enumerate(spans.features["musicnn"]):
        np.testing.assert_allclose(pooled, pool(before if at < first else after, ("mean", "std")))


def test_nothing_pools_to_nothing() -> None:
    nobody = np.zeros(0, dtype=np.int64)
    assert pool_rows(np.zeros((0, 3)), nobody, ("mean", "std")).shape == (0, 6)
    units, _ = pool_units(examples().take(nobody), ("musicnn",))
    assert len(units) == 0


def test_spans_are_pooled_around_each_row_of_its_own_unit() -> None:
    given = examples()
    shuffled = np.random.default_rng(0).permutation(2 * SEGMENTS)
    some = given.take(shuffled)
    spans, unit_of_row = pool_spans(some, ("musicnn",), 3, one_place)
    pooled = spans.features["musicnn"]
    np.testing.assert_array_equal(spans.unit, np.repeat([0, 1], SEGMENTS))
    np.testing.assert_array_equal(unit_of_row, some.track_index)
    assert pooled.shape == (2 * SEGMENTS, 2 * given.features["musicnn"].shape[1])
    of_the_second = np.flatnonzero(some.track_index == 1)  # as they come
    around_the_second_row = some.gather("musicnn")[of_the_second[:3]]
    expected = pool(around_the_second_row, ("mean", "std"))
    np.testing.assert_allclose(pooled[SEGMENTS + 1], expected)
    at_the_end = pool(some.gather("musicnn")[of_the_second[-2:]], ("mean", "std"))
    np.testing.assert_allclose(pooled[-1], at_the_end)


def test_deviations_of_spans_are_brought_to_those_of_units() -> None:
    given = examples()
    units, _ = pool_units(given, ("musicnn",))
    spans, _ = pool_spans(given, ("musicnn",), 2, one_place)
    ratio = span_ratios(units, spans)["musicnn"]
    size = len(ratio) // 2
    np.testing.assert_array_equal(ratio[:size], 1.0)
    brought = (ratio * spans.features["musicnn"]).mean(axis=0)[size:]
    np.testing.assert_allclose(brought, units.features["musicnn"].mean(axis=0)[size:])
    assert np.median(ratio[size:]) > 1.5  # two of independent segments, the last one alone
    # Some of the units are asked for as if they were all.
    some = spans.unit >= 4
    fewer = span_ratios(units.take(np.arange(len(units)) >= 4), spans.take(some))["musicnn"]
    assert not np.array_equal(fewer, ratio)
    np.testing.assert_allclose(fewer, ratio, rtol=0.2)


def test_what_never_varies_keeps_its_size() -> None:
    given = examples()
    given.features["musicnn"][:, 0] = 3.0
    units, _ = pool_units(given, ("musicnn",))
    spans, _ = pool_spans(given, ("musicnn",), 2, one_place)
    ratio = span_ratios(units, spans)["musicnn"]
    assert ratio[len(ratio) // 2] == 1.0


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

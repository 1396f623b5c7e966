"""Sections: boundaries where music changes, none where it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.models.sections import NOVELTY, SHORTEST, Position, novelty, number_sections

COLUMNS = 200


def steady(segments: int, seed: int, *, level: float = 0.0, scatter: float = 1.0) -> np.ndarray:
    """Segments around a level whose scatter has a squared length of about ``scatter``²."""
    noise = np.random.default_rng(seed).normal(size=(segments, COLUMNS))
    return level / np.sqrt(COLUMNS) + scatter * noise / np.sqrt(COLUMNS)


def test_squared_distances_of_positions_are_means_over_features_of_means_over_columns() -> None:
    rng = np.random.default_rng(0)
    means = {"summary": rng.normal(3, 2, (50, 4)), "musicnn": rng.normal(-1, 0.1, (50, 10))}
    position = Position.fit(means)
    two = {name: values[:2] for name, values in means.items()}
    one, other = position(two)
    expected = np.mean(
        [
            np.mean(np.square((values[0] - values[1]) / values.std(axis=0)))
            for values in means.values()
        ]
    )
    assert np.square(one - other).sum() == pytest.approx(expected)


def test_a_column_that_never_varies_tells_nothing() -> None:
    position = Position.fit({"summary": np.array([[1.0, 7.0], [3.0, 7.0]])})
    (one, other) = position({"summary": np.array([[1.0, 0.0], [1.0, 1e9]])})
    np.testing.assert_array_equal(one, other)


def test_novelty_is_the_squared_distance_of_means_whatever_the_scatter() -> None:
    for level in (0.0, 1.0, 2.0):
        for scatter in (0.0, 0.5, 2.0):
            found = [
                novelty(np.concatenate([steady(4, 2 * s, scatter=scatter),
                                        steady(4, 2 * s + 1, level=level, scatter=scatter)]), 4)
                for s in range(40)
            ]  # fmt: skip
            assert np.mean(found) == pytest.approx(level**2, abs=0.2)


@pytest.mark.parametrize("scatter", [0.0, 0.3, 1.0])
def test_pieces_that_are_joined_are_told_apart(scatter: float) -> None:
    lengths, levels = [7, 16, 9, 5, 12], [0.0, 2.0, -1.0, 3.0, 0.0]
    parts = [
        steady(length, seed, level=level, scatter=scatter)
        for seed, (length, level) in enumerate(zip(lengths, levels, strict=True))
    ]
    expected = np.repeat(np.arange(5), lengths)
    np.testing.assert_array_equal(number_sections(np.concatenate(parts)), expected)


def test_music_that_goes_on_is_one_section() -> None:
    assert not number_sections(steady(400, 0)).any()
    rising = np.linspace(0, 3, 100)[:, None] * np.ones(COLUMNS) / np.sqrt(COLUMNS)
    assert not number_sections(rising + steady(100, 1, scatter=0.3)).any()


def test_a_change_below_the_threshold_is_none() -> None:
    for level, sections in ((0.95 * NOVELTY**0.5, 1), (1.05 * NOVELTY**0.5, 2)):
        two = np.concatenate([steady(8, 0, scatter=0), steady(8, 1, level=level, scatter=0)])
        assert number_sections(two).max() + 1 == sections


def test_no_section_is_shorter_than_the_shortest() -> None:
    short = np.concatenate([steady(9, 0), steady(SHORTEST - 1, 1, level=5.0), steady(9, 2)])
    assert np.bincount(number_sections(short)).min() >= SHORTEST
    for count in range(2 * SHORTEST):
        jump = np.concatenate([steady(count // 2, 0), steady(count - count // 2, 1, level=9.0)])
        assert number_sections(jump).tolist() == [0] * count


def test_the_greatest_change_is_cut_where_two_are_near() -> None:
    levels = np.repeat([0.0, 1.0, 4.0], [8, 3, 8])
    places = levels[:, None] * np.ones(COLUMNS) / np.sqrt(COLUMNS)
    assert number_sections(places).tolist() == [0] * 11 + [1] * 8


def test_the_numbers_do_not_depend_on_the_direction_of_time() -> None:
    parts = [steady(6, 0), steady(8, 1, level=2.0), steady(7, 2, level=-1.0)]
    there = number_sections(np.concatenate(parts))
    back = number_sections(np.concatenate(parts)[::-1])
    np.testing.assert_array_equal(there, 2 - back[::-1])

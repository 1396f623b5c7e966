"""The group bootstrap: draws, sums by group, percentile limits."""

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.bootstrap import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    N_RESAMPLES,
    mean_over_repeats,
    percentile_interval,
    resample_groups,
    resample_repeats,
    sum_by_group,
)


def test_resampling_is_seeded_and_complete():
    draws = resample_groups(7, n_resamples=1000)
    np.testing.assert_array_equal(draws, resample_groups(7, n_resamples=1000))
    assert not np.array_equal(draws, resample_groups(7, n_resamples=1000, seed=1))
    np.testing.assert_array_equal(draws.sum(1), np.full(1000, 7))
    np.testing.assert_allclose(draws.mean(0), np.ones(7), atol=0.15)
    with pytest.raises(EvaluationError, match="no groups"):
        resample_groups(0)


def test_sum_by_group():
    sums = sum_by_group(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]), 3)
    np.testing.assert_array_equal(sums, [[2], [5], [0]])


def test_percentile_interval_skips_undefined_draws():
    values = np.concatenate([np.linspace(0, 1, 1001), [np.nan] * 10])
    assert percentile_interval(values) == pytest.approx((0.025, 0.975))
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()


def test_draws_are_those_of_the_multinomial_with_the_fixed_seed():
    assert (N_RESAMPLES, CONFIDENCE, BOOTSTRAP_SEED) == (2_000, 0.95, 20_160_101)
    drawn = np.random.default_rng(20_160_101).multinomial(3, [1 / 3] * 3, size=2_000)
    np.testing.assert_array_equal(resample_groups(3), drawn)
    assert resample_groups(3).dtype == np.float64
    np.testing.assert_array_equal(resample_groups(1, n_resamples=2), [[1.0], [1.0]])


def test_sums_keep_their_columns():
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = sum_by_group(values, np.array([2, 0, 2]), 4)
    np.testing.assert_array_equal(sums, [[2, 20], [0, 0], [5, 50], [0, 0]])


def test_limits_of_another_confidence():
    values = np.append(np.linspace(0, 1, 101), [np.inf, -np.inf])
    assert percentile_interval(values, 0.5) == pytest.approx((0.25, 0.75))
    assert percentile_interval(np.array([0.3])) == (0.3, 0.3)
    low, high = percentile_interval(np.array([]))
    assert np.isnan(low) and np.isnan(high)


def test_resampled_repeats_scatter_as_the_mean_of_all_does():
    """The variance of a mean over n repeats is s² / n, with the unbiased s²."""
    values = np.array([0.31, 0.35, 0.30, 0.36, 0.33])
    weights = resample_repeats(5, n_resamples=200_000)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert set(np.unique(weights).tolist()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert (weights @ values).var() == pytest.approx(values.var(ddof=1) / 5, rel=0.02)
    np.testing.assert_array_equal(resample_repeats(1, n_resamples=3), np.ones((3, 1)))
    with pytest.raises(EvaluationError, match="no repeats"):
        resample_repeats(0)


def test_an_undefined_repeat_counts_only_where_it_is_drawn():
    values = np.array([[1.0, np.nan], [np.nan, 3.0], [2.0, 4.0]])
    means = mean_over_repeats(values, np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]))
    np.testing.assert_allclose(means[[0, 2]], [1.0, 3.5])
    vectors = np.stack([np.zeros((1, 9)), np.ones((1, 9))], axis=1)
    np.testing.assert_allclose(mean_over_repeats(vectors, np.array([[0.5, 0.5]])), 0.5)

"""Pearson's r over tracks against scipy, and where it is not defined."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from music_emotion.evaluation.metrics import pearson_over_tracks


def test_equals_scipy_for_every_column() -> None:
    rng = np.random.default_rng(0)
    scale = 10.0 ** np.linspace(-4, 1, 9)
    x = rng.standard_normal((40, 3, 9)) * scale
    y = 0.3 * x + (rng.standard_normal((40, 1, 9)) + 100) * scale
    got = pearson_over_tracks(x, y)
    for i in range(3):
        for e in range(9):
            assert abs(got[i, e] - pearsonr(x[:, i, e], y[:, i, e]).statistic) < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(0, 100))
def test_a_weight_is_a_repetition(weights: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 9)), rng.standard_normal((12, 9))
    if sum(weight > 0 for weight in weights) < 3:
        weights = [1] * 12
    rows = np.repeat(np.arange(12), weights)
    weighted = pearson_over_tracks(x, y, [weights])[0]
    np.testing.assert_allclose(weighted, pearson_over_tracks(x[rows], y[rows]), atol=1e-9)


def test_a_constant_prediction_explains_nothing_and_a_constant_target_is_undefined() -> None:
    varied, constant = np.arange(5.0)[:, None], np.full((5, 1), 0.1)
    assert pearson_over_tracks(constant, varied)[0] == 0.0
    assert np.isnan(pearson_over_tracks(varied, constant)[0])
    assert np.isnan(pearson_over_tracks(constant, constant)[0])
    rounded = constant + 1e-9 * np.arange(5)[:, None]  # constant but for rounding
    assert pearson_over_tracks(rounded, varied)[0] == 0.0
    # Constant only within one weighting: the varied rows carry no weight there.
    x = np.array([[0.0], [0.0], [0.0], [1.0]])
    y = np.array([[1.0], [2.0], [3.0], [9.0]])
    by_weighting = pearson_over_tracks(x, y, [[1, 1, 1, 0], [1, 1, 1, 1]])[:, 0]
    assert by_weighting[0] == 0.0
    assert by_weighting[1] > 0.9

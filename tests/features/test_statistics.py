from __future__ import annotations

import numpy as np
import pytest

from music_emotion.features.descriptors import ADVANCED_NAMES
from music_emotion.features.statistics import STATISTIC_NAMES, STATISTICS, statistics


def table(frames: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(STATISTICS, np.split(statistics(frames), len(STATISTICS), axis=1), strict=True))


def test_statistics_equal_numpys():
    frames = np.random.default_rng(0).standard_normal((3, 130, 5)).astype(np.float32)
    ours = table(frames)
    exact = frames.astype(np.float64)
    expected = {
        "mean": exact.mean(axis=1),
        "standard_deviation": exact.std(axis=1),
        "quantile_10": np.quantile(exact, 0.1, axis=1),
        "median": np.median(exact, axis=1),
        "quantile_90": np.quantile(exact, 0.9, axis=1),
        "delta_standard_deviation": np.diff(exact, axis=1).std(axis=1),
    }
    for name, values in expected.items():
        assert np.allclose(ours[name], values, atol=1e-6), name


def test_a_ramp_has_a_trend_and_no_spread_of_differences():
    ramp = np.linspace(0.0, 129.0, 130, dtype=np.float32)[None, :, None]
    ours = table(ramp)
    assert ours["trend"].item() == pytest.approx(87.0)  # two thirds of 130 frames apart
    assert ours["delta_standard_deviation"].item() == pytest.approx(0.0, abs=1e-6)


def test_a_fast_flutter_is_not_slow():
    flutter = np.resize([1.0, -1.0], 130).astype(np.float32)[None, :, None]
    ours = table(flutter)
    assert ours["slow_standard_deviation"].item() == pytest.approx(0.0, abs=1e-6)
    assert ours["delta_standard_deviation"].item() == pytest.approx(2.0, rel=1e-3)


def test_large_values_keep_their_small_spread():
    frames = (10_000.0 + np.resize([0.0, 0.5], 130)).astype(np.float32)[None, :, None]
    assert table(frames)["standard_deviation"].item() == pytest.approx(0.25)


def test_names_match_the_columns():
    frames = np.random.default_rng(1).random((2, 130, 45), dtype=np.float32)
    values = statistics(frames)
    assert values.shape == (2, len(STATISTIC_NAMES)) and values.dtype == np.float32
    assert len(set(STATISTIC_NAMES)) == len(STATISTIC_NAMES) == 8 * 45
    at = STATISTIC_NAMES.index("rms_median")
    assert np.allclose(values[:, at], np.median(frames[:, :, ADVANCED_NAMES.index("rms")], axis=1))


def test_one_frame_per_row_is_refused():
    with pytest.raises(ValueError, match="frames"):
        statistics(np.zeros((5, 45), dtype=np.float32))

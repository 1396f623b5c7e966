import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from music_emotion.training.scaling import fit_scaling


@pytest.mark.parametrize("axis", [1, 2])
def test_equals_scikit_learn_over_all_frames(axis: int) -> None:
    array = np.random.default_rng(0).normal(3, 7, size=(600, 5, 4)).astype(np.float32)
    rows = np.arange(0, 600, 2)
    scaling = fit_scaling(array, rows, axis=axis)
    frames = np.moveaxis(array[rows], axis, -1).reshape(-1, array.shape[axis])
    oracle = StandardScaler().fit(frames.astype(np.float64))
    np.testing.assert_allclose(scaling.mean, oracle.mean_, rtol=1e-5)
    np.testing.assert_allclose(scaling.deviation, oracle.scale_, rtol=1e-5)


def test_rows_outside_the_training_part_do_not_matter() -> None:
    array = np.random.default_rng(0).normal(size=(20, 5, 4)).astype(np.float32)
    rows = np.arange(10)
    before = fit_scaling(array, rows, axis=2)
    array[10:] = 1e6
    after = fit_scaling(array, rows, axis=2)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.deviation, after.deviation)


def test_a_constant_feature_is_left_unscaled() -> None:
    array = np.full((4, 3, 2), 5.0, dtype=np.float32)
    scaling = fit_scaling(array, np.arange(4), axis=2)
    np.testing.assert_array_equal(scaling.deviation, [1, 1])
    np.testing.assert_array_equal(scaling.mean, [5, 5])

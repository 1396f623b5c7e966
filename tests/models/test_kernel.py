import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from music_emotion.models import kernel as module
from music_emotion.models.kernel import (
    gaussian,
    mean_correlation,
    solve_dual,
    solve_logistic_path,
    solve_path,
    squared_distances,
)


def planted(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Points, and a label that follows their angle."""
    points = np.random.default_rng(0).normal(size=(count, 2))
    return points, np.floor((np.arctan2(*points.T) + np.pi) / (2 * np.pi) * 2.999).astype(np.int64)


@pytest.mark.parametrize("penalty", [0.05, 1.0])
def test_a_linear_kernel_agrees_with_scikit_learn(penalty: float) -> None:
    points, label = planted()
    with_constant = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    kernel = with_constant @ with_constant.T
    (dual,) = solve_logistic_path(kernel, np.eye(3)[label], (penalty,))
    theirs = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-8, max_iter=5_000)
    expected = theirs.fit(with_constant, label).predict_proba(with_constant)
    np.testing.assert_allclose(np.exp(log_softmax(kernel @ dual, axis=1)), expected, atol=1e-3)


def test_the_gradient_vanishes_for_soft_targets_along_the_whole_path() -> None:
    points, _ = planted()
    targets = np.random.default_rng(1).dirichlet(np.ones(9), size=len(points))
    kernel = gaussian(squared_distances(points, points), 0.5)
    penalties = (0.5, 0.1, 0.02)
    for penalty, dual in zip(
        penalties, solve_logistic_path(kernel, targets, penalties), strict=True
    ):
        left = kernel @ (np.exp(log_softmax(kernel @ dual, axis=1)) - targets + penalty * dual)
        assert np.abs(left).max() < 0.02


def test_the_largest_directions_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    points, label = planted()
    kernel = gaussian(squared_distances(points, points), 0.2)
    (whole,) = solve_logistic_path(kernel, np.eye(3)[label], (0.05,))
    monkeypatch.setattr(module, "MOST_DIRECTIONS", 30)
    (part,) = solve_logistic_path(kernel, np.eye(3)[label], (0.05,))
    np.testing.assert_allclose(kernel @ part, kernel @ whole, atol=0.05)


def test_a_path_of_ridges_is_each_ridge_solved_alone() -> None:
    generator = np.random.default_rng(0)
    points, targets = generator.normal(size=(30, 3)), generator.normal(size=(30, 2))
    noise = generator.uniform(0.5, 2, 30)
    kernel = gaussian(squared_distances(points, points), 0.3)
    for ridge, dual in zip((0.1, 0.7), solve_path(kernel, targets, noise, (0.1, 0.7)), strict=True):
        np.testing.assert_allclose(dual, solve_dual(kernel, targets, noise, ridge), rtol=1e-6)


def test_dual_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    points, targets = generator.normal(size=(30, 3)), generator.normal(size=(30, 2))
    kernel = gaussian(squared_distances(points, points), 0.5)
    np.testing.assert_allclose(kernel, RBF(1.0)(points) + 1.0)
    theirs = KernelRidge(alpha=0.3, kernel="precomputed").fit(kernel, targets).dual_coef_
    np.testing.assert_allclose(solve_dual(kernel, targets, np.ones(30), 0.3), theirs, rtol=1e-6)


def test_mean_correlation_passes_over_constant_outputs() -> None:
    generator = np.random.default_rng(0)
    left, right = generator.normal(size=(20, 3)), generator.normal(size=(20, 3))
    left[:, 1] = 2.0
    expected = np.mean([np.corrcoef(left[:, k], right[:, k])[0, 1] for k in (0, 2)])
    assert mean_correlation(left, right) == pytest.approx(expected)
    assert mean_correlation(np.ones((5, 2)), np.ones((5, 2))) == 0.0


def test_noise_weighs_the_ridge() -> None:
    generator = np.random.default_rng(0)
    points, targets = generator.normal(size=(20, 3)), generator.normal(size=(20, 2))
    noise = generator.uniform(0.5, 2, 20)
    distances = np.array([[((a - b) ** 2).sum() for b in points] for a in points])
    np.testing.assert_allclose(squared_distances(points, points), distances, atol=1e-12)
    kernel = gaussian(distances, 0.3)
    np.testing.assert_allclose(kernel, np.exp(-0.3 * distances) + 1)
    expected = np.linalg.solve(kernel + 0.2 * np.diag(noise), targets)
    np.testing.assert_allclose(solve_dual(kernel, targets, noise, 0.2), expected, rtol=1e-6)
    (found,) = solve_path(kernel, targets, noise, (0.2,))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_path_is_each_penalty_solved_alone() -> None:
    points, label = planted()
    kernel = gaussian(squared_distances(points, points), 0.5)
    penalties = (0.5, 0.05)
    path = solve_logistic_path(kernel, np.eye(3)[label], penalties)
    for penalty, dual in zip(penalties, path, strict=True):
        (alone,) = solve_logistic_path(kernel, np.eye(3)[label], (penalty,))
        np.testing.assert_allclose(kernel @ dual, kernel @ alone, atol=0.02)

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from music_emotion.models.kernel import squared_distances
from music_emotion.models.views import _negative_log_posterior as negative_log_posterior
from music_emotion.models.views import fit_view, group_distances, group_numbers, learn_weights


def test_a_view_gives_each_feature_its_share_of_the_mean_squared_distance() -> None:
    generator = np.random.default_rng(0)
    one, two = generator.normal(2, 5, size=(40, 6)), generator.normal(size=(40, 3))
    one[:, 2] = 7.0
    view = fit_view({"one": one, "two": two}, {"one": 0.75, "two": 0.25})
    points = view({"one": one, "two": two})
    assert points.shape == (40, 8)
    assert squared_distances(points[:, :5], points[:, :5]).mean() == pytest.approx(0.75)
    assert squared_distances(points[:, 5:], points[:, 5:]).mean() == pytest.approx(0.25)


def test_relevance_finds_the_group_that_matters() -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(120, 4)) / np.sqrt(8)
    targets = np.stack([np.sin(4 * points[:, 0]), np.cos(4 * points[:, 1])], axis=1)
    distances = group_distances(points, np.array([0, 0, 1, 1]), 2)
    np.testing.assert_allclose(distances.sum(axis=0), squared_distances(points, points), atol=1e-12)
    weights = learn_weights(distances, targets, np.ones(120))
    assert weights[0] > 10 * weights[1]


def test_outliers_say_no_more_than_five_deviations() -> None:
    values = np.random.default_rng(0).normal(size=(200, 1))
    view = fit_view({"one": values}, {"one": 1.0})
    mean, deviation = values.mean(), values.std()
    far = mean + deviation * np.array([[4.9], [5.0], [80.0], [-80.0]])
    points = view({"one": far})[:, 0] / view.factor[0]
    np.testing.assert_allclose(points, [4.9, 5.0, 5.0, -5.0])


def test_what_is_clipped_counts_clipped_in_the_share() -> None:
    values = 100 + np.random.default_rng(0).normal(size=(200, 2))
    values[0] = 10_000
    points = fit_view({"one": values}, {"one": 1.0})({"one": values})
    assert squared_distances(points, points).mean() == pytest.approx(1.0)


def test_columns_that_hardly_vary_for_their_size_are_left_out() -> None:
    noise = np.random.default_rng(0).choice([-1.0, 1.0], size=100)
    values = np.stack([1000 + 5e-4 * noise, 1000 + 5e-3 * noise, 1e-5 * noise, 0 * noise], axis=1)
    assert fit_view({"one": values}, {"one": 1.0}).columns.tolist() == [1, 2]


def test_learned_weights_multiply_the_distances_of_their_groups() -> None:
    values = np.random.default_rng(0).normal(size=(30, 4))
    whole = fit_view({"one": values}, {"one": 1.0})
    weighted = fit_view({"one": values}, {"one": 1.0}, np.array([4.0, 0.25]))
    np.testing.assert_allclose(weighted.factor / whole.factor, [2, 2, 0.5, 0.5])


def test_means_and_deviations_are_groups_apart() -> None:
    assert group_numbers((("x", 4), ("y", 6))).tolist() == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3]
    known = group_numbers((("musicnn", 2 * 1506),))
    np.testing.assert_array_equal(known[1506:], known[:1506] + known[:1506].max() + 1)
    assert known[:1506].max() > 0
    assert group_numbers((("musicnn", 12),)).tolist() == [0] * 6 + [1] * 6


def test_the_marginal_likelihood_is_that_of_a_gaussian_process() -> None:
    generator = np.random.default_rng(0)
    points, targets = generator.normal(size=(12, 3)), generator.normal(size=(12, 2))
    distances = group_distances(points, np.array([0, 0, 1]), 2)
    noise = generator.uniform(0.5, 1.5, 12)

    def value(logarithms: np.ndarray) -> float:
        return negative_log_posterior(logarithms, distances, targets, noise)[0]

    at = np.array([0.3, -0.4, 0.2, -0.7])
    kernel = np.exp(0.2) * (np.exp(-np.tensordot(np.exp(at[:2]), distances, 1)) + 1)
    covariance = kernel + np.exp(-0.7) * np.diag(noise)
    likelihood = multivariate_normal(cov=covariance).logpdf(targets.T).sum()
    expected = -likelihood - 12 * np.log(2 * np.pi) + (0.3**2 + 0.4**2) / 2
    assert value(at) == pytest.approx(expected)
    gradient = negative_log_posterior(at, distances, targets, noise)[1]
    numeric = [(value(at + step) - value(at - step)) / 2e-5 for step in 1e-5 * np.eye(4)]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)


def test_outputs_that_do_not_vary_teach_no_weights() -> None:
    distances = np.ones((3, 5, 5))
    np.testing.assert_array_equal(learn_weights(distances, np.ones((5, 2)), np.ones(5)), [1, 1, 1])


def test_a_view_after_a_ratio_looks_at_the_product() -> None:
    generator = np.random.default_rng(0)
    features = {"one": generator.normal(size=(20, 4)), "two": generator.normal(size=(20, 6))}
    view = fit_view(features, {"two": 0.25, "one": 0.75})
    ratio = {"one": np.array([1.0, 1.0, 2.0, 3.0]), "two": np.linspace(0.5, 1.5, 6)}
    scaled = {name: values * ratio[name] for name, values in features.items()}
    np.testing.assert_allclose(view.after(ratio)(features), view(scaled))

import numpy as np
import pytest

from music_emotion.models.kernel import squared_distances
from music_emotion.models.views import fit_view, group_distances, learn_weights


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

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.errors import ModelError
from music_emotion.models.blend import Candidate, KernelBlend, divide_groups, fractions
from music_emotion.models.kernel_ridge import (
    gaussian,
    mean_correlation,
    solve_dual,
    solve_path,
    squared_distances,
)
from music_emotion.models.pooling import pool
from music_emotion.models.registry import create
from music_emotion.models.relevance import group_distances, learn_weights
from music_emotion.models.views import fit_view


def small_blend(rounds: int = 4) -> KernelBlend:
    shares = ((("musicnn", 1.0),), (("musicnn", 0.5), ("summary", 0.5)))
    candidates = [Candidate(share, widths=(0.5, 1.0)) for share in shares]
    return KernelBlend(
        "small", [*candidates, Candidate(shares[1], learned=True, widths=(1.0,))], rounds=rounds
    )


def test_pooling_is_mean_and_population_deviation() -> None:
    given = examples()
    items = pool(given, ("musicnn",))
    rows = given.features["musicnn"].reshape(TRACKS, SEGMENTS, -1)
    expected = np.concatenate([rows.mean(axis=1), rows.std(axis=1)], axis=1)
    np.testing.assert_allclose(items.features["musicnn"], expected, atol=1e-5)
    np.testing.assert_array_equal(items.item_of_row, given.track)


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


def test_inner_folds_keep_groups_whole_and_are_of_about_equal_size() -> None:
    group = np.repeat(np.arange(23), np.arange(23) % 5 + 1)
    folds = divide_groups(group, 5, seed=3)
    assert all(len(np.unique(folds[group == number])) == 1 for number in range(23))
    sizes = np.bincount(folds, minlength=5)
    assert sizes.max() - sizes.min() <= 2


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


def test_angles_come_back_as_fractions() -> None:
    expected = np.linspace(0, 1, 27).reshape(3, 9)
    np.testing.assert_allclose(fractions(np.arcsin(np.sqrt(expected))), expected, atol=1e-12)
    np.testing.assert_array_equal(fractions(np.array([-0.2, 1.7])), [0.0, 1.0])


@pytest.mark.parametrize("target", ["votes", "label"])
def test_blend_learns_and_its_graph_says_the_same(target: str) -> None:
    given = examples()
    training = given.group < 15
    model = small_blend()
    report = model.fit(given.take(training), target=target, seed=0)  # type: ignore[arg-type] # parametrised
    assert any("out of the inner folds" in note for note in report.notes)
    test = given.take(~training)
    told = model.predict(test)
    np.testing.assert_allclose(told.emotions.sum(axis=1), 1.0, atol=1e-5)
    assert told.intensities.min() >= 0
    assert told.intensities.max() <= 1
    assert mean_correlation(told.intensities, test.vote_fractions) > 0.6

    items = pool(test, model.feature_names)
    session = onnxruntime.InferenceSession(model.graph().SerializeToString())
    feed = {name: items.features[name].astype(np.float32) for name in model.feature_names}
    emotions, intensities = session.run(["emotions", "intensities"], feed)
    np.testing.assert_allclose(emotions[items.item_of_row], told.emotions, atol=1e-5)
    np.testing.assert_allclose(intensities[items.item_of_row], told.intensities, atol=1e-5)


def test_blend_is_told_nothing_of_rows_it_is_not_given() -> None:
    given = examples()
    training = given.group < 15
    changed = {name: values.copy() for name, values in given.features.items()}
    for values in changed.values():
        values[~training] = 1e3
    first, second = small_blend(), small_blend()
    first.fit(given.take(training), target="votes")
    second.fit(replace(given, features=changed).take(training), target="votes")
    test = given.take(~training)
    np.testing.assert_array_equal(first.predict(test).emotions, second.predict(test).emotions)


def test_random_votes_teach_nothing() -> None:
    given = examples()
    shuffled = np.random.default_rng(5).permutation(TRACKS)[given.track] * SEGMENTS
    given = replace(
        given,
        vote_fractions=given.vote_fractions[shuffled],
        label=given.label[shuffled],
        listeners=given.listeners[shuffled],
    )
    training = given.group < 15
    model = small_blend()
    model.fit(given.take(training), target="votes")
    test = given.take(~training)
    assert mean_correlation(model.predict(test).intensities, test.vote_fractions) < 0.3


def test_one_round_takes_one_member() -> None:
    model = small_blend(rounds=1)
    model.fit(examples(), target="votes")
    assert [member.weight for member in model.members_] == [1.0, 1.0]
    assert [member.task for member in model.members_] == ["regression", "classifier"]


def test_labels_alone_decide_when_labels_are_learned() -> None:
    model = small_blend()
    model.fit(examples(), target="label")
    assert model.fitted_ is not None
    assert model.fitted_.dominance.intensity_slope == 0.0
    model.fit(examples(), target="votes")
    assert model.fitted_.dominance.chance_slope > 0.0


def test_votes_do_not_touch_the_emotions_when_labels_are_learned() -> None:
    given = examples()
    turned = np.roll(given.vote_fractions, 1, axis=1)
    predicted = []
    for votes in (given.vote_fractions, turned):
        model = small_blend()
        model.candidates = model.candidates[:2]  # a learned view looks at the votes
        model.fit(replace(given, vote_fractions=votes), target="label")
        predicted.append(model.predict(given))
    np.testing.assert_array_equal(predicted[0].emotions, predicted[1].emotions)
    assert np.abs(predicted[0].intensities - predicted[1].intensities).max() > 0.1


def test_bad_input_is_named() -> None:
    given = examples()
    with pytest.raises(ModelError, match="empty"):
        small_blend().fit(given.take(np.zeros(0, dtype=np.int64)))
    with pytest.raises(ModelError, match="one artist"):
        small_blend().fit(given.take(given.group == 3))
    with pytest.raises(ModelError, match="fit first"):
        create("blend").predict(given)


def test_linear_data_is_at_least_as_good_as_logistic_regression() -> None:
    given = examples(noise=0.2)
    training = given.group < 15
    items = pool(given.take(training), ("musicnn", "summary"))
    stacked = np.concatenate([items.features["musicnn"], items.features["summary"]], axis=1)
    theirs = LogisticRegression(max_iter=2_000, C=0.01).fit(stacked, items.label)
    model = small_blend()
    model.fit(given.take(training), target="votes")
    test = given.take(~training)
    outside = pool(test, ("musicnn", "summary"))
    values = np.concatenate([outside.features["musicnn"], outside.features["summary"]], axis=1)
    ours = (model.predict(test).emotions.argmax(axis=1) == test.label).mean()
    assert ours >= (theirs.predict(values) == outside.label).mean() - 0.1

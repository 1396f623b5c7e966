from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.planted import planted_examples
from music_emotion.errors import ModelError
from music_emotion.models.base import Examples, Target
from music_emotion.models.baselines import _best_temperature as best_temperature
from music_emotion.models.baselines import _decisions as decisions_of
from music_emotion.models.registry import BASELINE_NAMES, create


def test_commonest_class_predicts_the_frequencies() -> None:
    examples = planted_examples(tracks=8, classes=3)
    model = create("commonest_class")
    model.fit(examples)
    prediction = model.predict(examples)
    np.testing.assert_allclose(prediction.emotions[0, :4], [3 / 8, 3 / 8, 2 / 8, 0], rtol=1e-6)
    np.testing.assert_array_equal(prediction.emotions, prediction.emotions[[0] * 32])


def test_genre_only_predicts_the_genres_frequencies() -> None:
    examples = planted_examples(tracks=8, classes=4)
    model = create("genre_only")
    model.fit(examples)
    prediction = model.predict(examples.take(np.array([0, 4])))
    np.testing.assert_allclose(prediction.emotions[0, :4], [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(prediction.emotions[1, :4], [0, 0.5, 0, 0.5])
    unheard = replace(examples, genre=np.full(len(examples), 9))
    np.testing.assert_allclose(model.predict(unheard).emotions[0, :4], 0.25)


def test_nearest_neighbour_agrees_with_scikit_learn() -> None:
    examples = planted_examples(tracks=40, seed=3)
    noisy = examples.features["statistics"] + np.random.default_rng(0).normal(
        size=(160, 45)
    ).astype(np.float32)
    examples = replace(examples, features={"statistics": noisy})
    known = examples.track_index < 30
    inside, outside = examples.take(known), examples.take(~known)
    model = create("nearest_neighbour")
    model.fit(inside)
    oracle = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    oracle.fit(inside.gather("statistics"), inside.label)
    np.testing.assert_array_equal(
        model.predict(outside).emotions.argmax(1), oracle.predict(outside.gather("statistics"))
    )


def test_svm_agrees_with_scikit_learn() -> None:
    examples = planted_examples(tracks=40, seed=3)
    noisy = examples.features["statistics"] + 0.5 * np.random.default_rng(0).normal(
        size=(160, 45)
    ).astype(np.float32)
    examples = replace(examples, features={"statistics": noisy})
    known = examples.track_index < 30
    inside, outside = examples.take(known), examples.take(~known)
    model = create("svm")
    report = model.fit(inside)
    oracle = make_pipeline(StandardScaler(), SVC(C=10.0))
    oracle.fit(inside.gather("statistics"), inside.label)
    np.testing.assert_array_equal(
        model.predict(outside).emotions.argmax(1), oracle.predict(outside.gather("statistics"))
    )
    assert "temperature" in report.notes[0]


@pytest.mark.parametrize("name", BASELINE_NAMES)
@pytest.mark.parametrize("target", ["label", "votes"])
def test_predictions_obey_the_contract_and_units_share_them(name: str, target: str) -> None:
    examples = planted_examples(tracks=24)
    examples = replace(examples, unit=examples.track_index)
    model = create(name)
    model.fit(examples, target=target)  # type: ignore[arg-type]
    prediction = model.predict(examples)
    np.testing.assert_allclose(prediction.emotions.sum(1), 1, rtol=1e-5)
    assert prediction.emotions.dtype == prediction.intensities.dtype == np.float32
    assert 0 <= prediction.intensities.min() <= prediction.intensities.max() <= 1
    per_track = prediction.emotions.reshape(24, 4, 9)
    np.testing.assert_array_equal(per_track, per_track[:, :1].repeat(4, axis=1))


def test_svm_learns_the_votes() -> None:
    examples = planted_examples(tracks=30)
    model = create("svm")
    model.fit(examples.take(examples.track_index < 21), target="votes")
    test = examples.take(examples.track_index >= 21)
    prediction = model.predict(test)
    assert (prediction.emotions.argmax(1) == test.label).mean() > 0.9
    assert np.abs(prediction.intensities - test.vote_fractions).mean() < 0.1


@pytest.mark.parametrize(
    ("name", "statistics"),
    [("nearest_neighbour", ("mean",)), ("svm", ("mean", "standard_deviation"))],
)
def test_only_the_chosen_statistics_count(name: str, statistics: tuple[str, ...]) -> None:
    """Other statistics may say anything; those chosen may not."""
    examples = planted_examples(tracks=24)
    rng = np.random.default_rng(0)
    all_eight = rng.normal(size=(len(examples), 360)).astype(np.float32)
    all_eight[:, :45] = examples.features["statistics"]
    wide = replace(examples, features={"statistics": all_eight})
    chosen = 45 * len(statistics)
    other = all_eight.copy()
    other[:, chosen:] = rng.normal(size=(len(examples), 360 - chosen))
    model = create(name)
    model.fit(wide)
    assert model.statistics == statistics  # type: ignore[attr-defined]
    here = model.predict(wide).emotions
    there = model.predict(replace(examples, features={"statistics": other})).emotions
    np.testing.assert_array_equal(here, there)
    other[:, :45] = rng.normal(size=(len(examples), 45))
    changed = model.predict(replace(examples, features={"statistics": other})).emotions
    assert not np.array_equal(here, changed)


def test_svm_with_one_class_predicts_it() -> None:
    examples = planted_examples(tracks=6, classes=1)
    model = create("svm")
    model.fit(examples)
    np.testing.assert_array_equal(model.predict(examples).emotions[:, 0], 1)


def test_an_unfitted_baseline_is_named() -> None:
    with pytest.raises(ModelError, match="svm has not been fitted"):
        create("svm").predict(planted_examples(tracks=3))


def uneven() -> Examples:
    """One unit a row; listeners and votes differ from row to row."""
    given = planted_examples(tracks=24, segments=1)
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(24, 360)).astype(np.float32)
    return replace(
        given,
        features={"statistics": statistics},
        listeners=rng.integers(3, 30, 24),
        vote_fractions=rng.uniform(0, 0.9, (24, 9)).astype(np.float32),
    )


@pytest.mark.parametrize("target", ["label", "votes"])
def test_frequencies_are_weighted_by_the_listeners(target: Target) -> None:
    given = uneven()
    model = create("commonest_class")
    report = model.fit(given, target=target)
    assert report.notes == ("commonest class: amazement",) or target == "votes"
    found = model.predict(given.take(np.arange(1)))
    votes, weight = given.vote_fractions, given.listeners
    np.testing.assert_allclose(
        found.intensities[0], np.average(votes, axis=0, weights=weight), rtol=1e-5
    )
    shares = votes / votes.sum(axis=1, keepdims=True)
    expected = np.average(shares, axis=0, weights=weight)
    if target == "label":
        expected = np.eye(9)[given.label].mean(axis=0)
    np.testing.assert_allclose(found.emotions[0], expected, rtol=1e-5)


@pytest.mark.parametrize("target", ["label", "votes"])
def test_the_neighbours_votes_are_copied(target: Target) -> None:
    given = uneven()
    model = create("nearest_neighbour")
    model.fit(given, target=target)
    found = model.predict(given)
    np.testing.assert_allclose(found.intensities, given.vote_fractions)
    shares = given.vote_fractions / given.vote_fractions.sum(axis=1, keepdims=True)
    expected = shares if target == "votes" else np.eye(9)[given.label]
    np.testing.assert_allclose(found.emotions, expected, rtol=1e-5)


@pytest.mark.parametrize("target", ["label", "votes"])
def test_intensities_of_the_svm_are_kernel_ridge_regressions(target: Target) -> None:
    given, new = uneven(), np.random.default_rng(1).normal(size=(5, 360)).astype(np.float32)
    model = create("svm")
    report = model.fit(given, target=target, seed=2)
    test = replace(given.take(np.arange(5)), features={"statistics": new}, rows=np.arange(5))
    found = model.predict(test)
    scaler = StandardScaler().fit(given.features["statistics"][:, :90].astype(float))
    inside, outside = (
        scaler.transform(each[:, :90].astype(float)) for each in (given.features["statistics"], new)
    )
    weight = given.listeners / given.listeners.mean()

    def regressed(wanted: np.ndarray) -> np.ndarray:
        mean = np.average(wanted, axis=0, weights=weight)
        kernel = rbf_kernel(inside, inside, 1 / 90) + np.diag(1 / weight)
        return rbf_kernel(outside, inside, 1 / 90) @ np.linalg.solve(kernel, wanted - mean) + mean

    votes = given.vote_fractions.astype(float)
    np.testing.assert_allclose(found.intensities, regressed(votes).clip(0, 1), atol=1e-5)
    if target == "votes":
        expected = regressed(votes / votes.sum(axis=1, keepdims=True)).clip(1e-6, None)
    else:
        temperature = float(report.notes[0].split()[1])
        decisions = np.full((5, 9), np.nan)
        decisions[:, :3] = SVC(C=10).fit(inside, given.label).decision_function(outside)
        decisions[:, 3:] = np.nanmin(decisions) - 3
        expected = softmax(decisions / temperature, axis=1)
    np.testing.assert_allclose(
        found.emotions, expected / expected.sum(axis=1, keepdims=True), atol=2e-3
    )


def test_the_temperature_undoes_a_scale() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 9))
    chances = softmax(logits, axis=1).cumsum(axis=1)
    label = (rng.random((20_000, 1)) > chances[:, :-1]).sum(axis=1)
    for scale in (0.5, 3.0):
        assert best_temperature(scale * logits, label) == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_temperature_is_fitted_wherever_two_classes_are(classes: int) -> None:
    given = planted_examples(tracks=24, classes=classes, segments=1)
    noisy = np.random.default_rng(0).normal(size=(24, 360)).astype(np.float32)
    report = create("svm").fit(replace(given, features={"statistics": noisy}))
    temperature = float(report.notes[0].split()[1])
    assert temperature != 1.0


def test_the_temperature_stays_between_two_bounds() -> None:
    decisions = 0.05 * np.eye(9)
    assert best_temperature(decisions, np.arange(9)) == pytest.approx(np.exp(-4), rel=1e-3)
    never = np.roll(np.arange(9), 1)
    assert best_temperature(decisions, never) == pytest.approx(np.exp(4), rel=1e-3)


def test_the_temperature_is_that_of_five_folds_of_whole_groups() -> None:
    given = uneven()
    report = create("svm").fit(given, seed=2)
    inputs = StandardScaler().fit_transform(given.features["statistics"][:, :90].astype(float))
    decisions, truth = [], []
    splitter = GroupKFold(5, shuffle=True, random_state=2)
    for inside, outside in splitter.split(inputs, groups=given.group):
        classifier = SVC(C=10).fit(inputs[inside], given.label[inside])
        decisions.append(decisions_of(classifier, inputs[outside]))
        truth.append(given.label[outside])
    expected = best_temperature(np.concatenate(decisions), np.concatenate(truth))
    assert report.notes == (f"temperature {expected:.3g} from inner cross-validation",)


def test_two_classes_have_a_decision_each_and_the_absent_are_below() -> None:
    points = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    classifier = SVC(kernel="linear").fit(points, [2, 2, 5, 5])
    found = decisions_of(classifier, points)
    ours = classifier.decision_function(points)
    np.testing.assert_allclose(found[:, 2], -ours)
    np.testing.assert_allclose(found[:, 5], ours)
    others = np.delete(found, [2, 5], axis=1)
    np.testing.assert_allclose(others, -np.abs(ours).max() - 3)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_a_baseline_reports_one_step_and_refuses_nothing_to_learn_from(name: str) -> None:
    calls: list[tuple[int, int]] = []
    create(name).fit(uneven(), progress=lambda *call: calls.append(call))
    assert calls == [(1, 1)]
    with pytest.raises(ModelError, match="training part is empty"):
        create(name).fit(uneven().take(np.zeros(0, dtype=np.int64)))

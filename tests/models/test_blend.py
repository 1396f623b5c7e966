from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.errors import ModelError
from music_emotion.models.blend import Candidate, KernelBlend, divide_groups, fractions
from music_emotion.models.kernel import (
    mean_correlation,
)
from music_emotion.models.pooling import pool_units
from music_emotion.models.registry import create


def small_blend(rounds: int = 4) -> KernelBlend:
    shares = ((("musicnn", 1.0),), (("musicnn", 0.5), ("summary", 0.5)))
    candidates = [Candidate(share, widths=(0.5, 1.0)) for share in shares]
    return KernelBlend(
        "small", [*candidates, Candidate(shares[1], learned=True, widths=(1.0,))], rounds=rounds
    )


def test_inner_folds_keep_groups_whole_and_are_of_about_equal_size() -> None:
    group = np.repeat(np.arange(23), np.arange(23) % 5 + 1)
    folds = divide_groups(group, 5, seed=3)
    assert all(len(np.unique(folds[group == number])) == 1 for number in range(23))
    sizes = np.bincount(folds, minlength=5)
    assert sizes.max() - sizes.min() <= 2


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

    units, unit_of_row = pool_units(test, model.feature_names)
    session = onnxruntime.InferenceSession(model.graph().SerializeToString())
    feed = {name: units.features[name].astype(np.float32) for name in model.feature_names}
    emotions, intensities = session.run(["emotions", "intensities"], feed)
    np.testing.assert_allclose(emotions[unit_of_row], told.emotions, atol=1e-5)
    np.testing.assert_allclose(intensities[unit_of_row], told.intensities, atol=1e-5)


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
    shuffled = np.random.default_rng(5).permutation(TRACKS)[given.track_index] * SEGMENTS
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
    assert model.fitted_.dominant_label.intensity_slope == 0.0
    model.fit(examples(), target="votes")
    assert model.fitted_.dominant_label.chance_slope > 0.0


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
    units, _ = pool_units(given.take(training), ("musicnn", "summary"))
    stacked = np.concatenate([units.features["musicnn"], units.features["summary"]], axis=1)
    theirs = LogisticRegression(max_iter=2_000, C=0.01).fit(stacked, units.label)
    model = small_blend()
    model.fit(given.take(training), target="votes")
    test = given.take(~training)
    outside, _ = pool_units(test, ("musicnn", "summary"))
    values = np.concatenate([outside.features["musicnn"], outside.features["summary"]], axis=1)
    ours = (model.predict(test).emotions.argmax(axis=1) == test.label).mean()
    assert ours >= (theirs.predict(values) == outside.label).mean() - 0.1


def test_transfer_hears_with_the_pretrained_network_only() -> None:
    model = create("transfer")
    assert model.feature_names == ("musicnn",)
    given = examples()
    training = given.group < 15
    report = model.fit(given.take(training), target="votes", seed=0)
    assert sum("regression (" in note for note in report.notes) == 1
    assert sum("classifier (" in note for note in report.notes) == 1
    test = given.take(~training)
    assert mean_correlation(model.predict(test).intensities, test.vote_fractions) > 0.6


def test_light_needs_no_network() -> None:
    assert create("light").feature_names == ("summary",)


@pytest.mark.parametrize("name", ["transfer", "light"])
def test_the_same_data_give_the_same_model(name: str) -> None:
    given = examples()
    first, second = create(name), create(name)
    first.fit(given, target="votes", seed=0)
    second.fit(given, target="votes", seed=0)
    np.testing.assert_array_equal(first.predict(given).emotions, second.predict(given).emotions)

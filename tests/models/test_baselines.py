from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.planted import planted_examples
from music_emotion.errors import ModelError
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

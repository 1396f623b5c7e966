from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.planted import planted_examples
from music_emotion.errors import ModelError
from music_emotion.features.spectrum import log_mel
from music_emotion.models.base import Examples
from music_emotion.models.neural import (
    LogMel,
    NeuralModel,
    Standardise,
    StandardisedNetwork,
    training_data,
)
from music_emotion.models.neural import _filled_up as filled_up
from music_emotion.models.rating_regression import Standard
from music_emotion.models.registry import create
from music_emotion.training.config import TrainingConfig
from music_emotion.training.data import cut_validation
from music_emotion.training.fit import FitResult

QUICK = {"max_epochs": 3, "batch_size": 16, "patience": 3}


@pytest.mark.parametrize(
    "name", ["lstm_cnn", "lstm_cnn_advanced", "bilstm_cnn", "cnn2d", "cnn2d_specaugment"]
)
def test_each_network_learns_a_planted_emotion(name: str) -> None:
    examples = planted_examples()
    inside, outside = examples.track_index < 21, examples.track_index >= 21
    model = create(name, **QUICK)
    report = model.fit(examples.take(inside), seed=1)
    prediction = model.predict(examples.take(outside))
    accuracy = (prediction.emotions.argmax(1) == examples.label[outside]).mean()
    assert accuracy > 0.7
    np.testing.assert_allclose(prediction.emotions.sum(1), 1, rtol=1e-5)
    assert prediction.intensities.min() >= 0
    assert prediction.intensities.max() <= 1
    assert report.parameters > 100_000
    assert set(report.history) >= {"train_loss", "validation_loss", "validation_accuracy"}


@pytest.mark.filterwarnings("ignore:stft with return_complex")
def test_the_front_end_is_the_log_mel_of_the_features() -> None:
    rng = np.random.default_rng(5)
    time = np.arange(66_150) / 22_050
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6))
    rows = [0.3 * rng.standard_normal(66_150), 0.01 * chord, chord * np.exp(-time), time - 1.5]
    rows += [np.zeros(66_150), rows[0] * 1e-3 + rows[1]]
    segments = np.stack(rows).astype(np.float32)
    layer = LogMel()(torch.from_numpy(segments)).numpy()
    assert layer.shape == (6, 128, 130)
    assert np.abs(layer - log_mel(segments)).max() < 1e-4


@pytest.mark.parametrize(("axis", "shape"), [(2, (5, 7, 3)), (1, (5, 3, 7))])
def test_standardise_works_per_feature(axis: int, shape: tuple[int, int, int]) -> None:
    inputs = torch.randn(*shape) * 4 + 2
    moved = inputs.movedim(axis, -1).reshape(-1, 3)
    layer = Standardise(moved.mean(0), moved.std(0, correction=0), axis=axis)
    scaled = layer(inputs).movedim(axis, -1).reshape(-1, 3)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(3))


def test_the_scaling_is_part_of_the_saved_network() -> None:
    layer = Standardise(torch.tensor([1.0]), torch.tensor([2.0]), axis=2)
    saved = StandardisedNetwork(layer, nn.Identity()).state_dict()
    assert saved["standardise.mean"].tolist() == [1.0]
    assert saved["standardise.scale"].tolist() == [0.5]


def test_the_seed_makes_runs_bit_identical_and_different() -> None:
    examples = planted_examples(tracks=12)
    predictions = []
    for seed in (4, 4, 5):
        model = create("cnn2d_specaugment", max_epochs=1, batch_size=8)
        model.fit(examples, seed=seed)
        predictions.append(model.predict(examples).emotions)
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert not np.array_equal(predictions[0], predictions[2])


def test_the_scaling_never_sees_the_validation_part() -> None:
    """Poisoned validation segments leave no trace in the scaling of the first training."""
    examples = planted_examples(tracks=30)
    model = create("bilstm_cnn", max_epochs=1, second_training=False)
    model.fit(examples, seed=2)
    clean = network_of(model).standardise.mean.clone()
    cut = cut_validation(examples.label, examples.group, 0.1, seed=2)
    assert len(cut.validation) > 0
    poisoned = examples.features["advanced"].copy()
    poisoned[cut.validation] += 1e4
    model = create("bilstm_cnn", max_epochs=1, second_training=False)
    model.fit(replace(examples, features={"advanced": poisoned}), seed=2)
    assert torch.equal(network_of(model).standardise.mean, clean)


def test_a_second_training_learns_from_everything_for_the_epochs_that_were_best() -> None:
    examples = planted_examples(tracks=30)
    again = create("bilstm_cnn", **QUICK)
    shown: list[float] = []
    report = again.fit(examples, seed=2, progress=lambda done, total: shown.append(done / total))
    assert shown == sorted(shown)
    assert {0.5, 1.0} < set(shown)
    first = create("bilstm_cnn", second_training=False, **QUICK).fit(examples, seed=2)
    assert report.history["validation_loss"] == first.history["validation_loss"]
    epochs = report.best_epoch + 1
    assert report.notes[-1] == f"trained again on all {len(examples)} segments, for {epochs} epochs"
    by_hand = create("bilstm_cnn", **{**QUICK, "max_epochs": epochs}, stop_after=epochs)
    assert "0 to validate on" in by_hand.fit(examples, seed=2).notes[0]
    np.testing.assert_array_equal(
        again.predict(examples).emotions, by_hand.predict(examples).emotions
    )


def network_of(model: object) -> torch.nn.Module:
    assert isinstance(model, NeuralModel)
    assert model.network_ is not None
    return model.network_


def test_the_fitted_network_takes_raw_features() -> None:
    examples = planted_examples(tracks=9)
    model = create("lstm_cnn", max_epochs=1)
    model.fit(examples)
    with torch.no_grad():
        logits, _ = network_of(model)(torch.from_numpy(examples.gather("basic")))
    np.testing.assert_allclose(
        torch.softmax(logits, 1).numpy(), model.predict(examples).emotions, atol=1e-5
    )


def test_smote_is_on_for_labels_off_for_votes_and_for_spectrograms() -> None:
    examples = planted_examples(tracks=18)
    few = examples.take(~((examples.label == 2) & (examples.track_index > 9)))

    def mentions_smote(name: str, target: str) -> bool:
        notes = create(name, max_epochs=1).fit(few, target=target).notes  # type: ignore[arg-type]
        return any("SMOTE" in note for note in notes)

    assert mentions_smote("lstm_cnn", "label")
    assert not mentions_smote("lstm_cnn", "votes")
    assert not mentions_smote("lstm_cnn_without_smote", "label")
    assert not mentions_smote("cnn2d", "label")


def test_votes_become_shares_of_ticks_weighted_by_listeners() -> None:
    examples = planted_examples(tracks=3, segments=1)
    fractions = np.zeros((3, 9), dtype=np.float32)
    fractions[0, [0, 3]] = [0.6, 0.3]
    fractions[1, 5] = 0.5
    examples = replace(
        examples, vote_fractions=fractions, listeners=np.array([10, 20, 30]), genre=np.zeros(3)
    )
    data = training_data(examples, examples.features["basic"], "votes")
    np.testing.assert_allclose(data.emotions[0, [0, 3]], [2 / 3, 1 / 3], rtol=1e-6)
    assert data.emotions[1, 5] == 1
    assert data.emotions[2, examples.label[2]] == 1
    np.testing.assert_allclose(data.weight, [0.5, 1, 1.5])
    np.testing.assert_array_equal(data.intensities, fractions)
    hard = training_data(examples, examples.features["basic"], "label")
    np.testing.assert_array_equal(hard.emotions, np.eye(9)[examples.label])
    np.testing.assert_array_equal(hard.weight, [1, 1, 1])
    for given in (data, hard):
        floats = (given.emotions, given.weight, given.intensities, given.intensity_weight)
        assert {values.dtype for values in floats} == {np.dtype(np.float32)}


def test_votes_teach_the_intensities() -> None:
    examples = planted_examples()
    model = create("bilstm_cnn", max_epochs=8, batch_size=16, patience=8)
    model.fit(examples, target="votes")
    predicted = model.predict(examples).intensities
    correlation = np.corrcoef(predicted.ravel(), examples.vote_fractions.ravel())[0, 1]
    assert correlation > 0.6


def rated_examples(tracks: int = 30) -> Examples:
    """Return planted examples whose first scale falls with the label and whose second rises."""
    examples = planted_examples(tracks)
    rising = examples.label.astype(np.float32)
    return replace(
        examples,
        unit=examples.track_index,
        label=np.full_like(examples.label, -1),
        ratings=np.column_stack([5 - 2 * rising, 0.1 * rising]),
        raters=np.full(len(examples), 20),
    )


@pytest.mark.parametrize("name", ["bilstm_cnn", "cnn2d_specaugment"])
def test_each_kind_of_network_learns_planted_ratings_in_their_own_units(name: str) -> None:
    examples = rated_examples()
    inside, outside = examples.track_index < 24, examples.track_index >= 24
    model = create(name, **{**QUICK, "max_epochs": 6, "patience": 6})
    report = model.fit(examples.take(inside), target="ratings", seed=1)
    said = model.predict(examples.take(outside))
    truth = examples.ratings[outside]
    assert said.emotions.shape == said.intensities.shape == (outside.sum(), 0)
    assert said.ratings.dtype == np.float32
    for scale in range(2):
        assert np.corrcoef(said.ratings[:, scale], truth[:, scale])[0, 1] > 0.7
        error = np.abs(said.ratings[:, scale] - truth[:, scale]).mean()
        assert error < 0.7 * truth[:, scale].std()
    assert set(report.history) == {"train_loss", "validation_loss", "learning_rate", "seconds"}
    assert not any("SMOTE" in note for note in report.notes)
    none = model.predict(examples.take(np.array([], dtype=np.int64)))
    assert none.ratings.shape == (0, 2)


def test_ratings_of_the_training_rows_alone_say_how_they_are_spread() -> None:
    examples = rated_examples(tracks=12)
    ratings = examples.ratings.copy()
    ratings[examples.track_index == 11, 0] = np.nan
    model = create("lstm_cnn", max_epochs=1, batch_size=8, second_training=False)
    model.fit(replace(examples, ratings=ratings), target="ratings", seed=0)
    head = model.network_.architecture.heads
    rows = examples.track_index < 11
    cut = cut_validation(
        np.zeros(rows.sum(), np.int64),
        examples.group[rows],
        model.config.validation_fraction,
        seed=0,
    )
    learned = examples.ratings[rows][cut.training]
    assert len(learned) < rows.sum()
    np.testing.assert_allclose(head.mean, learned.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(head.deviation, learned.std(axis=0), rtol=1e-5)


def test_ratings_weigh_by_their_raters_and_hold_no_intensities() -> None:
    examples = replace(
        rated_examples(tracks=10).take(np.arange(0, 40, 4)), raters=np.array([1] * 5 + [30] * 5)
    )
    standard = Standard(np.zeros(2), np.array([2.0, 4.0]))
    data = training_data(examples, examples.features["basic"], "ratings", standard)
    np.testing.assert_array_equal(data.emotions, examples.ratings)
    np.testing.assert_array_equal(data.spread, [2, 4])
    assert data.weight[9] / data.weight[0] == pytest.approx(31 / 2)
    assert data.intensities.shape == (10, 0)


def test_one_line_where_a_network_cannot_learn_ratings() -> None:
    examples = rated_examples(tracks=9)
    with pytest.raises(ModelError, match="9 of the training tracks are rated on every scale"):
        create("lstm_cnn").fit(examples, target="ratings")

    def headless(config: Any, features: int, shared: bool) -> nn.Module:
        return nn.Linear(features, 9)

    own = NeuralModel("own", create("lstm_cnn").inputs, headless, TrainingConfig())
    with pytest.raises(ModelError, match="own cannot learn ratings: keep its EmotionHeads"):
        own.fit(rated_examples(tracks=12), target="ratings")


def test_an_unfitted_model_and_an_empty_part_are_named() -> None:
    examples = planted_examples(tracks=3)
    with pytest.raises(ModelError, match="lstm_cnn has not been fitted"):
        create("lstm_cnn").predict(examples)
    with pytest.raises(ModelError, match="training part is empty"):
        create("lstm_cnn").fit(examples.take(np.array([], dtype=np.int64)))


def test_a_feature_without_frames_is_refused() -> None:
    examples = planted_examples(tracks=3)
    flat = replace(examples, features={"basic": examples.features["basic"][:, 0]})
    with pytest.raises(ModelError, match="lstm_cnn cannot be fitted: a segment's basic has no fr"):
        create("lstm_cnn").fit(flat)


def test_nothing_to_predict_gives_nothing() -> None:
    examples = planted_examples(tracks=6)
    model = create("lstm_cnn", max_epochs=1)
    model.fit(examples)
    prediction = model.predict(examples.take(np.array([], dtype=np.int64)))
    for values in (prediction.emotions, prediction.intensities):
        assert (values.shape, values.dtype) == ((0, 9), np.float32)


def test_synthetic_rows_count_for_the_emotions_alone() -> None:
    examples = planted_examples(tracks=13, segments=1)
    data = training_data(examples, examples.features["basic"], "label")
    filled, notes = filled_up(data, 0)  # classes of 5, 4 and 4
    assert notes == (
        "SMOTE added 2 synthetic rows to 13 real ones, 5 per class",
        "SMOTE used fewer than 5 neighbours for class 1 (4 members, 3 neighbours), "
        "class 2 (4 members, 3 neighbours)",
    )
    assert len(filled) == 15
    np.testing.assert_array_equal(filled.rows, np.arange(15))
    np.testing.assert_array_equal(filled.emotions[13:, 1:3], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(filled.weight, np.ones(15))
    np.testing.assert_array_equal(filled.intensities[:13], examples.vote_fractions)
    np.testing.assert_array_equal(filled.intensities[13:], 0)
    np.testing.assert_allclose(
        filled.intensity_weight[:13], examples.listeners / examples.listeners.mean(), rtol=1e-6
    )
    np.testing.assert_array_equal(filled.intensity_weight[13:], 0)
    np.testing.assert_array_equal(filled.track_index, [*range(13), -1, -1])


@pytest.mark.parametrize(("name", "frame_axis"), [("lstm_cnn", 1), ("cnn2d", 2)])
def test_the_fit_loop_gets_what_is_its_own(
    name: str, frame_axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def record(network: object, training: object, validation: object, config: object, **others):
        given.update(others, training=training, validation=validation, config=config)
        return FitResult({"seconds": [1.0]}, 7)

    monkeypatch.setattr("music_emotion.models.neural.fit_network", record)
    examples = planted_examples(tracks=31, segments=2)
    model = create(name, device="cpu")
    report = model.fit(examples, seed=3)
    cut = cut_validation(examples.label, examples.group, 0.1, seed=3)
    assert (given["seed"], given["frame_axis"]) == (3, frame_axis)
    assert given["epoch_size"] == len(cut.training)
    assert len(given["validation"]) == len(cut.validation) > 0
    assert report.best_epoch == 7
    assert report.notes[0] == (
        f"{len(cut.training)} segments to learn from, {len(cut.validation)} to validate on"
    )
    mean = given["training"].array[: len(cut.training)].mean(axis=(0, frame_axis))
    if name == "lstm_cnn":  # standardised once; the real rows come first
        np.testing.assert_allclose(mean, 0, atol=1e-4)
    scaling = network_of(model).standardise
    frames = np.moveaxis(examples.features[model.feature_names[0]][cut.training], frame_axis, 0)
    frames = frames.reshape(-1, frames.shape[-1])
    np.testing.assert_allclose(scaling.mean.flatten(), frames.mean(axis=0), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(scaling.scale.flatten(), 1 / frames.std(axis=0), rtol=1e-3)

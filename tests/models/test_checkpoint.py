from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.planted import planted_examples
from music_emotion.datasets.ratings import Scale
from music_emotion.errors import ModelError, WriteError
from music_emotion.inference.export import export_trained
from music_emotion.inference.model import load_model
from music_emotion.models.blend import KernelBlend
from music_emotion.models.candidates import Candidate
from music_emotion.models.checkpoint import (
    check_saveable,
    load_fitted,
    read_trained,
    save_fitted,
)
from music_emotion.models.registry import create


def by_track():
    """Planted examples as a kernel model sees them: items are tracks."""
    given = planted_examples(tracks=24, segments=3)
    rng = np.random.default_rng(0)
    mine = given.label[:, None] == np.arange(272)
    summary = (3.0 * mine + rng.normal(size=mine.shape)).astype(np.float32)
    return replace(given, unit=given.track_index, features={**given.features, "summary": summary})


@pytest.fixture(scope="module")
def light() -> KernelBlend:
    candidate = Candidate((("summary", 1.0),), widths=(0.5, 1.0))
    model = KernelBlend("light", [candidate], rounds=2)
    model.fit(by_track(), target="votes", seed=1)
    return model


def save(model: object, folder: Path, **fields: object) -> None:
    save_fitted(folder, model, target="votes", settings={}, provenance={"seed": 1}, **fields)  # type: ignore[arg-type]


def test_a_model_without_a_network_is_kept_as_its_graph(light: KernelBlend, tmp_path: Path) -> None:
    save(light, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.onnx"]
    predicted, wanted = load_fitted(tmp_path).predict(by_track()), light.predict(by_track())
    assert np.abs(predicted.emotions - wanted.emotions).max() < 1e-4
    assert np.abs(predicted.intensities - wanted.intensities).max() < 1e-4


def test_the_graph_that_was_kept_is_exported_and_loaded(light: KernelBlend, tmp_path: Path) -> None:
    save(light, tmp_path / "trained")
    card = export_trained(tmp_path / "trained", tmp_path / "packaged", name="mine")
    assert (card.scope, card.features, card.window_seconds) == ("track", ("summary",), 27.0)
    assert card.training == {"model": "light", "target": "votes", "seed": "1"}
    sound = 0.1 * np.random.default_rng(0).standard_normal(6 * 22_050)
    assert load_model(tmp_path / "packaged").predict(sound, 22_050).model == "mine"


def test_what_is_read_back_is_not_fitted_again(light: KernelBlend, tmp_path: Path) -> None:
    save(light, tmp_path)
    with pytest.raises(ModelError, match="cannot be fitted"):
        load_fitted(tmp_path).fit(by_track())


def test_a_damaged_or_missing_graph_is_one_line(light: KernelBlend, tmp_path: Path) -> None:
    save(light, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot be run"):
        load_fitted(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read"):
        load_fitted(tmp_path)


@pytest.mark.parametrize("name", ["svm", "genre_only"])
def test_what_cannot_be_saved_is_said_before_the_training(name: str) -> None:
    with pytest.raises(ModelError, match="can be compared but not saved"):
        check_saveable(create(name))


@pytest.mark.parametrize("name", ["bilstm_cnn", "cnn2d_specaugment"])
def test_a_network_comes_back_to_the_last_digit(name: str, tmp_path: Path) -> None:
    examples = planted_examples(tracks=9, segments=2)
    settings = {"max_epochs": 1, "device": "cpu"}
    model = create(name, **settings)
    model.fit(examples, target="votes", seed=3)
    save_fitted(tmp_path, model, target="votes", settings=settings, provenance={})
    assert json.loads((tmp_path / "model.json").read_text())["target"] == "votes"
    predicted, wanted = load_fitted(tmp_path).predict(examples), model.predict(examples)
    assert np.array_equal(predicted.emotions, wanted.emotions)
    assert np.array_equal(predicted.intensities, wanted.intensities)


def test_a_model_that_was_not_fitted_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not been fitted"):
        save(create("lstm_cnn"), tmp_path)


def test_a_trained_model_is_described(light: KernelBlend, tmp_path: Path) -> None:
    save(light, tmp_path)
    assert (tmp_path / "model.json").read_text().startswith('{\n "format": 1,\n "name": "light",')
    trained = read_trained(tmp_path)
    assert (trained.name, trained.target, trained.members) == ("light", "votes", ())
    assert (trained.feature_names, trained.settings) == (("summary",), {})
    assert trained.provenance == {"seed": 1}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "is of another version"),
        ({"emotions": ["joy"]}, "is of another version"),
        ({"target": "both"}, "is damaged"),
        ({"settings": 3}, "is damaged"),
    ],
)
def test_a_description_that_says_something_else_is_refused(
    light: KernelBlend, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    save(light, tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=rf"model\.json {complaint}"):
        read_trained(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match="is missing: name a folder"):
        read_trained(tmp_path)
    path.mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        read_trained(tmp_path)


def test_an_ensemble_is_kept_member_by_member(tmp_path: Path) -> None:
    examples = planted_examples(tracks=6, segments=2)
    settings = {"max_epochs": 1, "device": "cpu"}
    model = create("ensemble", **settings)
    model.fit(examples)
    save_fitted(tmp_path, model, target="label", settings=settings, provenance={})
    assert read_trained(tmp_path).members == ("bilstm_cnn", "cnn2d_specaugment")
    weights = tmp_path / "cnn2d_specaugment" / "weights.safetensors"
    found, wanted = load_fitted(tmp_path).predict(examples), model.predict(examples)
    np.testing.assert_array_equal(found.emotions, wanted.emotions)
    weights.write_bytes((tmp_path / "bilstm_cnn" / "weights.safetensors").read_bytes())
    with pytest.raises(ModelError, match="does not fit 'cnn2d_specaugment'"):
        load_fitted(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(light: KernelBlend, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"cannot write .* another --out"):
        save(light, tmp_path / "file")


SCALES = (Scale("valence", -1.0, 1.0), Scale("mood"))


def rated_by_track():
    given = by_track()
    ratings = np.column_stack([0.2 * given.label, 5.0 - given.label]).astype(np.float32)
    return replace(given, ratings=ratings, raters=np.full(len(given), 12))


def test_regressions_of_ratings_are_kept_as_their_graph(tmp_path: Path) -> None:
    candidate = Candidate((("summary", 1.0),), widths=(0.5, 1.0))
    model = KernelBlend("light", [candidate], rounds=2)
    given = rated_by_track()
    model.fit(given, target="ratings", seed=1)
    save_fitted(
        tmp_path, model, target="ratings", settings={}, provenance={"seed": 1}, scales=SCALES
    )
    assert read_trained(tmp_path).scales == SCALES
    wanted = model.predict(given).ratings
    assert np.corrcoef(wanted[:, 1], given.ratings[:, 1])[0, 1] > 0.9
    np.testing.assert_allclose(load_fitted(tmp_path).predict(given).ratings, wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm_cnn", "ensemble"])
def test_networks_that_learned_ratings_are_read_back(name: str, tmp_path: Path) -> None:
    given = rated_by_track().take(np.arange(36))
    model = create(name, max_epochs=1, batch_size=8)
    model.fit(given, target="ratings")
    settings = {"max_epochs": 1, "batch_size": 8}
    save_fitted(tmp_path, model, target="ratings", settings=settings, provenance={}, scales=SCALES)
    again = load_fitted(tmp_path).predict(given).ratings
    np.testing.assert_array_equal(again, model.predict(given).ratings)
    assert again.shape == (36, 2)

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto

from helpers.graphs import linear_reader
from helpers.planted import planted_examples
from music_emotion import __version__
from music_emotion.errors import MissingExtraError, ModelError
from music_emotion.features.descriptors import advanced
from music_emotion.features.spectrum import log_mel
from music_emotion.inference.export import export_fitted, export_model, export_trained, halved
from music_emotion.inference.model import load_model
from music_emotion.inference.package import Network, find_package
from music_emotion.models.base import Model
from music_emotion.models.checkpoint import save_fitted
from music_emotion.models.registry import create

SETTINGS = {"max_epochs": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def segments() -> np.ndarray:
    """Six segments, from loud noise to a quiet chord."""
    rng = np.random.default_rng(5)
    time = np.arange(66_150) / 22_050
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6))
    rows = [0.3 * rng.standard_normal(66_150), 0.01 * chord, chord * np.exp(-time), time - 1.5]
    whole = np.stack([*rows, np.zeros(66_150), rows[0] * 1e-3 + rows[1]]).astype(np.float32)
    return whole / 3  # within full scale


pytestmark = pytest.mark.filterwarnings("ignore:stft with return_complex")


@pytest.fixture(scope="module")
def ensemble() -> Model:
    model = create("ensemble", **SETTINGS)
    model.fit(planted_examples(tracks=9, segments=2), seed=1)
    return model


def torch_answer(model: Model, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = {"log_mel": log_mel(segments), "advanced": advanced(segments)}
    emotions, intensities = [], []
    for member in getattr(model, "members", (model,)):
        with torch.no_grad():
            logits, others = member.network_(torch.from_numpy(features[member.feature_names[0]]))
        emotions.append(torch.softmax(logits, 1).numpy())
        intensities.append(torch.sigmoid(others).numpy())
    return np.mean(emotions, axis=0), np.mean(intensities, axis=0)


@pytest.mark.parametrize("mel_inside", [True, False])
def test_torch_and_onnx_agree(
    mel_inside: bool, ensemble: Model, segments: np.ndarray, tmp_path: Path
) -> None:
    card = export_fitted(ensemble, tmp_path, name="both", mel_inside=mel_inside)
    spectrogram = "waveform" if mel_inside else "log_mel"
    assert set(card.features) == {"advanced", spectrogram}
    inputs = {
        "advanced": advanced(segments),
        spectrogram: segments if mel_inside else log_mel(segments),
    }
    answer = Network(tmp_path)(inputs)
    emotions, intensities = torch_answer(ensemble, segments)
    assert np.abs(answer.emotions - emotions).max() < 1e-4
    assert np.abs(answer.intensities - intensities).max() < 1e-4


def test_the_batch_may_be_of_any_size_and_the_weights_of_half_the_size(
    ensemble: Model, segments: np.ndarray, tmp_path: Path
) -> None:
    inputs = {"advanced": advanced(segments), "log_mel": log_mel(segments)}
    export_fitted(ensemble, tmp_path / "whole", name="both", mel_inside=False)
    export_fitted(ensemble, tmp_path / "half", name="both", mel_inside=False, halve=True)
    whole, half = Network(tmp_path / "whole"), Network(tmp_path / "half")
    part = whole({name: values[:1] for name, values in inputs.items()}).emotions
    assert np.allclose(part, whole(inputs).emotions[:1], atol=1e-6)
    assert half.size_bytes < 0.55 * whole.size_bytes
    assert np.abs(half(inputs).emotions - whole(inputs).emotions).max() < 5e-3


def test_a_trained_folder_becomes_a_model_that_predicts(
    ensemble: Model, segments: np.ndarray, tmp_path: Path
) -> None:
    save_fitted(
        tmp_path / "trained",
        ensemble,
        target="label",
        settings=SETTINGS,
        provenance={"data": {"name": "planted", "tracks": 9}, "history": {"loss": [1.0]}},
    )
    export_trained(tmp_path / "trained", tmp_path / "packaged", name="mine")
    model = load_model(tmp_path / "packaged")
    assert model.card.name == "mine"
    assert model.card.summary == "ensemble, trained on planted"
    assert model.card.version == model.card.sha256[:7]
    assert model.card.training == {
        "model": "ensemble",
        "target": "label",
        "data": "name planted, tracks 9",
    }
    prediction = model.predict(segments[:3].reshape(-1), 22_050)
    emotions, _ = torch_answer(ensemble, segments[:3])
    assert np.allclose(prediction.timeline.emotions, emotions, atol=1e-4)


class Bringer:
    """A model that makes its own graph."""

    name = "bringer"
    feature_names = ("musicnn", "statistics")
    pooling = {"musicnn": ("mean",), "statistics": ("mean", "std")}  # noqa: RUF012
    window_seconds = 15.0

    def graph(self) -> ModelProto:
        return linear_reader({"musicnn": 1_506, "statistics": 720})[0]


def test_a_model_may_bring_its_own_graph(tmp_path: Path) -> None:
    card = export_fitted(Bringer(), tmp_path, name="own")  # type: ignore[arg-type]
    assert card.scope == "track"
    assert card.window_seconds == 15.0
    rng = np.random.default_rng(0)
    prediction = load_model(tmp_path).predict(rng.standard_normal(6 * 22_050) * 0.1, 22_050)
    assert prediction.emotions.sum() == pytest.approx(1.0, abs=1e-5)


def test_halving_keeps_small_weights() -> None:
    graph, weights = linear_reader({"statistics": 10})
    assert halved(graph).SerializeToString() == graph.SerializeToString()
    assert set(weights) == {"w_statistics"}


def test_weights_that_float16_cannot_hold_stay_as_they_are() -> None:
    graph, _ = linear_reader({"musicnn": 3_012})
    (weights,) = graph.graph.initializer
    half = halved(graph).graph
    assert half.node[0].op_type == "Cast"
    assert len(half.initializer[0].raw_data) == 2 * 3_012 * 9
    values = np.zeros((3_012, 9), np.float32)
    values[0, 0] = 1e5
    weights.raw_data = values.tobytes()
    assert halved(graph).SerializeToString() == graph.SerializeToString()


@pytest.mark.parametrize("name", ["two\nlines", "", "\udce9"])
def test_a_name_that_cannot_be_shown_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is no name for a model.*--name") as caught:
        export_trained(tmp_path, tmp_path / "out", name=name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("default", {"ear.onnx", "ear.json", "reference.npz", "msd_musicnn.LICENSE.md"}),
        ("light", {"ear.onnx", "ear.json", "reference.npz"}),
        ("cnn2d", set()),
    ],
)
def test_a_model_of_the_wheel_is_exported_as_it_is(
    name: str, others: set[str], tmp_path: Path
) -> None:
    card = export_model(name, tmp_path / "out")
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"model.onnx", "card.json", "model.md"} | others
    wheel = find_package(name)
    assert (tmp_path / "out" / "model.onnx").read_bytes() == (wheel / "model.onnx").read_bytes()
    sound = 0.1 * np.random.default_rng(1).standard_normal(5 * 16_000)
    exported, shipped = (load_model(at).predict(sound, 16_000) for at in (tmp_path / "out", wheel))
    assert card.name == name
    assert exported.to_dict() == shipped.to_dict()


def test_an_export_replaces_another_and_may_have_a_name(tmp_path: Path) -> None:
    export_model("light", tmp_path / "light")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").write_text("mine")
    export_model("default", tmp_path / "out")
    card = export_model(tmp_path / "light", tmp_path / "out", name="quick")
    assert card.name == "quick"
    assert (tmp_path / "out" / "model.md").read_text("utf-8").startswith(f"# quick {__version__}-")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "README.md",
        *("model.onnx", "card.json", "model.md", "ear.onnx", "ear.json", "reference.npz"),
    }


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("ensemble", {}, "'ensemble' takes advanced, which only this package computes; export"),
        ("lihgt", {}, "no model 'lihgt'; did you mean 'light'"),
        ("light", {"halve": True}, "leave --half and --mel-outside to a model that"),
        ("light", {"mel_inside": False}, "'light' is packaged already"),
        ("light", {"name": ""}, "is no name for a model"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    source: str, options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=reason):
        export_model(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_without_onnx_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"music-emotion\[onnx\]"):
        export_model("light", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export_model("cnn2d", tmp_path / "out")  # there is nothing to build


def test_what_has_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no network to export"):
        export_fitted(create("svm"), tmp_path, name="svm")
    with pytest.raises(ModelError, match="missing"):
        export_trained(tmp_path / "nothing", tmp_path / "out", name="x")


@pytest.mark.emotify
def test_torch_and_onnx_agree_on_real_tracks(
    ensemble: Model, emotify_root: Path, tmp_path: Path
) -> None:
    from music_emotion.audio import read_audio
    from music_emotion.features.segments import cut_segments

    export_fitted(ensemble, tmp_path, name="both")
    model = load_model(tmp_path)
    for genre in ("classical", "rock", "electronic", "pop"):
        for number in range(11, 16):
            path = emotify_root / "emotifymusic" / genre / f"{number}.mp3"
            segments = cut_segments(read_audio(path, 22_050, duration=3.5))
            emotions, _ = torch_answer(ensemble, segments)
            prediction = model.predict(segments.reshape(-1), 22_050)
            assert np.abs(prediction.timeline.emotions - emotions).max() < 1e-4

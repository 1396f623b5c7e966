"""From a folder of sound to a model of one's own, as a user goes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.sounds import RATE, tone
from music_emotion.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore:stft with return_complex")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten short songs by ten bands: low tones are sad, high ones tense."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    lines = ["path,label,group"]
    for number in range(10):
        label, hertz = (("sadness", 200.0), ("tension", 2_000.0))[number % 2]
        sound = tone(6.0, hertz=hertz * rng.uniform(0.9, 1.1)) + 0.01 * rng.standard_normal(
            6 * RATE
        )
        sf.write(folder / f"{number}.wav", sound, RATE)
        lines.append(f"{number}.wav,{label},band {number}")
    (folder / "songs.csv").write_text("\n".join(lines))
    return folder / "songs.csv"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("model", "inputs"), [("cnn2d", "waveform"), ("bilstm_cnn", "advanced"), ("light", "summary")]
)
def test_a_model_is_trained_exported_and_used(
    model: str, inputs: str, table: Path, tmp_path: Path
) -> None:
    trained, packaged = tmp_path / "trained", tmp_path / "packaged"
    options = ["--epochs", 1, "--device", "cpu", "--jobs", 1]
    result = run("train", model, "--csv", table, "--out", trained, *options)
    assert result.exit_code == 0, result.output
    result = run("export", trained, "-o", packaged, "--name", "mine")
    assert result.exit_code == 0, result.output
    assert f"mine, takes {inputs}" in result.stdout
    files = {"model.onnx", "card.json", "model.md"}
    files |= {"ear.onnx", "ear.json"} if model == "light" else set()
    assert {path.name for path in packaged.iterdir()} == files
    result = run("predict", table.parent / "1.wav", "-m", packaged, "-f", "json")
    (prediction,) = json.loads(result.stdout)
    assert prediction["model"] == "mine"
    assert sum(prediction["emotions"].values()) == pytest.approx(1.0, abs=1e-4)
    shown = run("models", packaged).stdout
    assert f"model: {model}" in shown
    assert "machine" not in shown


def test_a_model_that_cannot_be_saved_is_refused_before_any_work(
    table: Path, tmp_path: Path
) -> None:
    result = run("train", "svm", "--csv", table, "--out", tmp_path / "out")
    assert isinstance(result.exception, ModelError)
    assert "compared but not saved" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_model_of_the_wheel_is_exported(tmp_path: Path) -> None:
    result = run("export", "light", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "light, takes summary" in result.stdout
    assert "model.md says how" in result.stdout
    assert (tmp_path / "out" / "ear.onnx").is_file()


def test_what_is_no_trained_model_is_refused(tmp_path: Path) -> None:
    result = run("export", tmp_path, "-o", tmp_path / "out")
    assert isinstance(result.exception, ModelError)
    assert "model.json is missing" in str(result.exception)

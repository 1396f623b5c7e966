"""From a folder of sound to a model of one's own, as a user goes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.sounds import RATE, tone
from music_emotion.errors import ModelError, MusicEmotionError

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


@pytest.fixture(scope="module")
def rated_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve short songs by as many bands: the higher the tone, the higher the ratings."""
    folder = tmp_path_factory.mktemp("rated")
    lines = ["path,band,arousal [1..9],mood,mood_sd,raters"]
    for number in range(12):
        sf.write(folder / f"{number}.wav", tone(6.0, hertz=200.0 * 1.2**number), RATE)
        lines.append(f"{number}.wav,band {number},{2 + number / 2},{number / 100},0.01,9")
    (folder / "rated.csv").write_text("\n".join(lines))
    return folder / "rated.csv"


@pytest.mark.parametrize("model", ["light", "bilstm_cnn"])
def test_a_model_of_ratings_is_trained_exported_and_used(
    model: str, rated_table: Path, tmp_path: Path
) -> None:
    trained, packaged = tmp_path / "trained", tmp_path / "packaged"
    options = ["--epochs", 1, "--device", "cpu", "--jobs", 1]
    result = run("train", model, "--csv", rated_table, "--out", trained, *options)
    assert result.exit_code == 0, result.output
    result = run("export", trained, "-o", packaged, "--name", "mine")
    assert result.exit_code == 0, result.output
    assert "Output `ratings`, float32 (n, 2): arousal [1..9], mood." in " ".join(
        (packaged / "model.md").read_text().split()
    )
    songs = [rated_table.parent / "1.wav", rated_table.parent / "10.wav"]
    result = run("predict", *songs, "-m", packaged, "-f", "csv")
    low, high = csv.DictReader(io.StringIO(result.stdout))
    assert [*low] == [
        *("path", "duration", "model", "version", "arousal", "mood", "warnings", "error")
    ]
    assert (low["model"], float(low["duration"])) == ("mine", 6.0)
    if model == "light":
        assert 2.0 < float(low["arousal"]) < 5.0 < float(high["arousal"]) < 8.0
    result = run("predict", songs[0], "-m", packaged, "-f", "json")
    (said,) = json.loads(result.stdout)
    assert said["ratings"]["arousal"] == pytest.approx(float(low["arousal"]))
    result = run("predict", *songs, "-m", packaged)
    assert f"arousal {float(high['arousal']):+.2f}  mood" in result.stdout.splitlines()[1]
    assert "It rates arousal [1..9], mood, and names no emotions." in run("models", packaged).stdout


def test_what_a_model_of_ratings_cannot_do_is_one_line(rated_table: Path, tmp_path: Path) -> None:
    trained, packaged = tmp_path / "trained", tmp_path / "packaged"
    run("train", "light", "--csv", rated_table, "--out", trained, "--jobs", 1)
    run("export", trained, "-o", packaged)
    song, letter = rated_table.parent / "1.wav", tmp_path / "letter.wav"
    letter.write_text("dear listener")
    for arguments, line in (
        (["predict", song, "--timeline"], "rates whole tracks: leave out --timeline"),
        (["predict", song, "-f", "jams"], "jams cannot tell ratings: use table, json, jsonl, csv"),
        (["scan", rated_table.parent, "--catalogue", tmp_path / "c"], "rates arousal, mood and"),
    ):
        refused = run(*arguments, "-m", packaged)
        assert isinstance(refused.exception, MusicEmotionError)
        assert line in str(refused.exception)
        assert "\n" not in str(refused.exception)
    others = run("predict", song, letter, "-m", packaged)
    assert others.exit_code == 1
    assert "1.wav" in others.stdout
    sf.write(tmp_path / "silence.wav", 0 * tone(6.0), RATE)
    silent = run("predict", tmp_path / "silence.wav", "-m", packaged)
    assert "silent\n  note: silent: there is nothing to hear" in silent.stdout
    silent = run("predict", tmp_path / "silence.wav", "-m", packaged, "-f", "json")
    assert json.loads(silent.stdout)[0]["ratings"] == {"arousal": None, "mood": None}

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from helpers import deadly
from helpers.sounds import RATE, tone
from music_emotion.inference import batch
from music_emotion.inference.batch import predict_file, predict_files
from music_emotion.inference.model import EmotionModel


@pytest.fixture
def song() -> bytes:
    data = io.BytesIO()
    sf.write(data, tone(6.0), RATE, format="WAV")
    return data.getvalue()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A calm song, a letter, and a tense song."""
    names = [str(tmp_path / name) for name in ("calm.wav", "letter.mp3", "tense.flac")]
    sf.write(names[0], tone(6.0), RATE)
    Path(names[1]).write_text("dear listener")
    sf.write(names[2], tone(6.0, hertz=3_000.0), RATE)
    return names


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("explained", [False, True])
def test_a_pipe_gives_its_bytes_once_and_is_explained_all_the_same(
    explained: bool, song: bytes, tone_model: EmotionModel, tmp_path: Path
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(song,), daemon=True)
    writer.start()
    outcome = predict_file(str(path), tone_model, explained=explained)
    writer.join(10)
    assert outcome.error == ""
    assert outcome.prediction is not None
    assert outcome.prediction.path == str(path)
    assert (outcome.explanation is not None) == explained


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("explained", [False, True])
def test_a_pipe_that_cannot_be_kept_is_a_line(
    explained: bool,
    song: bytes,
    tone_model: EmotionModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    def write() -> None:
        with suppress(BrokenPipeError):
            path.write_bytes(song)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    outcome = predict_file(str(path), tone_model, explained=explained)
    writer.join(10)
    assert outcome.error.startswith(f"'{path}' cannot be kept in a temporary file (")


def test_standard_input_is_explained(
    song: bytes, tone_model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(song)))
    batch.standard_input.cache_clear()
    outcome = predict_file("-", tone_model, explained=True)
    batch.standard_input.cache_clear()
    assert outcome.prediction is not None
    assert outcome.prediction.path == "-"
    assert outcome.explanation is not None


def test_silence_is_predicted_and_not_explained(tone_model: EmotionModel, tmp_path: Path) -> None:
    path = tmp_path / "zeros.wav"
    sf.write(path, np.zeros(6 * RATE), RATE)
    outcome = predict_file(str(path), tone_model, explained=True)
    assert outcome.prediction is not None
    assert outcome.explanation is None


def test_a_disk_that_fails_while_it_is_read_is_an_outcome() -> None:
    class Failing:
        def predict(self, *_: Any, **__: Any) -> None:
            raise OSError(5, "Input/output error")

    outcome = predict_file("a\nb.wav", Failing())  # type: ignore[arg-type]
    assert outcome.error == "'a\\nb.wav' cannot be read (Input/output error)"


def test_the_bar_begins_with_what_there_is_to_do(files: list[str], tone_model_folder: Path) -> None:
    steps: list[tuple[int, int]] = []
    model = str(tone_model_folder)
    list(predict_files(files[:2], model, progress=lambda *step: steps.append(step)))
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_processes_give_what_one_gives(files: list[str], tone_model_folder: Path) -> None:
    model = str(tone_model_folder)
    alone = list(predict_files(files, model))
    together = list(predict_files(files, model, jobs=2))
    assert [outcome.path for outcome in together] == files
    assert [outcome.error for outcome in together] == [outcome.error for outcome in alone]
    one, other = alone[0].prediction, together[0].prediction
    assert one is not None and other is not None
    assert np.array_equal(one.emotions, other.emotions)


def test_a_file_that_kills_its_process_does_not_stop_the_others(
    files: list[str], tone_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_begin", deadly.begin)
    files[1] = str(Path(files[1]).rename(Path(files[1]).with_name(deadly.KILLER)))
    outcomes = list(predict_files(files, str(tone_model_folder), jobs=2))
    assert [outcome.path for outcome in outcomes] == files
    assert ["killed" in outcome.error for outcome in outcomes] == [False, True, False]

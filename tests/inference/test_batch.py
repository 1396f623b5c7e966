from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from music_emotion.inference import batch
from music_emotion.inference.batch import predict_file
from music_emotion.inference.model import EmotionModel


@pytest.fixture
def song() -> bytes:
    data = io.BytesIO()
    sf.write(data, tone(6.0), RATE, format="WAV")
    return data.getvalue()


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

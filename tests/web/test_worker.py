"""What a worker makes of a file, without a process around it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile as sf

from helpers.live import music
from music_emotion.audio.limit import TooMuchError
from music_emotion.errors import AudioError, MissingExtraError, ModelError
from music_emotion.inference.model import load_model
from music_emotion.web.worker import (
    PEAKS,
    Analysis,
    AnalysisProgress,
    AnalysisRequest,
    Failure,
    Predictor,
    WorkerSettings,
    peaks,
)


class Line:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)


class Broken:
    """A model that fails in a way of its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def predict(self, *_: Any, **__: Any) -> None:
        raise self.error


@pytest.fixture
def predictor(model_folders: tuple[str, ...]) -> Predictor:
    return Predictor(WorkerSettings({"tones": model_folders[0]}, 60.0, 1e8, 0))


@pytest.fixture
def upload() -> Iterator[BinaryIO]:
    """Half a minute of a calm tone in a file without a name, as the server has it."""
    with tempfile.TemporaryFile() as file:
        file.write(music(30.0))
        file.flush()
        yield file


def test_progress_then_the_answer_under_the_senders_name(
    predictor: Predictor, upload: BinaryIO
) -> None:
    line = Line()
    answer = predictor.analyse(AnalysisRequest("my.wav", "tones", explained=True), upload, line)
    assert isinstance(answer, Analysis)
    assert answer.result["path"] == "my.wav"
    assert answer.result["explanation"]["emotion"] == "calmness"
    stages = [message.stage for message in line.sent if isinstance(message, AnalysisProgress)]
    assert stages[0] == "listening"
    assert stages[-1] == "explaining"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AudioError("bad"), "unreadable"),
        (MissingExtraError("M4A", "formats"), "unsupported"),
        (MemoryError(), "memory"),
        (ModelError("/srv/models/tones is damaged"), "broken"),
        (ZeroDivisionError(), "broken"),
    ],
)
def test_every_failure_is_an_answer(predictor: Predictor, error: Exception, reason: str) -> None:
    predictor._models["tones"] = Broken(error)  # type: ignore[assignment]
    answer = predictor.analyse(AnalysisRequest("a", "tones"), io.BytesIO(), Line())
    assert isinstance(answer, Failure)
    assert answer.reason == reason
    assert "/srv" not in answer.message
    assert bool(answer.trace) is (reason == "broken")


@pytest.mark.parametrize(
    ("message", "name", "told"),
    [
        ("index 7", "song.wav", ["Traceback", "raise self.error", "IndexError: index 7"]),
        ("no sound in song.wav", "song.wav", ["raise self.error", "IndexError"]),
        (r"no sound in 'a\\b'", r"a\b", ["raise self.error", "IndexError"]),
    ],
)
def test_the_trace_of_a_mistake_does_not_name_the_file(
    predictor: Predictor, message: str, name: str, told: list[str]
) -> None:
    predictor._models["tones"] = Broken(IndexError(message))  # type: ignore[assignment]
    answer = predictor.analyse(AnalysisRequest(name, "tones"), io.BytesIO(), Line())
    assert isinstance(answer, Failure)
    assert name not in answer.trace
    assert "no sound" not in answer.trace
    for words in told:
        assert words in answer.trace


def test_a_sound_beyond_the_limit_is_not_heard_to_its_end(
    predictor: Predictor, upload: BinaryIO
) -> None:
    predictor.settings = replace(predictor.settings, audio_seconds=5.0)
    answer = predictor.analyse(AnalysisRequest("a", "tones"), upload, Line())
    assert isinstance(answer, Failure)
    assert answer.reason == "too_long"
    assert "0:30 or more" in answer.message
    assert "takes 0:05 at most" in answer.message


@pytest.mark.parametrize(("seconds", "shown"), [(61.0, "1:01"), (60.2, "1:01"), (3_661, "1:01:01")])
def test_a_sound_a_little_too_long_is_told_to_the_second(
    predictor: Predictor, seconds: float, shown: str
) -> None:
    told = predictor._too_long(TooMuchError("a", seconds, 1))
    assert f"lasts {shown} or more; this server takes 1:00 at most" in told


def test_a_sound_of_too_many_channels_is_told_in_samples(predictor: Predictor) -> None:
    predictor.settings = replace(predictor.settings, audio_samples=2e6)
    with tempfile.TemporaryFile() as file:
        sf.write(file, np.zeros((48_000 * 6, 8), np.int16), 48_000, format="FLAC")
        file.flush()
        answer = predictor.analyse(AnalysisRequest("a", "tones"), file, Line())
    assert isinstance(answer, Failure)
    assert answer.reason == "too_long"
    assert "has 3 million samples in all channels or more" in answer.message
    assert "takes 2 million at most" in answer.message


def test_the_outline_of_a_long_sound_keeps_its_peaks(model_folders: tuple[str, ...]) -> None:
    prediction = load_model(model_folders[0]).predict(io.BytesIO(music()))
    envelope = np.zeros(100_000, np.float32)
    envelope[[0, 50_000, 99_999]] = (0.25, 0.5, 1.5)
    outline = peaks(replace(prediction, envelope=envelope))
    assert len(outline) == PEAKS
    assert [value for value in outline if value] == [0.25, 0.5, 1.0]
    assert outline[PEAKS // 2] == 0.5


def test_silence_is_answered_without_an_explanation(predictor: Predictor) -> None:
    with tempfile.TemporaryFile() as file:
        sf.write(file, np.zeros(6 * 22_050), 22_050, format="WAV")
        file.flush()
        answer = predictor.analyse(AnalysisRequest("a", "tones", explained=True), file, Line())
    assert isinstance(answer, Analysis)
    assert "explanation" not in answer.result

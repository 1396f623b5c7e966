from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from music_emotion.inference import batch
from music_emotion.inference.batch import Job, Outcome, predict_file
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


def test_files_that_kill_their_process_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are: what is still to be read is no chain that grows with them."""
    names = [f"{number}.wav" for number in range(1_500)]

    def in_processes(
        paths: Iterator[str], job: Job, jobs: int, unfinished: Any
    ) -> Iterator[Outcome]:
        try:
            for path in paths:
                unfinished.append(path)
                if int(path.removesuffix(".wav")) != len(names) - 1:
                    raise BrokenProcessPool
                unfinished.popleft()
                yield Outcome(path)
        except BrokenProcessPool:
            return

    monkeypatch.setattr(batch, "_in_processes", in_processes)
    outcomes = list(batch._in_parallel(names, Job("default"), 2))
    assert [outcome.path for outcome in outcomes] == names
    assert [bool(outcome.error) for outcome in outcomes] == [True] * 1_499 + [False]


@pytest.mark.parametrize(("jobs", "expected"), [(2, 2), (8, 3), (200, 3)])
def test_there_are_no_more_processes_than_files(
    jobs: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        batch, "predict_stream", lambda _paths, _job, *, jobs: asked.append(jobs) or iter(())
    )
    list(batch.predict_files(["a", "b", "c"], Job("default"), jobs=jobs))
    assert asked == [expected]

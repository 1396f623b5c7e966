"""A short run of the fuzz test, and whether it would notice what it looks for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import fuzz_audio
from helpers.graphs import package, tone_detector

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(package(tmp_path_factory.mktemp("model") / "tones", tone_detector(), name="tones"))


def test_damaged_files_of_every_format_are_predicted_or_refused(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    results = fuzz_audio.run(42, 1, model, None)
    assert {result.format for result in results} == set(fuzz_audio.FORMATS)
    assert not [result for result in results if result.outcome.isupper()]
    assert len({result.outcome for result in results}) > 1


def test_the_damage_is_drawn_from_the_seed() -> None:
    data = bytes(range(256)) * 20
    first = [fuzz_audio.damaged(data, random.Random(f"0 {n}")) for n in range(40)]
    again = [fuzz_audio.damaged(data, random.Random(f"0 {n}")) for n in range(40)]
    assert first == again
    assert {damage for damage, _ in first} == set(fuzz_audio.DAMAGES)
    assert sum(changed != data for _, changed in first) > 35


def test_a_process_that_dies_is_a_crash_and_is_replaced(model: str, tmp_path: Path) -> None:
    worker = fuzz_audio.Watched(model, str(tmp_path))
    worker.process.kill()
    worker.process.exit_code()
    assert worker.predict(b"anything")[0] == "CRASH"
    assert worker.predict(b"anything")[0] == "refused"
    worker.stop()


def test_a_process_that_works_too_long_is_a_hang(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = fuzz_audio.Watched(model, str(tmp_path))
    monkeypatch.setattr(fuzz_audio, "LONGEST_SECONDS", -1.0)
    assert worker.predict(b"anything")[0] == "HANG"
    monkeypatch.undo()
    assert worker.predict(b"anything")[0] == "refused"
    worker.stop()

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf

from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that knows two tones: a calm low one, a tense high one."""
    return str(package(tmp_path_factory.mktemp("model") / "tones", tone_detector(), name="tones"))


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a calm song and a tense one; the catalogue that is meant is beside it."""
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "data" / "c.sqlite"))
    folder = tmp_path / "music"
    folder.mkdir()
    sf.write(folder / "calm.wav", tone(3.0), RATE)
    sf.write(folder / "tense.wav", tone(3.0, hertz=3_000.0), RATE)
    return folder

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.graphs import package, tone_detector
from music_emotion.inference.model import EmotionModel, load_model


@pytest.fixture(scope="session")
def tone_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("models") / "tones", tone_detector(), name="tones")


@pytest.fixture(scope="session")
def tone_model(tone_model_folder: Path) -> EmotionModel:
    return load_model(tone_model_folder)

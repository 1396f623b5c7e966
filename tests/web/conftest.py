from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.endless import endless_listener
from helpers.graphs import package, tone_detector
from helpers.live import Live, running
from music_emotion.web.settings import ServerSettings


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A model that knows two tones, the same under another name, and one that never answers."""
    place = tmp_path_factory.mktemp("served")
    tones = package(place / "tones", tone_detector(), name="tones", figures={"accuracy": 0.5})
    second = package(place / "second", tone_detector(), name="second", version="2")
    endless = package(place / "endless", endless_listener(), name="endless")
    return str(tones), str(second), str(endless)


@pytest.fixture(scope="session")
def plain_settings(model_folders: tuple[str, ...]) -> ServerSettings:
    return ServerSettings(port=0, models=model_folders, workers=1)


@pytest.fixture(scope="session")
def live(plain_settings: ServerSettings) -> Iterator[Live]:
    """A server with the limits a server has by default."""
    with running(plain_settings) as server:
        yield server


@pytest.fixture
def uploads_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go while the test runs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder

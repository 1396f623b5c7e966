from __future__ import annotations

from pathlib import Path

import pytest

from helpers.graphs import package, tone_detector
from music_emotion.library.catalogue import Catalogue


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that finds 440 Hz calm and 3,000 Hz tense."""
    return str(package(tmp_path_factory.mktemp("model") / "tones", tone_detector(), name="tones"))


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue.open(tmp_path / "catalogue.sqlite", write=True) as opened:
        yield opened

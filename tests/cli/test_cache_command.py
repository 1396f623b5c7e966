from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from music_emotion.cli.main import build_app
from music_emotion.features.cache import FeatureKey, FeatureStore


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))
    key = FeatureKey("log_mel", "test", (2,))
    FeatureStore(tmp_path / "cache").save("ab" * 32, key, np.zeros((3, 2), dtype=np.float32))
    return tmp_path / "cache"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["cache", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_info_names_the_place_and_the_amounts(cache):
    output = run("info")
    assert str(cache) in output
    assert output.count("1 file, 0.0 MB") == 2  # in all, and of log_mel
    assert "log_mel-" in output


def test_clear_empties_it(cache):
    assert "deleted 1 file" in run("clear")
    assert "0 files" in run("info")


def test_no_cache(monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", "off")
    assert "no cache" in run("info")
    assert "no cache" in run("clear")


def test_info_loads_nothing_heavy():
    code = (
        "import sys; from music_emotion.cli.cache import info; info();"
        "print({'torch', 'sklearn', 'pandas', 'librosa', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")

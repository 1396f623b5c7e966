"""What the doctor finds of the models, the packages and the extras."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.command_line import run
from helpers.graphs import package, tone_detector
from music_emotion.inference import package as packages
from music_emotion.report.health import PURPOSES, examine, render


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("default", "abc"):
        package(tmp_path / name, tone_detector(), name=name)
    monkeypatch.setattr(packages, "SHIPPED", tmp_path)
    return tmp_path


def test_the_doctor_says_what_is_there_and_what_is_missing(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = examine()
    assert health.well
    versions = dict(health.versions)
    assert versions["numpy"]
    assert {"MP3", "Ogg", "Opus"} <= set(health.formats)
    assert {extra.name for extra in health.extras} >= {"plot", "formats", "train"}
    assert all(extra.purpose for extra in health.extras)
    assert not replace(health, formats=()).well
    (shipped / "abc" / "model.onnx").write_bytes(b"nonsense")
    sick = examine()
    assert not sick.well
    assert "model abc" in render(sick)
    assert "DAMAGED" in render(sick)
    result = run("doctor")
    assert result.exit_code == 1
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "onnxruntime" in dict(examine().models)["default"]


def test_every_extra_says_what_it_is_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert set(PURPOSES) == set(project["project"]["optional-dependencies"])

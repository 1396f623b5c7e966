from __future__ import annotations

from pathlib import Path

import pytest

from helpers.graphs import package, tone_listener
from music_emotion.inference.model import load_model


def test_a_folder_is_opened_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "model", tone_listener(), name="first")
    model = load_model(folder)
    monkeypatch.chdir(tmp_path)
    assert load_model("model") is load_model(folder / "model.onnx") is model
    package(folder, tone_listener(), name="second")
    assert load_model(folder).card.name == "second"

"""The JavaScript of docs/onnx.md gives what `predict` gives of the same samples.

It is run where node and the package onnxruntime-node are installed: globally, in a folder that
NODE_PATH names, or above this one (``npm install --ignore-scripts onnxruntime-node``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.code_blocks import BLOCK, ROOT
from helpers.sounds import music
from music_emotion import load_model
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.export import export_model

NODE, NPM = shutil.which("node"), shutil.which("npm")
PACKAGE = "onnxruntime-node"
RATE = 16_000


def modules() -> Path | None:
    """The folder of modules that holds onnxruntime-node."""
    if NODE is None:
        return None
    globally = subprocess.run([NPM, "root", "-g"], capture_output=True, text=True) if NPM else None
    places = [os.environ.get("NODE_PATH", ""), globally.stdout.strip() if globally else ""]
    found = subprocess.run(
        [NODE, "-p", f"require.resolve('{PACKAGE}/package.json')"],
        cwd=ROOT,
        env={**os.environ, "NODE_PATH": os.pathsep.join(filter(None, places))},
        capture_output=True,
        text=True,
    )
    return Path(found.stdout.strip()).parents[1] if found.returncode == 0 else None


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's program, where node finds onnxruntime-node."""
    found = modules()
    if found is None:
        pytest.skip("needs node and onnxruntime-node")
    page = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
    (program,) = [match["text"] for match in BLOCK.finditer(page) if match["kind"] == "js"]
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "node_modules").symlink_to(found, target_is_directory=True)
    (folder / "feel.mjs").write_text(program, encoding="utf-8")
    return folder / "feel.mjs"


def song() -> np.ndarray:
    """65 s at 16 kHz that begin quietly, with silence, another music and a remainder of 2 s."""
    low = 0.3 * np.sin(2 * np.pi * 130.8 * np.arange(22 * RATE) / RATE)
    parts = [0.2 * music(12.0, RATE, seed=1), np.zeros(8 * RATE), music(23.0, RATE, seed=2), low]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("name", ["default", "light", "transfer"])
def test_javascript_gives_what_python_gives(name: str, script: Path, tmp_path: Path) -> None:
    samples = song()
    samples.astype("<f4").tofile(tmp_path / "song.f32")
    export_model(name, tmp_path / "model")
    said = subprocess.run(
        [str(NODE), str(script), str(tmp_path / "model"), str(tmp_path / "song.f32")],
        capture_output=True,
        text=True,
        check=True,
    )
    answer, prediction = json.loads(said.stdout), load_model(name).predict(samples, RATE)
    assert set(prediction.timeline.section) == {0, 1}
    for kind in ("emotions", "intensities"):
        expected = dict(zip(EMOTIONS, getattr(prediction, kind).tolist(), strict=True))
        assert answer[kind] == pytest.approx(expected, abs=1e-4)
    assert answer["valence"] == pytest.approx(prediction.valence, abs=1e-4)
    assert answer["arousal"] == pytest.approx(prediction.arousal, abs=1e-4)

"""The models in the wheel: they run, say honestly what they are worth, and hold no pickle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import music_emotion
from music_emotion.inference.model import load_model
from music_emotion.inference.package import find_package, read_cards, shipped_names
from music_emotion.inference.reference import REFERENCE_FILE

PACKAGE = Path(music_emotion.__file__).parent
RESULTS = Path(__file__).resolve().parents[2] / "results" / "results.json"
LARGEST_WHEEL = 40e6  # bytes, uncompressed: the wheel is smaller still
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy", ".npz", ".h5", ".ckpt")
LARGEST_REFERENCE = 250_000  # bytes
RATE = 22_050


def piece(seconds: float = 9.0) -> np.ndarray:
    """A few chords with a beat."""
    time = np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6))
    beat = np.random.default_rng(0).standard_normal(len(time)) * (time % 0.5 < 0.05)
    return (0.1 * chord + 0.1 * beat).astype(np.float32)


def test_there_is_a_default_and_a_fast_one() -> None:
    assert shipped_names()[0] == "default"
    assert {"default", "light", "transfer"} <= set(shipped_names())
    assert find_package("blend") == find_package("default")


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_model_answers(name: str) -> None:
    model = load_model(name)
    prediction = model.predict(piece(), RATE)
    assert prediction.model == name
    assert prediction.emotions.sum() == pytest.approx(1.0, abs=1e-4)
    assert (prediction.intensities >= 0).all()
    assert (prediction.intensities <= 1).all()
    assert 0 < prediction.confidence < 1
    assert len(prediction.timeline) == 3
    assert model.predict(np.zeros(6 * RATE), RATE).top is None


@pytest.mark.parametrize("name", shipped_names())
def test_the_card_tells_all_and_its_figures_are_out_of_fold(name: str) -> None:
    ((card, size),) = read_cards([find_package(name)])
    for text in (card.summary, card.use_when, card.intended_use, card.limits, card.licences):
        assert text
    assert size > 0
    assert card.confidence is not None
    assert "artist protocol" in card.protocol
    assert card.training["data"]
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]
    wanted = ("artist", card.training["target"], card.training["model"])
    (row,) = [r for r in rows if (r["protocol"], r["target"], r["model"]) == wanted]
    for figure in ("accuracy", "macro_f1", "mean_pearson_r", "ece", "log_loss", "brier"):
        assert card.figures[figure] == row["metrics"][figure]["value"]
    assert card.figures["graph_difference"] <= 1e-4


def test_nothing_is_pickled_and_the_wheel_is_small() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.is_file()]
    shipped = [path for path in files if "__pycache__" not in path.parts]
    plain = {folder / REFERENCE_FILE for folder in map(find_package, shipped_names())}
    assert not [path for path in shipped if path.suffix in PICKLES and path not in plain]
    for path in shipped:
        assert path.read_bytes()[:2] not in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}
        if path in plain:
            assert path.stat().st_size < LARGEST_REFERENCE
    assert sum(path.stat().st_size for path in shipped) < LARGEST_WHEEL

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.tracks import prediction
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import COLUMNS, TrackPrediction


def test_a_flat_row_has_the_columns_of_the_csv() -> None:
    told = prediction(12.34567, calmness=0.55)
    row = told.to_row()
    assert list(row) == list(COLUMNS)
    assert list(row)[:6] == ["duration", "model", "version", "top", "confidence", EMOTIONS[0]]
    assert list(row)[-2:] == [f"intensity_{EMOTIONS[-1]}", "warnings"]
    assert row["duration"] == 12.346
    assert row["top"] == "calmness"
    assert row["intensity_calmness"] == 0.55
    assert row["calmness"] == pytest.approx(0.55 / 0.95, abs=1e-5)
    assert sum(row[name] for name in EMOTIONS) == pytest.approx(1.0, abs=1e-12)  # type: ignore[misc]
    assert row["warnings"] == "a note"
    assert replace(told, warnings=("one", "two")).to_row()["warnings"] == "one; two"
    assert replace(told, confidence=0.0).to_row()["top"] is None


def test_an_exact_row_is_read_back_to_the_last_bit() -> None:
    told = replace(prediction(12.34567, power=1 / 3), path="song.mp3", confidence=0.123456789)
    row = {**told.to_row(rounded=False), "genre": "pop"}
    read = TrackPrediction.from_row(
        row, path="song.mp3", timeline=told.timeline, warnings=told.warnings
    )
    assert read.to_dict() == told.to_dict()
    assert np.array_equal(read.emotions, told.emotions)
    assert np.array_equal(read.intensities, told.intensities)
    assert (read.duration, read.confidence) == (12.34567, 0.123456789)

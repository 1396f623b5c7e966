"""The tracks that are most wrong are those that were planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.corpora import corpus_of, segments
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.cells import (
    Cell,
    CellName,
    CellStore,
    GroundTruth,
    Record,
    Run,
    ground_truth_of,
)
from music_emotion.evaluation.error_analysis import worst_tracks

LABELS = [0, 1, 2, 3]
GIVEN = [0.30, 0.02, 0.90, 0.10]
"""Probability of the label; track 2 is right, the rest goes to the next emotion."""


def truth() -> GroundTruth:
    corpus = corpus_of(LABELS)
    return ground_truth_of(corpus, segments(corpus, 2), {"track": 1, "segment": 1})


def write(folder: Path, protocol: str, seed: int, given: list[float], unit: list[int]) -> None:
    emotions = np.zeros((len(unit), 9), dtype=np.float32)
    track = np.array(unit) // 2 if protocol == "segment" else np.array(unit)
    for row, (one, share) in enumerate(zip(track % 4, given, strict=True)):
        emotions[row, LABELS[one]], emotions[row, LABELS[one] + 1] = share, 1 - share
    name = CellName(Run(protocol, "label", "m", seed), 0)
    record = Record("key", truth().fingerprint, 1)
    store = CellStore(folder)
    store.write(Cell(name, np.array(unit), emotions, emotions, record))
    store.pack(name.run, ["key"])


def test_the_least_probable_labels_come_first_and_right_answers_never(tmp_path: Path) -> None:
    write(tmp_path, "track", 42, GIVEN, [0, 1, 2, 3])
    found = worst_tracks(tmp_path, truth(), 10)["track", "label", "m"]
    assert [(one.track_index, one.id, one.label, one.called) for one in found] == [
        (1, "2", 1, 2),
        (3, "4", 3, 4),
        (0, "1", 0, 1),
    ]
    assert [one.given for one in found] == pytest.approx([0.02, 0.10, 0.30])
    assert found[0].confidence == pytest.approx(0.98)
    assert len(worst_tracks(tmp_path, truth(), 1)["track", "label", "m"]) == 1


def test_fold_seeds_and_segments_are_averaged(tmp_path: Path) -> None:
    write(tmp_path, "track", 42, GIVEN, [0, 1, 2, 3])
    write(tmp_path, "track", 43, [0.0, 0.42, 0.9, 0.9], [0, 1, 2, 3])
    write(tmp_path, "segment", 42, [0.2, 0.4, 0.1], [0, 1, 6])
    found = worst_tracks(tmp_path, truth(), 10)
    of_tracks = {one.track_index: one.given for one in found["track", "label", "m"]}
    assert of_tracks == pytest.approx({0: 0.15, 1: 0.22})  # track 3: 0.5 and the tie is its label
    of_segments = {one.track_index: one.given for one in found["segment", "label", "m"]}
    assert of_segments == pytest.approx({3: 0.1, 0: 0.3})


def test_predictions_on_other_data_are_left_out_and_impossible_ones_refused(tmp_path: Path) -> None:
    write(tmp_path, "track", 42, GIVEN, [0, 1, 2, 3])
    assert worst_tracks(tmp_path, replace(truth(), fingerprint="other"), 10) == {}
    write(tmp_path, "track", 43, GIVEN, [0, 1, 2, 99])
    with pytest.raises(EvaluationError, match="items that the corpus does not have"):
        worst_tracks(tmp_path, truth(), 10)

"""What is read from ``results.json`` is what was written, and damage is said in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from helpers.corpora import corpus_of, segments
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.cells import Cell, CellName, CellStore, Record, Run, ground_truth_of
from music_emotion.evaluation.results import Results, collect
from music_emotion.evaluation.results_file import read_document, write_figures

LABELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]


def write(folder: Path) -> Results:
    corpus = corpus_of(LABELS)
    truth = ground_truth_of(corpus, segments(corpus, 1), {"artist": 1, "segment": 1})
    for protocol in ("artist", "segment"):
        for model, right in (("poor", 3), ("good", 9)):
            emotions = np.full((10, 9), 0.05, dtype=np.float32)
            named = [label if i < right else (label + 1) % 9 for i, label in enumerate(LABELS)]
            emotions[np.arange(10), named] = 0.6
            record = Record("key", corpus.fingerprint, 1, history={"train_loss": [1.0]})
            name = CellName(Run(protocol, "label", model, 42), 0)
            store = CellStore(folder)
            store.write(Cell(name, np.arange(10), emotions, emotions, record))
            store.pack(name.run, ["key"])
    results = collect(folder, truth, ("poor", "good"))
    write_figures(folder, results, conclude(results), [])
    return results


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    results = write(tmp_path)
    document = read_document(tmp_path)
    assert (document.data.name, document.data.tracks, document.data.groups) == ("tiny", 10, 5)
    for row, result in zip(document.rows, results.models, strict=True):
        assert (row.protocol, row.model, row.seeds) == (result.protocol, result.model, (42,))
        assert row.headline.keys() == result.headline.keys()
        for name, estimate in result.headline.items():
            assert row.headline[name].value == pytest.approx(estimate.value, abs=1e-6, nan_ok=True)
        assert (row.confusion == result.confusion).all()
        assert row.first_cells[0].history == {"train_loss": [1.0]}
        assert math.isnan(document.calibration_of(row).diagram.accuracy[0])  # an empty bin
    assert document.ceilings is None and document.panels is None


def test_the_honest_protocol_and_the_best_model_come_first(tmp_path: Path) -> None:
    write(tmp_path)
    tables = [
        (protocol, [row.model for row in rows])
        for protocol, _, rows in read_document(tmp_path).tables()
    ]
    assert tables == [("artist", ["good", "poor"]), ("segment", ["good", "poor"])]


def test_missing_and_damaged_files_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nowhere is not a folder"):
        read_document(tmp_path / "nowhere")
    with pytest.raises(EvaluationError, match=r"holds no results.json.*music-emotion compare"):
        read_document(tmp_path)
    write(tmp_path)
    path = tmp_path / "results.json"
    whole = json.loads(path.read_text())
    for damage in (
        "not JSON",
        "[]",
        json.dumps({**whole, "results": []}),
        json.dumps({**whole, "calibration": []}),
        json.dumps({**whole, "commands": [{"date": "today"}]}),
        json.dumps({**whole, "results": [{**whole["results"][0], "confusion": [[1]]}]}),
        json.dumps({key: value for key, value in whole.items() if key != "listeners"}),
    ):
        path.write_text(damage)
        with pytest.raises(EvaluationError, match="is damaged: write it again") as caught:
            read_document(tmp_path)
        assert "\n" not in str(caught.value)
    path.write_text(json.dumps({**whole, "format": 99}))
    with pytest.raises(EvaluationError, match="of another version"):
        read_document(tmp_path)
    path.unlink()
    with pytest.raises(EvaluationError, match="music-emotion evaluate"):
        read_document(tmp_path)

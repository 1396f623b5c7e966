"""The table that others put beside their own figures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from music_emotion.evaluation.leak_free import COLUMNS, leak_free_csv
from music_emotion.evaluation.results_file import read_document

RESULTS = Path(__file__).parents[2] / "results"


def test_the_committed_table_is_that_of_the_committed_results() -> None:
    assert (RESULTS / "leak-free.csv").read_text() == leak_free_csv(read_document(RESULTS))


def test_no_row_leaks_and_the_most_accurate_under_artist_is_first() -> None:
    document = read_document(RESULTS)
    rows = list(csv.DictReader(io.StringIO(leak_free_csv(document))))
    assert len(rows) == sum(row.protocol != "segment" for row in document.rows)
    assert {row["protocol"] for row in rows} == {"track", "artist"}
    of_artists = [float(row["accuracy"]) for row in rows if row["protocol"] == "artist"]
    assert rows[0]["protocol"] == "artist"
    assert of_artists == sorted(of_artists, reverse=True)
    first = rows[0]
    known = document.rows
    (one,) = [
        row
        for row in known
        if (row.protocol, row.target, row.model) == ("artist", first["target"], first["model"])
    ]
    assert float(first["macro_f1_low"]) == pytest.approx(one.headline["macro_f1"].low, abs=1e-4)
    assert float(first["worth_in_listeners"]) == pytest.approx(one.worth.by_r.value, abs=1e-4)
    assert int(first["fold_seeds"]) == len(one.seeds)
    assert [*first] == list(COLUMNS)

"""The figures of the leak survive their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.corpora import corpus_of
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.leakage import LeakCurve, LeakLine
from music_emotion.report.leak import LEAK, PICTURE, leak_table, read_leak, write_leak

LINE = LeakLine("svm", "published", (0.25, 0.5), (0.2, 0.4), (0.3, 0.6))
CURVE = LeakCurve((0, 4), (LINE,), tracks=9, test_segments=2, folds=3, seed=1, chance=0.125)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert read_leak(tmp_path) is None
    corpus = corpus_of([0, 1])
    write_leak(CURVE, corpus, tmp_path, ["leak", "--out", "/some/where/results"], seconds=1.23)
    record = read_leak(tmp_path)
    assert record is not None
    assert record.curve == CURVE
    assert (record.data, record.fingerprint) == (corpus.name, corpus.fingerprint)
    assert record.command.command == "music-emotion leak --out results"
    assert record.command.cells_trained == 1 * 2 * 3
    assert (tmp_path / PICTURE).read_bytes()[:4] == b"\x89PNG"


def test_the_table_is_in_per_cent_below_its_neighbours() -> None:
    shuffled = replace(LINE, labels="shuffled", accuracy=(0.1, 0.2))
    lines = leak_table(replace(CURVE, lines=(LINE, shuffled))).splitlines()
    assert [line[52:].split() for line in lines] == [
        ["0", "4"],
        ["25.0", "50.0"],
        ["10.0", "20.0"],
        ["12.5"],
    ]
    assert lines[1].startswith("support vector machine, people's labels")
    assert lines[2].startswith("support vector machine, labels dealt out at random")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"curve": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / LEAK).write_text(text)
    with pytest.raises(EvaluationError, match=r"leak\.json is damaged: .*music-emotion leak"):
        read_leak(tmp_path)

from __future__ import annotations

from pathlib import Path

import pytest

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.strict_json import json_text
from music_emotion.report.one_answer import (
    ONE_ANSWER,
    Joined,
    OneAnswer,
    OneModel,
    RankWithVotes,
    joined_table,
    rank_table,
    read_one_answer,
)

FOUND = OneAnswer(
    command="python benchmarks/one_answer.py",
    date="2026-01-01",
    machine={"cores": 2},
    versions={"numpy": "2"},
    seed=0,
    models=(
        OneModel(
            "light",
            9,
            0.0,
            (Joined("artists", 8, 0.0, 0.875, 0.125, 0.75, 0.25),),
            (RankWithVotes("arousal", 0.5, 0.75),),
        ),
    ),
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert read_one_answer(tmp_path) is None
    (tmp_path / ONE_ANSWER).write_text(json_text(FOUND))
    assert read_one_answer(tmp_path) == FOUND
    (tmp_path / ONE_ANSWER).write_text("{}")
    with pytest.raises(EvaluationError, match=r"benchmarks/one_answer\.py"):
        read_one_answer(tmp_path)


def test_tables_say_what_counts_by_seconds_and_in_brackets_by_parts() -> None:
    [row] = joined_table(FOUND).splitlines()[2:]
    assert row == "| `light` | artists | 8 | 88 % (75 %) | 0.125 (0.250) |"
    [row] = rank_table(FOUND).splitlines()[2:]
    assert row == "| `light` | arousal | 0.750 | 0.500 |"

"""The figures about listeners survive their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from music_emotion.datasets.votes import VoteTable
from music_emotion.errors import DatasetError
from music_emotion.evaluation.strict_json import json_text
from music_emotion.report.listeners import (
    LISTENERS,
    listeners_table,
    measure_listeners,
    read_listeners,
)

TRACKS, PEOPLE = 6, 40


@pytest.fixture(scope="module")
def votes() -> VoteTable:
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(TRACKS), PEOPLE)
    ticks = (rng.random((len(track), 9)) < rng.random((TRACKS, 9))[track]).astype(np.int8)
    ticks[:, 0] = 0  # an emotion nobody felt: NaN, which JSON cannot hold
    return VoteTable(track, ticks, tuple(map(str, range(TRACKS))))


def test_what_is_read_is_what_was_written(votes: VoteTable, tmp_path: Path) -> None:
    assert read_listeners(tmp_path) is None
    measured = measure_listeners(votes, 0)
    (tmp_path / LISTENERS).write_text(json_text(measured))
    read = read_listeners(tmp_path)
    assert read is not None
    assert listeners_table(read) == listeners_table(measured)
    assert "nan" in listeners_table(read)
    np.testing.assert_allclose(read.panels.r, measured.panels.r, atol=1e-6)
    np.testing.assert_allclose(read.confusions.halves, measured.confusions.halves, atol=1e-6)
    assert read.panels.sizes.dtype == measured.panels.sizes.dtype


def test_the_file_says_where_the_figures_come_from(votes: VoteTable) -> None:
    measured = measure_listeners(
        votes, 3, ["listeners", "--seed=3", "--out", "/some/where/results"]
    )
    assert measured.command == "music-emotion listeners --seed=3 --out results"
    assert measured.date and measured.machine["cores"]
    ticks = votes.ticks.copy()
    ticks[0, 1] = 1 - ticks[0, 1]
    assert (measured.tracks, measured.rows) == (TRACKS, TRACKS * PEOPLE)
    other = VoteTable(votes.track_index, ticks, votes.ids)
    assert measure_listeners(votes, 0).fingerprint == measured.fingerprint
    assert measure_listeners(other, 0).fingerprint != measured.fingerprint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ceilings": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / LISTENERS).write_text(text)
    with pytest.raises(
        DatasetError, match=r"listeners\.json is damaged: .*music-emotion listeners"
    ):
        read_listeners(tmp_path)

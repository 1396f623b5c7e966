"""The vote table: what it keeps, what it refuses, and the real annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from music_emotion.datasets.votes import VoteTable, read_emotify
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

HEADER = "track id, genre, " + ", ".join(EMOTIONS) + ", age, gender\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text)
    return path


def test_reads_ticks_and_tracks_and_nothing_else(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER
        + "7,rock,0,1,0,0,0,0,1,0,0,33,1\n"
        + "2,pop,0,0,0,0,0,0,0,0,0,21,0\n"
        + "7,rock,0,1,0,0,0,0,1,0,0,33,1\n",
    )
    table = read_emotify(path)
    assert table.ids == ("2", "7")
    assert table.track_index.tolist() == [0, 1, 1]
    assert table.listeners.tolist() == [1, 2]  # a row of no ticks listens; a repeated row counts
    assert table.votes.tolist() == [[0] * 9, [0, 2, 0, 0, 0, 0, 2, 0, 0]]
    assert set(VoteTable.__dataclass_fields__) == {"track_index", "ticks", "ids"}
    assert 33 not in table.ticks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'track id' is missing"),
        ("track id, amazement\n1,0\n", "'solemnity' is missing"),
        (HEADER + "1,pop,0,x,0,0,0,0,0,0,0,1,1\n", "not a whole number"),
        (HEADER + "1,pop,0,1\n", "not a whole number"),
        (HEADER + "1,pop,0,2,0,0,0,0,0,0,0,1,1\n", "neither 0 nor 1"),
    ],
)
def test_damaged_files_get_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_emotify(write(tmp_path, text))
    assert "data.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.csv"):
        read_emotify(tmp_path / "nowhere.csv")


def table_of(counts: dict[str, list[int]]) -> VoteTable:
    """Build a table in which each number is one listener's only emotion."""
    emotion = [e for ticked in counts.values() for e in ticked]
    track = np.repeat(np.arange(len(counts)), [len(ticked) for ticked in counts.values()])
    return VoteTable(track, np.eye(9, dtype=np.int8)[emotion], tuple(counts))


def test_aligned_follows_the_given_order_and_may_leave_tracks_out() -> None:
    table = table_of({"a": [0, 1], "b": [], "c": [8, 8, 2]})
    other = table.aligned(["c", "a"])
    assert other.ids == ("c", "a")
    assert other.listeners.tolist() == [3, 2]
    assert other.votes.tolist() == [table.votes[2].tolist(), table.votes[0].tolist()]
    assert table.aligned(["b"]).listeners.tolist() == [0]


def test_aligned_names_a_track_without_votes() -> None:
    with pytest.raises(DatasetError, match="'z'"):
        table_of({"a": [0]}).aligned(["a", "z"])


def test_refuses_sums_and_wrong_shapes() -> None:
    with pytest.raises(DatasetError, match="not sums"):
        VoteTable(np.zeros(1, np.int64), np.full((1, 9), 5, np.int8), ("a",))
    with pytest.raises(DatasetError, match="one row per listener"):
        VoteTable(np.zeros(2, np.int64), np.zeros((1, 9), np.int8), ("a",))
    with pytest.raises(DatasetError, match="not sorted"):
        VoteTable(np.array([1, 0]), np.zeros((2, 9), np.int8), ("a", "b"))
    with pytest.raises(DatasetError, match="not there"):
        VoteTable(np.array([0, 1]), np.zeros((2, 9), np.int8), ("a",))


@pytest.mark.emotify
def test_the_published_annotations(emotify_root: Path) -> None:
    table = read_emotify(emotify_root / "data.csv")
    assert len(table) == 8407
    assert table.ids == tuple(str(number) for number in range(1, 401))
    assert np.bincount(table.votes.argmax(axis=1), minlength=9).tolist() == [
        3, 29, 27, 53, 98, 34, 93, 44, 19,
    ]  # fmt: skip
    assert (table.ticks.sum(axis=1) == 0).sum() == 103
    assert (table.listeners.min(), table.listeners.max()) == (11, 59)
    assert np.median(table.listeners) == 14

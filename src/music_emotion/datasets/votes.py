"""Listeners' votes one by one: which emotions each listener ticked on each track.

The yardstick in :mod:`music_emotion.evaluation.agreement` needs single listeners, not sums. Of a
listener a table holds nothing but the ticks: the reader never looks at the other columns.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

TRACK_COLUMN = "track id"


@dataclass(frozen=True, slots=True)
class VoteTable:
    """Votes, one row per listener and track.

    Attributes
    ----------
    track_index
        Position of each row's track in ``ids``, shape (rows,), ascending.
    ticks
        1 where the listener ticked the emotion, else 0, shape (rows, 9). A listener who ticked
        nothing is a row of zeros: someone who listened.
    ids
        The tracks' identifiers; every per-track array follows their order.

    Raises
    ------
    DatasetError
        If the shapes disagree, a tick is neither 0 nor 1, or the rows are not sorted by track.
    """

    track_index: NDArray[np.int64]
    ticks: NDArray[np.int8]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.ticks.shape != (len(self.track_index), len(EMOTIONS)):
            raise DatasetError(
                f"votes of shape {self.ticks.shape} for {len(self.track_index)} rows: give one "
                f"row per listener with {len(EMOTIONS)} ticks"
            )
        if not np.isin(self.ticks, (0, 1)).all():
            raise DatasetError("a vote is neither 0 nor 1: give one row per listener, not sums")
        inside = len(self.track_index) == 0 or (
            self.track_index[0] >= 0 and self.track_index[-1] < len(self.ids)
        )
        if not inside or np.any(np.diff(self.track_index) < 0):
            raise DatasetError("votes name tracks that are not there or are not sorted by track")

    def __len__(self) -> int:
        return len(self.track_index)

    @property
    def listeners(self) -> NDArray[np.int64]:
        """Listeners per track, shape (tracks,)."""
        return np.bincount(self.track_index, minlength=len(self.ids)).astype(np.int64)

    @property
    def votes(self) -> NDArray[np.int64]:
        """Ticks per track and emotion, shape (tracks, 9)."""
        votes = np.zeros((len(self.ids), len(EMOTIONS)), dtype=np.int64)
        np.add.at(votes, self.track_index, self.ticks)
        return votes

    def take(self, tracks: NDArray[np.int64]) -> VoteTable:
        """Return the votes on the tracks at these positions, in this order."""
        tracks = np.asarray(tracks, dtype=np.int64)
        counts = self.listeners[tracks]
        first = np.searchsorted(self.track_index, tracks)
        rows = np.concatenate(
            [np.arange(start, start + count) for start, count in zip(first, counts, strict=True)]
            or [np.empty(0, dtype=np.int64)]
        )
        return VoteTable(
            track_index=np.repeat(np.arange(len(tracks)), counts),
            ticks=self.ticks[rows],
            ids=tuple(self.ids[track] for track in tracks),
        )

    def aligned(self, ids: Sequence[str]) -> VoteTable:
        """Return the votes in the order of ``ids``; DatasetError if a track has none."""
        position = {name: index for index, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in position]
        if missing:
            raise DatasetError(
                f"no votes on track {missing[0]!r} ({len(missing)} such tracks): use the votes "
                "that belong to these tracks"
            )
        return self.take(np.array([position[name] for name in ids], dtype=np.int64))


def read_emotify(path: Path) -> VoteTable:
    """Read EMOTIFY's ``data.csv``, or any CSV with the columns ``track id`` and the nine emotions.

    Rows that repeat another row are kept: they belong to the published counts.

    Raises
    ------
    DatasetError
        If the file cannot be read, a column is missing or a cell is not a number.
    """
    return vote_table(path, read_columns(path, (TRACK_COLUMN, *EMOTIONS)))


def read_columns(path: Path, names: Sequence[str]) -> list[list[str]]:
    """Read some columns of a CSV file like EMOTIFY's ``data.csv``, as text, row by row.

    Spaces around column names are ignored. DatasetError if the file cannot be read or lacks one.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot read the votes ({error})") from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in names if name not in header]
    if missing:
        raise DatasetError(f"{path}: column {missing[0]!r} is missing; is this EMOTIFY's data.csv?")
    columns = [header.index(name) for name in names]
    return [["".join(row[column : column + 1]) for column in columns] for row in rows[1:] if row]


def vote_table(path: Path, rows: Sequence[Sequence[str]]) -> VoteTable:
    """Return the votes in rows of a track's id and the nine ticks; ``path`` is for messages.

    The tracks come in ascending order of their (numeric) id. DatasetError if a cell is not a
    number, or a vote neither 0 nor 1.
    """
    try:
        numbers = [[int(cell) for cell in row] for row in rows]
    except ValueError as error:
        raise DatasetError(f"{path}: a track id or a vote is not a whole number") from error
    table = np.array(numbers, dtype=np.int64).reshape(-1, 1 + len(EMOTIONS))
    table = table[np.argsort(table[:, 0], kind="stable")]
    ids, track_index = np.unique(table[:, 0], return_inverse=True)
    if not np.isin(table[:, 1:], (0, 1)).all():
        raise DatasetError(f"{path}: a vote is neither 0 nor 1")
    return VoteTable(
        track_index=track_index.astype(np.int64),
        ticks=table[:, 1:].astype(np.int8),
        ids=tuple(str(number) for number in ids),
    )

"""The numbers of all tracks as one array, for what looks at a whole library at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.schema import BLOCK_TRACKS, INTENSITIES, PROBABILITIES, transaction

Kind = Literal["intensities", "probabilities"]
KINDS: tuple[Kind, ...] = ("intensities", "probabilities")

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vectors:
    """One row of nine numbers per track that is there and has a prediction.

    Attributes
    ----------
    ids
        Numbers of the tracks' rows, rising, shape (n,).
    values
        Intensities or probabilities, shape (n, 9), 0–1.
    """

    ids: NDArray[np.int64]
    values: Array

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        """Return those of some tracks."""
        kept = np.isin(self.ids, ids)
        return Vectors(self.ids[kept], self.values[kept])


def load_vectors(catalogue: Catalogue, kind: Kind = "intensities") -> Vectors:
    """Read the numbers of all tracks.

    Blocks that are out of date are read from the predictions and not written;
    :func:`refresh_vectors` does.
    """
    with catalogue.faults():
        stored = dict(catalogue.connection.execute(f"SELECT block, {kind} FROM vector"))
        blocks = [
            np.frombuffer(stored[block], "<f4").reshape(-1, len(EMOTIONS))
            if block in stored
            else _read_block(catalogue, block)[kind]
            for block in _blocks(catalogue)
        ]
    if not blocks:
        return Vectors(np.zeros(0, np.int64), np.zeros((0, len(EMOTIONS)), np.float32))
    values = np.concatenate(blocks)
    there = np.flatnonzero(~np.isnan(values[:, 0]))
    if len(there) == len(values):
        return Vectors(there, values)
    return Vectors(there, values[there])


def refresh_vectors(catalogue: Catalogue) -> None:
    """Bring the table of vectors up to date, block by block."""
    with catalogue.faults():
        stored = {block for (block,) in catalogue.connection.execute("SELECT block FROM vector")}
        for block in _blocks(catalogue):
            if block in stored:
                continue
            with transaction(catalogue.connection):
                arrays = _read_block(catalogue, block)
                catalogue.connection.execute(
                    "INSERT OR REPLACE INTO vector (block, intensities, probabilities) "
                    "VALUES (?, ?, ?)",
                    (block, *(arrays[kind].astype("<f4").tobytes() for kind in KINDS)),
                )


def _blocks(catalogue: Catalogue) -> Iterator[int]:
    (last,) = catalogue.connection.execute("SELECT max(id) FROM track").fetchone()
    return iter(range(0 if last is None else last // BLOCK_TRACKS + 1))


def _read_block(catalogue: Catalogue, block: int) -> dict[Kind, Array]:
    rows = catalogue.connection.execute(
        f"SELECT p.track, {', '.join((*INTENSITIES, *PROBABILITIES))} FROM prediction AS p "
        "JOIN track AS t ON t.id = p.track "
        "WHERE p.track >= ? AND p.track < ? AND t.missing_since IS NULL",
        (block * BLOCK_TRACKS, (block + 1) * BLOCK_TRACKS),
    ).fetchall()
    values = np.full((BLOCK_TRACKS, 2 * len(EMOTIONS)), np.nan, np.float32)
    if rows:
        table = np.array(rows, np.float64)
        values[table[:, 0].astype(np.int64) - block * BLOCK_TRACKS] = table[:, 1:]
    nine = len(EMOTIONS)
    return {"intensities": values[:, :nine], "probabilities": values[:, nine:]}

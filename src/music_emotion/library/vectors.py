"""The numbers of all tracks as arrays, in blocks of the catalogue's derived table "vector"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import (
    DIGITS,
    INTENSITY_COLUMNS,
    NUMBERS,
    STANDING_COLUMNS,
)
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.checksums import block_checksum, pack_checksums, unpack_checksums
from music_emotion.library.schema import BLOCK_TRACKS

Kind = Literal["intensities", "probabilities", "standing"]
KINDS: Mapping[Kind, tuple[str, ...]] = {
    "intensities": INTENSITY_COLUMNS,
    "probabilities": EMOTIONS,
    "standing": STANDING_COLUMNS,
}
"""What tracks are compared by, a column of the table "vector", and those of "prediction" in it."""

STORED = (*KINDS, "numbers")  # columns of the table "vector", as its checksums are in order

STEPS = 10**DIGITS  # of a stored number, from 0 to 1; rounded as it is shown
UNKNOWN = -(2**31)

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Steps = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Nine numbers of each track that is there, is whole and has them; see :data:`KINDS`.

    ``ids`` are the numbers of the tracks' rows, rising, shape (n,); ``values`` are 0–1, (n, 9).
    """

    ids: Ids
    values: Array

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, kept: NDArray[np.bool_]) -> Vectors:
        """Return those of the tracks that are kept, shape (n,)."""
        return self if kept.all() else Vectors(self.ids[kept], self.values[kept])


@dataclass(frozen=True, slots=True)
class Moods:
    """Valence and arousal of n tracks: numbers of rows, shape (n,), and values, (n, 2)."""

    ids: Ids
    values: Floats


def load_vectors(
    catalogue: Catalogue,
    kind: Kind = "intensities",
    among: Ids | None = None,
    most: int | None = None,
) -> Vectors:
    """Read the numbers of tracks that are there and not broken, see :meth:`.Catalogue.broken`.

    Blocks that are out of date or damaged are read from the predictions and not written;
    :func:`refresh_vectors` does. Damage is noted in ``catalogue.damaged``.

    Parameters
    ----------
    among
        Numbers of rows, rising; others are left out. ``None`` is all.
    most
        The first of them are enough.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    broken = catalogue.broken()
    parts = [Vectors(np.zeros(0, np.int64), np.zeros((0, len(EMOTIONS)), np.float32))]
    count = 0
    with catalogue.faults():
        for block in _blocks(catalogue, among):
            values = _values(catalogue, block, kind)
            kept = ~np.isnan(values[:, 0]) & ~_members(broken, block)
            if among is not None:
                kept &= _members(among, block)
            places = np.flatnonzero(kept)
            found = values if len(places) == len(values) else values[places]
            parts.append(Vectors(places + block * BLOCK_TRACKS, found))
            count += len(places)
            if most is not None and count >= most:
                break
    return Vectors(
        np.concatenate([part.ids for part in parts])[:most],
        np.concatenate([part.values for part in parts])[:most],
    )


def tracks_within(catalogue: Catalogue, ranges: Iterable[tuple[str, float, float]]) -> Ids:
    """Return the numbers of the rows of files that are there and in ranges, rising.

    Parameters
    ----------
    ranges
        The name of a number in :data:`NUMBERS` and two values between which it lies as it is shown,
        rounded; they belong to it. What is not known lies in none.
    """
    bounds = [(NUMBERS.index(name), low, high) for name, low, high in ranges]
    parts = [np.zeros(0, np.int64)]
    with catalogue.faults():
        for block in catalogue.blocks():
            numbers = _numbers(catalogue, block)
            kept = np.ones(len(numbers), bool)
            for column, low, high in bounds:
                shown = numbers[:, column] / STEPS
                kept &= (shown >= low) & (shown <= high) & (numbers[:, column] != UNKNOWN)
            parts.append(np.flatnonzero(kept) + block * BLOCK_TRACKS)
    return np.concatenate(parts)


def load_moods(catalogue: Catalogue, among: Ids) -> Moods:
    """Read valence and arousal of tracks, whose numbers rise; NaN where one is not known.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    parts = [Moods(np.zeros(0, np.int64), np.zeros((0, 2)))]
    with catalogue.faults():
        for block in _blocks(catalogue, among):
            places = np.flatnonzero(_members(among, block))
            numbers = _numbers(catalogue, block)[places, :2]
            values = np.where(numbers == UNKNOWN, np.nan, numbers / STEPS)
            parts.append(Moods(places + block * BLOCK_TRACKS, values))
    return Moods(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def refresh_vectors(catalogue: Catalogue) -> None:
    """Bring the table of vectors up to date, block by block; what is damaged is made anew."""
    with catalogue.faults():
        for block in catalogue.blocks():
            if _is_whole(catalogue, block):
                continue
            with catalogue.writing():
                arrays = _read_block(catalogue, block)
                numbers = _read_block_numbers(catalogue, block).astype("<i4").tobytes()
                content = (*map(_stored_block, arrays.values()), numbers)
                checksums = map(block_checksum, [block] * len(STORED), STORED, content)
                catalogue.connection.execute(
                    f"INSERT OR REPLACE INTO vector (block, {', '.join(STORED)}, checksums) "
                    f"VALUES (?{', ?' * len(STORED)}, ?)",
                    (block, *content, pack_checksums(checksums)),
                )


def damaged_vectors(catalogue: Catalogue) -> list[int]:
    """Return the numbers of the blocks of vectors that are damaged."""
    with catalogue.faults():
        return [block for block in catalogue.blocks() if _is_damaged(catalogue, block)]


def _is_whole(catalogue: Catalogue, block: int) -> bool:
    """Return whether a block is stored with its checksums and undamaged."""
    question = "SELECT checksums IS NOT NULL FROM vector WHERE block = ?"
    is_sealed = catalogue.connection.execute(question, (block,)).fetchone()
    return is_sealed == (True,) and not _is_damaged(catalogue, block)


def _is_damaged(catalogue: Catalogue, block: int) -> bool:
    row = f"SELECT {', '.join(STORED)} FROM vector WHERE block = ?"
    content = catalogue.connection.execute(row, (block,)).fetchone() or ()
    stored = (_stored(catalogue, block, name) for name in STORED)
    return any(was is not None and now is None for was, now in zip(content, stored, strict=False))


def _blocks(catalogue: Catalogue, among: Ids | None) -> Iterable[int]:
    """Return the blocks that hold some of the tracks."""
    blocks = catalogue.blocks()
    if among is None:
        return blocks
    return (block for block in np.unique(among // BLOCK_TRACKS).tolist() if block in blocks)


def _members(ids: Ids, block: int) -> NDArray[np.bool_]:
    """Return whether each track of a block is among some, whose numbers rise."""
    first = block * BLOCK_TRACKS
    start, stop = np.searchsorted(ids, (first, first + BLOCK_TRACKS))
    members = np.zeros(BLOCK_TRACKS, bool)
    members[ids[start:stop] - first] = True
    return members


def _values(catalogue: Catalogue, block: int, kind: Kind) -> Array:
    stored = _stored(catalogue, block, kind)
    if stored is None:
        return _read_block(catalogue, block)[kind]
    if not stored:
        return np.full((BLOCK_TRACKS, len(EMOTIONS)), np.nan, np.float32)
    return np.frombuffer(stored, "<f4").reshape(-1, len(EMOTIONS))


def _numbers(catalogue: Catalogue, block: int) -> Steps:
    stored = _stored(catalogue, block, "numbers")
    if stored is None:
        return _read_block_numbers(catalogue, block)
    return np.frombuffer(stored, "<i4").reshape(-1, len(NUMBERS))


def _stored(catalogue: Catalogue, block: int, column: str) -> bytes | None:
    """Return a block as it is stored; ``None`` where it is out of date or damaged."""
    question = f"SELECT {column}, checksums FROM vector WHERE block = ?"
    content, stored = catalogue.connection.execute(question, (block,)).fetchone() or (None, None)
    if content is None:
        return None
    width = len(NUMBERS) if column == "numbers" else len(EMOTIONS)
    whole = isinstance(content, bytes) and len(content) in (0, BLOCK_TRACKS * width * 4)
    if whole and stored is not None:
        checksums = dict(zip(STORED, unpack_checksums(stored), strict=False))
        whole = block_checksum(block, column, content) == checksums.get(column)
    if not whole:
        catalogue.damaged.add("vectors")
    return content if whole else None


def _stored_block(values: Array) -> bytes:
    """Return a block as it is stored: little-endian, or nothing where nothing is known."""
    return b"" if np.isnan(values).all() else values.astype("<f4").tobytes()


def _read_block(catalogue: Catalogue, block: int) -> dict[Kind, Array]:
    columns = [name for names in KINDS.values() for name in names]
    values = _read_columns(catalogue, block, columns).astype(np.float32)
    return dict(zip(KINDS, np.hsplit(values, len(KINDS)), strict=True))


def _read_block_numbers(catalogue: Catalogue, block: int) -> Steps:
    values = _read_columns(catalogue, block, NUMBERS).round(DIGITS) * STEPS
    return np.where(np.isnan(values), UNKNOWN, values.round()).astype(np.int32)


def _read_columns(catalogue: Catalogue, block: int, columns: Sequence[str]) -> Floats:
    """Return columns of the predictions of a block's tracks; NaN where one is missing."""
    rows = catalogue.connection.execute(
        f"SELECT p.track, {', '.join(columns)} FROM prediction AS p "
        "JOIN track AS t ON t.id = p.track "
        "WHERE p.track >= ? AND p.track < ? AND t.missing_since IS NULL",
        (block * BLOCK_TRACKS, (block + 1) * BLOCK_TRACKS),
    ).fetchall()
    values = np.full((BLOCK_TRACKS, len(columns)), np.nan)
    if rows:
        table = np.array(rows, np.float64)  # None is NaN
        values[table[:, 0].astype(np.int64) - block * BLOCK_TRACKS] = table[:, 1:]
    return values

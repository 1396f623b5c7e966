"""Whether a catalogue is what was written into it: its file, its derived tables, its predictions.

SQLite sees whether its pages hang together; what stands in them is held against checksums. What an
older version wrote has none: it is looked at for being possible, and gets one from :func:`seal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DamagedCatalogueError, printable
from music_emotion.library.catalogue import PREDICTION_NUMBERS, PREDICTION_TEXTS, Catalogue
from music_emotion.library.checksums import prediction_checksum, timeline_checksum
from music_emotion.library.schema import BLOCK_TRACKS
from music_emotion.library.timeline import unpacked
from music_emotion.library.vectors import damaged_vectors
from music_emotion.library.words import damaged_text

AT_ONCE = 5_000  # rows sealed in one transaction
_TEXTS = ", ".join(f"CAST({name} AS BLOB)" for name in PREDICTION_TEXTS)
_PREDICTIONS = (
    f"SELECT checksum, {_TEXTS}, track, model, {', '.join(PREDICTION_NUMBERS)} FROM prediction"
)
_TIMELINES = "SELECT track, checksum, first, step, window, probabilities, points FROM timeline"
_UNPREDICTED = """
SELECT id FROM track LEFT JOIN prediction ON prediction.track = track.id
WHERE prediction.track IS NULL AND error = ''"""
_TOPS = {name.encode() for name in EMOTIONS}
_WITHOUT_TIMELINE = """
SELECT prediction.track FROM prediction LEFT JOIN timeline ON timeline.track = prediction.track
WHERE timeline.track IS NULL"""


@dataclass(frozen=True, slots=True)
class Health:
    """What is damaged in a catalogue.

    Attributes
    ----------
    files
        Number of its files; 0 where it cannot be told.
    structure
        What SQLite says of the file, in lines.
    blocks
        Derived tables and numbers of their blocks.
    rows
        Numbers of rows whose prediction or timeline is damaged or lost, and which.
    """

    files: int
    structure: tuple[str, ...]
    blocks: tuple[tuple[str, int], ...]
    rows: dict[int, str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not (self.structure or self.blocks or self.rows)

    def lines(self, catalogue: Catalogue) -> list[str]:
        """Return what is damaged in lines that name it."""
        lines = [f"the file: {printable(line)}" for line in self.structure]
        lines += [block_line(table, block) for table, block in self.blocks]
        names = paths_of(catalogue, self.rows)
        return lines + [damage_of(self.rows[number], names.get(number)) for number in self.rows]


def block_line(table: str, block: int) -> str:
    """Return in words which block of a derived table is meant."""
    first = block * BLOCK_TRACKS
    return f"{table} of the rows {first:,} to {first + BLOCK_TRACKS - 1:,}"


def damaged_blocks(catalogue: Catalogue) -> list[tuple[str, int]]:
    """Return the blocks of derived tables that are damaged.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    vectors = [("vectors", block) for block in damaged_vectors(catalogue)]
    return vectors + [("text", block) for block in damaged_text(catalogue)]


def damage_of(what: str, path: str | None) -> str:
    """Return in words which part of a row is damaged; ``what`` as in :class:`Health`."""
    return f"the {what} of {'an unknown file' if path is None else repr_of(path)}"


def repr_of(path: str) -> str:
    """Return a path in quotes, in one line."""
    return f"'{printable(path)}'"


def paths_of(catalogue: Catalogue, rows: Mapping[int, str]) -> dict[int, str]:
    """Return the paths of rows by their numbers, as far as they can be read."""
    names: dict[int, str] = {}
    try:
        with catalogue.faults():
            for numbers, columns in catalogue.columns(rows, ("path",)):
                names |= dict(zip(numbers, columns["path"], strict=True))
    except Exception:  # what cannot be read is unknown
        return names
    return names


def examine(catalogue: Catalogue) -> Health:
    """Look at all of a catalogue; nothing is written.

    Raises
    ------
    CatalogueError
        It cannot be read for another reason than damage.
    """
    structure: list[str] = []
    blocks: list[tuple[str, int]] = []
    rows: dict[int, str] = {}
    files = 0
    with _noting(structure):
        structure += catalogue.check()
    with _noting(structure), catalogue.faults():
        files = sum(1 for _ in catalogue.connection.execute("SELECT * FROM track"))
    with _noting(structure):
        blocks += damaged_blocks(catalogue)
    with _noting(structure):
        rows |= damaged_rows(catalogue)
    return Health(files, tuple(dict.fromkeys(structure)), tuple(blocks), dict(sorted(rows.items())))


@contextmanager
def _noting(structure: list[str]) -> Iterator[None]:
    """Go on after the block where it meets damage, and note that."""
    try:
        yield
    except DamagedCatalogueError as error:
        structure.append(error.reason)


def damaged_rows(catalogue: Catalogue) -> dict[int, str]:
    """Return the numbers of rows whose prediction or timeline is damaged or lost, and which.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    rows: dict[int, str] = {}
    with catalogue.faults():
        ask = catalogue.connection.execute
        for table, lost in (("timeline", _WITHOUT_TIMELINE), ("prediction", _UNPREDICTED)):
            for number, checksum, taken in _checked(catalogue, table):
                if taken is None or checksum not in (None, taken):
                    rows[number] = table
            rows |= {number: table for (number,) in ask(lost)}
    return rows


def seal(catalogue: Catalogue) -> None:
    """Take the checksums of rows that have none and could be what they should be.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read or written.
    """
    with catalogue.faults():
        for table in ("prediction", "timeline"):
            found = [
                (taken, number)
                for number, _, taken in _checked(catalogue, table, "WHERE checksum IS NULL")
                if taken is not None
            ]
            for at in range(0, len(found), AT_ONCE):
                with catalogue.writing():
                    catalogue.connection.executemany(
                        f"UPDATE {table} SET checksum = ? WHERE track = ?", found[at : at + AT_ONCE]
                    )


def _checked(
    catalogue: Catalogue, table: str, which: str = ""
) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield each row's number, its checksum, and what that must be, ``None`` of what cannot be."""
    ask = catalogue.connection.execute
    if table == "prediction":
        models = {id for (id,) in ask("SELECT id FROM model")}
        for checksum, top, warnings, *numbers in ask(f"{_PREDICTIONS} {which}"):
            possible = numbers[1] in models and (
                checksum is not None or _can_be_predicted(numbers[2:], top)
            )
            taken = prediction_checksum(numbers, top, warnings) if possible else None
            yield numbers[0], checksum, taken
        return
    for number, checksum, *times, probabilities, points in ask(f"{_TIMELINES} {which}"):
        possible = checksum is not None or _can_be_timeline(probabilities, points)
        taken = timeline_checksum(number, times, probabilities, points) if possible else None
        yield number, checksum, taken


def _can_be_predicted(numbers: Sequence[object], top: object) -> bool:
    row = dict(zip(PREDICTION_NUMBERS, numbers, strict=True))
    shares = [row[name] for name in ("confidence", *EMOTIONS)]
    known = top is None or (isinstance(top, bytes) and top in _TOPS)
    return known and all(isinstance(share, float) and 0.0 <= share <= 1.0 for share in shares)


def _can_be_timeline(probabilities: object, points: bytes | None) -> bool:
    if points is None:
        return isinstance(probabilities, bytes) and len(probabilities) % len(EMOTIONS) == 0
    try:
        unpacked(points)
    except (TypeError, ValueError):
        return False
    return True

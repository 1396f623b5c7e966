"""A catalogue's file made anew from what of it can still be read.

Where damage hit the pages by which SQLite finds its rows, all rows that can be read go into a new
file, and that takes the old one's place in one transaction of the old one's: other programs that
have it open see the one or the other, and so does who comes after a kill.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from music_emotion.library import database
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.schema import SCHEMA

KEYS = {"model": "id", "track": "id", "prediction": "track", "timeline": "track", "tag_write": "id"}
"""Tables that are derived from no other, and the columns that their rows are found by."""

AT_ONCE = 500  # rows read in one statement
_BELONG = """
DELETE FROM prediction WHERE track NOT IN (SELECT id FROM track);
DELETE FROM prediction WHERE model NOT IN (SELECT id FROM model);
DELETE FROM timeline WHERE track NOT IN (SELECT track FROM prediction);
UPDATE tag_write SET track = NULL WHERE track NOT IN (SELECT id FROM track);
"""


def rebuild(catalogue: Catalogue) -> dict[str, int]:
    """Make a catalogue's file anew; hold :meth:`.Catalogue.held` for it.

    Rows that cannot be read are lost; rows of predictions that are left without their track, too.
    Derived tables are empty afterwards.

    Returns
    -------
    dict
        Numbers of lost rows by table, of those that are known to have been there.

    Raises
    ------
    CatalogueError
        The file cannot be written, or there is no room for a second one beside it.
    """
    fresh = catalogue.path.with_name(f".{catalogue.path.name}.repair")
    _remove(fresh)  # of one that was killed
    try:
        with catalogue.faults(), closing(_made(fresh, catalogue.connection)) as new:
            lost = {table: _copy(catalogue.connection, new, table) for table in KEYS}
            database.execute_all(new, _BELONG)
            new.backup(catalogue.connection)
    finally:
        _remove(fresh)
    return {table: count for table, count in lost.items() if count}


def _remove(path: Path) -> None:
    for file in (path, path.with_name(f"{path.name}-journal")):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _made(path: Path, old: sqlite3.Connection) -> sqlite3.Connection:
    """Return a new file with the tables of now, and pages as large as the old one's."""
    new = sqlite3.connect(path, isolation_level=None)
    (page,) = old.execute("PRAGMA page_size").fetchone()
    new.execute(f"PRAGMA page_size = {page}")
    new.execute("PRAGMA synchronous = OFF")  # it counts when it is in the old one's place
    new.execute("PRAGMA journal_mode = MEMORY")
    database.execute_all(new, SCHEMA.statements)
    new.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
    new.execute(f"PRAGMA user_version = {SCHEMA.version}")
    return new


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """Copy what of a table can be read; return how many rows cannot."""
    names = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(names))
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"
    numbers = _numbers(old, table)
    with database.transaction(new):
        for row in _rows(old, table, names, numbers):
            with suppress(sqlite3.Error):  # such a row may not be
                new.execute(insert, row)
    (there,) = new.execute(f"SELECT count(*) FROM {table}").fetchone()
    return max(0, len(numbers) - int(there))


def _numbers(old: sqlite3.Connection, table: str) -> list[int]:
    """Return the numbers of rows that a table and what refers to it know, rising."""
    asked = [f"SELECT {KEYS[table]} FROM {table} NOT INDEXED ORDER BY {KEYS[table]}"]
    if table == "track":
        asked += ["SELECT id FROM track INDEXED BY track_audio ORDER BY audio"]
        asked += [f"SELECT track FROM {name} ORDER BY track" for name in ("prediction", "timeline")]
    found: set[int] = set()
    for question in asked:
        for way in ("ASC", "DESC"):  # damage in the middle has two sides
            numbers = (number for (number,) in _until_damage(old, f"{question} {way}"))
            found.update(number for number in numbers if isinstance(number, int))
    return sorted(found)


def _rows(
    old: sqlite3.Connection, table: str, names: Sequence[str], numbers: Sequence[int]
) -> Iterator[tuple[object, ...]]:
    asked = f"SELECT {', '.join(names)} FROM {table} WHERE {KEYS[table]}"
    for at in range(0, len(numbers), AT_ONCE):
        some = numbers[at : at + AT_ONCE]
        try:
            yield from old.execute(f"{asked} IN ({', '.join('?' * len(some))})", some).fetchall()
        except sqlite3.Error as error:
            _let_pass(error)
            for number in some:
                yield from _until_damage(old, f"{asked} = {number}")


def _until_damage(old: sqlite3.Connection, question: str) -> Iterator[tuple[object, ...]]:
    """Yield rows as long as they can be read."""
    try:
        yield from old.execute(question)
    except sqlite3.Error as error:
        _let_pass(error)


def _let_pass(error: sqlite3.Error) -> None:
    """Raise what is no damage: a disk that fails, or is full."""
    if not database.is_damage(error):
        raise error

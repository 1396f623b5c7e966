"""The tables of a catalogue, and a connection to them whose faults are one clear line.

A catalogue is one SQLite file in WAL mode; ``docs/catalogue.md`` describes it for other programs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, printable

VARIABLE = "MUSIC_EMOTION_CATALOGUE"
FILE_NAME = "catalogue.sqlite"
APPLICATION_ID = 0x4D454D4F  # "MEMO" in the header of the file
SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0  # to wait for another program that is writing
PRIMARY_CODE = 0xFF  # of an SQLite error's number; the rest is details
BLOCK_TRACKS = 4096  # tracks per row of the table "vector"
MAP_BYTES = 1 << 32  # of the file that SQLite may map into memory; reading is faster so

PROBABILITIES = tuple(f"probability_{name}" for name in EMOTIONS)
INTENSITIES = tuple(f"intensity_{name}" for name in EMOTIONS)


def _reals(names: tuple[str, ...]) -> str:
    return ",\n    ".join(f"{name} REAL NOT NULL" for name in names)


def _outdates(event: str, table: str, track: str) -> str:
    name = f"{table}_outdates_vector_{event.split()[0].lower()}"
    return f"""
CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN
    DELETE FROM vector WHERE block = {track} / {BLOCK_TRACKS};
END;"""


def _words(action: str, row: str) -> str:
    """SQL that adds a row's text to the index of words, or takes it out."""
    first = "words, " if action == "delete" else ""
    value = "'delete', " if action == "delete" else ""
    return (
        f"INSERT INTO words({first}rowid, path, artist, album, title, genre) VALUES "
        f"({value}{row}.id, CAST({row}.path AS TEXT), {row}.artist, {row}.album, {row}.title, "
        f"{row}.genre);"
    )


SCHEMA = f"""
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE
);
CREATE TABLE track (
    id INTEGER PRIMARY KEY,
    path NOT NULL UNIQUE,              -- TEXT where it is UTF-8, else BLOB
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    audio BLOB NOT NULL,               -- 16 bytes; empty where the file could not be read
    artist TEXT NOT NULL DEFAULT '',
    album TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    genre TEXT NOT NULL DEFAULT '',
    year INTEGER,
    error TEXT NOT NULL DEFAULT '',
    scanned_at INTEGER NOT NULL,       -- seconds since 1970
    missing_since INTEGER              -- NULL while the file is there
);
CREATE INDEX track_audio ON track(audio);
CREATE INDEX track_missing ON track(missing_since) WHERE missing_since IS NOT NULL;
CREATE INDEX track_error ON track(id) WHERE error <> '';
CREATE TABLE prediction (
    track INTEGER PRIMARY KEY REFERENCES track(id) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES model(id),
    duration REAL NOT NULL,            -- seconds
    confidence REAL NOT NULL,
    top TEXT,                          -- NULL for silence
    {_reals(PROBABILITIES)},
    {_reals(INTENSITIES)},
    warnings TEXT NOT NULL DEFAULT ''  -- one per line
);
CREATE INDEX prediction_model ON prediction(model);
CREATE TABLE timeline (
    track INTEGER PRIMARY KEY REFERENCES track(id) ON DELETE CASCADE,
    first REAL NOT NULL,               -- seconds
    step REAL NOT NULL,                -- seconds
    window REAL NOT NULL,              -- seconds
    probabilities BLOB NOT NULL        -- uint8, nine per point, 255 is 1
);
CREATE TABLE vector (
    block INTEGER PRIMARY KEY,         -- of the tracks with id / {BLOCK_TRACKS} = block
    intensities BLOB NOT NULL,         -- float32, little-endian, {BLOCK_TRACKS} rows of nine
    probabilities BLOB NOT NULL
);
CREATE TABLE tag_write (
    id INTEGER PRIMARY KEY,
    track INTEGER REFERENCES track(id) ON DELETE SET NULL,
    path NOT NULL,
    audio BLOB NOT NULL,
    before TEXT NOT NULL,              -- JSON object
    after TEXT NOT NULL,               -- JSON object
    written_at INTEGER NOT NULL,       -- seconds since 1970
    finished INTEGER NOT NULL DEFAULT 0,
    undone_at INTEGER
);
CREATE INDEX tag_write_track ON tag_write(track);
CREATE INDEX tag_write_audio ON tag_write(audio);
CREATE VIRTUAL TABLE words USING fts5(
    path, artist, album, title, genre, content='', tokenize='trigram'
);
{_outdates("INSERT", "prediction", "new.track")}
{_outdates("UPDATE", "prediction", "new.track")}
{_outdates("DELETE", "prediction", "old.track")}
{_outdates("UPDATE OF missing_since", "track", "new.id")}
CREATE TRIGGER track_words_insert AFTER INSERT ON track BEGIN
    {_words("insert", "new")}
END;
CREATE TRIGGER track_words_update AFTER UPDATE OF path, artist, album, title, genre ON track BEGIN
    {_words("delete", "old")}
    {_words("insert", "new")}
END;
CREATE TRIGGER track_words_delete AFTER DELETE ON track BEGIN
    {_words("delete", "old")}
END;
CREATE VIEW tracks AS
    SELECT track.*, model.name AS model, model.version AS model_version,
        model.sha256 AS model_sha256, duration, confidence, top,
        {", ".join(PROBABILITIES)},
        {", ".join(INTENSITIES)},
        warnings
    FROM track
        LEFT JOIN prediction ON prediction.track = track.id
        LEFT JOIN model ON model.id = prediction.model;
"""


def default_catalogue() -> Path:
    """Return the catalogue that is meant where none is named.

    MUSIC_EMOTION_CATALOGUE where that is set, else a file in the user's data folder.
    """
    setting = os.environ.get(VARIABLE, "").strip()
    if setting:
        return Path(setting).expanduser()
    from platformdirs import user_data_path

    return user_data_path("music-emotion") / FILE_NAME


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a catalogue; with ``write``, make it where there is none.

    Raises
    ------
    CatalogueError
        There is none to read, it cannot be opened, or it is not one that this version knows.
    """
    if not write and not path.exists():
        raise CatalogueError(
            f"there is no catalogue at '{printable(path)}'; make one: music-emotion scan FOLDER"
        )
    if path.is_dir():
        raise CatalogueError(f"'{printable(path)}' is a folder; name the catalogue's file")
    if not write and path.stat().st_size == 0:
        raise CatalogueError(
            f"the catalogue '{printable(path)}' is empty (its scan was stopped as it began); scan "
            "again: music-emotion scan FOLDER"
        )
    with faults(path):
        connection = _writable(path) if write else _readable(path)
        try:
            _prepare(connection, path, write=write)
        except BaseException:
            connection.close()
            raise
    return connection


def _writable(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = printable(path.parent)
        raise CatalogueError(
            f"cannot make the catalogue's folder '{where}' ({error.strerror})"
        ) from None
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _readable(path: Path) -> sqlite3.Connection:
    """Open for reading; where WAL's helper files cannot be made, as a file nobody changes."""
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"
    for more in ("", "&immutable=1"):
        connection = sqlite3.connect(
            address + more, uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            waiting = Path(f"{path}-wal")
            lost = waiting.exists() and waiting.stat().st_size > 0
            if more or lost or error.sqlite_errorcode & PRIMARY_CODE not in _NO_HELPER_FILES:
                raise
        else:
            return connection
    raise AssertionError("unreachable")


_NO_HELPER_FILES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,  # the disk is full
)


def _prepare(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    """Check that this is a catalogue, make its tables where it is new, set what is per session."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA mmap_size = {MAP_BYTES}")
    if write and not _identity(connection)[2]:
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            if not _identity(connection)[2]:  # another program may have been faster
                _create(connection)
    application, version, _ = _identity(connection)
    if application != APPLICATION_ID:
        raise CatalogueError(
            f"'{printable(path)}' is not a catalogue of music-emotion; name another file"
        )
    if version > SCHEMA_VERSION:
        raise CatalogueError(
            f"'{printable(path)}' was made by a newer music-emotion (its schema is {version}, this "
            f"one knows {SCHEMA_VERSION}); update music-emotion, or name another file"
        )
    # Survives the end of any process; the end of power may cost the last few tracks.
    connection.execute("PRAGMA synchronous = NORMAL")


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the application's number, the schema's version, and the number of tables."""
    values = (
        connection.execute(question).fetchone()[0]
        for question in (
            "PRAGMA application_id",
            "PRAGMA user_version",
            "SELECT count(*) FROM sqlite_master",
        )
    )
    application, version, tables = (int(value) for value in values)
    return application, version, tables


def _create(connection: sqlite3.Connection) -> None:
    statement = ""
    for line in SCHEMA.splitlines(keepends=True):  # executescript() would commit
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block, or nothing; inside another transaction, be part of that."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that names the catalogue and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        name = f"the catalogue '{printable(path)}'"
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        told = _FAULTS.get(code, "cannot be used ({error}); name another with --catalogue")
        raise CatalogueError(f"{name} {told.format(error=printable(error))}") from None


_FAULTS = {
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; what was written is kept, make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written (disk error); is the disk full or failing?",
    sqlite3.SQLITE_READONLY: "may not be written; change its permissions, or name another with "
    "--catalogue",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_PERM: "may not be opened; change its permissions",
    sqlite3.SQLITE_BUSY: f"is being written by another program for over {BUSY_SECONDS:.0f} s; try "
    "again later",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away and scan again, or name another with "
    "--catalogue",
    sqlite3.SQLITE_NOTADB: "is not a catalogue, or is damaged; name another with --catalogue",
}

"""The catalogue: what is known of every file of a library, in one SQLite file.

>>> with Catalogue.open(path, write=True) as catalogue:  # doctest: +SKIP
...     catalogue.write(track)
...     print(catalogue.track("/music/song.mp3").prediction.top)

Every writing method is one transaction: after the end of the process, at whatever moment, all of it
is there or none. Several programs may read while one writes;
:func:`music_emotion.library.database.scan_lock` says who may scan.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.database import Schema, connect, faults, scan_lock, transaction
from music_emotion.library.track import (
    CatalogueTrack,
    FileStamp,
    Tags,
    pack_timeline,
    restored_path,
    stored_path,
    unpack_timeline,
)

VARIABLE = "MUSIC_EMOTION_CATALOGUE"
FILE_NAME = "catalogue.sqlite"
APPLICATION_ID = 0x4D454D4F  # "MEMO" in the header of the file
BLOCK_TRACKS = 4096  # tracks per row of the table "vector"

PROBABILITIES = tuple(f"probability_{name}" for name in EMOTIONS)
INTENSITIES = tuple(f"intensity_{name}" for name in EMOTIONS)
AT_ONCE = 500  # rows asked for in one statement

TRACK_COLUMNS = (
    "path",
    "size",
    "mtime_ns",
    "inode",
    "audio",
    "artist",
    "album",
    "title",
    "genre",
    "year",
    "error",
    "scanned_at",
    "missing_since",
)
PREDICTION_COLUMNS = (
    "track",
    "model",
    "duration",
    "confidence",
    "top",
    *PROBABILITIES,
    *INTENSITIES,
    "warnings",
)


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


_TABLES = f"""
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

SCHEMA = Schema(APPLICATION_ID, _TABLES)

_READ = f"""
SELECT t.id, {", ".join(f"t.{name}" for name in TRACK_COLUMNS)},
    m.name, m.version, m.sha256, p.duration, p.confidence, p.warnings,
    {", ".join(f"p.{name}" for name in (*PROBABILITIES, *INTENSITIES))},
    l.first, l.step, l.window, l.probabilities
FROM track AS t
    LEFT JOIN prediction AS p ON p.track = t.id
    LEFT JOIN model AS m ON m.id = p.model
    LEFT JOIN timeline AS l ON l.track = t.id
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


@dataclass(frozen=True, slots=True)
class Known:
    """What a scan compares a file with.

    Attributes
    ----------
    id
        Number of the row.
    stamp
        The file's status when it was read.
    model_sha256
        Of the model that predicted it; ``""`` without a prediction.
    failed
        Whether it was read and could not be predicted.
    missing
        Whether it was gone at the last scan.
    """

    id: int
    stamp: FileStamp
    model_sha256: str
    failed: bool
    missing: bool


class Catalogue:
    """An open catalogue; close it, or use it in ``with``.

    Attributes
    ----------
    path
        Its file.
    connection
        To SQLite, for the other modules of this folder.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @classmethod
    def open(cls, path: Path | None = None, *, write: bool = False) -> Self:
        """Open a catalogue; with ``write``, make it where there is none.

        Parameters
        ----------
        path
            Its file; by default :func:`default_catalogue`.

        Raises
        ------
        CatalogueError
            It is missing, damaged, of a newer version, or cannot be opened.
        """
        path = default_catalogue() if path is None else path
        return cls(path, connect(path, SCHEMA, write=write))

    @classmethod
    @contextmanager
    def held(
        cls, path: Path, *, wait: bool = False, waiting: Callable[[str], None] | None = None
    ) -> Iterator[Self]:
        """Give a catalogue to write into, and keep others from scanning into it for that long.

        Raises
        ------
        CatalogueError
            See :func:`music_emotion.library.database.scan_lock` and :meth:`open`.
        """
        with scan_lock(path, wait=wait, waiting=waiting), cls.open(path, write=True) as catalogue:
            yield catalogue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.connection.close()

    def faults(self) -> AbstractContextManager[None]:
        """Within the block, SQLite's errors are raised as :class:`CatalogueError`."""
        return faults(self.path)

    # Reading

    def __len__(self) -> int:
        """Return the number of files, missing ones included."""
        with self.faults():
            return int(self.connection.execute("SELECT count(*) FROM track").fetchone()[0])

    def track(self, path: str) -> CatalogueTrack | None:
        """Return the file of this absolute path; ``None`` where it is not catalogued."""
        return next(self._select("WHERE t.path = ?", (stored_path(path),)), None)

    def tracks(self, ids: Iterable[int]) -> Iterator[CatalogueTrack]:
        """Yield files by the numbers of their rows, in this order; unknown ones are left out."""
        for some in batched_ids(ids):
            marks = ", ".join("?" * len(some))
            found = {t.id: t for t in self._select(f"WHERE t.id IN ({marks})", some)}
            yield from (found[number] for number in some if number in found)

    def predicted(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the row, path) of all predicted files that are there, by path."""
        with self.faults():
            for number, path in self.connection.execute(
                "SELECT t.id, t.path FROM track AS t JOIN prediction AS p ON p.track = t.id "
                "WHERE t.missing_since IS NULL ORDER BY t.path"
            ):
                yield number, restored_path(path)

    def with_audio(self, audio: bytes) -> list[CatalogueTrack]:
        """Return the files with this sound, those with a prediction first."""
        if not audio:
            return []
        return list(self._select("WHERE t.audio = ? ORDER BY p.track IS NULL, t.id", (audio,)))

    def models(self) -> dict[str, str]:
        """Return the models that predicted what is in the catalogue: names by SHA-256."""
        with self.faults():
            return dict(
                self.connection.execute(
                    "SELECT sha256, name FROM model AS m WHERE EXISTS "
                    "(SELECT 1 FROM prediction WHERE model = m.id) ORDER BY id DESC"
                )
            )

    def check_model(self, sha256: str) -> None:
        """Refuse what a model predicted that is not the catalogue's.

        Raises
        ------
        CatalogueError
            It is another model.
        """
        names = self.models()
        if names and sha256 not in names:
            raise CatalogueError(
                f"the catalogue '{printable(self.path)}' was predicted by another model "
                f"({printable(', '.join(names.values()))}); name another with --catalogue"
            )

    def known_under(self, folder: str) -> dict[str, Known]:
        """Return all files in a folder and its subfolders by path."""
        known: dict[str, Known] = {}
        condition, bounds = within(folder)
        question = f"""
            SELECT t.path, t.id, t.size, t.mtime_ns, t.inode, m.sha256,
                t.error <> '' AND t.audio <> x'',
                t.missing_since IS NOT NULL
            FROM track AS t LEFT JOIN prediction AS p ON p.track = t.id
                LEFT JOIN model AS m ON m.id = p.model
            WHERE {condition}"""
        with self.faults():
            for path, number, size, mtime, inode, model, failed, missing in self.connection.execute(
                question, bounds
            ):
                known[restored_path(path)] = Known(
                    number,
                    FileStamp(size, mtime, inode),
                    model or "",
                    bool(failed),
                    bool(missing),
                )
        return known

    def _select(self, condition: str, values: Sequence[object] = ()) -> Iterator[CatalogueTrack]:
        with self.faults():
            rows = self.connection.execute(_READ + condition, values)
            for row in rows:
                yield _track(row)

    # Writing

    def write(self, track: CatalogueTrack) -> int:
        """Write a file's row, in place of the one with its ``id`` or, without, its path.

        Returns
        -------
        int
            Number of the row.
        """
        return self.write_all([track])[0]

    def write_all(self, tracks: Iterable[CatalogueTrack]) -> list[int]:
        """Write rows, all or none; see :meth:`write`."""
        with self.faults(), transaction(self.connection):
            return [self._write(track) for track in tracks]

    def _write(self, track: CatalogueTrack) -> int:
        values = _track_values(track)
        row = track.id
        if row is None:
            found = self.connection.execute("SELECT id FROM track WHERE path = ?", values[:1])
            row = next((number for (number,) in found), None)
        else:  # another file's row may bear the name that this one has now
            self.connection.execute(
                "DELETE FROM track WHERE path = ? AND id <> ?", (values[0], row)
            )
        if row is None:
            marks = ", ".join("?" * len(values))
            cursor = self.connection.execute(
                f"INSERT INTO track ({', '.join(TRACK_COLUMNS)}) VALUES ({marks})", values
            )
            row = int(cursor.lastrowid or 0)
        else:
            settings = ", ".join(f"{name} = ?" for name in TRACK_COLUMNS)
            self.connection.execute(f"UPDATE track SET {settings} WHERE id = ?", (*values, row))
        self._write_prediction(row, track)
        return row

    def _write_prediction(self, row: int, track: CatalogueTrack) -> None:
        told = track.prediction
        if told is None:
            for table in ("prediction", "timeline"):
                self.connection.execute(f"DELETE FROM {table} WHERE track = ?", (row,))
            return
        model = self._model_number(told.model, told.version, track.model_sha256)
        values = (
            row,
            model,
            float(told.duration),
            float(told.confidence),
            told.top,
            *told.emotions.tolist(),
            *told.intensities.tolist(),
            "\n".join(told.warnings),
        )
        self._replace("prediction", PREDICTION_COLUMNS, values)
        first, step, packed = pack_timeline(told.timeline)
        columns = ("track", "first", "step", "window", "probabilities")
        self._replace("timeline", columns, (row, first, step, told.timeline.window, packed))

    def _replace(self, table: str, columns: Sequence[str], values: Sequence[object]) -> None:
        marks = ", ".join("?" * len(values))
        self.connection.execute(
            f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", values
        )

    def _model_number(self, name: str, version: str, sha256: str) -> int:
        self.connection.execute(
            "INSERT OR IGNORE INTO model (name, version, sha256) VALUES (?, ?, ?)",
            (name, version, sha256),
        )
        found = self.connection.execute("SELECT id FROM model WHERE sha256 = ?", (sha256,))
        return int(found.fetchone()[0])

    def restamp(self, id: int, stamp: FileStamp, tags: Tags) -> None:
        """Note that a file's tags or times changed and its sound did not."""
        values = (stamp.size, stamp.mtime_ns, stamp.inode)
        words = (tags.artist, tags.album, tags.title, tags.genre, tags.year)
        with self.faults(), transaction(self.connection):
            self.connection.execute(
                "UPDATE track SET size = ?, mtime_ns = ?, inode = ?, artist = ?, album = ?, "
                "title = ?, genre = ?, year = ?, missing_since = NULL WHERE id = ?",
                (*values, *words, id),
            )

    def mark_missing(self, ids: Iterable[int], since: int | None) -> None:
        """Note when files were found to be gone, seconds since 1970; ``None``: they are there."""
        with self.faults(), transaction(self.connection):
            self.connection.executemany(
                "UPDATE track SET missing_since = ? WHERE id = ?", [(since, id) for id in ids]
            )

    def remove(self, ids: Iterable[int]) -> None:
        """Forget files."""
        with self.faults(), transaction(self.connection):
            self.connection.executemany("DELETE FROM track WHERE id = ?", [(id,) for id in ids])

    def check(self) -> list[str]:
        """Return what is wrong with the file as SQLite sees it, one line each; nothing if sound."""
        with self.faults():
            told = [
                str(row[0])
                for question in ("PRAGMA integrity_check", "PRAGMA foreign_key_check")
                for row in self.connection.execute(question)
            ]
        return [line for line in told if line != "ok"]


def within(folder: str) -> tuple[str, tuple[str | bytes, ...]]:
    """Return SQL and its values that are true of paths ``t.path`` in a folder, at any depth."""
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    after = prefix[:-1] + chr(ord(os.sep) + 1)  # the first text after all that begin with prefix
    bounds: list[str | bytes] = [os.fsencode(prefix), os.fsencode(after)]
    condition = "(t.path >= ? AND t.path < ?)"
    if isinstance(stored_path(prefix), bytes):
        return condition, tuple(bounds)
    return f"({condition} OR {condition})", (prefix, after, *bounds)


def batched_ids(ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield row numbers in lists that fit into one statement."""
    some: list[int] = []
    for number in ids:
        some.append(int(number))
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _track_values(track: CatalogueTrack) -> tuple[Any, ...]:
    stamp, tags = track.stamp, track.tags
    return (
        stored_path(track.path),
        stamp.size,
        stamp.mtime_ns,
        stamp.inode,
        track.audio,
        *(_storable(text) for text in (tags.artist, tags.album, tags.title, tags.genre)),
        tags.year,
        _storable(track.error),
        track.scanned_at,
        track.missing_since,
    )


def _storable(text: str) -> str:
    """Return text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _track(row: tuple[Any, ...]) -> CatalogueTrack:
    count = 1 + len(TRACK_COLUMNS)
    (number, path, size, mtime, inode, audio, artist, album, title, genre, year) = row[:11]
    error, scanned_at, missing_since = row[11:count]
    path = restored_path(path)
    return CatalogueTrack(
        path=path,
        stamp=FileStamp(size, mtime, inode),
        audio=bytes(audio),
        tags=Tags(artist, album, title, genre, year),
        prediction=_prediction(path, row[count:]),
        model_sha256=row[count + 2] or "",
        error=error,
        scanned_at=scanned_at,
        missing_since=missing_since,
        id=number,
    )


def _prediction(path: str, values: tuple[Any, ...]) -> TrackPrediction | None:
    model, version, _, duration, confidence, warnings = values[:6]
    if model is None:
        return None
    nine = len(EMOTIONS)
    numbers: NDArray[np.float32] = np.array(values[6 : 6 + 2 * nine], np.float32)
    return TrackPrediction(
        path=path,
        duration=duration,
        model=model,
        version=version,
        emotions=numbers[:nine],
        intensities=numbers[nine:],
        confidence=confidence,
        timeline=unpack_timeline(*values[6 + 2 * nine :]),
        warnings=tuple(warnings.split("\n")) if warnings else (),
    )

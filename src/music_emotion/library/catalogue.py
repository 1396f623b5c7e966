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
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.discover import names_nothing
from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.output import replacing
from music_emotion.inference.prediction import COLUMNS
from music_emotion.library import database
from music_emotion.library.checksums import prediction_checksum, timeline_checksum
from music_emotion.library.schema import BLOCK_TRACKS, BROKEN, SCHEMA
from music_emotion.library.timeline import packed, unpacked
from music_emotion.library.track import (
    FILE_COLUMNS,
    TAG_COLUMNS,
    CatalogueTrack,
    ModelId,
    Tags,
    restored_path,
    stored_path,
)

VARIABLE = "MUSIC_EMOTION_CATALOGUE"
FILE_NAME = "catalogue.sqlite"

AT_ONCE = 500  # rows asked for in one statement
PIECE = 5_000  # of which some columns alone are read; SQLite takes 32,766 variables

PREDICTION_COLUMNS = tuple(name for name in COLUMNS if name not in ("model", "version"))
"""Of the table "prediction", beside the rows of the track and of the model."""

PREDICTION_TEXTS = ("top", "warnings")
PREDICTION_NUMBERS = tuple(name for name in PREDICTION_COLUMNS if name not in PREDICTION_TEXTS)


# Names in a flat row by the columns of these tables.
_MODEL = {"name": "model", "version": "version", "sha256": "model_sha256"}
_TIMELINE = {
    "first": "timeline_first",
    "step": "timeline_step",
    "window": "timeline_window",
}

_SOURCES = {
    "id": "t.id",
    **{name: f"t.{name}" for name in FILE_COLUMNS},
    **{name: f"p.{name}" for name in COLUMNS},
    **{name: f"m.{column}" for column, name in _MODEL.items()},
    **{name: f"l.{column}" for column, name in _TIMELINE.items()},
    "timeline": "l.probabilities",
    "points": "l.points",
}
# What a row is held against when all of it is read.
_CHECKS = {
    "prediction_model": "p.model",
    "prediction_checksum": "p.checksum",
    "timeline_checksum": "l.checksum",
}
_FILES = """
FROM track AS t
    LEFT JOIN prediction AS p ON p.track = t.id
    LEFT JOIN model AS m ON m.id = p.model
"""
_READ = f"""
SELECT {", ".join((_SOURCES | _CHECKS).values())} {_FILES}
    LEFT JOIN timeline AS l ON l.track = t.id
"""


def default_catalogue() -> Path:
    """Return MUSIC_EMOTION_CATALOGUE where that is set, else a file in the user's data folder."""
    if setting := os.environ.get(VARIABLE, "").strip():
        return Path(setting).expanduser()
    from platformdirs import user_data_path

    return user_data_path("music-emotion") / FILE_NAME


def check_worth_making(path: Path, names: Sequence[str]) -> None:
    """Raise unless the catalogue is there, or any of the files that it would be made of.

    Raises
    ------
    CatalogueError
        A slip in a path would leave an empty catalogue.
    """
    if not path.exists() and names_nothing(names):
        shown = ", ".join(f"'{printable(name)}'" for name in names)
        raise CatalogueError(f"there is no {shown}; name files or folders that are there")


@dataclass(frozen=True, slots=True)
class Known:
    """What a scan compares a file with: parts of its row.

    It ``failed`` where it was read and could not be predicted, and was ``missing`` at the last
    scan; it lasts ``seconds``, where it was predicted.
    """

    id: int
    stamp: FileStamp
    model: ModelId
    failed: bool
    missing: bool
    seconds: float | None


class Catalogue:
    """An open catalogue; close it, or use it in ``with``.

    Its ``connection`` to SQLite is for the other modules of this folder, which note in ``damaged``
    what derived data were found to be damaged, and were read from elsewhere.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.damaged: set[str] = set()

    @classmethod
    def open(cls, path: Path | None = None, *, write: bool = False) -> Self:
        """Open a catalogue, by default the user's; with ``write``, make it where there is none.

        Raises
        ------
        CatalogueError
            It is missing, damaged, of a newer version, or cannot be opened.
        """
        path = default_catalogue() if path is None else path
        return cls(path, database.connect(path, SCHEMA, write=write))

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
        with database.scan_lock(path, wait=wait, waiting=waiting), cls.open(path, write=True) as it:
            yield it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.connection.close()

    def faults(self) -> AbstractContextManager[None]:
        """Within the block, SQLite's errors are raised as :class:`CatalogueError`."""
        return database.faults(self.path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write all of the block, or nothing; see :meth:`faults`."""
        with self.faults(), database.transaction(self.connection):
            yield

    # Reading

    def __len__(self) -> int:
        """Return the number of files, missing ones included."""
        with self.faults():
            return int(self.connection.execute("SELECT count(*) FROM track").fetchone()[0])

    def track(self, path: str, *, mending: bool = False) -> CatalogueTrack | None:
        """Return the file of this absolute path; ``None`` where it is not catalogued.

        A prediction that is damaged is an error or, to who is ``mending``, none.
        """
        condition = "WHERE t.path = ?"
        return next(self._select(condition, (stored_path(path),), mending=mending), None)

    def tracks(self, ids: Iterable[int]) -> Iterator[CatalogueTrack]:
        """Yield files by the numbers of their rows, in this order; unknown ones are left out."""
        numbers = map(int, ids)
        while some := list(islice(numbers, AT_ONCE)):
            marks = ", ".join("?" * len(some))
            found = {t.id: t for t in self._select(f"WHERE t.id IN ({marks})", some)}
            yield from (found[number] for number in some if number in found)

    def columns(
        self, ids: Iterable[int], names: Sequence[str]
    ) -> Iterator[tuple[list[int], dict[str, list[Any]]]]:
        """Yield numbers of rows, and what their files have in columns of the view "tracks".

        In the order of ``ids``, :data:`PIECE` files at a time; unknown ones are left out. Paths
        are such as Python has them; all else is as it is stored, ``None`` where there is nothing.
        Where all of predictions is asked for, it is noted in ``damaged`` if some are.
        """
        checked = {"model", *PREDICTION_COLUMNS} <= set(names)
        known = _SOURCES | _CHECKS
        asked = (*names, "prediction_model", "prediction_checksum") if checked else tuple(names)
        selected = ", ".join(("t.id", *(known[name] for name in asked)))
        numbers = map(int, ids)
        while some := list(islice(numbers, PIECE)):
            marks = ", ".join("?" * len(some))
            question = f"SELECT {selected} {_FILES} WHERE t.id IN ({marks})"
            with self.faults():
                rows = {row[0]: row for row in self.connection.execute(question, some)}
            if found := [rows[number] for number in some if number in rows]:
                there, *values = map(list, zip(*found, strict=True))
                columns = dict(zip(asked, values, strict=True))
                if checked:
                    self._check_predictions(there, columns)
                if "path" in columns:
                    columns["path"] = list(map(restored_path, columns["path"]))
                yield there, columns

    def _check_predictions(self, ids: Sequence[int], columns: dict[str, list[Any]]) -> None:
        """Note whether some predictions are damaged, and take what tells it out of the columns."""
        models, checksums = (columns.pop(f"prediction_{name}") for name in ("model", "checksum"))
        told = (columns[name] for name in PREDICTION_NUMBERS)
        rows = zip(ids, models, *told, strict=True)
        texts = (columns[name] for name in PREDICTION_TEXTS)
        taken = map(prediction_checksum, rows, *texts)
        lost = (name is None for name in columns["model"])
        if any(had not in (None, is_now) for had, is_now in zip(checksums, taken, strict=True)) or (
            any(gone and model is not None for gone, model in zip(lost, models, strict=True))
        ):
            self.damaged.add("predictions")

    def predicted(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the row, path) of all predicted files that are there, by path."""
        with self.faults():
            for number, path in self.connection.execute(
                "SELECT t.id, t.path FROM track AS t JOIN prediction AS p ON p.track = t.id "
                "WHERE t.missing_since IS NULL ORDER BY t.path"
            ):
                yield number, restored_path(path)

    def broken(self) -> NDArray[np.int64]:
        """Return the numbers of the rows of files that are there and broken, rising, shape (n,).

        They could not be predicted, are silent, or a part of their sound could not be read.
        """
        question = f"""
            SELECT id FROM track WHERE error <> ''
            UNION SELECT track FROM prediction WHERE {BROKEN}"""
        there = "SELECT id FROM track WHERE missing_since IS NULL AND id IN"
        with self.faults():
            rows = self.connection.execute(f"{there} ({question}) ORDER BY id")
            return np.fromiter((number for (number,) in rows), np.int64)

    def ids(self) -> NDArray[np.int64]:
        """Return the numbers of all rows, rising, shape (n,)."""
        with self.faults():
            rows = self.connection.execute("SELECT id FROM track ORDER BY id")
            return np.fromiter((number for (number,) in rows), np.int64)

    def blocks(self) -> range:
        """Return the numbers of the blocks of rows that derived tables have."""
        with self.faults():
            (last,) = self.connection.execute("SELECT max(id) FROM track").fetchone()
        return range(0 if last is None else last // BLOCK_TRACKS + 1)

    def with_audio(self, audio: bytes) -> list[CatalogueTrack]:
        """Return the files with this sound, those with a prediction first.

        One whose prediction is damaged is given without it.
        """
        if not audio:
            return []
        condition = "WHERE t.audio = ? ORDER BY p.track IS NULL, t.id"
        found = self._select(condition, (audio,), mending=True)
        return sorted(found, key=lambda track: track.prediction is None)

    def files(self, ids: Iterable[int]) -> Iterator[CatalogueTrack]:
        """Yield files as :meth:`tracks` does, but without their predictions."""
        nothing = {"model": None, "model_sha256": None}
        for numbers, columns in self.columns(ids, tuple(FILE_COLUMNS)):
            rows = zip(*columns.values(), strict=True)
            for number, values in zip(numbers, rows, strict=True):
                row = dict(zip(columns, values, strict=True))
                yield CatalogueTrack.from_row(row | {"id": number} | nothing)

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
        return self._known(*_within(folder))

    def known_otherwise(self, name: str, model: ModelId) -> dict[str, Known]:
        """Return the files that are there and were predicted by another version of a model.

        Parameters
        ----------
        name, model
            Of the model; what it predicted itself is left out, and what is behind a URL.
        """
        others = f"m.name = ? AND (m.sha256, m.version) <> (?, ?) AND {_IS_FILE}"
        return self._known(f"t.missing_since IS NULL AND {others}", (name, *model))

    def _known(self, condition: str, values: Sequence[object]) -> dict[str, Known]:
        question = f"""
            SELECT t.path, t.size, t.mtime_ns, t.inode, coalesce(m.sha256, ''),
                coalesce(m.version, ''), t.id, t.error <> '' AND t.audio <> x'',
                t.missing_since IS NOT NULL, p.duration
            FROM track AS t LEFT JOIN prediction AS p ON p.track = t.id
                LEFT JOIN model AS m ON m.id = p.model
            WHERE {condition}"""
        with self.faults():
            return {
                restored_path(path): Known(
                    number,
                    FileStamp(*stamp),
                    ModelId(sha256, version),
                    bool(failed),
                    bool(missing),
                    seconds,
                )
                for path, *stamp, sha256, version, number, failed, missing, seconds in (
                    self.connection.execute(question, values)
                )
            }

    def older_versions(self) -> dict[str, int]:
        """Return how many files older versions of a model predicted, by the model's name.

        A version is older than another of the same name that predicted something if its number is
        smaller or, with the same number, if it predicted first. Files that are missing, or behind a
        URL, do not count.
        """
        versions: dict[str, list[tuple[tuple[int, ...], int, str]]] = {}
        counts = {}
        with self.faults():
            for number, name, version in self.connection.execute(
                "SELECT id, name, version FROM model AS m WHERE EXISTS "
                "(SELECT 1 FROM prediction WHERE model = m.id)"
            ):
                versions.setdefault(name, []).append((_release(version), number, version))
            for name, known in versions.items():
                newest = max(known)[2]
                older = [number for _, number, version in known if version != newest]
                if older and (count := self._count_predicted(older)):
                    counts[name] = count
        return counts

    def _count_predicted(self, models: Sequence[int]) -> int:
        """Return the number of files that are there and were predicted by models of these rows."""
        marks = ", ".join("?" * len(models))
        (count,) = self.connection.execute(
            "SELECT count(*) FROM prediction AS p JOIN track AS t ON t.id = p.track "
            f"WHERE p.model IN ({marks}) AND t.missing_since IS NULL AND {_IS_FILE}",
            models,
        ).fetchone()
        return int(count)

    def _select(
        self, condition: str, values: Sequence[object] = (), *, mending: bool = False
    ) -> Iterator[CatalogueTrack]:
        with self.faults():
            for values_read in self.connection.execute(_READ + condition, values):
                row = dict(zip((*_SOURCES, *_CHECKS), values_read, strict=True))
                row["path"] = restored_path(row["path"])
                try:
                    yield _read(row)
                except ValueError as error:
                    if not mending:
                        raise database.damaged(self.path, error) from None
                    yield CatalogueTrack.from_row(row | {"model": None, "model_sha256": ""})

    # Writing

    def write(self, track: CatalogueTrack) -> int:
        """Write a row in place of the one with its ``id`` or, without, its path; return the id."""
        return self.write_all([track])[0]

    def write_all(self, tracks: Iterable[CatalogueTrack]) -> list[int]:
        """Write rows, all or none; see :meth:`write`."""
        with self.writing():
            return [self._write(track) for track in tracks]

    def _write(self, track: CatalogueTrack) -> int:
        row = track.to_row() | {"path": stored_path(track.path)}
        file = {name: row[name] for name in FILE_COLUMNS}
        number = track.id
        if number is None:
            found = self.connection.execute("SELECT id FROM track WHERE path = ?", (file["path"],))
            number = next((id for (id,) in found), None)
        else:  # another file's row may bear the name that this one has now
            self.connection.execute(
                "DELETE FROM track WHERE path = ? AND id <> ?", (file["path"], number)
            )
        if number is None:
            number = int(self._insert("INSERT", "track", file).lastrowid or 0)
        else:
            self._update(number, file)
        if track.prediction is None:
            for table in ("prediction", "timeline"):
                self.connection.execute(f"DELETE FROM {table} WHERE track = ?", (number,))
            return number
        model = {column: row[name] for column, name in _MODEL.items()}
        self._insert("INSERT OR IGNORE", "model", model)
        found = self.connection.execute(
            "SELECT id FROM model WHERE (sha256, version) = (?, ?)", track.model_id
        )
        prediction = {name: row[name] for name in PREDICTION_COLUMNS}
        points = packed(row)
        times = {column: row[name] for column, name in _TIMELINE.items()}
        probabilities = row["timeline"] if points is None else b""
        ours = {"model": found.fetchone()[0], "warnings": "\n".join(row["warnings"])}
        prediction |= ours
        checksums = (
            prediction_checksum(*_parts(number, ours["model"], prediction)),
            timeline_checksum(number, tuple(times.values()), probabilities, points),
        )
        timeline = {**times, "probabilities": probabilities, "points": points}
        for table, values, checksum in zip(
            ("prediction", "timeline"), (prediction, timeline), checksums, strict=True
        ):
            self._insert(
                "INSERT OR REPLACE", table, {"track": number, **values, "checksum": checksum}
            )
        return number

    def _insert(self, verb: str, table: str, values: Mapping[str, object]) -> sqlite3.Cursor:
        marks = ", ".join("?" * len(values))
        return self.connection.execute(
            f"{verb} INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
        )

    def _update(self, id: int, values: Mapping[str, object]) -> None:
        settings = ", ".join(f"{name} = ?" for name in values)
        self.connection.execute(f"UPDATE track SET {settings} WHERE id = ?", (*values.values(), id))

    def restamp(self, id: int, stamp: FileStamp, tags: Tags) -> None:
        """Note that a file's tags or times changed and its sound did not."""
        row = CatalogueTrack("", stamp, b"", tags).file_row()
        columns = ("size", "mtime_ns", "inode", *TAG_COLUMNS)
        with self.writing():
            self._update(id, {name: row[name] for name in columns})
            # A block of vectors is outdated by who names this column, even if nothing changes.
            self.connection.execute(
                "UPDATE track SET missing_since = NULL WHERE id = ? AND missing_since IS NOT NULL",
                (id,),
            )

    def mark_missing(self, ids: Iterable[int], since: int | None) -> None:
        """Note when files were found to be gone, seconds since 1970; ``None``: they are there."""
        with self.writing():
            self.connection.executemany(
                "UPDATE track SET missing_since = ? WHERE id = ?", [(since, id) for id in ids]
            )

    def remove(self, ids: Iterable[int]) -> None:
        """Forget files."""
        with self.writing():
            self.connection.executemany("DELETE FROM track WHERE id = ?", [(id,) for id in ids])

    def imported(self, location: str) -> dict[str, str]:
        """Return which writing of each file of results in a folder was put into the catalogue."""
        question = "SELECT file, writing FROM imported WHERE location = ?"
        with self.faults():
            return dict(self.connection.execute(question, (stored_path(location),)))

    def note_import(self, location: str, file: str, writing: str) -> None:
        """Note that a file of results was put into the catalogue; see :meth:`imported`."""
        row = {"location": stored_path(location), "file": file, "writing": writing}
        with self.writing():
            self._insert("INSERT OR REPLACE", "imported", row)

    def check(self) -> list[str]:
        """Return what is wrong with the file as SQLite sees it, one line each; nothing if sound.

        What its rows hold is looked at by :func:`music_emotion.library.health.examine`.
        """
        with self.faults():
            lines = [str(row[0]) for row in self.connection.execute("PRAGMA integrity_check")]
            for table, row, other, _ in self.connection.execute("PRAGMA foreign_key_check"):
                lines.append(f"row {row} of {table} belongs to no row of {other}")
        told = (line for said in lines for line in said.splitlines())
        return [line for line in told if line != "ok" and not line.startswith("***")]

    def vacuum(self) -> None:
        """Give back to the disk what is not needed any more."""
        with self.faults():
            self.connection.execute("VACUUM")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_to(self, path: Path) -> None:
        """Write a copy into another file, which is there as a whole or not at all.

        Raises
        ------
        CatalogueError
            The catalogue cannot be read.
        MusicEmotionError
            The file cannot be written.
        """
        with replacing(path) as temporary, closing(sqlite3.connect(temporary)) as copy:
            with self.faults():
                self.connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # so that it is one file


def _read(row: dict[str, Any]) -> CatalogueTrack:
    """Return the file of a whole row.

    Raises
    ------
    ValueError
        Its prediction or its timeline is damaged.
    """
    if row["prediction_model"] is not None:
        _check(row)
        row["warnings"] = row["warnings"].split("\n") if row["warnings"] else ()
        if row["points"] is not None:
            row |= unpacked(row["points"])
    return CatalogueTrack.from_row(row)


def _parts(
    track: int, model: int, row: Mapping[str, Any]
) -> tuple[list[float | None], str | None, str | None]:
    """Return what a prediction's checksum is taken of as SQLite gives it back: 0 has no sign."""
    told = (row[name] for name in PREDICTION_NUMBERS)
    numbers = [value + 0.0 if isinstance(value, float) else value for value in told]
    top, warnings = (row[name] for name in PREDICTION_TEXTS)
    return [track, model, *numbers], top, warnings


def _check(row: Mapping[str, Any]) -> None:
    if row["model"] is None:
        raise ValueError(f"the model of '{printable(row['path'])}'")
    times = tuple(row[name] for name in _TIMELINE.values())
    taken = {
        "prediction": prediction_checksum(*_parts(row["id"], row["prediction_model"], row)),
        "timeline": timeline_checksum(row["id"], times, row["timeline"], row["points"]),
    }
    for what, checksum in taken.items():
        if checksum is None or row[f"{what}_checksum"] not in (None, checksum):
            raise ValueError(f"the {what} of '{printable(row['path'])}'")


_IS_FILE = "t.path NOT GLOB '[a-z]*://*'"  # true of paths, which begin with no scheme


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (0, 1, 0) of ``0.1.0-085f65a``."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def _within(folder: str) -> tuple[str, tuple[str | bytes, ...]]:
    """Return SQL and its values that are true of paths ``t.path`` in a folder, at any depth."""
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    after = prefix[:-1] + chr(ord(os.sep) + 1)  # the first text after all that begin with prefix
    bounds: list[str | bytes] = [os.fsencode(prefix), os.fsencode(after)]
    condition = "(t.path >= ? AND t.path < ?)"
    if isinstance(stored_path(prefix), bytes):
        return condition, tuple(bounds)
    return f"({condition} OR {condition})", (prefix, after, *bounds)

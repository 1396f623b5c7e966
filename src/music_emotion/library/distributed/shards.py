"""Results in shards: Parquet files in a folder or a bucket, each there as a whole or not at all.

::

    OUT/_manifest.parquet       path and shard of every track; the model in its metadata
    OUT/shard-000000.parquet    the rows of the tracks of shard 0, in the manifest's order
    OUT/…

The manifest is written before anything is predicted and fixes which tracks belong to which shard.
A shard whose footer can be read, and says that it holds this shard's tracks as predicted by this
model, is done. Names that begin with ``_`` or ``.`` are passed over by readers of Parquet folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from music_emotion.atomic import TEMPORARY_SUFFIX, write_whole
from music_emotion.audio.names import written_name
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MissingExtraError, printable
from music_emotion.inference.prediction import COLUMNS, INTENSITY_COLUMNS, STANDING_COLUMNS
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.distributed.settings import NO_SETTINGS, StorageSettings
from music_emotion.library.distributed.urls import is_url, storage
from music_emotion.library.search import refresh_index
from music_emotion.library.timeline import POINTS
from music_emotion.library.track import FILE_COLUMNS, STORED_COLUMNS, CatalogueTrack, ModelId
from music_emotion.library.walk import absolute
from music_emotion.library.writers import arrow_schema

MANIFEST = "_manifest.parquet"
FORMAT = "2"
"""Raised when the columns change."""

FIRST_FORMAT = "1"
"""Of files with fewer columns, which are read and left as they are; they tell no versions apart."""

ABOUT = b"music_emotion"
COMPRESSION = "zstd"
REQUESTS = 16  # to a storage at a time


@dataclass(frozen=True, slots=True)
class Shard:
    """The tracks of one file of results: its number from 0, and absolute paths or URLs."""

    number: int
    paths: tuple[str, ...]

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"shard-{self.number:06d}.parquet"

    def key(self, model: ModelId, format: str = FORMAT) -> str:
        """Return a digest of the tracks and the model, as it is in files of a format."""
        about = (format, model.sha256) if format == FIRST_FORMAT else (format, *model)
        digest = hashlib.sha256("".join(f"{part}\n" for part in about).encode())
        for path in self.paths:
            digest.update(os.fsencode(path) + b"\0")
        return digest.hexdigest()


class Failure(NamedTuple):
    """A track that could not be predicted: its place in the shard, why, and whether that can pass.

    What could not be read at all, as a disk or a storage did not answer, may be read another time.
    """

    place: int
    error: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Done:
    """A shard's file that is there and whole: which writing of it, and what failed in it."""

    id: str
    failures: tuple[Failure, ...] = ()


def _failed(rows: Iterable[tuple[str, bytes]]) -> Iterator[Failure]:
    """Yield what failed, of pairs of an error and the digest of the sound."""
    for place, (error, audio) in enumerate(rows):
        if error:
            yield Failure(place, error, passes=not audio)


def unknown(paths: Iterable[str], shards: Iterable[Shard]) -> list[str]:
    """Return the paths that are in no shard."""
    known = {path for shard in shards for path in shard.paths}
    return [path for path in paths if path not in known]


class ShardFolder:
    """A folder or bucket of results: a path or a URL that fsspec or Arrow can open for writing.

    Raises
    ------
    MissingExtraError
        pyarrow or fsspec is not installed.
    MusicEmotionError
        It cannot be reached.
    """

    def __init__(self, location: str, settings: StorageSettings = NO_SETTINGS) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("Parquet", "distributed") from None
        self.location = location
        self._storage, self._path = storage(location, settings)
        self._on_disk = not is_url(location)

    def begin(self, paths: Sequence[str], model: ModelId, shard_tracks: int) -> list[Shard]:
        """Return the shards of the manifest, which is made, or continued with new tracks.

        Wanted ``paths`` that it does not know become new shards of ``shard_tracks`` each.

        Raises
        ------
        CatalogueError
            The folder holds the results of another model or of a newer version of this program, or
            cannot be written.
        """
        shards = self.known(model)
        new = unknown(paths, shards)
        if new or not shards:
            with self._faults("made"):
                self._storage.makedirs(self._path, exist_ok=True)
            shards += [
                Shard(number, tuple(new[at : at + shard_tracks]))
                for number, at in enumerate(range(0, len(new), shard_tracks), len(shards))
            ]
            self._write(MANIFEST, _manifest_table(shards, model))
        return shards

    def known(self, model: ModelId) -> list[Shard]:
        """Return the shards of the manifest; none where there is none yet. See :meth:`begin`."""
        return self._manifest(model)

    def done(self, shard: Shard, model: ModelId) -> Done | None:
        """Return what is to be known of a shard's file; ``None`` where there is no whole one."""
        import pyarrow.parquet as parquet

        try:
            with self._storage.open(self._at(shard.file), "rb") as file:
                footer = parquet.read_metadata(file)
                about = json.loads((footer.metadata or {}).get(ABOUT, b"{}"))
                if "failed" in about:
                    failed = about["failed"]
                else:  # of an earlier version
                    columns = parquet.read_table(file, columns=["error", "audio"]).to_pylist()
                    failed = _failed((row["error"], row["audio"]) for row in columns)
                failures = tuple(Failure(*values) for values in failed)
        except Exception:  # missing, damaged or foreign: it is made again
            return None
        keys = [shard.key(model, format) for format in (FORMAT, FIRST_FORMAT)]
        if about.get("key") not in keys or footer.num_rows != len(shard.paths):
            return None
        return Done(str(about.get("id", about["key"])), failures)

    def all_done(self, shards: Sequence[Shard], model: ModelId) -> list[Done | None]:
        """Return :meth:`done` of each shard; several are asked for at once."""
        with ThreadPoolExecutor(REQUESTS) as pool:
            return list(pool.map(lambda shard: self.done(shard, model), shards))

    def write(self, shard: Shard, tracks: Sequence[CatalogueTrack], model: ModelId) -> None:
        """Write a shard's file.

        Raises
        ------
        CatalogueError
            It cannot be written.
        """
        about = {
            "format": FORMAT,
            "shard": shard.number,
            "key": shard.key(model),
            "id": uuid.uuid4().hex,
            "failed": list(_failed((track.error, track.audio) for track in tracks)),
        }
        self._write(shard.file, _described(track_table(tracks), about))

    def read(self) -> Iterator[CatalogueTrack]:
        """Yield the rows of all shards that are there.

        Raises
        ------
        CatalogueError
            A shard is damaged.
        """
        for name in sorted(self._storage.glob(self._at("shard-*.parquet"))):
            yield from self.rows(name.rpartition("/")[2])

    def files(self) -> dict[str, str]:
        """Return the files of shards that are there, in order, each with what changes with it."""
        names = sorted(self._storage.glob(self._at("shard-*.parquet")))
        with ThreadPoolExecutor(REQUESTS) as pool:
            return dict(
                zip(
                    [name.rpartition("/")[2] for name in names],
                    pool.map(self._written, names),
                    strict=True,
                )
            )

    def rows(self, file: str) -> Iterator[CatalogueTrack]:
        """Yield the rows of a shard's file; see :meth:`read`."""
        with self._faults("read"):
            yield from tracks_of(self._table(self._at(file)))

    def _written(self, path: str) -> str:
        """Return what tells one writing of a file from another; ``""`` where it cannot be read."""
        import pyarrow.parquet as parquet

        try:
            with self._storage.open(path, "rb") as file:
                about = json.loads(parquet.read_metadata(file).metadata[ABOUT])
            return str(about.get("id") or about["key"])
        except Exception:  # reading all of it says what is wrong
            return ""

    def sweep(self) -> None:
        """Remove what a process that was killed while it wrote has left."""
        if self._on_disk:
            for left in Path(self._path).glob(f".*.parquet.*{TEMPORARY_SUFFIX}"):
                with suppress(OSError):
                    left.unlink()

    def _manifest(self, model: ModelId) -> list[Shard]:
        if not self._storage.exists(self._at(MANIFEST)):
            return []
        try:
            table = self._table(self._at(MANIFEST))
            about = dict[str, str](json.loads(table.schema.metadata[ABOUT]))
            paths = map(os.fsdecode, table.column("path").to_pylist())
            rows = zip(table.column("shard").to_pylist(), paths, strict=True)
        except Exception:
            raise self._fault("holds a damaged manifest; name another with --output") from None
        if about.get("format") not in (FORMAT, FIRST_FORMAT):
            raise self._fault(
                "was made by a newer music-emotion; update music-emotion, or name another with "
                "--output"
            )
        version = about.get("version", model.version)  # which the first format does not say
        if (about.get("model_sha256"), version) != model:
            raise self._fault("holds the results of another model; name another with --output")
        return [
            Shard(number, tuple(path for _, path in tracks))
            for number, tracks in groupby(rows, key=itemgetter(0))
        ]

    def _table(self, path: str) -> Any:
        import pyarrow.parquet as parquet

        with self._storage.open(path, "rb") as file:
            return parquet.read_table(file)

    def _write(self, name: str, table: Any) -> None:
        """Write a table; its file is there as a whole or not at all."""
        import pyarrow as arrow
        import pyarrow.parquet as parquet

        buffer = arrow.BufferOutputStream()
        parquet.write_table(table, buffer, compression=COMPRESSION)
        content = buffer.getvalue().to_pybytes()
        with self._faults("written"):
            if self._on_disk:
                write_whole(Path(self._path) / name, content)
            else:  # a bucket shows an object when all of it has arrived
                self._storage.pipe_file(self._at(name), content)

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"

    def _fault(self, what: str) -> CatalogueError:
        return CatalogueError(f"'{printable(self.location)}' {what}")

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        """Say in a line what cannot be done; each storage has exceptions of its own."""
        try:
            yield
        except Exception as error:
            raise self._fault(f"cannot be {what} ({printable(error)[:100]})") from None


def _manifest_table(shards: Sequence[Shard], model: ModelId) -> Any:
    import pyarrow as arrow

    columns = {
        "path": [os.fsencode(path) for shard in shards for path in shard.paths],
        "shard": [shard.number for shard in shards for _ in shard.paths],
    }
    table = arrow.table(columns, arrow_schema({"path": bytes, "shard": int}))
    about = {"format": FORMAT, "model_sha256": model.sha256, "version": model.version}
    return _described(table, about)


def _described(table: Any, about: Mapping[str, object]) -> Any:
    return table.replace_schema_metadata({ABOUT: json.dumps(about)})


# Rows as an Arrow table


def track_table(tracks: Iterable[CatalogueTrack]) -> Any:
    """Return rows as an Arrow table, with the values the catalogue would keep.

    What is known of a prediction is null where there is none. ``raw_path`` is there for a path that
    is no UTF-8, whose ``path`` is an address. The columns of the timeline are those of
    :func:`~music_emotion.library.timeline.timeline_row`, with a number for each byte.
    """
    import pyarrow as arrow

    columns = {"path": str, "raw_path": bytes, **FILE_COLUMNS, **COLUMNS, **STORED_COLUMNS}
    del columns["missing_since"]  # of the catalogue alone
    types = {
        **dict.fromkeys((*EMOTIONS, *INTENSITY_COLUMNS, *STANDING_COLUMNS), arrow.float32()),
        "warnings": arrow.list_(arrow.string()),
        **{
            name: arrow.list_(arrow.from_numpy_dtype(np.dtype(kind)))
            for name, kind in POINTS.items()
        },
    }
    schema = arrow_schema(columns, types)
    return arrow.Table.from_pylist([_arrow_row(track) for track in tracks], schema=schema)


def _arrow_row(track: CatalogueTrack) -> dict[str, Any]:
    row = track.to_row()
    row["path"] = written_name(track.path)
    row["raw_path"] = None if row["path"] == track.path else os.fsencode(track.path)
    points = {name: kind for name, kind in POINTS.items() if row.get(name) is not None}
    return row | {name: np.frombuffer(row[name], kind).tolist() for name, kind in points.items()}


def tracks_of(table: Any) -> Iterator[CatalogueTrack]:
    """Yield the rows of an Arrow table that :func:`track_table` made.

    It may be of a former version; what that did not write is not known.
    """
    for row in table.to_pylist():
        path = row["path"] if row["raw_path"] is None else os.fsdecode(row["raw_path"])
        points = {name: kind for name, kind in POINTS.items() if row.get(name) is not None}
        row |= {name: np.array(row[name], kind).tobytes() for name, kind in points.items()}
        yield CatalogueTrack.from_row(row | {"path": path})


# Into a catalogue


@dataclass(frozen=True, slots=True)
class Imported:
    """Number of rows that were written, and of those that were passed over as outdated."""

    written: int
    outdated: int


def import_shards(
    location: str, catalogue: Catalogue, settings: StorageSettings = NO_SETTINGS
) -> Imported:
    """Write the rows of shards into a catalogue; see :meth:`Catalogue.held`.

    A shard that was written into it before, and not made again since, is passed over.

    A row takes the place of one with the same path that is not newer. Passed over are paths of this
    machine whose file has another size or time than when it was predicted, or is gone while the
    catalogue has its sound elsewhere. Other files that are gone are marked as missing.

    Raises
    ------
    CatalogueError
        A shard is damaged or of another model than the catalogue, or the catalogue cannot be
        written.
    """
    written = outdated = 0
    folder = ShardFolder(location, settings)
    place = location if is_url(location) else absolute(location)
    before = catalogue.imported(place)
    for file, id in folder.files().items():
        if id and before.get(file) == id:
            continue
        rows = list(folder.rows(file))
        for model in {row.model_sha256 for row in rows if row.model_sha256}:
            catalogue.check_model(model)
        kept = [row for row in (_up_to_date(row, catalogue) for row in rows) if row is not None]
        with catalogue.writing():
            catalogue.write_all(kept)
            catalogue.note_import(place, file, id)
        written += len(kept)
        outdated += len(rows) - len(kept)
    refresh_index(catalogue)
    return Imported(written, outdated)


def _up_to_date(row: CatalogueTrack, catalogue: Catalogue) -> CatalogueTrack | None:
    """Return a row as it is to be written; ``None`` where the catalogue or the disk is newer."""
    own = catalogue.track(row.path, mending=True)
    if own is not None and own.scanned_at > row.scanned_at:
        return None
    missing = None if own is None else own.missing_since
    if is_url(row.path):
        return replace(row, missing_since=missing)
    try:
        stamp = FileStamp.read(row.path)
    except (FileNotFoundError, NotADirectoryError):
        others = (other for other in catalogue.with_audio(row.audio) if other.path != row.path)
        if any(other.missing_since is None for other in others):
            return None
        return replace(row, missing_since=missing or int(time.time()))
    except OSError:
        return replace(row, missing_since=missing)
    if not stamp.agrees(row.stamp):
        return None
    return replace(row, stamp=stamp)

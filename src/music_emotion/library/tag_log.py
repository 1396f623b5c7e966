"""What was written into files' tags, so that it can be taken back.

The order that loses nothing: :func:`record` says what will be written and is on disk before the
file is touched; the file is replaced; :func:`finish` confirms it. What :func:`unfinished` gives was
interrupted in between, and the file's own tags tell whether it was replaced. Taking back goes the
other way: :func:`undoable` names the latest write of each file, the file is replaced, and
:func:`mark_undone` confirms it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from music_emotion.library.catalogue import Catalogue, batched_ids
from music_emotion.library.schema import transaction
from music_emotion.library.track import (
    CatalogueTrack,
    FileStamp,
    Tags,
    restored_path,
    stored_path,
)

TagValues = Mapping[str, Sequence[str] | None]
"""Values of tags by the name they have in the file; ``None``: the file has no such tag."""


@dataclass(frozen=True, slots=True)
class TagWrite:
    """One writing of one file's tags.

    Attributes
    ----------
    id
        Number of its row.
    track
        Number of the file's row in the catalogue; ``None`` where it was forgotten since.
    path
        Where the file is now as far as the catalogue knows, else where it was.
    audio
        Digest of the sound when it was written.
    before, after
        The tags that were touched, as they were and as they were written.
    written_at
        Seconds since 1970.
    finished
        Whether the file is known to have been replaced.
    undone_at
        When it was taken back, seconds since 1970; ``None`` where it was not.
    """

    id: int
    track: int | None
    path: str
    audio: bytes
    before: TagValues
    after: TagValues
    written_at: int
    finished: bool
    undone_at: int | None = None


def record(catalogue: Catalogue, track: CatalogueTrack, before: TagValues, after: TagValues) -> int:
    """Say what will be written into a catalogued file; return the number of the row."""
    values = (
        track.id,
        stored_path(track.path),
        track.audio,
        json.dumps(before),
        json.dumps(after),
        int(time.time()),
    )
    with catalogue.faults(), transaction(catalogue.connection):
        cursor = catalogue.connection.execute(
            "INSERT INTO tag_write (track, path, audio, before, after, written_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
        return int(cursor.lastrowid or 0)


def finish(catalogue: Catalogue, write: int, track: CatalogueTrack, stamp: FileStamp) -> None:
    """Confirm that a file was replaced; with its new stamp, a scan need not read it again."""
    with catalogue.faults(), transaction(catalogue.connection):
        catalogue.connection.execute("UPDATE tag_write SET finished = 1 WHERE id = ?", (write,))
        _restamp(catalogue, track.id, stamp, track.tags)


def forget(catalogue: Catalogue, write: int) -> None:
    """Drop a row whose file was not replaced after all."""
    with catalogue.faults(), transaction(catalogue.connection):
        catalogue.connection.execute("DELETE FROM tag_write WHERE id = ?", (write,))


def mark_undone(
    catalogue: Catalogue, write: int, track: CatalogueTrack | None, stamp: FileStamp
) -> None:
    """Confirm that a writing was taken back."""
    with catalogue.faults(), transaction(catalogue.connection):
        catalogue.connection.execute(
            "UPDATE tag_write SET undone_at = ? WHERE id = ?", (int(time.time()), write)
        )
        if track is not None:
            _restamp(catalogue, track.id, stamp, track.tags)


def unfinished(catalogue: Catalogue) -> list[TagWrite]:
    """Return the writings that were interrupted, oldest first."""
    return _select(catalogue, "WHERE w.finished = 0 AND w.undone_at IS NULL ORDER BY w.id")


def undoable(catalogue: Catalogue, tracks: Sequence[int] | None = None) -> Iterator[TagWrite]:
    """Yield the latest finished writing of each file that was not taken back.

    Parameters
    ----------
    tracks
        Numbers of catalogued files; by default all, those forgotten since included.
    """
    latest = (
        "WHERE w.finished = 1 AND w.undone_at IS NULL AND NOT EXISTS (SELECT 1 FROM tag_write AS n "
        "WHERE n.track = w.track AND n.id > w.id AND n.finished = 1 AND n.undone_at IS NULL)"
    )
    if tracks is None:
        yield from _select(catalogue, f"{latest} ORDER BY w.id")
        return
    for some in batched_ids(tracks):
        marks = ", ".join("?" * len(some))
        yield from _select(catalogue, f"{latest} AND w.track IN ({marks}) ORDER BY w.id", some)


def _select(catalogue: Catalogue, condition: str, values: Sequence[object] = ()) -> list[TagWrite]:
    question = (
        "SELECT w.id, w.track, coalesce(t.path, w.path), w.audio, w.before, w.after, w.written_at, "
        "w.finished, w.undone_at FROM tag_write AS w LEFT JOIN track AS t ON t.id = w.track "
    )
    with catalogue.faults():
        rows = catalogue.connection.execute(question + condition, values).fetchall()
    return [
        TagWrite(
            number,
            track,
            restored_path(path),
            bytes(audio),
            json.loads(before),
            json.loads(after),
            written_at,
            bool(finished),
            undone_at,
        )
        for number, track, path, audio, before, after, written_at, finished, undone_at in rows
    ]


def _restamp(catalogue: Catalogue, id: int | None, stamp: FileStamp, tags: Tags) -> None:
    if id is not None:
        catalogue.restamp(id, stamp, tags)

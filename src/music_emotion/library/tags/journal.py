"""What was written into files' tags, so that it can be taken back.

The order that loses nothing: :func:`record` says what will be written and is on disk before the
file is touched; the file is replaced; :func:`finish` confirms it. What :func:`unfinished` gives was
interrupted in between, and the file's own tags tell whether it was replaced. Taking back goes the
other way: :func:`undoable` names the latest write of each file, the file is replaced, and
:func:`mark_undone` confirms it.

A writing belongs to a sound, not to a row or a name: files are renamed, swapped, forgotten and
found again. Where the sound is now the catalogue says; among copies of it the file that was written
is preferred, by its row, then by its name, and a copy that was written itself is never taken for
another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import transaction
from music_emotion.library.track import CatalogueTrack, restored_path, stored_path

TagValues = Mapping[str, Sequence[str] | None]
"""Values of tags by the name they have in the file; ``None``: the file has no such tag."""

_WRITINGS = """
FROM tag_write AS w LEFT JOIN track AS t ON t.id = (
    SELECT id FROM (
        SELECT c.id, c.missing_since IS NOT NULL AS away, c.id IS NOT w.track AS other_row,
            c.path IS NOT w.path AS other_name
        FROM track AS c
        WHERE c.audio = w.audio AND w.audio <> x'' AND (c.id = w.track OR NOT EXISTS (
            SELECT 1 FROM tag_write AS own WHERE own.track = c.id AND own.audio = c.audio)))
    ORDER BY away, other_row, other_name, id LIMIT 1)
"""


@dataclass(frozen=True, slots=True)
class TagWrite:
    """One writing of one file's tags.

    Attributes
    ----------
    id
        Number of its row.
    track
        Number of the row of the file that has the sound now; ``None`` where there is none.
    path
        Where the sound is now as far as the catalogue knows, else where it was.
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
    sure
        Whether it is the file that was written by its row or its name, and not by its sound alone:
        such a one may be a copy.
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
    sure: bool = True


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
        catalogue.connection.executemany(  # earlier ones are this file's, and no copy's
            "UPDATE tag_write SET track = ? WHERE id = ?",
            [(track.id, w.id) for w in writings_of(catalogue, track) if w.track == track.id],
        )
        cursor = catalogue.connection.execute(
            "INSERT INTO tag_write (track, path, audio, before, after, written_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
        return int(cursor.lastrowid or 0)


def finish(catalogue: Catalogue, write: int, seen: CatalogueTrack | None = None) -> None:
    """Confirm that a file was replaced.

    Parameters
    ----------
    seen
        The row with the file's stamp and tags of now, if its sound is known to be the row's: a scan
        need not read it again.
    """
    _confirm(catalogue, "finished = 1", (write,), seen)


def forget(catalogue: Catalogue, write: int) -> None:
    """Drop a row whose file was not replaced after all."""
    with catalogue.faults(), transaction(catalogue.connection):
        catalogue.connection.execute("DELETE FROM tag_write WHERE id = ?", (write,))


def mark_undone(catalogue: Catalogue, write: int, seen: CatalogueTrack | None = None) -> None:
    """Confirm that a writing was taken back; ``seen`` as in :func:`finish`."""
    _confirm(catalogue, "undone_at = ?", (int(time.time()), write), seen)


def _confirm(
    catalogue: Catalogue, setting: str, values: Sequence[int], seen: CatalogueTrack | None
) -> None:
    with catalogue.faults(), transaction(catalogue.connection):
        catalogue.connection.execute(f"UPDATE tag_write SET {setting} WHERE id = ?", values)
        if seen is not None and seen.id is not None:
            catalogue.restamp(seen.id, seen.stamp, seen.tags)


def unfinished(catalogue: Catalogue) -> list[TagWrite]:
    """Return the writings that were interrupted, oldest first."""
    return _select(catalogue, "WHERE w.finished = 0 AND w.undone_at IS NULL ORDER BY w.id")


def undoable_ids(catalogue: Catalogue, audio: bytes | None = None) -> list[int]:
    """Return the numbers of the latest finished writing of each file that was not taken back.

    Parameters
    ----------
    audio
        Only of this sound; by default all, those of files forgotten since included.
    """
    condition = "WHERE w.finished = 1 AND w.undone_at IS NULL"
    values: tuple[bytes, ...] = ()
    if audio is not None:
        condition, values = f"{condition} AND w.audio = ?", (audio,)
    latest: dict[str | bytes, int] = {}
    with catalogue.faults():
        for number, path in catalogue.connection.execute(
            f"SELECT w.id, coalesce(t.path, w.path) {_WRITINGS} {condition} ORDER BY w.id DESC",
            values,
        ):
            latest.setdefault(path, number)
    return sorted(latest.values())


def undoable(catalogue: Catalogue, audio: bytes | None = None) -> Iterator[TagWrite]:
    """Yield what :func:`undoable_ids` names, each as it is when it is asked for."""
    for number in undoable_ids(catalogue, audio):
        yield from _select(catalogue, "WHERE w.id = ?", (number,))


def writings_of(catalogue: Catalogue, track: CatalogueTrack) -> list[TagWrite]:
    """Return the writings of a file that were not taken back, newest first."""
    condition = "WHERE w.audio = ? AND w.undone_at IS NULL ORDER BY w.id DESC"
    found = _select(catalogue, condition, (track.audio,))
    return [write for write in found if write.path == track.path]


def _select(catalogue: Catalogue, condition: str, values: Sequence[object] = ()) -> list[TagWrite]:
    question = f"""
        SELECT w.id, t.id, coalesce(t.path, w.path), w.audio, w.before, w.after, w.written_at,
            w.finished, w.undone_at, t.id IS NULL OR t.id IS w.track OR t.path IS w.path
        {_WRITINGS} {condition}"""
    with catalogue.faults():
        rows = catalogue.connection.execute(question, values).fetchall()
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
            bool(sure),
        )
        for number, track, path, audio, before, after, written_at, finished, undone_at, sure in rows
    ]

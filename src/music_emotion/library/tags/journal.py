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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.fields import Change
from music_emotion.library.track import CatalogueTrack, restored_path, stored_path

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
    track
        Number of the row of the file that has the sound now; ``None`` where there is none.
    path
        Where the sound is now as far as the catalogue knows, else where it was.
    audio
        Digest of the sound when it was written.
    before, after
        The tags that were touched, as they were and as they were written.
    sure
        Whether it is the file that was written by its row or its name, and not by its sound alone:
        such a one may be a copy.
    """

    id: int
    track: int | None
    path: str
    audio: bytes
    before: Change
    after: Change
    sure: bool = True


def record(catalogue: Catalogue, track: CatalogueTrack, before: Change, after: Change) -> int:
    """Say what will be written into a catalogued file; return the number of the row."""
    file = (track.id, stored_path(track.path), track.audio)
    with catalogue.writing():
        catalogue.connection.executemany(  # earlier ones are this file's, and no copy's
            "UPDATE tag_write SET track = ? WHERE id = ?",
            [(track.id, w.id) for w in writings_of(catalogue, track) if w.track == track.id],
        )
        cursor = catalogue.connection.execute(
            "INSERT INTO tag_write (track, path, audio, before, after, written_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*file, json.dumps(before), json.dumps(after), int(time.time())),
        )
        return int(cursor.lastrowid or 0)


def finish(catalogue: Catalogue, write: int, seen: CatalogueTrack | None = None) -> None:
    """Confirm that a file was replaced.

    What was ``seen`` is the row with the file's stamp and tags of now, if its sound is known to be
    the row's: a scan need not read it again.
    """
    _confirm(catalogue, "finished = 1", (write,), seen)


def forget(catalogue: Catalogue, write: int) -> None:
    """Drop a row whose file was not replaced after all."""
    with catalogue.writing():
        catalogue.connection.execute("DELETE FROM tag_write WHERE id = ?", (write,))


def mark_undone(catalogue: Catalogue, write: int, seen: CatalogueTrack | None = None) -> None:
    """Confirm that a writing was taken back; ``seen`` as in :func:`finish`."""
    _confirm(catalogue, "undone_at = ?", (int(time.time()), write), seen)


def _confirm(
    catalogue: Catalogue, setting: str, values: Sequence[int], seen: CatalogueTrack | None
) -> None:
    with catalogue.writing():
        catalogue.connection.execute(f"UPDATE tag_write SET {setting} WHERE id = ?", values)
        if seen is not None and seen.id is not None:
            catalogue.restamp(seen.id, seen.stamp, seen.tags)


def unfinished(catalogue: Catalogue) -> list[TagWrite]:
    """Return the writings that were interrupted, oldest first."""
    return _select(catalogue, "WHERE w.finished = 0 AND w.undone_at IS NULL ORDER BY w.id")


def undoable_ids(catalogue: Catalogue, audio: bytes | None = None) -> list[int]:
    """Return the numbers of the latest finished writing of each file that was not taken back.

    Of this sound alone, or of all, those of files forgotten since included.
    """
    condition, values = ("", ()) if audio is None else ("AND w.audio = ?", (audio,))
    question = f"""
        SELECT coalesce(t.path, w.path), w.id {_WRITINGS}
        WHERE w.finished = 1 AND w.undone_at IS NULL {condition} ORDER BY w.id"""
    with catalogue.faults():
        latest = dict(catalogue.connection.execute(question, values))
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
        SELECT w.id, t.id, coalesce(t.path, w.path), w.audio, w.before, w.after,
            t.id IS NULL OR t.id IS w.track OR t.path IS w.path
        {_WRITINGS} {condition}"""
    with catalogue.faults():
        rows = catalogue.connection.execute(question, values).fetchall()
    return [
        TagWrite(id, track, restored_path(path), audio, _change(before), _change(after), bool(sure))
        for id, track, path, audio, before, after, sure in rows
    ]


def _change(text: str) -> Change:
    return {k: None if values is None else tuple(values) for k, values in json.loads(text).items()}

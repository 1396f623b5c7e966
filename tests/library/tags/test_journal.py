from __future__ import annotations

import time
from dataclasses import replace
from unittest.mock import ANY

import pytest

from helpers.tracks import row_of, track
from music_emotion.digest import FileStamp
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags import journal
from music_emotion.library.tags.journal import TagWrite
from music_emotion.library.track import CatalogueTrack, Tags

BEFORE = {"MOOD": None, "TMOO": ("dull",)}
AFTER = {"MOOD": ("calmness",), "TMOO": ("calm", "ness")}


def written(catalogue: Catalogue, name: str) -> CatalogueTrack:
    catalogue.write(track(name))
    return row_of(catalogue, f"/music/{name}")


def test_a_write_is_known_before_the_file_is_touched(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = journal.record(catalogue, song, BEFORE, AFTER)
    (open_write,) = journal.unfinished(catalogue)
    assert (open_write.id, open_write.path, open_write.audio) == (number, song.path, song.audio)
    assert (open_write.before, open_write.after) == (BEFORE, AFTER)
    assert list(journal.undoable(catalogue)) == []
    journal.finish(catalogue, number, replace(song, stamp=FileStamp(7, 8, 9)))
    assert journal.unfinished(catalogue) == []
    assert catalogue.known_under("/music")[song.path].stamp == FileStamp(7, 8, 9)


def test_only_the_latest_write_of_a_file_can_be_undone(catalogue: Catalogue) -> None:
    one, two = written(catalogue, "a"), written(catalogue, "b")
    for song in (one, two, one):
        number = journal.record(catalogue, song, BEFORE, AFTER)
        journal.finish(catalogue, number)
    assert [write.id for write in journal.undoable(catalogue)] == [2, 3]
    assert [write.id for write in journal.undoable(catalogue, one.audio)] == [3]
    journal.mark_undone(catalogue, 3)
    assert [write.id for write in journal.undoable(catalogue)] == [1, 2]


def test_what_did_not_happen_is_forgotten(catalogue: Catalogue) -> None:
    journal.forget(catalogue, journal.record(catalogue, written(catalogue, "a"), BEFORE, AFTER))
    assert journal.unfinished(catalogue) == []


def test_the_log_outlives_the_row_of_its_file(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = journal.record(catalogue, song, BEFORE, AFTER)
    journal.finish(catalogue, number)
    catalogue.remove([song.id or 0])
    (kept,) = journal.undoable(catalogue)
    assert (kept.track, kept.path) == (None, "/music/a")


def logged(catalogue: Catalogue, song: CatalogueTrack) -> int:
    number = journal.record(catalogue, song, BEFORE, AFTER)
    journal.finish(catalogue, number)
    return number


def test_a_writing_follows_its_sound_through_a_swap_of_names(catalogue: Catalogue) -> None:
    one, two = written(catalogue, "a"), written(catalogue, "b")
    numbers = [logged(catalogue, song) for song in (one, two)]
    catalogue.write(replace(one, audio=two.audio))  # as a scan sees it that keeps the rows
    catalogue.write(replace(two, audio=one.audio))
    assert [(w.id, w.path, w.sure) for w in journal.undoable(catalogue)] == [
        (numbers[0], two.path, False),
        (numbers[1], one.path, False),
    ]


def test_forgotten_and_found_again_the_latest_is_undone_first(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    numbers = [logged(catalogue, song) for _ in range(2)]
    catalogue.remove([song.id or 0])
    again = written(catalogue, "a")
    (latest,) = journal.undoable(catalogue)
    assert (latest.id, latest.track, latest.sure) == (numbers[1], again.id, True)
    journal.mark_undone(catalogue, latest.id)
    assert [write.id for write in journal.undoable(catalogue)] == numbers[:1]
    logged(catalogue, again)
    assert {w.track for w in journal.writings_of(catalogue, again)} == {again.id}


def test_a_copy_that_was_written_itself_is_not_taken_for_a_file_that_is_away(
    catalogue: Catalogue,
) -> None:
    one = written(catalogue, "a")
    catalogue.write(track("copy", audio=one.audio))
    copy = row_of(catalogue, "/music/copy")
    numbers = logged(catalogue, one), logged(catalogue, copy)
    catalogue.mark_missing([one.id or 0], 1)
    assert [(w.id, w.path) for w in journal.undoable(catalogue, one.audio)] == [
        (numbers[0], one.path),
        (numbers[1], copy.path),
    ]


def test_a_writing_as_it_is_noted(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def times() -> tuple[int, int, int | None]:
        query = "SELECT written_at, finished, undone_at FROM tag_write"
        return catalogue.connection.execute(query).fetchone()

    song = written(catalogue, "a")
    monkeypatch.setattr(time, "time", lambda: 1234.9)
    number = journal.record(catalogue, song, BEFORE, AFTER)
    noted = TagWrite(number, song.id, song.path, song.audio, BEFORE, AFTER)
    assert (journal.unfinished(catalogue), times()) == ([noted], (1234, 0, None))
    journal.finish(catalogue, number)
    assert (list(journal.undoable(catalogue)), times()) == ([noted], (1234, 1, None))
    assert catalogue.track(song.path) == replace(song, prediction=ANY)  # nothing was seen
    monkeypatch.setattr(time, "time", lambda: 2345.9)
    seen = replace(song, stamp=FileStamp(7, 8, 9), tags=Tags(artist="New"))
    journal.mark_undone(catalogue, number, seen)
    assert (journal._select(catalogue, ""), times()) == ([noted], (1234, 1, 2345))
    assert catalogue.track(song.path) == replace(seen, prediction=ANY)
    assert journal.undoable_ids(catalogue) == journal.writings_of(catalogue, song) == []


def test_what_is_noted_of_a_file_without_a_row_changes_no_row(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = journal.record(catalogue, song, BEFORE, AFTER)
    journal.finish(catalogue, number, replace(song, id=None, stamp=FileStamp(7, 8, 9)))
    assert catalogue.track(song.path) == replace(song, prediction=ANY)


def test_writings_of_a_file_are_newest_first_and_not_its_copys(catalogue: Catalogue) -> None:
    one = written(catalogue, "a")
    catalogue.write(track("copy", audio=one.audio))
    copy = row_of(catalogue, "/music/copy")
    numbers = [logged(catalogue, song) for song in (one, copy, one)]
    assert [w.id for w in journal.writings_of(catalogue, one)] == [numbers[2], numbers[0]]
    assert [w.id for w in journal.writings_of(catalogue, copy)] == [numbers[1]]
    assert journal.undoable_ids(catalogue) == sorted(numbers[1:])
    assert journal.undoable_ids(catalogue, b"another sound") == []
    for song in (one, copy):
        journal.record(catalogue, song, BEFORE, AFTER)
    assert [w.path for w in journal.unfinished(catalogue)] == [one.path, copy.path]


def test_only_the_writings_of_the_file_itself_are_bound_to_its_row(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = logged(catalogue, song)
    catalogue.remove([song.id or 0])
    again = written(catalogue, "a")
    catalogue.write(track("copy", audio=song.audio))
    copy = row_of(catalogue, "/music/copy")
    logged(catalogue, copy)
    rows = "SELECT track FROM tag_write WHERE id = ?"
    assert catalogue.connection.execute(rows, (number,)).fetchone() == (None,)
    logged(catalogue, again)
    assert catalogue.connection.execute(rows, (number,)).fetchone() == (again.id,)

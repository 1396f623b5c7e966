from __future__ import annotations

from dataclasses import replace

from helpers.tracks import track
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags import journal
from music_emotion.library.track import CatalogueTrack, FileStamp

BEFORE, AFTER = {"MOOD": None, "TMOO": ["dull"]}, {"MOOD": ["calmness"], "TMOO": ["calmness"]}


def written(catalogue: Catalogue, name: str) -> CatalogueTrack:
    catalogue.write(track(name))
    found = catalogue.track(f"/music/{name}")
    assert found is not None
    return found


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
    copy = catalogue.track("/music/copy")
    assert copy is not None
    numbers = logged(catalogue, one), logged(catalogue, copy)
    catalogue.mark_missing([one.id or 0], 1)
    assert [(w.id, w.path) for w in journal.undoable(catalogue, one.audio)] == [
        (numbers[0], one.path),
        (numbers[1], copy.path),
    ]

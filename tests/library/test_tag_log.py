from __future__ import annotations

from tracks import track

from music_emotion.library import tag_log
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import CatalogueTrack, FileStamp

BEFORE, AFTER = {"MOOD": None, "TMOO": ["dull"]}, {"MOOD": ["calmness"], "TMOO": ["calmness"]}


def written(catalogue: Catalogue, name: str) -> CatalogueTrack:
    catalogue.write(track(name))
    found = catalogue.track(f"/music/{name}")
    assert found is not None
    return found


def test_a_write_is_known_before_the_file_is_touched(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = tag_log.record(catalogue, song, BEFORE, AFTER)
    (open_write,) = tag_log.unfinished(catalogue)
    assert (open_write.id, open_write.path, open_write.audio) == (number, song.path, song.audio)
    assert (open_write.before, open_write.after) == (BEFORE, AFTER)
    assert list(tag_log.undoable(catalogue)) == []
    tag_log.finish(catalogue, number, song, FileStamp(7, 8, 9))
    assert tag_log.unfinished(catalogue) == []
    assert catalogue.known_under("/music")[song.path].stamp == FileStamp(7, 8, 9)


def test_only_the_latest_write_of_a_file_can_be_undone(catalogue: Catalogue) -> None:
    one, two = written(catalogue, "a"), written(catalogue, "b")
    for song in (one, two, one):
        number = tag_log.record(catalogue, song, BEFORE, AFTER)
        tag_log.finish(catalogue, number, song, song.stamp)
    assert [write.id for write in tag_log.undoable(catalogue)] == [2, 3]
    assert [write.id for write in tag_log.undoable(catalogue, [one.id or 0])] == [3]
    tag_log.mark_undone(catalogue, 3, one, one.stamp)
    assert [write.id for write in tag_log.undoable(catalogue)] == [1, 2]


def test_what_did_not_happen_is_forgotten(catalogue: Catalogue) -> None:
    tag_log.forget(catalogue, tag_log.record(catalogue, written(catalogue, "a"), BEFORE, AFTER))
    assert tag_log.unfinished(catalogue) == []


def test_the_log_outlives_the_row_of_its_file(catalogue: Catalogue) -> None:
    song = written(catalogue, "a")
    number = tag_log.record(catalogue, song, BEFORE, AFTER)
    tag_log.finish(catalogue, number, song, song.stamp)
    catalogue.remove([song.id or 0])
    (kept,) = tag_log.undoable(catalogue)
    assert (kept.track, kept.path) == (None, "/music/a")

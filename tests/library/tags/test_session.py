from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from helpers.tagged_files import catalogued, predicted
from helpers.tracks import prediction, row_of
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError, MissingExtraError, ModelError, TagError
from music_emotion.inference.batch import Outcome
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags import session
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.plan import TagPlan
from music_emotion.library.tags.session import NamedTracks, TagSession, find_paths
from music_emotion.library.tags.values import FIELDS
from music_emotion.library.track import CatalogueTrack

BLOCK = 2 + len(FIELDS)  # lines of a file: its name, each tag, and the mark


def make(path: Path, hertz: float = 440.0) -> Path:
    sf.write(path, tone(0.2, hertz=hertz), RATE)
    return path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return make(tmp_path / "song.flac")


def mood(path: Path) -> tuple[str, ...] | None:
    return open_tags(path).get("MOOD")


def counts(run: TagSession) -> tuple[int, ...]:
    return run.total, run.changed, run.unchanged, run.kept, len(run.failures)


# Choosing files


def test_what_names_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("more/a.mp3", "more/deep/b.flac", "more/cover.jpg", "c.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    found, failures = find_paths(["more", "c.mp3", "more/a.mp3", "empty", "none.mp3", "*.mp3"])
    assert found == [
        str(tmp_path / name)
        for name in ("more/a.mp3", "more/deep/b.flac", "c.mp3", "empty", "none.mp3")
    ]
    assert failures == []
    original = os.scandir

    def scandir(place: str) -> object:
        if Path(place).name in ("deep", "empty"):
            raise OSError(5, "Input/output error")
        return original(place)

    monkeypatch.setattr(os, "scandir", scandir)
    assert find_paths(["more", "empty"]) == (
        [str(tmp_path / "more" / "a.mp3")],
        [
            f"the folder '{tmp_path / name}' cannot be listed (Input/output error)"
            for name in ("more/deep", "empty")
        ],
    )


def never(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be predicted")


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "load_model", never)


def test_a_known_file_is_its_row_with_the_stamp_of_now(
    catalogue: Catalogue, song: Path, no_model: None
) -> None:
    row = catalogued(catalogue, song)
    os.utime(song, ns=(10**18, 10**18))
    found = NamedTracks(catalogue).row(str(song))
    assert (found.id, found.stamp) == (row.id, FileStamp.read(song))
    assert row_of(catalogue, song).stamp == row.stamp  # not written: it is read again


def test_a_moved_file_has_the_row_and_a_copy_its_own(
    catalogue: Catalogue, song: Path, no_model: None
) -> None:
    row = catalogued(catalogue, song, missing_since=5)
    copy = song.with_name("copy.flac")
    copy.write_bytes(song.read_bytes())
    found = NamedTracks(catalogue).row(str(copy))
    assert found.id not in (None, row.id) and found.prediction is not None
    assert catalogue.track(str(copy)) == replace(found, prediction=ANY)
    assert (found.path, found.stamp, found.missing_since) == (
        str(copy),
        FileStamp.read(copy),
        None,
    )
    moved = song.rename(song.with_name("moved.flac"))
    assert NamedTracks(catalogue).row(str(moved)).id == row.id
    assert catalogue.track(str(song)) is None and len(catalogue) == 2


def test_a_file_with_another_sound_keeps_its_row_and_gets_what_is_known_of_it(
    catalogue: Catalogue, song: Path, no_model: None
) -> None:
    row = catalogued(catalogue, song)
    other = make(song.with_name("other.flac"), 3_000.0)
    catalogued(catalogue, other, prediction=predicted(other, "tension").prediction)
    song.write_bytes(other.read_bytes())
    found = NamedTracks(catalogue).row(str(song))
    assert (found.id, found.audio) == (row.id, audio_digest(other))
    assert found.prediction is not None and found.prediction.top == "tension"


def test_what_another_model_said_does_where_none_is_named(
    catalogue: Catalogue, song: Path, tones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = catalogued(catalogue, song)
    assert NamedTracks(catalogue).row(str(song)).prediction is not None
    heard: list[str] = []

    def predict_file(path: str, model: object) -> Outcome:
        heard.append(path)
        return Outcome(path, replace(prediction(power=0.9), path=path))

    monkeypatch.setattr(session, "predict_file", predict_file)
    named = NamedTracks(catalogue, tones)
    found = named.row(str(song))
    assert found.prediction is not None and found.prediction.top == "power"
    assert (found.id, heard) == (row.id, [str(song)])
    assert named.row(str(song)).prediction is not None and heard == [str(song)]
    monkeypatch.setattr(session, "predict_file", lambda path, model: Outcome(path, error="odd"))
    new = make(song.with_name("new.flac"), 500.0)
    catalogue.write(CatalogueTrack(str(new), FileStamp.read(new), audio_digest(new), error="bad"))
    with pytest.raises(TagError, match=r"^odd$"):
        named.row(str(new))
    assert row_of(catalogue, new).error == "bad"


def test_what_cannot_be_read(catalogue: Catalogue, song: Path) -> None:
    for path, line in (
        (song.parent, "is a folder without audio files"),
        (song.with_name("none.flac"), "cannot be read (No such file or directory)"),
    ):
        with pytest.raises(TagError) as raised:
            NamedTracks(catalogue).row(str(path))
        assert str(raised.value) == f"'{path}' {line}"


# Doing it


def test_all_that_is_catalogued(catalogue: Catalogue, song: Path) -> None:
    other, gone = make(song.with_name("b.flac"), 500.0), make(song.with_name("c.flac"), 600.0)
    for path in (song, other, gone):
        catalogued(catalogue, path)
    catalogue.write(CatalogueTrack("/bad.flac", FileStamp(0, 0, 0), b"x", error="bad"))
    gone.unlink()
    (song.parent / f"{TEMPORARY_TAGGED}0123.flac").touch()
    shown = TagSession(catalogue, None)
    blocks = list(shown.tag())
    assert [len(block) for block in blocks] == [BLOCK, 0, BLOCK]
    assert [block[:2] for block in blocks if block] == [
        [str(other), "  + MOOD: calmness"],
        [str(song), "  + MOOD: calmness"],
    ]
    assert counts(shown) == (3, 2, 0, 0, 1)
    assert shown.summary() == (
        "3 files: 2 would be changed, 1 failed; nothing was written: add --write"
    )
    assert mood(song) is None
    done = TagSession(catalogue, None, write=True)
    assert [len(block) for block in done.tag()] == [BLOCK, 0, BLOCK]
    assert done.summary() == "3 files: 2 changed, 1 failed"
    assert (mood(song), mood(other)) == (("calmness",), ("calmness",))
    assert not list(song.parent.glob(f"{TEMPORARY_TAGGED}*"))
    again = TagSession(catalogue, None, write=True)
    assert [len(block) for block in again.tag()] == [0, 0, 0]
    assert counts(again) == (3, 0, 2, 0, 1)

    back = TagSession(catalogue, None, write=True)
    blocks = list(back.undo())
    assert [block[1] for block in blocks if block] == ["  - MOOD: calmness"] * 2
    assert (counts(back), back.summary()) == ((5, 2, 0, 0, 0), "2 files: 2 changed")
    assert (mood(song), mood(other)) == (None, None)
    nothing = TagSession(catalogue, None)
    assert (list(nothing.undo()), nothing.summary()) == ([[], [], []], "0 files")


def test_named_files(catalogue: Catalogue, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(song, ns=(10**18, 10**18))
    catalogued(catalogue, song)
    other = make(song.with_name("other.flac"), 500.0)
    catalogued(catalogue, other)
    run = TagSession(catalogue, [str(song)], write=True, keep_times=True)
    assert [len(block) for block in run.tag()] == [BLOCK]
    assert (counts(run), mood(other)) == ((1, 1, 0, 0, 0), None)
    assert song.stat().st_mtime_ns == 10**18
    shown = TagSession(catalogue, [str(song), str(other)])
    assert [len(block) for block in shown.undo()] == [BLOCK, 0]
    assert counts(shown) == (2, 1, 1, 0, 0)
    assert mood(song) == ("calmness",)
    back = TagSession(catalogue, [str(song)], write=True, keep_times=True)
    assert [len(block) for block in back.undo()] == [BLOCK]
    assert (mood(song), song.stat().st_mtime_ns) == (None, 10**18)


def test_a_mood_of_the_users_is_kept_unless_told_otherwise(
    catalogue: Catalogue, song: Path
) -> None:
    tags = open_tags(song)
    tags.put("MOOD", ["mine", "own"])
    tags.save()
    catalogued(catalogue, song)
    for changed, unchanged, lines in ((1, 0, BLOCK), (0, 1, 0)):
        run = TagSession(catalogue, [str(song)], write=True)
        assert [len(block) for block in run.tag()] == [lines]
        assert counts(run) == (1, changed, unchanged, 1, 0)
    assert mood(song) == ("mine", "own")
    run = TagSession(catalogue, [str(song)], write=True, overwrite=True)
    assert list(run.tag()) == [[str(song), "  ~ MOOD: mine; own → calmness", "  ~ EMOTION_MARK"]]
    assert (counts(run), mood(song)) == ((1, 1, 0, 0, 0), ("calmness",))


def test_what_was_changed_since_is_shown_and_left(catalogue: Catalogue, song: Path) -> None:
    catalogued(catalogue, song)
    list(TagSession(catalogue, [str(song)], write=True).tag())
    tags = open_tags(song)
    for key in list(dict(tags._tags)):
        tags.put(key, ["mine"])
    tags.save()
    run = TagSession(catalogue, [str(song)], write=True)
    (lines,) = run.undo()
    assert len(lines) == BLOCK
    assert lines[1] == "  = MOOD: changed since it was written, left"
    assert counts(run) == (1, 0, 1, 0, 0)
    assert mood(song) == ("mine",)


@pytest.mark.parametrize("kind", [CatalogueError, ModelError, MissingExtraError])
def test_what_would_stop_the_next_file_too_stops_the_run(
    catalogue: Catalogue, kind: type[Exception]
) -> None:
    error = kind("odd", "library") if kind is MissingExtraError else kind("odd")

    def fail() -> TagPlan:
        raise error

    with pytest.raises(kind):
        TagSession(catalogue, None)._step(fail)


def test_a_run_in_a_line(catalogue: Catalogue) -> None:
    run = TagSession(catalogue, None)
    run.total, run.changed, run.unchanged, run.kept = 5432, 1234, 2345, 1000
    run.failures = [""] * 1001
    assert run.summary() == (
        "5,432 files: 1,234 would be changed, 2,345 need no change, 1,000 keep words you set, "
        "1,001 failed; nothing was written: add --write"
    )
    run = TagSession(catalogue, None)
    run.total = run.unchanged = 1
    assert run.summary() == "1 file: 1 need no change"

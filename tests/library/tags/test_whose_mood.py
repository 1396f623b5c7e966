"""Ours and theirs are told apart in every kind of file, wherever it goes and whatever is lost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutagen
import pytest

from helpers.tagged_files import ENCODERS, catalogued, make, needs_ffmpeg
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.mark import MARK, read_mark
from music_emotion.library.tags.plan import (
    TagPlan,
    plan_tags,
    plan_undo_by_mark,
    undo_by_mark,
    write_tags,
)
from music_emotion.library.tags.session import TagSession
from music_emotion.library.tags.settings import TagSettings, settings_of

pytestmark = needs_ffmpeg

WAYS = ("the catalogue is lost", "it is copied", "it is named by a link")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Catalogue]:
    """A catalogue that knows nothing."""
    with Catalogue.open(tmp_path / "fresh.sqlite", write=True) as opened:
        yield opened


def tagged(catalogue: Catalogue, path: Path, top: str = "calmness", **options: Any) -> TagPlan:
    row = catalogued(catalogue, path, top)
    plan = plan_tags(catalogue, row, **options)
    write_tags(catalogue, row, plan)
    return plan


def put(path: Path, field: str, *values: str) -> None:
    tags = open_tags(path)
    tags.put(tags.key(field), values)
    tags.save()


def got(path: Path, field: str) -> tuple[str, ...] | None:
    tags = open_tags(path)
    return tags.get(tags.key(field))


def everything(path: Path) -> dict[str, str]:
    tags = mutagen.File(path).tags
    return {} if tags is None else {key: repr(value) for key, value in dict(tags).items()}


def undone(catalogue: Catalogue, path: Path) -> TagSession:
    run = TagSession(catalogue, [str(path)], write=True)
    list(run.undo())
    assert run.failures == []
    return run


def gone_its_way(
    way: str, path: Path, catalogue: Catalogue, fresh: Catalogue
) -> tuple[Path, Catalogue]:
    """What is a file's path now, and the catalogue that is there."""
    if way == WAYS[0]:
        return path, fresh
    other = path.parent / "elsewhere" / path.name
    other.parent.mkdir(exist_ok=True)
    if way == WAYS[1]:
        shutil.copy(path, other)
    else:
        other.symlink_to(path)
    return other, catalogue


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_ours_is_ours_and_theirs_is_theirs(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue, kind: str, way: str
) -> None:
    """The user's mood is the very word that we write, and the sound the very same."""
    ours = make(tmp_path, kind)
    theirs = ours.with_name(f"theirs.{kind}")
    shutil.copy(ours, theirs)
    put(theirs, "MOOD", "calmness")
    before = {path.name: everything(path) for path in (ours, theirs)}
    assert not tagged(catalogue, ours).kept
    assert tagged(catalogue, theirs).kept == {"MOOD": ("calmness",)}

    ours, now = gone_its_way(way, ours, catalogue, fresh)
    theirs, _ = gone_its_way(way, theirs, catalogue, fresh)
    assert not tagged(now, ours, "tension").kept
    assert tagged(now, theirs, "tension").kept == {"MOOD": ("calmness",)}
    assert (got(ours, "MOOD"), got(theirs, "MOOD")) == (("tension",), ("calmness",))
    assert got(ours, "EMOTION_TENSION") == got(theirs, "EMOTION_TENSION") == ("0.90",)
    for path in (ours, theirs):
        undone(now, path)  # the writing into this catalogue, and what was there before it
        undone(now, path)
        assert everything(path) == before[path.name]


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_mood_that_was_there_comes_back_without_the_catalogue(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue, kind: str
) -> None:
    path = make(tmp_path, kind)
    put(path, "MOOD", "Sonntag früh", "a;b & c!")
    before = everything(path)
    settings = settings_of({"fields": {"comment": "{mood}", "grouping": "{moods}"}})
    tagged(catalogue, path, overwrite=True, settings=settings)
    assert (got(path, "MOOD"), got(path, "COMMENT")) == (("calmness",), ("calmness",))
    tagged(fresh, path, "power", settings=settings)  # twice, by two catalogues
    assert got(path, "GROUPING") == ("power",)
    plan = plan_undo_by_mark(str(path))
    assert plan is not None and plan.left == ()
    undo_by_mark(fresh, plan)
    assert everything(path) == before
    assert plan_undo_by_mark(str(path)) is None


@pytest.mark.parametrize("kind", ENCODERS)
def test_who_edits_our_mood_makes_it_theirs(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue, kind: str
) -> None:
    path = make(tmp_path, kind)
    before = everything(path)
    tagged(catalogue, path)
    put(path, "MOOD", "sadness")  # one of the nine, and the mark is still there
    assert read_mark(open_tags(path))
    for now in (catalogue, fresh):
        assert tagged(now, path, "power").kept == {"MOOD": ("sadness",)}
        assert got(path, "MOOD") == ("sadness",)
    assert "MOOD" not in read_mark(open_tags(path))
    put(path, "EMOTION_POWER", "mine")
    plan = plan_undo_by_mark(str(path))
    assert plan is not None and plan.left == (open_tags(path).key("EMOTION_POWER"),)
    undo_by_mark(fresh, plan)
    tags = open_tags(path)
    tags.set(tags.key("MOOD"), None)
    tags.set(tags.key("EMOTION_POWER"), None)
    tags.save()
    assert everything(path) == before


@pytest.mark.parametrize("to", ["mp3", "v23.mp3", "ogg", "opus", "aiff", "wv"])
def test_the_mark_goes_along_into_another_kind_of_file(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue, to: str
) -> None:
    flac = make(tmp_path, "flac")
    tagged(catalogue, flac, settings=TagSettings(most=3))
    assert got(flac, "MOOD") == ("calmness", "sadness", "tension")
    other = tmp_path / f"other.{to}"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", flac, *ENCODERS[to], other]
    subprocess.run([*map(str, command)], check=True)
    assert got(other, "EMOTION_CALMNESS") == ("0.90",)
    plan = plan_tags(fresh, catalogued(fresh, other, "power"))
    assert plan.kept == {}
    back = plan_undo_by_mark(str(other))
    assert back is not None and back.left == ()
    undo_by_mark(fresh, back)
    assert got(other, "MOOD") is got(other, "EMOTION_CALMNESS") is got(other, MARK) is None
    assert got(other, "TITLE") or open_tags(other).others(())


def test_what_an_earlier_version_wrote_is_known_by_the_catalogue(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue
) -> None:
    path = make(tmp_path, "flac")
    before = everything(path)
    row = catalogued(catalogue, path)
    plan = plan_tags(catalogue, row)
    old = {key: values for key, values in plan.after.items() if key != MARK}
    write_tags(catalogue, row, TagPlan(plan.path, dict.fromkeys(old), old, plan.stamp))
    assert got(path, MARK) is None
    assert plan_tags(fresh, catalogued(fresh, path)).kept == {"MOOD": ("calmness",)}
    adopted = tagged(catalogue, path)
    assert list(adopted.after) == [MARK] and adopted.kept == {}
    plan = plan_undo_by_mark(str(path))
    assert plan is not None
    undo_by_mark(fresh, plan)
    assert everything(path) == before


def test_who_takes_the_mark_away_makes_all_of_it_theirs(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    path = make(tmp_path, "flac")
    tagged(catalogue, path)
    tags = open_tags(path)
    tags.set(MARK, None)
    tags.save()
    assert tagged(catalogue, path, "power").kept == {"MOOD": ("calmness",)}


def test_what_is_no_longer_wanted_is_taken_back(tmp_path: Path, catalogue: Catalogue) -> None:
    path = make(tmp_path, "mp3")
    put(path, "GROUPING", "Set 1")
    both = settings_of({"fields": {"comment": "{mood}", "grouping": "{mood}"}})
    assert tagged(catalogue, path, settings=both).kept == {"GROUPING": ("Set 1",)}
    assert (got(path, "COMMENT"), got(path, "GROUPING")) == (("calmness",), ("Set 1",))
    tagged(catalogue, path, settings=both, overwrite=True)
    assert got(path, "GROUPING") == ("calmness",)
    tagged(catalogue, path, settings=TagSettings(numbers=False))
    assert (got(path, "COMMENT"), got(path, "GROUPING")) == (None, ("Set 1",))
    assert got(path, "EMOTION_CALMNESS") is None and got(path, "MOOD") == ("calmness",)
    doubtful = tagged(catalogue, path, settings=TagSettings(confidence=0.9))
    assert doubtful.after["TMOO"] is None and got(path, "EMOTION_CALMNESS") == ("0.90",)


def test_in_doubt_an_own_mood_stays_even_where_it_may_be_replaced(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    path = make(tmp_path, "mp3")
    put(path, "MOOD", "mine")
    tagged(catalogue, path, settings=TagSettings(confidence=0.9), overwrite=True)
    assert got(path, "MOOD") == ("mine",)
    tagged(catalogue, path, overwrite=True)
    assert got(path, "MOOD") == ("calmness",)
    tagged(catalogue, path, settings=TagSettings(confidence=0.9))
    assert got(path, "MOOD") == ("mine",)


def test_a_mood_in_another_tag_of_the_file_is_theirs(tmp_path: Path, catalogue: Catalogue) -> None:
    from mutagen.apev2 import APEv2
    from mutagen.id3 import ID3, TXXX

    path = make(tmp_path, "mp3")
    tagged(catalogue, path)
    ape = APEv2()
    ape["Mood"] = "mine"
    ape.save(path)
    row = catalogued(catalogue, path, "power")
    plan = plan_tags(catalogue, row)
    assert plan.kept == {"MOOD": ("mine",)} and plan.after["TMOO"] is None  # ours gives way
    assert plan_tags(catalogue, row, overwrite=True).after["TMOO"] == ("power",)
    ape.delete(path)
    tags = ID3(path)
    tags.add(TXXX(desc="MOOD", text="own"))
    tags.save(path)
    assert plan_tags(catalogue, catalogued(catalogue, path)).kept == {"MOOD": ("own",)}
    tags["TXXX:MOOD"].text = ["calmness"]  # a copy of ours is ours
    tags.save(path)
    assert plan_tags(catalogue, catalogued(catalogue, path)).kept == {}


def test_a_blank_mood_is_none(tmp_path: Path, catalogue: Catalogue) -> None:
    path = make(tmp_path, "flac")
    put(path, "MOOD", " ")
    assert tagged(catalogue, path).kept == {} and got(path, "MOOD") == ("calmness",)


def test_two_names_of_one_file_are_tagged_once_and_taken_back(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    path = make(tmp_path, "opus")
    before = everything(path)
    link = tmp_path / "link.opus"
    link.symlink_to(path)
    for one in (path, link):
        catalogued(catalogue, one)
    run = TagSession(catalogue, None, write=True)
    assert [bool(lines) for lines in run.tag()] == [True, False]
    assert (run.changed, run.kept, run.failures) == (1, 0, [])
    back = TagSession(catalogue, None, write=True)
    list(back.undo())
    assert (back.changed, back.failures) == (1, [])
    assert everything(path) == before


def test_all_is_taken_back_after_the_catalogue_was_made_anew(
    tmp_path: Path, catalogue: Catalogue, fresh: Catalogue
) -> None:
    paths = [make(tmp_path, kind) for kind in ("mp3", "flac", "m4a")]
    before = [everything(path) for path in paths]
    for path in paths:
        tagged(catalogue, path)
        catalogued(fresh, path)
    run = TagSession(fresh, None, write=True)
    list(run.undo())
    assert run.summary() == "3 files: 3 changed"
    assert [everything(path) for path in paths] == before
    again = TagSession(fresh, None, write=True)
    assert not any(again.undo()) and again.summary() == "0 files"

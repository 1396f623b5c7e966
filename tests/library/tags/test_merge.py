from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("mutagen")
from mutagen.flac import VCFLACDict

from music_emotion.library.tags.fields import VorbisComments
from music_emotion.library.tags.mark import (
    MARK,
    NOTHING,
    Mark,
    Written,
    digest_of,
    mark_text,
    parsed,
)
from music_emotion.library.tags.merge import merged, taken_back


def tags_with(**texts: str) -> VorbisComments:
    comments = VCFLACDict()
    for name, text in texts.items():
        comments[name] = [text]
    return VorbisComments(Path("a.flac"), SimpleNamespace(tags=comments))


def ours(before: str | None = None, **texts: str) -> Mark:
    stood = None if before is None else (before,)
    return {name: Written(digest_of((text,)), stood) for name, text in texts.items()}


NEW = {"MOOD": ("power",)}


def marked(change: object) -> Mark:
    (text,) = dict(change)[MARK]  # type: ignore[call-overload]
    return parsed(text)


@pytest.mark.parametrize(
    ("said", "mark", "overwrite", "mood", "before"),
    [
        ({}, {}, False, "power", None),
        ({"MOOD": "calmness"}, ours(MOOD="calmness"), False, "power", None),
        ({"MOOD": "calmness"}, ours("mine", MOOD="calmness"), False, "power", ("mine",)),
        ({"MOOD": "mine"}, {}, True, "power", ("mine",)),
        ({"MOOD": "mine"}, ours("older", MOOD="calmness"), True, "power", ("mine",)),
        ({}, ours("mine", MOOD="calmness"), False, "power", None),  # somebody took it out
    ],
)
def test_what_is_written_and_what_stood_there(
    said: dict[str, str], mark: Mark, overwrite: bool, mood: str, before: tuple[str, ...] | None
) -> None:
    new = merged(tags_with(**said), mark, NEW, overwrite=overwrite)
    assert (new.change["MOOD"], new.kept) == ((mood,), {})
    assert marked(new.change) == {"MOOD": Written(digest_of((mood,)), before)}


@pytest.mark.parametrize("mark", [{}, ours("older", MOOD="calmness")])
def test_theirs_stays_and_is_not_marked(mark: Mark) -> None:
    new = merged(tags_with(MOOD="mine"), mark, {**NEW, "EMOTION_POWER": ("0.50",)})
    assert new.kept == {"MOOD": ("mine",)} and "MOOD" not in new.change
    assert marked(new.change) == {"EMOTION_POWER": Written(digest_of(("0.50",)))}


@pytest.mark.parametrize("wanted", [{}, {"MOOD": None}])
@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_not_wanted_is_taken_back_if_it_is_ours(
    wanted: dict[str, None], overwrite: bool
) -> None:
    tags = tags_with(MOOD="calmness")
    back = merged(tags, ours("mine", MOOD="calmness"), wanted, overwrite=overwrite)
    assert back.change == {"MOOD": ("mine",), MARK: None}
    for mark in ({}, ours(MOOD="power")):
        left = merged(tags, mark, wanted, overwrite=overwrite)
        assert (left.change, left.kept) == ({MARK: None}, {})


def test_a_number_of_an_earlier_version_that_is_not_known_now_goes_and_can_come_back() -> None:
    tags = tags_with(EMOTION_VALENCE="0.10")
    gone = merged(tags, {}, {"EMOTION_VALENCE": None})
    assert gone.change["EMOTION_VALENCE"] is None
    mark = marked(gone.change)
    assert mark == {"EMOTION_VALENCE": Written(NOTHING, ("0.10",))}
    empty = tags_with(EMOTION_MARK=mark_text(mark))
    assert taken_back(empty, mark) == ({MARK: None, "EMOTION_VALENCE": ("0.10",)}, ())
    again = merged(empty, mark, {"EMOTION_VALENCE": ("0.20",)})
    assert marked(again.change)["EMOTION_VALENCE"].before == ("0.10",)


def test_taking_back_leaves_what_was_changed_since() -> None:
    tags = tags_with(MOOD="mine", COMMENT="power", GROUPING="old")
    mark = {
        **ours(MOOD="calmness"),
        **ours("before", COMMENT="power"),
        **ours("old", GROUPING="power"),
        **ours(EMOTION_POWER="0.50"),
    }
    back, left = taken_back(tags, mark)
    assert back == {MARK: None, "COMMENT": ("before",)}
    assert left == ("MOOD",)  # what stands as it stood, or is gone as it was, is no change

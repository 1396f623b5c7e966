from __future__ import annotations

import pytest

from music_emotion.library.tags.mark import (
    Written,
    digest_of,
    is_ours,
    mark_of_log,
    mark_text,
    parsed,
)

MARK = {
    "MOOD": Written(digest_of(("calmness",)), ("Sonntag früh", "a;b / c!", "")),
    "EMOTION_POWER": Written(digest_of(("0.25",))),
    "MY FIELD.X": Written(digest_of(("x",)), ("",)),
    "EMOTION_VALENCE": Written("-", ("0.10",)),
}


def test_a_mark_reads_back() -> None:
    text = mark_text(MARK)
    assert parsed(text) == MARK
    assert text.isascii() and text.isprintable() and not set(text) & set(";/,|\\\0")
    assert parsed(mark_text({})) == {}


def test_what_was_cut_off_is_left_out_and_the_rest_holds() -> None:
    text = mark_text(MARK)
    for end in range(len(text)):
        short = parsed(text[:end])
        assert all(MARK[field] == known for field, known in short.items())
    assert len(parsed(text[:-1])) == len(MARK) - 1


def test_a_mark_of_a_later_version_or_of_others_is_none() -> None:
    assert parsed(mark_text(MARK).replace("1 ", "2 ", 1)) == {}
    assert parsed("dear listener") == parsed("") == {}


@pytest.mark.parametrize("joined", ["calmness; power", "calmness/power", "calmness,power"])
def test_how_values_are_held_apart_does_not_matter(joined: str) -> None:
    known = Written(digest_of(("calmness", "power")))
    assert is_ours(known, (joined,))
    assert not is_ours(known, ("power", "calmness"))
    assert not is_ours(known, ("calmness",))
    assert not is_ours(known, None)
    assert not is_ours(None, ("calmness", "power"))


def test_composed_letters_are_the_same() -> None:
    assert digest_of(("z\u00e4rtlich",)) == digest_of(("za\u0308rtlich",))


def test_what_earlier_versions_wrote_is_in_the_log() -> None:
    newest_first = [
        ({"TMOO": ("calmness",)}, {"TMOO": ("power",)}),
        ({"TXXX:EMOTION_X": None}, {"TXXX:EMOTION_X": ("1",)}),
        ({"TMOO": ("mine",)}, {"TMOO": ("calmness",)}),
    ]
    assert mark_of_log(newest_first) == {
        "MOOD": Written(digest_of(("power",)), ("mine",)),
        "EMOTION_X": Written(digest_of(("1",)), None),
    }
    # Somebody set a mood between two writings, and the second replaced it: that is what was there.
    between = [({"MOOD": ("mine",)}, {"MOOD": ("power",)}), ({"MOOD": None}, {"MOOD": ("x",)})]
    assert mark_of_log(between)["MOOD"].before == ("mine",)
    # What we took out is nobody's.
    out = [({"MOOD": ("power",)}, {"MOOD": None}), ({"MOOD": None}, {"MOOD": ("power",)})]
    assert mark_of_log(out) == {}


def test_a_file_that_lost_its_mark_holds_nothing_of_ours() -> None:
    marked = [({"MOOD": None, "EMOTION_MARK": None}, {"MOOD": ("x",), "EMOTION_MARK": ("1",)})]
    assert mark_of_log(marked) == {}
    assert mark_of_log([]) == {}

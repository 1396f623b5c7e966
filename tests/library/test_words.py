from __future__ import annotations

import os
import sys
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tracks import row_of, track
from music_emotion.library import words
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.folding import folded, plain
from music_emotion.library.track import Tags
from music_emotion.library.words import refresh_text, tracks_by, tracks_with

LETTERS = [
    letter
    for letter in map(chr, range(sys.maxunicode + 1))
    if letter.upper() != letter or letter.lower() != letter or unicodedata.decomposition(letter)
]


def test_case_and_composition_never_count() -> None:
    """Of every letter there is, all forms are one."""
    for letter in LETTERS:
        forms = {letter, letter.upper(), letter.lower(), letter.title(), letter.casefold()}
        forms |= {unicodedata.normalize(how, form) for how in ("NFC", "NFD") for form in forms}
        assert len({folded(form) for form in forms}) == 1, (hex(ord(letter)), letter)


@given(st.text())
def test_a_folded_text_is_folded_already(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert plain(plain(once)) == plain(once)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Björk", "bjork"),
        ("Sigur Rós", "sigur ros"),
        ("MØ", "mo"),
        ("Łona", "lona"),
        ("Æther", "aether"),
        ("Đorđe", "dorde"),
        ("İstanbul", "istanbul"),
        ("ışık", "isik"),
        ("Phạm Duy", "pham duy"),
        ("Ἀθῆναι", "αθηναι"),
        ("Ёлка", "елка"),
        ("شَمْس", "شمس"),
        ("שָׁלוֹם", "שלום"),
        # Marks that make another letter are no accents.
        ("がぎぐ", "がぎぐ"),
        ("हिन्दी", "हिन्दी"),
        ("ไทย", "ไทย"),
        ("한국", "한국"),
        ("東京", "東京"),
    ],
)
def test_without_accents(text: str, without: str) -> None:
    for form in ("NFC", "NFD"):
        assert plain(folded(unicodedata.normalize(form, text))) == folded(without)


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    for name, artist in (
        ("a", "Björk"), ("b", unicodedata.normalize("NFD", "Björk")), ("c", "Bjork"), ("d", "U2"),
        ("e", "STRASSE"), ("f", "ΟΔΟΣ"), ("g", "さ"), ("h", "가나다"), ("i", "Ёлка"), ("j", "ⅷ"),
    ):  # fmt: skip
        catalogue.write(track(name, artist))
    return catalogue


def by(catalogue: Catalogue, text: str, field: str = "artist", *, accents: bool = True) -> str:
    ids = tracks_with(catalogue, ((field, text),), accents=accents).tolist()
    return "".join(found.tags.title for found in catalogue.tracks(ids))


@pytest.mark.parametrize("fresh", [False, True], ids=["from the tracks", "from the blocks"])
def test_words_of_every_script_and_length(filled: Catalogue, fresh: bool) -> None:
    if fresh:
        refresh_text(filled)
    for text, found, without in (
        ("björk", "ab", "abc"), ("BJÖ", "ab", "abc"), ("bjork", "c", "abc"), ("ö", "ab", "abc"),
        ("o\u0308", "ab", "abc"), ("u2", "d", "d"), ("2", "d", "d"), ("straße", "e", "e"),
        ("οδος", "f", "f"), ("Σ", "f", "f"), ("さ", "g", "g"), ("나", "h", "h"),
        ("가나다", "h", "h"), ("ё", "i", "i"), ("елка", "", "i"), ("viii", "j", "j"),
        ("none", "", ""),
    ):  # fmt: skip
        assert by(filled, text) == found, text
        assert by(filled, text, accents=False) == without, text
        assert by(filled, text, field="") == found
    assert by(filled, "/music/D", field="path") == "d"
    assert by(filled, "", field="") == "abcdefghij"
    assert tracks_with(filled, (("artist", "bj"), ("path", "/b"))).tolist() == [2]
    assert tracks_with(filled, (("artist", "bj"), ("album", "bj"))).tolist() == []


def test_no_text_runs_into_the_next(catalogue: Catalogue) -> None:
    catalogue.write_all([track("ab", "x\0y"), track("cd")])
    for text in ("bc", "b\0c", "b c"):
        assert by(catalogue, text, "title") == ""
    assert by(catalogue, "X\0Y") == by(catalogue, "x y") == "ab"


@pytest.mark.parametrize("name", [b"caf\xe9.mp3", b"two\nlines", "\ufeff\u2028".encode(), b"%_'"])
def test_names_that_are_no_text(catalogue: Catalogue, name: bytes) -> None:
    path = "/music/" + os.fsdecode(name)
    catalogue.write_all([replace(track("a"), path=path), track("b")])
    for fresh in (False, True):
        if fresh:
            refresh_text(catalogue)
        assert by(catalogue, path, "path") == "a"
        assert by(catalogue, os.fsdecode(name)[-2:], "path", accents=False) == "a"
    assert by(catalogue, "\ud800", "path") == ""


def test_artists_are_named_in_whole_words(catalogue: Catalogue) -> None:
    artists = ("M", "M & Friends", "Madonna", "Mö", "Björk; M", "a m.", "AM", "")
    ids = dict(zip(artists, catalogue.write_all(map(track, "abcdefgh", artists)), strict=True))
    by_m = [ids[name] for name in ("M", "M & Friends", "Björk; M", "a m.")]
    assert tracks_by(catalogue, [" m "]).tolist() == sorted(by_m)
    assert tracks_by(catalogue, ["MO"]).tolist() == []
    assert tracks_by(catalogue, ["MO"], accents=False).tolist() == [ids["Mö"]]
    assert tracks_by(catalogue, ["madonna", "björk"]).tolist() == [ids["Madonna"], ids["Björk; M"]]
    assert tracks_by(catalogue, []).tolist() == []


def test_blocks_follow_what_changes(filled: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh_text(filled)
    row = row_of(filled, "/music/a")
    assert row.id is not None
    read: list[int] = []
    original = words._read_block
    monkeypatch.setattr(
        words, "_read_block", lambda c, block: read.append(block) or original(c, block)
    )
    # What does not change the text changes no block.
    filled.restamp(row.id, row.stamp, row.tags)
    filled.mark_missing([row.id], 5)
    assert by(filled, "björk") == "ab" and read == []
    filled.restamp(row.id, row.stamp, Tags(artist="Goldfrapp", title="a"))
    assert by(filled, "björk") == "b" and by(filled, "FRAPP") == "a" and read
    for change in (
        f"UPDATE track SET artist = 'None' WHERE id = {row.id}",
        f"DELETE FROM track WHERE id = {row.id}",
    ):
        refresh_text(filled)
        read.clear()
        filled.connection.execute(change)
        assert by(filled, "frapp") == "" and read
    refresh_text(filled)
    filled.write(track("new", "Goldfrapp"))
    assert by(filled, "frapp") == "new"

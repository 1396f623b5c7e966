from __future__ import annotations

import math

import pytest

from helpers.tracks import track
from music_emotion.errors import MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.selection import (
    MUSIC,
    Selection,
    is_speech,
    music_between,
    parse_length,
    select,
)
from music_emotion.library.track import Tags


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60min", 3600),
        ("1h30", 5400),
        ("1h 30min", 5400),
        ("1.5h", 5400),
        ("90s", 90),
        ("45", 2700),
    ],
)
def test_lengths(text: str, seconds: float) -> None:
    assert parse_length(text) == seconds


@pytest.mark.parametrize("text", ["", "long", "0", "-5min", "1h2h", "nan"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(MusicEmotionError, match="is no length; write for example 60min"):
        parse_length(text)


@pytest.mark.parametrize(
    "genre",
    ["Podcast", "podcasts", "Audiobook", "AUDIO BOOK", "Speech", "News; Podcast", "Hörbuch",
     "Ho\u0308rspiele", "Spoken Word", "Books & Spoken", "有声书", "Аудиокниги"],
)  # fmt: skip
def test_genres_of_what_is_spoken(genre: str) -> None:
    assert is_speech(genre)


@pytest.mark.parametrize("genre", ["", "Speechless", "Podcasting Pop", "Rock", "Horror", "Bookish"])
def test_genres_of_music(genre: str) -> None:
    assert not is_speech(genre)


def test_what_is_taken() -> None:
    some = Selection.between("30s", "10min")
    assert [some.refuses_length(seconds) for seconds in (29.9, 30.0, 600.0, 600.1, None)] == [
        "shorter than 0:30", "", "", "longer than 10:00", "",
    ]  # fmt: skip
    assert str(some) == "longer than 10:00 or shorter than 0:30"
    assert MUSIC.takes("Rock", 1800.0) and not MUSIC.takes("Rock", 1800.1)
    assert not MUSIC.takes("Speech", 60.0)
    assert music_between(None, None, speech=False) == MUSIC
    assert music_between(None, "1h", speech=True) == Selection(longest=3600.0)
    assert music_between("40min", None, speech=False) == Selection(2400.0, math.inf, speech=False)
    with pytest.raises(MusicEmotionError, match="at least 10:00 and at most 5:00; exchange"):
        Selection.between("10min", "5min")


def test_the_first_that_are_taken(catalogue: Catalogue) -> None:
    ids = catalogue.write_all(
        [
            track("long", seconds=2000.0),
            track("a"),
            track("said", tags=Tags(genre="Podcast")),
            track("b"),
            track("c", seconds=1800.0),
        ]
    )
    taken, left_out = select(catalogue, ids, MUSIC)
    assert (taken.tolist(), left_out) == ([ids[1], ids[3], ids[4]], 2)
    taken, left_out = select(catalogue, reversed(ids), MUSIC, 2)
    assert (taken.tolist(), left_out) == ([ids[4], ids[3]], 0)

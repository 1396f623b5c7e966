from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers import fake_emotify
from music_emotion.datasets import emotify
from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.datasets.statistics import corpus_statistics, render


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for number, seconds in enumerate((1.0, 2.0, 4.0)):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(round(seconds * 8000)), 8000)
    (tmp_path / "3.wav").write_bytes(b"")
    votes = [(0, 0, 0, 0, 5, 0, 0, 0, 0), (0, 0, 0, 0, 2, 2, 0, 0, 0), None, (0,) * 8 + (1,)]
    tracks = tuple(
        Track(
            id=f"t{number}",
            path=tmp_path / f"{number}.wav",
            label=(4, 4, 4, 8)[number],
            genre=("folk", "folk", "", "jazz")[number],
            group=("a", "b", "a", "a")[number],
            recording=("r", "s", "r", "u")[number],
            votes=votes[number],
            listeners=(7, 3, 0, 1)[number],
        )
        for number in range(4)
    )
    return Corpus("small", tracks, "f" * 64, "A note.")


def test_counts(corpus: Corpus) -> None:
    statistics = corpus_statistics(corpus)
    assert statistics.classes == (0, 0, 0, 0, 3, 0, 0, 0, 1)
    assert statistics.genres == {"folk": 2, "jazz": 1}
    assert statistics.groups == (("a", 3), ("b", 1))
    assert statistics.duplicates == (("t0", "t2"),)
    assert statistics.listeners == (1, 3, 7)
    assert (statistics.votes, statistics.ties) == (10, 1)
    assert statistics.durations == (1.0, 2.0, 4.0)
    assert statistics.unreadable == ("t3",)


def test_text_says_it_all(corpus: Corpus) -> None:
    text = render(corpus_statistics(corpus))
    for line in (
        "small: 4 tracks",
        "A note.",
        "  calmness               3   75.0%",
        "genres      folk 2, jazz 1",
        "listeners   11 in all, 1 to 7 per track, median 3; 10 ticks; 1 tracks are ties",
        "groups      2, the largest: a 3, b 1",
        "duplicates  t0 = t2",
        "durations   1.0 to 4.0 s, median 2.0 s, 0.00 h in all",
        "unreadable  t3",
        "note: sadness: one track only; it can be learnt or tested, not both",
    ):
        assert line in text.splitlines(), line
    assert "no track; models will never predict it" in text


def test_emotify_layout(fake_template: Path) -> None:
    text = render(corpus_statistics(emotify.load(fake_template)))
    assert "genres      classical 100, rock 100, electronic 100, pop 100" in text
    assert f"listeners   {400 * fake_emotify.LISTENERS} in all, 3 to 3 per track" in text
    assert "54 = 80, 163 = 166, 170 = 176, 172 = 175, 359 = 366" in text

from __future__ import annotations

from collections import Counter
from pathlib import Path

from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.datasets.sample import sample_corpus

CORPUS = Corpus(
    "songs",
    tuple(
        Track(id=str(number), path=Path(f"{number}.wav"), label=label, group=group)
        for number, (label, group) in enumerate(
            [(4, "a"), (4, "a"), (4, "b"), (4, "c"), (8, "a"), (6, "d"), (6, "d"), (6, "d")]
        )
    ),
    fingerprint="0" * 64,
    note="Recorded at home.",
)


def test_a_few_per_emotion_of_many_artists_in_the_order_of_the_corpus() -> None:
    part = sample_corpus(CORPUS, 2, name="part", note="A part.")
    assert [track.id for track in part.tracks] == ["0", "2", "4", "5", "6"]
    assert Counter(part.labels.tolist()) == {4: 2, 8: 1, 6: 2}
    assert (part.name, part.note) == ("songs-part", "A part. Recorded at home.")


def test_another_part_has_another_fingerprint() -> None:
    parts = [sample_corpus(CORPUS, count, name="part", note="") for count in (1, 2, 2)]
    assert parts[0].fingerprint != parts[1].fingerprint == parts[2].fingerprint
    assert parts[1].fingerprint != CORPUS.fingerprint


def test_genres_take_turns() -> None:
    tracks = tuple(
        Track(id=name, path=Path(name), label=4, genre=name[0], group=name)
        for name in ("r1", "r2", "r3", "p1", "p2", "c1")
    )
    corpus = Corpus("songs", tracks, fingerprint="0" * 64)
    chosen = sample_corpus(corpus, 4, name="part", note="").tracks
    assert [track.id for track in chosen] == ["r1", "r2", "p1", "c1"]

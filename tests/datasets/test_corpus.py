from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from music_emotion.datasets.corpus import (
    Corpus,
    Track,
    audio_digests,
    corpus_fingerprint,
    sample_corpus,
)
from music_emotion.datasets.votes import VoteTable
from music_emotion.digest import FileDigest, FileStamp
from music_emotion.errors import DatasetError

TRACK = Track(
    "1",
    Path("a.wav"),
    3,
    "folk",
    group="g",
    recording="r",
    votes=(1,) * 9,
    listeners=4,
    digest=FileDigest("d", FileStamp(1, 2, 0)),
)


def test_digests_are_sha256(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100_000)
    expected = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert tuple(digest.sha256 for digest in audio_digests(paths)) == expected
    with pytest.raises(DatasetError, match=r"four: cannot be read \(No such file"):
        audio_digests([tmp_path / "four"])


@pytest.mark.parametrize(
    "change",
    [
        {"id": "2"},
        {"label": 4},
        {"genre": "rock"},
        {"group": "h"},
        {"recording": "s"},
        {"votes": None},
        {"votes": (2,) + (1,) * 8},
        {"listeners": 5},
        {"digest": FileDigest("f", FileStamp(1, 2, 0))},
    ],
)
def test_fingerprint_changes_with_what_matters(change: dict[str, object]) -> None:
    assert corpus_fingerprint([replace(TRACK, **change)]) != corpus_fingerprint([TRACK])


def test_fingerprint_follows_order_but_not_place() -> None:
    other = replace(TRACK, id="2", digest=FileDigest("e", FileStamp(1, 2, 0)))
    base = corpus_fingerprint([TRACK, other])
    assert corpus_fingerprint([other, TRACK]) != base
    moved = replace(TRACK, path=Path("b"), title="x", digest=FileDigest("d", FileStamp(3, 4, 0)))
    assert corpus_fingerprint([moved, other]) == base


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


def test_a_part_has_the_votes_on_its_tracks() -> None:
    ids = tuple(track.id for track in CORPUS.tracks)
    table = VoteTable(np.arange(8), np.eye(9, dtype=np.int8)[:8], ids)
    part = sample_corpus(replace(CORPUS, vote_table=table), 1, name="part", note="")
    assert part.vote_table is not None
    assert part.vote_table.ids == tuple(track.id for track in part.tracks) == ("0", "4", "5")
    assert part.vote_table.ticks.argmax(axis=1).tolist() == [0, 4, 5]

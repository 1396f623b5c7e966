from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from music_emotion.datasets.checksums import (
    corpus_fingerprint,
    file_digest,
    file_digests,
    published_digests,
)
from music_emotion.datasets.corpus import Track
from music_emotion.datasets.emotify import TRACK_COUNT, published_name
from music_emotion.errors import DatasetError

TRACK = Track("1", Path("a.wav"), 3, "folk", group="g", recording="r", votes=(1,) * 9, listeners=4)


def test_digest_is_sha256(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100_000)
    expected = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert file_digests(paths) == expected
    with pytest.raises(DatasetError, match=r"four: cannot be read \(No such file"):
        file_digest(tmp_path / "four")


def test_published_list_covers_every_file() -> None:
    names = {published_name(track) for track in range(1, TRACK_COUNT + 1)} | {"data.csv"}
    assert set(published_digests()) == names
    assert len(set(published_digests().values())) == len(names)
    assert all(len(digest) == 64 for digest in published_digests().values())


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
    ],
)
def test_fingerprint_changes_with_what_matters(change: dict[str, object]) -> None:
    assert corpus_fingerprint([replace(TRACK, **change)], ["d"]) != corpus_fingerprint(
        [TRACK], ["d"]
    )


def test_fingerprint_follows_audio_and_order_but_not_place() -> None:
    other = replace(TRACK, id="2")
    base = corpus_fingerprint([TRACK, other], ["d", "e"])
    assert corpus_fingerprint([TRACK, other], ["d", "f"]) != base
    assert corpus_fingerprint([other, TRACK], ["e", "d"]) != base
    assert corpus_fingerprint([replace(TRACK, path=Path("b"), title="x"), other], ["d", "e"]) == (
        base
    )

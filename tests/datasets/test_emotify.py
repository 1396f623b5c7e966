"""The loader on a stand-in: layouts, and copies that are not what they should be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import fake_emotify
from music_emotion.datasets import emotify
from music_emotion.datasets.emotify import TRACK_COUNT, published_name
from music_emotion.digest import file_digest
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError


def test_votes_listeners_and_labels(fake_template: Path) -> None:
    corpus = emotify.load(fake_template)
    assert [track.id for track in corpus.tracks] == [str(n) for n in range(1, 401)]
    assert [track.dominant_emotion for track in corpus.tracks] == fake_emotify.labels()
    first = corpus.tracks[0]
    assert first.listeners == fake_emotify.LISTENERS
    # Two ticks for calmness by three listeners: the one who ticked nothing counts.
    np.testing.assert_allclose(
        first.vote_fractions, np.eye(9)[EMOTIONS.index("calmness")] * 2 / 3, atol=1e-7
    )
    assert (first.artist, first.title, first.album) == ("Artist 0", "Piece 1", "Album")
    assert corpus.tracks[136].artist == "Rocket City Riot"


def test_ids_run_through_the_genres_in_published_order(fake_template: Path) -> None:
    corpus = emotify.load(fake_template)
    for track, genre, name in [
        (1, "classical", "classical/1.mp3"),
        (100, "classical", "classical/100.mp3"),
        (101, "rock", "rock/1.mp3"),
        (207, "electronic", "electronic/7.mp3"),
        (400, "pop", "pop/100.mp3"),
    ]:
        assert corpus.tracks[track - 1].genre == genre
        assert corpus.tracks[track - 1].path.as_posix().endswith(name)


@pytest.mark.parametrize("layout", ["direct", "flat"])
def test_layouts_load_alike(fake_template: Path, tmp_path: Path, layout: str) -> None:
    for track in range(1, 401):
        path = tmp_path / fake_emotify.place(track, layout)
        path.parent.mkdir(exist_ok=True)
        os.link(fake_template / published_name(track), path)
    shutil.copy(fake_template / "data.csv", tmp_path)
    corpus = emotify.load(tmp_path)
    assert corpus.tracks[206].path == tmp_path / fake_emotify.place(207, layout)
    assert corpus.fingerprint == emotify.load(fake_template).fingerprint


def test_fingerprint_covers_audio_and_votes(fake_root: Path) -> None:
    before = emotify.load(fake_root).fingerprint
    assert emotify.load(fake_root).fingerprint == before
    path = fake_root / published_name(5)
    path.write_bytes(fake_emotify.mp3(5, seconds=0.1))
    with_other_audio = emotify.load(fake_root).fingerprint
    assert with_other_audio != before
    with (fake_root / "data.csv").open("a") as file:
        file.write("400,pop,0,0,0,0,0,0,0,0,0,3,0,0,30,1,None\n")
    assert emotify.load(fake_root).fingerprint not in (before, with_other_audio)


def test_exact_duplicate_rows_are_kept(fake_root: Path) -> None:
    table = fake_root / "data.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows, rows[1]]) + "\n")
    assert emotify.load(fake_root).tracks[0].listeners == fake_emotify.LISTENERS + 1


def test_ties_go_to_the_earlier_column(fake_root: Path) -> None:
    table = fake_root / "data.csv"
    # Track 1 gets two more ticks for sadness, the last column, beside two for calmness.
    table.write_text(table.read_text() + "1,classical,0,0,0,0,0,0,0,0,1,3,0,0,30,1,None\n" * 2)
    track = emotify.load(fake_root).tracks[0]
    assert track.votes == (0, 0, 0, 0, 2, 0, 0, 0, 2)
    assert track.dominant_emotion == "calmness"


def _refused(root: Path, pattern: str) -> None:
    with pytest.raises(DatasetError, match=pattern) as caught:
        emotify.load(root)
    assert "\n" not in str(caught.value)
    assert "music-emotion dataset download" in str(caught.value)


def test_missing_audio_is_named(fake_root: Path) -> None:
    (fake_root / published_name(250)).unlink()
    (fake_root / published_name(251)).unlink()
    _refused(fake_root, r"2 of 400 audio files are missing, the first is .*electronic/50\.mp3")


def test_other_class_counts_are_refused(fake_root: Path) -> None:
    table = fake_root / "data.csv"
    table.write_text(table.read_text() + "1,classical,0,0,0,0,0,1,0,0,0,3,0,0,30,1,None\n" * 3)
    _refused(fake_root, "97 tracks of calmness where the published data have 98")


def test_other_genre_order_in_the_table_is_refused(fake_root: Path) -> None:
    table = fake_root / "data.csv"
    table.write_text(table.read_text().replace("101,rock", "101,electronic"))
    _refused(fake_root, "line 302 calls track 101 'electronic' .* 'rock'")


def test_missing_tracks_in_the_table_are_refused(fake_root: Path) -> None:
    table = fake_root / "data.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-3]))
    _refused(fake_root, "399 tracks instead of 1 to 400")


def test_genres_in_alphabetical_order_are_noticed(fake_template: Path, tmp_path: Path) -> None:
    alphabetical = ["classical", "electronic", "pop", "rock"]
    shutil.copy(fake_template / "data.csv", tmp_path)
    for track in range(1, 401):
        genre = alphabetical[(track - 1) // 100]
        source = fake_template / "emotifymusic" / genre / f"{(track - 1) % 100 + 1}.mp3"
        os.link(source, tmp_path / f"{track}.mp3")
    _refused(tmp_path, "not that of track .* numbered in another order")


def test_published_file_in_the_wrong_place_is_noticed(
    fake_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {
        published_name(track): file_digest(fake_root / published_name(track))
        for track in range(1, 401)
    }
    monkeypatch.setattr(emotify, "published_digests", lambda: digests)
    assert emotify.load(fake_root).note == "The published audio: all 400 checksums match."
    shutil.copy(fake_root / published_name(11), fake_root / published_name(12))
    _refused(fake_root, r"classical/12\.mp3: stands for track 12 but holds track 11")


def test_reencoded_audio_is_declared(fake_template: Path) -> None:
    note = emotify.load(fake_template).note
    assert note.startswith("A re-encode of the published audio (stereo, about ")
    assert "400 of 400 files differ" in note


def test_files_without_tags_are_refused(fake_root: Path) -> None:
    (fake_root / published_name(42)).write_bytes(fake_emotify.mp3(42, tagged=False))
    _refused(fake_root, r"classical/42\.mp3: has no artist tag \(1 such files\)")


@pytest.mark.parametrize("content", [b"", b"not audio at all" * 10])
def test_unreadable_audio_is_named(fake_root: Path, content: bytes) -> None:
    (fake_root / published_name(9)).write_bytes(content)
    _refused(fake_root, r"classical/9\.mp3")


class TestFindRoot:
    @pytest.fixture(autouse=True)
    def _nowhere(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(emotify, "user_cache", lambda: tmp_path / "cache")

    def _data(self, root: Path) -> Path:
        root.mkdir(parents=True)
        (root / "data.csv").touch()
        return root

    def test_nothing_is_found_where_nothing_is(self, tmp_path: Path) -> None:
        assert emotify.find_root() is None
        with pytest.raises(DatasetError, match="EMOTIFY is not in EMOTIFY_ROOT, data/emotify or"):
            emotify.load()

    def test_order_of_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = self._data(tmp_path / "cache")
        assert emotify.find_root() == cache
        self._data(tmp_path / "data" / "emotify")
        assert emotify.find_root() == Path("data/emotify")
        named = self._data(tmp_path / "named")
        monkeypatch.setenv("EMOTIFY_ROOT", str(named))
        assert emotify.find_root() == named

    def test_wrong_variable_is_not_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._data(tmp_path / "cache")
        monkeypatch.setenv("EMOTIFY_ROOT", str(tmp_path / "typo"))
        with pytest.raises(DatasetError, match=r"EMOTIFY_ROOT=.*typo holds no data\.csv"):
            emotify.find_root()


def test_published_list_covers_every_file() -> None:
    names = {published_name(track) for track in range(1, TRACK_COUNT + 1)} | {"data.csv"}
    assert set(emotify.published_digests()) == names
    assert len(set(emotify.published_digests().values())) == len(names)
    assert all(len(digest) == 64 for digest in emotify.published_digests().values())

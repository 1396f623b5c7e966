from __future__ import annotations

import os
from pathlib import Path

import pytest

from music_emotion.errors import MusicEmotionError
from music_emotion.library.distributed import urls
from music_emotion.library.distributed.urls import find_locations
from music_emotion.library.exclusions import Exclusions
from music_emotion.library.walk import walk


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_a_folder_gives_what_a_scan_of_this_machine_finds(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for path in (music / "b.mp3", music / "a" / "c.flac", music / "._b.mp3", elsewhere / "d.mp3"):
        touch(path)
    (music / "link").symlink_to(elsewhere)
    (music / "link to itself.mp3").symlink_to(music / "link to itself.mp3")
    (tmp_path / "empty").mkdir()
    found = find_locations([str(music), str(tmp_path / "empty")])
    assert found == list(walk(str(music)).files)
    assert [os.path.relpath(path, music) for path in found] == ["b.mp3", "a/c.flac", "link/d.mp3"]
    assert find_locations([str(tmp_path / "m*")]) == found
    assert find_locations([f"file://{music}", str(music / "b.mp3")]) == found


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").symlink_to("n" * 300)
    reported: list[tuple[str, str]] = []
    assert find_locations([str(tmp_path)], lambda *about: reported.append(about)) == []
    assert reported == [(str(tmp_path / "a.mp3"), "File name too long")]


def test_a_name_that_is_not_there_is_kept(tmp_path: Path) -> None:
    names = [str(tmp_path / "gone.mp3"), str(tmp_path / "no*.mp3")]
    assert find_locations(names) == names


def test_an_address_of_a_file_gives_its_bytes(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9#50%25.mp3")
    touch(Path(path))
    assert find_locations([Path(path).as_uri(), f"file://localhost{tmp_path}"]) == [path]


def test_the_storage_is_not_asked_for_every_file_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Storage:
        def isdir(self, path: str) -> bool:
            raise AssertionError(path)

    def storage(url: str, settings: object) -> tuple[Storage, str]:
        asked.append(url)
        return Storage(), url

    monkeypatch.setattr(urls, "storage", storage)
    listed = [f"s3://archive/{number}.MP3" for number in range(50)]
    assert find_locations(listed) == listed
    assert asked == listed[:1]  # whether there is a way to such a bucket at all


def test_a_bucket_that_nobody_can_open_is_told_at_once() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(MusicEmotionError, match="cannot be read"):
        find_locations(["nowhere://bucket/a.mp3"])


def test_of_a_storage_names_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["b/1.WV", "b/2.m4b", "b/film.mkv", "b/cover.jpg", "b/._1.wv", "b/3", "b/4.mp3.part"]

    class Storage:
        def isdir(self, path: str) -> bool:
            return True

        def find(self, path: str) -> list[str]:
            return names

    monkeypatch.setattr(urls, "storage", lambda url, settings: (Storage(), "b"))
    left_out: set[str] = set()
    found = find_locations(["s3://b/"], left_out=left_out)
    assert found == [f"s3://{name}" for name in names[:3]]
    assert left_out == set(names[3:])


@pytest.mark.parametrize("url", ["s3://b/m", "s3://b/m/**"])
def test_of_a_storage_folders_are_left_out_as_of_a_disk(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    names = [
        f"b/m/{name}"
        for name in ("a.mp3", "@eaDir/a.mp3", "said/.nomedia", "said/deep/b.mp3", "kids/c.mp3")
    ]

    class Storage:
        def isdir(self, path: str) -> bool:
            return True

        def find(self, path: str) -> list[str]:
            return names

        glob = find

    monkeypatch.setattr(
        urls, "storage", lambda url, settings: (Storage(), url.removeprefix("s3://"))
    )
    left_out, excluded = set[str](), dict[str, str]()
    exclude = Exclusions(("Kids",))
    assert find_locations([url], left_out=left_out, exclude=exclude, excluded=excluded) == [
        "s3://b/m/a.mp3"
    ]
    assert excluded == dict(
        zip(names[1:], ["@eaDir", ".nomedia", ".nomedia", "--exclude 'Kids'"], strict=True)
    )
    assert left_out == set()
    names[:] = names[1:]
    assert find_locations([url], exclude=exclude) == []


def test_what_a_folder_of_this_machine_holds_besides_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    touch(tmp_path / "b.jpg")
    left_out: set[str] = set()
    find_locations([str(tmp_path)], left_out=left_out)
    assert left_out == {str(tmp_path / "b.jpg")}

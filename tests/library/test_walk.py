from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.sounds import encoded, tone
from music_emotion.digest import FileStamp
from music_emotion.errors import AudioError
from music_emotion.library.exclusions import Exclusions
from music_emotion.library.walk import walk


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def found(folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in walk(str(folder)).files]


def test_audio_files_folder_by_folder(tmp_path: Path) -> None:
    for name in ("b.MP3", "a.flac", "c/d/e.opus", "b/f.m4a", "cover.jpg", "._a.mp3", "mp3"):
        touch(tmp_path / name)
    (tmp_path / "folder.mp3").mkdir()
    os.mkfifo(tmp_path / "pipe.mp3")
    assert found(tmp_path) == ["a.flac", "b.MP3", "b/f.m4a", "c/d/e.opus"]
    stamp = walk(str(tmp_path)).files[str(tmp_path / "a.flac")]
    assert stamp == FileStamp.read(tmp_path / "a.flac")
    assert stamp.size == 1


def test_music_is_told_by_its_content_and_known_files_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(encoded(tone(), "flac"))
    touch(tmp_path / "letter")
    touch(tmp_path / "cover.jpg")
    walked = walk(str(tmp_path))
    assert list(walked.files) == [str(tmp_path / "song")]
    assert walked.left_out == {str(tmp_path / "letter"), str(tmp_path / "cover.jpg")}
    asked: list[tuple[str, FileStamp]] = []

    def known(path: str, stamp: FileStamp) -> bool:
        asked.append((path, stamp))
        return path.endswith("letter")

    assert set(walk(str(tmp_path), known).files) == {str(tmp_path / n) for n in ("letter", "song")}
    letter = str(tmp_path / "letter")
    assert asked[0] == (letter, FileStamp.read(letter))


def test_what_is_thrown_away_marked_or_asked_for_is_passed_over(tmp_path: Path) -> None:
    for name in (
        "a.mp3", "b.wav", ".Trash-1000/files/c.mp3", "#recycle/d.mp3", "$RECYCLE.BIN/e.mp3",
        "lost+found/f.mp3", "in/@eaDir/g.mp3", "said/.nomedia", "said/deep/h.mp3",
        "noise/.notmusic", "noise/i.mp3", "Kids/j.mp3", "in/k.mp3", "in/Kids/l.mp3",
    ):  # fmt: skip
        touch(tmp_path / name)
    assert found(tmp_path) == ["a.mp3", "b.wav", "Kids/j.mp3", "in/k.mp3", "in/Kids/l.mp3"]
    walked = walk(str(tmp_path), exclude=Exclusions(("kids", "*.wav")))
    assert [os.path.relpath(path, tmp_path) for path in walked.files] == ["a.mp3", "in/k.mp3"]
    reasons = {os.path.relpath(path, tmp_path): why for path, why in walked.excluded.items()}
    assert reasons == {
        **{name: name for name in (".Trash-1000", "#recycle", "$RECYCLE.BIN", "lost+found")},
        "in/@eaDir": "@eaDir", "said": ".nomedia", "noise": ".notmusic",
        "Kids": "--exclude 'kids'", "in/Kids": "--exclude 'kids'", "b.wav": "--exclude '*.wav'",
    }  # fmt: skip
    assert walked.left_out == set()
    # What is named itself is looked through.
    assert found(tmp_path / "said") == ["deep/h.mp3"]
    assert found(tmp_path / "#recycle") == ["d.mp3"]


def test_a_link_to_what_is_passed_over_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "music" / "a.mp3")
    touch(tmp_path / "bin" / "b.mp3")
    (tmp_path / "music" / "@eaDir").symlink_to(tmp_path / "bin")
    (tmp_path / "music" / "loop").symlink_to(tmp_path / "music" / "loop")
    assert found(tmp_path / "music") == ["a.mp3"]


def test_links_and_loops(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    touch(music / "z" / "a.mp3")
    touch(elsewhere / "b.mp3")
    (music / "z" / "loop").symlink_to(music)
    (music / "a link").symlink_to(music / "z")
    (music / "other").symlink_to(elsewhere)
    (music / "one.mp3").symlink_to(elsewhere / "b.mp3")
    (music / "broken.mp3").symlink_to(tmp_path / "nothing")
    (music / "self").symlink_to(music / "self")
    assert found(music) == ["one.mp3", "z/a.mp3", "other/b.mp3"]


def test_an_entry_that_cannot_be_looked_at_is_no_more_than_itself(tmp_path: Path) -> None:
    touch(tmp_path / "b.mp3")
    touch(tmp_path / "c" / "d.mp3")
    (tmp_path / "a.mp3").symlink_to(tmp_path / "a.mp3")
    (tmp_path / "elsewhere").symlink_to("n" * 300)
    walked = walk(str(tmp_path))
    assert list(walked.files) == [str(tmp_path / "b.mp3"), str(tmp_path / "c" / "d.mp3")]
    assert walked.unreadable == {str(tmp_path / "elsewhere"): "File name too long"}


def test_relative_names_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "music" / "a.mp3")
    monkeypatch.chdir(tmp_path / "music")
    for name in (".", "../music", "../music/"):
        assert list(walk(name).files) == [str(tmp_path / "music" / "a.mp3")]


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="there is no folder"):
        walk(str(tmp_path / "none"))
    with pytest.raises(AudioError, match=r"is a file; name a folder"):
        walk(str(touch(tmp_path / "a.mp3")))

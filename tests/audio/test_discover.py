from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.sounds import encoded, tone
from helpers.tagged_files import needs_ffmpeg
from music_emotion.audio import discover
from music_emotion.audio.discover import find_files, left_out_line
from music_emotion.audio.kinds import SOUND_SUFFIXES


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Two songs, one in a subfolder; a letter, a picture, and a folder with the name of a song."""
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    (folder / "odd.mp3").mkdir()
    for name in ("calm.wav", "more/tense.flac", "letter.mp3", "cover.jpg"):
        (folder / name).touch()
    return folder


def test_folders_patterns_and_names_are_found_once(music: Path) -> None:
    calm, letter = str(music / "calm.wav"), str(music / "letter.mp3")
    assert find_files([calm, str(music), calm]) == [calm, letter]
    assert find_files([str(music / "*.wav")]) == [calm]
    assert find_files([str(music / "**" / "*.flac")], recursive=True) == [
        str(music / "more" / "tense.flac")
    ]
    (music / "live [2004].wav").touch()
    assert find_files([str(music / "live [2004].wav")]) == [str(music / "live [2004].wav")]


def test_two_spellings_are_one_file_and_resource_forks_are_none(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / "._calm.wav").touch()
    monkeypatch.chdir(music)
    calm = str(music / "calm.wav")
    assert find_files(["calm.wav", "./calm.wav", calm]) == ["calm.wav"]
    assert find_files([".", "-"]) == ["calm.wav", "letter.mp3", "-"]


def test_what_is_thrown_away_or_marked_is_no_music(music: Path) -> None:
    for name in (".Trash-1000/a.mp3", "more/@eaDir/b.mp3", "said/.nomedia", "said/deep/c.mp3"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        (music / name).touch()
    found = find_files([str(music)], recursive=True)
    assert found == [str(music / n) for n in ("calm.wav", "letter.mp3", "more/tense.flac")]
    assert find_files([str(music / "said")], recursive=True) == [str(music / "said/deep/c.mp3")]


def test_a_folder_that_may_not_be_listed_is_named(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert find_files([str(music)], recursive=True)[-1] == str(music / "more")
    assert discover.no_file(str(music / "more")) == (
        f"'{music / 'more'}' is a folder that cannot be listed (Permission denied)"
    )


def test_what_is_no_file_is_said_as_it_is(music: Path) -> None:
    assert discover.no_file("") == "an empty name names no file; leave it out"
    assert "matches only folders" in discover.no_file(str(music / "mo*"))
    assert "without audio files" in discover.no_file(str(music / "odd.mp3"))
    for name in ("calm.wav", "gone.wav", "*.ogg", "n" * 300 + ".mp3"):
        assert discover.no_file(str(music / name)) == ""


def test_a_folder_gives_what_is_music_whatever_its_name(music: Path) -> None:
    sound = encoded(tone(), "flac")
    for name in ("a", "b.bin", "01. Song", "c.mp3.bak", "d.ts"):
        (music / name).write_bytes(sound)
    for name in (".hidden.flac", "._a", "e.mp3.part", "f.tmp", "g.jpg", "h.m3u"):
        (music / name).write_bytes(sound)
    (music / "i").write_text("dear listener")
    (music / "j.ts").write_text("export const listener = 'dear';")
    os.mkfifo(music / "k")
    left_out: set[str] = set()
    found = find_files([str(music)], left_out=left_out)
    names = [os.path.relpath(path, music) for path in found]
    assert names == ["01. Song", "a", "b.bin", "c.mp3.bak", "calm.wav", "d.ts", "letter.mp3"]
    assert left_out_line(left_out) == (
        "left out 9 files that are no music: 2 .jpg, 2 hidden, 1 .m3u, 1 .part, 1 .tmp, 1 .ts, "
        "1 others"
    )
    # What is named is read, whatever it is called.
    named = [str(music / ".hidden.flac"), str(music)]
    left_out = set()
    find_files(named, left_out=left_out)
    assert str(music / ".hidden.flac") not in left_out


def test_names_of_sound_are_taken_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in (*SOUND_SUFFIXES, ".jpg", ".txt", ".part"):
        (tmp_path / f"song{suffix.upper()}").touch()

    def opened(*_: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("music_emotion.audio.files.holds_sound", opened)
    monkeypatch.setattr("music_emotion.audio.files.is_silent_film", opened)
    assert len(find_files([str(tmp_path)])) == len(SOUND_SUFFIXES)


@needs_ffmpeg
def test_a_video_without_sound_is_no_music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="needs the extra [formats]")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]
    picture = "testsrc=size=64x64:rate=25:duration=1"
    sound = ["-f", "lavfi", "-i", "sine=duration=1"]
    for name, more in (("mute.mp4", ()), ("sounding.mp4", sound), ("mute.MPG", ())):
        subprocess.run([*command, picture, *more, tmp_path / name], check=True)
    (tmp_path / "damaged.mkv").write_bytes(b"no video")
    (tmp_path / "mute").write_bytes((tmp_path / "mute.mp4").read_bytes())
    (tmp_path / "sounding").write_bytes((tmp_path / "sounding.mp4").read_bytes())
    left_out: set[str] = set()
    found = [Path(path).name for path in find_files([str(tmp_path)], left_out=left_out)]
    assert found == ["damaged.mkv", "sounding", "sounding.mp4"]
    assert {Path(path).name for path in left_out} == {"mute.mp4", "mute.MPG", "mute"}
    monkeypatch.setitem(sys.modules, "av", None)  # nobody can look: predict says what is missing
    found = [Path(path).name for path in find_files([str(tmp_path)])]
    assert found == ["damaged.mkv", "mute.MPG", "mute.mp4", "sounding.mp4"]


def test_what_was_left_out_is_one_line() -> None:
    assert left_out_line([]) == ""
    assert left_out_line(["a.JPG"]) == "left out 1 file that is no music: 1 .jpg"
    odd = ["1. What a \n day", "x.", ".", "many words.are no suffix of any kind"]
    assert left_out_line(odd) == (
        "left out 4 files that are no music: 3 without a suffix, 1 hidden"
    )

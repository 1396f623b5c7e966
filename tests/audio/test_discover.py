from __future__ import annotations

import os
from pathlib import Path

import pytest

from music_emotion.audio import discover
from music_emotion.audio.discover import find_files


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

from __future__ import annotations

import pytest

from music_emotion.errors import MusicEmotionError
from music_emotion.library.exclusions import Exclusions, excluded_line

ROOT = "/home/me/Music"


def left_out(pattern: str, path: str, *, folder: bool = False) -> bool:
    whole = f"{ROOT}/{path}"
    name = path.rpartition("/")[2]
    return bool(Exclusions((pattern,)).why(whole, name, root=ROOT, folder=folder))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("Podcasts", "Podcasts", True),
        ("podcasts", "a/PODCASTS", True),
        ("Podcasts", "Podcasts 2", False),
        ("*.wav", "a/b.WAV", True),
        ("*.wav", "a.wav.mp3", False),
        ("take ?.mp3", "take 1.mp3", True),
        ("[ab].mp3", "b.mp3", True),
        ("a/*.mp3", "a/b.mp3", True),
        ("a/*.mp3", "a/b/c.mp3", True),
        ("a/*.mp3", "c/a/b.mp3", False),
        ("*/a/*.mp3", "c/a/b.mp3", True),
        (f"{ROOT}/a/*", "a/b", True),
        ("/a/*", "a/b", False),
        ("Bjo\u0308rk", "björk", True),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert left_out(pattern, path) == left_out(pattern, path, folder=True) == expected


def test_a_pattern_of_folders_alone() -> None:
    assert left_out("Live/", "a/live", folder=True)
    assert not left_out("Live/", "a/Live")


@pytest.mark.parametrize(
    "name",
    [".Trash-1000", ".Trash", ".Trashes", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "lost+found",
     "@eaDir", "System Volume Information"],
)  # fmt: skip
def test_folders_of_the_system(name: str) -> None:
    assert Exclusions().why(f"{ROOT}/{name}", name, root=ROOT, folder=True) == name
    assert Exclusions().why(f"{ROOT}/{name}", name, root=ROOT, folder=False) == ""


@pytest.mark.parametrize("name", ["Trash", "...And You Will Know Us", ".hack", "Recycle", "lost"])
def test_folders_of_music(name: str) -> None:
    assert Exclusions().why(f"{ROOT}/{name}", name, root=ROOT, folder=True) == ""


@pytest.mark.parametrize("pattern", ["", "/", " "])
def test_a_pattern_of_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(MusicEmotionError, match="names nothing; write for example"):
        Exclusions((pattern,))


def test_what_was_left_out_is_counted() -> None:
    assert excluded_line({}) == ""
    assert excluded_line({"a": ".nomedia"}) == "left out 1 file or folder: 1 .nomedia"
    many = {f"{n}": f"--exclude '{n % 8}'" for n in range(9)}
    assert excluded_line(many) == (
        "left out 9 files or folders: 2 --exclude '0', 1 --exclude '1', 1 --exclude '2', "
        "1 --exclude '3', 1 --exclude '4', 1 --exclude '5', 2 others"
    )

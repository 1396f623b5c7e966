from __future__ import annotations

import os
import stat
from pathlib import Path

import mutagen
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.digest import FileStamp
from music_emotion.errors import TagError
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.tags import rewrite
from music_emotion.library.tags.fields import VorbisComments
from music_emotion.library.tags.rewrite import real_file, remove_leftovers, rewrite_tags

LONG_AGO = 10**18  # ns since 1970


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.flac"
    sf.write(path, tone(0.2), RATE)
    file = mutagen.File(path)
    file["ARTIST"], file["OLD"] = ["Somebody"], ["gone soon"]
    file.save()
    return path


def test_tags_are_set_and_removed_and_the_stamp_is_that_of_now(song: Path) -> None:
    os.utime(song, ns=(LONG_AGO, LONG_AGO))
    sound = audio_digest(song)
    stamp = rewrite_tags(str(song), {"MOOD": ("calmness", "power"), "OLD": None, "NONE": None})
    assert stamp == FileStamp.read(song)
    assert stamp.mtime_ns > LONG_AGO
    assert dict(mutagen.File(song).tags) == {
        "artist": ["Somebody"],
        "mood": ["calmness", "power"],
    }
    assert audio_digest(song) == sound
    assert list(song.parent.iterdir()) == [song]


def test_the_copy_is_beside_it_until_it_takes_its_place(
    song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    flushed: list[Path] = []
    original = rewrite.open_tags
    monkeypatch.setattr(rewrite, "open_tags", lambda path: seen.append(path) or original(path))
    monkeypatch.setattr(rewrite, "write_through", flushed.append)
    rewrite_tags(str(song), {"MOOD": ("power",)})
    assert len(seen) == 2 and seen[0] == seen[1]  # written, and read back
    assert (seen[0].parent, seen[0].suffix) == (song.parent, ".flac")
    assert seen[0].name.startswith(TEMPORARY_TAGGED)
    assert len(seen[0].stem) == len(TEMPORARY_TAGGED) + 12
    assert flushed == [seen[0], song.parent]


def test_times_are_kept_when_asked(song: Path) -> None:
    os.utime(song, ns=(LONG_AGO, LONG_AGO + 5))
    stamp = rewrite_tags(str(song), {"MOOD": ("power",)}, keep_times=True)
    assert stamp.mtime_ns == LONG_AGO + 5


def test_permissions_stay(song: Path) -> None:
    song.chmod(0o640)
    rewrite_tags(str(song), {"MOOD": ("power",)})
    assert stat.S_IMODE(song.stat().st_mode) == 0o640


def test_only_the_file_that_was_meant_is_changed(song: Path) -> None:
    content, stamp, sound = song.read_bytes(), FileStamp.read(song), audio_digest(song)
    change = {"MOOD": ("power",)}
    other = FileStamp(stamp.size, stamp.mtime_ns + 1, stamp.inode)
    with pytest.raises(TagError) as raised:
        rewrite_tags(str(song), change, expected=other)
    assert str(raised.value) == (
        f"'{song}' is left as it was: another program changed it meanwhile; run the command again"
    )
    with pytest.raises(TagError) as raised:
        rewrite_tags(str(song), change, audio=bytes(16))
    assert str(raised.value) == (
        f"'{song}' is left as it was: it sounds different now than when it was scanned; scan its "
        "folder again"
    )
    assert song.read_bytes() == content
    assert list(song.parent.iterdir()) == [song]
    rewrite_tags(str(song), change, expected=stamp, audio=sound)
    assert song.read_bytes() != content


class Forgetful(VorbisComments):
    def put(self, key, values):
        """Write nothing."""


class Careless(VorbisComments):
    def put(self, key, values):
        super().put(key, values)
        self._tags["ARTIST"] = ["Nobody"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Forgetful, "the tags do not read back as they were written"),
        (Careless, "the other tags would change; repair them with a tag editor first"),
    ],
)
def test_what_does_not_read_back_is_not_kept(
    song: Path, monkeypatch: pytest.MonkeyPatch, kind: type[VorbisComments], reason: str
) -> None:
    content = song.read_bytes()
    monkeypatch.setattr(rewrite, "open_tags", lambda path: kind(path, mutagen.File(path)))
    with pytest.raises(TagError) as raised:
        rewrite_tags(str(song), {"MOOD": ("power",)})
    assert str(raised.value) == f"'{song}' is left as it was: {reason}"
    assert song.read_bytes() == content
    assert list(song.parent.iterdir()) == [song]


def test_a_full_disk_leaves_it_as_it_was(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rewrite.shutil, "copyfile", refuse)
    with pytest.raises(TagError) as raised:
        rewrite_tags(str(song), {"MOOD": ("power",)})
    assert str(raised.value) == f"'{song}' is left as it was (No space left on device)"
    monkeypatch.setattr(
        rewrite.shutil, "copyfile", lambda *_: (_ for _ in ()).throw(OSError("odd"))
    )
    with pytest.raises(TagError, match=r"is left as it was \(odd\)"):
        rewrite_tags(str(song), {"MOOD": ("power",)})


def test_what_may_be_replaced(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = song.parent
    link = folder / "link.flac"
    link.symlink_to(song.name)
    assert real_file(str(song)) == real_file(str(link)) == song

    def refusal(path: Path) -> str:
        with pytest.raises(TagError) as raised:
            real_file(str(path))
        return str(raised.value).removeprefix(f"'{path}' ")

    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    gone = "cannot be found (No such file or directory); scan the folder again"
    assert refusal(folder / "none.flac") == gone
    assert refusal(folder / "loop").startswith("cannot be found (")
    assert refusal(folder) == refusal(folder / "pipe") == "is not a file"
    song.chmod(0o444)
    assert refusal(song) == "is read-only; change its permissions to tag it"
    song.chmod(0o644)
    for refused, answer in (
        ((song, os.W_OK), "is read-only; change its permissions to tag it"),
        (
            (folder, os.W_OK | os.X_OK),
            "lies in a read-only folder; change its permissions to tag it",
        ),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(os, "access", lambda *asked, refused=refused: asked != refused)
            assert refusal(song) == answer
    (folder / "other.flac").hardlink_to(song)
    assert refusal(song) == (
        "has 2 names (hard links), which a new file would part; copy it over one of them, or leave "
        "it out"
    )


def test_leftovers_of_a_killed_process_go_and_nothing_else(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / f"{TEMPORARY_TAGGED}0123456789ab.mp3").touch()
        (folder / "song.mp3").touch()
    (two / f"{TEMPORARY_TAGGED}folder").mkdir()  # cannot be removed so
    assert remove_leftovers([one, two, one]) == 2
    assert [path.name for path in one.iterdir()] == ["song.mp3"]
    assert remove_leftovers([one, two]) == 0

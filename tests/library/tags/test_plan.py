from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import APIC, ID3, TXXX

from helpers.tagged_files import ENCODERS, decoded, make, needs_ffmpeg, predicted, probed
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import TagError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags import journal, rewrite
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.plan import (
    diff_lines,
    fields_of,
    plan_tags,
    plan_undo,
    recover,
    undo_tags,
    write_tags,
)

pytestmark = needs_ffmpeg

MOOD_NAMES = {  # in the file, and as ffprobe shows it
    "mp3": ("TMOO", "TMOO"),
    "v23.mp3": ("TXXX:MOOD", "MOOD"),
    "flac": ("MOOD", "MOOD"),
    "ogg": ("MOOD", "MOOD"),
    "opus": ("MOOD", "MOOD"),
    "m4a": ("----:com.apple.iTunes:MOOD", "MOOD"),
    "wav": ("TMOO", "TMOO"),
    "wv": ("Mood", "MOOD"),
    "aiff": ("TMOO", "TMOO"),
    "info.wav": ("TMOO", ""),
}


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue.open(tmp_path / "catalogue.sqlite", write=True) as opened:
        yield opened


@pytest.fixture
def mp3(tmp_path):
    return make(tmp_path, "mp3")


def written(catalogue, path, top="calmness", *, version="1", **options):
    """Tag a file; return its row."""
    row = predicted(path, top, version=version)
    catalogue.write(row)
    row = catalogue.track(str(path))
    plan = plan_tags(catalogue, row, overwrite=options.pop("overwrite", False))
    write_tags(catalogue, row, plan, **options)
    return plan


def everything(path):
    """All tags as mutagen shows them, and the bytes of an ID3v1 tag."""
    tags = mutagen.File(path).tags
    shown = {} if tags is None else dict(sorted((k, repr(v)) for k, v in dict(tags).items()))
    last = path.read_bytes()[-128:]
    return shown, last if last[:3] == b"TAG" else b""


@pytest.mark.parametrize("kind", ENCODERS)
def test_what_is_written_reads_back_and_the_rest_stays(tmp_path, catalogue, kind):
    path = make(tmp_path, kind)
    before, sound, first = everything(path), decoded(path), probed(path)
    written(catalogue, path)
    assert decoded(path) == sound
    in_file, in_ffprobe = MOOD_NAMES[kind]
    tags, shown = open_tags(path), probed(path)
    assert tags.key("MOOD") == in_file
    for field, values in fields_of(catalogue.track(str(path)).prediction).items():
        assert tags.get(tags.key(field)) == values
        name = in_ffprobe if field == "MOOD" else field
        assert not in_ffprobe or (shown[name],) == values
    assert shown.items() >= {k: v for k, v in first.items() if k != "ENCODER"}.items()
    assert tags.get(tags.key("EMOTION_CALMNESS")) == ("0.90",)
    assert tags.get(tags.key("EMOTION_MODEL")) == ("tones 1",)
    # Taken back, it is as if nothing had been.
    (write,) = list(journal.undoable(catalogue))
    undo_tags(catalogue, write, plan_undo(catalogue, write))
    assert everything(path) == before
    assert decoded(path) == sound
    assert list(journal.undoable(catalogue)) == []
    assert not list(tmp_path.glob(f"{TEMPORARY_TAGGED}*"))


def test_a_second_time_nothing_changes(mp3, catalogue):
    written(catalogue, mp3)
    assert plan_tags(catalogue, catalogue.track(str(mp3))).after == {}
    plan = written(catalogue, mp3, "tension", version="2")
    assert diff_lines(plan) == [
        str(mp3),
        "  ~ TMOO: calmness → tension",
        "  ~ TXXX:EMOTION_CALMNESS: 0.90 → 0.44",
        "  ~ TXXX:EMOTION_TENSION: 0.77 → 0.90",
        "  ~ TXXX:EMOTION_MODEL: tones 1 → tones 2",
    ]


def test_a_mood_of_the_users_stays(mp3, catalogue):
    tags = ID3(mp3)
    tags.add(TXXX(desc="mood", text="Sunday morning"))
    tags.save(mp3)
    plan = written(catalogue, mp3)
    assert plan.kept == "Sunday morning"
    assert diff_lines(plan)[-1] == "  = MOOD: Sunday morning (yours; --overwrite replaces it)"
    assert "TMOO" not in ID3(mp3) and "TXXX:EMOTION_CALMNESS" in ID3(mp3)
    written(catalogue, mp3, overwrite=True)
    assert ID3(mp3)["TXXX:mood"].text == ["calmness"]
    for _ in range(2):
        (write,) = list(journal.undoable(catalogue))
        undo_tags(catalogue, write, plan_undo(catalogue, write))
    assert ID3(mp3)["TXXX:mood"].text == ["Sunday morning"]
    assert "TXXX:EMOTION_CALMNESS" not in ID3(mp3)


def test_what_was_changed_since_is_not_taken_back(mp3, catalogue):
    written(catalogue, mp3)
    tags = ID3(mp3)
    tags["TMOO"].text = ["Monday"]
    tags.save(mp3)
    (write,) = list(journal.undoable(catalogue))
    plan = plan_undo(catalogue, write)
    assert plan.left == ("TMOO",)
    undo_tags(catalogue, write, plan)
    assert ID3(mp3)["TMOO"].text == ["Monday"]
    assert "TXXX:EMOTION_CALMNESS" not in ID3(mp3)


def test_silence_gets_no_mood(mp3, catalogue):
    written(catalogue, mp3, None)
    assert "TMOO" not in ID3(mp3)
    assert ID3(mp3)["TXXX:EMOTION_POWER"].text == [f"{0.11 * EMOTIONS.index('power'):.2f}"]


def test_pictures_permissions_times_and_a_link_stay(tmp_path, mp3, catalogue):
    tags = ID3(mp3)
    tags.add(APIC(mime="image/png", type=3, desc="", data=b"\x89PNG" + bytes(5000)))
    tags.save(mp3)
    mp3.chmod(0o640)
    os.utime(mp3, ns=(10**18, 10**18))
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "song.mp3"
    link.symlink_to("../song.mp3")
    written(catalogue, link, keep_times=True)
    assert link.is_symlink() and not mp3.is_symlink()
    assert stat.S_IMODE(mp3.stat().st_mode) == 0o640
    assert mp3.stat().st_mtime_ns == 10**18
    assert len(ID3(mp3)["APIC:"].data) == 5004
    assert ID3(mp3)["TMOO"].text == ["calmness"]
    # The catalogue knows the new stamp, so that a scan need not read the file again.
    assert catalogue.track(str(link)).stamp.size == mp3.stat().st_size
    written(catalogue, link, "tension")
    assert mp3.stat().st_mtime_ns > 10**18


def test_what_cannot_be_tagged_is_one_line(tmp_path, mp3, catalogue):
    def refusal(path, error="", **row):
        with pytest.raises(TagError) as caught:
            plan_tags(catalogue, predicted(path))
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
        return str(caught.value)

    other = tmp_path / "other.mp3"
    other.hardlink_to(mp3)
    assert "has 2 names (hard links)" in refusal(mp3)
    other.unlink()
    mp3.chmod(0o444)
    assert "is read-only; change its permissions" in refusal(mp3)
    mp3.chmod(0o644)
    letter = tmp_path / "letter.mp3"
    letter.write_text("dear listener")
    assert "no tags that can be written" in refusal(letter) or "of no kind" in refusal(letter)
    row = predicted(mp3)
    mp3.unlink()
    with pytest.raises(TagError, match="cannot be found"):
        plan_tags(catalogue, row)


def test_a_file_that_changed_meanwhile_is_left(mp3, catalogue):
    catalogue.write(predicted(mp3))
    row = catalogue.track(str(mp3))
    plan = plan_tags(catalogue, row)
    content = mp3.read_bytes()
    os.utime(mp3, ns=(10**18, 10**18))
    with pytest.raises(TagError, match="is left as it was: another program changed it"):
        write_tags(catalogue, row, plan)
    mp3.write_bytes(content + b"more")
    with pytest.raises(TagError, match="is left as it was: it sounds different now"):
        write_tags(catalogue, row, plan)
    with pytest.raises(TagError, match="is left as it is: it sounds different now"):
        plan_tags(catalogue, row)
    assert mp3.read_bytes() == content + b"more"
    assert journal.unfinished(catalogue) == [] and list(journal.undoable(catalogue)) == []


def test_a_change_of_the_sound_is_noticed(mp3, catalogue, monkeypatch):
    content = mp3.read_bytes()

    class Clumsy(type(open_tags(mp3))):
        def _save(self):
            super()._save()
            data = bytearray(self.path.read_bytes())
            data[-1000] ^= 1
            self.path.write_bytes(data)

    monkeypatch.setattr(rewrite, "open_tags", lambda path: Clumsy(Path(path), mutagen.File(path)))
    with pytest.raises(TagError, match="without touching the sound"):
        written(catalogue, mp3)
    assert mp3.read_bytes() == content
    assert list(mp3.parent.glob(f"{TEMPORARY_TAGGED}*")) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_an_interrupted_writing_is_settled(tmp_path, mp3, catalogue, replaced):
    catalogue.write(predicted(mp3))
    row = catalogue.track(str(mp3))
    plan = plan_tags(catalogue, row)
    journal.record(catalogue, row, dict(plan.before), dict(plan.after))
    if replaced:
        rewrite.rewrite_tags(str(mp3), plan.after)
    (tmp_path / f"{TEMPORARY_TAGGED}0123.mp3").write_bytes(b"half")
    assert recover(catalogue) == 1
    assert journal.unfinished(catalogue) == []
    assert len(list(journal.undoable(catalogue))) == replaced
    assert not list(tmp_path.glob(f"{TEMPORARY_TAGGED}*"))
    assert catalogue.check() == []


def test_a_taking_back_that_was_interrupted_is_settled_by_the_next_writing(mp3, catalogue):
    written(catalogue, mp3)
    (write,) = list(journal.undoable(catalogue))
    rewrite.rewrite_tags(str(mp3), plan_undo(catalogue, write).after)  # and then it was killed
    written(catalogue, mp3)
    (again,) = list(journal.undoable(catalogue))
    assert again.id != write.id
    undo_tags(catalogue, again, plan_undo(catalogue, again))
    assert "TMOO" not in ID3(mp3)
    assert list(journal.undoable(catalogue)) == []


def id3_tag(version: int, *frames: tuple[str, bytes]) -> bytes:
    """An ID3v2 tag of frames that are shorter than 128 bytes."""
    body = b"".join(
        name.encode() + len(data).to_bytes(4, "big") + bytes(2) + data for name, data in frames
    )
    body += bytes(50)
    return b"ID3" + bytes([version, 0, 0, 0, 0, len(body) >> 7, len(body) & 127]) + body


def untagged(mp3: Path) -> bytes:
    ID3(mp3).delete(mp3)
    return mp3.read_bytes()


@pytest.mark.parametrize("version", [3, 4])
def test_frames_that_mutagen_would_merge_or_lose_are_refused(mp3, catalogue, version):
    sound = untagged(mp3)
    title = ("TIT2", b"\0Hello")
    for frames in (
        [("USLT", b"\0eng\0one"), ("USLT", b"\0eng\0two")],
        [("COMM", b"\0eng\0one"), ("COMM", b"\0eng\0two")],
        [("TXXX", b"\0X\0one"), ("TXXX", b"\0X\0two")],
        [("UFID", b"o\0one"), ("UFID", b"o\0two")],
        [("RVA2", b"id\0\1\2\0\x10")],
        [("TIT3", b"\5bad encoding")],
        [("TPE2", b"")],
    ):
        content = id3_tag(version, title, *frames) + sound
        mp3.write_bytes(content)
        if version == 3 and frames[0][0] == "RVA2":
            continue  # mutagen reads it there
        with pytest.raises(TagError, match="merged or lost; repair them with a tag editor"):
            plan_tags(catalogue, predicted(mp3))
        with pytest.raises(TagError, match=r"is left as it was: .* merged or lost"):
            rewrite.rewrite_tags(str(mp3), {"TXXX:EMOTION_X": ("1",)})
        assert mp3.read_bytes() == content
    mp3.write_bytes(id3_tag(version, title, ("XYZW", b"unknown"), ("PRIV", b"own\0data")) + sound)
    written(catalogue, mp3)
    assert b"XYZW" in mp3.read_bytes() and b"own\0data" in mp3.read_bytes()


def test_a_tag_of_version_22_becomes_one_of_version_23_with_its_frames(mp3, catalogue):
    frames = (b"TT2", b"\0Hello"), (b"TYE", b"\x001999"), (b"PIC", b"\0PNG\3\0\x89PNG")
    body = b"".join(name + len(data).to_bytes(3, "big") + data for name, data in frames)
    sound = untagged(mp3)
    mp3.write_bytes(b"ID3\2\0\0" + bytes([0, 0, 0, len(body)]) + body + sound)
    written(catalogue, mp3)
    tags = ID3(mp3, translate=False)
    assert tags.version == (2, 3, 0)
    assert (tags["TIT2"].text, tags["TYER"].text) == (["Hello"], ["1999"])
    assert (tags["APIC:"].mime, tags["APIC:"].data) == ("image/png", b"\x89PNG")
    assert tags["TXXX:MOOD"].text == ["calmness"]


def test_a_folder_that_cannot_be_written_through_undoes_nothing(mp3, catalogue, monkeypatch):
    flush = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    written(catalogue, mp3)
    assert ID3(mp3)["TMOO"].text == ["calmness"]
    assert len(list(journal.undoable(catalogue))) == 1 and not journal.unfinished(catalogue)


def test_a_key_keeps_its_spelling(tmp_path, catalogue):
    flac = make(tmp_path, "flac")
    tags = mutagen.File(flac)
    tags["mood"] = ["mine"]
    tags.save()
    written(catalogue, flac, overwrite=True)
    (write,) = journal.undoable(catalogue)
    undo_tags(catalogue, write, plan_undo(catalogue, write))
    assert ("mood", "mine") in list(mutagen.File(flac).tags)


def test_a_mood_that_was_changed_into_another_of_ours_is_the_users(mp3, catalogue):
    written(catalogue, mp3)
    tags = ID3(mp3)
    tags["TMOO"].text = ["sadness"]
    tags.save(mp3)
    plan = plan_tags(catalogue, catalogue.track(str(mp3)))
    assert (plan.kept, plan.after) == ("sadness", {})


def test_an_interrupted_writing_of_a_file_that_sounds_different_now_stays_open(mp3, catalogue):
    catalogue.write(predicted(mp3))
    row = catalogue.track(str(mp3))
    plan = plan_tags(catalogue, row)
    journal.record(catalogue, row, dict(plan.before), dict(plan.after))
    content = mp3.read_bytes()
    mp3.write_bytes(content + b"more")
    recover(catalogue)
    assert len(journal.unfinished(catalogue)) == 1
    assert catalogue.track(str(mp3)).stamp == row.stamp
    mp3.write_bytes(content)
    recover(catalogue)
    assert journal.unfinished(catalogue) == []

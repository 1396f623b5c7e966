from __future__ import annotations

import errno
import math
import os
import stat
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile as sf
from mutagen.id3 import APIC, ID3, TXXX

from helpers.sounds import RATE, tone
from helpers.tagged_files import (
    ENCODERS,
    catalogued,
    decoded,
    make,
    needs_ffmpeg,
    predicted,
    probed,
)
from helpers.tracks import row_of
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import TagError
from music_emotion.library.tags import journal, rewrite
from music_emotion.library.tags import plan as plan_module
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.plan import (
    TagPlan,
    audio_now,
    diff_lines,
    plan_tags,
    plan_undo,
    real_folder,
    recover,
    undo_tags,
    undoable_write,
    write_tags,
)
from music_emotion.library.tags.values import FIELDS, values_of

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
def mp3(tmp_path):
    return make(tmp_path, "mp3")


def written(catalogue, path, top="calmness", *, version="1", overwrite=False, **options):
    """Tag a file; return what was planned."""
    row = catalogued(catalogue, path, top, version=version)
    plan = plan_tags(catalogue, row, overwrite=overwrite)
    write_tags(catalogue, row, plan, **options)
    return plan


def undone(catalogue):
    """Take back the one writing there is; return it."""
    (write,) = journal.undoable(catalogue)
    undo_tags(catalogue, write, plan_undo(catalogue, write))
    return write


def interrupted(catalogue, path):
    """Note a writing that does not happen; return its row and the plan."""
    row = catalogued(catalogue, path)
    plan = plan_tags(catalogue, row)
    journal.record(catalogue, row, plan.before, plan.after)
    return row, plan


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
    for field, values in values_of(row_of(catalogue, path).prediction).items():
        assert tags.get(tags.key(field)) == values
        name = in_ffprobe if field == "MOOD" else field
        assert not in_ffprobe or (shown[name],) == values
    assert shown.items() >= {k: v for k, v in first.items() if k != "ENCODER"}.items()
    assert tags.get(tags.key("EMOTION_CALMNESS")) == ("0.90",)
    assert tags.get(tags.key("EMOTION_MODEL")) == ("tones 1",)
    # Taken back, it is as if nothing had been.
    undone(catalogue)
    assert everything(path) == before
    assert decoded(path) == sound
    assert journal.undoable_ids(catalogue) == []
    assert not list(tmp_path.glob(f"{TEMPORARY_TAGGED}*"))


def test_a_second_time_nothing_changes(mp3, catalogue):
    written(catalogue, mp3)
    assert plan_tags(catalogue, row_of(catalogue, mp3)).after == {}
    plan = written(catalogue, mp3, "tension", version="2")
    assert diff_lines(plan) == [
        str(mp3),
        "  ~ TMOO: calmness → tension",
        "  ~ TXXX:EMOTION_CALMNESS: 0.90 → 0.44",
        "  ~ TXXX:EMOTION_TENSION: 0.77 → 0.90",
        "  ~ TXXX:EMOTION_MODEL: tones 1 → tones 2",
        "  ~ TXXX:EMOTION_MARK",
    ]


def test_a_mood_of_the_users_stays(mp3, catalogue):
    tags = ID3(mp3)
    tags.add(TXXX(desc="mood", text="Sunday morning"))
    tags.save(mp3)
    plan = written(catalogue, mp3)
    assert plan.kept == {"MOOD": ("Sunday morning",)}
    assert diff_lines(plan)[-1] == "  = MOOD: Sunday morning (yours; --overwrite replaces it)"
    assert "TMOO" not in ID3(mp3) and "TXXX:EMOTION_CALMNESS" in ID3(mp3)
    written(catalogue, mp3, overwrite=True)
    assert ID3(mp3)["TXXX:mood"].text == ["calmness"]
    for _ in range(2):
        undone(catalogue)
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


def test_a_mood_that_another_program_moved_is_taken_back_where_it_is_now(mp3, catalogue):
    before = everything(mp3)[0]
    written(catalogue, mp3)
    tags = ID3(mp3)
    tags.add(TXXX(desc="Mood", text=tags.pop("TMOO").text))  # as programs do that write ID3v2.3
    tags.save(mp3, v2_version=3)
    (write,) = list(journal.undoable(catalogue))
    plan = plan_undo(catalogue, write)
    assert plan.after["TXXX:Mood"] is None and plan.left == ()
    undo_tags(catalogue, write, plan)
    tags = ID3(mp3)
    assert set(tags) == set(before) and journal.undoable_ids(catalogue) == []


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
    assert row_of(catalogue, link).stamp.size == mp3.stat().st_size
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
    row = catalogued(catalogue, mp3)
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
    assert journal.unfinished(catalogue) == [] and journal.undoable_ids(catalogue) == []


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
    _, plan = interrupted(catalogue, mp3)
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
    assert undone(catalogue).id != write.id
    assert "TMOO" not in ID3(mp3)
    assert journal.undoable_ids(catalogue) == []


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
    undone(catalogue)
    assert ("mood", "mine") in list(mutagen.File(flac).tags)


def test_a_mood_that_was_changed_into_another_of_ours_is_the_users(mp3, catalogue):
    written(catalogue, mp3)
    tags = ID3(mp3)
    tags["TMOO"].text = ["sadness"]
    tags.save(mp3)
    plan = plan_tags(catalogue, row_of(catalogue, mp3))
    assert plan.kept == {"MOOD": ("sadness",)}


def test_an_interrupted_writing_of_a_file_that_sounds_different_now_stays_open(mp3, catalogue):
    row, _ = interrupted(catalogue, mp3)
    content = mp3.read_bytes()
    mp3.write_bytes(content + b"more")
    recover(catalogue)
    assert len(journal.unfinished(catalogue)) == 1
    assert row_of(catalogue, mp3).stamp == row.stamp
    mp3.write_bytes(content)
    recover(catalogue)
    assert journal.unfinished(catalogue) == []


# What is planned and noted, from files that need no encoder


@pytest.fixture
def flac(tmp_path):
    path = tmp_path / "song.flac"
    sf.write(path, tone(0.2), RATE)
    return path


def test_what_is_not_known_is_not_written_and_taken_out(flac, catalogue):
    written(catalogue, flac)
    row = catalogued(catalogue, flac)
    unknown = replace(
        row.prediction, valence=math.nan, standing=np.full(9, np.nan, np.float32), version="0"
    )
    plan = plan_tags(catalogue, replace(row, prediction=unknown))
    removed = {field for field, values in plan.after.items() if values is None}
    assert removed == {"EMOTION_VALENCE", *(field for field in FIELDS if "STANDING" in field)}
    write_tags(catalogue, row, plan)
    tags = open_tags(flac)
    assert tags.get("EMOTION_VALENCE") is None and tags.get("EMOTION_AROUSAL") == ("-0.50",)
    assert plan_tags(catalogue, replace(row_of(catalogue, flac), prediction=unknown)).after == {}


def test_only_a_file_with_a_new_stamp_is_listened_to(flac, catalogue, monkeypatch):
    row = catalogued(catalogue, flac)
    monkeypatch.setattr(plan_module, "audio_digest", lambda path: bytes(16))
    plan = plan_tags(catalogue, row)
    assert (plan.path, plan.stamp, plan.left) == (str(flac), row.stamp, ())
    assert plan.before == dict.fromkeys(plan.after) and len(plan.after) == 24
    assert audio_now(str(flac), row) == (row.stamp, row.audio)
    for known in (None, replace(row, audio=b""), replace(row, stamp=FileStamp(1, 2, 3))):
        assert audio_now(str(flac), known) == (row.stamp, bytes(16))
    os.utime(flac, ns=(10**18, 10**18))
    with pytest.raises(TagError, match="is left as it is: it sounds different now"):
        plan_tags(catalogue, row)
    monkeypatch.setattr(plan_module, "audio_digest", lambda path: row.audio)
    assert plan_tags(catalogue, row).stamp == FileStamp.read(flac) != row.stamp

    def refuse(path):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(plan_module, "audio_digest", refuse)
    with pytest.raises(TagError, match=f"^'{flac}' cannot be read \\(Permission denied\\)$"):
        plan_tags(catalogue, row)


def test_what_was_not_predicted_is_not_tagged(flac, catalogue):
    row = predicted(flac)
    with pytest.raises(TagError, match=r"^it is odd$"):
        plan_tags(catalogue, replace(row, prediction=None, error="it is odd"))
    with pytest.raises(TagError, match=f"^'{flac}' was not predicted$"):
        plan_tags(catalogue, replace(row, prediction=None))


def test_a_writing_is_noted_with_what_was_there(flac, catalogue):
    row = catalogued(catalogue, flac)
    tags = open_tags(flac)
    tags.put("EMOTION_POWER", ["9"])
    tags.put("ARTIST", ["Somebody"])
    tags.save()
    os.utime(flac, ns=(10**18, 10**18))
    plan = plan_tags(catalogue, row)
    write_tags(catalogue, row, plan, keep_times=True)
    (write,) = journal.undoable(catalogue)
    assert (write.path, write.audio, write.track) == (str(flac), row.audio, row.id)
    assert write.before == {**dict.fromkeys(plan.after), "EMOTION_POWER": ("9",)}
    assert write.after == plan.after
    now = row_of(catalogue, flac)
    assert (now.stamp, now.tags.artist) == (FileStamp.read(flac), "Somebody")
    assert now.stamp.mtime_ns == 10**18
    back = plan_undo(catalogue, write)
    assert back.before == write.after
    assert back.after == {**dict.fromkeys(plan.after), "EMOTION_POWER": ("9",)}
    assert (back.path, back.stamp, back.left, back.kept) == (str(flac), now.stamp, (), {})
    undo_tags(catalogue, write, back, keep_times=True)
    assert row_of(catalogue, flac).stamp == FileStamp.read(flac)
    assert flac.stat().st_mtime_ns == 10**18
    assert open_tags(flac).get("EMOTION_POWER") == ("9",)
    assert journal.undoable_ids(catalogue) == []


def test_a_writing_that_fails_is_forgotten(flac, catalogue):
    row = catalogued(catalogue, flac)
    plan = plan_tags(catalogue, row)
    with pytest.raises(TagError, match="another program changed it"):
        write_tags(catalogue, row, replace(plan, stamp=FileStamp(1, 2, 3)))
    with pytest.raises(TagError, match="it sounds different now"):
        write_tags(catalogue, replace(row, audio=b"another sound..."), plan)
    assert journal.unfinished(catalogue) == [] == journal.undoable_ids(catalogue)


def test_only_the_file_that_was_looked_at_is_taken_back(flac, catalogue):
    written(catalogue, flac)
    (write,) = journal.undoable(catalogue)
    plan = plan_undo(catalogue, write)
    with pytest.raises(TagError, match="another program changed it"):
        undo_tags(catalogue, write, replace(plan, stamp=FileStamp(1, 2, 3)))
    with pytest.raises(TagError, match="it sounds different now"):
        undo_tags(catalogue, replace(write, audio=b"another sound..."), plan)
    assert journal.undoable_ids(catalogue) == [write.id]
    assert open_tags(flac).get("MOOD") == ("calmness",)


def test_taking_back_what_the_file_no_longer_says(flac, catalogue):
    content = flac.read_bytes()
    written(catalogue, flac)
    flac.write_bytes(content)  # another program took it back
    (write,) = journal.undoable(catalogue)
    plan = plan_undo(catalogue, write)
    assert (plan.before, plan.after, plan.left) == ({}, {}, ())
    undo_tags(catalogue, replace(write, sure=False), plan)  # a copy says nothing of the file
    assert journal.undoable_ids(catalogue) == [write.id]
    undo_tags(catalogue, write, plan)
    assert journal.undoable_ids(catalogue) == []
    assert flac.read_bytes() == content


def test_which_writing_of_a_sound_is_a_files(tmp_path, flac, catalogue):
    written(catalogue, flac)
    (write,) = journal.undoable(catalogue)
    assert undoable_write(catalogue, str(flac)) == write
    copy = tmp_path / "copy.flac"
    copy.write_bytes(flac.read_bytes())
    assert undoable_write(catalogue, str(copy)) is None
    flac.unlink()
    assert undoable_write(catalogue, str(copy)) == replace(
        write, path=str(copy), track=None, sure=False
    )
    sf.write(flac, tone(0.2, hertz=500.0), RATE)
    assert undoable_write(catalogue, str(flac)) is None


def test_what_was_interrupted_is_settled_file_by_file(tmp_path, flac, catalogue):
    plans = {}
    for name in ("gone", "other", "same", "done"):
        path = tmp_path / name / "song.flac"
        path.parent.mkdir()
        sf.write(path, tone(0.2, hertz=400.0 + len(plans)), RATE)
        _, plans[name] = interrupted(catalogue, path)
    (tmp_path / "gone" / "song.flac").unlink()
    sf.write(tmp_path / "other" / "song.flac", tone(0.3), RATE)
    rewrite.rewrite_tags(plans["done"].path, plans["done"].after)
    for folder in ("gone", "done", "."):
        (tmp_path / folder / f"{TEMPORARY_TAGGED}0123.flac").touch()
    assert recover(catalogue) == 4
    assert [Path(w.path).parent.name for w in journal.unfinished(catalogue)] == ["gone", "other"]
    assert [Path(w.path).parent.name for w in journal.undoable(catalogue)] == ["done"]
    assert [p.parent for p in tmp_path.rglob(f"{TEMPORARY_TAGGED}*")] == [tmp_path]
    assert recover(catalogue, [str(tmp_path)]) == 2
    assert not list(tmp_path.rglob(f"{TEMPORARY_TAGGED}*"))


def test_an_interrupted_writing_is_not_told_from_a_copy(tmp_path, flac, catalogue):
    row, _ = interrupted(catalogue, flac)
    copy = flac.rename(tmp_path / "copy.flac")
    catalogue.remove([row.id])
    catalogued(catalogue, copy)
    (write,) = journal.unfinished(catalogue)
    assert (write.path, write.sure) == (str(copy), False)
    assert recover(catalogue) == 1
    assert len(journal.unfinished(catalogue)) == 1


def test_folders_of_files_behind_links(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "music" / "song.mp3")
    assert real_folder(str(tmp_path / "link")) == str(tmp_path / "music")


def test_a_plan_in_lines(tmp_path):
    plan = TagPlan(
        "/a\n.mp3",
        {"A": None, "B": ("1", "2"), "C": ("3",)},
        {"A": ("new", "er"), "B": None, "C": ("4\t",)},
        FileStamp(0, 0, 0),
        kept={"MOOD": ("min\re",)},
        left=("D\n",),
    )
    assert diff_lines(plan) == [
        "/a\\n.mp3",
        "  + A: new; er",
        "  - B: 1; 2",
        "  ~ C: 3 → 4\\t",
        "  = MOOD: min\\re (yours; --overwrite replaces it)",
        "  = D\\n: changed since it was written, left",
    ]

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile as sf

from helpers.sounds import FORMATS, RATE, tone
from music_emotion.errors import MissingExtraError, TagError
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.tags import fields
from music_emotion.library.tags.fields import open_tags

mutagen = pytest.importorskip("mutagen")
from mutagen.apev2 import APEv2  # noqa: E402
from mutagen.id3 import ID3, TIT2, TMOO, TXXX, Encoding  # noqa: E402
from mutagen.mp4 import AtomDataType, MP4FreeForm, MP4Tags  # noqa: E402


@pytest.fixture
def mp3(tmp_path: Path) -> Path:
    """A second of sound without tags."""
    path = tmp_path / "song.mp3"
    sf.write(path, tone(1.0), RATE, format="MP3", subtype="MPEG_LAYER_III")
    return path


def id3(path: Path, version: int, *frames: object) -> Path:
    tags = ID3()
    for frame in frames:
        tags.add(frame)
    tags.save(path, v2_version=version, v23_sep=None, v1=0)
    return path


def test_the_mood_has_the_name_of_its_version(mp3: Path) -> None:
    assert open_tags(mp3).key("MOOD") == "TMOO"
    assert open_tags(id3(mp3, 4, TIT2(text=["a"]))).key("MOOD") == "TMOO"
    assert open_tags(id3(mp3, 3, TIT2(text=["a"]))).key("MOOD") == "TXXX:MOOD"
    assert open_tags(id3(mp3, 3, TXXX(desc="Mood", text=["a"]))).key("MOOD") == "TXXX:Mood"
    assert open_tags(id3(mp3, 4, TXXX(desc="Mood", text=["a"]))).key("MOOD") == "TXXX:Mood"
    both = open_tags(id3(mp3, 4, TXXX(desc="Mood", text=["a"]), TMOO(text=["b"])))
    assert (both.key("MOOD"), both.get("TMOO"), both.get("TXXX:Mood")) == ("TMOO", ("b",), ("a",))
    assert both.key("EMOTION_POWER") == "TXXX:EMOTION_POWER"
    assert open_tags(id3(mp3, 4, TXXX(desc="emotion_power", text=["1"]))).key("EMOTION_POWER") == (
        "TXXX:emotion_power"
    )


@pytest.mark.parametrize(("version", "text"), [(3, "dull"), (4, "dull"), (3, "trüb"), (4, "trüb")])
def test_frames_of_id3(mp3: Path, version: int, text: str) -> None:
    tags = open_tags(id3(mp3, version, TIT2(text=["a"]), TXXX(desc="X", text=["1", "2"])))
    before = tags.others(["TXXX:MOOD", "tmoo"])
    assert tags.get("TXXX:X") == ("1", "2") and tags.get("TXXX:Y") is None
    key = tags.key("MOOD")
    tags.set(key, [text, "power"])
    tags.set("TXXX:Y", None)  # is not there
    assert tags.others([key]) == before != tags.others([])
    tags.check_lossless()
    tags.save()
    again = open_tags(mp3)
    assert (again.key("MOOD"), again.get(key)) == (key, (text, "power"))
    assert ID3(mp3, translate=False).version == (2, version, 0)
    plain = Encoding.LATIN1 if text.isascii() else Encoding.UTF16
    assert ID3(mp3, translate=False)[key].encoding == plain
    again.set(key, None)
    again.save()
    assert open_tags(mp3).get(key) is None


@pytest.mark.parametrize("behind", [True, False])
def test_an_id3v1_tag_stays_as_it_was(mp3: Path, behind: bool) -> None:
    last = b"TAG" + b"A title that is not in the other".ljust(125, b"\0")
    if behind:
        with mp3.open("ab") as file:
            file.write(last)
    sound = audio_digest(mp3)
    for _ in range(2):
        tags = open_tags(mp3)
        tags.set("TMOO", ["power"])
        tags.save()
        assert mp3.read_bytes().endswith(last) == behind
    assert mp3.read_bytes().count(b"TAG") == behind
    assert audio_digest(mp3) == sound


def test_a_file_shorter_than_an_id3v1_tag(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    assert fields._last_bytes(tmp_path / "short") == b"abc"
    (tmp_path / "long").write_bytes(b"a" + b"b" * 128)
    assert fields._last_bytes(tmp_path / "long") == b"b" * 128


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_vorbis_comments(tmp_path: Path, suffix: str) -> None:
    path, (container, encoding) = tmp_path / f"a.{suffix}", FORMATS[suffix]
    sf.write(path, tone(1.0), RATE, format=container, subtype=encoding)
    file = mutagen.File(path)
    file["Title"], file["mood"] = ["one", "two"], ["mine"]
    file.save()
    tags = open_tags(path)
    assert (tags.key("MOOD"), tags.key("X")) == ("mood", "X")
    assert tags.get("title") == ("one", "two") and tags.get("X") is None
    before = tags.others(["MOOD", "x"])
    tags.set("mood", ["ours"])
    tags.set("X", ["1"])
    assert tags.others(["mood", "X"]) == before != tags.others(["mood"])
    tags.save()
    again = open_tags(path)
    assert again.others(["mood", "X"]) == before
    assert (again.get("mood"), again.get("X")) == (("ours",), ("1",))
    again.set("mood", None)
    again.set("mood", None)
    assert again.get("mood") is None


def test_a_flacs_picture_is_one_of_the_other_tags_and_its_padding_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, tone(1.0), RATE)
    before = open_tags(path).others([])
    file = mutagen.File(path)
    file.save(padding=lambda _: 5000)
    assert open_tags(path).others([]) == before
    picture = mutagen.flac.Picture()
    picture.data = b"picture"
    file.add_picture(picture)
    file.save()
    assert open_tags(path).others([]) != before


class Saved:
    """Stands for mutagen's file of a kind that no encoder here writes."""

    def __init__(self, tags: object) -> None:
        self.tags = tags


def test_atoms_of_mp4() -> None:
    tags = MP4Tags()
    tags["\xa9nam"] = ["a title"]
    tags["----:com.apple.iTunes:mood"] = [MP4FreeForm(b"mine", AtomDataType.UTF8)]
    atoms = fields.Mp4Atoms(Path("a.m4a"), Saved(tags))
    key, other = atoms.key("MOOD"), atoms.key("EMOTION_POWER")
    assert (key, other) == (
        "----:com.apple.iTunes:mood",
        "----:com.apple.iTunes:EMOTION_POWER",
    )
    before = atoms.others([key, other])
    assert (atoms.get(key), atoms.get(other)) == (("mine",), None)
    atoms.set(key, ["trüb", "power"])
    atoms.set(other, ["0.90"])
    assert (atoms.get(key), atoms.get(other)) == (("trüb", "power"), ("0.90",))
    assert tags[key][0].dataformat == AtomDataType.UTF8 and bytes(tags[other][0]) == b"0.90"
    assert atoms.others([key, other]) == before == {"\xa9nam": "['a title']"}
    atoms.set(key, None)
    assert atoms.get(key) is None


def test_items_of_ape() -> None:
    tags = APEv2()
    tags["Title"] = "a title"
    items = fields.ApeItems(Path("a.wv"), Saved(tags))
    assert (items.key("MOOD"), items.key("EMOTION_POWER")) == ("Mood", "EMOTION_POWER")
    items.set("Mood", ["one", "two"])
    assert (items.get("Mood"), items.get("None")) == (("one", "two"), None)
    assert items.others(["MOOD"]) == {"Title": repr(tags["Title"])}
    items.set("Mood", None)
    assert items.get("Mood") is None


def test_what_cannot_be_opened_or_saved_is_one_line(
    tmp_path: Path, mp3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear listener")
    with pytest.raises(TagError) as raised:
        open_tags(letter)
    assert str(raised.value) == f"'{letter}' is of no kind whose tags can be written"
    for error, line in (
        (ValueError("one\ntwo"), "one"),
        (ValueError("x" * 121), "x" * 120),
        (ValueError(), "ValueError"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(mutagen, "File", raising(error))
            with pytest.raises(TagError) as raised:
                open_tags(mp3)
            assert str(raised.value) == f"'{mp3}' has no tags that can be written ({line})"
        tags = open_tags(mp3)
        monkeypatch.setattr(tags._file, "save", raising(error), raising=False)
        with pytest.raises(TagError) as raised:
            tags.save()
        assert str(raised.value) == f"the tags cannot be written ({line})"
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'music-emotion\[library\]'"):
        open_tags(mp3)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("lengths", [[1], [1, 127, 128, 129], [1] * 7])
def test_frames_are_counted(version: int, lengths: list[int]) -> None:
    """Lengths of version 2.4 have seven bits a byte, and frames end where zeros begin."""
    data = b""
    for number, length in enumerate(lengths):
        if version == 2:
            data += b"TX%d" % number + length.to_bytes(3, "big") + b"x" * length
            continue
        size = length if version == 3 else (length >> 7 << 8) | (length & 127)
        data += b"TXX%d" % number + size.to_bytes(4, "big") + bytes(2) + b"x" * length
    header = SimpleNamespace(version=(2, version, 0), f_unsynch=False, known_frames={})
    for padding in (b"", bytes(5), bytes(50)):
        assert fields._count_frames(header, data + padding) == len(lengths)


def test_frames_are_counted_as_they_were_before_unsynchronisation() -> None:
    data = b"TIT2" + (3).to_bytes(4, "big") + bytes(2) + b"\0\xff\xe0"
    data += b"TPE1" + (2).to_bytes(4, "big") + bytes(2) + b"\0x"
    header = SimpleNamespace(version=(2, 3, 0), f_unsynch=True, known_frames={})
    assert fields._count_frames(header, data.replace(b"\xff", b"\xff\0")) == 2
    header.f_unsynch = False
    assert fields._count_frames(header, data) == 2

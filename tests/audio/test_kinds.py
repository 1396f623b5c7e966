from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf

from helpers.sounds import FORMATS, RATE, encoded, tone
from music_emotion.audio.files import holds_sound
from music_emotion.audio.kinds import (
    AUDIO_SUFFIXES,
    KINDS,
    OTHER_SUFFIXES,
    UNFINISHED_SUFFIXES,
    kind_of,
    suffixes,
)

ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16)
LETTER = "Lieber Hörer, dies ist ein Brief. " * 100
LIBSNDFILE = {
    "rf64": "WAV",
    "w64": "Wave64",
    "au": "AU",
    "caf": "Core Audio",
    "voc": "Creative Voice",
    "nist": "NIST Sphere",
    "ircam": "IRCAM",
    "avr": "AVR",
    "paf": "Ensoniq PARIS",
    "pvf": "Portable Voice",
    "svx": "8SVX",
    "mat5": "Matlab",
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("tagged", [False, True], ids=["bare", "behind a tag"])
def test_sound_is_known_by_its_first_bytes(kind: str, tagged: bool, tmp_path: Path) -> None:
    path = tmp_path / "unnamed"
    path.write_bytes(ID3 * tagged + encoded(tone(1.0, 48_000), kind, 48_000))
    assert holds_sound(path)


@pytest.mark.parametrize("kind", LIBSNDFILE)
def test_what_libsndfile_reads_is_known(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "unnamed"
    subtype = "PCM_S8" if kind == "svx" else "PCM_16"
    sf.write(path, tone(1.0), RATE, format=kind.upper(), subtype=subtype)
    found = kind_of(path.read_bytes()[:512])
    assert found is not None and found.name == LIBSNDFILE[kind]
    assert holds_sound(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        LETTER.encode(),
        b"\xff\xfe" + LETTER.encode("utf-16-le"),
        b"#EXTM3U\nother.mp3\n",
        b"\xff\xd8\xff\xe0" + bytes(1_000),
        b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(1_000),
        b"\x00\x00\x00\x20ftypheic" + bytes(1_000),
        ID3,
        b"fLaC",
        b"OggS" + bytes(1_000),
    ],
    ids=["empty", "text", "UTF-16", "playlist", "JPEG", "WebP", "HEIC", "a tag", "FLAC", "Ogg"],
)
def test_what_holds_no_sound_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "unnamed"
    path.write_bytes(content)
    assert not holds_sound(path)


def test_each_suffix_is_of_one_kind() -> None:
    found = suffixes(KINDS)
    assert len(found) == len(set(found)) == len(AUDIO_SUFFIXES)
    assert not AUDIO_SUFFIXES & (OTHER_SUFFIXES | UNFINISHED_SUFFIXES)
    assert all(name == name.lower() and name.startswith(".") for name in found)


def test_the_page_lists_every_suffix() -> None:
    page = Path(__file__).parents[2] / "docs" / "predict.md"
    listed = page.read_text(encoding="utf-8").partition("## What is read")[2]
    assert [suffix for suffix in suffixes(KINDS) if f"`{suffix}`" not in listed] == []


def test_a_free_format_mp3_is_known() -> None:
    head = bytearray(encoded(tone(), "mp3")[:512])
    head[2] &= 0x0F  # no bit rate: frames as long as the first
    found = kind_of(bytes(head))
    assert found is not None and found.name == "MP3"


def test_a_file_that_cannot_be_opened_holds_none(tmp_path: Path) -> None:
    assert not holds_sound(tmp_path / "gone")
    assert not holds_sound(tmp_path)

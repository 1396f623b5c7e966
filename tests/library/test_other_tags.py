"""What mutagen passes over is read: in files that FFmpeg made, and byte by byte."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from helpers.tagged_files import needs_ffmpeg
from music_emotion.library.other_tags import other_words
from music_emotion.library.track import Tags

mutagen = pytest.importorskip("mutagen")
from mutagen.apev2 import APEv2  # noqa: E402
from mutagen.id3 import ID3, TIT2  # noqa: E402

BJORK = Tags("Björk", "Homogenic", "Jóga", "Art pop", 1997)


def encoded(path: Path, *options: str) -> Path:
    source = path.with_name("source.wav")
    sf.write(source, tone(1.0), RATE)
    said = {"artist": "Björk", "album": "Homogenic", "title": "Jóga", "genre": "Art pop"}
    tags = [f"{name}={text}" for name, text in {**said, "date": "1997-09-22"}.items()]
    words = [word for tag in tags for word in ("-metadata", tag)]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", source, *words, *options, path]
    subprocess.run(command, check=True)
    source.unlink()
    return path


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["wav", "mka", "webm", "caf", "tta", "wma", "wv", "m4a"])
def test_what_ffmpeg_writes(tmp_path: Path, suffix: str) -> None:
    coding = {"mka": ("-c:a", "flac"), "wma": ("-c:a", "wmav2")}.get(suffix, ())
    assert Tags.read(str(encoded(tmp_path / f"a.{suffix}", *coding))) == BJORK


@needs_ffmpeg
def test_several_values_of_wma_stand_once_each(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.wma", "-c:a", "wmav2")
    file = mutagen.File(path)
    file.tags["Author"] = ["One", "Two", "One"]
    file.tags["WM/Genre"] = ["Pop", "Rock"]
    file.save()
    assert Tags.read(str(path)) == Tags("One; Two", "Homogenic", "Jóga", "Pop; Rock", 1997)


def mp3(path: Path) -> Path:
    sf.write(path, tone(1.0), RATE, format="MP3", subtype="MPEG_LAYER_III")
    return path


def test_an_mp3_with_an_ape_tag_only(tmp_path: Path) -> None:
    path = mp3(tmp_path / "a.mp3")
    ape = APEv2()
    ape["Artist"], ape["Title"], ape["Year"] = ["One", "Two"], "Tränen", "1999"
    ape.save(path)
    assert Tags.read(str(path)) == Tags("One; Two", "", "Tränen", "", 1999)
    # An ID3v1 tag cuts its words off after 30 letters; an ID3v2 tag comes first.
    last = b"TAG" + b"Tr".ljust(30, b"\0") + b"Somebody".ljust(30, b"\0") + b"An album".ljust(30)
    with path.open("ab") as file:
        file.write(last.ljust(128, b"\0")[:127] + b"\xff")
    assert Tags.read(str(path)) == Tags("One; Two", "An album", "Tränen", "", 1999)
    tags = ID3()
    tags.add(TIT2(text=["Newer"]))
    tags.save(path, v1=0)
    assert Tags.read(str(path)) == Tags("One; Two", "", "Newer", "", 1999)


def chunk(name: bytes, data: bytes, order: str = "<") -> bytes:
    return name + struct.pack(f"{order}I", len(data)) + data + bytes(len(data) % 2)


def wav(*chunks: bytes, head: bytes = b"RIFF", order: str = "<") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return head + struct.pack(f"{order}I", len(body)) + body


def info(order: str = "<", **texts: bytes) -> bytes:
    parts = (chunk(name.encode(), text, order) for name, text in texts.items())
    return chunk(b"LIST", b"INFO" + b"".join(parts), order)


SOUND = chunk(b"fmt ", bytes(16)) + chunk(b"data", bytes(7))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wav(SOUND, info(INAM=b"Odd\0", IART="Björk".encode())), ("Björk", "Odd")),
        (wav(info(INAM=b"J\xf3ga\0", IART=b"Bj\xf6rk\0rest"), SOUND), ("Björk", "Jóga")),
        (wav(chunk(b"LIST", b"adtlINAM"), info(INAM=b"x"), SOUND), ("", "x")),
        (wav(info(">", INAM=b"x"), head=b"RIFX", order=">"), ("", "x")),
        (wav(info(IART=b"a", ICMT=b"no name", INAM=b"b")), ("a", "b")),
        (wav(info(IART=b" ", INAM=b"")), ("", "")),
    ],
)
def test_info_of_wav(tmp_path: Path, content: bytes, words: tuple[str, str]) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    found = {name: "; ".join(texts) for name, texts in other_words(str(path)).items()}
    assert (found.get("artist", ""), found.get("title", "")) == words


def test_info_behind_sound_whose_length_is_elsewhere(tmp_path: Path) -> None:
    long = chunk(b"ds64", struct.pack("<QQQI", 0, 9, 0, 0))
    sound = b"data" + b"\xff" * 4 + bytes(10)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(long, sound, info(INAM=b"behind"), head=b"RF64"))
    assert other_words(str(path)) == {"title": ["behind"]}


def test_id3_of_a_wav_comes_before_its_info(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sf.write(path, tone(0.1), RATE)
    content = path.read_bytes()
    path.write_bytes(content + info(INAM=b"old", IART=b"Somebody"))
    file = mutagen.File(path)
    file.add_tags()
    file.tags.add(TIT2(text=["new"]))
    file.save()
    assert Tags.read(str(path)) == Tags("Somebody", "", "new")


def test_text_of_aiff(tmp_path: Path) -> None:
    path = tmp_path / "a.aiff"
    body = b"AIFF" + chunk(b"NAME", b"J\xf3ga", ">") + chunk(b"AUTH", "Björk".encode(), ">")
    path.write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    assert other_words(str(path)) == {"title": ["Jóga"], "artist": ["Björk"]}


def element(number: str, *contents: bytes, endless: bool = False) -> bytes:
    data = b"".join(contents)
    length = b"\xff" if endless else (len(data) | 1 << 28).to_bytes(4, "big")
    return bytes.fromhex(number) + length + data


def simple(name: str, text: str) -> bytes:
    return element("67C8", element("45A3", name.encode()), element("4487", text.encode()))


def matroska(*parts: bytes, endless: bool = False) -> bytes:
    return element("1A45DFA3", b"\x42\x82\x84webm") + element("18538067", *parts, endless=endless)


ALBUM = element("63C0", element("68CA", b"\x32"))
TRACK = element("63C0", element("68CA", b"\x1e"))
CHAPTER = element("63C0", element("63C4", b"\x01"))
FILE_TITLE = element("1549A966", element("7BA9", b"Title of the file"))


@pytest.mark.parametrize("endless", [False, True])
def test_what_tags_of_matroska_are_about(tmp_path: Path, endless: bool) -> None:
    path = tmp_path / "a.mka"
    about = (
        element("7373", ALBUM, simple("TITLE", "Homogenic"), simple("ARTIST", "Various")),
        element("7373", TRACK, simple("ARTIST", "Björk"), simple("ARTIST", "Two")),
        element("7373", CHAPTER, simple("TITLE", "A chapter"), simple("GENRE", "None")),
        element("7373", simple("Genre", "Pop"), simple("DATE_RELEASED", "1997-09-22")),
    )
    cluster = element("1F43B675", element("E7", b"\1"), element("A3", bytes(300)), endless=endless)
    path.write_bytes(matroska(FILE_TITLE, cluster, element("1254C367", *about), endless=endless))
    assert Tags.read(str(path)) == Tags("Björk; Two", "Homogenic", "Title of the file", "Pop", 1997)


def test_cut_off_files_say_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    tag = element("7373", simple("ARTIST", "One"), simple("TITLE", "Two"))
    for content in (
        matroska(FILE_TITLE, element("1254C367", tag)),
        wav(SOUND, info(INAM=b"title", IART=b"artist")),
        b"FORM\0\0\0\0AIFF" + chunk(b"NAME", b"title", ">"),
        b"caff\0\1\0\0info" + struct.pack(">q", 20) + b"\0\0\0\1title\0one\0",
    ):
        for end in range(len(content) + 1):
            path.write_bytes(content[:end])
            assert len(Tags.read(str(path)).title) <= len("Title of the file")
    assert Tags.read(str(tmp_path / "none.mka")) == Tags()

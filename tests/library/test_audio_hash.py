"""The digest of a file's sound: what changes it, and what does not."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sounds import FORMATS, RATE, tone
from music_emotion.library.audio_hash import audio_digest

mutagen = pytest.importorskip("mutagen")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for suffix, (container, encoding) in FORMATS.items():
        rate = 48_000 if suffix == "opus" else RATE
        sf.write(folder / f"a.{suffix}", tone(3.0, rate), rate, format=container, subtype=encoding)
        sf.write(
            folder / f"b.{suffix}", tone(3.0, rate, 441.0), rate, format=container, subtype=encoding
        )
    try:
        import av
    except ImportError:
        return folder
    for name, hertz in (("a", 440.0), ("b", 441.0)):
        with av.open(str(folder / f"{name}.m4a"), "w") as file:
            stream = file.add_stream("aac", rate=RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(tone(3.0, RATE, hertz)[None], "fltp", "mono")
            frame.sample_rate = RATE
            for packet in (*stream.encode(frame), *stream.encode(None)):
                file.mux(packet)
    return folder


SUFFIXES = (*FORMATS, "m4a")


def copied(songs: Path, folder: Path, suffix: str) -> Path:
    if not (songs / f"a.{suffix}").exists():
        pytest.skip(f"PyAV, which writes {suffix}, is not installed")
    return Path(shutil.copy(songs / f"a.{suffix}", folder / f"copy.{suffix}"))


def retag(path: Path, words: int) -> None:
    """Write a title of many words, and a picture where tags hold one."""
    title = " ".join(f"word{number}" for number in range(words))
    if path.suffix in (".wav", ".aiff"):
        from mutagen.id3 import TIT2

        file = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        file.tags.add(TIT2(encoding=3, text=[title]))
    else:
        file = mutagen.File(path, easy=True)
        if file.tags is None:
            file.add_tags()
        file["title"] = [title]
    if path.suffix == ".flac":
        picture = mutagen.flac.Picture()
        picture.data = bytes(50_000)
        file.add_picture(picture)
    file.save()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tags_do_not_change_it(songs: Path, tmp_path: Path, suffix: str) -> None:
    song = copied(songs, tmp_path, suffix)
    before, size = audio_digest(song), song.stat().st_size
    for words in (3, 20_000, 1):  # the long one spans pages of an Ogg file
        retag(song, words)
        assert audio_digest(song) == before
    assert song.stat().st_size != size
    mutagen.File(song).delete()
    assert audio_digest(song) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_sound_does(songs: Path, tmp_path: Path, suffix: str) -> None:
    song = copied(songs, tmp_path, suffix)
    assert audio_digest(song) != audio_digest(songs / f"b.{suffix}")


@pytest.mark.parametrize("suffix", ["flac", "mp3", "opus", "ogg"])
def test_one_byte_of_the_sound_is_enough(songs: Path, tmp_path: Path, suffix: str) -> None:
    song = copied(songs, tmp_path, suffix)
    data = bytearray(song.read_bytes())
    data[len(data) * 3 // 4] ^= 1
    changed = tmp_path / "changed"
    changed.write_bytes(data)
    assert audio_digest(changed) != audio_digest(song)


def test_kinds_differ_and_anything_has_one(tmp_path: Path) -> None:
    contents = [b"", b"x", b"fLaC", b"OggS", b"RIFF....WAVE", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"ID3"]
    digests = set()
    for number, content in enumerate(contents):
        path = tmp_path / str(number)
        path.write_bytes(content)
        digests.add(audio_digest(path))
    assert len(digests) == len(contents)
    with pytest.raises(FileNotFoundError):
        audio_digest(tmp_path / "none")


def id3v2(content: bytes) -> bytes:
    size = len(content)
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + content


def id3v1(content: bytes) -> bytes:
    return b"TAG" + content[:125].ljust(125, b"\0")


def ape(content: bytes) -> bytes:
    def edge(flags: int) -> bytes:
        numbers = struct.pack("<IIII", 2000, len(content) + 32, 1, flags)
        return b"APETAGEX" + numbers + bytes(8)

    return edge(0xA000_0000) + content + edge(0x8000_0000)


def lyrics3(content: bytes) -> bytes:
    body = b"LYRICSBEGIN" + content
    return body + b"%06dLYRICS200" % len(body)


PLAIN = st.binary(max_size=300).map(lambda data: data.replace(b"TAG", b"...").replace(b"3", b"4"))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(min_size=1, max_size=3_000),
    PLAIN,
    st.lists(st.sampled_from([ape, id3v1, lyrics3]), max_size=3),
    st.booleans(),
)
def test_tags_around_a_stream(
    tmp_path_factory: pytest.TempPathFactory, sound: bytes, words: bytes, behind, front: bool
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    sound = b"\xff\xfb\x90" + sound + b"\0" * 40  # ends in nothing that looks like a tag
    plain, tagged = folder / "plain.mp3", folder / "tagged.mp3"
    plain.write_bytes(sound)
    tags = b"".join(make(words) for make in behind)
    tagged.write_bytes((id3v2(words) if front else b"") + sound + tags)
    assert audio_digest(tagged) == audio_digest(plain)
    tagged.write_bytes(id3v2(words) + sound[:-1] + b"\1" + tags)
    assert audio_digest(tagged) != audio_digest(plain)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


@settings(max_examples=40, deadline=None)
@given(
    st.binary(min_size=1, max_size=500),
    st.lists(st.tuples(st.sampled_from([b"LIST", b"id3 ", b"bext"]), st.binary(max_size=99))),
)
def test_chunks_around_a_wav(tmp_path_factory: pytest.TempPathFactory, sound: bytes, more) -> None:
    folder = tmp_path_factory.mktemp("wav")
    form, data = chunk(b"fmt ", bytes(range(16))), chunk(b"data", sound)
    extra = b"".join(chunk(name, content) for name, content in more)
    digests = set()
    for number, body in enumerate((form + data, form + extra + data, form + data + extra)):
        path = folder / str(number)
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
        digests.add(audio_digest(path))
    assert len(digests) == 1


def ogg(packets: list[bytes], rng: np.random.Generator) -> bytes:
    """Lay packets out in pages of random sizes; the numbers nobody checks are left at 0."""
    lacing, body = [], b"".join(packets)
    for packet in packets:
        lacing += [255] * (len(packet) // 255) + [len(packet) % 255]
    pages, position, number = [], 0, 0
    while lacing:
        count = 1 if number == 0 else int(rng.integers(1, 40))
        some, lacing = lacing[:count], lacing[count:]
        head = struct.pack("<4sBBqIII", b"OggS", 0, 2 if number == 0 else 0, 0, 7, number, 0)
        pages.append(head + bytes([len(some), *some]) + body[position : position + sum(some)])
        position += sum(some)
        number += 1
    return b"".join(pages)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=900), min_size=1, max_size=20),
    st.binary(max_size=3_000),
    st.binary(max_size=3_000),
    st.integers(0, 1000),
)
def test_comments_and_pages_of_an_ogg(
    tmp_path_factory: pytest.TempPathFactory, sound, comments: bytes, others: bytes, seed: int
) -> None:
    folder, rng = tmp_path_factory.mktemp("ogg"), np.random.default_rng(seed)
    one, two, three = folder / "1", folder / "2", folder / "3"
    one.write_bytes(ogg([b"OpusHead........", b"OpusTags" + comments, *sound], rng))
    two.write_bytes(ogg([b"OpusHead........", b"OpusTags" + others, *sound], rng))
    assert audio_digest(one) == audio_digest(two)
    sound[-1] = bytes([sound[-1][0] ^ 1]) + sound[-1][1:]
    three.write_bytes(ogg([b"OpusHead........", b"OpusTags" + comments, *sound], rng))
    assert audio_digest(one) != audio_digest(three)


def test_the_mark_of_an_ape_tag_is_no_id3_tag(tmp_path: Path) -> None:
    """Its letters stand where an ID3v1 tag's would, before lyrics of this length."""
    sound, words = b"\xff\xfb\x90" + b"\1" * 40, b"words"
    plain, tagged = tmp_path / "plain.mp3", tmp_path / "tagged.mp3"
    plain.write_bytes(sound)
    tagged.write_bytes(sound + ape(words) + 2 * lyrics3(words))
    assert audio_digest(tagged) == audio_digest(plain)

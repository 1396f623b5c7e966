from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from helpers import fake_emotify, tagged_files
from helpers.sounds import encoded, tone
from music_emotion.audio import decode
from music_emotion.audio.files import read_header
from music_emotion.errors import AudioError, MissingExtraError


def test_mp3_tags_and_length(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(fake_emotify.mp3(9, seconds=1.5))
    header = read_header(path)
    assert (header.artist, header.title, header.album) == (
        "Magnatune Compilation",
        "Piece 9",
        "Album",
    )
    assert (header.sample_rate, header.channels) == (44_100, 2)
    assert header.duration == pytest.approx(1.5, abs=0.06)


def test_untagged_wav(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((4000, 6)), 8000)
    header = read_header(tmp_path / "a.wav")
    assert (header.duration, header.channels, header.artist) == (0.5, 6, "")


@tagged_files.needs_ffmpeg
def test_title_of_a_wma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tagged_files.ENCODERS, "wma", ("-c:a", "wmav2"))
    assert read_header(tagged_files.make(tmp_path, "wma")).title == "Tränen & Töne"


@pytest.mark.emotify
def test_tags_agree_with_mutagen(emotify_root: Path) -> None:
    mutagen = pytest.importorskip("mutagen")
    paths = sorted((emotify_root / "emotifymusic").rglob("*.mp3"))[::10]
    assert len(paths) == 40
    for path in paths:
        tags = mutagen.File(path, easy=True)
        header = read_header(path)
        for name in ("artist", "album", "title"):
            assert getattr(header, name) == tags.get(name, [""])[0].strip()
        assert header.duration == pytest.approx(tags.info.length, abs=0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a\.mp3: no such file; check"),
        (b"", r"a\.mp3: the file is empty; replace"),
        (b"This is a letter, not a song. " * 20, r"a\.mp3: .* replace it"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=message) as caught:
        read_header(path)
    assert "\n" not in str(caught.value)


def test_missing_mutagen_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(MissingExtraError, match=r"a\.m4a needs more packages: pip install"):
        read_header(path)


@pytest.mark.parametrize("package", [gzip, bz2, lzma])
def test_what_a_stream_unpacks_is_heard_and_not_the_file_beneath(
    package: Any, tmp_path: Path
) -> None:
    path = tmp_path / "song.packed"
    path.write_bytes(package.compress(encoded(tone(), "flac")))
    with package.open(path) as stream:
        assert decode(stream).duration == decode(stream).duration == 2.0


def test_a_stream_of_fsspec_is_unpacked(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    path = tmp_path / "song.gz"
    path.write_bytes(gzip.compress(encoded(tone(), "flac")))
    with fsspec.open(path, compression="gzip") as stream:
        assert decode(stream).duration == 2.0


@pytest.mark.parametrize("make", [tempfile.TemporaryFile, tempfile.NamedTemporaryFile])
def test_what_was_written_just_now_is_heard(make: Callable[[], Any]) -> None:
    with make() as file:
        file.write(encoded(tone(), "wav"))  # its end waits in memory
        assert decode(file).duration == 2.0


class Faulty(io.BytesIO):
    """A stream that fails in its own way."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise RuntimeError("the line\nis dead")


class NothingYet(io.RawIOBase):
    """A stream that does not wait for its bytes."""

    def read(self, size: int = -1, /) -> None:  # type: ignore[override]
        return None


class Plain:
    """A stream that can do nothing but read, and fails where it is asked for its name."""

    def __init__(self, kind: type) -> None:
        self._data, self._kind = io.BytesIO(encoded(tone(), "wav")), kind

    def read(self, size: int) -> Any:
        return self._kind(self._data.read(size))

    @property
    def name(self) -> str:
        raise RuntimeError("nobody knows")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_only_reads_is_a_stream(kind: type) -> None:
    plain: Any = Plain(kind)
    assert decode(plain).duration == 2.0


def test_a_buffered_stream_is_read_through_what_lies_beneath(tmp_path: Path) -> None:
    (tmp_path / "song.gz").write_bytes(gzip.compress(encoded(tone(), "flac")))
    with gzip.open(tmp_path / "song.gz") as unpacked:
        assert decode(io.BufferedReader(unpacked)).duration == 2.0


def test_a_member_of_an_archive_is_heard(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "songs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("song.wav", encoded(tone(), "wav"))
    with zipfile.ZipFile(tmp_path / "songs.zip") as archive, archive.open("song.wav") as stream:
        assert decode(stream).duration == 2.0


def test_an_entry_of_a_folder_whose_names_are_bytes_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(encoded(tone(), "wav"))
    with os.scandir(os.fsencode(tmp_path)) as entries:
        (entry,) = entries
    assert decode(cast(Any, entry)).duration == 2.0


def closed() -> io.BytesIO:
    stream = io.BytesIO(encoded(tone(), "wav"))
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (closed, "the stream is closed; open it again"),
        (Faulty, r"the stream cannot be read \(the line\\nis dead\); open it again"),
        (lambda: io.StringIO("RIFF"), "the stream gives str, not bytes; give a path, or a stream"),
        (
            lambda: soundfile.SoundFile(io.BytesIO(encoded(tone(), "wav"))),
            "the stream gives ndarray, not bytes",
        ),
        (
            lambda: gzip.GzipFile(fileobj=io.BytesIO(), mode="wb"),
            "cannot be read .*; open it again, with mode 'rb'",
        ),
        (NothingYet, "the stream gives nothing yet; give a path, or a stream opened with mode"),
        (
            lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(encoded(tone(), "wav"))[:99])),
            "cannot be read .*; open it again",
        ),
    ],
)
def test_a_stream_that_gives_no_bytes_is_said_in_a_line(
    stream: Callable[[], Any], message: str
) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        decode(stream())
    assert "\n" not in str(caught.value)


def test_a_temporary_folder_that_takes_nothing_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(
        AudioError, match=r"the stream cannot be kept in a temporary file \(.*TMPDIR"
    ):
        decode(io.BytesIO(encoded(tone(), "wav")))

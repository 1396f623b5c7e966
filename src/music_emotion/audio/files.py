"""Open a file by what it holds and give its samples in blocks, channels apart.

libsndfile (through ``soundfile``) reads WAV, FLAC, Ogg Vorbis, Opus, AIFF and MP3; PyAV (extra
``[formats]``) reads what else FFmpeg knows. The extension is never asked.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import AudioError, MissingExtraError, printable

AudioSource = str | os.PathLike[str] | BinaryIO
"""A path, or an open binary stream such as ``sys.stdin.buffer``."""

BLOCK_FRAMES = 1 << 18
"""Frames read at once: 6 s at 44.1 kHz; fixed, so that every reader sees the same blocks."""

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 768_000  # Hz; outside, a header is damaged
MAX_CHANNELS = 64
MAX_CREDIBLE_FRAMES = 1 << 40  # headers that claim more do not know the length

# Opening bytes (offset, magic) of containers libsndfile does not read and FFmpeg does.
CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4 or M4A"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x00\x00\x01\xba", "MPEG video"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x0b\x77", "AC-3"),
)


def source_name(source: AudioSource) -> str:
    """Return the name of a source for messages: one printable line."""
    if isinstance(source, str | os.PathLike):
        return f"'{printable(os.fspath(source))}'"
    return "standard input" if getattr(source, "name", None) in ("<stdin>", 0) else "the stream"


class AudioFile(Protocol):
    """An open audio file: its format and its blocks."""

    sample_rate: int
    channels: int
    frames: int | None

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class DamagedError(Exception):
    """Decoding stopped in the middle; what was read before is good."""


def open_file(source: AudioSource) -> AudioFile:
    """Open a source for reading.

    Raises
    ------
    AudioError
        The file is missing, a folder, not permitted, empty or not audio.
    MissingExtraError
        The file is of a kind that PyAV reads, and PyAV is not installed.
    """
    name = source_name(source)
    descriptor = _descriptor(source, name)
    try:
        head = os.pread(descriptor, 64, 0)
        if not head:
            raise AudioError(f"{name} is empty (0 bytes); copy or download it again")
        audio: AudioFile | None = SoundFileAudio.attempt(descriptor)
        if audio is None:
            audio = _open_container(descriptor, head, name)
        _check_format(audio, name)
    except BaseException:
        os.close(descriptor)
        raise
    return audio


def _descriptor(source: AudioSource, name: str) -> int:
    """Return a descriptor of a seekable regular file with the source's bytes."""
    if not isinstance(source, str | os.PathLike):
        return _spooled(source)
    try:
        mode = Path(source).stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name} is a folder, not an audio file; name a file in it")
        if stat.S_ISFIFO(mode):
            with Path(source).open("rb") as pipe:
                return _spooled(pipe)
        if not stat.S_ISREG(mode):
            raise AudioError(f"{name} is a device, not an audio file; name a file")
        return os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise AudioError(f"{name} does not exist; check the path") from None
    except PermissionError:
        raise AudioError(f"{name} may not be read; change its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{name} cannot be opened ({reason}); check the path") from None


def _spooled(stream: BinaryIO) -> int:
    """Copy a stream, which cannot be rewound, into an unnamed temporary file."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        copy.flush()
        descriptor = os.dup(copy.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _open_container(descriptor: int, head: bytes, name: str) -> AudioFile:
    kind = next((k for at, magic, k in CONTAINERS if head[at : at + len(magic)] == magic), None)
    try:
        from music_emotion.audio.containers import ContainerAudio
    except ImportError:
        if kind is not None:
            raise MissingExtraError(f"{name} is {kind} audio, which", "formats") from None
    else:
        opened = ContainerAudio.attempt(descriptor)
        if opened is not None:
            return opened
    raise AudioError(
        f"{name} is not audio that can be read; convert it to WAV, FLAC, MP3, Ogg, Opus or AIFF"
    )


def _check_format(audio: AudioFile, name: str) -> None:
    if not MIN_SAMPLE_RATE <= audio.sample_rate <= MAX_SAMPLE_RATE:
        what = f"a sample rate of {audio.sample_rate:,} Hz"
    elif not 1 <= audio.channels <= MAX_CHANNELS:
        what = f"{audio.channels} channels"
    else:
        return
    audio.close()
    raise AudioError(f"{name} claims {what}; it is damaged or needs converting to WAV")


class SoundFileAudio:
    """A file read by libsndfile."""

    def __init__(self, descriptor: int, file: Any) -> None:
        self._descriptor = descriptor
        self._file = file
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self.frames = int(file.frames) if file.frames < MAX_CREDIBLE_FRAMES else None

    @classmethod
    def attempt(cls, descriptor: int) -> SoundFileAudio | None:
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown."""
        import soundfile

        try:
            return cls(descriptor, soundfile.SoundFile(descriptor, closefd=False))
        except (soundfile.LibsndfileError, TypeError, ValueError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            return None

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        import soundfile

        remaining = limit if limit is not None else MAX_CREDIBLE_FRAMES
        while remaining > 0:
            try:
                block = self._file.read(
                    min(BLOCK_FRAMES, remaining), dtype="float32", always_2d=True
                )
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise DamagedError(str(error)) from None
            if not len(block):
                return
            remaining -= len(block)
            yield block

    def close(self) -> None:
        """Release the file."""
        if not self._file.closed:
            self._file.close()
            os.close(self._descriptor)

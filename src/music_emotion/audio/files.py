"""Open a file by what it holds and give its samples in blocks, channels apart.

libsndfile (through ``soundfile``) reads WAV, FLAC, Ogg Vorbis, Opus, AIFF and MP3; PyAV (extra
``[formats]``) reads what else FFmpeg knows. The extension is never asked.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import AudioError, MissingExtraError, printable

AudioSource = str | os.PathLike[str] | BinaryIO
"""A path, or an open binary stream such as ``sys.stdin.buffer``; a file is read from its start."""

BLOCK_FRAMES = 1 << 18
"""Frames read at once: 6 s at 44.1 kHz; fixed, so that every reader sees the same blocks."""

PIECE_FRAMES = 1 << 14  # frames asked of the decoder at once; damage costs one piece
MAX_FAILURES = 16  # in a row; then the decoder has lost the rest of the file

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 768_000  # Hz; outside, a header is damaged
MAX_CHANNELS = 64
MAX_CREDIBLE_FRAMES = 1 << 40  # headers that claim more do not know the length
UNKNOWN_BYTES = 0x7FFF0000  # a 32-bit length from here on was written before the end was known

# What libsndfile notes when the data of a WAV or AIFF, or of an Ogg file, end too early.
SHORT_DATA = re.compile(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
UNFINISHED_OGG = "Last page lacks an end-of-stream bit"

STDIN_NAME = "<stdin>"
HEAD_BYTES = 64
COPY_BYTES = 1 << 20

# What the first frame of an MP3 holds where the encoder knew how many would follow.
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
FIRST_FRAME_BYTES = 1 << 12  # the longest frame is shorter; padding may come before it
SHIFTS = (21, 14, 7, 0)  # of the bytes of a length in an ID3 tag

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
    name = getattr(source, "name", None)
    if name == STDIN_NAME:
        return "standard input"
    # A temporary file's name is the number of its descriptor.
    return f"'{printable(name)}'" if isinstance(name, str) else "the stream"


class NamedStream:
    """An open file without a name of its own, under one that messages show.

    Parameters
    ----------
    file
        Has a descriptor.
    name
        What is said of it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self.name = name

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        return self._file.read(size)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file.fileno()


def named_stream(file: BinaryIO, name: str) -> BinaryIO:
    """Return an open file under a name that messages show."""
    return cast(BinaryIO, NamedStream(file, name))


class AudioFile(Protocol):
    """An open audio file: its format and its blocks.

    Attributes
    ----------
    sample_rate
        Hz.
    channels
        Number of channels.
    frames
        Samples per channel as the header claims, ``None`` where it does not say.
    estimated
        Whether that is only a guess from the file's size.
    damaged_at
        Frame at which decoding failed first, ``None`` so far; what could be decoded is given.
    """

    sample_rate: int
    channels: int
    frames: int | None
    estimated: bool
    damaged_at: int | None

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


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
        audio = _recognised(descriptor, name)
    except BaseException:
        os.close(descriptor)
        raise
    _check_format(audio, name)
    return audio


def _recognised(descriptor: int, name: str) -> AudioFile:
    """Return the file, which owns the descriptor from then on."""
    head = _bytes_at(descriptor, 0, HEAD_BYTES)
    if not head:
        raise AudioError(f"{name} is empty (0 bytes); copy or download it again")
    audio = SoundFileAudio.attempt(descriptor)
    return _open_container(descriptor, head, name) if audio is None else audio


def _bytes_at(descriptor: int, start: int, count: int) -> bytes:
    """Read from a place of a file and go back to its start (``os.pread`` is not everywhere)."""
    os.lseek(descriptor, start, os.SEEK_SET)
    found = os.read(descriptor, count)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return found


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
    """Return a descriptor of a stream's bytes, copied into a temporary file unless it is one."""
    descriptor = _regular_file(stream)
    if descriptor is None:
        if _seekable(stream):
            stream.seek(0)
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy, COPY_BYTES)
            copy.flush()
            descriptor = os.dup(copy.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _seekable(stream: BinaryIO) -> bool:
    try:
        return stream.seekable()
    except (OSError, AttributeError):
        return False


def _regular_file(stream: BinaryIO) -> int | None:
    try:
        number = stream.fileno()
        return os.dup(number) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except (OSError, AttributeError):
        return None


def _open_container(descriptor: int, head: bytes, name: str) -> AudioFile:
    kind = next((k for at, magic, k in CONTAINERS if head[at : at + len(magic)] == magic), None)
    remedy = "convert it to WAV, FLAC, MP3, Ogg, Opus or AIFF"
    try:
        from music_emotion.audio.containers import ContainerAudio
    except ImportError:
        if kind is not None:
            raise MissingExtraError(f"{name} is {kind} audio, which", "formats") from None
        remedy += ", or read more kinds: pip install 'music-emotion[formats]'"
    else:
        opened = ContainerAudio.attempt(descriptor)
        if opened is not None:
            return opened
    raise AudioError(f"{name} is not audio that can be read; {remedy}")


def _check_format(audio: AudioFile, name: str) -> None:
    if not MIN_SAMPLE_RATE <= audio.sample_rate <= MAX_SAMPLE_RATE:
        what = f"a sample rate of {audio.sample_rate:,} Hz"
    elif not 1 <= audio.channels <= MAX_CHANNELS:
        what = f"{audio.channels} channels"
    else:
        return
    audio.close()
    raise AudioError(f"{name} claims {what}; it is damaged or needs converting to WAV")


def _has_length(descriptor: int) -> bool:
    """Whether an MP3's first frame tells how many follow; else its length is a guess."""
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    head = _bytes_at(descriptor, 0, HEAD_BYTES)
    start = 0
    if head[:3] == b"ID3" and len(head) == HEAD_BYTES:
        sizes = zip(head[6:10], SHIFTS, strict=True)
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in sizes)
    first = _bytes_at(descriptor, start, FIRST_FRAME_BYTES)
    os.lseek(descriptor, position, os.SEEK_SET)
    return any(tag in first for tag in LENGTH_TAGS)


class SoundFileAudio:
    """A file read by libsndfile."""

    def __init__(self, descriptor: int, file: Any) -> None:
        self._descriptor = descriptor
        self._file = file
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self.frames = int(file.frames) if file.frames < MAX_CREDIBLE_FRAMES else None
        self.estimated = file.format == "MP3" and not _has_length(descriptor)
        self.damaged_at: int | None = None
        self._note_truncation(str(file.extra_info))

    def _note_truncation(self, log: str) -> None:
        """Restore the length a truncated file had, which libsndfile corrects in silence."""
        if self.frames is None:
            return
        short = SHORT_DATA.search(log)
        if short and 0 < int(short[2]) < int(short[1]) < UNKNOWN_BYTES:
            self.frames = round(self.frames * int(short[1]) / int(short[2]))
        if UNFINISHED_OGG in log:
            self.damaged_at = self.frames

    @classmethod
    def attempt(cls, descriptor: int) -> SoundFileAudio | None:
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown."""
        import soundfile

        class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # untyped base
            """soundfile seeks after every read, which fails on damage; it need not."""

            def seekable(self) -> bool:
                return False

        try:
            return cls(descriptor, SequentialFile(descriptor, closefd=False))
        except (soundfile.LibsndfileError, TypeError, ValueError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            return None

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        limit = MAX_CREDIBLE_FRAMES if limit is None else limit
        given = 0
        while given < limit:
            block = np.empty((min(BLOCK_FRAMES, limit - given), self.channels), dtype=np.float32)
            filled = self._fill(block, given)
            if filled:
                yield block[:filled]
            if filled < len(block):
                return
            given += filled

    def _fill(self, block: NDArray[np.float32], position: int) -> int:
        """Fill a block piece by piece and return the frames filled; fewer than all at the end."""
        import soundfile

        filled = failures = 0
        while filled < len(block) and failures < MAX_FAILURES:
            try:
                piece = self._file.read(out=block[filled : filled + PIECE_FRAMES])
            except (soundfile.LibsndfileError, RuntimeError):
                failures += 1
                if self.damaged_at is None:
                    self.damaged_at = position + filled
                continue
            if not len(piece):
                break
            filled += len(piece)
            failures = 0
        return filled

    def close(self) -> None:
        """Release the file."""
        if not self._file.closed:
            self._file.close()
            os.close(self._descriptor)

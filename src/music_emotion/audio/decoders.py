"""Decoders: files as blocks of samples, channels apart.

libsndfile (through ``soundfile``) reads WAV, FLAC, Ogg Vorbis, Opus, AIFF and MP3; FFmpeg (through
PyAV, extra ``[formats]``) reads M4A, AAC, WMA, WebM and the sound of videos.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_FRAMES = 1 << 18
"""Frames read at once: 6 s at 44.1 kHz; fixed, so that every reader sees the same blocks."""

PIECE_FRAMES = 1 << 14  # frames asked of the decoder at once; damage costs one piece
MAX_FAILURES = 16  # in a row; then the decoder has lost the rest of the file
MAX_CREDIBLE_FRAMES = 1 << 40  # headers that claim more do not know the length
UNKNOWN_BYTES = 0x7FFF0000  # a 32-bit length from here on was written before the end was known

# What libsndfile notes when the data of a WAV or AIFF, or of an Ogg file, end too early.
SHORT_DATA = re.compile(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
UNFINISHED_OGG = "Last page lacks an end-of-stream bit"

# What the first frame of an MP3 holds where the encoder knew how many would follow.
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
FIRST_FRAME_BYTES = 1 << 12  # the longest frame is shorter; padding may come before it
ID3V2_HEADER = 10  # bytes, of a footer too

# Containers FFmpeg may open. It knows others that name further files or addresses, and follows
# them: playlists, lists of parts, session descriptions. What is heard must be in the file itself.
CONTAINED = (
    "mov,matroska,asf,avi,flv,mpeg,mpegts,aac,ac3,eac3,amr,ape,wv,tta,tak,dts,"
    "mp3,ogg,flac,wav,w64,aiff,caf,au"
)

# Without a header that tells their length; FFmpeg guesses it from the rate of the beginning.
STREAMS = frozenset({"aac", "ac3", "eac3", "amr", "dts", "mp3", "mpeg", "mpegts"})


class AudioFile(Protocol):
    """An open audio file: its format and its blocks.

    Attributes
    ----------
    frames, estimated
        Samples per channel as the header claims, if it does; whether that is only a guess.
    damaged_at
        Frame at which decoding failed first, ``None`` so far; what could be decoded is given.
    """

    sample_rate: int  # Hz
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


def bytes_at(descriptor: int, start: int, count: int) -> bytes:
    """Read from a place of a file and leave its position (``os.pread`` is not everywhere)."""
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, start, os.SEEK_SET)
    found = os.read(descriptor, count)
    os.lseek(descriptor, position, os.SEEK_SET)
    return found


def id3_length(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that begins with these ten or more, 0 where none does."""
    if head[:3] != b"ID3" or len(head) < ID3V2_HEADER or max(head[6:10]) >= 0x80:
        return 0
    length = 0
    for byte in head[6:10]:  # seven bits each
        length = length << 7 | byte
    footer = ID3V2_HEADER if head[5] & 0x10 else 0
    return ID3V2_HEADER + length + footer


def _has_length(descriptor: int) -> bool:
    """Whether an MP3's first frame tells how many follow; else its length is a guess."""
    start = id3_length(bytes_at(descriptor, 0, ID3V2_HEADER))
    first = bytes_at(descriptor, start, FIRST_FRAME_BYTES)
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


def _decoding_errors() -> tuple[type[Exception], ...]:
    """Return what FFmpeg reports damage through: its own errors, and those of PyAV's checks."""
    import av

    return av.FFmpegError, ValueError, EOFError, MemoryError


class ContainerAudio:
    """The first stream of sound in a container, read by FFmpeg."""

    def __init__(self, file: Any, container: Any) -> None:
        self._file = file
        self._container = container
        self._stream = container.streams.audio[0]
        self.sample_rate = int(self._stream.codec_context.sample_rate or 0)
        self.channels = int(self._stream.codec_context.channels or 0)
        length, base = self._stream.duration, self._stream.time_base
        self.frames = int(length * base * self.sample_rate) if length and base else None
        self.estimated = container.format.name in STREAMS
        self.damaged_at: int | None = None

    @classmethod
    def attempt(cls, descriptor: int) -> ContainerAudio | None:
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown.

        Raises
        ------
        ImportError
            PyAV (extra ``[formats]``) is missing.
        """
        import av

        file = os.fdopen(os.dup(descriptor), "rb")
        try:
            container = av.open(
                file, mode="r", metadata_errors="replace", options={"format_whitelist": CONTAINED}
            )
            streams = container.streams.audio
            if not streams or streams[0].codec_context is None:
                raise ValueError("no sound that can be decoded")
            opened = cls(file, container)
        except _decoding_errors():
            file.close()
            return None
        os.close(descriptor)
        return opened

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        pending: list[NDArray[np.float32]] = []
        given = count = 0
        for piece in self._pieces():
            piece = piece if limit is None else piece[: limit - given]
            pending.append(piece)
            given += len(piece)
            count += len(piece)
            if count >= BLOCK_FRAMES:
                yield np.concatenate(pending)
                pending, count = [], 0
            if given == limit:
                break
        if count:
            yield np.concatenate(pending)

    def _pieces(self) -> Iterator[NDArray[np.float32]]:
        """Yield FFmpeg's small frames, shape (frames, channels); damaged packets are skipped."""
        import av

        context = self._stream.codec_context
        # Interleaved: of planes, PyAV knows eight, and reads beyond its memory after that.
        resampler = av.AudioResampler(format="flt", layout=context.layout, rate=self.sample_rate)
        position = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except _decoding_errors():
                    self.damaged_at = position if self.damaged_at is None else self.damaged_at
                    continue
                for frame in frames:
                    for converted in resampler.resample(frame):
                        position += converted.samples
                        samples = converted.to_ndarray().reshape(converted.samples, -1)
                        yield samples.astype(np.float32, copy=False)
        except _decoding_errors():
            self.damaged_at = position if self.damaged_at is None else self.damaged_at

    def close(self) -> None:
        """Release the file."""
        self._container.close()
        self._file.close()

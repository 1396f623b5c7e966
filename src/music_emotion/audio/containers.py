"""Files that need FFmpeg: M4A, AAC, WMA, WebM and the sound of videos, through PyAV.

Importing this module raises ``ImportError`` where PyAV (extra ``[formats]``) is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.files import BLOCK_FRAMES

# Containers FFmpeg may open. It knows others that name further files or addresses, and follows
# them: playlists, lists of parts, session descriptions. What is heard must be in the file itself.
CONTAINED = (
    "mov,matroska,asf,avi,flv,mpeg,mpegts,aac,ac3,eac3,amr,ape,wv,tta,tak,dts,"
    "mp3,ogg,flac,wav,w64,aiff,caf,au"
)

# Without a header that tells their length; FFmpeg guesses it from the rate of the beginning.
STREAMS = frozenset({"aac", "ac3", "eac3", "amr", "dts", "mp3", "mpeg", "mpegts"})

# FFmpeg reports damage through its own errors, and through these where PyAV checks first.
DECODING_ERRORS = (av.FFmpegError, ValueError, EOFError, MemoryError)


class ContainerAudio:
    """The first sound track of a container, read by FFmpeg."""

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
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown."""
        file = os.fdopen(os.dup(descriptor), "rb")
        try:
            container = av.open(
                file,
                mode="r",
                metadata_errors="replace",
                options={"format_whitelist": CONTAINED},
            )
            tracks = container.streams.audio
            if not tracks or tracks[0].codec_context is None:
                raise ValueError("no sound track that can be decoded")
            opened = cls(file, container)
        except DECODING_ERRORS:
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
        context = self._stream.codec_context
        # Interleaved: of planes, PyAV knows eight, and reads beyond its memory after that.
        resampler = av.AudioResampler(format="flt", layout=context.layout, rate=self.sample_rate)
        position = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except DECODING_ERRORS:
                    self.damaged_at = position if self.damaged_at is None else self.damaged_at
                    continue
                for frame in frames:
                    for converted in resampler.resample(frame):
                        position += converted.samples
                        samples = converted.to_ndarray().reshape(converted.samples, -1)
                        yield samples.astype(np.float32, copy=False)
        except DECODING_ERRORS:
            self.damaged_at = position if self.damaged_at is None else self.damaged_at

    def close(self) -> None:
        """Release the file."""
        self._container.close()
        self._file.close()

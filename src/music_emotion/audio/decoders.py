"""Decoders: files as blocks of samples, channels apart.

libsndfile (through ``soundfile``) reads WAV, FLAC, Ogg Vorbis, Opus, AIFF and MP3; FFmpeg (through
PyAV, extra ``[formats]``) reads M4A, AAC, WMA, WebM, DSD and the sound of videos.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import flac, lengths, mpeg, ogg
from music_emotion.audio.pieces import (
    JoinedParts,
    Layout,
    Listed,
    Loss,
    Part,
    Piece,
    Span,
    bytes_at,
    bytes_within,
    contradicted,
    whole_file,
)
from music_emotion.audio.tags_around import after_tags, before_padding, before_tags

BLOCK_FRAMES = 1 << 18
"""Frames read at once: 6 s at 44.1 kHz; fixed, so that every reader sees the same blocks."""

PIECE_FRAMES = 1 << 14  # frames asked of the decoder at once; damage costs one piece
MAX_FAILURES = 16  # in a row; then the decoder has lost the rest of a piece
MAX_CREDIBLE_FRAMES = 1 << 40  # headers that claim more do not know the length
MOST_MISSING_SECONDS = 3_600  # at one place; times that are further apart are damaged themselves
LEAST_MISSING_SECONDS = 0.25  # of a whole; encoders' delays and paddings are shorter

# What libsndfile notes when an Ogg file ends too early.
UNFINISHED_OGG = "Last page lacks an end-of-stream bit"

# Containers FFmpeg may open. It knows others that name further files or addresses, and follows
# them: playlists, lists of parts, session descriptions. What is heard must be in the file itself.
CONTAINED = (
    "mov,matroska,asf,avi,flv,mpeg,mpegts,aac,ac3,eac3,amr,ape,wv,tta,tak,dts,"
    "mp3,ogg,flac,wav,w64,aiff,caf,au,dsf,iff,voc,rm,truehd,mlp,loas,mpc,mpc8"
)

CONTAINER_SLACK = 0.02  # of the length; codecs' delays and coarse clocks are less
DISPOSITION_DEFAULT = 1  # FFmpeg's AV_DISPOSITION_DEFAULT

LOSSLESS_FLOATS = frozenset({"wavpack", "als"})  # of integers or floats, as their format tells

# Without a header that tells their length; FFmpeg guesses it from the rate of the beginning.
STREAMS = frozenset(
    {"aac", "ac3", "eac3", "amr", "dts", "mp3", "mpeg", "mpegts", "truehd", "mlp", "loas"}
)

FRAME_ZEROS = 64  # that may be the end of a stream's last frame
ENDING_IN_A_CHECKSUM = frozenset({"ac3", "eac3"})


class AudioFile(Protocol):
    """An open audio file: its format and its blocks.

    Attributes
    ----------
    frames, estimated
        Samples per channel as the header claims, if it does; whether that is only a guess.
    slack
        Samples that may be fewer without a word.
    is_float
        Whether it holds floats, whose scale nobody knows.
    decoded
        Samples of all channels that the decoder gave so far, used or not.
    losses, remarks
        Where it is damaged, and what else is to be said, so far; complete after the last block.
    """

    sample_rate: int  # Hz
    channels: int
    frames: int | None
    estimated: bool
    slack: int
    is_float: bool
    decoded: int
    losses: list[Loss]
    remarks: list[str]

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


def _open(descriptor: int, parts: Iterable[Part] | None) -> Any:
    """Open a file, or parts of it, with libsndfile; ``None`` if it does not know them."""
    import soundfile

    class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # untyped base
        """soundfile seeks after every read, which fails on damage; it need not."""

        def seekable(self) -> bool:
            return False

    try:
        if parts is None:
            os.lseek(descriptor, 0, os.SEEK_SET)
            return SequentialFile(descriptor, closefd=False)
        return SequentialFile(JoinedParts(descriptor, parts))
    except (soundfile.LibsndfileError, TypeError, ValueError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        return None


def _is_misread(file: Any) -> bool:
    """Whether libsndfile takes for sound what is none, or in another order.

    The headers of a VOC's blocks, and the channels of an 8SVX, which lie one behind the other.
    """
    return bool(file.format == "VOC" or (file.format == "SVX" and file.channels > 1))


def _layout(descriptor: int, file: Any) -> Layout | None:
    """Return how a file is to be read that is not to be read as it is.

    ``file`` is it, opened; ``None`` where libsndfile does not know it, or its header is wrong.
    """
    kind = _kind(bytes_at(descriptor, 0, 4)) if file is None else str(file.format)
    if kind == "MP3":
        return mpeg.layout(descriptor, 0 if file is None else int(file.frames))
    if kind == "OGG":
        return ogg.layout(descriptor)
    if kind == "FLAC":
        return flac.layout(whole_file(descriptor))
    return lengths.layout(descriptor)


def _kind(opening: bytes) -> str:
    """Return libsndfile's name of a format by a file's first bytes, as far as it is needed."""
    if opening == b"OggS":
        return "OGG"
    return "MP3" if opening[:3] == b"ID3" or opening[:1] == b"\xff" else ""


class SoundFileAudio:
    """A file read by libsndfile, piece by piece."""

    def __init__(self, descriptor: int, file: Any, layout: Layout) -> None:
        self._descriptor = descriptor
        self._file = file
        self._layout = layout
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        known, frames = self._layout.duration, int(file.frames)
        if known is not None:
            frames = round(known * self.sample_rate)
        self.frames = frames if frames < MAX_CREDIBLE_FRAMES else None
        self.estimated = self._layout.estimated
        self.is_float = file.subtype in ("FLOAT", "DOUBLE")
        self.decoded = 0
        self.slack = round(LEAST_MISSING_SECONDS * self.sample_rate)
        self.losses = list(self._layout.losses)
        self.remarks = list(self._layout.remarks)
        if self.frames is not None:
            self._compare(self.frames, self._layout.share)
        self._position = 0  # in frames of the whole
        self._silence = self._excess = 0  # frames to give before the piece goes on, or to leave out
        self._left = MAX_CREDIBLE_FRAMES  # frames to take of the piece
        self._converter: _Converter | None = None

    def _compare(self, frames: int, share: float) -> None:
        """Take the length that the header claims, or say that it is wrong."""
        if share > 1.0:
            self.frames = round(frames * share)
        elif share < 1.0:
            claimed, found = share * frames / self.sample_rate, frames / self.sample_rate
            self.remarks.append(contradicted(claimed, found))
        elif UNFINISHED_OGG in str(self._file.extra_info) and not self.losses:
            self.losses.append(Loss(frames / self.sample_rate))

    @property
    def is_inexact(self) -> bool:
        """Whether FFmpeg decodes it better: the IMA ADPCM of AIFF, here begun anew every packet."""
        return bool(self._file.format == "AIFF" and self._file.subtype == "IMA_ADPCM")

    @classmethod
    def attempt(cls, descriptor: int) -> SoundFileAudio | None:
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown."""
        file = _open(descriptor, None)
        if file is not None and _is_misread(file):
            file.close()
            return None
        layout = _layout(descriptor, file) or Listed()
        first = layout.next_piece(0.0) or Piece()
        if first.parts is not None:
            corrected = _open(descriptor, first.parts)
            if corrected is None:
                layout, first = Listed(()), Piece()
            elif file is not None:
                file.close()
            file = corrected or file
        if file is None:
            return None
        opened = cls(descriptor, file, layout)
        opened._begin(first)
        return opened

    def blocks(self, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (frames, channels) float32 blocks, ``limit`` frames in all at most."""
        limit = MAX_CREDIBLE_FRAMES if limit is None else limit
        given = 0
        while given < limit:
            block = np.empty((min(BLOCK_FRAMES, limit - given), self.channels), dtype=np.float32)
            filled = self._fill(block)
            if filled:
                yield block[:filled]
            if filled < len(block):
                return
            given += filled

    def _fill(self, block: NDArray[np.float32]) -> int:
        """Fill a block bit by bit and return the frames filled; fewer than all at the end."""
        filled = 0
        while filled < len(block):
            rest = block[filled : filled + PIECE_FRAMES]
            if self._silence:
                rest = rest[: self._silence]
                rest[:] = 0.0
                self._silence -= len(rest)
                count = len(rest)
            else:
                count = self._decode(rest)
                if not count:
                    if self._go_on():
                        continue
                    break
            filled += count
            self._position += count
        return filled

    def _go_on(self) -> bool:
        """Begin the next piece that can be opened; return whether there is one."""
        while (piece := self._layout.next_piece(self._position / self.sample_rate)) is not None:
            file = _open(self._descriptor, piece.parts)
            if file is not None:
                self._file.close()
                self._file = file
                self._begin(piece)
                return True
        return False

    def _begin(self, piece: Piece) -> None:
        """Put a piece that has been opened to its place in time."""
        rate, channels = int(self._file.samplerate), int(self._file.channels)
        self._converter = None
        if (rate, channels) != (self.sample_rate, self.channels):
            self._converter = _Converter(rate, self.sample_rate, self.channels)
        self._left = MAX_CREDIBLE_FRAMES if piece.frames is None else piece.frames
        self._excess = 0
        start = piece.start
        if start is None and piece.end is not None:
            start = piece.end - int(self._file.frames) / rate
        if start is None:
            return
        ahead = round(start * self.sample_rate) - self._position
        if ahead > MOST_MISSING_SECONDS * self.sample_rate:
            return
        if ahead > 0:
            self._silence = ahead
            here = self._position / self.sample_rate
            self.losses.append(Loss(here, ahead / self.sample_rate))
        self._excess = max(0, -ahead)
        if piece.end is not None:
            end = round(piece.end * self.sample_rate)
            self._left = max(0, end - self._position - self._silence)

    def _decode(self, out: NDArray[np.float32]) -> int:
        """Decode into ``out`` what comes next of a piece; return the frames, 0 at its end."""
        read = self._read if self._converter is None else self._converted
        while self._excess:
            count = read(np.empty_like(out[: self._excess]))
            if not count:
                return 0
            self._excess -= count
        count = read(out[: self._left]) if self._left else 0
        self._left -= count
        return count

    def _converted(self, out: NDArray[np.float32]) -> int:
        """Decode at the rate and with the channels of the first piece."""
        assert self._converter is not None
        while not (len(self._converter.ready) or self._converter.is_ended):
            block = np.empty((PIECE_FRAMES, int(self._file.channels)), dtype=np.float32)
            count = self._read(block)
            self._converter.push(block[:count])
        return self._converter.pull(out)

    def _read(self, out: NDArray[np.float32]) -> int:
        """Decode into ``out``; what was decoded before an error is kept."""
        import soundfile

        for _ in range(MAX_FAILURES):
            out.fill(np.nan)  # what the decoder has not written, for it does not tell
            try:
                count = len(self._file.read(out=out))
                self.decoded += count * out.shape[1]
                return count
            except (soundfile.LibsndfileError, RuntimeError):
                written = np.flatnonzero(~np.isnan(out[:, 0]))
                count = int(written[-1]) + 1 if len(written) else 0
                self.decoded += count * out.shape[1]
                if self._is_damage(count):
                    self.losses.append(Loss((self._position + count) / self.sample_rate))
                if count:
                    return count
        return 0

    def _is_damage(self, count: int) -> bool:
        """Whether an error after so many frames comes before the end of the sound."""
        known = self._layout.duration
        position = (self._position + count) / self.sample_rate
        return known is None or round((known - position) * self.sample_rate) > 0

    def close(self) -> None:
        """Release the file."""
        if not self._file.closed:
            self._file.close()
            os.close(self._descriptor)


class _Converter:
    """Brings sound to another rate and number of channels, a block after the other."""

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        import soxr

        self._channels = channels
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32")
        self.ready = np.empty((0, channels), dtype=np.float32)
        self.is_ended = False

    def push(self, block: NDArray[np.float32]) -> None:
        """Take a block of shape (frames, any channels); an empty one is the last."""
        self.is_ended = not len(block)
        if block.shape[1] != self._channels:
            mix = block.mean(axis=1, keepdims=True, dtype=np.float32)
            block = np.repeat(mix, self._channels, axis=1)
        if self._stream is not None:
            block = self._stream.resample_chunk(np.ascontiguousarray(block), last=not len(block))
            block = block.reshape(-1, self._channels)
        self.ready = block

    def pull(self, out: NDArray[np.float32]) -> int:
        """Give what is ready, as far as there is room."""
        count = min(len(out), len(self.ready))
        out[:count] = self.ready[:count]
        self.ready = self.ready[count:]
        return count


def _decoding_errors() -> tuple[type[Exception], ...]:
    """Return what FFmpeg reports damage through: its own errors, and those of PyAV's checks."""
    import av

    return av.FFmpegError, ValueError, EOFError, MemoryError


def _open_container(file: io.RawIOBase) -> Any:
    """Open a file with FFmpeg; raises one of :func:`_decoding_errors` where that fails."""
    import av

    options = {"format_whitelist": CONTAINED}
    return av.open(file, mode="r", metadata_errors="replace", options=options)


def _sound_within(descriptor: int, stream: str = "") -> JoinedParts:
    """Return a file without the tags around its sound, which FFmpeg takes for damage.

    Of one of STREAMS, the zeros behind it are left out, too.
    """
    size = os.fstat(descriptor).st_size
    read = functools.partial(bytes_within, descriptor)
    start = after_tags(read, size)
    end = before_tags(read, start, size)
    if stream:
        kept = 0 if stream in ENDING_IN_A_CHECKSUM else FRAME_ZEROS
        end = before_tags(read, start, before_padding(read, start, end, kept))
    return JoinedParts(descriptor, [Span(start, end)])


def is_without_sound(descriptor: int) -> bool:
    """Whether FFmpeg knows a file and there is no sound in it; the descriptor stays open.

    Raises
    ------
    ImportError
        PyAV (extra ``[formats]``) is missing.
    """
    import av  # noqa: F401  # what is missing is said before anything is opened

    try:
        with _open_container(_sound_within(descriptor)) as container:
            return not container.streams.audio
    except _decoding_errors():
        return False


def _is_default(track: Any) -> bool:
    """Whether a container marks a track as the one to be heard (PyAV tells from 14 on)."""
    disposition = getattr(track, "disposition", None)
    return disposition is not None and bool(int(disposition) & DISPOSITION_DEFAULT)


def _holds_floats(context: Any) -> bool:
    """Whether a codec keeps floats as they are (lossy ones make floats of a known scale)."""
    if str(context.name).startswith("pcm_f"):
        return True
    return context.name in LOSSLESS_FLOATS and str(context.format.name).startswith(("flt", "dbl"))


class ContainerAudio:
    """A stream of sound in a container, read by FFmpeg: the default, else the first."""

    def __init__(self, descriptor: int, container: Any) -> None:
        self._descriptor = descriptor
        self._container = container
        tracks = list(container.streams.audio)
        heard = next((at for at, track in enumerate(tracks) if _is_default(track)), 0)
        self._stream = tracks[heard]
        self.sample_rate = int(self._stream.codec_context.sample_rate or 0)
        self.channels = int(self._stream.codec_context.channels or 0)
        length, base = self._stream.duration, self._stream.time_base
        self.frames = int(length * base * self.sample_rate) if length and base else None
        self.estimated = container.format.name in STREAMS
        self.is_float = _holds_floats(self._stream.codec_context)
        self.decoded = 0
        self.slack = round(CONTAINER_SLACK * (self.frames or 0))
        self.losses: list[Loss] = []
        self.remarks: list[str] = []
        if len(tracks) > 1:
            which = (
                f"number {heard + 1}, its default," if _is_default(tracks[heard]) else "the first"
            )
            self.remarks.append(f"it holds {len(tracks)} sound tracks; {which} was heard")

    @classmethod
    def attempt(cls, descriptor: int) -> ContainerAudio | None:
        """Open the descriptor, which stays the caller's on failure; ``None`` if unknown.

        Raises
        ------
        ImportError
            PyAV (extra ``[formats]``) is missing.
        """
        try:
            container = _open_container(_sound_within(descriptor))
            if container.format.name in STREAMS:
                stream = container.format.name
                container.close()
                container = _open_container(_sound_within(descriptor, stream))
            streams = container.streams.audio
            if not streams or streams[0].codec_context is None:
                raise ValueError("no sound that can be decoded")
            return cls(descriptor, container)
        except _decoding_errors():
            return None

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
        position = packets = 0
        try:
            for packet in self._container.demux(self._stream):
                packets += packet.size > 0
                try:
                    frames = packet.decode()
                except _decoding_errors():
                    seconds = float((packet.duration or 0) * (packet.time_base or 0))
                    self.losses.append(Loss(position / self.sample_rate, seconds))
                    missing = min(round(seconds * self.sample_rate), BLOCK_FRAMES)
                    position += missing
                    yield np.zeros((missing, self.channels), dtype=np.float32)
                    continue
                for frame in frames:
                    for converted in resampler.resample(frame):
                        position += converted.samples
                        samples = converted.to_ndarray().reshape(converted.samples, -1)
                        self.decoded += samples.size
                        yield samples.astype(np.float32, copy=False)
            # Where the container counts its packets and all were there, nothing is cut off.
            self.estimated |= 0 < int(self._stream.frames or 0) <= packets
        except _decoding_errors():
            if not self._is_heard(position):  # else of what is behind the sound: tags, padding
                self.losses.append(Loss(position / self.sample_rate))

    def _is_heard(self, position: int) -> bool:
        """Whether all is heard that a header claims."""
        return self.frames is not None and not self.estimated and position >= self.frames

    def close(self) -> None:
        """Release the file."""
        if self._descriptor >= 0:
            self._container.close()
            os.close(self._descriptor)
            self._descriptor = -1

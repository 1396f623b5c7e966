"""Open a file by what it holds, or read what it says about itself; never ask the extension."""

from __future__ import annotations

import functools
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from music_emotion.audio.decoders import (
    AudioFile,
    ContainerAudio,
    SoundFileAudio,
    is_without_sound,
)
from music_emotion.audio.kinds import Kind, kind_of, opening
from music_emotion.audio.limit import NO_LIMIT, ReadingLimit
from music_emotion.audio.names import local_path
from music_emotion.audio.pieces import bytes_within
from music_emotion.audio.scale import FULL_SCALE, Scale, scale_of
from music_emotion.audio.tags_around import ID3V2
from music_emotion.errors import AudioError, MissingExtraError, MusicEmotionError, printable

AudioSource = str | os.PathLike[str] | BinaryIO
"""A path, its ``file:`` address, or an open binary stream such as ``sys.stdin.buffer``; a file is
read from its start."""

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 768_000  # Hz; outside, a header is damaged
MAX_CHANNELS = 64

STDIN_NAME = "<stdin>"
COPY_BYTES = 1 << 20


def source_name(source: AudioSource) -> str:
    """Return the name of a source for messages: one printable line."""
    if isinstance(source, str | os.PathLike):
        return f"'{printable(os.fsdecode(source))}'"
    name = stream_name(source)
    if name == STDIN_NAME:
        return "standard input"
    return "the stream" if name is None else f"'{printable(name)}'"


def stream_name(stream: BinaryIO) -> str | None:
    """Return what an open stream says it is called, ``None`` where it says nothing.

    Examples
    --------
    >>> stream_name(io.BytesIO()) is None
    True
    """
    name: object = None
    with suppress(Exception):  # each kind of stream has exceptions of its own
        name = getattr(stream, "name", None)
    return name if isinstance(name, str) else None  # a temporary file's is its descriptor


class _NamedStream:
    """What is asked of an open file, and a name."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.read = file.read
        self.fileno = file.fileno


def named_stream(file: BinaryIO, name: str) -> BinaryIO:
    """Return an open file, which has a descriptor, under a name that messages show."""
    return cast(BinaryIO, _NamedStream(file, name))


def open_file(source: AudioSource, limit: ReadingLimit = NO_LIMIT) -> tuple[AudioFile, Scale]:
    """Open a source for reading; return it and the scale of its samples.

    A file of floats is read once for its scale; what was made of integers, or by a lossy decoder,
    is at full scale.

    Raises
    ------
    AudioError
        The file is missing, a folder, not permitted, empty or not audio.
    TooMuchError
        It claims more sound than the limit, or its floats are more.
    MissingExtraError
        The file is of a kind that PyAV reads, and PyAV is not installed.
    """
    name = source_name(source)
    descriptor = _descriptor(source, name)
    try:
        audio = _opened(os.dup(descriptor), name)
        try:
            limit.check(audio, name)
        except AudioError:
            audio.close()
            raise
        if not audio.is_float:
            return audio, FULL_SCALE
        with closing(audio):
            scale = scale_of(limit.watched(audio, name))
        return _opened(os.dup(descriptor), name), scale
    finally:
        os.close(descriptor)


def _opened(descriptor: int, name: str) -> AudioFile:
    """Open a file by a descriptor, which is closed with it."""
    try:
        if not os.fstat(descriptor).st_size:
            raise AudioError(f"{name} is empty (0 bytes); copy or download it again")
        audio = _decoder(descriptor, name)
    except BaseException:
        os.close(descriptor)
        raise
    if not MIN_SAMPLE_RATE <= audio.sample_rate <= MAX_SAMPLE_RATE:
        what = f"a sample rate of {audio.sample_rate:,} Hz"
        allowed = f"{MIN_SAMPLE_RATE:,} to {MAX_SAMPLE_RATE:,}"
    elif not 1 <= audio.channels <= MAX_CHANNELS:
        what, allowed = f"{audio.channels} channels", f"1 to {MAX_CHANNELS}"
    else:
        return audio
    audio.close()
    raise AudioError(f"{name} claims {what}; it is damaged, or needs converting to {allowed}")


def _decoder(descriptor: int, name: str) -> AudioFile:
    """Return what decodes a file; the descriptor is closed with it."""
    audio = SoundFileAudio.attempt(descriptor)
    if audio is None:
        return _open_container(descriptor, name)
    if audio.is_inexact:
        another = os.dup(descriptor)
        with suppress(ImportError):
            exact = ContainerAudio.attempt(another)
            if exact is not None:
                audio.close()
                return exact
        os.close(another)
    return audio


def _descriptor(source: AudioSource, name: str) -> int:
    """Return a descriptor of a seekable regular file with the source's bytes."""
    if not isinstance(source, str | os.PathLike):
        return _spooled(source, name)
    path = Path(local_path(os.fsdecode(source)))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name} is a folder, not an audio file; name a file in it")
        if stat.S_ISFIFO(mode):
            with path.open("rb") as pipe:
                return _spooled(pipe, name)
        if not stat.S_ISREG(mode):
            raise AudioError(f"{name} is a device, not an audio file; name a file")
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise AudioError(f"{name} does not exist; check the path") from None
    except PermissionError:
        raise AudioError(f"{name} may not be read; change its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{name} cannot be opened ({reason}); check the path") from None


def copy_stream(stream: IO[bytes], copy: IO[bytes], name: str) -> None:
    """Copy all that is left of a stream into a file, which others can then open and read.

    Raises
    ------
    AudioError
        The stream ``name`` cannot be read, or does not give bytes.
    OSError
        The file cannot be written.
    """
    while chunk := _read(stream, name):
        copy.write(chunk)
    copy.flush()


def _read(stream: IO[bytes], name: str) -> bytes:
    """Return what a stream gives next, which may be an object of any program."""
    try:
        chunk: object = stream.read(COPY_BYTES)
    except Exception as error:  # each kind of stream has exceptions of its own
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise AudioError(
            f"{name} cannot be read ({printable(reason)}); open it again, with mode 'rb'"
        ) from error
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    kind = "nothing yet" if chunk is None else f"{type(chunk).__name__}, not bytes"
    raise AudioError(f"{name} gives {kind}; give a path, or a stream opened with mode 'rb'")


def _spooled(stream: BinaryIO, name: str) -> int:
    """Return a descriptor of a stream's bytes, copied into a temporary file unless it is one."""
    if getattr(stream, "closed", False) is True:
        raise AudioError(f"{name} is closed; open it again")
    descriptor = _regular_file(stream)
    if descriptor is None:
        _rewind(stream)
        with temporary_copy(stream, name) as copy:
            descriptor = os.dup(copy.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@contextmanager
def temporary_copy(stream: IO[bytes], name: str) -> Iterator[BinaryIO]:
    """Give a file without a name that holds all that is left of a stream, gone after the block.

    Raises
    ------
    AudioError
        The stream ``name`` cannot be read, or there is no place for a file.
    """
    with ExitStack() as stack:
        try:
            copy = stack.enter_context(tempfile.TemporaryFile())
            copy_stream(stream, copy, name)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AudioError(
                f"{name} cannot be kept in a temporary file ({reason}); make room, or let TMPDIR "
                "name a folder that may be written"
            ) from None
        yield cast(BinaryIO, copy)


def _rewind(stream: BinaryIO) -> None:
    """Go to the start of a stream that can; what others give begins where they are."""
    with suppress(Exception):  # each kind of stream has exceptions of its own
        if stream.seekable():
            stream.seek(0)


def _regular_file(stream: BinaryIO) -> int | None:
    """Return a descriptor of the regular file whose bytes a stream gives as they are.

    A stream that unpacks or counts has the descriptor of what lies beneath it; only those of
    Python's own that change nothing are taken by it.
    """
    is_buffered = type(stream) in (io.BufferedReader, io.BufferedRandom)
    file: object = getattr(stream, "raw", None) if is_buffered else stream
    if type(file) is not io.FileIO and not isinstance(stream, _NamedStream):
        return None
    try:
        if isinstance(stream, io.BufferedRandom):
            stream.flush()
        number = stream.fileno()
        return os.dup(number) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except OSError:
        return None


def begins_as_sound(path: Path) -> bool:
    """Whether a file is there and begins as sound does; nothing is decoded.

    Examples
    --------
    >>> begins_as_sound(Path(os.devnull))
    False
    """
    import soundfile

    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb", buffering=0) as stream:
            if _kind(stream.fileno()) is not None:
                return True
            stream.seek(0)
            soundfile.SoundFile(stream.fileno(), closefd=False).close()
    except (OSError, ValueError, soundfile.LibsndfileError):
        return False
    return True


def _kind(descriptor: int) -> Kind | None:
    """Return what kind of sound a file is by its first bytes."""
    read = functools.partial(bytes_within, descriptor)
    return kind_of(opening(read, os.fstat(descriptor).st_size))


def _open_container(descriptor: int, name: str) -> AudioFile:
    kind = _kind(descriptor)
    remedy = "convert it to WAV, FLAC, MP3, Ogg, Opus or AIFF"
    try:
        opened = ContainerAudio.attempt(descriptor)
    except ImportError:
        if kind is not None and kind.needs_formats:
            raise MissingExtraError(f"{name} is {kind.name} audio, which", "formats") from None
        remedy += ", or read more kinds: pip install 'music-emotion[formats]'"
    else:
        if opened is not None:
            return opened
    raise AudioError(f"{name} is not audio that can be read; {remedy}")


def holds_sound(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file holds sound that can be read here.

    Its first bytes tell whether it is of a kind that may, and opening it the rest, so that others
    cost a single read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        if _kind(descriptor) is None and bytes_within(descriptor, 0, len(ID3V2)) != ID3V2:
            return False
        _opened(os.dup(descriptor), source_name(path)).close()
    except (OSError, MusicEmotionError):
        return False
    finally:
        os.close(descriptor)
    return True


def is_silent_film(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video that can be opened here and has no sound track."""
    try:
        with Path(path).open("rb") as file:
            return is_without_sound(file.fileno())
    except (OSError, ImportError):
        return False  # what is wrong with it is said where it is read


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """Header and tags of one audio file.

    Attributes
    ----------
    duration, sample_rate
        Seconds, as the header states it, and Hz.
    artist, album, title
        The tags, ``""`` where there are none.
    """

    duration: float
    sample_rate: int
    channels: int
    artist: str = ""
    album: str = ""
    title: str = ""


def read_header(path: Path) -> AudioHeader:
    """Read length and tags of an audio file; well under a millisecond for a one-minute MP3.

    Raises
    ------
    AudioError
        If the file is missing, empty or not audio.
    MissingExtraError
        If libsndfile does not know the format (m4a …) and mutagen is not installed.
    """
    import soundfile

    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the path")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty; replace it")
    try:
        # By its descriptor: soundfile cannot encode a name that is no UTF-8.
        with (
            path.open("rb") as stream,
            soundfile.SoundFile(stream.fileno(), closefd=False) as file,
        ):
            tags = file.copy_metadata()
            return AudioHeader(
                duration=file.frames / file.samplerate,
                sample_rate=file.samplerate,
                channels=file.channels,
                **{name: tags.get(name, "").strip() for name in ("artist", "album", "title")},
            )
    except (soundfile.LibsndfileError, OSError):
        return _read_with_mutagen(path)


def _read_with_mutagen(path: Path) -> AudioHeader:
    try:
        import mutagen
    except ImportError as error:
        raise MissingExtraError(f"reading the header of {path}", "train") from error
    try:
        file: Any = mutagen.File(path, easy=True)
    except (mutagen.MutagenError, OSError) as error:
        raise AudioError(f"{path}: cannot be read as audio ({error}); replace it") from error
    if file is None or not getattr(file.info, "sample_rate", 0):
        raise AudioError(f"{path}: is not an audio file that can be read; replace it")
    tags = file.tags or {}
    return AudioHeader(
        duration=float(file.info.length),
        sample_rate=int(file.info.sample_rate),
        channels=int(getattr(file.info, "channels", 0)),
        # The words of a WMA are objects of mutagen's.
        **{name: str((tags.get(name) or [""])[0]).strip() for name in ("artist", "album", "title")},
    )

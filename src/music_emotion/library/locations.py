"""Audio files and folders by path or by URL: the disk, and whatever fsspec or Arrow can open."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from music_emotion.errors import MissingExtraError, MusicEmotionError, printable
from music_emotion.inference.finding import AUDIO_SUFFIXES, find_files
from music_emotion.library.track import FileStamp
from music_emotion.library.walk import absolute

SCHEME = "://"
LOCAL_SCHEME = "file://"
COPY_BYTES = 1 << 20


def is_url(name: str) -> bool:
    """Whether a name is a URL of something else than a file on this machine."""
    return SCHEME in name and not name.startswith(LOCAL_SCHEME)


def find_locations(names: Iterable[str]) -> list[str]:
    """Return the audio files that paths, folders, patterns and URLs name, each once, in order.

    Paths become absolute. Folders and URLs of folders give their audio files, subfolders included;
    a URL that gives nothing is kept, and fails when it is read.

    Raises
    ------
    MusicEmotionError
        The storage of a URL cannot be reached.
    """
    found: dict[str, None] = {}
    for name in names:
        if is_url(name):
            found.update(dict.fromkeys(_under_url(name) or [name]))
            continue
        local = _local_path(name) if name.startswith(LOCAL_SCHEME) else name
        found.update(dict.fromkeys(map(absolute, find_files([local], recursive=True))))
    return list(found)


def storage(url: str) -> tuple[Any, str]:
    """Return (fsspec file system, path in it) of a URL or of a path on this machine.

    Arrow's own file systems serve where fsspec lacks a package for a scheme (S3, Google).

    Raises
    ------
    MissingExtraError
        fsspec is not installed.
    MusicEmotionError
        The scheme is unknown, or the storage cannot be reached.
    """
    try:
        import fsspec.core
    except ImportError:
        raise MissingExtraError(f"'{printable(url)}'", "distributed") from None
    try:
        file_system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        with suppress(Exception):
            return _arrow_storage(url)
        raise _unreachable(url, error) from None
    except Exception as error:  # each storage has exceptions of its own
        raise _unreachable(url, error) from None
    return file_system, str(path)


@contextmanager
def local_file(location: str) -> Iterator[tuple[Path, FileStamp]]:
    """Give a file on this machine with the contents of a location, and the location's stamp.

    What a URL names is copied into a temporary file for as long as the block lasts.

    Raises
    ------
    OSError
        The path does not exist or may not be read.
    MusicEmotionError
        The URL cannot be read.
    """
    if not is_url(location):
        yield Path(location), FileStamp.read(location)
        return
    file_system, path = storage(location)
    suffix = PurePosixPath(path).suffix
    with tempfile.NamedTemporaryFile(prefix="music-emotion-", suffix=suffix) as copy:
        try:
            about = file_system.info(path)
            with file_system.open(path, "rb") as stream:
                shutil.copyfileobj(stream, copy, COPY_BYTES)
        except Exception as error:  # each storage has exceptions of its own
            raise _unreachable(location, error) from None
        copy.flush()
        yield Path(copy.name), FileStamp(os.fstat(copy.fileno()).st_size, _changed_ns(about), 0)


def _local_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)


def _under_url(url: str) -> list[str]:
    file_system, path = storage(url)
    try:
        if glob.has_magic(path):
            names = file_system.glob(path)
        elif file_system.isdir(path):
            names = file_system.find(path)
        else:
            return [url]
    except Exception as error:  # each storage has exceptions of its own
        raise _unreachable(url, error) from None
    audio = sorted(n for n in names if PurePosixPath(n).suffix.lower() in AUDIO_SUFFIXES)
    scheme, chained, inner = url.partition("::")
    prefix = scheme.partition(SCHEME)[0] + SCHEME
    return [f"{prefix}{name.partition(SCHEME)[2] or name}{chained}{inner}" for name in audio]


def _arrow_storage(url: str) -> tuple[Any, str]:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    # Of the bucket alone: what follows is a name as it is, which a URI would have to quote.
    bucket, _, name = url.partition(SCHEME)[2].partition("/")
    arrow, root = fs.FileSystem.from_uri(f"{url.partition(SCHEME)[0]}{SCHEME}{bucket}")
    return ArrowFSWrapper(arrow), f"{root}/{name}" if name else root


def _changed_ns(about: dict[str, Any]) -> int:
    """Return when a stored object changed, nanoseconds since 1970; 0 where nobody knows."""
    for key in ("mtime", "LastModified", "last_modified", "modified", "created"):
        value = about.get(key)
        if value is None:
            continue
        seconds = value.timestamp() if hasattr(value, "timestamp") else value
        with suppress(TypeError, ValueError):
            return round(float(seconds) * 1e9)
    return 0


def _unreachable(url: str, error: Exception) -> MusicEmotionError:
    reason = printable((str(error).splitlines() or [""])[0][:200]) or type(error).__name__
    return MusicEmotionError(
        f"'{printable(url)}' cannot be read ({reason}); check the address and your rights to it"
    )

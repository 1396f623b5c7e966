"""Audio files and folders by path or by URL: the disk, and whatever fsspec or Arrow can open."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from music_emotion.audio.discover import has_music_name
from music_emotion.audio.files import copy_stream
from music_emotion.audio.names import SCHEME, is_address, local_path
from music_emotion.digest import FileStamp
from music_emotion.errors import MissingExtraError, MusicEmotionError, printable
from music_emotion.library.distributed.settings import NO_SETTINGS, StorageSettings
from music_emotion.library.exclusions import Exclusions
from music_emotion.library.walk import absolute, walk

MAGIC = re.compile(r"[*?[]")  # what a pattern begins to be one with


def is_url(name: str) -> bool:
    """Whether a name is a URL of something else than a file on this machine."""
    return SCHEME in name and not is_address(name)


def listed_names(listing: bytes) -> list[str]:
    r"""Return the names of a list: one a line, which may be no UTF-8.

    Lines end with a line feed, or with a carriage return and a line feed.

    >>> listed_names(b"a b.mp3\r\n\ncaf\xe9.mp3")
    ['a b.mp3', 'caf\udce9.mp3']
    """
    lines = (line.removesuffix(b"\r") for line in listing.split(b"\n"))
    return [line.decode("utf-8", "surrogateescape") for line in lines if line]


def find_locations(
    names: Iterable[str],
    unreadable: Callable[[str, str], None] | None = None,
    left_out: set[str] | None = None,
    exclude: Exclusions | None = None,
    excluded: dict[str, str] | None = None,
    settings: StorageSettings = NO_SETTINGS,
) -> list[str]:
    """Return the music that paths, folders, patterns and URLs name, each once, in order.

    Paths become absolute. Folders give what a scan of this machine finds in them, see
    :func:`music_emotion.library.walk.walk`, and URLs of folders what is called like music,
    subfolders included: to open each other object of a storage would cost a request. A path or URL
    that is neither is kept, and may fail when it is read; of a URL that ends like music, the
    storage is not asked. ``unreadable`` is called with the path of what a folder holds and cannot
    be looked at, and why; the other files of folders are added to ``left_out``. What ``exclude``
    leaves out of folders, and folders of the system and such as are marked, are added to
    ``excluded``, and why.

    Raises
    ------
    MusicEmotionError
        The storage of a URL cannot be reached.
    """
    found: dict[str, None] = {}
    reached: set[str] = set()
    others = set() if left_out is None else left_out
    exclude = Exclusions() if exclude is None else exclude
    passed = {} if excluded is None else excluded
    for name in names:
        if is_url(name):
            found.update(
                dict.fromkeys(_under_url(name, reached, others, exclude, passed, settings))
            )
            continue
        for path in _matching(local_path(name)):
            if not Path(path).is_dir():
                found[absolute(path)] = None
                continue
            walked = walk(path, exclude=exclude)
            found.update(dict.fromkeys(walked.files))
            others |= walked.left_out
            passed |= walked.excluded
            if unreadable is not None:
                for place, reason in walked.unreadable.items():
                    unreadable(place, reason)
    return list(found)


def storage(url: str, settings: StorageSettings = NO_SETTINGS) -> tuple[Any, str]:
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
        file_system, path = fsspec.core.url_to_fs(url, **settings.for_fsspec(url))
    except ImportError as error:
        with suppress(Exception):
            return _arrow_storage(url, settings)
        raise _unreachable(url, error) from None
    except Exception as error:  # each storage has exceptions of its own
        raise _unreachable(url, error) from None
    return file_system, str(path)


@contextmanager
def downloaded(
    url: str, settings: StorageSettings = NO_SETTINGS
) -> Iterator[tuple[str, FileStamp]]:
    """Give a temporary file with the contents of a URL, gone after the block, and the URL's stamp.

    Raises
    ------
    OSError
        The file cannot be written.
    MusicEmotionError
        The URL cannot be read.
    """
    file_system, path = storage(url, settings)
    suffix = PurePosixPath(path).suffix
    with tempfile.NamedTemporaryFile(prefix="music-emotion-", suffix=suffix) as copy:
        try:
            about = file_system.info(path)
            with file_system.open(path, "rb") as stream:
                copy_stream(stream, copy, f"'{printable(url)}'")
        except Exception as error:  # each storage has exceptions of its own
            raise _unreachable(url, error.__cause__ or error) from None
        yield copy.name, FileStamp(os.fstat(copy.fileno()).st_size, _changed_ns(about), 0)


def _matching(name: str) -> list[str]:
    """Return the files and folders that a path or a pattern names, itself where there are none."""
    if not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]  # noqa: PTH207  # may be absolute


def _under_url(
    url: str,
    reached: set[str],
    left_out: set[str],
    exclude: Exclusions,
    excluded: dict[str, str],
    settings: StorageSettings,
) -> list[str]:
    """Return the music that a URL names; ``reached`` are the buckets known to be there."""
    scheme, chained, inner = url.partition("::")
    if _ends_like_music(scheme) and not glob.has_magic(url):
        bucket = "/".join(url.split("/", 3)[:3])
        if bucket not in reached:
            storage(url, settings)
            reached.add(bucket)
        return [url]
    file_system, path = storage(url, settings)
    try:
        if glob.has_magic(path):
            names = file_system.glob(path)
        elif file_system.isdir(path):
            names = file_system.find(path)
        else:
            return [url]
    except Exception as error:  # each storage has exceptions of its own
        raise _unreachable(url, error) from None
    before = MAGIC.split(path)[0]  # a pattern's folder is the last one without a pattern
    passed = exclude.why_all(names, path if before == path else before.rpartition("/")[0])
    excluded |= passed
    names = [name for name in names if name not in passed]
    music = sorted(filter(_ends_like_music, names))
    left_out |= set(names).difference(music)
    prefix = scheme.partition(SCHEME)[0] + SCHEME
    urls = [f"{prefix}{name.partition(SCHEME)[2] or name}{chained}{inner}" for name in music]
    return urls or ([] if passed else [url])


def _ends_like_music(name: str) -> bool:
    return has_music_name(PurePosixPath(name).name)


def _arrow_storage(url: str, settings: StorageSettings) -> tuple[Any, str]:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    # Of the bucket alone: what follows is a name as it is, which a URI would have to quote.
    scheme, _, place = url.partition(SCHEME)
    bucket, _, name = place.partition("/")
    arrow: Any
    if scheme == "s3" and (chosen := settings.for_arrow()):
        arrow, root = fs.S3FileSystem(**chosen), bucket
    else:
        arrow, root = fs.FileSystem.from_uri(f"{scheme}{SCHEME}{bucket}")
    return ArrowFSWrapper(arrow), f"{root}/{name}" if name else root


def _changed_ns(about: dict[str, Any]) -> int:
    """Return when a stored object changed, nanoseconds since 1970; 0 where nobody knows."""
    for key in ("mtime", "LastModified", "last_modified", "modified", "created"):
        value = about.get(key, "")
        with suppress(TypeError, ValueError):  # none, or a date in words
            return round(float(value.timestamp() if hasattr(value, "timestamp") else value) * 1e9)
    return 0


def _unreachable(url: str, error: BaseException) -> MusicEmotionError:
    reason = printable((str(error).splitlines() or [""])[0][:200]) or type(error).__name__
    return MusicEmotionError(
        f"'{printable(url)}' cannot be read ({reason}); check the address and your rights to it"
    )

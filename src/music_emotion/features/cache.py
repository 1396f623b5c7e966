"""The cache on disk: features by what they were computed from.

One file per track and feature, named by the SHA-256 of the audio file and lying in a folder named
by the feature and a digest of its parameters, so that a changed file or a changed computation never
meets an old result. A file is a NumPy array (``.npy``, no pickle) followed by 32 bytes: the SHA-256
of its key and its values. It is written under a temporary name and renamed, so that a reader sees
a whole file or none, whoever else writes and whenever the writer dies. A file that is cut short,
altered or of another key is dropped with a line in the log, and computed again.

Beside the tracks lie whole corpora in one array per feature, which several processes can map into
memory together.

The folder is MUSIC_EMOTION_CACHE where that is set (``off``: no cache), else the user's cache.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import replaced_when_done
from music_emotion.errors import CacheError

VARIABLE = "MUSIC_EMOTION_CACHE"
OFF = "off"  # value of VARIABLE that switches the cache off
DIGEST_SIZE = 32  # bytes of SHA-256
KEY_DIGITS = 12  # hexadecimal digits of the digest of a feature's parameters
STALE_SECONDS = 24 * 3600.0  # a temporary file this old was left by a process that died
TRACKS, CORPORA, TEMPORARY = "tracks", "corpora", "temporary"  # folders

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class FeatureKey:
    """What identifies a feature in the cache.

    Attributes
    ----------
    name
        Name of the feature.
    parameters
        All that its values depend on besides the audio, as text.
    shape
        Shape per segment.
    """

    name: str
    parameters: str
    shape: tuple[int, ...]

    @property
    def folder(self) -> str:
        """Folder name: the feature and a digest of its parameters."""
        digest = hashlib.sha256(f"{self.parameters} {self.shape}".encode()).hexdigest()
        return f"{self.name}-{digest[:KEY_DIGITS]}"


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """What one part of the cache holds."""

    name: str
    files: int
    bytes: int


def default_directory() -> Path | None:
    """Return the cache folder, ``None`` where the cache is switched off."""
    setting = os.environ.get(VARIABLE, "").strip()
    if setting.lower() == OFF:
        return None
    if setting:
        return Path(setting).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("music-emotion") / "features"


class FeatureStore:
    """The cache in one folder.

    A track is named by ``audio``, the SHA-256 of its file; a corpus by those of its tracks.

    Parameters
    ----------
    directory
        Where it lies; made on first writing.

    Raises
    ------
    CacheError
        On writing, where the disk is full or the folder may not be written. Features can be
        computed without the cache: leave it out, or set MUSIC_EMOTION_CACHE=off.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)

    @classmethod
    def default(cls) -> FeatureStore | None:
        """Return the user's cache, ``None`` where it is switched off."""
        directory = default_directory()
        return None if directory is None else cls(directory)

    def count(self, audio: str, key: FeatureKey) -> int | None:
        """Return how many segments of a track are stored, ``None`` where there is no whole file.

        Reads the header and the size only; `load` looks at the values.
        """
        path = self._track_path(audio, key)

        def read() -> int | None:
            with path.open("rb") as file:
                shape = _read_header(file)
                expected = file.tell() + 4 * math.prod(shape) + DIGEST_SIZE
                whole = shape[1:] == key.shape and os.fstat(file.fileno()).st_size == expected
                return shape[0] if whole else None

        return _entry(path, read, "computed again")

    def load(self, audio: str, key: FeatureKey) -> Array | None:
        """Return a track's feature, (segments, …); ``None`` where it is missing or damaged."""
        path = self._track_path(audio, key)

        def read() -> Array | None:
            with path.open("rb") as file:
                shape = _read_header(file)
                body = file.read()
            values, digest = memoryview(body)[:-DIGEST_SIZE], body[-DIGEST_SIZE:]
            whole = shape[1:] == key.shape and len(values) == 4 * math.prod(shape)
            if not whole or digest != _content_digest(audio, key, values):
                return None
            return np.frombuffer(values, dtype="<f4").reshape(shape).astype(np.float32, copy=False)

        return _entry(path, read, "computed again")

    def save(self, audio: str, key: FeatureKey, values: Array) -> None:
        """Store a track's feature, shape (segments, …); an entry that exists is replaced."""
        values = np.ascontiguousarray(values, dtype="<f4")
        if values.shape[1:] != key.shape:
            raise ValueError(f"{key.name} has shape {key.shape} per segment, not {values.shape}")
        with self._replacing(self._track_path(audio, key)) as file:
            _write_header(file, values.shape)
            file.write(values.data)
            file.write(_content_digest(audio, key, values.data.cast("B")))

    def corpus(self, audio: Iterable[str], key: FeatureKey) -> Array | None:
        """Return a whole corpus's feature, mapped read-only; ``None`` where there is none."""
        path = self._corpus_path(audio, key)

        def read() -> Array | None:
            values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
            return values if values.dtype == "<f4" and values.shape[1:] == key.shape else None

        return _entry(path, read, "made again")

    def save_corpus(
        self, audio: Iterable[str], key: FeatureKey, rows: int, parts: Iterable[Array]
    ) -> Array:
        """Write a whole corpus's feature from its tracks and return it, mapped read-only.

        Parameters
        ----------
        audio, key
            As above.
        rows
            Segments in all.
        parts
            The tracks' features in the same order; one is held in memory at a time.
        """
        audio = list(audio)
        # Written from front to back: a full disk is then an error, where a memory map would crash.
        with self._replacing(self._corpus_path(audio, key)) as file:
            _write_header(file, (rows, *key.shape))
            written = 0
            for part in parts:
                file.write(np.ascontiguousarray(part, dtype="<f4").data)
                written += len(part)
            if written != rows:
                raise ValueError(f"{key.name}: {written} segments where {rows} were announced")
        values = self.corpus(audio, key)
        if values is None:
            raise CacheError(f"{self.directory} changed while it was in use; run the command again")
        return values

    def usage(self) -> tuple[CacheUsage, ...]:
        """Return what the cache holds: each feature's tracks, the corpora, and leftovers."""
        parts = [
            _usage(folder.name, folder) for folder in sorted(self.directory.glob(f"{TRACKS}/*"))
        ]
        for name in (CORPORA, TEMPORARY):
            parts.append(_usage(name, self.directory / name))
        return tuple(part for part in parts if part.files)

    def clear(self) -> CacheUsage:
        """Delete all that this cache wrote, nothing else, and return how much it was."""
        parts = self.usage()
        try:
            for name in (TRACKS, CORPORA, TEMPORARY):
                if (self.directory / name).exists():
                    shutil.rmtree(self.directory / name)
        except OSError as error:
            raise self._error("clear", error) from error
        return CacheUsage("all", sum(p.files for p in parts), sum(p.bytes for p in parts))

    def _track_path(self, audio: str, key: FeatureKey) -> Path:
        return self.directory / TRACKS / key.folder / audio[:2] / f"{audio}.npy"

    def _corpus_path(self, audio: Iterable[str], key: FeatureKey) -> Path:
        digest = hashlib.sha256(" ".join(audio).encode()).hexdigest()
        return self.directory / CORPORA / digest[:KEY_DIGITS] / f"{key.folder}.npy"

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[BinaryIO]:
        """Open a temporary file that takes the place of `path` when all is written."""
        folder = self.directory / TEMPORARY
        place = folder / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep(folder)
            with replaced_when_done(path, temporary=place), place.open("wb") as file:
                yield file
        except OSError as error:
            raise self._error("write to", error) from error

    def _sweep(self, folder: Path) -> None:
        """Delete temporary files of processes that died long ago."""
        for path in folder.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()

    def _error(self, what: str, error: OSError) -> CacheError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else (error.strerror or str(error))
        return CacheError(
            f"cannot {what} the cache {self.directory}: {reason}; "
            f"{'free some space' if full else 'check its permissions'}, set {VARIABLE} to another "
            f"folder, or {VARIABLE}={OFF} to go on without a cache"
        )


def render_usage(store: FeatureStore | None) -> str:
    """Describe what the cache holds, for people."""
    if store is None:
        return f"no cache: {VARIABLE}={OFF}"
    parts = store.usage()
    count, size = sum(part.files for part in parts), sum(part.bytes for part in parts)
    lines = [f"location  {store.directory}", f"in all    {_amount(count, size)}"]
    width = max((len(part.name) for part in parts), default=0)
    lines += [f"  {part.name:<{width}}  {_amount(part.files, part.bytes)}" for part in parts]
    return "\n".join(lines)


def clear_and_render(store: FeatureStore | None) -> str:
    """Clear the cache and say how much it was."""
    if store is None:
        return f"no cache: {VARIABLE}={OFF}"
    cleared = store.clear()
    return f"deleted {_amount(cleared.files, cleared.bytes)} from {store.directory}"


def _amount(files: int, size: int) -> str:
    return f"{files:,} file{'' if files == 1 else 's'}, {size / 1e6:,.1f} MB"


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _entry(path: Path, read: Callable[[], Value | None], remedy: str) -> Value | None:
    """Read an entry; ``None`` where it is missing, or damaged, which the log then says."""
    try:
        value = read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        logger.warning("cache entry %s is unreadable and %s: %s", path, remedy, error)
        return None
    if value is None:
        logger.warning("cache entry %s is damaged and %s", path, remedy)
    return value


def _read_header(file: BinaryIO) -> tuple[int, ...]:
    """Return the shape of the float32 array that begins here; ValueError where it is none."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not a file of this cache")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if fortran_order or dtype != np.dtype("<f4") or not shape:
        raise ValueError("not a float32 array")
    return tuple(shape)


def _content_digest(audio: str, key: FeatureKey, values: memoryview) -> bytes:
    digest = hashlib.sha256(f"{audio} {key.folder} ".encode())
    digest.update(values)
    return digest.digest()


def _usage(name: str, folder: Path) -> CacheUsage:
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may delete it meanwhile
            if path.is_file():
                sizes.append(path.stat().st_size)
    return CacheUsage(name, len(sizes), sum(sizes))

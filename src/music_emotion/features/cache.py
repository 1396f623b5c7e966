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
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    name, shape
        What it is called, and its shape per segment.
    parameters
        All that its values depend on besides the audio, as text.
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

    def __str__(self) -> str:
        return f"{self.files:,} file{'' if self.files == 1 else 's'}, {self.bytes / 1e6:,.1f} MB"


class FeatureStore:
    """The cache in one folder, which is made on first writing.

    A track is named by ``audio``, the SHA-256 of its file; a corpus by those of its tracks.

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
        setting = os.environ.get(VARIABLE, "").strip()
        if setting.lower() == OFF:
            return None
        if setting:
            return cls(Path(setting).expanduser())
        from platformdirs import user_cache_path

        return cls(user_cache_path("music-emotion") / "features")

    def count(self, audio: str, key: FeatureKey) -> int | None:
        """Return how many segments of a track are stored, ``None`` where there is no whole file.

        Reads the header and the size only; `load` looks at the values.
        """

        def read(file: BinaryIO) -> int | None:
            shape = _read_header(file)
            expected = file.tell() + 4 * math.prod(shape) + DIGEST_SIZE
            whole = shape[1:] == key.shape and os.fstat(file.fileno()).st_size == expected
            return shape[0] if whole else None

        return _entry(self._track_path(audio, key), read, "computed again")

    def load(self, audio: str, key: FeatureKey) -> Array | None:
        """Return a track's feature, (segments, …); ``None`` where it is missing or damaged."""

        def read(file: BinaryIO) -> Array | None:
            shape = _read_header(file)
            body = file.read()
            values, digest = memoryview(body)[:-DIGEST_SIZE], body[-DIGEST_SIZE:]
            whole = shape[1:] == key.shape and len(values) == 4 * math.prod(shape)
            if not whole or digest != _content_digest(audio, key, values):
                return None
            return np.frombuffer(values, dtype="<f4").reshape(shape).astype(np.float32, copy=False)

        return _entry(self._track_path(audio, key), read, "computed again")

    def save(self, audio: str, key: FeatureKey, values: Array) -> None:
        """Store a track's feature, shape (segments, …); an entry that exists is replaced.

        Raises
        ------
        ValueError
            A segment's values have another shape than the key says.
        """
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

        def read(_: BinaryIO) -> Array | None:
            values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
            return values if values.dtype == "<f4" and values.shape[1:] == key.shape else None

        return _entry(path, read, "made again")

    def save_corpus(
        self, audio: Iterable[str], key: FeatureKey, rows: int, parts: Iterable[Array]
    ) -> Array:
        """Write a whole corpus's feature, of `rows` segments, and return it, mapped read-only.

        `parts` are the tracks' features in the same order; one is held in memory at a time.

        Raises
        ------
        ValueError
            They have more or fewer segments in all.
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
        folders = sorted(self.directory.glob(f"{TRACKS}/*"))
        folders += [self.directory / name for name in (CORPORA, TEMPORARY)]
        return tuple(part for part in map(_usage, folders) if part.files)

    def clear(self) -> CacheUsage:
        """Delete all that this cache wrote, nothing else, and return how much it was."""
        cleared = _in_all(self.usage())
        try:
            for name in (TRACKS, CORPORA, TEMPORARY):
                if (self.directory / name).exists():
                    shutil.rmtree(self.directory / name)
        except OSError as error:
            raise self._error("clear", error) from error
        return cleared

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
    width = max((len(part.name) for part in parts), default=0)
    lines = [f"location  {store.directory}", f"in all    {_in_all(parts)}"]
    return "\n".join(lines + [f"  {part.name:<{width}}  {part}" for part in parts])


def clear_and_render(store: FeatureStore | None) -> str:
    """Clear the cache and say how much it was."""
    if store is None:
        return f"no cache: {VARIABLE}={OFF}"
    return f"deleted {store.clear()} from {store.directory}"


def _in_all(parts: Sequence[CacheUsage]) -> CacheUsage:
    return CacheUsage("all", sum(part.files for part in parts), sum(part.bytes for part in parts))


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _entry(path: Path, read: Callable[[BinaryIO], Value | None], remedy: str) -> Value | None:
    """Read an entry; ``None`` where it is missing, or damaged, which the log then says."""
    try:
        with path.open("rb") as file:
            value = read(file)
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


def _usage(folder: Path) -> CacheUsage:
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may delete it meanwhile
            if path.is_file():
                sizes.append(path.stat().st_size)
    return CacheUsage(folder.name, len(sizes), sum(sizes))

"""Whether a file is what it was: its stamp tells in a glance, its SHA-256 for certain."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

THREADS = 4


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells in a glance whether a file may have changed.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since 1970; ``inode`` is 0 where it has none.
    """

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """Return the stamp in a file's status."""
        # SQLite's integers are signed, and some file systems use all 64 bits.
        return cls(status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Return the stamp of a file, links followed; OSError where it cannot be looked at."""
        return cls.of(Path(path).stat())

    def agrees(self, other: FileStamp) -> bool:
        """Whether sizes and times are equal; the machines of a shared disk may number its files."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What a file contained when it was read.

    Attributes
    ----------
    sha256: of its bytes, 64 hexadecimal digits
    stamp: its own, from before it was read
    """

    sha256: str
    stamp: FileStamp

    @classmethod
    def of(cls, path: Path) -> FileDigest:
        """Read a file; OSError where it cannot be read."""
        with path.open("rb") as file:
            stamp = FileStamp.of(os.fstat(file.fileno()))  # what changes meanwhile is noticed later
            return cls(hashlib.file_digest(file, "sha256").hexdigest(), stamp)

    def is_current(self, path: Path) -> bool:
        """Whether the file has not changed since; OSError where it is gone."""
        return self.stamp.agrees(FileStamp.read(path))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; OSError where it cannot be read."""
    return FileDigest.of(path).sha256


def file_digests(paths: Iterable[Path]) -> tuple[FileDigest, ...]:
    """Read each file, in order; hashing releases the interpreter's lock."""
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(FileDigest.of, paths))

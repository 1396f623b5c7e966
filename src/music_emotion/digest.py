"""What a file contains, in 64 characters: its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

THREADS = 4


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What a file contained when it was read.

    Attributes
    ----------
    sha256: of its bytes, 64 hexadecimal digits
    size, modified: its length in bytes and the time of its last change in ns
    """

    sha256: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> FileDigest:
        """Read a file; OSError where it cannot be read."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())  # before: what changes meanwhile is noticed later
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(digest, status.st_size, status.st_mtime_ns)

    def is_current(self, path: Path) -> bool:
        """Whether the file has not changed since; OSError where it is gone."""
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) == (self.size, self.modified)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; OSError where it cannot be read."""
    return FileDigest.of(path).sha256


def file_digests(paths: Iterable[Path]) -> tuple[FileDigest, ...]:
    """Read each file, in order; hashing releases the interpreter's lock."""
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(FileDigest.of, paths))

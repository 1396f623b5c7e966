"""What a file contains, in 64 characters: its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 4


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the SHA-256 of each file, in order; hashing releases the interpreter's lock."""
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(file_digest, paths))

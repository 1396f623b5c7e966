"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST_NAME = 255  # bytes; what common file systems take
TEMPORARY_SUFFIX = ".tmp"


def fitting_name(stem: str, end: str) -> str:
    """Return the name of a file, its stem cut so that the file system takes it.

    Examples
    --------
    >>> fitting_name("song", ".json")
    'song.json'
    >>> len(fitting_name("n" * 300, ".json"))
    255
    """
    while len(os.fsencode(stem + end)) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + end


@contextmanager
def replaced_when_done(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; what was written there takes its place at the end.

    After an error ``path`` is as it was, and nothing is left beside it. Only a killed process
    leaves its hidden ``.NAME.*.tmp``.
    """
    end = f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    temporary = path.with_name(fitting_name(f".{path.name}", end))
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; it takes its place when all of it is on the disk."""
    with replaced_when_done(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

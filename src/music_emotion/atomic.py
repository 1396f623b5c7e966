"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from music_emotion.errors import WriteError, printable

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
def replaced_when_done(
    path: Path, *, temporary: Path | None = None, synced: bool = False
) -> Iterator[Path]:
    """Give a temporary name beside a file; what was written there takes its place at the end.

    A link stays, and so do the permissions of a file that was there. After an error all is as it
    was, and nothing is left beside it. Only a killed process leaves its hidden ``.NAME.*.tmp``; who
    sweeps that up gives another ``temporary`` name on the same disk. With ``synced``, all of it is
    on the disk before it takes its place.
    """
    target = Path(os.path.realpath(path))
    if temporary is None:
        end = f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
        temporary = target.with_name(fitting_name(f".{target.name}", end))
    try:
        yield temporary
        if synced:
            write_through(temporary)
        with suppress(OSError):  # there is none, or its disk knows no permissions
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_through(path: Path) -> None:
    """Have the disk write a file, or a folder's list of names."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; it takes its place when all of it is on the disk."""
    with replaced_when_done(path, synced=True) as temporary:
        temporary.write_bytes(content)


def write_output(path: Path, content: bytes) -> None:
    """Write a file of the folder ``--out`` names, which is made where it is missing.

    Raises
    ------
    WriteError
        The folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise WriteError(
            f"cannot write {printable(path)}: {error.strerror or error}; make room or choose "
            "another --out"
        ) from error

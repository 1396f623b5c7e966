"""One scan at a time: a lock of the operating system, which ends with its owner however it ends."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from music_emotion.errors import CatalogueError, printable

POLL_SECONDS = 0.2


@contextmanager
def scan_lock(
    catalogue: Path, *, wait: bool = False, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the right to scan into a catalogue.

    The lock is on a file beside the catalogue, ``….lock``, which stays and says who has it. Worker
    processes do not inherit it.

    Parameters
    ----------
    catalogue
        Its file.
    wait
        Wait for a scan that is running, instead of an error.
    waiting
        Told once who is waited for.

    Raises
    ------
    CatalogueError
        Another scan is running, the lock's file cannot be made or written, or the file system has
        no locks.
    """
    # Under the catalogue's own name: who comes to it by a link meets the same lock.
    path = Path(os.path.realpath(catalogue) + ".lock")
    if catalogue.is_dir():
        raise CatalogueError(f"'{printable(catalogue)}' is a folder; name the catalogue's file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise CatalogueError(f"cannot make '{printable(path)}' ({error.strerror})") from None
    try:
        try:
            _take(descriptor, catalogue, wait, waiting)
        except OSError as error:
            raise CatalogueError(
                f"'{printable(path)}' cannot be locked and written ({error.strerror}); make room, "
                "or put the catalogue on a disk that has locks"
            ) from None
        yield
    finally:
        os.close(descriptor)  # and the lock goes


def _take(
    descriptor: int, catalogue: Path, wait: bool, waiting: Callable[[str], None] | None
) -> None:
    told = False
    while not _taken(descriptor):
        holder = _holder(descriptor)
        if not wait:
            raise CatalogueError(
                f"{holder} is scanning into '{printable(catalogue)}'; wait for it with --wait, "
                "or name another catalogue"
            )
        if not told and waiting is not None:
            waiting(holder)
        told = True
        time.sleep(POLL_SECONDS)
    _sign(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock if it is free."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # beyond the text, which others may read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _sign(descriptor: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"process {os.getpid()} on {socket.gethostname()} (since {since})"
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return printable(os.read(descriptor, 200).decode(errors="replace")) or "another process"

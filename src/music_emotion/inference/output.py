"""Where predictions are written: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from music_emotion.errors import MusicEmotionError, printable


@contextmanager
def opened_output(path: Path | None) -> Iterator[TextIO]:
    """Open a text stream; a file takes its place only when the block ends well.

    Parameters
    ----------
    path
        The file; ``None`` is standard output.

    Raises
    ------
    MusicEmotionError
        The file cannot be written.
    """
    if path is None:
        try:
            reconfigure = getattr(sys.stdout, "reconfigure", None)  # what stands for it may lack it
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
            yield sys.stdout
            sys.stdout.flush()
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.errno != errno.ENOSPC:
                raise
            # What is left in the stream would fail once more when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise MusicEmotionError("cannot write: the disk is full") from None
        return
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; the file takes ``path``'s place at the end.

    Raises
    ------
    MusicEmotionError
        The folder does not exist or may not be written.
    """
    if path.is_dir():
        raise MusicEmotionError(f"'{printable(path)}' is a folder; name a file in it")
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        where = printable(path.parent)
        raise MusicEmotionError(f"cannot write in '{where}' ({error.strerror})") from None
    os.close(number)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise MusicEmotionError(f"cannot write '{printable(path)}' ({error.strerror})") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class FileNames:
    """Gives each track a file of its own in a folder, named after it.

    Parameters
    ----------
    folder
        Made where it does not exist.
    suffix
        With its point.

    Raises
    ------
    MusicEmotionError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            shown = printable(folder)
            raise MusicEmotionError(
                f"cannot make the folder '{shown}' ({error.strerror})"
            ) from None
        self._folder = folder
        self._suffix = suffix
        self._given: set[str] = set()

    def next(self, path: str) -> Path:
        """Return the file for a track; tracks of one name are numbered."""
        stem = "stdin" if path == "-" else Path(path).stem
        name, number = stem, 1
        while name in self._given:
            number += 1
            name = f"{stem}-{number}"
        self._given.add(name)
        return self._folder / f"{name}{self._suffix}"


def writable(path: str) -> str:
    """Return a path as Unicode; one whose bytes are no text gets escapes in their place."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return printable(path)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

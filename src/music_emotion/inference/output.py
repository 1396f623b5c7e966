"""Where predictions are written: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from music_emotion.atomic import fitting_name, replaced_when_done
from music_emotion.audio import guard
from music_emotion.audio.discover import STANDARD_INPUT, is_folder
from music_emotion.errors import MusicEmotionError, printable

STANDARD_OUTPUT = "-"


@contextmanager
def opened_output(path: Path | None) -> Iterator[TextIO]:
    """Open a text stream; a file takes its place only when the block ends well.

    Parameters
    ----------
    path
        The file; ``None`` and ``-`` are standard output. What is no regular file (a pipe, a device)
        is written as it comes.

    Raises
    ------
    MusicEmotionError
        The file cannot be written, or standard output is closed.

    Examples
    --------
    >>> with opened_output(None) as stream:
    ...     print("[]", file=stream)
    []
    """
    if path is None or str(path) == STANDARD_OUTPUT:
        if _is_output_closed():
            raise MusicEmotionError("standard output is closed; name a file with -o")
        yield sys.stdout
        sys.stdout.flush()
    elif is_special(path):
        with _errors_of("write", path), path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    else:
        with replacing(path) as new, new.open("w", encoding="utf-8", newline="") as stream:
            yield stream


def _is_output_closed() -> bool:
    """Whether standard output is closed, or was and leads nowhere instead."""
    if sys.stdout is None:
        return True
    return sys.__stdout__ is None and getattr(sys.stdout, "name", None) == os.devnull


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; the file takes ``path``'s place at the end.

    A link stays; the file it points to is replaced.

    Raises
    ------
    MusicEmotionError
        The folder does not exist or may not be written, or ``path`` is no regular file.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "out.csv")) as temporary:
    ...         _ = temporary.write_text("path")
    ...     Path(folder, "out.csv").read_text()
    'path'
    """
    target = check_writable(path)
    with _errors_of("write", path), replaced_when_done(target) as temporary:
        yield temporary


def check_writable(path: Path) -> Path:
    """Return the file behind ``path``, which may be written and need not be there.

    Raises
    ------
    MusicEmotionError
        As :func:`replacing` does.

    Examples
    --------
    >>> check_writable(Path("no", "such", "out.csv"))
    Traceback (most recent call last):
    ...
    music_emotion.errors.MusicEmotionError: cannot write in 'no/such' (No such file or directory)
    """
    if is_folder(path):
        raise MusicEmotionError(f"'{printable(path)}' is a folder; name a file in it")
    if is_special(path):
        raise MusicEmotionError(f"'{printable(path)}' is no regular file; name one")
    guard.refuse_music(path)
    target = Path(os.path.realpath(path))
    with _errors_of("write", path), suppress(FileNotFoundError):
        target.lstat()  # tells of a name that is too long
    with _errors_of("write in", path.parent):
        tempfile.TemporaryFile(dir=target.parent).close()
    return target


def check_outputs(outputs: Iterable[Path | None], files: Iterable[str]) -> None:
    """Refuse to write ``outputs`` over music, over ``files`` that are read, or over each other.

    Raises
    ------
    MusicEmotionError
        An output is one of the files or music, or is named twice.

    Examples
    --------
    >>> check_outputs([Path("song.mp3")], [])
    Traceback (most recent call last):
    ...
    music_emotion.errors.MusicEmotionError: 'song.mp3' is a name for music; write to another
    """
    written = [path for path in outputs if path is not None and str(path) != STANDARD_OUTPUT]
    if not written:
        return
    identities = {_identity(Path(file)) for file in files if file != STANDARD_INPUT} - {None}
    seen: set[Path] = set()
    for output in written:
        guard.refuse_music(output)
        shown = f"'{printable(output)}'"
        if _identity(output) in identities:
            raise MusicEmotionError(f"{shown} is one of the files to be read; write to another")
        place = Path(os.path.realpath(output))
        if place in seen:
            raise MusicEmotionError(f"{shown} is to be written twice; name two files")
        seen.add(place)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, ``None`` where there is no such file."""
    status = _status(path)
    return None if status is None else (status.st_dev, status.st_ino)


def is_special(path: Path) -> bool:
    """Whether a path is there and neither a regular file nor a folder.

    Examples
    --------
    >>> is_special(Path(os.devnull))
    True
    """
    status = _status(path)
    return status is not None and stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


@contextmanager
def _errors_of(doing: str, path: Path) -> Iterator[None]:
    """Turn what the system says of writing into one line; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise MusicEmotionError(f"cannot {doing} '{printable(path)}' ({reason})") from None


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
        The folder cannot be made, or nothing can be written in it.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        with _errors_of("make the folder", folder):
            folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder / f"music-emotion{suffix}")
        self._folder, self._suffix = folder, suffix
        self._given: set[str] = set()

    def next(self, path: str) -> Path:
        """Return the file for a track; tracks of one name are numbered."""
        stem = "stdin" if path == STANDARD_INPUT else Path(path).stem
        name, number = fitting_name(stem, self._suffix), 1
        while name in self._given:
            number += 1
            name = fitting_name(stem, f"-{number}{self._suffix}")
        self._given.add(name)
        return self._folder / name

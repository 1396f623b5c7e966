"""Find the audio files that paths, folders and patterns name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

STANDARD_INPUT = "-"

BASE_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aiff", ".aif", ".aifc")
SOUND_SUFFIXES = (".m4a", ".m4b", ".aac", ".wma", ".mka", ".ac3", ".ape", ".wv")
VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi")
AUDIO_SUFFIXES = frozenset((*BASE_SUFFIXES, *SOUND_SUFFIXES, *VIDEO_SUFFIXES))
"""What is taken from a folder; a file that is named itself is read whatever its name."""

TEMPORARY_TAGGED = ".music-emotion-tag-"
"""How the copies begin that are being tagged; one that was left is no file of the library."""


def find_files(names: Iterable[str], *, recursive: bool = False) -> list[str]:
    """Return the files that paths, folders and patterns name, each once, in order.

    Parameters
    ----------
    names
        Files are kept as they are, folders give their audio files by name, patterns (``*?[``) that
        are no files give what they match; ``-`` is standard input. What gives nothing is kept as
        it is, and fails when it is read.
    recursive
        Whether folders include their subfolders, and ``**`` in a pattern any folders.
    """
    found: dict[str, None] = {}
    for name in names:
        if name != STANDARD_INPUT and Path(name).is_dir():
            found.update(dict.fromkeys(_in_folder(name, recursive) or [name]))
        elif glob.has_magic(name) and not os.path.lexists(name):
            found.update(dict.fromkeys(_matching(name, recursive) or [name]))
        else:
            found[name] = None
    return list(found)


def _in_folder(folder: str, recursive: bool) -> list[str]:
    files: list[str] = []
    for place, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(subfolders) if recursive else []
        names = [name for name in names if not name.startswith(TEMPORARY_TAGGED)]
        paths = (Path(place, name) for name in sorted(names))
        files += [
            str(path) for path in paths if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
        ]
    return files


def _matching(pattern: str, recursive: bool) -> list[str]:
    matches = sorted(glob.glob(pattern, recursive=recursive))  # noqa: PTH207  # may be absolute
    files: list[str] = []
    for match in matches:
        if not Path(match).is_dir():
            files.append(match)
        elif recursive:
            files += _in_folder(match, recursive)
    return files

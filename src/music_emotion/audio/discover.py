"""Find the audio files that paths, folders and patterns name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from music_emotion.audio.names import local_path
from music_emotion.errors import printable

STANDARD_INPUT = "-"

BASE_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aiff", ".aif", ".aifc")
SOUND_SUFFIXES = (".m4a", ".m4b", ".aac", ".wma", ".mka", ".ac3", ".ape", ".wv", ".dsf", ".dff")
VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi")
AUDIO_SUFFIXES = frozenset((*BASE_SUFFIXES, *SOUND_SUFFIXES, *VIDEO_SUFFIXES))
"""What is taken from a folder; a file that is named itself is read whatever its name."""

RESOURCE_FORK = "._"  # what macOS leaves beside files on foreign disks; no music is in it
TEMPORARY_TAGGED = ".music-emotion-tag-"
"""How the copies begin that are being tagged; one that was left is no file of the library."""


def find_files(names: Iterable[str], *, recursive: bool = False) -> list[str]:
    """Return the files that paths, folders and patterns name, each once, in order.

    Files are kept as they are, ``file:`` addresses become paths, folders give their audio files by
    name, patterns (``*?[``) that are no files give what they match; ``-`` is standard input. What
    gives nothing is kept as it is, and so is a folder that may not be listed; both fail when they
    are read. With ``recursive``, folders include their subfolders, and ``**`` in a pattern any
    folders.
    """
    found: dict[str, str] = {}
    for name in map(local_path, names):
        if name == STANDARD_INPUT:
            files = [name]
        elif is_folder(name):
            files = _in_folder(name, recursive) or [name]
        elif is_pattern(name):
            files = _matching(name, recursive) or [name]
        else:
            files = [name]
        for file in files:
            found.setdefault(_place(file), file)
    return list(found.values())


def name_many(names: Iterable[str]) -> bool:
    """Whether paths may stand for several files, even where they happen to give one."""
    names = [local_path(name) for name in names]
    return len(names) > 1 or any(is_folder(name) or is_pattern(name) for name in names)


def no_file(name: str) -> str:
    """Return the line that says why a name is no file to be read; empty where it may be one."""
    shown = f"'{printable(name)}'"
    if not name:
        return "an empty name names no file; leave it out"
    if is_folder(name):
        try:
            os.scandir(name).close()
        except OSError as error:
            return f"{shown} is a folder that cannot be listed ({error.strerror})"
        return f"{shown} is a folder without audio files (its subfolders: --recursive)"
    if is_pattern(name) and _glob(name):
        return f"{shown} matches only folders; name them, or look into them with --recursive"
    return ""


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder; one that is too long or not permitted is none."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir() raises for such a one


def is_pattern(path: str) -> bool:
    """Whether a path stands for what it matches; a file of that very name comes first."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _place(name: str) -> str:
    """Return what two spellings of one path share; links are not followed."""
    if name in ("", STANDARD_INPUT):
        return name
    try:
        return str(Path(name).absolute())
    except OSError:  # the working folder is gone
        return str(Path(name))


def _in_folder(folder: str, recursive: bool) -> list[str]:
    files: list[str] = []
    errors: list[OSError] = []
    for place, subfolders, names in os.walk(folder, onerror=errors.append):
        subfolders[:] = sorted(subfolders) if recursive else []
        paths = (str(Path(place, name)) for name in sorted(names) if is_music(name))
        files += [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  # never raises
    return files + [str(error.filename or folder) for error in errors]


def is_music(name: str) -> bool:
    """Whether a file of this name, without its folder, is taken from a folder."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  # a Path each is slow in walks
    return suffix in AUDIO_SUFFIXES and not name.startswith((RESOURCE_FORK, TEMPORARY_TAGGED))


def _glob(pattern: str, *, recursive: bool = False) -> list[str]:
    return sorted(glob.glob(pattern, recursive=recursive))  # noqa: PTH207  # may be absolute


def _matching(pattern: str, recursive: bool) -> list[str]:
    files: list[str] = []
    for match in _glob(pattern, recursive=recursive):
        if not is_folder(match):
            files.append(match)
        elif recursive:
            files += _in_folder(match, recursive)
    return files

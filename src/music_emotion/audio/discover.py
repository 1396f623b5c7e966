"""Find the music that paths, folders and patterns name."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from music_emotion.audio.kinds import (
    AUDIO_SUFFIXES,
    OTHER_SUFFIXES,
    SOUND_SUFFIXES,
    UNFINISHED_SUFFIXES,
    VIDEO_SUFFIXES,
    suffix_of,
)
from music_emotion.audio.names import local_path
from music_emotion.errors import printable

STANDARD_INPUT = "-"

TEMPORARY_TAGGED = ".music-emotion-tag-"
"""How the copies begin that are being tagged; one that was left is no file of the library."""

SYSTEM_FOLDERS = frozenset(
    {"$recycle.bin", "recycler", "#recycle", "@recycle", "network trash folder"}
    | {"lost+found", "system volume information", "@eadir", ".git"}
    | {"#snapshot", ".snapshot", ".snapshots", "@recently-snapshot"}
    | {".appledouble", ".spotlight-v100", ".fseventsd", ".documentrevisions-v100"}
)
"""Folders, in lower case, of what was thrown away and of what systems keep for themselves."""

TRASH = ".trash"  # begins .Trash, .Trashes and .Trash-1000
HOME_TRASH = os.path.join(".local", "share", "trash")  # noqa: PTH118  # a part of a path
MARKERS = (".nomedia", ".notmusic")
"""Files that say that a folder, with all it holds, is no music to be found."""

HIDDEN = "."  # also what macOS leaves beside files on foreign disks; no music is in that
MOST_SUFFIXES = 6  # that are counted one by one
PLAIN_SUFFIX = re.compile(r"\.\w{1,12}")  # others are the end of a title with a point in it


def find_files(
    names: Iterable[str], *, recursive: bool = False, left_out: set[str] | None = None
) -> list[str]:
    """Return the files that paths, folders and patterns name, each once, in order.

    Files are kept as they are, ``file:`` addresses become paths, folders give their music by name
    (see :func:`is_music`), without folders of the system and such as hold one of
    :data:`MARKERS`, patterns (``*?[``) that are no files give what they match; ``-`` is
    standard input. What gives nothing is kept as it is, and so is a folder that may not be listed;
    both fail when they are read. With ``recursive``, folders include their subfolders, and ``**``
    in a pattern any folders. The other files of folders are added to ``left_out``, by absolute
    path.
    """
    others = set() if left_out is None else left_out
    found: dict[str, str] = {}
    for name in map(local_path, names):
        if name == STANDARD_INPUT:
            files = [name]
        elif is_folder(name):
            files = _in_folder(name, recursive, others) or [name]
        elif is_pattern(name):
            files = _matching(name, recursive, others) or [name]
        else:
            files = [name]
        for file in files:
            found.setdefault(_place(file), file)
    others.difference_update(found)  # what is named itself, too
    return list(found.values())


def name_many(names: Iterable[str]) -> bool:
    """Whether paths may stand for several files, even where they happen to give one."""
    names = [local_path(name) for name in names]
    return len(names) > 1 or any(is_folder(name) or is_pattern(name) for name in names)


def names_nothing(names: Iterable[str]) -> bool:
    """Whether none of these paths and patterns stands for anything that is there."""
    local = [local_path(name) for name in names]
    return not any(os.path.lexists(name) or (is_pattern(name) and _glob(name)) for name in local)


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


def _in_folder(folder: str, recursive: bool, left_out: set[str]) -> list[str]:
    files: list[str] = []
    errors: list[OSError] = []
    for place, subfolders, names in os.walk(folder, onerror=errors.append):
        marked = place != folder and not set(MARKERS).isdisjoint(names)
        inner = sorted(subfolders) if recursive and not marked else []
        subfolders[:] = [each for each in inner if not is_system_folder(str(Path(place, each)))]
        if marked:
            continue
        for name in sorted(names):
            path = str(Path(place, name))
            if os.path.isfile(path):  # noqa: PTH113  # never raises
                if is_music(path, name):
                    files.append(path)
                else:
                    left_out.add(_place(path))
    return files + [str(error.filename or folder) for error in errors]


def is_system_folder(path: str) -> bool:
    """Whether a folder inside another holds what was thrown away, or what only programs look at.

    >>> [is_system_folder(path) for path in ("/m/.Trash-1000", "/m/@eaDir", "/m/Trash")]
    [True, True, False]
    """
    name = os.path.basename(path).lower()  # noqa: PTH119  # a Path each is slow for many
    return name in SYSTEM_FOLDERS or name.startswith(TRASH) or path.lower().endswith(HOME_TRASH)


def has_music_name(name: str) -> bool:
    """Whether a file of this name, without its folder, is likely to be music.

    >>> [has_music_name(name) for name in ("a.WV", "film.mkv", "._a.mp3", "a.mp3.part", "a")]
    [True, True, False, False, False]
    """
    return not name.startswith(HIDDEN) and suffix_of(name) in AUDIO_SUFFIXES


def told_by_name(name: str) -> bool | None:
    """Whether the name of a file in a folder tells that it is music; ``None``: the content does.

    >>> [told_by_name(name) for name in ("a.mp3", "a.txt", ".a.mp3", "a.mp3.part", "a.mkv", "a")]
    [True, False, False, False, None, None]
    """
    suffix = suffix_of(name)
    if name.startswith(HIDDEN) or suffix in UNFINISHED_SUFFIXES or suffix in OTHER_SUFFIXES:
        return False
    return True if suffix in SOUND_SUFFIXES else None


def is_music(path: str, name: str) -> bool:
    """Whether a file in a folder is taken for music; ``name`` is what its path ends in.

    What is called like sound is taken without a look, so that a large library costs none; hidden
    and unfinished files are not, nor what is called like pictures and texts. Videos are taken
    unless they have no sound track, and of all others the content decides.
    """
    if (told := told_by_name(name)) is not None:
        return told
    from music_emotion.audio.files import holds_sound, is_silent_film

    is_video = suffix_of(name) in VIDEO_SUFFIXES
    return not is_silent_film(path) if is_video else holds_sound(path)


def left_out_line(paths: Iterable[str]) -> str:
    """Say in one line how many files were left out, and of which kinds; ``""`` for none.

    >>> left_out_line(["a/1.JPG", "a/2.jpg", "a/.DS_Store", "a/README"])
    'left out 4 files that are no music: 2 .jpg, 1 hidden, 1 without a suffix'
    """
    counts = Counter(map(_sort_of, paths))
    number = counts.total()
    if not number:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {sort}" for sort, count in ordered[:MOST_SUFFIXES]]
    if rest := sum(count for _, count in ordered[MOST_SUFFIXES:]):
        parts.append(f"{rest:,} others")
    files = "1 file that is" if number == 1 else f"{number:,} files that are"
    return f"left out {files} no music: {', '.join(parts)}"


def _sort_of(path: str) -> str:
    """Return what a file that was left out is counted as."""
    name = os.path.basename(path)  # noqa: PTH119  # a Path each is slow for many
    if name.startswith(HIDDEN):
        return "hidden"
    suffix = suffix_of(name)
    return suffix if PLAIN_SUFFIX.fullmatch(suffix) else "without a suffix"


def _glob(pattern: str, *, recursive: bool = False) -> list[str]:
    return sorted(glob.glob(pattern, recursive=recursive))  # noqa: PTH207  # may be absolute


def _matching(pattern: str, recursive: bool, left_out: set[str]) -> list[str]:
    files: list[str] = []
    for match in _glob(pattern, recursive=recursive):
        if not is_folder(match):
            files.append(match)
        elif recursive:
            files += _in_folder(match, recursive, left_out)
    return files

"""Walk through a folder: its audio files with what tells whether they changed, none opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from music_emotion.errors import AudioError, printable
from music_emotion.inference.finding import AUDIO_SUFFIXES, TEMPORARY_TAGGED
from music_emotion.library.track import FileStamp

RESOURCE_FORK = "._"  # what macOS leaves beside files on foreign disks; no music is in it


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found.

    Attributes
    ----------
    files
        Audio files by absolute path, folder by folder.
    unreadable
        Folders that could not be listed, and why; what lies in them is not known.
    """

    files: dict[str, FileStamp] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def walk(folder: str) -> Walked:
    """Find the audio files in a folder and its subfolders.

    Links to folders are followed after everything else, and each folder is entered once, so that
    loops end and a folder has the name under which it lies. Broken links are passed over.

    Raises
    ------
    AudioError
        There is no such folder, or it is a file.
    """
    folder = absolute(folder)
    if not Path(folder).is_dir():
        raise AudioError(_no_folder(folder))
    found = Walked()
    entered: set[tuple[int, int]] = set()
    waiting, linked = [folder], list[str]()
    while waiting or linked:
        place = waiting.pop() if waiting else linked.pop(0)
        try:
            status = Path(place).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            folders, links = _list(place, found.files)
        except OSError as error:
            found.unreadable[place] = error.strerror or str(error)
            continue
        waiting += reversed(folders)
        linked += links
    return found


def absolute(path: str) -> str:
    """Return a path from the root, without ``..``; links are kept as they are named."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links


def _list(place: str, files: dict[str, FileStamp]) -> tuple[list[str], list[str]]:
    """Add the audio files of one folder; return its subfolders, and its links to folders."""
    folders, links = list[str](), list[str]()
    with os.scandir(place) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        elif entry.is_symlink() and Path(entry.path).is_dir():
            links.append(entry.path)
        elif _is_music(entry.name) and (stamp := _stamp(entry)) is not None:
            files[entry.path] = stamp
    return folders, links


def _is_music(name: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  # a Path each is slow in walks
    return suffix in AUDIO_SUFFIXES and not name.startswith((RESOURCE_FORK, TEMPORARY_TAGGED))


def _stamp(entry: os.DirEntry[str]) -> FileStamp | None:
    """Return a file's stamp; ``None`` where it is no file, or gone."""
    try:
        return FileStamp.of(entry.stat()) if entry.is_file() else None
    except FileNotFoundError:
        return None


def _no_folder(folder: str) -> str:
    shown = printable(folder)
    if Path(folder).exists():
        return f"'{shown}' is a file; name a folder (music-emotion predict takes files)"
    return f"there is no folder '{shown}'; what is catalogued of it is kept (--prune forgets it)"

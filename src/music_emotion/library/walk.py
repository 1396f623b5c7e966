"""Walk through a folder: its audio files with what tells whether they changed, none opened."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from music_emotion.audio.discover import is_music
from music_emotion.audio.names import local_path
from music_emotion.digest import FileStamp
from music_emotion.errors import AudioError, printable

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # where a broken link leads


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found.

    Attributes
    ----------
    files
        Audio files by absolute path, folder by folder.
    unreadable
        Folders that could not be listed and links that could not be followed, and why; what lies
        there is not known.
    """

    files: dict[str, FileStamp] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def walk(folder: str) -> Walked:
    """Find the audio files in a folder and its subfolders.

    Links to folders are followed after everything else, and each folder is entered once, so that
    loops end and a folder has the name under which it lies. Broken links are passed over, such as
    lead to themselves too.

    Raises
    ------
    AudioError
        There is no such folder, or it is a file.
    """
    folder = absolute(local_path(folder))
    if not _may_be_folder(folder):
        shown = printable(folder)
        if Path(folder).exists():
            raise AudioError(
                f"'{shown}' is a file; name a folder (music-emotion predict takes files)"
            )
        raise AudioError(
            f"there is no folder '{shown}'; what is catalogued of it is kept (--prune forgets it)"
        )
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
            folders, links = _list(place, found)
        except OSError as error:
            found.unreadable[place] = error.strerror or str(error)
            continue
        waiting += reversed(folders)
        linked += links
    return found


def absolute(path: str) -> str:
    """Return a path from the root, without ``..``; links are kept as they are named."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links


def _list(place: str, found: Walked) -> tuple[list[str], list[str]]:
    """Add the audio files of one folder; return its subfolders, and its links to folders."""
    folders, links = list[str](), list[str]()
    with os.scandir(place) as unsorted:
        entries = sorted(unsorted, key=lambda entry: entry.name)
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_symlink() and stat.S_ISDIR(entry.stat().st_mode):
                links.append(entry.path)
            elif is_music(entry.name) and entry.is_file():
                found.files[entry.path] = FileStamp.of(entry.stat())
        except OSError as error:  # the rest of the folder is listed
            if error.errno not in NOWHERE:
                found.unreadable[entry.path] = error.strerror or str(error)
    return folders, links


def _may_be_folder(path: str) -> bool:
    """Whether there is a folder, or what is there cannot be looked at."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError as error:
        return error.errno not in NOWHERE

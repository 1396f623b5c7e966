"""Walk through a folder: its music, with what tells whether a file changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from music_emotion.audio.discover import MARKERS, is_music, told_by_name
from music_emotion.audio.names import local_path
from music_emotion.digest import FileStamp
from music_emotion.errors import AudioError, printable
from music_emotion.library.exclusions import Exclusions

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # where a broken link leads


Known = Callable[[str, FileStamp], bool]


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found.

    Attributes
    ----------
    files
        Music by absolute path, folder by folder.
    unreadable
        Folders that could not be listed and links that could not be followed, and why; what lies
        there is not known.
    left_out
        The other files.
    excluded
        Files that were asked to be left out, and folders, which were not looked into; and why.
    """

    files: dict[str, FileStamp] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    excluded: dict[str, str] = field(default_factory=dict)


def walk(folder: str, known: Known | None = None, exclude: Exclusions | None = None) -> Walked:
    """Find the music in a folder and its subfolders; see :func:`.discover.is_music`.

    ``known`` tells of a path and its stamp whether it is known as music, so that it need not be
    opened where its name does not tell.

    Folders of the system, such as hold one of :data:`.discover.MARKERS`, and what is asked to be
    left out are passed over; the folder itself is looked through whatever it is called and holds.

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
    found, exclude = Walked(), exclude or Exclusions()
    entered: set[tuple[int, int]] = set()
    waiting, linked = [folder], list[str]()
    while waiting or linked:
        place = waiting.pop() if waiting else linked.pop(0)
        try:
            status = Path(place).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            folders, links = _list(place, folder, found, known, exclude)
        except OSError as error:
            found.unreadable[place] = error.strerror or str(error)
            continue
        waiting += reversed(folders)
        linked += links
    return found


def absolute(path: str) -> str:
    """Return a path from the root, without ``..``; links are kept as they are named."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links


def _list(
    place: str, root: str, found: Walked, known: Known | None, exclude: Exclusions
) -> tuple[list[str], list[str]]:
    """Add the files of one folder; return its subfolders, and its links to folders."""
    folders, links = list[str](), list[str]()
    with os.scandir(place) as unsorted:
        entries = sorted(unsorted, key=lambda entry: entry.name)
    marker = next((entry.name for entry in entries if entry.name in MARKERS), "")
    if marker and place != root:
        found.excluded[place] = marker
        return folders, links
    for entry in entries:
        try:
            folder = entry.is_dir()
            if reason := exclude.why(entry.path, entry.name, root=root, folder=folder):
                found.excluded[entry.path] = reason
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_symlink() and stat.S_ISDIR(entry.stat().st_mode):
                links.append(entry.path)
            elif entry.is_file():
                _add(entry, found, known)
        except OSError as error:  # the rest of the folder is listed
            if error.errno not in NOWHERE:
                found.unreadable[entry.path] = error.strerror or str(error)
    return folders, links


def _add(entry: os.DirEntry[str], found: Walked, known: Known | None) -> None:
    """Add a file where it belongs; only of music the system is asked for a stamp."""
    told = told_by_name(entry.name)
    if told is False:
        found.left_out.add(entry.path)
        return
    stamp = FileStamp.of(entry.stat())
    if told or (known is not None and known(entry.path, stamp)) or is_music(entry.path, entry.name):
        found.files[entry.path] = stamp
    else:
        found.left_out.add(entry.path)


def _may_be_folder(path: str) -> bool:
    """Whether there is a folder, or what is there cannot be looked at."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError as error:
        return error.errno not in NOWHERE

"""Changing the tags of a file so that at every moment it is whole: the old one or the new one.

A copy beside the file gets the tags, is read back and compared with the original, is written
through to the disk, and takes the file's name. Name, permissions, owner and extended attributes
stay; the time of change becomes now, unless asked otherwise, so that players and backups notice.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from music_emotion.atomic import replaced_when_done, write_through
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.digest import FileStamp
from music_emotion.errors import TagError, printable
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.tags.fields import Change, open_tags

OTHER_SOUND = "it sounds different now than when it was scanned; scan its folder again"


def real_file(path: str) -> Path:
    """Return the file a path means, symbolic links followed, if it may be replaced.

    Raises
    ------
    TagError
        It is missing, no regular file, read-only, or has other names (hard links).
    """
    shown = f"'{printable(path)}'"
    try:
        file = Path(path).resolve()
        status = file.stat()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "a link to itself"
        raise TagError(f"{shown} cannot be found ({reason}); scan the folder again") from None
    if not stat.S_ISREG(status.st_mode):
        raise TagError(f"{shown} is not a file")
    if not status.st_mode & stat.S_IWUSR or not os.access(file, os.W_OK):
        raise TagError(f"{shown} is read-only; change its permissions to tag it")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise TagError(f"{shown} lies in a read-only folder; change its permissions to tag it")
    if status.st_nlink > 1:
        raise TagError(
            f"{shown} has {status.st_nlink} names (hard links), which a new file would part; copy "
            "it over one of them, or leave it out"
        )
    return file


def rewrite_tags(
    path: str,
    change: Change,
    *,
    expected: FileStamp | None = None,
    audio: bytes | None = None,
    keep_times: bool = False,
) -> FileStamp:
    """Change tags of a file; return its new stamp.

    Parameters
    ----------
    path
        The file; a symbolic link stays one, and the file it means is changed.
    expected, audio
        Stamp of the file and digest of the sound that the change was made for; ``None``: any.
    keep_times
        Leave the time of change as it was.

    Raises
    ------
    TagError
        It cannot be done; the file is as it was.
    """
    file = real_file(path)
    shown = f"'{printable(path)}'"
    try:
        before = expected or FileStamp.read(file)
        place = file.with_name(f"{TEMPORARY_TAGGED}{uuid.uuid4().hex[:12]}{file.suffix}")
        with replaced_when_done(file, temporary=place) as copy:
            _copy(file, copy)
            digest = audio_digest(file)
            if audio not in (None, digest):
                raise TagError(OTHER_SOUND)
            tags = open_tags(copy)
            tags.check_lossless()
            others = tags.others(change)
            for key, values in change.items():
                tags.set(key, values)
            tags.save()
            _verify(copy, digest, others, change)
            if keep_times:
                os.utime(copy, ns=(file.stat().st_atime_ns, before.mtime_ns))
            write_through(copy)
            if FileStamp.read(file) != before:
                raise TagError("another program changed it meanwhile; run the command again")
            stamp = FileStamp.read(copy)
        # It is done: nothing from here on may say that it is not.
        with suppress(OSError):  # some network disks refuse to write a folder through
            write_through(file.parent)
        return stamp
    except TagError as error:
        raise TagError(f"{shown} is left as it was: {error}") from None
    except OSError as error:
        raise TagError(f"{shown} is left as it was ({error.strerror or error})") from None


def remove_leftovers(folders: Iterable[Path]) -> int:
    """Remove copies that a process which was killed has left in folders; return how many.

    Only for who holds the lock of the catalogue: the copies of a process at work look the same.
    """
    count = 0
    for folder in set(folders):
        for copy in folder.glob(f"{TEMPORARY_TAGGED}*"):
            with suppress(OSError):
                copy.unlink()
                count += 1
    return count


def _copy(file: Path, copy: Path) -> None:
    """Copy a file with its permissions, owner and extended attributes."""
    shutil.copyfile(file, copy)
    shutil.copystat(file, copy)
    status = file.stat()
    with suppress(OSError, AttributeError):  # only the superuser may give files away
        os.chown(copy, status.st_uid, status.st_gid)
        copy.chmod(stat.S_IMODE(status.st_mode))
    os.utime(copy)


def _verify(copy: Path, digest: bytes, others: object, change: Change) -> None:
    """Raise a TagError where a tagged copy is not what it should be."""
    tags = open_tags(copy)
    if audio_digest(copy) != digest:
        raise TagError("the tags cannot be written without touching the sound of such a file")
    if any(tags.get(key) != values for key, values in change.items()):
        raise TagError("the tags do not read back as they were written")
    if tags.others(change) != others:
        raise TagError("the other tags would change; repair them with a tag editor first")

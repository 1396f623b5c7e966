"""Fetching EMOTIFY from where it was published, checked file by file.

The archive's own checksum is not known, but that of every file in it is: a file reaches its place
only when its SHA-256 is the published one, so a damaged archive can leave nothing wrong behind.
``data.csv`` comes last: a folder without it does not count as holding the data.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from music_emotion.atomic import replaced_when_done
from music_emotion.datasets.checksums import file_digest, published_digests
from music_emotion.datasets.download import Progress, Retries, fetch
from music_emotion.datasets.emotify import (
    ANNOTATIONS,
    MUSIC_FOLDER,
    TRACK_COUNT,
    locate_audio,
    published_name,
)
from music_emotion.errors import DatasetError

ADDRESS = "http://www2.projects.science.uu.nl/memotion/emotifydata/"
ARCHIVE = "emotifymusic.zip"
ARCHIVE_MEGABYTES = 363
DOWNLOAD_SUFFIX = ".download"
# A member that claims more than this is not one of the one-minute MP3s, whatever its name.
LARGEST_MEMBER_BYTES = 32 << 20
COPY_BYTES = 1 << 18

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class _DamagedError(Exception):
    """What came does not match the published checksums."""


def download(
    root: Path,
    *,
    address: str = ADDRESS,
    force: bool = False,
    progress: Progress | None = None,
    retries: Retries | None = None,
) -> int:
    """Bring the published EMOTIFY into ``root``; what is already there and right stays.

    Parameters
    ----------
    root
        Folder for ``data.csv`` and ``emotifymusic/``; made if need be.
    address
        Where ``data.csv`` and ``emotifymusic.zip`` are, ending in a slash.
    force
        Replace files that differ from the published ones, instead of refusing.
    progress
        Told about every block of the current transfer.
    retries
        How often a transfer that broke is tried again.

    Returns
    -------
    int
        Number of files that were fetched, 0–401.

    Raises
    ------
    DatasetError
        If something in ``root`` differs from the published files and ``force`` is not set, if the
        server cannot be reached or refuses, if what it sends is damaged twice in a row, or if the
        folder cannot be written. The partial transfer is kept; another call goes on.
    """
    retries = retries or Retries()
    wanted = _wanted(root, force)
    audio = {name: digest for name, digest in wanted.items() if name != ANNOTATIONS}
    try:
        if audio:
            archive = root / ARCHIVE
            for last in (False, True):
                fetch(address + ARCHIVE, archive, progress=progress, retries=retries)
                if _accepted(archive, root, audio, last):
                    break
            archive.unlink()
        if ANNOTATIONS in wanted:
            _fetch_annotations(root, address, wanted[ANNOTATIONS], progress, retries)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"{error.filename or root}: cannot be written ({reason}); free space or choose "
            "another folder"
        ) from error
    return len(wanted)


def _wanted(root: Path, force: bool) -> dict[str, str]:
    """Return the digests of the published files that are not in ``root``, by published name."""
    published = published_digests()
    paths = {published_name(track): path for track, path in locate_audio(root).items()}
    if (root / ANNOTATIONS).is_file():
        paths[ANNOTATIONS] = root / ANNOTATIONS
    different = [name for name, path in paths.items() if file_digest(path) != published[name]]
    if different and not force:
        raise DatasetError(
            f"{root}: {len(different)} files differ from the published ones, the first is "
            f"{paths[different[0]]} (a re-encode?); choose another folder, or replace them with "
            "--force"
        )
    return {
        name: digest for name, digest in published.items() if name not in paths or name in different
    }


def _fetch_annotations(
    root: Path, address: str, digest: str, progress: Progress | None, retries: Retries
) -> None:
    path = root / (ANNOTATIONS + DOWNLOAD_SUFFIX)
    for _ in range(2):
        fetch(address + ANNOTATIONS, path, progress=progress, retries=retries)
        if file_digest(path) == digest:
            path.replace(root / ANNOTATIONS)
            return
        path.unlink()
    raise DatasetError(
        f"{address}{ANNOTATIONS}: differs from the published file (SHA-256), twice; nothing of it "
        "is kept: try again later or fetch it by hand"
    )


def _accepted(archive: Path, root: Path, wanted: dict[str, str], last: bool) -> bool:
    """Extract the archive; a damaged one is removed and refused, the second time for good."""
    try:
        extract(archive, root, wanted)
    except _DamagedError as damage:
        archive.unlink()
        if last:
            raise DatasetError(
                f"{archive.name}: {damage}; it was fetched twice and is not kept: try again later"
            ) from damage
        return False
    return True


def extract(archive: Path, root: Path, wanted: dict[str, str]) -> None:
    """Write the wanted members of an archive under ``root``, each whole and verified.

    Only files whose last two parts are ``<genre>/<n>.mp3`` of the published list are looked at,
    and they are written to the published place whatever folder the archive puts them in; so no
    member can reach outside ``root``.

    Raises
    ------
    _DamagedError
        If the archive cannot be read, a member differs from its checksum or is missing.
    """
    remaining = dict(wanted)
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                name = str(PurePosixPath(MUSIC_FOLDER, *PurePosixPath(member.filename).parts[-2:]))
                if name in remaining and not member.is_dir():
                    _write_verified(file, member, root / name, remaining.pop(name))
    except _DAMAGED as error:
        raise _DamagedError(f"is damaged ({error})") from error
    if remaining:
        raise _DamagedError(f"lacks {len(remaining)} of {TRACK_COUNT} files ({min(remaining)})")


def _write_verified(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, digest: str
) -> None:
    if member.file_size > LARGEST_MEMBER_BYTES:
        raise _DamagedError(f"holds {member.filename} of {member.file_size:,} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = hashlib.sha256()
    with replaced_when_done(path) as temporary:
        with temporary.open("wb") as target, archive.open(member) as source:
            while block := source.read(COPY_BYTES):
                content.update(block)
                target.write(block)
        if content.hexdigest() != digest:
            raise _DamagedError(f"holds {member.filename} with another SHA-256")

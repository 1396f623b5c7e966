"""Fetching EMOTIFY from where it was published, checked file by file.

An interrupted transfer goes on where it stopped. The archive's own checksum is not known, but that
of every file in it is: a file reaches its place only when its SHA-256 is the published one, so a
damaged archive can leave nothing wrong behind. ``data.csv`` comes last: a folder without it does
not count as holding the data.
"""

from __future__ import annotations

import http.client
import re
import shutil
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from music_emotion.atomic import replaced_when_done
from music_emotion.datasets.corpus import audio_digests
from music_emotion.datasets.emotify import (
    ANNOTATIONS,
    MUSIC_FOLDER,
    TRACK_COUNT,
    locate_audio,
    published_digests,
    published_name,
)
from music_emotion.digest import file_digest
from music_emotion.errors import DatasetError
from music_emotion.progress import Progress

ADDRESS = "http://www2.projects.science.uu.nl/memotion/emotifydata/"
ARCHIVE = "emotifymusic.zip"
PART_SUFFIX, DOWNLOAD_SUFFIX = ".part", ".download"
# A member that claims more than this is not one of the one-minute MP3s, whatever its name.
LARGEST_MEMBER_BYTES = 32 << 20
BLOCK_BYTES = 1 << 18

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_HTTP_PARTIAL = 206
_HTTP_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)$")


@dataclass(frozen=True, slots=True)
class Retries:
    """How stubborn a transfer is.

    Attributes
    ----------
    attempts
        Attempts in a row without a single new byte before giving up.
    pause
        Seconds before the next attempt, times the number of failures so far.
    timeout
        Seconds without a byte that count as a failure.
    """

    attempts: int = 4
    pause: float = 1.0
    timeout: float = 30.0


STUBBORN = Retries()


class _InterruptedError(Exception):
    """The connection ended early; another attempt may go on from there."""


class _DamagedError(Exception):
    """What came does not match the published checksums."""


def fetch(
    address: str, path: Path, *, progress: Progress | None = None, retries: Retries = STUBBORN
) -> None:
    """Download an ``http`` or ``https`` address; the file appears whole or not at all.

    The bytes go to ``path`` + ``.part``, which stays when the transfer is interrupted; the next
    call, or the next attempt within this one, asks the server for the rest only. A server that
    cannot do that sends everything again. ``progress`` is called with (bytes done, bytes in all)
    after every block.

    Raises
    ------
    DatasetError
        If the server refuses, cannot be reached, or the file cannot be written.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    failures = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            before = _size(part)
            try:
                _transfer(address, part, progress, retries.timeout)
            except _InterruptedError as interruption:
                failures = failures + 1 if _size(part) <= before else 1
                if failures >= retries.attempts:
                    kept = f" ({_size(part):,} bytes are kept in {part})" if _size(part) else ""
                    raise DatasetError(
                        f"{address}: {interruption}{kept}; check the network and run the same "
                        "command to go on"
                    ) from interruption
                time.sleep(retries.pause * failures)
            else:
                part.replace(path)
                return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"{part}: cannot be written ({reason}); free space or choose another folder"
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(address: str, part: Path, progress: Progress | None, timeout: float) -> None:
    """Append what is missing to ``part``, or start it anew where the server offers no range."""
    offset = _size(part)
    response = _open(address, offset, timeout)
    if response is None:  # The server holds no more than what is here, or less: start over.
        part.unlink()
        offset = 0
        response = _open(address, 0, timeout)
    if response is None:
        raise DatasetError(f"{address}: the server refuses to send the file; try again later")
    with response:
        start, total = _announced(response)
        if start not in (0, offset):
            raise DatasetError(f"{address}: the server sent another part than asked; try again")
        with part.open("r+b" if start else "wb") as file:
            done = file.seek(start)
            while block := _read(response):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    if done < total:
        raise _InterruptedError(f"the transfer ended after {done:,} of {total:,} bytes")


def _open(address: str, offset: int, timeout: float) -> http.client.HTTPResponse | None:
    """Ask for the bytes from ``offset``; ``None`` where the server has none there."""
    headers = {"User-Agent": "music-emotion", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(address, headers=headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _HTTP_RANGE_NOT_SATISFIABLE and offset:
            return None
        if error.code >= http.client.INTERNAL_SERVER_ERROR:
            raise _InterruptedError(f"the server answers {error.code} {error.reason}") from error
        raise DatasetError(
            f"{address}: the server answers {error.code} {error.reason}; the address may have "
            "moved: download the file by hand"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _InterruptedError(f"the server cannot be reached ({reason})") from error
    return response


def _announced(response: http.client.HTTPResponse) -> tuple[int, int]:
    """Return where the body starts in the file and the file's size, 0 where unknown."""
    if response.status == _HTTP_PARTIAL:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None:
            raise DatasetError(f"{response.url}: the server does not say what it sends; try again")
        return int(match[1]), int(match[2])
    return 0, int(response.headers.get("Content-Length") or 0)


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(f"the connection broke ({error})") from error


def download_emotify(
    root: Path,
    *,
    address: str = ADDRESS,
    force: bool = False,
    progress: Progress | None = None,
    retries: Retries = STUBBORN,
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
    progress, retries
        As in :func:`fetch`, for each transfer.

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
    wanted = _wanted(root, force)
    audio = {name: digest for name, digest in wanted.items() if name != ANNOTATIONS}
    try:
        if audio:
            _fetch_audio(root, address, audio, progress, retries)
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
    paths = {published_name(track_id): path for track_id, path in locate_audio(root).items()}
    if (root / ANNOTATIONS).is_file():
        paths[ANNOTATIONS] = root / ANNOTATIONS
    digests = zip(paths, audio_digests(paths.values()), strict=True)
    different = [name for name, digest in digests if digest.sha256 != published[name]]
    if different and not force:
        raise DatasetError(
            f"{root}: {len(different)} files differ from the published ones, the first is "
            f"{paths[different[0]]} (a re-encode?); choose another folder, or replace them with "
            "--force"
        )
    missing = (published.keys() - paths.keys()) | set(different)
    return {name: digest for name, digest in published.items() if name in missing}


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


def _fetch_audio(
    root: Path, address: str, wanted: dict[str, str], progress: Progress | None, retries: Retries
) -> None:
    archive = root / ARCHIVE
    for attempt in (1, 2):
        fetch(address + ARCHIVE, archive, progress=progress, retries=retries)
        try:
            _extract(archive, root, wanted)
        except _DamagedError as damage:
            archive.unlink()
            if attempt == 2:
                raise DatasetError(
                    f"{ARCHIVE}: {damage}; it was fetched twice and is not kept: try again later"
                ) from damage
        else:
            archive.unlink()
            return


def _extract(archive: Path, root: Path, wanted: dict[str, str]) -> None:
    """Write the wanted members of an archive under ``root``, each whole and verified.

    Only files whose last two parts are ``<genre>/<n>.mp3`` of the published list are looked at,
    and they are written to the published place whatever folder the archive puts them in; so no
    member can reach outside ``root``.
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
    with replaced_when_done(path) as temporary:
        with temporary.open("wb") as target, archive.open(member) as source:
            shutil.copyfileobj(source, target)
        if file_digest(temporary) != digest:
            raise _DamagedError(f"holds {member.filename} with another SHA-256")

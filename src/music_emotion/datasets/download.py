"""Fetching a large file over HTTP so that an interrupted transfer goes on where it stopped."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from music_emotion.errors import DatasetError

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all); the total is 0 while unknown."""

PART_SUFFIX = ".part"
BLOCK_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 4
PAUSE_SECONDS = 1.0

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

    attempts: int = ATTEMPTS
    pause: float = PAUSE_SECONDS
    timeout: float = TIMEOUT_SECONDS


class _InterruptedError(Exception):
    """The connection ended early; another attempt may go on from there."""


def fetch(
    address: str,
    path: Path,
    *,
    progress: Progress | None = None,
    retries: Retries | None = None,
) -> Path:
    """Download ``address`` to ``path``; what is there appears whole or not at all.

    The bytes go to ``path`` + ``.part``, which stays when the transfer is interrupted; the next
    call, or the next attempt within this one, asks the server for the rest only. A server that
    cannot do that sends everything again.

    Parameters
    ----------
    address
        An ``http`` or ``https`` address.
    path
        The file to write.
    progress
        Told about every block.
    retries
        How often to try again.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    DatasetError
        If the server refuses, cannot be reached, or the file cannot be written.
    """
    retries = retries or Retries()
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
                return part.replace(path)
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

"""Receive a form with one file: never more than allowed, never slower, in a file without a name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from music_emotion.errors import printable
from music_emotion.web.responses import (
    BAD_REQUEST,
    BODY_READ,
    INVALID,
    TOO_LARGE,
    TOO_SLOW,
    APIError,
)
from music_emotion.web.settings import MEGABYTE, ServerSettings

FIELD = "file"
MAX_FIELDS = 8
MAX_FIELD_BYTES = 4_096
FORM_BYTES = 64 * 1024  # boundaries and fields beside the file
NAME_LENGTH = 255  # characters of a name that are kept


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent.

    Attributes
    ----------
    name
        What the sender calls it: a label, never used as a path.
    file
        An anonymous temporary file, gone when closed.
    fields
        The other fields of the form.
    """

    name: str
    file: BinaryIO
    fields: dict[str, str]

    def close(self) -> None:
        """Let the file go."""
        self.file.close()


async def receive_upload(request: Request, settings: ServerSettings) -> Upload:
    """Receive the form of a request.

    Raises
    ------
    APIError
        It is no form, too large, too slow, or holds not exactly one file.
    ClientDisconnect
        The sender left.
    """
    _check_headers(request, settings)
    parser = MultiPartParser(
        request.headers,
        _bounded_body(request, settings),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise APIError(BAD_REQUEST, f"the form cannot be read: {error.message}") from None
    except (ValueError, UnicodeError, KeyError) as error:
        raise APIError(BAD_REQUEST, f"the form cannot be read: {printable(error)}") from None
    files = [value for key, value in form.multi_items() if isinstance(value, UploadFile)]
    sent = form.get(FIELD)
    if not isinstance(sent, UploadFile):
        for other in files:
            other.file.close()
        raise APIError(INVALID, f"the form has no file in the field '{FIELD}'; send one")
    fields = {key: value for key, value in form.multi_items() if isinstance(value, str)}
    return Upload(label(sent.filename or ""), sent.file, fields)


def label(name: str) -> str:
    """Return a sender's name for a file as one short printable line without folders."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return printable(last)[:NAME_LENGTH] or "upload"


def _check_headers(request: Request, settings: ServerSettings) -> None:
    """Refuse what the headers alone give away, before anything is read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise APIError(BAD_REQUEST, f"send a multipart form with one file in the field '{FIELD}'")
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > settings.upload_bytes + FORM_BYTES:
        raise _too_large(settings)


def _too_large(settings: ServerSettings) -> APIError:
    size = settings.upload_bytes / MEGABYTE
    return APIError(TOO_LARGE, f"the upload is too large; this server takes {size:g} MB at most")


async def _bounded_body(request: Request, settings: ServerSettings) -> AsyncGenerator[bytes, None]:
    """Yield the body while it keeps within size and time."""
    began = time.monotonic()
    received = 0
    while True:
        wait = _patience(time.monotonic() - began, received, settings)
        try:
            async with asyncio.timeout(wait):
                message = await request.receive()
        except TimeoutError:
            reason = "the upload paused or is too slow; send it over a faster connection"
            raise APIError(TOO_SLOW, reason) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        received += len(piece)
        if received > settings.upload_bytes + FORM_BYTES:
            raise _too_large(settings)
        if piece:
            yield piece
        if not message.get("more_body", False):
            request.scope[BODY_READ] = True
            return


def _patience(elapsed: float, received: int, settings: ServerSettings) -> float:
    """Return how many seconds the next piece of a body may take."""
    left = [settings.idle_seconds, settings.upload_seconds - elapsed]
    if settings.upload_rate:
        earned = settings.idle_seconds + received / settings.upload_rate
        left.append(earned - elapsed)
    return max(0.0, min(left))

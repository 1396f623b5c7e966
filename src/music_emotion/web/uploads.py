"""Receive a form with one file: never more than allowed, never slower, in a file without a name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from music_emotion.errors import printable
from music_emotion.web import responses
from music_emotion.web.responses import APIError
from music_emotion.web.settings import MEGABYTE, ServerSettings

FIELD = "file"
MAX_FIELDS = 8
MAX_FIELD_BYTES = 4_096
CUT_OFF = "it is cut off, its last boundary is missing; send it again"
REFUSALS = {  # by the words of Starlette's parser
    "Too many files": "the form has more than one file; send each in a request of its own",
    "Too many fields": f"the form has more than {MAX_FIELDS} fields; send those of this API alone",
    "exceeded maximum size": f"a field of the form has more than {MAX_FIELD_BYTES:,} bytes",
    CUT_OFF: f"the form cannot be read: {CUT_OFF}",
}
MALFORMED = "the form cannot be read: it is no multipart form with a boundary that its header names"
FORM_BYTES = 64 * 1024  # boundaries and fields beside the file
NAME_LENGTH = 255  # characters of a name that are kept


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent."""

    name: str  # what the sender calls it: a label, never used as a path
    file: BinaryIO  # temporary, without a name, gone when closed
    fields: dict[str, str]  # the others of the form


class WholeFormParser(MultiPartParser):
    """A parser of forms that takes none without an end, which Starlette's does."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None]) -> None:
        super().__init__(
            headers,
            self._whole(stream),
            max_files=1,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_BYTES,
        )
        self._has_ended = False

    def on_end(self) -> None:
        """Note that the last boundary came."""
        self._has_ended = True

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
        if not self._has_ended:
            raise MultiPartException(CUT_OFF)


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
    parser = WholeFormParser(request.headers, _bounded_body(request, settings))
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        said = str(error)
        message = next((ours for theirs, ours in REFUSALS.items() if theirs in said), MALFORMED)
        raise APIError(responses.BAD_REQUEST, message) from None
    sent = form.get(FIELD)
    if not isinstance(sent, UploadFile):
        await form.close()
        message = f"the form has no file in the field '{FIELD}'; send one"
        raise APIError(responses.INVALID, message)
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
        message = f"send a multipart form with one file in the field '{FIELD}'"
        raise APIError(responses.BAD_REQUEST, message)
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > settings.upload_bytes + FORM_BYTES:
        raise _too_large(settings)


def _too_large(settings: ServerSettings) -> APIError:
    size = settings.upload_bytes / MEGABYTE
    message = f"the upload is too large; this server takes {size:g} MB at most"
    return APIError(responses.TOO_LARGE, message)


async def _bounded_body(request: Request, settings: ServerSettings) -> AsyncGenerator[bytes, None]:
    """Yield the body while it keeps within size and time."""
    began = time.monotonic()
    received = 0
    while True:
        try:
            async with asyncio.timeout(_patience(time.monotonic() - began, received, settings)):
                message = await request.receive()
        except TimeoutError:
            reason = "the upload paused or is too slow; send it over a faster connection"
            raise APIError(responses.TOO_SLOW, reason) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        received += len(piece)
        if received > settings.upload_bytes + FORM_BYTES:
            raise _too_large(settings)
        if piece:
            yield piece
        if not message.get("more_body", False):
            request.scope[responses.BODY_READ] = True
            return


def _patience(elapsed: float, received: int, settings: ServerSettings) -> float:
    """Return how many seconds the next piece of a body may take."""
    left = [settings.idle_seconds, settings.upload_seconds - elapsed]
    if settings.upload_rate:
        left.append(settings.idle_seconds + received / settings.upload_rate - elapsed)
    return max(0.0, min(left))

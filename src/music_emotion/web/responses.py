"""What the API answers when it does not do what was asked: a status, a code and a sentence."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from music_emotion.errors import MusicEmotionError

BODY_READ = "music_emotion.body_read"
"""Key of a request's scope: whether nothing of its body is left."""

PROBLEM_CODE = "music_emotion.problem_code"
"""Key of a request's scope: the code of the error that it is answered with."""

LINGER_BYTES = 300_000_000
LINGER_OVERSIZED_BYTES = 1_000_000  # after an answer that it is too much
LINGER_SECONDS = 20.0
LINGER_PAUSE = 2.0  # seconds without a byte
CLIENT_GONE = 499  # never seen by anyone; for logs


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem, as RFC 9457 has it."""

    status: int  # of HTTP
    code: str  # what programs look at; it does not change
    meaning: str  # one sentence for the documentation of the API


BAD_REQUEST = ProblemType(
    400, "bad_request", "The request is not multipart form data with one `file`."
)
UNAUTHORISED = ProblemType(401, "unauthorised", "The server asks for a token that was not shown.")
FORBIDDEN = ProblemType(403, "cross_site", "A page of another site sent the request.")
MISDIRECTED = ProblemType(
    421, "misdirected", "The server does not go by the name that the request is for."
)
NOT_FOUND = ProblemType(404, "not_found", "There is no such address, job or example.")
NOT_ALLOWED = ProblemType(405, "method_not_allowed", "The address does not take this method.")
TOO_SLOW = ProblemType(408, "upload_too_slow", "The upload paused, was too slow or took too long.")
NOT_FINISHED = ProblemType(409, "not_finished", "The job has no result yet, or none at all.")
TOO_LARGE = ProblemType(413, "too_large", "The request is larger than the server takes.")
TOO_LONG = ProblemType(
    413, "too_long", "The sound is longer, or of more samples, than the server takes."
)
UNSUPPORTED = ProblemType(415, "unsupported_format", "The server has no decoder for this format.")
UNREADABLE = ProblemType(
    422, "unreadable_audio", "The file is not audio, is damaged, empty or too short."
)
INVALID = ProblemType(422, "invalid_field", "A field is missing or has a value it cannot have.")
SHARE_USED = ProblemType(429, "too_many_requests", "This client has too many files in the server.")
CANCELLED = ProblemType(409, "cancelled", "The job was cancelled.")
INTERNAL = ProblemType(500, "internal_error", "The server made a mistake.")
BUSY = ProblemType(503, "busy", "The server has no room for another file now.")
STOPPING = ProblemType(503, "stopping", "The server is being stopped.")
TIMED_OUT = ProblemType(
    504, "analysis_too_long", "The analysis took longer than the server allows."
)

OF_ALL = (FORBIDDEN, MISDIRECTED)
OF_JOBS = (UNAUTHORISED, NOT_FOUND)
OF_UPLOADS = (
    *(BAD_REQUEST, UNAUTHORISED, FORBIDDEN, TOO_SLOW, TOO_LARGE, INVALID, SHARE_USED, BUSY),
    STOPPING,
)
OF_ANALYSES = (
    *(CANCELLED, TOO_LARGE, TOO_LONG, UNSUPPORTED, UNREADABLE, INTERNAL, BUSY, STOPPING),
    TIMED_OUT,
)
"""What may stand against a request that has to do with each."""


class APIError(MusicEmotionError):
    """A request that is not granted; the message says what is wrong, and what helps.

    After ``retry_after`` seconds another attempt is worth it; 0 if it never is.
    """

    def __init__(self, problem: ProblemType, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.problem, self.code = problem, problem.code
        self.message = message
        self.retry_after = retry_after


class ErrorResponse(JSONResponse):
    """The answer to a request that is not granted: ``{"code": …, "message": …}``.

    A connection that is closed while its client still sends is reset, and the answer lost. So
    what the client is sending is read for a while and thrown away, unless it is too much anyway.
    """

    def __init__(self, error: APIError) -> None:
        content = {"code": error.code, "message": error.message}
        headers = {"Cache-Control": "no-store"}
        if error.retry_after:
            headers["Retry-After"] = str(error.retry_after)
        if error.problem is UNAUTHORISED:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(content, status_code=error.problem.status, headers=headers)
        self._code = error.code
        self._patience = LINGER_OVERSIZED_BYTES if error.problem.status == 413 else LINGER_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then let the client finish."""
        scope[PROBLEM_CODE] = self._code
        if scope["method"] not in ("POST", "PUT", "PATCH") or scope.get(BODY_READ):
            await super().__call__(scope, receive, send)
            return
        self.headers["Connection"] = "close"
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _discard(receive, self._patience)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive, patience: int) -> None:
    """Read and forget a request's body, for a limited time."""
    end = time.monotonic() + LINGER_SECONDS
    while patience > 0 and time.monotonic() < end:
        try:
            async with asyncio.timeout(LINGER_PAUSE):
                message = await receive()
        except TimeoutError:
            return
        patience -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _api_error(_: Request, error: APIError) -> Response:
    return ErrorResponse(error)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """Answer to an address or a method that does not exist."""
    status = error.status_code
    problem, message = {
        404: (NOT_FOUND, "there is no such address; /api/openapi.json lists those of the API"),
        405: (NOT_ALLOWED, f"this address does not take the method {request.method}"),
    }.get(status, (ProblemType(status, "http_error", ""), str(error.detail)))
    response = ErrorResponse(APIError(problem, message))
    response.headers.update(error.headers or {})
    return response


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return ErrorResponse(APIError(INVALID, f"{where}: {first['msg']}"))


async def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


EXCEPTION_HANDLERS: dict[Any, Any] = {
    APIError: _api_error,
    HTTPException: _http_error,
    RequestValidationError: _invalid,
    ClientDisconnect: _client_gone,
}
"""How the application answers to each exception."""

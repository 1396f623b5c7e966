"""What every request leaves behind: a line in the log, a few numbers, and its id in the answer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from music_emotion.web.api import Service
from music_emotion.web.logs import LOGGER, REQUEST_ID, request_id
from music_emotion.web.responses import INTERNAL, PROBLEM_CODE, APIError, ErrorResponse

HEADER = "X-Request-Id"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNKNOWN = "other"
"""What stands for a method or an address that does not exist: anyone can make up new ones."""


@dataclass(slots=True)
class Exchange:
    """A request and its answer, as far as they are."""

    began: float  # of the performance counter
    path: str  # as it came
    status: int = 0  # 0 before the answer begins
    received: int = 0  # bytes of the request's body
    sent: int = 0  # of the answer's


class ObservationMiddleware:
    """Names, times, counts and logs requests; a mistake of the server's is told here.

    ``routes`` are the addresses there are, with ``{name}`` for a part that varies.
    """

    def __init__(self, app: ASGIApp, service: Service, routes: Iterable[str]) -> None:
        self._app = app
        self._service = service
        self._routes = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", name)), name) for name in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = request_id(Headers(scope=scope).getlist(HEADER))
        inherited = REQUEST_ID.set(named)
        seen = Exchange(time.perf_counter(), scope["path"])  # parts of it are cut off on its way

        async def receive_counted() -> Message:
            message = await receive()
            seen.received += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = named
            seen.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive_counted, send_counted)
        except asyncio.CancelledError:
            if not self._service.stopping.over:
                raise
        except Exception as error:
            LOGGER.error("a request failed", exc_info=error)
            if not seen.status:
                message = "the server made a mistake; nothing was kept of the request"
                response = ErrorResponse(APIError(INTERNAL, message))
                await response(scope, receive_counted, send_counted)
        finally:
            self._note(scope, seen)
            REQUEST_ID.reset(inherited)

    def _note(self, scope: Scope, seen: Exchange) -> None:
        seconds = time.perf_counter() - seen.began
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN
        route = self._route(seen.path)
        fields = {
            "status": seen.status,
            "seconds": round(seconds, 4),
            "received": seen.received,
            "sent": seen.sent,
            "queue": self._service.jobs.waiting,
        }
        LOGGER.info("%s %s", method, route, extra={"fields": fields})
        if self._service.metrics is not None:
            code = scope.get(PROBLEM_CODE, "")
            self._service.metrics.answered(method, route, seen.status, seconds, code)

    def _route(self, path: str) -> str:
        """Return an address as the API names it: ``/api/jobs/{job_id}`` for that of a job.

        Not by the application's own search, which those that are refused at its door do not reach.
        """
        path = path.removeprefix(self._service.settings.root_path)
        if path.startswith("/static/"):
            return "/static"
        found = (name for pattern, name in self._routes if pattern.fullmatch(path))
        return next(found, UNKNOWN)

"""Refusals as HTTP responses, sent so that a client which is still sending can read them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from music_emotion.web.responses import UNAUTHORISED, RefusedError
from music_emotion.web.uploads import BODY_READ

LINGER_BYTES = 300_000_000
LINGER_OVERSIZED_BYTES = 1_000_000
LINGER_SECONDS = 20.0
LINGER_PAUSE = 2.0  # seconds without a byte


class RefusalResponse(JSONResponse):
    """The answer to a request that is not granted: ``{"code": …, "message": …}``.

    A connection that is closed while its client still sends is reset, and the answer lost. So
    what the client is sending is read for a while and thrown away, unless it is too much anyway.
    """

    def __init__(self, refusal: RefusedError) -> None:
        content = {"code": refusal.kind.code, "message": refusal.message}
        headers = {"Cache-Control": "no-store"}
        if refusal.retry_after:
            headers["Retry-After"] = str(refusal.retry_after)
        if refusal.kind is UNAUTHORISED:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(content, status_code=refusal.kind.status, headers=headers)
        self._patience = LINGER_OVERSIZED_BYTES if refusal.kind.status == 413 else LINGER_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then let the client finish."""
        sending = scope["method"] in ("POST", "PUT", "PATCH") and not scope.get(BODY_READ)
        if not sending:
            await super().__call__(scope, receive, send)
            return
        self.headers["Connection"] = "close"
        start: dict[str, Any] = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
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

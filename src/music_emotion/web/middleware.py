"""What every request and every answer passes: who may ask, and what a browser may do with it."""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from music_emotion.web.responses import FORBIDDEN, UNAUTHORISED, APIError, ErrorResponse

NONCE = "music_emotion.nonce"
"""Key of a request's scope: allows the styles of the waveform's library on this page view."""

WITH_TOKEN = ("/api/", "/metrics")
WITHOUT_TOKEN = ("/api/health", "/api/ready", "/api/docs", "/api/openapi.json")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def content_policy(nonce: str) -> str:
    """Return what a page may load: its own files, and what it made itself."""
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(rules)


def path_below_root(scope: Scope) -> str:
    """Return the path of a request as the application names it, without the root path.

    >>> path_below_root({"root_path": "/music", "path": "/music/api/health"})
    '/api/health'
    """
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class RootPathMiddleware:
    """Lets the application live below a path of its host, such as ``/music``.

    The proxy in front may pass that path on or take it away.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request the path that ASGI asks for: with the root path, which is told, too."""
        root = self._root_path
        if not root or scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == root:  # the page's relative addresses need the slash
            await RedirectResponse(f"{root}/", 308)(scope, receive, send)
        else:
            path = scope["path"]
            path = path if path.startswith(f"{root}/") else root + path
            scope.update(root_path=root, path=path)
            await self._app(scope, receive, send)


class SecurityMiddleware:
    """Refuses requests that come from another site's page or do not show the token; adds headers.

    The token ``""`` asks for nothing.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = scope[NONCE] = secrets.token_urlsafe(16)
        path = path_below_root(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", content_policy(nonce))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if path.startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        error = self._check(scope, path)
        app = self._app if error is None else ErrorResponse(error)
        await app(scope, receive, send_with_headers)

    def _check(self, scope: Scope, path: str) -> APIError | None:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site", "same-origin")
        if scope["method"] not in SAFE_METHODS and site not in ("same-origin", "none"):
            return APIError(FORBIDDEN, "requests from pages of other sites are refused")
        if not self._token or not path.startswith(WITH_TOKEN) or path in WITHOUT_TOKEN:
            return None
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        shown_bytes = shown.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() == "bearer" and hmac.compare_digest(shown_bytes, self._token):
            return None
        return APIError(UNAUTHORISED, "this server asks for its token: Authorization: Bearer TOKEN")

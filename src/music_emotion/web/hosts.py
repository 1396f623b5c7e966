"""Which names a server goes by, and that only its own pages ask it.

A page of another site can have its name lead here (DNS rebinding); its requests then name that site
as their Host. One that asks across sites names it as their Origin.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from music_emotion.errors import printable
from music_emotion.web.responses import FORBIDDEN, MISDIRECTED, APIError, ErrorResponse
from music_emotion.web.settings import ServerSettings, is_address

AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(?::(?P<port>\d{1,5}))?", re.A
)
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/]+)")
PORTS = {"http": 80, "https": 443}
EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and where it listens, as a Host or an Origin names them."""

    host: str  # in small letters, no final dot, an address without brackets
    port: int | None  # None: that of the scheme

    @classmethod
    def of(cls, text: str) -> Authority | None:
        """Read it; ``None`` where it is none.

        >>> Authority.of("Music.Example.org:8443")
        Authority(host='music.example.org', port=8443)
        >>> Authority.of("[::1]")
        Authority(host='::1', port=None)
        """
        found = AUTHORITY.fullmatch(text.lower())
        if found is None or (found["v6"] and not is_address(found["v6"])):
            return None
        host = found["v6"] or found["name"].removesuffix(".")
        return cls(host, int(found["port"]) if found["port"] else None)

    def is_origin(self, origin: str) -> bool:
        """Whether a page of this origin comes from here; its scheme is the proxy's business."""
        found = ORIGIN.fullmatch(origin.lower())
        other = Authority.of(found["authority"]) if found else None
        if found is None or other is None:
            return False
        usual = PORTS[found["scheme"]]
        return self.host == other.host and (self.port or usual) == (other.port or usual)


class Names:
    """The names a server goes by."""

    def __init__(self, settings: ServerSettings) -> None:
        self._is_loopback = settings.is_loopback
        named = (name.lower().removesuffix(".") for name in settings.allow_hosts)
        self._names = {"localhost", settings.host.lower(), *named}
        if not self._is_loopback:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own.partition('.')[0]}.local", socket.getfqdn().lower()}

    def __contains__(self, host: str) -> bool:
        """Whether one of them is meant; no name leads to an address but itself."""
        if host in self._names:
            return True
        if not is_address(host):
            return False
        return not self._is_loopback or ipaddress.ip_address(host).is_loopback


class HostMiddleware:
    """Refuses requests for another host and from pages of other origins.

    Whom ``forwarded_allow_ips`` of the settings names may say for which host it was asked.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._names = Names(settings)
        self._proxies = networks(settings.forwarded_allow_ips)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request."""
        error = self._check(scope) if scope["type"] == "http" else None
        await (self._app if error is None else ErrorResponse(error))(scope, receive, send)

    def _check(self, scope: Scope) -> APIError | None:
        headers = Headers(scope=scope)
        host = Authority.of(headers.get("host", ""))
        if host is None or host.host not in self._names:
            return _misdirected(headers.get("host", ""))
        origin = headers.get("origin")
        if origin is None or host.is_origin(origin):
            return None
        forwarded = self._forwarded(scope, headers)
        if forwarded is not None and forwarded.is_origin(origin):
            return None
        told = printable(origin)[:80]
        message = f"the page of '{told}' is not this server's; a proxy must pass on its Host"
        return APIError(FORBIDDEN, message)

    def _forwarded(self, scope: Scope, headers: Headers) -> Authority | None:
        """Return for which host a proxy was asked that may say so."""
        client = (scope.get("client") or ("",))[0]
        if not is_address(client):
            return None
        if not any(ipaddress.ip_address(client) in proxy for proxy in self._proxies):
            return None
        # What it was told itself comes first, where it passes that on.
        return Authority.of(headers.get("x-forwarded-host", "").split(",")[-1].strip())


def networks(
    named: Sequence[str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return what addresses, networks or ``*`` for all of them stand for."""
    every = (part for name in named for part in (EVERYWHERE if name == "*" else (name,)))
    return tuple(ipaddress.ip_network(part, strict=False) for part in every)


def _misdirected(named: str) -> APIError:
    host = Authority.of(named)
    if host is None:
        return APIError(MISDIRECTED, "the Host of the request is none; name this server in it")
    remedy = f"its owner can start it with --allow-host {host.host}"
    return APIError(MISDIRECTED, f"this server does not go by the name '{host.host}'; {remedy}")

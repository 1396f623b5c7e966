"""Run the application on a socket, with patience for slow connections that ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from music_emotion.errors import MusicEmotionError, ServerError
from music_emotion.web.api import Service
from music_emotion.web.logs import LOGGER
from music_emotion.web.settings import ServerSettings

KEEP_ALIVE_SECONDS = 5
FAREWELL_SECONDS = 3  # clients get to take the last answers, when the server stops
LAST_SECONDS = 2  # what answers them gets to notice that they were hung up on
BACKLOG = 128  # connections the system holds until they are accepted


def run(
    app: FastAPI, settings: ServerSettings, announce: Callable[[str], None] = lambda _: None
) -> None:
    """Serve what :func:`.app.create_app` made of the same settings until told to stop.

    ``announce`` is called with the server's address once it takes requests.

    Raises
    ------
    ServerError
        The address cannot be listened on, or the workers cannot work.
    """
    with listen(settings.host, settings.port) as listening:
        server = prepare(app, settings, lambda: announce(address(listening)))
        server.run(sockets=[listening])
    if isinstance(app.state.failure, MusicEmotionError):
        raise app.state.failure


def prepare(
    app: FastAPI, settings: ServerSettings, announce: Callable[[], None]
) -> AnnouncedServer:
    """Return a server that is ready to run; see :func:`run`."""
    config = uvicorn.Config(
        app,
        http=patient_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,  # its lines go where ours go
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # the application's own middleware reads them
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FAREWELL_SECONDS + LAST_SECONDS,
    )
    return AnnouncedServer(config, app, announce)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    ServerError
        The name is unknown or the address is taken or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServerError(
            f"cannot listen on {host}, port {port} ({reason}); choose another --host or --port"
        ) from None


def address(listening: socket.socket) -> str:
    """Return where a browser finds a socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class AnnouncedServer(uvicorn.Server):
    """A server that says when it takes requests, and ends where its workers cannot work.

    Told to stop, it takes no more files, finishes those inside, and refuses what is left when
    their time is over; told again, at once.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._service: Service = app.state.service
        self._announce = announce
        self._told = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self._app.state.failure is not None:
            self.should_exit = True
        elif self.started:
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or end now, for a signal; it is not raised once more at the end."""
        if self._service.stopping.begun:
            self.should_exit = True
        self._service.stopping.begin()

    def _say_so(self) -> None:
        """Tell, once, why the server does not end yet."""
        if not self._told:
            self._told = True
            files = self._service.limiter.inside
            LOGGER.info("finishing; files inside: %d; told again, the server stops at once", files)

    async def on_tick(self, counter: int) -> bool:
        """Return whether the server is to end, ten times a second."""
        stopping = self._service.stopping
        is_done = stopping.begun and (stopping.late or self._service.empty)
        if stopping.begun and not is_done:
            self._say_so()
        return await super().on_tick(counter) or is_done

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is left, let the answers out, and hang up on who does not take them."""
        await self._service.refuse_rest()
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def patient_protocol(settings: ServerSettings) -> type[H11Protocol]:
    """Return a protocol that closes connections whose request does not come, or beyond the limit.

    The headers of a request may take ``idle_seconds``; there are ``connections`` at once.
    """
    accepted: set[H11Protocol] = set()

    class PatientProtocol(H11Protocol):
        """HTTP/1.1 with a deadline for headers; bodies have theirs elsewhere.

        Uvicorn has no setting for that. Of its insides this uses the class and its ``conn`` alone.
        """

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._transport = transport
            accepted.add(self)
            if len(accepted) > settings.connections:
                transport.close()
            else:
                self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            accepted.discard(self)
            self._forget()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Keep a deadline running as long as a request's headers are awaited."""
            awaited = self.conn.their_state is h11.IDLE
            if awaited and self._deadline is None:
                loop = asyncio.get_running_loop()
                self._deadline = loop.call_later(settings.idle_seconds, self._give_up)
            elif not awaited:
                self._forget()

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            # A request that is being answered is over for h11 only when its answer is.
            self._deadline = None
            if self.conn.their_state is h11.IDLE and not self._transport.is_closing():
                self._transport.close()

    return PatientProtocol

"""A server on loopback in this process, music to send to it, and raw connections."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import soundfile as sf

from helpers.sounds import tone
from music_emotion.web.app import create_app
from music_emotion.web.server import address, listen, prepare
from music_emotion.web.settings import ServerSettings

RATE = 22_050
PATIENCE = 120.0  # seconds that something may take on a busy machine
BOUNDARY = "----between"


def wav(samples: np.ndarray, rate: int = RATE, form: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, samples, rate, format=form)
    return buffer.getvalue()


def music(seconds: float = 6.0, hertz: float = 440.0) -> bytes:
    return wav(tone(seconds, RATE, hertz))


def calm_then_tense(seconds: float = 12.0) -> bytes:
    halves = [tone(seconds / 2, RATE, hertz) for hertz in (440.0, 3_000.0)]
    return wav(np.concatenate(halves))


@dataclass(frozen=True)
class Live:
    """A running server."""

    address: str
    app: Any

    @property
    def inside(self) -> int:
        return int(self.app.state.service.limiter.inside)

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=PATIENCE, trust_env=False, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


@contextmanager
def running(settings: ServerSettings) -> Iterator[Live]:
    app = create_app(settings)
    started = threading.Event()
    with listen(settings.host, settings.port) as listening:
        server = prepare(app, settings, started.set)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            assert started.wait(PATIENCE), "the server did not start"
            yield Live(address(listening), app)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the server did not end"


def answer_of(app: Any, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    """What an application answers that is not served, and has no workers."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


def until(condition: Callable[[], object]) -> None:
    """Wait until something holds; it has to in the end."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def form_head(length: str, filename: str = "a.wav") -> bytes:
    """The beginning of a request with a form, up to the file's first byte."""
    return (
        f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()


def part_head(filename: str = "a.wav") -> bytes:
    disposition = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()


def status_line(connection: socket.socket) -> int:
    """Read an answer's status."""
    answer = b""
    while b"\r\n" not in answer:
        piece = connection.recv(65_536)
        assert piece, f"the connection ended after {answer!r}"
        answer += piece
    return int(answer.split(b" ", 2)[1])

"""What a server may be asked to do, and how much of it: every limit with its unit and default."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from music_emotion.errors import ModelError, ServerError, printable
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import Network, find_package, shipped_names
from music_emotion.parallel import available_cores

TOKEN_VARIABLE = "MUSIC_EMOTION_TOKEN"
"""Environment variable the token is taken from, so that it shows in no list of processes."""

MEGABYTE = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a server.

    Attributes
    ----------
    host, port
        Where it listens; loopback unless told otherwise. Port 0 takes a free one.
    models
        Names or folders of models served before those of the package; the first is the default.
    token
        What clients of the API must show; ``""`` asks for nothing.
    workers
        Processes that analyse, one file at a time each.
    queue
        Files that may be on their way or wait beside those being analysed.
    share
        Files one client address may have in the server at once.
    upload_bytes
        Largest request body.
    audio_seconds
        Longest sound.
    analysis_seconds
        Longest analysis of one file, waiting left out.
    wait_seconds
        Longest wait for a worker.
    upload_seconds
        Longest time a body may take to arrive.
    idle_seconds
        Longest pause of a client that is sending a request.
    upload_rate
        Bytes per second a body must keep up with on average after the first ``idle_seconds``.
    result_seconds
        How long the result of a job is kept after its end.
    results
        Finished jobs kept at most; the oldest go first.
    abandoned_seconds
        After so long without anyone asking, an unfinished job is cancelled.
    connections
        Open connections at most.
    worker_bytes
        Address space of a worker, where the system can limit it; 0 sets no limit.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    models: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    workers: int = field(default_factory=available_cores)
    queue: int = 16
    share: int = 8
    upload_bytes: int = 200 * MEGABYTE
    audio_seconds: float = 3_600.0
    analysis_seconds: float = 300.0
    wait_seconds: float = 120.0
    upload_seconds: float = 600.0
    idle_seconds: float = 10.0
    upload_rate: int = 16_000
    result_seconds: float = 600.0
    results: int = 100
    abandoned_seconds: float = 60.0
    connections: int = 512
    worker_bytes: int = 8_000 * MEGABYTE

    def checked(self) -> Self:
        """Return these settings if a server can run with them.

        Raises
        ------
        ServerError
            A value makes no sense.
        """
        whole = ("workers", "share", "upload_bytes", "results", "connections")
        amounts = (
            *("audio_seconds", "analysis_seconds", "wait_seconds", "upload_seconds"),
            *("idle_seconds", "result_seconds", "abandoned_seconds"),
        )
        for name in (*whole, *amounts):
            if not 0 < getattr(self, name) < math.inf:
                raise ServerError(f"{name} is {getattr(self, name)}; give a number above 0")
        for name in ("queue", "upload_rate", "worker_bytes"):
            if getattr(self, name) < 0:
                raise ServerError(f"{name} is {getattr(self, name)}; give 0 or more")
        if not 0 <= self.port <= 65_535:
            raise ServerError(f"there is no port {self.port}; give 0 to 65535")
        if self.token and (not self.token.isascii() or not self.token.isprintable()):
            raise ServerError("the token must consist of printable ASCII characters")
        return self

    @property
    def slots(self) -> int:
        """Files in the server at once: being analysed, waiting and arriving."""
        return self.workers + self.queue

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model clients may choose.

    Attributes
    ----------
    name
        What clients call it.
    folder
        Where it lies.
    card
        What it is.
    size_bytes
        Of its graph.
    """

    name: str
    folder: Path
    card: Card
    size_bytes: int


def find_models(asked: Sequence[str]) -> tuple[ServedModel, ...]:
    """Return the models asked for, then those of the package.

    Parameters
    ----------
    asked
        Names or folders. A folder's model is called what its card says, and hides a packaged
        model of the same name.

    Raises
    ------
    ModelError
        A model does not exist or is damaged, two of ``asked`` have one name, or there is none.
    """
    shipped = shipped_names()
    found: dict[str, ServedModel] = {}
    for wanted in (*asked, *shipped):
        folder = find_package(wanted)
        network = Network(folder)  # opened, so that a damaged model is told now and not to a client
        name = wanted if wanted in shipped else network.card.name
        if name not in found:
            found[name] = ServedModel(name, folder, network.card, network.size_bytes)
        elif found[name].folder.resolve() != folder.resolve() and wanted in asked:
            raise ModelError(f"two models are called '{printable(name)}'; export one under another")
    if not found:
        raise ModelError("no model is installed; name one: music-emotion serve --model FOLDER")
    return tuple(found.values())

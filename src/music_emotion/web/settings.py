"""What a server may be asked to do, and how much of it: every limit with its unit and default."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from music_emotion.errors import ModelError, ServerError, printable
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import find_package, open_package, shipped_names
from music_emotion.parallel import available_cores

TOKEN_VARIABLE = "MUSIC_EMOTION_TOKEN"
"""Environment variable the token is taken from, so that it shows in no list of processes."""

MEGABYTE = 1_000_000  # bytes

HOST_NAME = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+", re.ASCII)
ROOT_PATH = re.compile(r"(/[\w.~-]+)*", re.ASCII)
OWN_PATHS = ("/api", "/metrics", "/static")
"""What the server's own addresses begin with; a prefix of that name could not be told from them."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a server."""

    host: str = "127.0.0.1"  # loopback unless told otherwise
    port: int = 8000  # 0 takes a free one
    models: tuple[str, ...] = ()  # names or folders, served before those of the package
    metrics: bool = True  # whether numbers for Prometheus are counted, and told under /metrics
    root_path: str = ""  # that a proxy serves all addresses below, such as /music
    allow_hosts: tuple[str, ...] = ()  # names it is asked by beside its own
    forwarded_allow_ips: tuple[str, ...] = ("127.0.0.1", "::1")  # proxies that are believed
    token: str = field(default="", repr=False)  # clients of the API must show it; "": nobody asks
    workers: int = field(default_factory=available_cores)  # analyse one file at a time each
    queue: int = 16  # files on their way or waiting beside those being analysed
    share: int = 8  # files one client address may have in the server at once
    upload_bytes: int = 200 * MEGABYTE  # of a request's body
    audio_seconds: float = 3_600.0  # of sound in a file
    audio_samples: float = 1.2e9  # in all channels: an hour of 5.1 at 48 kHz is 1.04e9
    analysis_seconds: float = 300.0  # for one file, waiting left out
    wait_seconds: float = 120.0  # for a worker
    upload_seconds: float = 600.0  # a body may take to arrive
    idle_seconds: float = 10.0  # a client that is sending a request may pause
    upload_rate: int = 16_000  # bytes/s a body must keep up with after the first idle_seconds
    drain_seconds: float = 30.0  # to finish what is inside, when told to stop
    result_seconds: float = 600.0  # the result of a job is kept after its end
    results: int = 100  # finished jobs kept at most; the oldest go first
    abandoned_seconds: float = 60.0  # without anyone asking, then an unfinished job is cancelled
    connections: int = 512  # open at once
    worker_bytes: int = 8_000 * MEGABYTE  # address space of a worker; 0 sets no limit

    def checked(self) -> Self:
        """Return these settings if a server can run with them.

        Raises
        ------
        ServerError
            A value makes no sense.
        """
        above_zero = (
            *("workers", "share", "upload_bytes", "results", "connections", "audio_seconds"),
            "audio_samples",
            *("analysis_seconds", "wait_seconds", "upload_seconds", "idle_seconds"),
            *("result_seconds", "abandoned_seconds"),
        )
        for name in above_zero:
            if not 0 < getattr(self, name) < math.inf:
                raise ServerError(f"{name} is {getattr(self, name)}; give a number above 0")
        for name in ("queue", "upload_rate", "worker_bytes", "drain_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ServerError(f"{name} is {getattr(self, name)}; give 0 or more")
        if not 0 <= self.port <= 65_535:
            raise ServerError(f"there is no port {self.port}; give 0 to 65535")
        if not ROOT_PATH.fullmatch(self.root_path):
            wrong = printable(self.root_path)
            raise ServerError(f"the root path '{wrong}' is none; give one such as /music")
        if any(f"{self.root_path}/".startswith(f"{own}/") for own in OWN_PATHS):
            raise ServerError(f"the root path {self.root_path} is the server's own; give another")
        for name in self.allow_hosts:
            if not HOST_NAME.fullmatch(name):
                message = f"the host name '{printable(name)}' is none; give one such as example.org"
                raise ServerError(message)
        for name in self.forwarded_allow_ips:
            if name != "*" and not is_network(name):
                message = f"'{printable(name)}' is no address of a proxy; give one such as 10.0.0.2"
                raise ServerError(message)
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
        if is_address(self.host):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


def is_address(text: str) -> bool:
    """Whether it is an IP address in digits."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether it is an IP address or a network of them, such as ``10.0.0.0/8``."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model clients may choose."""

    name: str  # what clients call it
    folder: Path
    card: Card
    size_bytes: int  # of its graph


def find_models(asked: Sequence[str]) -> tuple[ServedModel, ...]:
    """Return the models asked for by name or folder, then those of the package.

    A folder's model is called what its card says, and hides a packaged one of the same name.

    Raises
    ------
    ModelError
        A model does not exist or is damaged, two of ``asked`` have one name, or there is none.
    """
    shipped = shipped_names()
    found: dict[str, ServedModel] = {}
    for wanted in (*asked, *shipped):
        folder = find_package(wanted)
        # Opened, so that a damaged model is told now and not to a client.
        network, _ = open_package(folder)
        name = wanted if wanted in shipped else network.card.name
        if name not in found:
            found[name] = ServedModel(name, folder, network.card, network.size_bytes)
        elif found[name].folder.resolve() != folder.resolve() and wanted in asked:
            raise ModelError(f"two models are called '{printable(name)}'; export one under another")
    if not found:
        raise ModelError("no model is installed; name one: music-emotion serve --model FOLDER")
    return tuple(found.values())

"""The options by which commands with much to do are told where to do it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class EngineName(StrEnum):
    """Where work is done."""

    LOCAL = "local"
    RAY = "ray"


EngineOption = Annotated[
    EngineName, typer.Option("--engine", help="Work in processes of this machine, or on Ray.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="With --engine ray: a cluster that is there (auto: this machine's); by default one is "
        "started here.",
    ),
]


def check_address(engine: EngineName, address: str | None) -> None:
    """Refuse an address that nobody would use.

    Raises
    ------
    MusicEmotionError
        It is given without ``--engine ray``.
    """
    from music_emotion.errors import MusicEmotionError

    if address is not None and engine is not EngineName.RAY:
        raise MusicEmotionError("--address is for --engine ray; add that, or leave it out")

"""What the commands that use a catalogue share: the option that names it, the word of waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CatalogueOption = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="FILE",
        help="By default MUSIC_EMOTION_CATALOGUE, or a file in the user's data folder.",
    ),
]


def say_waiting(holder: str) -> None:
    """Say on the error stream whom a command waits for before it writes into its catalogue."""
    typer.echo(f"waiting for {holder}", err=True)

"""``music-emotion listeners``: how far listeners agree, and how well they predict each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("listeners")(listeners)


def listeners(
    votes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV with one row per listener and track (track id and the nine emotions); "
            "by default EMOTIFY's data.csv.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for listeners.json and listeners.png.")] = Path(
        "runs"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random halves and panels.")] = 0,
) -> None:
    """Measure how far listeners agree: ceilings, panels, what people confuse."""
    from music_emotion.report.listeners import listeners_table, write_listeners

    figures = write_listeners(votes, out, seed, sys.argv[1:])
    typer.echo(listeners_table(figures))
    typer.echo(f"written to {out / 'listeners.json'} and {out / 'listeners.png'}")

"""``music-emotion doctor``: what is installed, and what each extra would add."""

from __future__ import annotations

import typer

EXIT_SICK = 1


def doctor() -> None:
    """Tell what is installed, if it works, and what extras would add."""
    from music_emotion.report.health import examine, render

    health = examine()
    typer.echo(render(health))
    if not health.well:
        raise typer.Exit(EXIT_SICK)


COMMANDS = {"doctor": doctor}

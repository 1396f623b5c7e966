"""What the commands that predict many files share: two options, and how failures end them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

EXIT_FAILURES = 1

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A model's name (see: models), or its folder.")
]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        help="Processes; 0: as many as there are cores. With 1, a file that kills its reader ends "
        "the command.",
    ),
]


def end_with(failures: Iterable[str]) -> None:
    """Name every failure on the error stream and end with their exit code; go on without any."""
    failures = list(failures)
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    if failures:
        raise typer.Exit(EXIT_FAILURES)

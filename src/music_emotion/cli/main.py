"""The ``music-emotion`` command: assembles the commands, turns errors into one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from music_emotion import __version__
from music_emotion.errors import MusicEmotionError

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
STOPPED = "stopped; what was finished is kept, run the same command to go on"

# One file per command, each defines ``register(app)`` and imports heavy packages only when run.
COMMANDS = (
    "predict",
    "serve",
    "models",
    "doctor",
    "export",
    "cache",
    "dataset",
    "extract",
    "leak",
    "listeners",
    "compare",
    "train",
    "evaluate",
    "report",
    "scan",
    "find",
    "playlist",
    "tag",
)


class InterruptibleCommands(TyperGroup):
    """Answers Ctrl-C with a line; typer would end without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo(STOPPED, err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


def build_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the command line with some or all commands registered."""
    app = typer.Typer(
        name="music-emotion",
        cls=InterruptibleCommands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich is slow to load, and help needs none of it
    )
    app.callback()(music_emotion_command)
    for command in commands:
        import_module(f"music_emotion.cli.{command}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def music_emotion_command(
    _: Annotated[
        bool,
        # In a callback, because the command's own body runs only where a command is given.
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """What people feel when they hear a piece of music."""


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 1."""
    named = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        build_app(named or COMMANDS)()
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:  # while modules were loading
        print(STOPPED, file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)

"""The ``music-emotion`` command: assembles the commands, turns errors into one line."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from music_emotion.errors import MusicEmotionError

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130

# One file per command; each defines ``register(app)`` and imports heavy packages only when run.
COMMANDS = ("cache", "dataset", "extract", "leak", "listeners", "compare", "evaluate")


def build_app() -> typer.Typer:
    """Return the command line with every command registered."""
    app = typer.Typer(
        name="music-emotion",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="What people feel when they hear a piece of music.",
    )
    for command in COMMANDS:
        import_module(f"music_emotion.cli.{command}").register(app)
    return app


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 1."""
    try:
        build_app()()
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, run the same command to go on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)

"""The command line in this process."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner, Result

from music_emotion.cli.main import build_app

APP = build_app()


def run(*arguments: object, stdin: str | bytes = "", **options: Any) -> Result:
    """Run ``music-emotion`` with these arguments; what it raises is in the result."""
    return CliRunner().invoke(APP, [str(each) for each in arguments], input=stdin, **options)

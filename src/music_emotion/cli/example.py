"""``music-emotion example``: a piece of music to try things out with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument


def example(
    file: Annotated[
        Path, Argument(metavar="[FILE]", help="Its name: .wav, .flac, .mp3, .ogg or .aiff.")
    ] = Path("example.wav"),
) -> None:
    """Write a synthesised piece of music to try things out with."""
    from music_emotion.datasets.example import PARTS, write_example
    from music_emotion.emotions import GEMS
    from music_emotion.errors import printable

    seconds = write_example(file)
    labels = {emotion.name: emotion.label for emotion in GEMS}
    played = ", then ".join(labels[name] for name, _ in PARTS)
    typer.echo(f"written to {printable(file)}: {seconds:.0f} s, played to sound like {played}")
    typer.echo(f"what people would feel: music-emotion predict {shlex.quote(printable(file))}")


COMMANDS = {"example": example}

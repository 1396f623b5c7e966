"""``music-emotion export``: a trained model as ONNX with its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    trained: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What `music-emotion train` wrote.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the model goes.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Its name; by default the output folder's.")
    ] = None,
    mel_inside: Annotated[
        bool,
        typer.Option(
            "--mel-inside/--mel-outside",
            help="A spectrogram model takes the waveform, or the spectrogram (faster here).",
        ),
    ] = True,
    halve: Annotated[bool, typer.Option("--half", help="Store large weights as float16.")] = False,
) -> None:
    """Package a trained model as ONNX for predict and for other programs."""
    from music_emotion.inference.export import export_trained

    card = export_trained(
        trained,
        output,
        name=name or output.resolve().name,
        mel_inside=mel_inside,
        halve=halve,
    )
    inputs = ", ".join(card.features)
    typer.echo(f"written to {output}: {card.name}, takes {inputs}")
    typer.echo(f"use it: music-emotion predict --model {output} song.mp3")

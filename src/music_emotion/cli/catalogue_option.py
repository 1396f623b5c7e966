"""The option that names a catalogue, shared by the commands that use one."""

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

"""The options by which every command is told which tracks to work on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Folder of EMOTIFY, or with --csv of your own audio; by default EMOTIFY is looked "
        "for in EMOTIFY_ROOT, data/emotify and the user's cache.",
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Table of your own tracks: path, and label or the nine votes; optionally listeners, "
        "group, artist, genre, id.",
    ),
]
DemoOption = Annotated[
    bool, typer.Option("--demo", help="Work on a small corpus synthesised for the purpose.")
]
OrDemoOption = Annotated[
    bool, typer.Option("--or-demo", help="The same, but only where EMOTIFY is not found.")
]

"""``music-emotion scan``: a catalogue of a music library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.catalogue_option import CatalogueOption
from music_emotion.cli.progress import progress_bar

EXIT_FAILURES = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scan")(scan)


def scan(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER…", help="Looked through, subfolders included.")
    ],
    catalogue: CatalogueOption = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model's name (see: models), or its folder.")
    ] = "default",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, help="Processes; 0: as many as there are cores.")
    ] = 0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that failed and did not change.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Forget files that are gone; by default marked missing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="If another scan is running, wait until it ends.")
    ] = False,
) -> None:
    """Predict what is new or changed in a music library, and remember it in a catalogue."""
    from music_emotion.features.extract import available_cores
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.listing import summary_lines
    from music_emotion.library.lock import scan_lock
    from music_emotion.library.scan import ScanOptions
    from music_emotion.library.scan import scan as scan_library
    from music_emotion.library.schema import default_catalogue

    path = catalogue or default_catalogue()
    options = ScanOptions(model, jobs or available_cores(), retry, prune)
    silence_native_libraries()
    with (
        scan_lock(path, wait=wait, waiting=_say_waiting),
        Catalogue.open(path, write=True) as opened,
        progress_bar("scanning", transient=True) as show,
    ):
        summary = scan_library(opened, [str(folder) for folder in folders], options, show)
    for line in summary_lines(summary, path):
        typer.echo(line)
    for _, error in summary.failures:
        typer.echo(f"error: {error}", err=True)
    if summary.failures:
        raise typer.Exit(EXIT_FAILURES)


def _say_waiting(holder: str) -> None:
    typer.echo(f"waiting for {holder}", err=True)

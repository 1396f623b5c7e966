"""``music-emotion scan``: a catalogue of a music library."""

from __future__ import annotations

from typing import Annotated

import typer

from music_emotion.cli.catalogue_option import CatalogueOption, say_waiting
from music_emotion.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    check_address,
)
from music_emotion.cli.file_options import JobsOption, ModelOption, end_with
from music_emotion.cli.progress import progress_bar


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scan")(scan)


def scan(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="FOLDER…", help="Looked through, subfolders included."),
    ] = None,
    catalogue: CatalogueOption = None,
    model: ModelOption = "default",
    jobs: JobsOption = 0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that failed and did not change.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Forget files that are gone; by default marked missing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="If another scan is running, wait until it ends.")
    ] = False,
    engine: EngineOption = EngineName.LOCAL,
    address: AddressOption = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="With --engine ray: folder or URL of the results."),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(help="With --engine ray: a list of paths and URLs, one a line; - for stdin."),
    ] = None,
) -> None:
    """Predict what is new or changed in a music library, and remember it in a catalogue."""
    from music_emotion.cli.scan_on_cluster import scan_on_cluster
    from music_emotion.errors import MusicEmotionError
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import Catalogue, default_catalogue
    from music_emotion.library.scan import ScanOptions
    from music_emotion.library.scan import scan as scan_library
    from music_emotion.parallel import available_cores

    check_address(engine, address)
    if engine is EngineName.RAY:
        if retry or prune or wait:
            raise MusicEmotionError(
                "--retry, --prune and --wait are for --engine local; leave them out"
            )
        scan_on_cluster(
            folders or (), files_from, output, catalogue, model=model, jobs=jobs, address=address
        )
        return
    if not folders or output or files_from:
        raise MusicEmotionError(
            "name folders to scan; --output and --files-from are for --engine ray"
        )
    path = catalogue or default_catalogue()
    options = ScanOptions(model, jobs or available_cores(), retry, prune)
    silence_native_libraries()
    with (
        Catalogue.held(path, wait=wait, waiting=say_waiting) as opened,
        progress_bar("scanning", transient=True) as show,
    ):
        summary = scan_library(opened, folders, options, show)
    for line in summary.lines(path):
        typer.echo(line)
    end_with(error for _, error in summary.failures)

"""``music-emotion scan --engine ray``: results as Parquet, and into a catalogue if one is named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable

EXIT_FAILURES, EXIT_INTERRUPTED = 1, 130
STANDARD_INPUT = "-"


def named_tracks(names: Iterable[str], listing: str | None) -> list[str]:
    """Return the tracks that folders, files, URLs and a list of such name.

    Raises
    ------
    MusicEmotionError
        The list cannot be read, or there is no audio file.
    """
    from music_emotion.library.locations import find_locations

    try:
        if listing == STANDARD_INPUT:
            more = typer.get_text_stream("stdin").read()
        else:
            more = Path(listing).read_text("utf-8", "surrogateescape") if listing else ""
    except OSError as error:
        shown = printable(listing)
        raise MusicEmotionError(f"the list '{shown}' cannot be read ({error.strerror})") from None
    found = find_locations([*names, *filter(None, more.splitlines())])
    if not found:
        raise MusicEmotionError("there is nothing to scan: name folders, files or URLs")
    return found


def scan_on_cluster(
    paths: list[str],
    output: str | None,
    catalogue: Path | None,
    *,
    model: str,
    jobs: int,
    address: str | None,
) -> None:
    """Predict on Ray, say what was done, and end with the code of failures if there are any."""
    from music_emotion.features.extract import available_cores
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.importing import import_shards
    from music_emotion.library.ray_scan import scan_on_ray

    if output is None:
        raise MusicEmotionError("--engine ray writes Parquet: name a folder or URL with --output")
    if address is None:
        jobs = jobs or available_cores()
    silence_native_libraries()
    try:
        with progress_bar("scanning", transient=True) as show:
            summary = scan_on_ray(
                paths, output, model=model, jobs=jobs, address=address, progress=show
            )
    except KeyboardInterrupt:
        typer.echo("stopped; finished shards are kept, run the same command to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    typer.echo(
        f"{summary.tracks:,} tracks in {summary.shards:,} shards: {summary.predicted:,} predicted "
        f"now, {summary.failures:,} of them failed"
        + (f"; {summary.deaths} workers died and were replaced" if summary.deaths else "")
    )
    typer.echo(f"results: {printable(output)}")
    if catalogue is not None:
        rows = import_shards(output, catalogue)
        typer.echo(f"{rows:,} rows put into the catalogue {printable(catalogue)}")
    if summary.failures:
        raise typer.Exit(EXIT_FAILURES)

"""``music-emotion scan --engine ray``: results as Parquet, and into a catalogue if one is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import typer

from music_emotion.cli.file_options import EXIT_FAILURES, end_with
from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable

STANDARD_INPUT = "-"


def scan_on_cluster(
    names: Iterable[str],
    listing: str | None,
    output: str | None,
    catalogue: Path | None,
    *,
    model: str,
    jobs: int,
    address: str | None,
) -> None:
    """Predict on Ray, say what was done, and end with the code of failures if there are any.

    A catalogue that the results go into is held from the beginning, so that what would keep them
    out of it is said before anything is predicted.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.inference.model_card import read_card
    from music_emotion.inference.package import find_package
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.distributed.scan import scan_on_ray
    from music_emotion.library.distributed.shards import import_shards
    from music_emotion.parallel import available_cores

    failures: list[str] = []

    def unreadable(place: str, reason: str) -> None:
        failures.append(f"'{printable(place)}' cannot be looked at ({reason})")

    paths = _named_tracks(names, listing, unreadable)
    if output is None:
        raise MusicEmotionError("--engine ray writes Parquet: name a folder or URL with --output")
    if address is None:
        jobs = jobs or available_cores()
    silence_native_libraries()
    with nullcontext() if catalogue is None else Catalogue.held(catalogue) as held:
        if held is not None:
            held.check_model(read_card(find_package(model)).sha256)
        with progress_bar("scanning", transient=True) as show:
            summary = scan_on_ray(
                paths, output, model=model, jobs=jobs, address=address, progress=show
            )
        typer.echo(
            f"{summary.tracks:,} tracks in {summary.shards:,} shards: {summary.predicted:,} "
            f"predicted now, {summary.failures:,} of them failed"
            + (f"; {summary.deaths} workers died and were replaced" if summary.deaths else "")
        )
        typer.echo(f"results: {printable(output)}")
        if held is not None:
            rows = import_shards(output, held)
            typer.echo(
                f"{rows.written:,} rows put into the catalogue {printable(catalogue)}"
                + (f"; {rows.outdated:,} are outdated and left out" if rows.outdated else "")
            )
    end_with(failures)
    if summary.failures:
        raise typer.Exit(EXIT_FAILURES)


def _named_tracks(
    names: Iterable[str], listing: str | None, unreadable: Callable[[str, str], None]
) -> list[str]:
    """Return the tracks that folders, files, URLs and a list of such name.

    See :func:`music_emotion.library.distributed.urls.find_locations`. In a list, names end with a
    line feed, or with a carriage return and a line feed; they may be no UTF-8.

    Raises
    ------
    MusicEmotionError
        The list cannot be read, or there is no audio file.
    """
    from music_emotion.library.distributed.urls import find_locations

    try:
        if listing == STANDARD_INPUT:
            more = typer.get_binary_stream("stdin").read()
        else:
            more = Path(listing).read_bytes() if listing else b""
    except OSError as error:
        shown = printable(listing)
        raise MusicEmotionError(f"the list '{shown}' cannot be read ({error.strerror})") from None
    lines = (line.removesuffix(b"\r") for line in more.split(b"\n"))
    listed = (line.decode("utf-8", "surrogateescape") for line in lines if line)
    found = find_locations([*names, *listed], unreadable)
    if not found:
        raise MusicEmotionError("there is nothing to scan: name folders, files or URLs")
    return found

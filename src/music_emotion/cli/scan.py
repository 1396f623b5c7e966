"""``music-emotion scan``: a catalogue of a music library, or on Ray its results as Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from music_emotion.cli import options
from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable

if TYPE_CHECKING:
    from music_emotion.library.distributed.scan import Resources
    from music_emotion.library.exclusions import Exclusions


def scan(
    folders: Annotated[
        list[str] | None, Argument(metavar="FOLDER…", help="Looked through, subfolders included.")
    ] = None,
    catalogue: options.CatalogueOption = None,
    model: options.ModelOption = "default",
    jobs: options.JobsOption = 0,
    retry: Annotated[
        bool,
        Option(
            "--retry",
            help="Try files again that failed and did not change; those that could not be read "
            "are always tried again.",
        ),
    ] = False,
    prune: Annotated[
        bool, Option("--prune", help="Forget files that are gone; by default marked missing.")
    ] = False,
    again: Annotated[
        bool,
        Option("--again", help="Predict anew what another version of --model did, in any folder."),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        Option(
            metavar="PATTERN",
            help="Leave out files and folders of this name, or path if it has a /; may be given "
            "several times.",
        ),
    ] = None,
    longest: options.LongestOption = None,
    shortest: options.ShortestOption = None,
    wait: Annotated[
        bool, Option("--wait", help="If another scan is running, wait until it ends.")
    ] = False,
    engine: options.EngineOption = options.EngineName.LOCAL,
    address: options.AddressOption = None,
    output: Annotated[
        str | None,
        Option(
            "--output",
            "-o",
            metavar="FOLDER|URL",
            help="With --engine ray: folder or URL of the results.",
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        Option(
            metavar="FILE",
            help="With --engine ray: a list of paths and URLs, one a line; - for stdin.",
        ),
    ] = None,
    storage: Annotated[
        Path | None,
        Option(
            "--storage",
            metavar="FILE",
            help="With --engine ray: endpoint and credentials of object storage, as TOML; the "
            "environment's are used, too.",
        ),
    ] = None,
    cpus: Annotated[
        float | None,
        Option("--cpus", min=0.01, metavar="N", help="With --engine ray: processors per worker."),
    ] = None,
    memory: Annotated[
        float | None,
        Option("--memory", min=0, metavar="GB", help="With --engine ray: memory per worker."),
    ] = None,
    per_node: Annotated[
        int | None,
        Option(
            "--per-node",
            min=1,
            metavar="N",
            help="With --engine ray: workers per machine, at most.",
        ),
    ] = None,
) -> None:
    """Predict what is new in a music library, and remember it.

    What is new or changed goes into a catalogue, which find, playlist and tag ask.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import (
        Catalogue,
        check_worth_making,
        default_catalogue,
    )
    from music_emotion.library.exclusions import Exclusions
    from music_emotion.library.scan import ScanOptions
    from music_emotion.library.scan import scan as scan_library
    from music_emotion.library.selection import Selection
    from music_emotion.parallel import available_cores

    options.check_address(engine, address)
    excluded, taken = Exclusions(tuple(exclude or ())), Selection.between(shortest, longest)
    from music_emotion.library.distributed.scan import Resources

    of_cluster = (storage, cpus, memory, per_node)
    if engine is options.EngineName.RAY:
        if prune or again or wait or longest or shortest:
            raise MusicEmotionError(
                "--prune, --again, --wait, --max-length and --min-length are for --engine local; "
                "leave them out"
            )
        _scan_on_cluster(
            folders or (),
            files_from,
            output,
            catalogue,
            exclude=excluded,
            model=model,
            jobs=jobs,
            address=address,
            retry=retry,
            storage=storage,
            resources=Resources(cpus or 1.0, round((memory or 0) * 1e9), per_node),
        )
        return
    if any(given is not None for given in of_cluster):
        raise MusicEmotionError(
            "--storage, --cpus, --memory and --per-node are for --engine ray; leave them out"
        )
    if not (folders or again) or output or files_from:
        raise MusicEmotionError(
            "name folders to scan; --output and --files-from are for --engine ray"
        )
    path = catalogue or default_catalogue()
    if folders:
        check_worth_making(path, folders)
    else:
        Catalogue.open(path).close()  # which says that there is none, and makes none
    wanted = ScanOptions(model, jobs or available_cores(), retry, prune, again, excluded, taken)
    silence_native_libraries()
    with (
        Catalogue.held(path, wait=wait, waiting=options.say_waiting) as opened,
        progress_bar("scanning", transient=True) as show,
    ):
        summary = scan_library(opened, folders or (), wanted, show)
    for line in summary.lines(path):
        typer.echo(line)
    for line in summary.mended:
        typer.echo(f"mended: {line}", err=True)
    options.say_left_out(summary.left_out)
    options.say_excluded(summary.excluded, excluded)
    options.end_with(error for _, error in summary.failures)


def _scan_on_cluster(
    names: Iterable[str],
    listing: str | None,
    output: str | None,
    catalogue: Path | None,
    *,
    exclude: Exclusions,
    model: str,
    jobs: int,
    address: str | None,
    retry: bool,
    storage: Path | None,
    resources: Resources,
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
    from music_emotion.library.distributed.settings import StorageSettings
    from music_emotion.library.distributed.shards import import_shards
    from music_emotion.library.distributed.urls import find_locations, is_url, listed_names
    from music_emotion.library.track import count_of
    from music_emotion.parallel import available_cores

    if output is not None and not is_url(output):
        options.no_music(Path(output))
    settings = StorageSettings.read(storage)
    failures: list[str] = []

    def unreadable(place: str, reason: str) -> None:
        failures.append(f"'{printable(place)}' cannot be looked at ({reason})")

    left_out, excluded = set[str](), dict[str, str]()
    listed = listed_names(_read_listing(listing))
    paths = find_locations([*names, *listed], unreadable, left_out, exclude, excluded, settings)
    if not paths:
        raise MusicEmotionError("there is nothing to scan: name folders, files or URLs")
    if output is None:
        raise MusicEmotionError("--engine ray writes Parquet: name a folder or URL with --output")
    if address is None:
        jobs = jobs or available_cores()
    options.say_left_out(left_out)
    options.say_excluded(excluded, exclude)
    silence_native_libraries()
    with nullcontext() if catalogue is None else Catalogue.held(catalogue) as held:
        if held is not None:
            held.check_model(read_card(find_package(model)).sha256)
        with progress_bar("scanning", transient=True) as show:
            summary = scan_on_ray(
                paths,
                output,
                model=model,
                jobs=jobs,
                address=address,
                retry=retry,
                resources=resources,
                settings=settings,
                progress=show,
            )
        predicted, failed = summary.predicted - summary.failed, len(summary.failures)
        died = f"; {count_of(summary.deaths, 'worker')} died and had to be replaced"
        typer.echo(
            f"{count_of(summary.tracks, 'track')} in {count_of(summary.shards, 'shard')}: "
            f"{predicted:,} predicted now, {failed:,} failed" + (died if summary.deaths else "")
        )
        typer.echo(f"results: {printable(output)}")
        if held is not None:
            rows = import_shards(output, held, settings)
            typer.echo(
                f"{count_of(rows.written, 'row')} put into the catalogue {printable(catalogue)}"
                + (f"; {rows.outdated:,} left out as outdated" if rows.outdated else "")
            )
    options.end_with([*failures, *summary.failures])


def _read_listing(listing: str | None) -> bytes:
    """Return the content of a list of names, or of standard input."""
    from music_emotion.audio.discover import STANDARD_INPUT

    try:
        if listing == STANDARD_INPUT:
            if sys.stdin is None:
                raise MusicEmotionError(
                    "standard input is closed; pipe a list into it, or name one"
                )
            return typer.get_binary_stream("stdin").read()
        return Path(listing).read_bytes() if listing else b""
    except OSError as error:
        shown = printable(listing)
        raise MusicEmotionError(f"the list '{shown}' cannot be read ({error.strerror})") from None


COMMANDS = {"scan": scan}
RESUMING = ("scan",)

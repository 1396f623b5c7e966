"""``music-emotion dataset``: fetch, check and describe labelled tracks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from music_emotion.cli.help import Command, Group
from music_emotion.cli.options import EXIT_FAILURES, CsvOption, DataOption, DemoOption, no_music
from music_emotion.cli.progress import progress_bar

dataset = typer.Typer(
    cls=Group, no_args_is_help=True, help="Fetch, check and describe labelled tracks."
)


@dataset.command(cls=Command)
def download(
    to: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            callback=no_music,
            help="Where to put it; by default EMOTIFY_ROOT where set, else the user's cache.",
        ),
    ] = None,
    force: Annotated[
        bool, Option("--force", help="Replace files that differ from the published ones.")
    ] = False,
    address: Annotated[
        str | None, Option(metavar="URL", help="A mirror that holds the published files.")
    ] = None,
) -> None:
    """Fetch EMOTIFY as published (363 MB).

    An interrupted download goes on where it stopped.
    """
    from music_emotion.datasets import emotify
    from music_emotion.datasets.download import ADDRESS, download_emotify

    named = os.environ.get(emotify.ROOT_VARIABLE)
    root = to or (Path(named).expanduser() if named else emotify.user_cache())
    with progress_bar("EMOTIFY", in_bytes=True) as progress:
        fetched = download_emotify(root, address=address or ADDRESS, force=force, progress=progress)
    corpus = emotify.load(root)
    state = f"{fetched} files fetched" if fetched else "everything was there"
    typer.echo(f"{root}: {state}. {corpus.note}")
    typer.echo(emotify.LICENCE_NOTE)
    if to is not None:
        typer.echo(f"To use it: --data {root}, or set {emotify.ROOT_VARIABLE} to it.")


@dataset.command(cls=Command)
def validate(data: DataOption = None, csv: CsvOption = None, demo: DemoOption = False) -> None:
    """Check labels and files; name each that cannot be used."""
    from music_emotion.datasets.sources import find_source
    from music_emotion.datasets.validation import render
    from music_emotion.datasets.validation import validate as check

    source = find_source(data, csv, use_demo=demo)
    with progress_bar("checking") as progress:
        result = check(source, progress=progress)
    typer.echo(render(result))
    if not result.is_valid:
        raise typer.Exit(EXIT_FAILURES)


@dataset.command(cls=Command)
def summary(data: DataOption = None, csv: CsvOption = None, demo: DemoOption = False) -> None:
    """Count emotions, genres, groups, listeners and minutes."""
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.datasets.statistics import corpus_statistics, render

    typer.echo(render(corpus_statistics(open_corpus(data, csv, use_demo=demo))))


@dataset.command("list", cls=Command)
def list_known() -> None:
    """Name the data sets with ratings that --data reads."""
    from music_emotion.datasets.known import render_loaders

    typer.echo(render_loaders())


@dataset.command(cls=Command)
def cite() -> None:
    """Print the article to cite (BibTeX), and the terms of use."""
    from music_emotion.datasets import emotify

    typer.echo(emotify.CITATION)
    typer.echo(emotify.LICENCE_NOTE)


COMMANDS = {"dataset": dataset}
RESUMING = ("dataset",)

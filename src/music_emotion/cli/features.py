"""``music-emotion extract`` and ``cache``: features of a corpus, and those kept on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from music_emotion.cli.help import Command, Group
from music_emotion.cli.options import (
    CsvOption,
    DataOption,
    DemoOption,
    end_with,
    jobs_option,
    no_music,
)
from music_emotion.cli.progress import extract_with_bar

cache = typer.Typer(cls=Group, no_args_is_help=True, help="See or clear the features kept on disk.")


def extract(
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
    features: Annotated[
        list[str] | None,
        Option(
            "--feature",
            metavar="NAME",
            help="One, such as log_mel; may be given several times. By default all, which are then "
            "listed; so are they where there is none of this name.",
        ),
    ] = None,
    jobs: Annotated[int, jobs_option("Processes; 0: as many as there are cores.")] = 0,
    out: Annotated[
        Path | None,
        Option(
            metavar="FOLDER", callback=no_music, help="Also write each feature as NAME.npy here."
        ),
    ] = None,
) -> None:
    """Compute the features of every track into the cache.

    Files that cannot be used are named at the end.
    """
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.features.cache import FeatureStore
    from music_emotion.features.compute import FEATURE_NAMES
    from music_emotion.features.extract import render_features, write_features
    from music_emotion.inference.batch import silence_native_libraries

    silence_native_libraries()
    corpus = open_corpus(data, csv, use_demo=demo)
    result = extract_with_bar(corpus, features or FEATURE_NAMES, jobs, description="extracting")
    typer.echo(render_features(result, corpus, FeatureStore.default()))
    if out is not None:
        write_features(result, corpus, out)
        typer.echo(f"written to {out}")
    end_with((failure.message for failure in result.failures), "left out")


@cache.command(cls=Command)
def info() -> None:
    """Say where the cache lies, and what it holds of each feature."""
    from music_emotion.features.cache import FeatureStore, render_usage

    typer.echo(render_usage(FeatureStore.default()))


@cache.command(cls=Command)
def clear() -> None:
    """Delete every feature kept on disk.

    They are computed again when needed.
    """
    from music_emotion.features.cache import FeatureStore, clear_and_render

    typer.echo(clear_and_render(FeatureStore.default()))


COMMANDS = {"extract": extract, "cache": cache}
RESUMING = ("extract",)

"""``music-emotion extract``: compute features of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.corpus_options import CsvOption, DataOption, DemoOption
from music_emotion.cli.progress import progress_bar

EXIT_INCOMPLETE = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("extract")(extract)


def extract(
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="NAME",
            help="basic, advanced, log_mel, statistics, musicnn or summary; may be given several "
            "times. By default all.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes; 0 takes one per processor core.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write each feature as NAME.npy here."),
    ] = None,
) -> None:
    """Compute features of every track into the cache; bad files are named at the end."""
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.features.cache import FeatureStore
    from music_emotion.features.compute import FEATURE_NAMES
    from music_emotion.features.extract import extract_corpus, render_features, write_features
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.parallel import available_cores

    silence_native_libraries()
    corpus = open_corpus(data, csv, use_demo=demo)
    store = FeatureStore.default()
    with progress_bar("extracting") as progress:
        result = extract_corpus(
            corpus,
            features or FEATURE_NAMES,
            store=store,
            jobs=jobs or available_cores(),
            progress=progress,
        )
    typer.echo(render_features(result, corpus, store))
    if out is not None:
        write_features(result, corpus, out)
        typer.echo(f"written to {out}")
    for failure in result.failures:
        typer.echo(f"left out: {failure.message}", err=True)
    if result.failures:
        raise typer.Exit(EXIT_INCOMPLETE)

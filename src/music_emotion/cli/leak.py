"""``music-emotion leak``: accuracy against how much of the test track was in training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.corpus_options import CsvOption, DataOption, DemoOption
from music_emotion.cli.progress import progress_bar


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("leak")(leak)


def leak(
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
    out: Annotated[Path, typer.Option(help="Folder for leak.json and leak.png.")] = Path("runs"),
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of folds, segments and shuffled labels.")
    ] = 42,
    folds: Annotated[int, typer.Option(min=2, help="Parts the artists are divided into.")] = 5,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes for the features; 0 takes one per core.")
    ] = 0,
) -> None:
    """Show what a split over segments measures: recognising the track, not the emotion."""
    import time

    from music_emotion.datasets.sources import open_corpus
    from music_emotion.evaluation.leakage import measure_leak
    from music_emotion.features.cache import FeatureStore
    from music_emotion.features.extract import extract_corpus
    from music_emotion.parallel import available_cores
    from music_emotion.report.leak import leak_table, write_leak

    corpus = open_corpus(data, csv, use_demo=demo)
    with progress_bar("features") as progress:
        features = extract_corpus(
            corpus,
            ["statistics"],
            store=FeatureStore.default(),
            jobs=jobs or available_cores(),
            progress=progress,
        )
    start = time.monotonic()
    with progress_bar("fits") as progress:
        curve = measure_leak(
            corpus,
            features.track,
            features.arrays["statistics"],
            folds=folds,
            seed=seed,
            progress=progress,
        )
    write_leak(curve, corpus, out, sys.argv[1:], time.monotonic() - start)
    typer.echo(leak_table(curve))
    typer.echo(f"written to {out / 'leak.json'} and {out / 'leak.png'}")

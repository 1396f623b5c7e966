"""``music-emotion leak`` and ``listeners``: what splits and votes alone can show."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from music_emotion.cli.options import (
    CsvOption,
    DataOption,
    DemoOption,
    RatingsOption,
    check_training,
    jobs_option,
    no_music,
)
from music_emotion.cli.progress import extract_with_bar, progress_bar


def leak(
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
    out: Annotated[
        Path, Option(callback=no_music, metavar="FOLDER", help="Folder for leak.json and leak.png.")
    ] = Path("runs"),
    seed: Annotated[
        int, Option(min=0, metavar="N", help="Seed of folds, segments and shuffled labels.")
    ] = 42,
    folds: Annotated[
        int, Option(min=2, metavar="N", help="Parts the artists are divided into.")
    ] = 5,
    jobs: Annotated[
        int, jobs_option("Processes for the features; 0: as many as there are cores.")
    ] = 0,
) -> None:
    """Show what a split over segments measures.

    It is how well a track is recognised again, not an emotion.
    """
    check_training("measuring the leak")
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.evaluation.leakage import measure_leak
    from music_emotion.report.leak import leak_table, write_leak

    corpus = open_corpus(data, csv, use_demo=demo)
    features = extract_with_bar(corpus, ["statistics"], jobs)
    start = time.monotonic()
    with progress_bar("fits") as progress:
        curve = measure_leak(
            corpus,
            features.track_index,
            features.arrays["statistics"],
            folds=folds,
            seed=seed,
            progress=progress,
        )
    write_leak(curve, corpus, out, sys.argv[1:], time.monotonic() - start)
    typer.echo(leak_table(curve))
    typer.echo(f"written to {out / 'leak.json'} and {out / 'leak.png'}")


def listeners(
    votes: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="CSV with one row per listener and track (track id and the nine emotions); "
            "by default EMOTIFY's data.csv.",
        ),
    ] = None,
    out: Annotated[
        Path,
        Option(
            callback=no_music, metavar="FOLDER", help="Folder for listeners.json and listeners.png."
        ),
    ] = Path("runs"),
    seed: Annotated[
        int, Option(min=0, metavar="N", help="Seed of the random halves and panels.")
    ] = 0,
    data: DataOption = None,
    csv: CsvOption = None,
    ratings: RatingsOption = None,
    demo: DemoOption = False,
) -> None:
    """Measure how far listeners agree.

    Ceilings for models, panels of listeners, and what people confuse. Of data with ratings
    (--data, --csv, --demo): how reliable they are, and what so many raters are worth.
    """
    from music_emotion.datasets.rating_columns import read_scales
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.report.listeners import listeners_table, write_listeners
    from music_emotion.report.raters import RATERS, measure_raters, raters_table, write_raters

    if data is not None or csv is not None or demo:
        corpus = open_corpus(data, csv, use_demo=demo, ratings=read_scales(ratings or ()))
        for line in corpus.remarks:
            typer.echo(line)
        found = measure_raters(corpus, sys.argv[1:])
        write_raters(out, found)
        typer.echo(raters_table(found))
        typer.echo(f"written to {out / RATERS}")
        return
    figures = write_listeners(votes, out, seed, sys.argv[1:])
    typer.echo(listeners_table(figures))
    typer.echo(f"written to {out / 'listeners.json'} and {out / 'listeners.png'}")


COMMANDS = {"leak": leak, "listeners": listeners}

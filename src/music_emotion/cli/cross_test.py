"""``music-emotion cross-test``: how a packaged model agrees with somebody else's ratings."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer
from typer import Option

from music_emotion.cli import options
from music_emotion.cli.progress import extract_with_bar, progress_bar


def cross_test(
    model: options.ModelOption = "default",
    data: options.DataOption = None,
    csv: options.CsvOption = None,
    ratings: options.RatingsOption = None,
    demo: options.DemoOption = False,
    out: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            callback=options.no_music,
            help="Folder of the results; default: runs/cross-test-<model>-<data>.",
        ),
    ] = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Hold a model against somebody else's ratings, votes or labels.

    Valence and arousal, their quadrants, and any of the nine emotions, beside level, flux, centroid
    and mode of the sound. Nothing is trained: it is a test on music that is new to the model, and
    says so where the model learned from it.
    """
    from music_emotion.datasets.corpus import LEFT_OUT
    from music_emotion.datasets.rating_columns import read_scales
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.inference.batch import predict_files, silence_native_libraries
    from music_emotion.inference.export import packaged
    from music_emotion.inference.package import find_package, read_cards
    from music_emotion.parallel import available_cores
    from music_emotion.report import cross_test as report
    from music_emotion.report.sound_properties import FEATURE_NAMES, SoundProperties

    silence_native_libraries()
    with packaged(model) as folder:
        ((card, _),) = read_cards([find_package(folder)])  # before anything is read
        corpus = open_corpus(data, csv, use_demo=demo, ratings=read_scales(ratings or ()))
        for line in corpus.remarks:
            typer.echo(line)
        jobs = jobs or available_cores()
        with progress_bar("predicting", transient=True) as show:
            paths = [str(track.path) for track in corpus.tracks]
            outcomes = list(predict_files(paths, folder, jobs=jobs, progress=show, may_rate=True))
    said = [outcome.rated or outcome.prediction for outcome in outcomes]
    is_heard = [one is not None for one in said]
    unheard = [LEFT_OUT + outcome.error for outcome in outcomes if outcome.error]
    for line in unheard:
        typer.echo(line)
    corpus = replace(
        corpus, tracks=tuple(t for t, heard in zip(corpus.tracks, is_heard, strict=True) if heard)
    )
    predictions = cast("report.Predictions", [one for one in said if one is not None])
    features = extract_with_bar(corpus, FEATURE_NAMES, jobs)
    properties = SoundProperties.of(features.arrays, features.track_index)
    found = report.cross_test(
        corpus,
        predictions,
        properties,
        sys.argv[1:],
        (*corpus.remarks, *unheard),
        learned_from=card.training.get("data", ""),
    )
    for line in found.left_out[len(corpus.remarks) + len(unheard) :]:
        typer.echo(line)
    out = out or Path("runs") / f"cross-test-{card.name}-{corpus.name}"
    report.write_cross_test(out, found, corpus, predictions, properties)
    for line in report.cross_test_lines(found):
        typer.echo(line)
    typer.echo(f"written to {out / report.README}")
    left_out = [line for line in found.left_out if line.startswith(LEFT_OUT)]
    options.end_with([line.removeprefix(LEFT_OUT) for line in left_out], "left out")


COMMANDS = {"cross-test": cross_test}

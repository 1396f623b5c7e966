"""``music-emotion models``, ``train`` and ``export``: list models, make one of your own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer import Argument, Option

from music_emotion.cli import options
from music_emotion.cli.progress import extract_with_bar, progress_bar

if TYPE_CHECKING:
    from music_emotion.models.base import Target


def models(
    name: Annotated[
        str | None,
        Argument(metavar="[MODEL]", help="Show the whole card of one: a name, or a folder."),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print cards as JSON.")] = False,
) -> None:
    """List the models: how good and fast each is, and when to use it."""
    from music_emotion.inference.model_card import card_json
    from music_emotion.inference.package import find_package, read_cards, shipped_names
    from music_emotion.report.cards import card_page, card_table

    cards = read_cards([find_package(name)] if name else map(find_package, shipped_names()))
    if as_json:
        typer.echo("[" + ",\n".join(card_json(card).rstrip() for card, _ in cards) + "]")
    elif name:
        typer.echo(card_page(cards[0][0]))
    else:
        typer.echo(card_table(cards))


def train(
    model: Annotated[str, Argument(metavar="MODEL", help="Name of the model, as in compare.")],
    out: Annotated[
        Path,
        Option(callback=options.no_music, metavar="FOLDER", help="Folder for the trained model."),
    ],
    target: Annotated[
        str | None,
        options.choice(
            options.TargetName,
            "--target",
            help="What it learns; ratings-over-time: those of whole tracks, and how they change. "
            "Default: the votes for light, transfer and blend where there are any, else the label, "
            "or ratings where there is nothing else.",
        ),
    ] = None,
    seed: Annotated[int, Option(min=0, metavar="N", help="Seed of the training.")] = 42,
    epochs: Annotated[
        int | None, Option(min=1, metavar="N", help="Longest training; default: the model's own.")
    ] = None,
    jobs: Annotated[
        int, options.jobs_option("Processes for the features; 0: as many as there are cores.")
    ] = 0,
    device: options.DeviceOption = options.DeviceName.AUTO,
    data: options.DataOption = None,
    csv: options.CsvOption = None,
    ratings: options.RatingsOption = None,
    demo: options.DemoOption = False,
) -> None:
    """Train one model on all tracks, and keep it."""
    options.check_training("training a model")
    # Idle OpenMP threads that spin starve the others; read when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from music_emotion.datasets.corpus import LEFT_OUT
    from music_emotion.datasets.rating_columns import read_scales
    from music_emotion.datasets.sources import open_corpus
    from music_emotion.evaluation.folds import unheard_courses
    from music_emotion.evaluation.refit import check_trainable, default_target, refit
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.models.base import seen_features
    from music_emotion.models.checkpoint import check_saveable
    from music_emotion.models.registry import create

    silence_native_libraries()
    settings = {"device": str(device), **({"max_epochs": epochs} if epochs else {})}
    untrained = create(model, **settings)
    check_saveable(untrained)  # before the data are read
    corpus = open_corpus(data, csv, use_demo=demo, ratings=read_scales(ratings or ()))
    for line in corpus.remarks:
        typer.echo(line)
    learned = cast("Target | None", target)
    learned = learned or default_target(
        model, has_votes=corpus.has_votes, has_labels=corpus.has_labels
    )
    check_trainable(untrained, learned, corpus)  # before the features are computed
    features = extract_with_bar(corpus, seen_features(untrained, learned), jobs)
    left_out = [LEFT_OUT + failure.message for failure in features.failures]
    if learned == "ratings-over-time":
        left_out += unheard_courses(corpus, features.track_index)
    for line in left_out:
        typer.echo(line)
    with progress_bar(f"training {model}") as progress:
        report = refit(
            model,
            corpus,
            features.track_index,
            features.arrays,
            out,
            target=learned,
            seed=seed,
            settings=settings,
            arguments=sys.argv[1:],
            progress=progress,
        )
    for note in report.notes:
        typer.echo(note)
    typer.echo(f"written to {out}")
    # Once more: why the exit code is not 0.
    left_out = [line for line in corpus.remarks if line.startswith(LEFT_OUT)] + left_out
    options.end_with([line.removeprefix(LEFT_OUT) for line in left_out], "left out")


def export(
    model: Annotated[
        str,
        Argument(
            metavar="MODEL",
            help="A name that `music-emotion models` lists, or what `music-emotion train` wrote.",
        ),
    ],
    output: Annotated[
        Path,
        Option(
            "--output",
            "-o",
            metavar="FOLDER",
            callback=options.no_music,
            help="Where the model goes.",
        ),
    ],
    name: Annotated[
        str | None,
        Option(metavar="NAME", help="Its name; a trained one's is by default the output folder's."),
    ] = None,
    mel_inside: Annotated[
        bool,
        Option(
            "--mel-inside/--mel-outside",
            help="A spectrogram model takes the waveform, or the spectrogram (faster here).",
        ),
    ] = True,
    halve: Annotated[bool, Option("--half", help="Store large weights as float16.")] = False,
) -> None:
    """Write a model as ONNX for other programs, with what they need."""
    from music_emotion.inference.export import export_model
    from music_emotion.inference.model_page import PAGE_FILE

    card = export_model(model, output, name=name, mel_inside=mel_inside, halve=halve)
    inputs = ", ".join(card.features)
    typer.echo(f"written to {output}: {card.name}, takes {inputs}")
    typer.echo(f"use it here: music-emotion predict --model {output} song.mp3")
    typer.echo(f"use it elsewhere: {output / PAGE_FILE} says how")


COMMANDS = {"models": models, "train": train, "export": export}

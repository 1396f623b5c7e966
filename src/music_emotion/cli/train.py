"""``music-emotion train``: one model on all tracks, saved for export and use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.compare import DeviceName, DeviceOption, TargetName
from music_emotion.cli.corpus_options import CsvOption, DataOption, DemoOption


def register(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command()
    def train(
        model: Annotated[str, typer.Argument(help="Name of the model, as in compare.")],
        out: Annotated[Path, typer.Option(help="Folder for the trained model.")],
        target: Annotated[
            TargetName | None,
            typer.Option(
                help="What it learns; default: the votes for light, transfer and blend where there "
                "are any, else the label."
            ),
        ] = None,
        seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 42,
        epochs: Annotated[
            int | None, typer.Option(min=1, help="Longest training; default: the model's own.")
        ] = None,
        jobs: Annotated[
            int | None, typer.Option(min=1, help="Processes that extract features.")
        ] = None,
        device: DeviceOption = DeviceName.AUTO,
        data: DataOption = None,
        csv: CsvOption = None,
        demo: DemoOption = False,
    ) -> None:
        """Train one model on all tracks and write its weights and settings."""
        # Idle OpenMP threads that spin starve the others; read when torch is first imported.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from music_emotion.cli.progress import progress_bar
        from music_emotion.datasets.sources import open_corpus
        from music_emotion.evaluation.refit import refit
        from music_emotion.features.cache import FeatureStore
        from music_emotion.features.extract import extract_corpus
        from music_emotion.inference.batch import silence_native_libraries
        from music_emotion.models.checkpoint import check_saveable
        from music_emotion.models.registry import create
        from music_emotion.parallel import available_cores

        silence_native_libraries()
        settings = {"device": device.value, **({"max_epochs": epochs} if epochs else {})}
        untrained = create(model, **settings)
        check_saveable(untrained)  # before the features are computed
        names = untrained.feature_names
        corpus = open_corpus(data, csv, use_demo=demo)
        target = target or default_target(model, has_votes=corpus.has_votes)
        with progress_bar("features") as tell:
            features = extract_corpus(
                corpus,
                names,
                store=FeatureStore.default(),
                jobs=jobs or available_cores(),
                progress=tell,
            )
        for failure in features.failures:
            typer.echo(f"left out: {failure.message}")
        with progress_bar(f"training {model}") as tell:
            report = refit(
                model,
                corpus,
                features.track,
                features.arrays,
                out,
                target=target.value,
                seed=seed,
                settings=settings,
                arguments=sys.argv[1:],
                progress=tell,
            )
        for note in report.notes:
            typer.echo(note)
        typer.echo(f"written to {out}")
        for failure in features.failures:  # once more: why the exit code is not 0
            typer.echo(f"left out: {failure.message}", err=True)
        if features.failures:
            raise typer.Exit(1)


def default_target(model: str, *, has_votes: bool) -> TargetName:
    """Return what a model learns unless told: what the shipped one of its name has learned."""
    from music_emotion.models.registry import KERNEL_NAMES

    return TargetName.VOTES if model in KERNEL_NAMES and has_votes else TargetName.LABEL

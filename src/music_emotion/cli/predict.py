"""``music-emotion predict``: what people feel in music files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.file_options import JobsOption, ModelOption, end_with
from music_emotion.cli.progress import progress_bar

FEW_FILES = 4  # fewer are not worth starting processes for


class Format(StrEnum):
    """How predictions are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    JAMS = "jams"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH…", help="Files, folders, patterns, or - for standard input."),
    ],
    model: ModelOption = "default",
    format: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="By default a table, or what the name after -o ends in."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file; a folder for JAMS of many."),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Show the emotions over time (table and CSV).")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw a picture (png, svg, pdf); a folder for many files."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which seconds and frequencies made the emotion.")
    ] = False,
    top: Annotated[
        int | None, typer.Option("--top", min=1, max=9, help="Emotions shown in the table.")
    ] = None,
    jobs: JobsOption = 0,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into subfolders, too.")
    ] = False,
) -> None:
    """Predict what people feel in music: nine emotions, over time, with a confidence."""
    from music_emotion.inference.batch import Job, predict_files, silence_native_libraries
    from music_emotion.inference.finding import find_files
    from music_emotion.inference.formats import opened_writer
    from music_emotion.report.prediction import picture_writer

    silence_native_libraries()
    files = find_files(paths, recursive=recursive)
    many = len(files) > 1
    draw = picture_writer(plot, many=many)
    job = Job(model, explain)
    failures = []
    with (
        progress_bar("predicting", transient=True) as show,
        opened_writer(
            _format(format, output), output, many=many, top=top, timeline=timeline
        ) as writer,
    ):
        for outcome in predict_files(files, job, jobs=_processes(jobs, len(files)), progress=show):
            writer.add(outcome)
            draw(outcome)
            failures += [outcome.error] if outcome.error else []
    _summarise(failures, len(files))


def _format(named: Format | None, output: Path | None) -> str:
    """Return the format asked for, or the one the output's name ends in."""
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    return named or (suffix if suffix in list(Format) else Format.TABLE)


def _processes(jobs: int, files: int) -> int:
    from music_emotion.features.extract import available_cores

    if jobs:
        return jobs
    return available_cores() if files >= FEW_FILES else 1


def _summarise(failures: list[str], files: int) -> None:
    """Name every failure on the error stream and end with their exit code."""
    if failures and files > 1:
        typer.echo(f"{len(failures)} of {files} files could not be predicted:", err=True)
    end_with(failures)

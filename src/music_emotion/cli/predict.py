"""``music-emotion predict``: what people feel in music files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from music_emotion.cli.options import (
    FORMAT_HELP,
    JobsOption,
    ModelOption,
    choice,
    end_with,
    format_of,
    say_left_out,
)
from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable

if TYPE_CHECKING:
    from music_emotion.inference.batch import Outcome

FEW_FILES = 4  # fewer are not worth starting processes for


class Format(StrEnum):
    """How predictions are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    JAMS = "jams"


def predict(
    paths: Annotated[
        list[str],
        Argument(metavar="PATH…", help="Files, folders, patterns, or - for standard input."),
    ],
    model: ModelOption = "default",
    format: Annotated[str | None, choice(Format, "--format", "-f", help=FORMAT_HELP)] = None,
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write this file, - standard output; for JAMS of many a folder.",
        ),
    ] = None,
    timeline: Annotated[
        bool, Option("--timeline", help="Show the course over time (table and CSV).")
    ] = False,
    plot: Annotated[
        Path | None,
        Option(
            metavar="FILE", help="Draw a picture (png, svg, pdf, jpg); for many files a folder."
        ),
    ] = None,
    explain: Annotated[
        bool, Option("--explain", help="Say which seconds and frequencies made the emotion.")
    ] = False,
    top: Annotated[
        int | None, Option(min=1, max=9, metavar="N", help="Emotions shown in the table, 1 to 9.")
    ] = None,
    jobs: JobsOption = 0,
    recursive: Annotated[
        bool, Option("--recursive", "-r", help="Look into subfolders, too.")
    ] = False,
) -> None:
    """Predict what people feel in music, and how it changes in time."""
    from music_emotion.audio.discover import find_files, name_many
    from music_emotion.inference.batch import predict_files, silence_native_libraries
    from music_emotion.inference.model_card import read_card
    from music_emotion.inference.output import check_outputs
    from music_emotion.inference.package import find_package
    from music_emotion.inference.rating_writers import opened_rating_writer
    from music_emotion.inference.writers import opened_writer
    from music_emotion.interruption import sigterm_interrupts
    from music_emotion.parallel import available_cores
    from music_emotion.report.prediction import picture_writer

    silence_native_libraries()
    left_out: set[str] = set()
    files, many = find_files(paths, recursive=recursive, left_out=left_out), name_many(paths)
    check_outputs([output, plot], files)
    written = _format(format, output)
    card = read_card(find_package(model))
    scales = card.scales
    if scales and (plot or explain or top):
        raise MusicEmotionError(
            f"'{printable(model)}' rates tracks and names no emotions: leave out --plot, --explain "
            "and --top"
        )
    if scales and timeline and not card.course_sha256:
        raise MusicEmotionError(
            f"'{printable(model)}' rates whole tracks: leave out --timeline, or train it with "
            "--target ratings-over-time"
        )
    say_left_out(left_out)
    failures, unwritten = list[str](), list[str]()
    jobs = jobs or (available_cores() if len(files) >= FEW_FILES else 1)
    with (
        sigterm_interrupts(),
        progress_bar("predicting", transient=True) as show,
        # The model first: one that cannot be loaded leaves no header and no folder.
        closing(
            predict_files(
                files, model, explained=explain, jobs=jobs, progress=show, may_rate=bool(scales)
            )
        ) as outcomes,
    ):
        draw = picture_writer(plot, many=many)
        with (
            opened_rating_writer(written, output, scales, timeline=timeline)
            if scales
            else opened_writer(
                written, output, files=len(files), many=many, top=top, timeline=timeline
            )
        ) as writer:
            for outcome in outcomes:
                failures += [outcome.error] if outcome.error else []
                unwritten += _refused(writer.add, outcome) + _refused(draw, outcome)
    if failures and len(files) > 1:
        typer.echo(f"{len(failures)} of {len(files)} files could not be predicted:", err=True)
    end_with(failures + unwritten)


def _format(named: str | None, output: Path | None) -> str:
    """Return the format asked for, or the one the output's name ends in."""
    written = named or format_of(output, {"": "table", "txt": "table"})
    if written not in list(Format):
        shown = printable(f"{output}")
        raise MusicEmotionError(
            f"'{shown}' ends in no format (json, jsonl, csv, jams, txt); name one with -f"
        )
    return written


def _refused(keep: Callable[[Outcome], None], outcome: Outcome) -> list[str]:
    """Write an outcome; return what stands against it, so that the others go on."""
    try:
        keep(outcome)
    except MusicEmotionError as error:
        return [str(error)]
    return []


COMMANDS = {"predict": predict}

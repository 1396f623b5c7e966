"""``music-emotion evaluate`` and ``report``: what a comparison has found, from its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from music_emotion.cli.options import CsvOption, DataOption, DemoOption, no_music


def evaluate(
    out: Annotated[Path, Argument(metavar="RESULTS", help="Folder that compare wrote.")],
    check: Annotated[
        bool, Option("--check", help="Write nothing; compare with the summary.csv there is.")
    ] = False,
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
) -> None:
    """Compute a comparison's figures again, without training.

    They come from the predictions that compare kept.
    """
    from music_emotion.evaluation.rescore import check_summary, rescore
    from music_emotion.evaluation.results_file import read_commands
    from music_emotion.models.registry import MODEL_NAMES
    from music_emotion.report.write import accuracy_lines, write_report

    scored = rescore(out, MODEL_NAMES, data=data, csv=csv, use_demo=demo)
    for line in scored.remarks:
        typer.echo(line)
    if check:
        typer.echo(check_summary(out, scored))
        return
    for line in (*scored.results.left_out, *accuracy_lines(scored.results)):
        typer.echo(line)
    if scored.complete:
        write_report(out, scored.results, read_commands(out))
        typer.echo(f"written to {out / 'README.md'}")
    else:
        typer.echo("nothing is written: the metrics of votes would be lost")


def report(
    results: Annotated[
        Path, Argument(metavar="RESULTS", help="Folder that compare or cross-test wrote.")
    ],
    out: Annotated[
        Path | None,
        Option(
            metavar="FILE", callback=no_music, help="The page; default: report.html in RESULTS."
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        Option(
            metavar="FOLDER", callback=no_music, help="Write the pictures there, as PNG and SVG."
        ),
    ] = None,
    latex: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            callback=no_music,
            help="Write the tables there, for LaTeX (booktabs).",
        ),
    ] = None,
    audio: Annotated[
        bool,
        Option(
            "--audio",
            help="Put excerpts (mono, 15 s) of the tracks that the best models get most wrong "
            "into the page. Off by default: who gets the page gets the music, which you may "
            "not be allowed to pass on.",
        ),
    ] = False,
    worst: Annotated[
        int, Option(min=0, metavar="N", help="Tracks per model that are shown as most wrong.")
    ] = 10,
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
) -> None:
    """Show a comparison or a cross-test on one offline page.

    The figures are those in RESULTS; nothing is computed again. The data are needed for the
    titles and votes of single tracks alone, and the page is written without them as well.
    """
    from music_emotion.report.write import ReportOptions, report_results

    options = ReportOptions(
        page=out,
        figures=figures,
        latex=latex,
        embed_audio=audio,
        worst=worst,
        data=data,
        csv=csv,
        use_demo=demo,
    )
    for line in report_results(results, options):
        typer.echo(line)


COMMANDS = {"evaluate": evaluate, "report": report}

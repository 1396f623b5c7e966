"""``music-emotion evaluate``: the figures of a comparison, from its predictions alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.corpus_options import CsvOption, DataOption, DemoOption


def register(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command()
    def evaluate(
        out: Annotated[Path, typer.Argument(help="Folder that compare wrote.")],
        check: Annotated[
            bool,
            typer.Option("--check", help="Write nothing; compare with the summary.csv there is."),
        ] = False,
        data: DataOption = None,
        csv: CsvOption = None,
        demo: DemoOption = False,
    ) -> None:
        """Compute the figures of a comparison again from its predictions, without training."""
        from music_emotion.evaluation.rescore import check_summary, rescore
        from music_emotion.evaluation.results_file import read_commands
        from music_emotion.models.registry import MODEL_NAMES
        from music_emotion.report.tables import accuracy_lines
        from music_emotion.report.write import write_report

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

"""The folder of a comparison: figures, report and pictures, written from the predictions in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.cells import write_atomically
from music_emotion.evaluation.output import write_figures
from music_emotion.evaluation.results import Results
from music_emotion.report.figures import write_pictures
from music_emotion.report.tables import markdown_report

REPORT = "README.md"


def write_report(out: Path, results: Results, commands: Sequence[Mapping[str, Any]]) -> None:
    """Write ``summary.csv``, ``results.json``, ``README.md`` and the pictures."""
    conclusions = conclude(results)
    write_figures(out, results, conclusions, commands)
    pictures = write_pictures(out, results, conclusions)
    report = markdown_report(results, conclusions, commands, pictures)
    write_atomically(out / REPORT, report.encode())

"""One metric of all models under all protocols, from ``summary.csv``."""

from __future__ import annotations

import csv
from pathlib import Path

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.output import SUMMARY
from music_emotion.evaluation.scores import Estimate
from music_emotion.report.tables import number_interval, percent, percent_interval, table

SHARES = ("accuracy", "macro_f1", "balanced_accuracy", "top2_accuracy", "top3_accuracy")
"""Metrics that are written in per cent."""


def results_folder(*folders: Path) -> Path:
    """Return the first folder that holds results.

    Raises
    ------
    EvaluationError
        If none does.
    """
    for folder in folders:
        if (folder / SUMMARY).is_file():
            return folder
    named = " nor ".join(map(str, folders))
    raise EvaluationError(f"neither {named} holds results: run `music-emotion compare`")


def summary_table(folder: Path, metric: str = "accuracy") -> str:
    """Return a Markdown table of one metric, a row per model and target, a column per protocol.

    Parameters
    ----------
    folder
        Results as ``music-emotion compare`` writes them.
    metric
        As ``summary.csv`` names it.

    Raises
    ------
    EvaluationError
        If the folder holds no results or not this metric.
    """
    with (results_folder(folder) / SUMMARY).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == metric]
    if not rows:
        raise EvaluationError(f"{folder / SUMMARY} holds no metric {metric!r}")
    found = {(row["model"], row["target"], row["protocol"]): row for row in rows}
    protocols = [name for name in PROTOCOLS if any(row["protocol"] == name for row in rows)]
    body = []
    for model, target in dict.fromkeys((row["model"], row["target"]) for row in rows):
        cells = [f"`{model}`", target]
        for protocol in protocols:
            row = found.get((model, target, protocol))
            cells.append("" if row is None else _cell(row, metric))
        body.append(cells)
    unit = ", per cent" if metric in SHARES else ""
    header = [f"{metric.replace('_', ' ')}{unit}", "trained on"]
    return table([*header, *(f"`{name}`" for name in protocols)], body)


def _cell(row: dict[str, str], metric: str) -> str:
    """Return a value with its interval where there is one."""
    if not row["low"]:
        share = metric in SHARES and row["value"]
        return percent(float(row["value"])) if share else row["value"]
    estimate = Estimate(*(float(row[name]) for name in ("value", "low", "high")))
    return percent_interval(estimate) if metric in SHARES else number_interval(estimate)

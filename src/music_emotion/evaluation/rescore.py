"""Scoring the predictions of a comparison again, with its data or without them."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import find_source
from music_emotion.errors import DatasetError, EvaluationError
from music_emotion.evaluation.cells import GroundTruth, read_ground_truth
from music_emotion.evaluation.metrics import METRICS
from music_emotion.evaluation.plan import quick_corpus
from music_emotion.evaluation.results import ModelResult, Results, collect
from music_emotion.evaluation.results_file import SUMMARY, summary_rows

METRICS_OF_VOTES = (
    *(metric.name for metric in METRICS if metric.needs_votes),
    "worth_accuracy",
    "worth_accuracy_censored",
    "worth_r",
    "worth_r_censored",
)
"""Rows of ``summary.csv`` that cannot be computed without the listeners' votes."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """What the predictions in a folder say.

    Attributes
    ----------
    results
        The figures.
    complete
        Whether the data were at hand, so that the metrics of votes are among them.
    remarks
        Lines that a user should see.
    """

    results: Results
    complete: bool
    remarks: tuple[str, ...] = ()


def rescore(
    out: Path,
    model_order: Sequence[str],
    *,
    data: Path | None = None,
    csv: Path | None = None,
    use_demo: bool = False,
) -> Rescored:
    """Score the predictions in a folder, taking the votes from the data where they are.

    Parameters
    ----------
    out
        Folder that a comparison wrote.
    model_order
        Order of the rows.
    data, csv, use_demo
        Where the data are, as for :func:`~music_emotion.datasets.sources.find_source`.

    Raises
    ------
    EvaluationError
        If there are no predictions, or the data that were named are others.
    """
    truth = read_ground_truth(out)
    if truth is None:
        raise EvaluationError(
            f"{out} holds no predictions: run `music-emotion compare --out {out}`"
        )
    named = data is not None or csv is not None or use_demo
    remarks: tuple[str, ...] = ()
    try:
        corpus = corpus_of(truth, data=data, csv=csv, use_demo=use_demo)
        truth, complete = truth.with_votes(corpus), True
    except (DatasetError, EvaluationError) as error:
        if named:
            raise
        complete = False
        remarks = (f"without the votes: {error}",)
    return Rescored(collect(out, truth, model_order), complete, remarks)


def check_summary(out: Path, scored: Rescored) -> str:
    """Compare with the ``summary.csv`` in a folder and say how many figures agree.

    Raises
    ------
    EvaluationError
        If a figure differs, naming the first ones.
    """
    path = out / SUMMARY
    if not path.is_file():
        raise EvaluationError(f"{path} is not there: run `music-emotion evaluate {out}`")
    text = path.read_text(encoding="utf-8")
    skipped = 0
    if not scored.complete:
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if line.split(",")[3] not in METRICS_OF_VOTES]
        skipped, text = len(lines) - len(kept), "".join(kept)
    differences = check_against(scored.results.models, text)
    if differences:
        raise EvaluationError(
            f"{len(differences)} figures of {path} are not what its predictions say, the first: "
            f"{differences[0]}"
        )
    unchecked = f"; {skipped} need the votes and were not checked" if skipped else ""
    return f"{len(text.splitlines()) - 1} figures agree to the last digit{unchecked}"


def check_against(models: Sequence[ModelResult], text: str) -> list[str]:
    """Compare recomputed rows with the text of a ``summary.csv``.

    Returns
    -------
    list of str
        One line per row that differs or is missing on either side; empty where all agree.
    """
    written = {
        tuple(row[:4]): tuple(row[4:]) for row in list(csv_format.reader(io.StringIO(text)))[1:]
    }
    computed = {row[:4]: row[4:] for row in summary_rows(models)}
    lines = []
    for key in sorted(written.keys() | computed.keys()):
        if written.get(key) != computed.get(key):
            lines.append(
                f"{' '.join(key)}: written {_row(written.get(key))}, "
                f"recomputed {_row(computed.get(key))}"
            )
    return lines


def _row(values: Iterable[str] | None) -> str:
    return "nothing" if values is None else " ".join(values)


def corpus_of(
    truth: GroundTruth,
    *,
    data: Path | None = None,
    csv: Path | None = None,
    use_demo: bool = False,
) -> Corpus:
    """Load the corpus that predictions were made on, or the part of it that ``--quick`` takes.

    Parameters
    ----------
    truth
        What the predictions were scored against.
    data, csv, use_demo
        Where the data are, as for :func:`~music_emotion.datasets.sources.find_source`.

    Raises
    ------
    DatasetError
        If the data are not found.
    EvaluationError
        If they are others.
    """
    corpus = find_source(data, csv, use_demo=use_demo).load()
    if corpus.fingerprint != truth.fingerprint:
        part = quick_corpus(corpus)
        corpus = part if part.fingerprint == truth.fingerprint else corpus
    truth.with_votes(corpus)  # or raise
    return corpus

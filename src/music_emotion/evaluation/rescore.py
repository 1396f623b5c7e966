"""Scoring the predictions of a comparison again, with its data or without them."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import find_source
from music_emotion.errors import DatasetError, EvaluationError
from music_emotion.evaluation.cells import GroundTruth, read_ground_truth
from music_emotion.evaluation.metrics import METRICS
from music_emotion.evaluation.plan import quick_corpus
from music_emotion.evaluation.rating_results import RatingFigures
from music_emotion.evaluation.results import ModelResult, Results, collect
from music_emotion.evaluation.results_file import SUMMARY, summary_rows
from music_emotion.models.base import RATED

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
    """What the predictions in a folder say."""

    results: Results
    complete: bool  #: whether the data were at hand, so that the metrics of votes are among them
    remarks: tuple[str, ...] = ()  #: lines that a user should see


def rescore(
    out: Path,
    model_order: Sequence[str],
    *,
    data: Path | None = None,
    csv: Path | None = None,
    use_demo: bool = False,
) -> Rescored:
    """Score the predictions in a folder, taking the votes from the data where they are.

    ``data``, ``csv`` and ``use_demo`` say where, as for
    :func:`~music_emotion.datasets.sources.find_source`.

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
    remarks: tuple[str, ...] = ()
    try:
        truth = truth.with_votes(corpus_of(truth, data=data, csv=csv, use_demo=use_demo))
    except (DatasetError, EvaluationError) as error:
        if data is not None or csv is not None or use_demo:
            raise
        lacking = "the ratings" if truth.scales and not truth.has_labels else "the votes"
        remarks = (f"without {lacking}: {error}",)
    return Rescored(collect(out, truth, model_order), not remarks, remarks)


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
        kept = [line for line in lines if not _needs_data(line.split(","))]
        skipped, text = len(lines) - len(kept), "".join(kept)
    differences = check_against(scored.results.models, text, scored.results.ratings)
    if differences:
        raise EvaluationError(
            f"{len(differences)} figures of {path} are not what its predictions say, the first: "
            f"{differences[0]}"
        )
    unchecked = f"; {skipped} need votes or ratings and were not checked" if skipped else ""
    return f"{len(text.splitlines()) - 1} figures agree to the last digit{unchecked}"


def _needs_data(row: Sequence[str]) -> bool:
    """Whether a row of ``summary.csv`` cannot be computed from the predictions alone."""
    return row[2] in RATED or row[3] in METRICS_OF_VOTES


def check_against(
    models: Sequence[ModelResult], text: str, ratings: RatingFigures | None = None
) -> list[str]:
    """Return a line for each row of a ``summary.csv`` that differs or is missing on either side."""
    written = {tuple(row[:4]): row[4:] for row in list(csv_format.reader(io.StringIO(text)))[1:]}
    computed = {row[:4]: list(row[4:]) for row in summary_rows(models, ratings)}
    return [
        f"{' '.join(key)}: written {' '.join(written.get(key, ['nothing']))}, "
        f"recomputed {' '.join(computed.get(key, ['nothing']))}"
        for key in sorted(written.keys() | computed.keys())
        if written.get(key) != computed.get(key)
    ]


def corpus_of(
    truth: GroundTruth,
    *,
    data: Path | None = None,
    csv: Path | None = None,
    use_demo: bool = False,
) -> Corpus:
    """Load the corpus that predictions were made on, or the part of it that ``--quick`` takes.

    ``data``, ``csv`` and ``use_demo`` say where, as for :func:`rescore`.

    Raises
    ------
    DatasetError
        If the data are not found.
    EvaluationError
        If they are others.
    """
    corpus = find_source(data, csv, use_demo=use_demo, ratings=truth.scales).load()
    if corpus.fingerprint != truth.fingerprint:
        part = quick_corpus(corpus)
        corpus = part if part.fingerprint == truth.fingerprint else corpus
    truth.with_votes(corpus)  # or raise
    return corpus

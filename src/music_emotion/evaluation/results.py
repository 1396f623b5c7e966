"""From the predictions in an output folder to figures.

Everything here is recomputed from the files, so that two commands that wrote into the same folder
end in one table, and the same files give the same figures to the last digit.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation import scores
from music_emotion.evaluation.agreement import Worth, Yardstick, build_yardstick
from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.cells import Cell, CellStore, GroundTruth, Record, Run
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.models.base import Target

SUMMARY_COLUMNS = (
    "protocol",
    "model",
    "target",
    "metric",
    "value",
    "low",
    "high",
    "seed",
    "repeats",
    "n",
)
DECIMALS = 6
"""Decimal places in ``summary.csv``."""


def model_title(model: str, target: Target) -> str:
    """Return a model's name with what it learned where that is not the label."""
    return model if target == "label" else f"{model} on votes"


@dataclass(frozen=True, slots=True)
class Repeat:
    """The pooled predictions of one fold seed.

    Attributes
    ----------
    seed
        Fold seed.
    unit
        Segments or tracks, shape (n,), increasing.
    scored
        Predictions beside the truth, in the same order.
    fold
        Fold that each unit was tested in, shape (n,).
    records
        How each fold was made.
    """

    seed: int
    unit: NDArray[np.int64]
    scored: Scored
    fold: NDArray[np.int64]
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """Everything about one model under one protocol with one target.

    Attributes
    ----------
    protocol, target, model
        What was compared.
    repeats
        One per fold seed, in increasing order of the seed.
    headline
        The metrics of the table, averaged over repeats.
    per_emotion
        Precision, recall, F1, ROC-AUC and Pearson r: ``per_emotion["f1_calmness"]``.
    per_genre
        Accuracy per genre.
    confusion
        Confusion matrix summed over repeats, true emotions in rows, shape (9, 9).
    worth
        Worth in listeners of the first repeat; ``None`` under ``segment`` and without votes.
    """

    protocol: Protocol
    target: Target
    model: str
    repeats: tuple[Repeat, ...]
    headline: dict[str, Estimate]
    per_emotion: dict[str, Estimate]
    per_genre: dict[str, Estimate]
    confusion: NDArray[np.int64]
    worth: Worth | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The fold seeds."""
        return tuple(repeat.seed for repeat in self.repeats)

    @property
    def title(self) -> str:
        """The model's name with its target; see :func:`model_title`."""
        return model_title(self.model, self.target)

    @property
    def n(self) -> int:
        """Items scored per repeat."""
        return len(self.repeats[0].scored)

    @property
    def records(self) -> tuple[Record, ...]:
        """How each fold of the first repeat was made."""
        return self.repeats[0].records

    @property
    def seconds(self) -> float:
        """Training time of all cells, one thread each unless noted otherwise."""
        return sum(record.seconds for repeat in self.repeats for record in repeat.records)


@dataclass(frozen=True, slots=True)
class Results:
    """All results of an output folder.

    Attributes
    ----------
    ground_truth
        What they were scored against.
    models
        In the order of protocols, targets and models.
    left_out
        Runs that do not belong in the tables, with the reason.
    yardstick
        Panels of listeners, where single votes are known.
    """

    ground_truth: GroundTruth
    models: tuple[ModelResult, ...]
    left_out: tuple[str, ...] = ()
    yardstick: Yardstick | None = field(default=None, repr=False)

    def find(self, protocol: Protocol, target: Target, model: str) -> ModelResult | None:
        """Return one model's result, ``None`` where it was not run."""
        for result in self.models:
            if (result.protocol, result.target, result.model) == (protocol, target, model):
                return result
        return None

    def under(self, protocol: Protocol) -> tuple[ModelResult, ...]:
        """Return the results of one protocol, all targets."""
        return tuple(result for result in self.models if result.protocol == protocol)

    def tables(self) -> Iterator[tuple[Protocol, Target, tuple[ModelResult, ...]]]:
        """Yield the results of each protocol and target that was run."""
        for protocol in PROTOCOLS:
            for target in ("label", "votes"):
                rows = tuple(
                    result
                    for result in self.models
                    if result.protocol == protocol and result.target == target
                )
                if rows:
                    yield protocol, rows[0].target, rows


def collect(out: Path, truth: GroundTruth, model_order: Sequence[str] = ()) -> Results:
    """Score every complete run in an output folder.

    Parameters
    ----------
    out
        The folder.
    truth
        What to score against; with votes, the metrics of votes are there as well.
    model_order
        Order of the rows; models that are not in it come last, by name.
    """
    runs: dict[tuple[Protocol, Target, str], list[Repeat]] = defaultdict(list)
    left_out = []
    for run, cells in CellStore(out).complete_runs():
        reason = _unfit(run, cells, truth)
        if reason:
            left_out.append(f"{run.stem} is left out of the tables: {reason}")
        else:
            runs[run.protocol, run.target, run.model].append(_pool(run, cells, truth))
    resamples = resample_groups(truth.n_groups)
    yardstick = None
    if truth.table is not None and any(protocol != "segment" for protocol, _, _ in runs):
        with suppress(EvaluationError):  # too few tracks with enough listeners: no yardstick
            yardstick = build_yardstick(truth.table, truth.group)
    order = {name: position for position, name in enumerate(model_order)}
    models = [
        _score(key, sorted(repeats, key=lambda repeat: repeat.seed), resamples, yardstick, truth)
        for key, repeats in runs.items()
    ]
    models.sort(
        key=lambda result: (
            PROTOCOLS.index(result.protocol),
            result.target,
            order.get(result.model, len(order)),
            result.model,
        )
    )
    return Results(truth, tuple(models), tuple(left_out), yardstick)


def summary_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the rows of ``summary.csv``, values as fractions 0–1 and 6 decimal places.

    A worth in listeners that no panel reaches stands there as the largest panel; the row
    ``…_censored`` below it says so.
    """
    for result in results.models:
        head = (result.protocol, result.model, result.target)
        seed, repeats = str(result.seeds[0]), str(len(result.repeats))
        for name, estimate in result.headline.items():
            yield (*head, name, *_digits(estimate), seed, repeats, str(result.n))
        if result.worth is not None:
            tracks = str(result.worth.tracks)
            for name, size in (
                ("worth_accuracy", result.worth.by_accuracy),
                ("worth_r", result.worth.by_r),
            ):
                estimate = Estimate(size.value, size.low, size.high)
                yield (*head, name, *_digits(estimate), seed, "1", tracks)
                # 1 where the value, or its upper limit, is only a bound: "> 24".
                bounds = Estimate(float(size.censored), 0.0, float(size.high_censored))
                yield (*head, f"{name}_censored", *_digits(bounds), seed, "1", tracks)


def summary_csv(results: Results) -> str:
    """Return the text of ``summary.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    writer.writerows(summary_rows(results))
    return text.getvalue()


def calmness_against_tenderness(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Return how often calmness is called tenderness and the other way round, 0–1."""
    calmness, tenderness = EMOTIONS.index("calmness"), EMOTIONS.index("tenderness")
    support = np.maximum(confusion.sum(axis=1), 1)
    return {
        "calmness_called_tenderness": float(confusion[calmness, tenderness] / support[calmness]),
        "tenderness_called_calmness": float(confusion[tenderness, calmness] / support[tenderness]),
    }


def check_against(results: Results, text: str) -> list[str]:
    """Compare recomputed rows with the text of a ``summary.csv``.

    Returns
    -------
    list of str
        One line per row that differs or is missing on either side; empty where all agree.
    """
    written = {tuple(row[:4]): tuple(row[4:]) for row in list(csv.reader(io.StringIO(text)))[1:]}
    computed = {row[:4]: row[4:] for row in summary_rows(results)}
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


def _digits(estimate: Estimate) -> tuple[str, str, str]:
    def text(value: float) -> str:
        # Adding 0 turns -0 into 0.
        return f"{round(value, DECIMALS) + 0.0:.{DECIMALS}f}" if math.isfinite(value) else ""

    return text(estimate.value), text(estimate.low), text(estimate.high)


def _unfit(run: Run, cells: tuple[Cell, ...], truth: GroundTruth) -> str:
    """Return why a run does not belong in the tables, empty if it does."""
    if any(cell.record.fingerprint != truth.fingerprint for cell in cells):
        return "it was made on other data"
    folds = truth.folds.get(run.protocol)
    if any(cell.record.n_folds != folds for cell in cells) or len(cells) != folds:
        return f"it was made with other folds than the {folds} of this table"
    return ""


def _pool(run: Run, cells: tuple[Cell, ...], truth: GroundTruth) -> Repeat:
    """Pool the out-of-fold predictions of a run, units in increasing order."""
    unit = np.concatenate([cell.unit for cell in cells])
    fold = np.concatenate([np.full(len(cell.unit), cell.name.fold) for cell in cells])
    order = np.argsort(unit, kind="stable")
    scored = truth.scored(
        run.protocol,
        unit[order],
        np.concatenate([cell.emotions for cell in cells])[order],
        np.concatenate([cell.intensities for cell in cells])[order],
    )
    records = tuple(cell.record for cell in cells)
    return Repeat(run.seed, unit[order], scored, fold[order], records)


def _score(
    key: tuple[Protocol, Target, str],
    repeats: Sequence[Repeat],
    resamples: NDArray[np.float64],
    yardstick: Yardstick | None,
    truth: GroundTruth,
) -> ModelResult:
    scored = [repeat.scored for repeat in repeats]

    def estimates(wanted: Iterable[scores.Score]) -> dict[str, Estimate]:
        return {
            score.name: scores.estimate(score, scored, resamples)
            for score in wanted
            if truth.votes is not None or not score.needs_votes
        }

    present = sorted(set(np.concatenate([one.label for one in scored]).tolist()))
    genres = sorted({str(genre) for one in scored for genre in np.unique(one.genre)} - {""})
    worth = None
    if yardstick is not None and key[0] != "segment" and len(scored[0]) == len(truth.ids):
        worth = yardstick.measure(scored[0].emotions, scored[0].intensities)
    return ModelResult(
        *key,
        repeats=tuple(repeats),
        headline=estimates(scores.HEADLINE),
        per_emotion=estimates(
            score for emotion in present for score in scores.per_emotion_scores(emotion)
        ),
        per_genre=estimates(scores.genre_accuracy(genre) for genre in genres),
        confusion=scores.confusion(scored),
        worth=worth,
    )

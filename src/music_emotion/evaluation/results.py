"""From the predictions in an output folder to figures.

Everything here is recomputed from the files, so that two commands that wrote into the same folder
end in one table, and the same files give the same figures to the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from music_emotion.evaluation.learning_curves import CurveKey, LearningCurve, learning_curves
from music_emotion.evaluation.metrics import BY_NAME, EMOTION_METRICS, METRICS, Metric
from music_emotion.evaluation.rating_results import (
    RatingFigures,
    rating_figures,
    rating_result,
)
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.evaluation.strict_json import NOT_WRITTEN, OPTIONAL, json_key
from music_emotion.models.base import RATED, Target


def model_title(model: str, target: Target) -> str:
    """Return a model's name with what it learned where that is not the label."""
    return model if target == "label" else f"{model} on {target}"


@dataclass(frozen=True, slots=True)
class Repeat:
    """The pooled predictions of one fold seed."""

    seed: int
    unit: NDArray[np.int64]  #: segments or tracks, shape (n,), increasing
    scored: Scored  #: predictions beside the truth, in the same order
    records: tuple[Record, ...]  #: how each fold was made


@dataclass(frozen=True, slots=True)
class TrainedCell:
    """How one fold of a model was made, as far as a reader asks."""

    seed: int
    fold: int
    #: this and the next three: as in :class:`.cells.Record`
    seconds: float
    threads: int
    best_epoch: int
    notes: tuple[str, ...]
    #: training curves; those of the first fold seed alone are kept
    history: dict[str, list[float]] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class ModelResult:
    """Everything about one model under one protocol with one target."""

    protocol: Protocol
    target: Target
    model: str
    seeds: tuple[int, ...]  #: the fold seeds, increasing; every fold seed is one repeat
    n: int  #: items scored per repeat
    seconds: float  #: training time of all cells, one thread each unless noted otherwise
    parameters: int  #: trainable parameters; 0 where the notion does not apply
    versions: dict[str, str]  #: Python and the packages that the predictions depend on
    #: the metrics of the table, averaged over repeats
    headline: dict[str, Estimate] = field(metadata=json_key("metrics"))
    #: precision, recall, F1, ROC-AUC and Pearson r: ``per_emotion["f1_calmness"]``
    per_emotion: dict[str, Estimate]
    per_genre: dict[str, Estimate]  #: accuracy per genre
    #: confusion matrix summed over repeats, true emotions in rows, shape (9, 9)
    confusion: NDArray[np.int64]
    calmness_called_tenderness: float  #: how often the one is taken for the other, 0–1
    tenderness_called_calmness: float  #: and the other way round
    #: worth in listeners of the first repeat; ``None`` under ``segment`` and without votes
    worth: Worth | None
    cells: tuple[TrainedCell, ...]  #: how the folds were made
    #: the predictions, one per fold seed; none where read from a file
    repeats: tuple[Repeat, ...] = field(default=(), repr=False, metadata=NOT_WRITTEN)

    @property
    def title(self) -> str:
        """The model's name with its target; see :func:`model_title`."""
        return model_title(self.model, self.target)

    @property
    def first_cells(self) -> tuple[TrainedCell, ...]:
        """The folds of the first repeat."""
        return tuple(cell for cell in self.cells if cell.seed == self.seeds[0])


@dataclass(frozen=True, slots=True)
class Results:
    """All results of an output folder."""

    ground_truth: GroundTruth  #: what they were scored against
    models: tuple[ModelResult, ...]  #: in the order of protocols, targets and models
    left_out: tuple[str, ...] = ()  #: runs that do not belong in the tables, with the reason
    #: panels of listeners, where single votes are known
    yardstick: Yardstick | None = field(default=None, repr=False)
    ratings: RatingFigures | None = None  #: of models that learned ratings
    curves: tuple[LearningCurve, ...] = ()  #: of models that learned from shares of the training

    def find(self, protocol: Protocol, target: Target, model: str) -> ModelResult | None:
        """Return one model's result, ``None`` where it was not run."""
        wanted = protocol, target, model
        return next((m for m in self.models if (m.protocol, m.target, m.model) == wanted), None)

    def under(self, protocol: Protocol) -> tuple[ModelResult, ...]:
        """Return the results of one protocol, all targets."""
        return tuple(result for result in self.models if result.protocol == protocol)


def in_tables(rows: Iterable[ModelResult]) -> list[tuple[Protocol, Target, list[ModelResult]]]:
    """Return the rows of each protocol and target, in the order in which they are given."""
    found: dict[tuple[Protocol, Target], list[ModelResult]] = {}
    for row in rows:
        found.setdefault((row.protocol, row.target), []).append(row)
    return [(protocol, target, table) for (protocol, target), table in found.items()]


def collect(out: Path, truth: GroundTruth, model_order: Sequence[str] = ()) -> Results:
    """Score every complete run in an output folder against the truth.

    With votes in it, the metrics of votes are there as well; models that learned ratings are left
    out where those are not in it. Models that are not in ``model_order``
    come last, by name.
    """
    runs: dict[tuple[Protocol, Target, str], list[Repeat]] = defaultdict(list)
    rated: dict[tuple[Protocol, Target, str], dict[int, tuple[Cell, ...]]] = defaultdict(dict)
    by_share: dict[CurveKey, dict[float, dict[int, Scored]]]
    by_share = defaultdict(lambda: defaultdict(dict))
    left_out = []
    for run, cells in CellStore(out).curve_runs():
        reason = _unfit(run, cells, truth)
        if reason:
            left_out.append(f"{run.stem} is left out of the tables: {reason}")
        elif run.target in RATED:
            if not run.of_curve:
                rated[run.protocol, run.target, run.model][run.seed] = cells
        else:
            repeat = pool_folds(run, cells, truth)
            key = run.protocol, run.target, run.model
            by_share[*key, run.seed][run.share][run.training] = repeat.scored
            if not run.of_curve:
                runs[key].append(repeat)
    resamples = resample_groups(truth.n_groups)
    yardstick = None
    if truth.vote_table is not None and any(protocol != "segment" for protocol, _, _ in runs):
        with suppress(EvaluationError):  # too few tracks with enough listeners: no yardstick
            yardstick = build_yardstick(truth.vote_table, truth.group)
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
    ratings = None
    if truth.ratings is not None and rated:
        rows = [
            rating_result(
                protocol,
                model,
                seeds,
                truth.ratings if target == "ratings" else truth.moments,
                truth.group,
                resamples,
            )
            for (protocol, target, model), seeds in rated.items()
        ]
        rows.sort(
            key=lambda row: (
                PROTOCOLS.index(row.protocol),
                row.over_time,
                order.get(row.model, len(order)),
                row.model,
            )
        )
        ratings = rating_figures(rows, truth.ratings, truth.moments)
    curves = learning_curves(by_share, resamples)
    return Results(truth, tuple(models), tuple(left_out), yardstick, ratings, curves)


def _unfit(run: Run, cells: tuple[Cell, ...], truth: GroundTruth) -> str:
    """Return why a run does not belong in the tables, empty if it does."""
    if any(cell.record.fingerprint != truth.fingerprint for cell in cells):
        return "it was made on other data"
    if run.target in RATED and truth.ratings is None:
        return "the ratings are not at hand"
    folds = truth.folds.get(run.protocol)
    if any(cell.record.n_folds != folds for cell in cells) or len(cells) != folds:
        return f"it was made with other folds than the {folds} of this table"
    return ""


def pool_folds(run: Run, cells: tuple[Cell, ...], truth: GroundTruth) -> Repeat:
    """Pool the out-of-fold predictions of a run, units in increasing order."""
    unit = np.concatenate([cell.unit for cell in cells])
    order = np.argsort(unit, kind="stable")
    scored = truth.scored(
        run.protocol,
        unit[order],
        np.concatenate([cell.emotions for cell in cells])[order],
        np.concatenate([cell.intensities for cell in cells])[order],
    )
    return Repeat(run.seed, unit[order], scored, tuple(cell.record for cell in cells))


def _score(
    key: tuple[Protocol, Target, str],
    repeats: Sequence[Repeat],
    resamples: NDArray[np.float64],
    yardstick: Yardstick | None,
    truth: GroundTruth,
) -> ModelResult:
    scored = [repeat.scored for repeat in repeats]

    def defined(some: Sequence[Metric]) -> list[Metric]:
        return [one for one in some if truth.votes is not None or not one.needs_votes]

    present = sorted(set(np.concatenate([one.label for one in scored]).tolist()))
    by_emotion = {
        metric.name: scores.estimate_emotions(metric, scored, resamples)
        for metric in defined(EMOTION_METRICS)
    }
    genres = sorted({str(genre) for one in scored for genre in np.unique(one.genre)} - {""})
    worth = None
    if yardstick is not None and key[0] != "segment" and len(scored[0]) == len(truth.ids):
        worth = yardstick.measure(scored[0].emotions, scored[0].intensities)
    first = repeats[0].records[0]
    confusion = scores.confusion(scored)
    return ModelResult(
        *key,
        seeds=tuple(repeat.seed for repeat in repeats),
        n=len(scored[0]),
        seconds=sum(record.seconds for repeat in repeats for record in repeat.records),
        parameters=first.parameters,
        versions=first.versions,
        headline={
            metric.name: scores.estimate(metric, scored, resamples) for metric in defined(METRICS)
        },
        per_emotion={
            f"{name}_{EMOTIONS[emotion]}": estimates[emotion]
            for emotion in present
            for name, estimates in by_emotion.items()
        },
        per_genre={
            f"accuracy_{genre}": scores.estimate(
                BY_NAME["accuracy"], [one.take(one.genre == genre) for one in scored], resamples
            )
            for genre in genres
        },
        confusion=confusion,
        calmness_called_tenderness=_share_called(confusion, "calmness", "tenderness"),
        tenderness_called_calmness=_share_called(confusion, "tenderness", "calmness"),
        worth=None if worth is None else replace(worth, seed=repeats[0].seed),
        cells=tuple(
            TrainedCell(
                repeat.seed,
                fold,
                record.seconds,
                record.threads,
                record.best_epoch,
                record.notes,
                record.history if repeat is repeats[0] else None,
            )
            for repeat in repeats
            for fold, record in enumerate(repeat.records)
        ),
        repeats=tuple(repeats),
    )


def _share_called(confusion: NDArray[np.int64], emotion: str, other: str) -> float:
    row, column = EMOTIONS.index(emotion), EMOTIONS.index(other)
    return float(confusion[row, column] / max(confusion[row].sum(), 1))

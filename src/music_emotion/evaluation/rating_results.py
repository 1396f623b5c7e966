"""From predicted ratings to figures: the metrics of each scale, with intervals over groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.ratings import Ratings
from music_emotion.evaluation import metrics
from music_emotion.evaluation.agreement.raters import RatingCeiling, rating_ceilings
from music_emotion.evaluation.bootstrap import (
    mean_over_repeats,
    percentile_interval,
    resample_repeats,
    sum_by_group,
)
from music_emotion.evaluation.cells import Cell, Record
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.metrics import N_MOMENTS, RATING_METRICS, Metric
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import NOT_WRITTEN

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RatedItems:
    """Predicted ratings beside the raters': n items on k scales."""

    rated: Floats  #: mean ratings, shape (n, k), NaN where nobody rated the item
    predicted: Floats  #: shape (n, k)
    group: NDArray[np.int64]  #: group that the bootstrap draws, 0 to ``n_groups`` - 1, shape (n,)
    n_groups: int


def resampled_ratings(metric: Metric, items: RatedItems, weights: Floats) -> Floats:
    """Return one of :data:`.metrics.RATING_METRICS` of selections of groups, shape (b, k).

    ``weights`` (b, groups) say how often each group takes part.
    """
    if metric.takes == "ranks":
        of_items = weights[:, items.group]
        argument = metrics.rank_correlations(items.rated, items.predicted, of_items)
    else:
        assert metric.takes == "moments", "the others are none of ratings"
        moments = metrics.rating_moments(items.rated, items.predicted)
        flat = moments.reshape(len(moments), -1)
        sums = weights @ sum_by_group(flat, items.group, items.n_groups)
        argument = sums.reshape(len(weights), -1, N_MOMENTS)
    return np.asarray(metric.function(argument))


def score_ratings(
    names: Sequence[str], repeats: Sequence[RatedItems], resamples: Floats
) -> dict[str, dict[str, Estimate]]:
    """Return every metric of each scale, averaged over repeats, by scale and by metric.

    Parameters
    ----------
    names
        The k scales.
    repeats
        Predictions of the same items under different fold seeds.
    resamples
        How often each group was drawn, shape (b, groups); every repeat gets the same. Repeats are
        drawn as well.
    """
    scores: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for metric in RATING_METRICS:
        once = [resampled_ratings(metric, one, np.ones((1, one.n_groups)))[0] for one in repeats]
        each = np.stack([resampled_ratings(metric, one, resamples) for one in repeats], axis=1)
        draws = mean_over_repeats(each, resample_repeats(len(repeats), n_resamples=len(each)))
        for name, value, column in zip(names, np.mean(once, axis=0), draws.T, strict=True):
            scores[name][metric.name] = Estimate(float(value), *percentile_interval(column))
    return scores


@dataclass(frozen=True, slots=True)
class RatingCell:
    """How one fold of a model was made."""

    seed: int
    fold: int
    seconds: float
    threads: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RatingResult:
    """Everything about one model that learned ratings under one protocol."""

    protocol: Protocol
    model: str
    seeds: tuple[int, ...]  #: the fold seeds, increasing; every fold seed is one repeat
    n: int  #: items scored per repeat
    seconds: float  #: training time of all cells
    parameters: int  #: trainable parameters; 0 where the notion does not apply
    versions: dict[str, str]  #: Python and the packages that the predictions depend on
    #: the metrics by scale and by name, averaged over repeats
    scores: dict[str, dict[str, Estimate]]
    cells: tuple[RatingCell, ...]  #: how the folds were made
    #: the predictions, one per fold seed; none where read from a file
    repeats: tuple[RatedItems, ...] = field(default=(), repr=False, metadata=NOT_WRITTEN)


@dataclass(frozen=True, slots=True)
class RatingFigures:
    """What a comparison says of models that learned ratings."""

    #: the scales with their ends, where these are known
    scales: dict[str, tuple[float, float]]
    rows: tuple[RatingResult, ...]  #: in the order of protocols and models
    ceilings: tuple[RatingCeiling, ...]  #: of the scales whose raters' scatter is known

    def under(self, protocol: Protocol) -> tuple[RatingResult, ...]:
        """Return the results of one protocol."""
        return tuple(row for row in self.rows if row.protocol == protocol)

    def ceiling_of(self, scale: str) -> RatingCeiling | None:
        """Return the ceiling of a scale, ``None`` where it is not known."""
        return next((one for one in self.ceilings if one.scale == scale), None)


def rating_result(
    protocol: Protocol,
    model: str,
    runs: Mapping[int, Sequence[Cell]],
    ratings: Ratings,
    group: NDArray[np.int64],
    resamples: Floats,
) -> RatingResult:
    """Score a model's predictions, the folds of each seed pooled.

    Parameters
    ----------
    protocol, model
        Which run.
    runs
        The cells of each fold seed, in the order of the folds.
    ratings, group
        What raters said of the tracks, and the group of each, shape (tracks,).
    resamples
        See :func:`score_ratings`.
    """
    seeds = tuple(sorted(runs))
    repeats = tuple(_pool(runs[seed], ratings, group, resamples.shape[1]) for seed in seeds)
    records: list[Record] = [cell.record for seed in seeds for cell in runs[seed]]
    return RatingResult(
        protocol=protocol,
        model=model,
        seeds=seeds,
        n=len(repeats[0].group),
        seconds=sum(record.seconds for record in records),
        parameters=records[0].parameters,
        versions=records[0].versions,
        scores=score_ratings(ratings.names, repeats, resamples),
        cells=tuple(
            RatingCell(
                seed, fold, cell.record.seconds, cell.record.threads, tuple(cell.record.notes)
            )
            for seed in seeds
            for fold, cell in enumerate(runs[seed])
        ),
        repeats=repeats,
    )


def rating_figures(rows: Sequence[RatingResult], ratings: Ratings) -> RatingFigures:
    """Return the results beside what raters' disagreement leaves possible."""
    return RatingFigures(
        scales={scale.name: (scale.low, scale.high) for scale in ratings.scales},
        rows=tuple(rows),
        ceilings=rating_ceilings(ratings),
    )


def _pool(
    cells: Sequence[Cell], ratings: Ratings, group: NDArray[np.int64], n_groups: int
) -> RatedItems:
    """Put the out-of-fold predictions of a run beside the ratings, tracks in increasing order."""
    track = np.concatenate([cell.unit for cell in cells])
    predicted = np.concatenate([cell.ratings for cell in cells if cell.ratings is not None])
    order = np.argsort(track, kind="stable")
    track = track[order]
    return RatedItems(
        rated=ratings.mean[track],
        predicted=predicted[order].astype(np.float64),
        group=group[track],
        n_groups=n_groups,
    )

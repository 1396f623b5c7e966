"""From predicted ratings to figures: the metrics of each scale, with intervals over groups.

Ratings over time are scored within pieces: of each piece that was rated at :data:`FEWEST_MOMENTS`
or more of its segments, the metrics of what differs from the piece's own mean, on both sides; then
the mean over pieces. Which piece is higher does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.courses import FEWEST_MOMENTS, Moments
from music_emotion.datasets.ratings import Ratings
from music_emotion.evaluation import metrics
from music_emotion.evaluation.agreement.raters import (
    RatingCeiling,
    course_ceilings,
    rating_ceilings,
)
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
from music_emotion.evaluation.strict_json import NOT_WRITTEN, OPTIONAL

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RatedItems:
    """Predicted ratings beside the raters': n items on k scales."""

    rated: Floats  #: mean ratings, shape (n, k), NaN where nobody rated the item
    predicted: Floats  #: shape (n, k)
    group: NDArray[np.int64]  #: group that the bootstrap draws, 0 to ``n_groups`` - 1, shape (n,)
    n_groups: int
    piece: NDArray[np.int64] | None = None  #: each item's piece, shape (n,), where scored within


def resampled_ratings(metric: Metric, items: RatedItems, weights: Floats) -> Floats:
    """Return one of :data:`.metrics.RATING_METRICS` of selections of groups, shape (b, k).

    ``weights`` (b, groups) say how often each group takes part.
    """
    if items.piece is not None:
        return _within_pieces(metric, items, weights)
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


def _within_pieces(metric: Metric, items: RatedItems, weights: Floats) -> Floats:
    """Return the mean over pieces of what a metric is within each, shape (b, k)."""
    assert items.piece is not None, "it was asked for"
    pieces, first = np.unique(items.piece, return_index=True)
    values = np.full((len(pieces), items.rated.shape[1]), np.nan)
    for place, piece in enumerate(pieces.tolist()):
        rows = items.piece == piece
        for scale in range(values.shape[1]):
            known = rows & np.isfinite(items.rated[:, scale])
            if known.sum() >= FEWEST_MOMENTS:
                rated, predicted = (
                    (part[known, scale] - part[known, scale].mean())[:, None]
                    for part in (items.rated, items.predicted)
                )
                group = np.zeros(len(rated), np.int64)
                alone = RatedItems(rated, predicted, group, 1)
                values[place, scale] = resampled_ratings(metric, alone, np.ones((1, 1)))[0, 0]
    defined = np.isfinite(values)
    of_pieces = weights[:, items.group[first]]
    counts = of_pieces @ defined
    sums = of_pieces @ np.where(defined, values, 0.0)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), np.nan)


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
    #: whether segments were rated, and are scored within their pieces
    over_time: bool = field(default=False, metadata=OPTIONAL)
    #: the predictions, one per fold seed; none where read from a file
    repeats: tuple[RatedItems, ...] = field(default=(), repr=False, metadata=NOT_WRITTEN)


@dataclass(frozen=True, slots=True)
class RatingFigures:
    """What a comparison says of models that learned ratings."""

    #: the scales with their ends, where these are known
    scales: dict[str, tuple[float, float]]
    rows: tuple[RatingResult, ...]  #: in the order of protocols and models
    ceilings: tuple[RatingCeiling, ...]  #: of the scales whose raters' scatter is known
    #: the same of ratings over time, within pieces
    course_ceilings: tuple[RatingCeiling, ...] = field(default=(), metadata=OPTIONAL)

    def under(self, protocol: Protocol, *, over_time: bool = False) -> tuple[RatingResult, ...]:
        """Return the results of one protocol, of whole tracks or over time."""
        return tuple(
            row for row in self.rows if row.protocol == protocol and row.over_time == over_time
        )

    def ceiling_of(self, scale: str, *, over_time: bool = False) -> RatingCeiling | None:
        """Return the ceiling of a scale, ``None`` where it is not known."""
        ceilings = self.course_ceilings if over_time else self.ceilings
        return next((one for one in ceilings if one.scale == scale), None)


def rating_result(
    protocol: Protocol,
    model: str,
    runs: Mapping[int, Sequence[Cell]],
    ratings: Ratings | Moments | None,
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
        What raters said of the tracks, or of the segments, and the group of each track, shape
        (tracks,).
    resamples
        See :func:`score_ratings`.
    """
    assert ratings is not None, "runs without them are left out before"
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
        scores=score_ratings([scale.name for scale in ratings.scales], repeats, resamples),
        over_time=isinstance(ratings, Moments),
        cells=tuple(
            RatingCell(
                seed, fold, cell.record.seconds, cell.record.threads, tuple(cell.record.notes)
            )
            for seed in seeds
            for fold, cell in enumerate(runs[seed])
        ),
        repeats=repeats,
    )


def rating_figures(
    rows: Sequence[RatingResult], ratings: Ratings, moments: Moments | None = None
) -> RatingFigures:
    """Return the results beside what raters' disagreement leaves possible."""
    return RatingFigures(
        scales={scale.name: (scale.low, scale.high) for scale in ratings.scales},
        rows=tuple(rows),
        ceilings=rating_ceilings(ratings),
        course_ceilings=()
        if moments is None or not any(row.over_time for row in rows)
        else course_ceilings(moments),
    )


def _pool(
    cells: Sequence[Cell], ratings: Ratings | Moments, group: NDArray[np.int64], n_groups: int
) -> RatedItems:
    """Put the out-of-fold predictions of a run beside the ratings, units in increasing order."""
    unit = np.concatenate([cell.unit for cell in cells])
    predicted = np.concatenate([cell.ratings for cell in cells if cell.ratings is not None])
    order = np.argsort(unit, kind="stable")
    unit = unit[order]
    piece = ratings.track_index[unit] if isinstance(ratings, Moments) else None
    return RatedItems(
        rated=ratings.mean[unit],
        predicted=predicted[order].astype(np.float64),
        group=group[unit if piece is None else piece],
        n_groups=n_groups,
        piece=piece,
    )

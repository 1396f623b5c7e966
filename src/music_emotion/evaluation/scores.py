"""The metrics of a comparison with their bootstrap intervals.

A metric is a function of how often each group of items takes part: once each for the value itself,
as often as it was drawn for a bootstrap resample. One definition, in :mod:`.metrics`, thus serves
value and interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.evaluation import metrics
from music_emotion.evaluation.bootstrap import (
    mean_over_repeats,
    percentile_interval,
    resample_repeats,
    sum_by_group,
)
from music_emotion.evaluation.metrics import N_EMOTIONS, Metric

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions beside the truth: n items, pooled over the folds of one fold seed."""

    label: NDArray[np.int64]  #: dominant emotion, shape (n,)
    #: vote fractions, shape (n, 9), or ``None`` where the corpus has none
    votes: NDArray[np.float32] | None
    group: NDArray[np.int64]  #: group that the bootstrap draws, 0 to ``n_groups`` - 1, shape (n,)
    n_groups: int  #: number of groups of the corpus; some may have no item here
    genre: NDArray[np.str_]  #: genre names, shape (n,)
    emotions: NDArray[np.float32]  #: predictions, shape (n, 9)
    intensities: NDArray[np.float32]  #: predictions, shape (n, 9)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, items: NDArray[np.integer] | NDArray[np.bool_]) -> Scored:
        """Return some of the items, by index or mask."""
        arrays = {
            name: values[items]
            for name in ("label", "votes", "group", "genre", "emotions", "intensities")
            if (values := getattr(self, name)) is not None
        }
        return replace(self, **arrays)

    def sides(self, metric: Metric) -> tuple[NDArray[Any] | None, NDArray[Any]]:
        """Return what a metric of items compares: what people said, and what the model says."""
        if metric.takes == "votes":
            return self.votes, self.intensities
        return self.label, self.emotions

    def sums(self, terms: Floats, weights: Floats) -> Floats:
        """Sum (n, k) terms of the items, weighted by group; weights (b, groups), sums (b, k)."""
        return np.asarray(weights @ sum_by_group(terms, self.group, self.n_groups))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; the limits are NaN where there is none."""

    value: float
    low: float
    high: float


def resampled(metric: Metric, scored: Scored, weights: Floats) -> Floats:
    """Return a metric of selections of groups.

    Any metric but the ``"whole"`` ones; ``weights`` (b, groups) say how often each group takes
    part. Returns shape (b,) or (b, 9), NaN where undefined.
    """
    if metric.takes in ("labels", "votes"):
        values = metric.function(*scored.sides(metric))
        sums = scored.sums(np.column_stack([values, np.ones(len(scored))]), weights)
        count = sums[:, 1]
        return np.asarray(np.where(count > 0, sums[:, 0] / np.where(count > 0, count, 1), np.nan))
    if metric.takes == "confusions":
        cell = scored.label * N_EMOTIONS + metrics.predicted_labels(scored.emotions)
        sums = scored.sums(np.eye(N_EMOTIONS**2)[cell], weights)
        argument = sums.reshape(-1, N_EMOTIONS, N_EMOTIONS)
    elif metric.takes == "areas":
        argument = metrics.roc_auc_of_groups(scored.label, scored.emotions, scored.group, weights)
    else:
        assert metric.takes == "correlations", "the others are no functions of sums"
        assert scored.votes is not None, "needs votes"
        moments = metrics.correlation_moments(scored.votes, scored.intensities)
        sums = scored.sums(moments.reshape(len(scored), -1), weights)
        summed = sums.reshape(-1, N_EMOTIONS, metrics.N_MOMENTS)
        argument = metrics.pearson_from_moments(summed)
    return np.asarray(metric.function(argument))


def point_estimate(metric: Metric, repeats: Sequence[Scored]) -> Floats:
    """Return a metric averaged over repeats with different fold seeds, shape () or (9,)."""
    if metric.takes == "whole":
        return np.asarray(np.mean([metric.function(*one.sides(metric)) for one in repeats]))
    values = [resampled(metric, one, np.ones((1, one.n_groups)))[0] for one in repeats]
    return np.asarray(np.mean(values, axis=0))


def distribution(metric: Metric, repeats: Sequence[Scored], resamples: Floats) -> Floats:
    """Return the bootstrap distribution of :func:`point_estimate`, shape (b,) or (b, 9).

    Groups and repeats are drawn, independently: the same draw of groups is applied to all repeats,
    and the same draws of repeats to all models with as many (:mod:`.bootstrap`).
    """
    values = np.stack([resampled(metric, one, resamples) for one in repeats], axis=1)
    weights = resample_repeats(len(repeats), n_resamples=len(resamples))
    return mean_over_repeats(values, weights)


def estimate(metric: Metric, repeats: Sequence[Scored], resamples: Floats) -> Estimate:
    """Return a metric averaged over repeats with its percentile interval, where it has one."""
    value = float(point_estimate(metric, repeats))
    if metric.takes == "whole":
        return Estimate(value, float("nan"), float("nan"))
    return Estimate(value, *percentile_interval(distribution(metric, repeats, resamples)))


def difference(
    metric: Metric, ours: Sequence[Scored], theirs: Sequence[Scored], resamples: Floats
) -> Estimate:
    """Return a metric of some repeats minus that of as many others, with its interval.

    Both see the same draws: the same items must be behind repeats at the same place.
    """
    value = float(point_estimate(metric, ours) - point_estimate(metric, theirs))
    draws = distribution(metric, ours, resamples) - distribution(metric, theirs, resamples)
    return Estimate(value, *percentile_interval(draws))


def estimate_emotions(
    metric: Metric, repeats: Sequence[Scored], resamples: Floats
) -> tuple[Estimate, ...]:
    """Return one of :data:`.metrics.EMOTION_METRICS` for each emotion with its interval."""
    values = point_estimate(metric, repeats)
    draws = distribution(metric, repeats, resamples)
    return tuple(
        Estimate(float(value), *percentile_interval(column))
        for value, column in zip(values, draws.T, strict=True)
    )


def confusion(repeats: Sequence[Scored]) -> NDArray[np.int64]:
    """Return the confusion matrix summed over repeats, true emotions in rows, shape (9, 9)."""
    labels = np.concatenate([one.label for one in repeats])
    emotions = np.concatenate([one.emotions for one in repeats])
    return metrics.confusion_matrix(labels, metrics.predicted_labels(emotions))

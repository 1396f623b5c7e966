"""Bootstrap intervals that resample whole groups.

Tracks of one artist resemble each other, so resampling tracks one by one would make intervals too
narrow. Instead the groups (artists) are drawn with replacement, and each comes with all its items:
the cluster bootstrap with percentile limits (Davison and Hinkley, *Bootstrap Methods and their
Application*, 1997, sections 3.8 and 5.3; Field and Welsh, *Bootstrapping clustered data*, Journal
of the Royal Statistical Society B 69, 2007).

A model that was trained several times has two sources of luck: which artists there are, and how the
trainings went. Every training is scored on every artist, so the two are crossed, and both are
drawn, independently of each other: the pigeonhole bootstrap (Owen, *The pigeonhole bootstrap*,
Annals of Applied Statistics 1, 2007), whose variance is, if anything, too large. Of n trainings, n
- 1 are drawn at a time, because n would make the variance of so small a sample too small by a
factor of (n - 1) / n (McCarthy and Snowden, *The bootstrap and finite population sampling*, Vital
and Health Statistics 2(95), 1985). A fold seed and the seed of its trainings go together, so that a
repeat is both another division and other trainings. A single repeat is taken as it is: nothing of
the luck of its training can be known.

Every metric here is a function of sums over items, so a resample is a vector of how often each
group was drawn, and thousands of them are one matrix product: see :mod:`.scores`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import EvaluationError

N_RESAMPLES = 2_000
"""Bootstrap resamples behind every interval."""

CONFIDENCE = 0.95
"""Share of the bootstrap distribution between the two limits."""

BOOTSTRAP_SEED = 20_160_101
"""Seed of the resampling; fixed, so that intervals are reproducible to the last digit."""

REPEAT_SEED = BOOTSTRAP_SEED + 1
"""Seed of the resampling of repeats, which is independent of that of groups."""


def resample_groups(
    n_groups: int, *, n_resamples: int = N_RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> NDArray[np.float64]:
    """Draw groups with replacement.

    Returns
    -------
    array of shape (n_resamples, n_groups)
        How often each group was drawn; every row sums to ``n_groups``.

    Raises
    ------
    EvaluationError
        If there are no groups.
    """
    if n_groups < 1:
        raise EvaluationError("there are no groups to resample")
    rng = np.random.default_rng(seed)
    chances = np.full(n_groups, 1.0 / n_groups)
    return rng.multinomial(n_groups, chances, size=n_resamples).astype(np.float64)


def resample_repeats(
    n_repeats: int, *, n_resamples: int = N_RESAMPLES, seed: int = REPEAT_SEED
) -> NDArray[np.float64]:
    """Draw one repeat less than there are, with replacement; a single one is always drawn.

    Returns
    -------
    array of shape (n_resamples, n_repeats)
        The weight of each repeat; every row sums to 1.

    Raises
    ------
    EvaluationError
        If there are no repeats.

    Examples
    --------
    >>> resample_repeats(1, n_resamples=2)
    array([[1.],
           [1.]])
    """
    if n_repeats < 1:
        raise EvaluationError("there are no repeats to resample")
    drawn = max(n_repeats - 1, 1)
    rng = np.random.default_rng(seed)
    chances = np.full(n_repeats, 1.0 / n_repeats)
    return rng.multinomial(drawn, chances, size=n_resamples) / drawn


def mean_over_repeats(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weighted mean over axis 1 of values (b, repeats, …), weights (b, repeats).

    An undefined value counts only where its repeat was drawn.
    """
    shape = (*weights.shape, *[1] * (values.ndim - 2))
    share = weights.reshape(shape)
    return np.asarray((np.where(share > 0, values, 0.0) * share).sum(axis=1))


def sum_by_group(
    values: NDArray[np.float64], group: NDArray[np.int64], n_groups: int
) -> NDArray[np.float64]:
    """Sum (n, k) values over the items of each group, shape (n_groups, k)."""
    totals = np.zeros((n_groups, values.shape[1]))
    np.add.at(totals, group, values)
    return totals


def percentile_interval(
    distribution: NDArray[np.float64], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the central ``confidence`` share of a bootstrap distribution; undefined draws skipped.

    Both limits are NaN where no draw is defined.
    """
    defined = distribution[np.isfinite(distribution)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)

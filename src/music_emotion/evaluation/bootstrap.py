"""Bootstrap intervals that resample whole groups.

Tracks of one artist resemble each other, so resampling tracks one by one would make intervals too
narrow. Instead the groups (artists) are drawn with replacement, and each comes with all its items:
the cluster bootstrap with percentile limits (Davison and Hinkley, *Bootstrap Methods and their
Application*, 1997, sections 3.8 and 5.3; Field and Welsh, *Bootstrapping clustered data*, Journal
of the Royal Statistical Society B 69, 2007).

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

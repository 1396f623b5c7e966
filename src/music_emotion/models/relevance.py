"""How much each kind of feature counts, learned by maximum marginal likelihood.

The outputs are independent Gaussian processes with one kernel, whose squared distance is a
weighted sum over groups of columns (Rasmussen and Williams, *Gaussian Processes for Machine
Learning*, 2006, chapter 5: automatic relevance determination, here per group). Fifty groups of a
thousand columns are few enough to be learned from three hundred tracks; a prior holds the weights
near one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.kernel_ridge import squared_distances

Floats = NDArray[np.float64]

PRIOR_DEVIATION = 1.0  # of a weight's natural logarithm
ITERATIONS = 60
FIRST_NOISE = 0.3  # of the signal's variance
LARGEST_LOG = 8.0


def group_distances(points: Floats, groups: NDArray[np.int64], count: int) -> Floats:
    """Return the squared distances of items in each of ``count`` groups, (count, n, n).

    Parameters
    ----------
    points
        Shape (n, k).
    groups
        The group of each of the k columns; a group without columns has no distances.
    """
    return np.stack(
        [squared_distances(points[:, groups == g], points[:, groups == g]) for g in range(count)]
    )


def learn_weights(distances: Floats, targets: Floats, noise: Floats) -> Floats:
    """Return a weight per group, shape (groups,).

    Parameters
    ----------
    distances
        Squared distances by group, shape (groups, n, n), that sum to about 1 over the groups.
    targets
        Shape (n, outputs).
    noise
        Relative noise variance of each item, shape (n,), mean 1.
    """
    from scipy.optimize import minimize

    deviation = targets.std(axis=0)
    varies = deviation > 0
    if not varies.any():
        return np.ones(len(distances))
    standard = (targets[:, varies] - targets[:, varies].mean(axis=0)) / deviation[varies]
    start = np.zeros(len(distances) + 2)
    start[-1] = np.log(FIRST_NOISE)
    found = minimize(
        _negative_log_posterior,
        start,
        args=(distances, standard, noise),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-LARGEST_LOG, LARGEST_LOG)] * len(start),
        options={"maxiter": ITERATIONS},
    )
    weights: Floats = np.exp(found.x[:-2])
    return weights


def _negative_log_posterior(
    logarithms: Floats, distances: Floats, targets: Floats, noise: Floats
) -> tuple[float, Floats]:
    """Return value and gradient at the logarithms of the weights, the signal and the noise."""
    from scipy.linalg import cho_factor, cho_solve

    weights = np.exp(logarithms[:-2])
    signal, ridge = np.exp(logarithms[-2:])
    kernel = signal * np.exp(-np.tensordot(weights, distances, 1))
    covariance = kernel + signal
    covariance[np.diag_indices_from(covariance)] += ridge * noise
    factor = cho_factor(covariance, lower=True, overwrite_a=True)
    inverse = cho_solve(factor, np.eye(len(noise)))
    solved = inverse @ targets
    value = (
        0.5 * (targets * solved).sum()
        + targets.shape[1] * np.log(np.diag(factor[0])).sum()
        + 0.5 * np.square(logarithms[:-2] / PRIOR_DEVIATION).sum()
    )
    slope = 0.5 * (targets.shape[1] * inverse - solved @ solved.T)
    bent = slope * kernel
    gradient = -weights * np.tensordot(distances, bent, 2) + logarithms[:-2] / PRIOR_DEVIATION**2
    signal_gradient = bent.sum() + signal * slope.sum()
    ridge_gradient = ridge * (np.diag(slope) * noise).sum()
    return float(value), np.concatenate([gradient, [signal_gradient, ridge_gradient]])

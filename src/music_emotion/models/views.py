"""Views of pooled features: which columns a kernel compares, and how much each counts.

How much each kind of feature counts can be learned by maximum marginal likelihood: the outputs are
independent Gaussian processes with one kernel, whose squared distance is a weighted sum over groups
of columns (Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, chapter 5:
automatic relevance determination, here per group). Fifty groups of a thousand columns are few
enough to be learned from three hundred tracks; a prior holds the weights near one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.compute import FEATURES
from music_emotion.models.kernel import squared_distances

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

CLIP = 5.0  # standard deviations; a feature further out says no more
CONSTANT = 1e-6  # a column that varies less, relative to its size, is left out

# Of the learned weights:
PRIOR_DEVIATION = 1.0  # of a weight's natural logarithm
ITERATIONS = 60
FIRST_NOISE = 0.3  # of the signal's variance
LARGEST_LOG = 8.0


@dataclass(frozen=True, slots=True)
class View:
    """Pooled features as points whose squared distances a kernel takes.

    Attributes
    ----------
    sizes
        (feature, its pooled size) pairs, in the order of concatenation.
    columns
        Columns of the concatenation that are looked at, shape (k,).
    mean, scale
        Standardise these columns, shape (k,).
    factor
        What the standardised and clipped columns are multiplied by, shape (k,).
    """

    sizes: tuple[tuple[str, int], ...]
    columns: Numbers
    mean: Floats
    scale: Floats
    factor: Floats

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Return units as points, shape (n, k)."""
        values = np.concatenate([features[name] for name, _ in self.sizes], axis=1)
        inside = np.clip((values[:, self.columns] - self.mean) * self.scale, -CLIP, CLIP)
        points: Floats = inside * self.factor
        return points

    def after(self, ratio: Mapping[str, Floats]) -> View:
        """Return the view of features that are to be multiplied by ``ratio`` (size,) first."""
        ratios = np.concatenate([ratio[name] for name, _ in self.sizes])[self.columns]
        return replace(self, mean=self.mean / ratios, scale=self.scale * ratios)


def fit_view(
    features: Mapping[str, Floats], shares: Mapping[str, float], weights: Floats | None = None
) -> View:
    """Standardise features and give each its share of the mean squared distance.

    Parameters
    ----------
    features
        Pooled features of the training units, each (n, size).
    shares
        The features to look at, and what each counts for.
    weights
        Per group of columns (`group_numbers`), what its distances are multiplied by; without
        them every column of a feature counts the same.
    """
    sizes = tuple((name, features[name].shape[1]) for name in shares)
    values = np.concatenate([features[name] for name in shares], axis=1)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    varies = deviation > CONSTANT * (1.0 + np.abs(mean))
    columns = np.flatnonzero(varies)
    mean, scale = mean[columns], 1.0 / deviation[columns]
    # The mean squared distance of two units is twice the variance.
    distance = 2.0 * np.clip((values[:, columns] - mean) * scale, -CLIP, CLIP).var(axis=0)
    feature = np.repeat(np.arange(len(sizes)), [size for _, size in sizes])[columns]
    square = np.zeros(len(columns))
    for number, share in enumerate(shares.values()):
        square[feature == number] = share / max(distance[feature == number].sum(), CONSTANT)
    if weights is not None:
        square *= weights[group_numbers(sizes)[columns]]
    return View(sizes, columns, mean, scale, np.sqrt(square))


def group_numbers(sizes: Sequence[tuple[str, int]]) -> Numbers:
    """Return the group of each column of concatenated pooled features, numbered from 0.

    Columns that say the same kind of thing make a group: one branch of the network, one kind of
    descriptor; its means over a track and its deviations apart.
    """
    numbers, start = [], 0
    for name, size in sizes:
        half = _feature_groups(name, size // 2)
        count = int(half.max()) + 1
        numbers += [start + half, start + count + half]
        start += 2 * count
    return np.concatenate(numbers)


def _feature_groups(name: str, size: int) -> Numbers:
    known = FEATURES[name].column_groups if name in FEATURES else None
    groups = None if known is None else known()
    return np.zeros(size, np.int64) if groups is None or len(groups) != size else groups


def group_distances(points: Floats, groups: NDArray[np.int64], count: int) -> Floats:
    """Return the squared distances of units in each of ``count`` groups, (count, n, n).

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
        Relative noise variance of each unit, shape (n,), mean 1.
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

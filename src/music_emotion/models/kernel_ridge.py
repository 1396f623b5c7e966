"""Kernel ridge regression on blocks of pooled features, with exact leave-group-out predictions.

One eigendecomposition per kernel gives the predictions for every ridge, and from these, in closed
form, what the regression would have said of each group had it been trained without that group. An
inner cross-validation over all artists costs no more than one fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP = 5.0  # standard deviations; a feature further out says no more
CONSTANT = 1e-6  # a feature that varies less, relative to its size, is left out
INTERCEPT = 1.0  # constant added to the kernel, in place of an unpenalised offset


@dataclass(frozen=True, slots=True)
class Block:
    """A feature made comparable: standardised, clipped, the mean squared distance of items 1.

    Attributes
    ----------
    size
        Columns of the feature.
    columns
        Those that vary, shape (k,).
    mean, scale
        Of these columns, shape (k,).
    factor
        What the standardised and clipped columns are multiplied by.
    """

    size: int
    columns: NDArray[np.int64]
    mean: Floats
    scale: Floats
    factor: float

    @classmethod
    def fit(cls, values: Floats) -> Block:
        """Learn from items, shape (n, size)."""
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        columns = np.flatnonzero(deviation > CONSTANT * (1.0 + np.abs(mean)))
        mean, scale = mean[columns], 1.0 / deviation[columns]
        inside = np.clip((values[:, columns] - mean) * scale, -CLIP, CLIP)
        # The mean squared distance of two items is twice the summed variance.
        distance = 2.0 * inside.var(axis=0).sum()
        factor = float(1.0 / np.sqrt(distance)) if len(columns) else 1.0
        return cls(values.shape[1], columns, mean, scale, factor)

    def __call__(self, values: Floats) -> Floats:
        """Return the items as points, shape (n, k)."""
        inside = np.clip((values[:, self.columns] - self.mean) * self.scale, -CLIP, CLIP)
        points: Floats = inside * self.factor
        return points


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Return the squared distances between rows, shape (len(left), len(right))."""
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)[None, :]
    distances: Floats = np.maximum(squares - 2.0 * left @ right.T, 0.0)
    return distances


def gaussian(
    distances: Mapping[str, Floats], shares: Sequence[tuple[str, float]], width: float
) -> Floats:
    """Return ``exp(-width · Σ share · distance) + 1`` from the blocks' squared distances."""
    total = sum(share * distances[name] for name, share in shares)
    kernel: Floats = np.exp(-width * total) + INTERCEPT
    return kernel


class RidgePath:
    """Regressions on one kernel for any ridge.

    Parameters
    ----------
    kernel
        Shape (n, n).
    targets
        Shape (n, outputs).
    noise
        Relative noise variance of each item's target, shape (n,); the ridge multiplies it.
    group
        What is left out together, shape (n,).
    """

    def __init__(
        self, kernel: Floats, targets: Floats, noise: Floats, group: NDArray[np.int64]
    ) -> None:
        self._root = np.sqrt(noise)
        self._values, self._vectors = np.linalg.eigh(kernel / np.outer(self._root, self._root))
        self._values = np.maximum(self._values, 0.0)
        self._targets = targets / self._root[:, None]
        self._projected = self._vectors.T @ self._targets
        self._members = [np.flatnonzero(group == number) for number in np.unique(group)]

    def left_out(self, ridge: float) -> Floats:
        """Return each item's prediction without its group, shape (n, outputs).

        With the hat matrix H, the residuals of a left-out group g are
        ``(I - H_gg)^-1 (y - H y)_g``.
        """
        shrink = self._values / (self._values + ridge)
        residual = self._targets - self._vectors @ (shrink[:, None] * self._projected)
        predicted = np.empty_like(self._targets)
        for members in self._members:
            vectors = self._vectors[members]
            hat = (vectors * shrink) @ vectors.T
            left = np.linalg.solve(np.eye(len(members)) - hat, residual[members])
            predicted[members] = self._targets[members] - left
        result: Floats = predicted * self._root[:, None]
        return result


def solve_dual(kernel: Floats, targets: Floats, noise: Floats, ridge: float) -> Floats:
    """Return the coefficients of the regression on all items, shape (n, outputs)."""
    from scipy.linalg import solve

    dual: Floats = solve(kernel + ridge * np.diag(noise), targets, assume_a="pos")
    return dual


def mean_correlation(predicted: Floats, targets: Floats) -> float:
    """Return the mean Pearson r over the outputs that vary in both; 0 where none does."""
    predicted = predicted - predicted.mean(axis=0)
    targets = targets - targets.mean(axis=0)
    product = (predicted * targets).sum(axis=0)
    size = np.sqrt(np.square(predicted).sum(axis=0) * np.square(targets).sum(axis=0))
    varies = size > 0
    return float((product[varies] / size[varies]).mean()) if varies.any() else 0.0

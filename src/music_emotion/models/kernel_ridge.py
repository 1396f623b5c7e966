"""Kernel ridge regression on pooled features, with exact leave-group-out predictions.

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
CONSTANT = 1e-9  # a feature that varies less, relative to its size, is left out
INTERCEPT = 1.0  # constant added to the kernel, in place of an unpenalised offset


@dataclass(frozen=True, slots=True)
class Standardiser:
    """Features → one matrix in which each block's mean squared distance is its share.

    Attributes
    ----------
    names
        The blocks, in order.
    mean, scale
        Per block, shape (k,); a feature that does not vary has scale 0.
    factor
        Per block, what its standardised and clipped features are multiplied by.
    """

    names: tuple[str, ...]
    mean: tuple[Floats, ...]
    scale: tuple[Floats, ...]
    factor: tuple[float, ...]

    @classmethod
    def fit(cls, features: Mapping[str, Floats], shares: Mapping[str, float]) -> Standardiser:
        """Learn means and scales; ``shares`` names the blocks and what each counts for."""
        means, scales, factors = [], [], []
        for name, share in shares.items():
            values = features[name]
            mean, deviation = values.mean(axis=0), values.std(axis=0)
            varies = deviation > CONSTANT * (1.0 + np.abs(mean))
            scale = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
            inside = np.clip((values - mean) * scale, -CLIP, CLIP)
            # The mean squared distance of two items is twice the summed variance.
            distance = 2.0 * inside.var(axis=0).sum()
            means.append(mean)
            scales.append(scale)
            factors.append(float(np.sqrt(share / distance)) if distance > 0 else 0.0)
        return cls(tuple(shares), tuple(means), tuple(scales), tuple(factors))

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Return the items' matrix, shape (n, sum of the blocks' sizes)."""
        blocks = [
            np.clip((features[name] - mean) * scale, -CLIP, CLIP) * factor
            for name, mean, scale, factor in zip(
                self.names, self.mean, self.scale, self.factor, strict=True
            )
        ]
        return np.concatenate(blocks, axis=1)


@dataclass(frozen=True, slots=True)
class KernelRidge:
    """A fitted regression: ``(exp(-width |x - s|²) + 1) @ dual``.

    Attributes
    ----------
    standardiser
        Applied to an item's features first.
    support
        The training items, shape (n, d).
    width
        Of the Gaussian, per mean squared distance.
    dual
        Shape (n, outputs).
    """

    standardiser: Standardiser
    support: Floats
    width: float
    dual: Floats

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Predict items, shape (m, outputs)."""
        kernel = gaussian(self.standardiser(features), self.support, self.width)
        return kernel @ self.dual


def gaussian(left: Floats, right: Floats, width: float) -> Floats:
    """Return the kernel between rows, shape (len(left), len(right)), the intercept included."""
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)[None, :]
    kernel: Floats = np.exp(-width * np.maximum(squares - 2.0 * left @ right.T, 0.0)) + INTERCEPT
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

    def dual(self, ridge: float) -> Floats:
        """Return the coefficients of the regression on all items, shape (n, outputs)."""
        solution = self._vectors @ (self._projected / (self._values + ridge)[:, None])
        dual: Floats = solution / self._root[:, None]
        return dual

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


def mean_correlation(predicted: Floats, targets: Floats) -> float:
    """Return the mean Pearson r over the outputs that vary in both; 0 where none does."""
    values = [
        np.corrcoef(predicted[:, output], targets[:, output])[0, 1]
        for output in range(targets.shape[1])
        if np.ptp(targets[:, output]) > 0 and np.ptp(predicted[:, output]) > 0
    ]
    return float(np.mean(values)) if values else 0.0


def weighted_sum(parts: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Return the weighted sum of arrays of one shape."""
    total: Floats = np.einsum("i,i...->...", np.asarray(weights), np.stack(parts))
    return total

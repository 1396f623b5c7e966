"""Kernel ridge regression with a Gaussian kernel on points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INTERCEPT = 1.0  # constant added to the kernel, in place of an unpenalised offset


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Return the squared distances between rows, shape (len(left), len(right))."""
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)[None, :]
    distances: Floats = np.maximum(squares - 2.0 * left @ right.T, 0.0)
    return distances


def gaussian(distances: Floats, width: float) -> Floats:
    """Return the kernel ``exp(-width · distance) + 1`` of squared distances."""
    kernel: Floats = np.exp(-width * distances) + INTERCEPT
    return kernel


def solve_path(
    kernel: Floats, targets: Floats, noise: Floats, ridges: Sequence[float]
) -> list[Floats]:
    """Return the regression's coefficients for several ridges.

    Parameters
    ----------
    kernel
        Between the training items, shape (n, n).
    targets
        Shape (n, outputs).
    noise
        Relative noise variance of each item's target, shape (n,); the ridge multiplies it.
    ridges
        Solved from one eigendecomposition.

    Returns
    -------
    list of ndarray
        For each ridge ``(kernel + ridge · diag(noise))^-1 targets``, shape (n, outputs).
    """
    root = np.sqrt(noise)[:, None]
    values, vectors = np.linalg.eigh(kernel / (root * root.T))
    values = np.maximum(values, 0.0)[:, None]
    projected = vectors.T @ (targets / root)
    return [vectors @ (projected / (values + ridge)) / root for ridge in ridges]


def solve_dual(kernel: Floats, targets: Floats, noise: Floats, ridge: float) -> Floats:
    """Return the coefficients for one ridge, shape (n, outputs); see `solve_path`."""
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

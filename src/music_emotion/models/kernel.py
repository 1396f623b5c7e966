"""Regressions with a Gaussian kernel on points: ridge regression, and logistic regression.

The outputs for a unit are a weighted sum of its kernel with the training units, plus nothing: the
kernel's constant (`INTERCEPT`) stands for the offset. Logistic regression takes soft targets and
minimises cross-entropy plus half the penalty times the squared norm of the logits in the kernel's
space (Zhu and Hastie, *Kernel logistic regression and the import vector machine*, Journal of
Computational and Graphical Statistics 14(1), 2005), the most probable function of a Gaussian
process classifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]

INTERCEPT = 1.0  # constant added to the kernel, in place of an unpenalised offset

# Of the logistic regression:
SMALLEST_EIGENVALUE = 1e-6  # of the kernel, relative to the largest; directions below are left out
MOST_DIRECTIONS = 600  # the kernel's largest are kept where there are more units
CURVATURE = 0.1  # of the cross-entropy per unit, about p (1 - p); it only sets the steps' scale
ITERATIONS = 150
TOLERANCE = 1e-3  # of the gradient's largest element


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
    """Return for each ridge ``(kernel + ridge · diag(noise))^-1 targets``, shape (n, outputs).

    Parameters
    ----------
    kernel
        Between the training units, shape (n, n).
    targets
        Shape (n, outputs).
    noise
        Relative noise variance of each unit's target, shape (n,); the ridge multiplies it.
    ridges
        Solved from one eigendecomposition.
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


def solve_logistic_path(
    kernel: Floats, targets: Floats, penalties: Sequence[float]
) -> list[Floats]:
    """Return the regression's coefficients for each penalty, shape (n, classes).

    A new unit's logits are its kernel with the training units times these.

    Parameters
    ----------
    kernel
        Between the training units, shape (n, n).
    targets
        Probability of each class, shape (n, classes), rows sum to 1.
    penalties
        Each is solved from the solution before it: largest first is quickest.
    """
    from scipy.linalg import eigh
    from scipy.optimize import minimize

    last = len(kernel) - 1
    values, vectors = eigh(kernel, subset_by_index=(max(0, last - MOST_DIRECTIONS + 1), last))
    kept = values > SMALLEST_EIGENVALUE * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    basis = vectors * np.sqrt(values)
    shape = (len(values), targets.shape[1])
    solution, solved = np.zeros(shape), []
    for penalty in penalties:
        scale = 1.0 / np.sqrt(CURVATURE * values + penalty)[:, None]

        def loss(
            scaled: Floats, scale: Floats = scale, penalty: float = penalty
        ) -> tuple[float, Floats]:
            weights = scaled.reshape(shape) * scale
            logarithms = log_softmax(basis @ weights, axis=1)
            value = 0.5 * penalty * np.square(weights).sum() - (targets * logarithms).sum()
            slope = basis.T @ (np.exp(logarithms) - targets) + penalty * weights
            return float(value), (slope * scale).ravel()

        found = minimize(
            loss,
            (solution / scale).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": ITERATIONS, "gtol": TOLERANCE},
        )
        solution = found.x.reshape(shape) * scale
        solved.append((vectors / np.sqrt(values)) @ solution)
    return solved

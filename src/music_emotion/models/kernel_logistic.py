"""Multinomial logistic regression in the space of a kernel, with soft targets.

The logits of an item are a weighted sum of its kernel with the training items, plus nothing: the
kernel's constant (`kernel_ridge.INTERCEPT`) stands for the offset. What is minimised is
cross-entropy plus half the penalty times the squared norm of the logits in the kernel's space (Zhu
and Hastie, *Kernel logistic regression and the import vector machine*, Journal of Computational and
Graphical Statistics 14(1), 2005), the most probable function of a Gaussian process classifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.dominant_label import log_softmax

Floats = NDArray[np.float64]

SMALLEST_EIGENVALUE = 1e-6  # of the kernel, relative to the largest; directions below are left out
MOST_DIRECTIONS = 600  # the kernel's largest are kept where there are more items
CURVATURE = 0.1  # of the cross-entropy per item, about p (1 - p); it only sets the steps' scale
ITERATIONS = 150
TOLERANCE = 1e-3  # of the gradient's largest element


def solve_logistic_path(
    kernel: Floats, targets: Floats, penalties: Sequence[float]
) -> list[Floats]:
    """Return the regression's coefficients for several penalties.

    Parameters
    ----------
    kernel
        Between the training items, shape (n, n).
    targets
        Probability of each class, shape (n, classes), rows sum to 1.
    penalties
        Each is solved from the solution before it: largest first is quickest.

    Returns
    -------
    list of ndarray
        For each penalty the coefficients, shape (n, classes); a new item's logits are its kernel
        with the training items times these.
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
            logarithms = log_softmax(basis @ weights)
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

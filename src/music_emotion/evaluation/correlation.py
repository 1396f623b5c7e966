"""Pearson correlation over tracks, for many weightings of the tracks at once.

The yardstick and the paired tests resample groups of tracks thousands of times. A resample is a
weight per track, and the correlation of every resample follows from five matrix products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONSTANT = 1e-6
"""A column whose standard deviation is below this share of its root mean square is constant."""


def pearson_over_tracks(
    predicted: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Pearson's r over the first axis, for each weighting of it.

    Where the target is constant no predictor can be scored: the result is NaN. Where only the
    prediction is constant it explains nothing: the result is 0.

    Parameters
    ----------
    predicted, target
        Shapes (tracks, …) that broadcast against each other.
    weights
        Non-negative weights, shape (weightings, tracks), or ``None`` for all ones.

    Returns
    -------
    NDArray[np.float64]
        Shape (weightings, …), or (…) without weights; −1 to 1, 0 or NaN as above.
    """
    x = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    if weights is None:
        unweighted: NDArray[np.float64] = pearson_over_tracks(x, y, np.ones((1, len(x))))[0]
        return unweighted
    w = np.asarray(weights, dtype=np.float64)
    w = w / w.sum(axis=1, keepdims=True)
    scale_x, scale_y = np.mean(x**2, axis=0), np.mean(y**2, axis=0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # against cancellation in the moments below
    mean_x, mean_y = _averages(w, x), _averages(w, y)
    variance_x = _averages(w, x**2) - mean_x**2
    variance_y = _averages(w, y**2) - mean_y**2
    covariance = _averages(w, x * y) - mean_x * mean_y
    constant_x = variance_x <= CONSTANT**2 * scale_x
    constant_y = variance_y <= CONSTANT**2 * scale_y
    product = np.where(constant_x, 1.0, variance_x) * np.where(constant_y, 1.0, variance_y)
    r = np.clip(covariance / np.sqrt(product), -1.0, 1.0)
    return np.where(constant_y, np.nan, np.where(constant_x, 0.0, r))


def mean_of_defined(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis of the values that are not NaN; NaN where all are."""
    defined = ~np.isnan(r)
    count = defined.sum(axis=-1)
    total = np.where(defined, r, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _averages(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = weights @ values.reshape(len(values), -1)
    return flat.reshape(len(weights), *values.shape[1:])

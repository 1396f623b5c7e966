"""Pearson correlation over tracks, for many predictions and many weightings of the tracks at once.

The yardstick and the paired tests resample groups of tracks thousands of times. A resample is a
weight per track, and the correlations of every resample follow from a few matrix products. The
definition of r is that of :func:`music_emotion.evaluation.metrics.pearson_from_moments`: 0 where
only the prediction is constant, NaN where the target is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from music_emotion.evaluation.metrics import pearson_from_moments


def pearson_over_tracks(
    predicted: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Pearson's r over the first axis, for each weighting of it.

    Parameters
    ----------
    predicted, target
        Fractions, shapes (tracks, …) that broadcast against each other.
    weights
        Non-negative weights, shape (weightings, tracks), or ``None`` for all ones.

    Returns
    -------
    NDArray[np.float64]
        Shape (weightings, …), or (…) without weights; −1 to 1, NaN where undefined.
    """
    x = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights, dtype=np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # against cancellation in the moments
    moments = [_sums(w, values) for values in (np.ones(x.shape), y, x, y**2, x**2, x * y)]
    r = pearson_from_moments(np.stack(np.broadcast_arrays(*moments), axis=-1))
    return r[0] if weights is None else r


def _sums(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = weights @ values.reshape(len(values), -1)
    return flat.reshape(len(weights), *values.shape[1:])

"""Mean and standard deviation per feature over all frames, without holding a second copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256
"""Segments looked at together."""

_FLAT = 1e-8
"""A feature whose deviation is smaller than this is constant and is left unscaled."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Location and spread of each feature.

    Attributes
    ----------
    mean
        Shape (features,), float32.
    deviation
        Population standard deviation, shape (features,), float32; 1 for a constant feature.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def fit_scaling(array: NDArray[np.float32], rows: NDArray[np.int64], *, axis: int) -> Scaling:
    """Fit scikit-learn's ``StandardScaler`` over all segments and frames, chunk by chunk.

    Parameters
    ----------
    array
        Features of a whole corpus, segments on axis 0; may be memory-mapped.
    rows
        The segments that may be seen, shape (n,).
    axis
        The axis of ``array`` that holds the features; all others are frames.

    Returns
    -------
    Scaling
        One mean and one deviation per feature.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for start in range(0, len(rows), _CHUNK):
        chunk = np.moveaxis(array[rows[start : start + _CHUNK]], axis, -1)
        scaler.partial_fit(chunk.reshape(-1, chunk.shape[-1]).astype(np.float64))
    deviation = np.sqrt(scaler.var_)
    return Scaling(
        mean=scaler.mean_.astype(np.float32),
        deviation=np.where(deviation < _FLAT, 1.0, deviation).astype(np.float32),
    )

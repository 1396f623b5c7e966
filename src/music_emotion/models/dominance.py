"""From how strong each emotion is felt to which one will dominate.

The most intense emotion is the likeliest to dominate, but by how much depends on how far off the
intensities may be. Two numbers say it: the probabilities are
``softmax(slope · log intensity + prior · log mean intensity)``, fitted by log-loss on predictions
for artists that were left out. So few numbers can hardly be overfitted, and the order of the
emotions stays nearly that of the intensities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_INTENSITY = 0.01  # smaller predictions count as this
SLOPE_RANGE = (0.1, 20.0)
PRIOR_RANGE = (-5.0, 5.0)


@dataclass(frozen=True, slots=True)
class Dominance:
    """The fitted map.

    Attributes
    ----------
    slope
        How much the intensities decide.
    offset
        Added to the logits, shape (9,).
    """

    slope: float
    offset: Floats

    @classmethod
    def fit(cls, intensities: Floats, label: NDArray[np.int64], mean: Floats) -> Dominance:
        """Fit to out-of-fold intensities (n, 9), dominant emotions (n,) and mean targets (9,)."""
        from scipy.optimize import minimize

        log_intensity = np.log(np.maximum(intensities, LEAST_INTENSITY))
        log_mean = np.log(np.maximum(mean, LEAST_INTENSITY))
        items = np.arange(len(label))

        def loss(values: Floats) -> float:
            logits = values[0] * log_intensity + values[1] * log_mean
            return float(-log_softmax(logits)[items, label].mean())

        found = minimize(
            loss, np.array([2.0, 0.0]), method="L-BFGS-B", bounds=[SLOPE_RANGE, PRIOR_RANGE]
        )
        return cls(float(found.x[0]), found.x[1] * log_mean)

    def __call__(self, intensities: Floats) -> Floats:
        """Return the probability of each emotion to dominate, shape (n, 9)."""
        logits = self.slope * np.log(np.maximum(intensities, LEAST_INTENSITY)) + self.offset
        return np.exp(log_softmax(logits))


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithm of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result

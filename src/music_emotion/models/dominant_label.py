"""Which emotion will dominate: what panels of listeners would say, and how to predict it.

The dominant emotion of a track is the one most of a small panel ticked; another panel of the same
size would name another one for a third of the tracks. `panel_probabilities` says how likely each
emotion was to come out on top, which is a better target to learn from than the one that did.

Two things speak for an emotion: its predicted intensity, and the logits of a classifier that
learned these probabilities. `DominantLabel` weighs them: the probabilities are the softmax of ::

    chance_slope · logits + intensity_slope · (log intensity - BALANCE · log mean intensity)

Both slopes are fitted by log-loss on predictions for artists that were left out. Two numbers can
hardly be overfitted, and they calibrate the sum. What is calibrated is what will be said of a unit:
the mean over the spans it is heard in, which is less sure than each of them.

Predicted intensities are pulled towards their means, the more so the rarer the emotion, and the
mean over spans pulls once more, so that the rare ones would hardly ever come out on top. `BALANCE`
is how much of that is given back, and tracks with a rare label count a little more where the slopes
are fitted (`RARITY`); both at a little cost in log-loss (`docs/blend.md`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]

BALANCE = 1.0
RARITY = 0.1  # a label's error counts by its frequency to the power of minus this
LEAST_INTENSITY = 0.01  # smaller predictions count as this
LARGEST_SLOPE = 20.0
AVERAGE_LISTENERS = 1.0  # who vote as the average track is voted, added to each panel
LARGEST_PANEL = 100  # listeners; a larger panel counts as one of this size
LEAST_PROBABILITY = 1e-6  # of a tick


@dataclass(frozen=True, slots=True)
class DominantLabel:
    """The fitted map.

    Attributes
    ----------
    chance_slope, intensity_slope
        How much the classifier's logits and the log intensities decide.
    offset
        Added to the logits, shape (9,).
    """

    chance_slope: float
    intensity_slope: float
    offset: Floats

    @classmethod
    def fit(
        cls,
        chances: Floats,
        intensities: Floats,
        label: NDArray[np.int64],
        unit: NDArray[np.int64],
        *,
        use_intensities: bool = True,
    ) -> DominantLabel:
        """Fit so that the mean of the probabilities over each unit's spans tells its label best.

        Parameters
        ----------
        chances, intensities
            Out-of-fold logits and intensities of n spans, each (n, 9).
        label
            Dominant emotion of each unit, shape (units,).
        unit
            Each span's unit, shape (n,), rising: every number from 0 to ``len(label) - 1``.
        use_intensities
            Whether the intensities decide, too.
        """
        from scipy.optimize import minimize

        log_mean = np.log(np.maximum(intensities.mean(axis=0), LEAST_INTENSITY))
        balanced = np.log(np.maximum(intensities, LEAST_INTENSITY)) - BALANCE * log_mean
        first, spans = np.unique(unit, return_index=True, return_counts=True)[1:]
        labelled = np.arange(len(unit)), label[unit]
        weight = np.bincount(label)[label] ** -RARITY

        def loss(slopes: Floats) -> float:
            logits = slopes[0] * chances + slopes[1] * balanced
            right = np.exp(log_softmax(logits, axis=1)[labelled])
            errors = -np.log(np.add.reduceat(right, first) / spans)
            return float(np.average(errors, weights=weight))

        highest = LARGEST_SLOPE if use_intensities else 0.0
        bounds = ((0.0, LARGEST_SLOPE), (0.0, highest))
        start = np.array([1.0, min(1.0, highest)])
        slopes = minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
        return cls(float(slopes[0]), float(slopes[1]), -slopes[1] * BALANCE * log_mean)

    def __call__(self, chances: Floats, intensities: Floats) -> Floats:
        """Return the probability of each emotion to dominate, shape (n, 9)."""
        logarithms = np.log(np.maximum(intensities, LEAST_INTENSITY))
        logits = self.chance_slope * chances + self.intensity_slope * logarithms + self.offset
        probabilities: Floats = np.exp(log_softmax(logits, axis=1))
        return probabilities


def panel_probabilities(vote_fractions: Floats, listeners: NDArray[np.int64]) -> Floats:
    """Return how likely each emotion is to get the most ticks of another panel of the same size.

    Listeners tick emotions independently, with the probabilities seen in this panel and
    `AVERAGE_LISTENERS` more; ties go to the earlier emotion, and panels that tick nothing are left
    out.

    Parameters
    ----------
    vote_fractions
        Ticks / listeners, shape (n, emotions), 0–1.
    listeners
        Size of each panel, shape (n,), at least 1.

    Returns
    -------
    ndarray of shape (n, emotions)
        Rows sum to 1.
    """
    from scipy.stats import binom

    size = np.minimum(listeners, LARGEST_PANEL)[:, None].astype(np.float64)
    ticks = vote_fractions * size + AVERAGE_LISTENERS * vote_fractions.mean(axis=0)
    probability = np.maximum(ticks / (size + AVERAGE_LISTENERS), LEAST_PROBABILITY)
    counts = np.arange(int(size.max()) + 1)
    exactly = binom.pmf(counts, size[:, :, None], probability[:, :, None])
    at_most = exactly.cumsum(axis=2)
    # The winner has c ticks, those before it fewer, those after it no more.
    fewer, no_more = at_most[:, :, :-1], at_most[:, :, 1:]
    wins = np.empty_like(probability)
    for emotion in range(probability.shape[1]):
        before = fewer[:, :emotion].prod(axis=1)
        after = no_more[:, emotion + 1 :].prod(axis=1)
        wins[:, emotion] = (exactly[:, emotion, 1:] * before * after).sum(axis=1)
    chances: Floats = wins / wins.sum(axis=1, keepdims=True)
    return chances

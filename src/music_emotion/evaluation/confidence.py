"""How sure to be of the top emotion, learned from out-of-fold predictions.

The top probability of a model is not yet the chance that it is right about an unheard track. Two
numbers, slope and shift of its log-odds, make it one (Platt, *Probabilistic outputs for support
vector machines*, 1999; here on the top label of nine). They are fitted to a model's out-of-fold
predictions; what error remains is measured by fitting them without an artist and asking about him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import EvaluationError
from music_emotion.evaluation import metrics
from music_emotion.evaluation.calibration import calibration_error
from music_emotion.evaluation.scores import Scored

Floats = NDArray[np.float64]

PARTS = 10
"""Parts of the artists, each left out once to measure the error that remains."""
PRIOR_DEVIATION = 1.0
"""Standard deviation of the normal prior that holds slope at 1 and shift at 0."""
EDGE = 1e-3
"""Probabilities are kept this far from 0 and 1."""
SUPPORT = np.round(np.linspace(0.15, 0.95, 17), 2)
"""Probabilities at which the curve is written down; straight lines serve in between."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """The chance that the top emotion is the dominant one, by its probability.

    Attributes
    ----------
    slope, shift
        Of the log-odds.
    error
        Expected calibration error over ten equal-width bins for artists that the fit has not
        seen, averaged over fold seeds.
    """

    slope: float
    shift: float
    error: float

    def __call__(self, probability: Floats) -> Floats:
        """Return the chance to be right, 0–1, same shape."""
        return _chance(self.slope, self.shift, probability)


def fit_confidence(repeats: Sequence[Scored]) -> Confidence:
    """Fit the curve to out-of-fold predictions.

    Parameters
    ----------
    repeats
        The pooled out-of-fold predictions of each fold seed, on the same tracks.

    Raises
    ------
    EvaluationError
        There are no predictions.
    """
    if not repeats or not len(repeats[0]):
        raise EvaluationError("there are no out-of-fold predictions to fit a confidence to")
    top = [one.emotions.max(axis=1).astype(np.float64) for one in repeats]
    right = [metrics.hits(one.label, one.emotions) for one in repeats]
    # The seeds repeat the same tracks: together they count as one set.
    weight = 1.0 / len(repeats)
    slope, shift = _fit(np.concatenate(top), np.concatenate(right), weight)
    group = repeats[0].group
    groups = np.unique(group)
    part = np.random.default_rng(0).permutation(len(groups)) % PARTS
    part_of_item = part[np.searchsorted(groups, group)]
    honest = [np.empty(len(one)) for one in repeats]
    for number in range(min(PARTS, len(groups))):
        left_out = part_of_item == number
        fitted = _fit(
            np.concatenate([values[~left_out] for values in top]),
            np.concatenate([values[~left_out] for values in right]),
            weight,
        )
        for values, one in zip(honest, top, strict=True):
            values[left_out] = _chance(*fitted, one[left_out])
    errors = [calibration_error(sure, hits) for sure, hits in zip(honest, right, strict=True)]
    return Confidence(slope, shift, float(np.mean(errors)))


def _fit(probability: Floats, right: Floats, weight: float) -> tuple[float, float]:
    from scipy.optimize import minimize

    if not len(probability):
        return 1.0, 0.0
    odds = _log_odds(probability)

    def cost(parameters: Floats) -> float:
        logit = parameters[0] * odds + parameters[1]
        likelihood = weight * (np.logaddexp(0.0, logit) - right * logit).sum()
        return float(
            likelihood + 0.5 * np.square((parameters - [1.0, 0.0]) / PRIOR_DEVIATION).sum()
        )

    # A higher probability never means less confidence.
    found = minimize(cost, [1.0, 0.0], method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _chance(slope: float, shift: float, probability: Floats) -> Floats:
    chance: Floats = 1.0 / (1.0 + np.exp(-(slope * _log_odds(probability) + shift)))
    return chance


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, EDGE, 1.0 - EDGE)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds

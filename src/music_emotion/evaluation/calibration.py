"""Whether predicted probabilities mean what they say.

A model is calibrated in its top label if, of the tracks it is 70 % sure of, it gets 70 % right.
:func:`.metrics.expected_calibration_error` averages the gap over bins of the top probability.

On 400 tracks the error of a perfectly calibrated model is not 0, because each bin holds few tracks.
:func:`calibration_band` says what such a model would show: labels are drawn from the model's own
probabilities many times, and the error is computed against each draw (consistency resampling:
Bröcker and Smith, *Increasing the reliability of reliability diagrams*, Weather and Forecasting 22,
2007). The draws are independent between tracks. Tracks of one artist are not, which makes real
errors larger than this, so the band is, if anything, too narrow for a model to fall into by luck.

Nothing here changes a model's probabilities. `blend` and its kin fit two slopes to predictions from
inside their training part, and the support vector machine a temperature; the networks are not
calibrated, and on votes they learn the share of all ticks that an emotion gets, which is flatter
than the chance that it gets most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.bootstrap import CONFIDENCE
from music_emotion.evaluation.metrics import (
    CALIBRATION_BINS,
    Estimated,
    Reference,
    calibration_bins,
    calibration_error,
    hits,
    top_probabilities,
    validate,
)
from music_emotion.evaluation.scores import Scored

Floats = NDArray[np.float64]

BAND_DRAWS = 5_000
"""Draws of labels behind a band."""


@dataclass(frozen=True, slots=True)
class ReliabilityDiagram:
    """How often a model is right by how sure it is; bins are (edge, next edge]."""

    edges: Floats  #: shape (bins + 1,), 0 to 1
    count: NDArray[np.int64]  #: items per bin, shape (bins,)
    confidence: Floats  #: mean top probability per bin, shape (bins,); NaN in an empty bin
    accuracy: Floats  #: share of right answers per bin, shape (bins,); NaN in an empty bin
    error: float  #: expected calibration error, 0–1
    #: mean top probability minus accuracy over all items; above 0 for a model too sure of itself
    overconfidence: float


@dataclass(frozen=True, slots=True)
class CalibrationBand:
    """What a perfectly calibrated model with these probabilities would show."""

    #: with ``high`` the central 95 % of its expected calibration error; a lower one is luck
    low: float
    high: float
    #: with ``bin_high`` the central 95 % of its accuracy in each bin, shape (bins,), NaN if empty
    bin_low: Floats
    bin_high: Floats


@dataclass(frozen=True, slots=True)
class ConstantScores:
    """What predicting the class frequencies for every item scores."""

    log_loss: float  #: in nats: the entropy of the frequencies
    brier: float  #: 0–2: one minus the sum of the squared frequencies


def reliability_diagram(
    labels: NDArray[Any], emotions: NDArray[Any], *, bins: int = CALIBRATION_BINS
) -> ReliabilityDiagram:
    """Compare how sure a model is with how often it is right.

    Labels (n,) and emotions (n, 9) are those of :mod:`.metrics`, the bins of equal width.

    Raises
    ------
    EvaluationError
        As :func:`.metrics.validate` does.
    """
    validate(Reference(labels), Estimated(emotions))
    top, right = top_probabilities(emotions), hits(labels, emotions)
    place = calibration_bins(top, bins)
    count = np.bincount(place, minlength=bins)
    confidence = np.bincount(place, weights=top, minlength=bins)
    accuracy = np.bincount(place, weights=right, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return ReliabilityDiagram(
        edges=np.linspace(0.0, 1.0, bins + 1),
        count=count.astype(np.int64),
        confidence=confidence / filled,
        accuracy=accuracy / filled,
        error=calibration_error(top, right, bins=bins),
        overconfidence=float(top.mean() - right.mean()),
    )


def calibration_band(
    emotions: NDArray[Any],
    *,
    seed: int = 0,
    bins: int = CALIBRATION_BINS,
    draws: int = BAND_DRAWS,
) -> CalibrationBand:
    """Return what a perfectly calibrated model would show that predicts ``emotions``, (n, 9).

    Labels are drawn ``draws`` times; the same seed gives the same band.
    """
    top = top_probabilities(emotions)
    membership = np.eye(bins)[calibration_bins(top, bins)]
    count = membership.sum(axis=0)
    # Whether the drawn label is the top one is all that matters, and its chance is the top
    # probability itself.
    right = np.random.default_rng(seed).random((draws, len(top))) < top
    hits = right.astype(np.float64) @ membership
    errors = np.abs(hits - top @ membership).sum(axis=1) / len(top)
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(errors, tails)
    bin_low, bin_high = np.quantile(hits, tails, axis=0) / np.where(count > 0, count, np.nan)
    return CalibrationBand(float(low), float(high), bin_low, bin_high)


def class_frequency_scores(labels: NDArray[Any]) -> ConstantScores:
    """Return log-loss and Brier score of the best constant prediction.

    The frequencies are those of the very labels they are scored on, so that no constant prediction
    does better; a model that does not beat them has learned nothing about probabilities.
    """
    frequency = np.bincount(np.asarray(labels), minlength=len(EMOTIONS)) / len(labels)
    present = frequency[frequency > 0]
    return ConstantScores(
        log_loss=float(-(present * np.log(present)).sum()), brier=float(1.0 - (present**2).sum())
    )


# --- The confidence of the top emotion ------------------------------------------------------------

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
    """The chance that the top emotion is the dominant one, by its probability."""

    slope: float  #: of the log-odds
    shift: float  #: of the log-odds
    #: expected calibration error for artists that the fit has not seen, averaged over fold seeds
    error: float

    def __call__(self, probability: Floats) -> Floats:
        """Return the chance to be right, 0–1, same shape."""
        return _chance(self.slope, self.shift, probability)


def fit_confidence(repeats: Sequence[Scored]) -> Confidence:
    """Fit the curve to the out-of-fold predictions of each fold seed, all on the same tracks.

    Raises
    ------
    EvaluationError
        There are no predictions.
    """
    if not repeats or not len(repeats[0]):
        raise EvaluationError("there are no out-of-fold predictions to fit a confidence to")
    top = [top_probabilities(one.emotions) for one in repeats]
    right = [hits(one.label, one.emotions) for one in repeats]
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
    errors = [calibration_error(sure, found) for sure, found in zip(honest, right, strict=True)]
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

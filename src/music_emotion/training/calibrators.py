"""Calibrators: maps that make predicted probabilities mean what they say.

A model fits one inside its training part, on predictions for tracks it was not trained on (grouped
out-of-fold predictions); on its own training predictions it would learn that the model is always
right. With n tracks, a map with few parameters is the safer one: temperature scaling has 1, vector
scaling 18, isotonic regression as many as the data ask for.

Everything here needs numpy and scipy only, so that a prediction can apply what training fitted;
:func:`to_parameters` and :func:`from_parameters` carry a calibrator through JSON.

Sources
-------
* Temperature and vector scaling: Guo, Pleiss, Sun and Weinberger, *On calibration of modern neural
  networks*, ICML 2017, section 4.2.
* One isotonic map per class, normalised: Zadrozny and Elkan, *Transforming classifier scores into
  accurate multiclass probability estimates*, KDD 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from music_emotion.errors import ModelError

Floats = NDArray[np.float64]
Kind = Literal["identity", "temperature", "vector", "isotonic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The calibrators, from the most rigid to the most flexible."""

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are kept this far from 0 before the logarithm is taken."""

LOG_TEMPERATURE_BOUND = 3.0
"""Temperatures are sought between e⁻³ and e³."""

PRIOR_DEVIATION = 0.5
"""Standard deviation of the normal prior that holds vector scaling near the identity."""

ISOTONIC_FLOOR = 1e-3
"""Least probability that the isotonic map gives a class before normalising."""


class Calibrator(Protocol):
    """A map from probabilities to probabilities."""

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, shape (n, classes), rows sum to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Leaves probabilities as they are, but for dividing by their sum."""

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Return the probabilities divided by their sum, shape (n, classes)."""
        return _normalised(np.asarray(probabilities, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class TemperatureScaling:
    """Raises every probability to the power 1 / ``temperature``; the order of the classes stays.

    Attributes
    ----------
    temperature
        Above 1 for a model that was too sure, below 1 for one that was not sure enough.
    """

    temperature: float

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, shape (n, classes), rows sum to 1."""
        return _softmax(_logarithms(probabilities) / self.temperature)


@dataclass(frozen=True, slots=True)
class VectorScaling:
    """Scales and shifts the logarithm of each class's probability.

    Attributes
    ----------
    scale, bias
        One of each per class.
    """

    scale: tuple[float, ...]
    bias: tuple[float, ...]

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, shape (n, classes), rows sum to 1."""
        return _softmax(_logarithms(probabilities) * np.array(self.scale) + np.array(self.bias))


@dataclass(frozen=True, slots=True)
class IsotonicScaling:
    """Maps each class's probability by a non-decreasing function, then divides by the sum.

    Attributes
    ----------
    before, after
        Knots of one piecewise linear function per class.
    """

    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]

    def apply(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, shape (n, classes), rows sum to 1."""
        rows = np.asarray(probabilities, dtype=np.float64)
        maps = zip(rows.T, self.before, self.after, strict=True)
        mapped = np.stack([np.interp(column, x, y) for column, x, y in maps], axis=1)
        return _normalised(np.maximum(mapped, ISOTONIC_FLOOR))


def fit_calibrator(
    kind: Kind, probabilities: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
) -> Calibrator:
    """Fit a calibrator to predictions for items the model was not trained on.

    Parameters
    ----------
    kind
        ``identity``, ``temperature``, ``vector`` or ``isotonic``.
    probabilities
        Out-of-fold predictions, shape (n, classes).
    targets
        Labels, shape (n,), or distributions, shape (n, classes).
    weights
        Weight per item, shape (n,); all alike by default.

    Returns
    -------
    Calibrator
        The fitted map.

    Raises
    ------
    ModelError
        If the kind is unknown or the shapes disagree.
    """
    if kind not in KINDS:
        raise ModelError(f"no calibrator {kind!r}: choose among {', '.join(KINDS)}")
    rows = np.asarray(probabilities, dtype=np.float64)
    wanted = np.asarray(targets)
    if wanted.ndim == 1:
        wanted = np.eye(rows.shape[1])[wanted.astype(np.int64)]
    weight = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(rows) == 0 or wanted.shape != rows.shape or weight.shape != (len(rows),):
        raise ModelError(
            f"cannot calibrate {rows.shape} probabilities on targets {wanted.shape} and weights "
            f"{weight.shape}: give one of each per item"
        )
    fits: dict[Kind, Callable[[Floats, Floats, Floats], Calibrator]] = {
        "identity": lambda *_: Identity(),
        "temperature": _fit_temperature,
        "vector": _fit_vector,
        "isotonic": _fit_isotonic,
    }
    return fits[kind](rows, wanted.astype(np.float64), weight)


def to_parameters(calibrator: Calibrator) -> dict[str, Any]:
    """Return a calibrator as a dictionary that JSON can hold."""
    for kind, form in _FORMS.items():
        if isinstance(calibrator, form):
            return {"kind": kind, **asdict(calibrator)}
    raise ModelError(f"{type(calibrator).__name__} is not a calibrator of this package")


def from_parameters(parameters: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that :func:`to_parameters` described.

    Raises
    ------
    ModelError
        If the description is not one of a calibrator.
    """
    values = dict(parameters)
    try:
        form = _FORMS[values.pop("kind")]
        calibrator: Calibrator = form(**{name: _frozen(value) for name, value in values.items()})
    except (KeyError, TypeError) as error:
        raise ModelError(f"not a calibrator: {dict(parameters)!r:.80}") from error
    return calibrator


_FORMS: dict[Kind, type[Any]] = {
    "identity": Identity,
    "temperature": TemperatureScaling,
    "vector": VectorScaling,
    "isotonic": IsotonicScaling,
}


def _fit_temperature(rows: Floats, targets: Floats, weights: Floats) -> TemperatureScaling:
    from scipy.optimize import minimize_scalar

    logarithms = _logarithms(rows)

    def cost(log_temperature: float) -> float:
        return _cross_entropy(logarithms / np.exp(log_temperature), targets, weights)

    bounds = (-LOG_TEMPERATURE_BOUND, LOG_TEMPERATURE_BOUND)
    fit = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return TemperatureScaling(float(np.exp(fit.x)))


def _fit_vector(rows: Floats, targets: Floats, weights: Floats) -> VectorScaling:
    from scipy.optimize import minimize

    logarithms, classes = _logarithms(rows), rows.shape[1]
    precision = 1.0 / PRIOR_DEVIATION**2
    total = weights.sum()

    def cost(parameters: Floats) -> tuple[float, Floats]:
        scale, bias = parameters[:classes], parameters[classes:]
        scores = logarithms * scale + bias
        error = (_softmax(scores) * targets.sum(axis=1, keepdims=True) - targets) * weights[:, None]
        gradient = np.concatenate([(error * logarithms).sum(axis=0), error.sum(axis=0)])
        from_identity = parameters - identity
        value = total * _cross_entropy(scores, targets, weights)
        return (
            value + precision * float(from_identity @ from_identity) / 2,
            gradient + precision * from_identity,
        )

    identity = np.concatenate([np.ones(classes), np.zeros(classes)])
    fitted = minimize(cost, identity, jac=True, method="L-BFGS-B").x
    return VectorScaling(tuple(fitted[:classes].tolist()), tuple(fitted[classes:].tolist()))


def _fit_isotonic(rows: Floats, targets: Floats, weights: Floats) -> IsotonicScaling:
    from scipy.optimize import isotonic_regression

    before, after = [], []
    for column, wanted in zip(rows.T, targets.T, strict=True):
        # Equal probabilities must be mapped alike, so they are pooled before the regression.
        values, place = np.unique(column, return_inverse=True)
        weight = np.bincount(place, weights=weights)
        mean = np.bincount(place, weights=weights * wanted) / np.where(weight > 0, weight, 1.0)
        heard = weight > 0
        before.append(tuple(values[heard].tolist()))
        after.append(tuple(isotonic_regression(mean[heard], weights=weight[heard]).x.tolist()))
    return IsotonicScaling(tuple(before), tuple(after))


def _cross_entropy(scores: Floats, targets: Floats, weights: Floats) -> float:
    """Weighted mean cross-entropy in nats of unnormalised log-probabilities."""
    from scipy.special import log_softmax

    losses = -(targets * log_softmax(scores, axis=1)).sum(axis=1)
    return float(np.average(losses, weights=weights))


def _logarithms(probabilities: ArrayLike) -> Floats:
    rows = np.asarray(probabilities, dtype=np.float64)
    logarithms: Floats = np.log(np.clip(rows, SMALLEST_PROBABILITY, 1.0))
    return logarithms


def _softmax(scores: Floats) -> Floats:
    return _normalised(np.exp(scores - scores.max(axis=1, keepdims=True)))


def _normalised(rows: Floats) -> Floats:
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value

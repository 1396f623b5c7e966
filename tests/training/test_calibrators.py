"""Calibrators: known distortions are undone, and they survive the way through JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression

from music_emotion.errors import ModelError
from music_emotion.training.calibrators import (
    ISOTONIC_FLOOR,
    KINDS,
    Identity,
    IsotonicScaling,
    Kind,
    TemperatureScaling,
    VectorScaling,
    fit_calibrator,
    from_parameters,
    to_parameters,
)

Floats = NDArray[np.float64]


def scores_and_labels(n: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Log-probabilities and labels drawn from them."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.0, 1.5, size=(n, 9))
    drawn = softmax(scores, axis=1).cumsum(axis=1) < rng.random((n, 1))
    return scores, drawn.sum(axis=1)


def cross_entropy(labels: NDArray[np.int64], probabilities: Floats) -> float:
    return -float(np.log(probabilities[np.arange(len(labels)), labels]).mean())


def test_temperature_by_hand() -> None:
    """A model that always says 90 % and is right 60 % of the time should say 60 %."""
    probabilities = np.tile([0.9, 0.1], (10, 1))
    labels = np.array([0] * 6 + [1] * 4)
    fitted = fit_calibrator("temperature", probabilities, labels)
    np.testing.assert_allclose(fitted.apply(probabilities)[0], [0.6, 0.4], atol=1e-5)


@pytest.mark.parametrize("distortion", [0.5, 1.0, 2.5])
def test_temperature_undoes_a_known_distortion(distortion: float) -> None:
    scores, labels = scores_and_labels(8000, seed=0)
    fitted = fit_calibrator("temperature", softmax(scores * distortion, axis=1), labels)
    assert isinstance(fitted, TemperatureScaling)
    assert abs(fitted.temperature / distortion - 1) < 0.05


def test_vector_scaling_finds_a_known_distortion() -> None:
    rng = np.random.default_rng(1)
    predicted = softmax(rng.normal(0.0, 1.5, size=(20_000, 9)), axis=1)
    known = VectorScaling(tuple(np.linspace(0.7, 1.4, 9)), tuple(np.linspace(-0.8, 0.8, 9)))
    truth = known.apply(predicted)
    labels = (truth.cumsum(axis=1) < rng.random((len(truth), 1))).sum(axis=1)
    fitted = fit_calibrator("vector", predicted, labels)
    assert isinstance(fitted, VectorScaling)
    assert np.abs(fitted.apply(predicted) - truth).mean() < 0.005
    np.testing.assert_allclose(fitted.scale, known.scale, atol=0.1)


def test_vector_scaling_stays_near_the_identity_on_few_items() -> None:
    scores, labels = scores_and_labels(12, seed=2)
    fitted = fit_calibrator("vector", softmax(scores, axis=1), labels)
    assert isinstance(fitted, VectorScaling)
    assert np.abs(np.array(fitted.scale) - 1).max() < 1
    assert np.abs(fitted.bias).max() < 1


def test_isotonic_equals_scikit_learn() -> None:
    scores, labels = scores_and_labels(300, seed=3)
    probabilities = softmax(scores * 2, axis=1).round(2)  # rounded: with equal values
    fitted = fit_calibrator("isotonic", probabilities, labels)
    new = softmax(scores_and_labels(50, seed=4)[0], axis=1)
    maps = [
        IsotonicRegression(out_of_bounds="clip").fit(probabilities[:, e], labels == e)
        for e in range(9)
    ]
    mapped = np.stack([maps[e].predict(new[:, e]) for e in range(9)], axis=1)
    mapped = np.maximum(mapped, ISOTONIC_FLOOR)
    np.testing.assert_allclose(
        fitted.apply(new), mapped / mapped.sum(axis=1, keepdims=True), atol=1e-9
    )


@pytest.mark.parametrize("kind", ["temperature", "vector", "isotonic"])
def test_held_out_probabilities_improve(kind: Kind) -> None:
    scores, labels = scores_and_labels(3000, seed=5)
    distorted = softmax(scores * 3, axis=1)
    fitted = fit_calibrator(kind, distorted[:1500], labels[:1500])
    before = cross_entropy(labels[1500:], distorted[1500:])
    after = cross_entropy(labels[1500:], fitted.apply(distorted[1500:]))
    best = cross_entropy(labels[1500:], softmax(scores[1500:], axis=1))
    assert after < before - 0.75 * (before - best)


def test_temperature_keeps_the_order_of_the_emotions() -> None:
    probabilities = softmax(scores_and_labels(50, seed=6)[0], axis=1)
    calibrated = TemperatureScaling(3.0).apply(probabilities)
    np.testing.assert_array_equal(probabilities.argsort(axis=1), calibrated.argsort(axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_is_a_repetition_and_a_label_is_a_distribution(kind: Kind) -> None:
    scores, labels = scores_and_labels(60, seed=7)
    probabilities = softmax(scores * 2, axis=1)
    weights = np.arange(60) % 4
    rows = np.repeat(np.arange(60), weights)
    weighted = fit_calibrator(kind, probabilities, np.eye(9)[labels], weights)
    repeated = fit_calibrator(kind, probabilities[rows], labels[rows])
    np.testing.assert_allclose(
        weighted.apply(probabilities), repeated.apply(probabilities), atol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_probabilities_even_at_the_edge(kind: Kind) -> None:
    scores, labels = scores_and_labels(100, seed=8)
    fitted = fit_calibrator(kind, softmax(scores, axis=1), labels)
    calibrated = fitted.apply(np.vstack([np.eye(9), np.full((1, 9), 1 / 9)]))
    assert np.isfinite(calibrated).all()
    assert (calibrated >= 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_json_there_and_back(kind: Kind) -> None:
    scores, labels = scores_and_labels(40, seed=9)
    fitted = fit_calibrator(kind, softmax(scores, axis=1), labels)
    again = from_parameters(json.loads(json.dumps(to_parameters(fitted), allow_nan=False)))
    assert again == fitted


def test_the_identity_only_normalises() -> None:
    np.testing.assert_allclose(Identity().apply([[1.0, 3.0]]), [[0.25, 0.75]])


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ModelError, match="no calibrator 'platt'"):
        fit_calibrator("platt", np.ones((2, 9)) / 9, np.zeros(2))
    with pytest.raises(ModelError, match="one of each per item"):
        fit_calibrator("temperature", np.ones((2, 9)) / 9, np.zeros(3))
    with pytest.raises(ModelError, match="not a calibrator"):
        from_parameters({"kind": "temperature", "heat": 3})
    with pytest.raises(ModelError, match="not a calibrator"):
        from_parameters({"kind": "magic"})
    assert IsotonicScaling(((0.0, 1.0),), ((0.0, 1.0),)).apply([[0.4]])[0, 0] == 1.0


def test_applying_needs_only_the_base_install() -> None:
    program = (
        "import sys; from music_emotion.training.calibrators import TemperatureScaling;"
        "TemperatureScaling(2.0).apply([[0.2, 0.8]]);"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

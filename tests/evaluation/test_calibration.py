"""Calibration of the top label: by hand, and on predictions whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.calibration import (
    SUPPORT,
    calibration_band,
    class_frequency_scores,
    fit_confidence,
    reliability_diagram,
)
from music_emotion.evaluation.metrics import brier, expected_calibration_error
from music_emotion.evaluation.scores import Scored


def rows(*top: float) -> NDArray[np.float64]:
    """Predictions whose most probable emotion is the first, with these probabilities."""
    chosen = np.array(top)
    return np.column_stack([chosen, *[(1 - chosen) / 8] * 8])


def calibrated(n: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels drawn from the predictions themselves."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(9, 0.4), size=n)
    labels = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return labels, probabilities


def sharpened(probabilities: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    raised = probabilities**power
    return raised / raised.sum(axis=1, keepdims=True)


def test_error_by_hand() -> None:
    labels = np.array([0, 1, 0, 0, 5])
    emotions = rows(0.55, 0.60, 0.85, 0.90, 0.81)
    diagram = reliability_diagram(labels, emotions)
    # (.5, .6]: confidence .575, right 1 of 2; (.8, .9]: confidence .8533, right 2 of 3.
    assert diagram.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 3, 0]
    assert abs(diagram.confidence[5] - 0.575) < 1e-12
    assert abs(diagram.accuracy[8] - 2 / 3) < 1e-12
    assert np.isnan(diagram.accuracy[0])
    expected = (2 * abs(0.5 - 0.575) + 3 * abs(2 / 3 - 2.56 / 3)) / 5
    assert abs(diagram.error - expected) < 1e-12
    assert abs(diagram.overconfidence - (3.71 / 5 - 3 / 5)) < 1e-12


def test_gaps_within_a_bin_cancel_and_between_bins_do_not() -> None:
    assert expected_calibration_error(np.array([0, 1]), rows(0.5, 0.5)) < 1e-12
    assert abs(expected_calibration_error(np.array([0, 1]), rows(0.5, 0.6)) - 0.55) < 1e-12


def test_diagram_equals_scikit_learns_curve() -> None:
    labels, emotions = calibrated(500, seed=0)
    diagram = reliability_diagram(labels, emotions)
    right = emotions.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, emotions.max(axis=1), n_bins=10)
    filled = diagram.count > 0
    np.testing.assert_allclose(diagram.accuracy[filled], accuracy)
    np.testing.assert_allclose(diagram.confidence[filled], confidence)


def test_the_band_holds_calibrated_models_and_no_others() -> None:
    inside = {"calibrated": 0, "too sure": 0, "not sure enough": 0}
    for seed in range(40):
        labels, honest = calibrated(400, seed)
        for name, power in (("calibrated", 1.0), ("too sure", 2.0), ("not sure enough", 0.5)):
            emotions = sharpened(honest, power)
            band = calibration_band(emotions, draws=400)
            inside[name] += expected_calibration_error(labels, emotions) <= band.high
    assert inside["calibrated"] >= 36  # 97.5 % of 40 expected
    assert inside["too sure"] == 0
    assert inside["not sure enough"] == 0


def test_the_band_by_enumeration() -> None:
    """Three items in one bin: the error takes four values with binomial chances."""
    emotions = rows(0.6, 0.6, 0.6)
    band = calibration_band(emotions, draws=20_000)
    assert abs(band.high - 0.6) < 1e-9  # nothing right: 6.4 % of the draws
    assert abs(band.low - abs(2 / 3 - 0.6)) < 1e-9
    assert band.bin_low[5] == 0.0
    assert band.bin_high[5] == 1.0
    assert np.isnan(band.bin_low[0])


def test_the_band_narrows_with_more_items_and_obeys_its_seed() -> None:
    few, many = (calibration_band(calibrated(n, 1)[1], draws=500) for n in (100, 4000))
    assert many.high < few.high
    emotions = calibrated(100, 1)[1]
    assert calibration_band(emotions, seed=3).high == calibration_band(emotions, seed=3).high
    assert calibration_band(emotions, seed=3).high != calibration_band(emotions, seed=4).high


def test_class_frequencies_score_as_scikit_learns_dummy_does() -> None:
    labels = np.repeat(np.arange(9), [3, 29, 27, 53, 98, 34, 93, 44, 19])
    dummy = DummyClassifier(strategy="prior").fit(labels[:, None], labels)
    constant = dummy.predict_proba(labels[:, None])
    scores = class_frequency_scores(labels)
    assert abs(scores.log_loss - log_loss(labels, constant)) < 1e-9
    assert abs(scores.brier - brier(labels, constant)) < 1e-12
    only = class_frequency_scores(np.full(5, 2))
    assert (only.log_loss, only.brier) == (0.0, 0.0)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(EvaluationError, match="one row of 9 per label"):
        reliability_diagram(np.zeros(2, dtype=np.int64), rows(0.5))
    with pytest.raises(EvaluationError, match="one label or more"):
        reliability_diagram(np.zeros(0, dtype=np.int64), np.empty((0, 9)))


# --- The confidence of the top emotion ------------------------------------------------------------


def scored(tracks: int, true_slope: float, seed: int = 0) -> Scored:
    """Tracks whose top emotion is right with odds ``(its odds) ** true_slope``."""
    rng = np.random.default_rng(seed)
    top = rng.uniform(0.3, 0.9, tracks)
    emotions = np.repeat((1 - top)[:, None] / 8, 9, axis=1)
    emotions[:, 4] = top
    chance = 1 / (1 + ((1 - top) / top) ** true_slope)
    right = rng.random(tracks) < chance
    return Scored(
        label=np.where(right, 4, 0),
        votes=None,
        group=rng.integers(0, tracks // 4, tracks),
        n_groups=tracks // 4,
        genre=np.array([""] * tracks),
        emotions=emotions.astype(np.float32),
        intensities=emotions.astype(np.float32),
    )


def test_a_model_too_sure_of_itself_is_trusted_as_far_as_it_was_right() -> None:
    given = scored(4_000, 0.4)
    fitted = fit_confidence([given])
    assert fitted.slope == pytest.approx(0.4, abs=0.08)
    assert fitted.shift == pytest.approx(0.0, abs=0.08)
    assert fitted.error < 0.03
    assert expected_calibration_error(given.label, given.emotions) > 0.08


def test_a_calibrated_model_is_taken_at_its_word() -> None:
    fitted = fit_confidence([scored(4_000, 1.0, seed=1)])
    assert np.abs(fitted(SUPPORT) - SUPPORT).max() < 0.05


def test_more_probability_never_means_less_confidence() -> None:
    fitted = fit_confidence([scored(400, -2.0)])
    assert (np.diff(fitted(SUPPORT)) >= 0).all()


def test_seeds_that_repeat_the_same_tracks_count_as_one_set() -> None:
    few = scored(60, 0.2)
    once, often = fit_confidence([few]), fit_confidence([few] * 5)
    assert often.slope == pytest.approx(once.slope, abs=1e-3)
    assert often.error == pytest.approx(once.error, abs=1e-3)


def test_the_error_is_measured_on_artists_the_fit_has_not_seen() -> None:
    """Artists alternate between always and never right: nobody can know that of a new artist."""
    top = np.full(200, 0.5)
    emotions = np.repeat((1 - top)[:, None] / 8, 9, axis=1)
    emotions[:, 4] = top
    group = np.arange(200) // 100
    given = Scored(
        label=np.where(group == 0, 4, 0),
        votes=None,
        group=group,
        n_groups=2,
        genre=np.array([""] * 200),
        emotions=emotions,
        intensities=emotions,
    )
    assert fit_confidence([given]).error > 0.8


def test_nothing_to_fit_is_said() -> None:
    with pytest.raises(EvaluationError, match="no out-of-fold predictions"):
        fit_confidence([])

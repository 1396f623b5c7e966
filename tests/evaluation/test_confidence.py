from __future__ import annotations

import numpy as np
import pytest

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.calibration import SUPPORT, expected_calibration_error, fit_confidence
from music_emotion.evaluation.scores import Scored


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

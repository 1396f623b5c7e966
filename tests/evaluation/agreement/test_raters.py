"""Ceilings of ratings, against raters who are simulated."""

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.datasets.courses import Moments
from music_emotion.datasets.ratings import Rating, Ratings, Scale
from music_emotion.evaluation.agreement.raters import (
    course_ceilings,
    rating_ceilings,
    spearman_brown,
    worth_in_raters,
)
from music_emotion.evaluation.metrics import RATING_METRICS
from music_emotion.evaluation.rating_results import RatedItems, resampled_ratings


def simulated(tracks: int = 4000, raters: int = 5) -> tuple[Ratings, np.ndarray, np.ndarray]:
    """Return ratings, the true means, and what each rater said, shape (tracks, raters)."""
    rng = np.random.default_rng(0)
    true = rng.normal(0.0, 1.0, tracks)
    said = true[:, None] + 1.5 * rng.normal(size=(tracks, raters))
    shape = (tracks, 1)
    return (
        Ratings(
            (Scale("mood"),),
            said.mean(axis=1).reshape(shape),
            said.std(axis=1, ddof=1).reshape(shape),
            np.full(shape, raters),
        ),
        true,
        said,
    )


def test_an_oracle_reaches_the_ceiling_and_no_more() -> None:
    ratings, true, _ = simulated()
    (ceiling,) = rating_ceilings(ratings)
    items = RatedItems(ratings.mean, true[:, None], np.zeros(len(true), np.int64), 1)
    reached = {
        metric.name: float(resampled_ratings(metric, items, np.ones((1, 1)))[0, 0])
        for metric in RATING_METRICS
    }
    assert ceiling.reliability == pytest.approx(1 / (1 + 1.5**2 / 5), abs=0.02)
    assert reached["pearson_r"] == pytest.approx(ceiling.r, abs=0.015)
    assert reached["ccc"] == pytest.approx(ceiling.ccc, abs=0.015)
    assert reached["rmse"] == pytest.approx(ceiling.rmse, abs=0.02)
    assert reached["r2"] == pytest.approx(ceiling.r2, abs=0.02)
    assert reached["spearman_rho"] == pytest.approx(ceiling.r, abs=0.025)


def test_halves_and_single_raters_follow_from_the_whole() -> None:
    ratings, _, said = simulated(raters=8)
    (ceiling,) = rating_ceilings(ratings)
    halves = np.corrcoef(said[:, :4].mean(axis=1), said[:, 4:].mean(axis=1))[0, 1]
    single = np.corrcoef(said[:, 0], said[:, 1])[0, 1]
    assert ceiling.halves == pytest.approx(halves, abs=0.02)
    assert ceiling.reliability_of_one == pytest.approx(single, abs=0.03)
    assert ceiling.raters == pytest.approx(8)


def test_by_hand() -> None:
    assert spearman_brown(0.6, 2) == pytest.approx(0.75)
    mean = np.arange(10.0)[:, None]
    ratings = Ratings((Scale("a"),), mean, np.full((10, 1), 2.0), np.full((10, 1), 4))
    (ceiling,) = rating_ceilings(ratings)
    variance = 110 / 12  # of 0 to 9, with n - 1
    assert ceiling.rmse == pytest.approx(1.0)
    assert ceiling.r2 == pytest.approx(1 - 1 / variance)
    assert ceiling.r == pytest.approx((1 - 1 / variance) ** 0.5)


def test_where_the_scatter_is_unknown_there_is_no_ceiling() -> None:
    mean = np.arange(20.0).reshape(20, 1)
    deviation, raters = np.full((20, 1), 0.5), np.full((20, 1), 4)
    one = np.where(np.arange(20)[:, None] < 11, 1, raters)
    scales = (Scale("a"),)
    assert rating_ceilings(Ratings(scales, mean, np.full((20, 1), np.nan), raters)) == ()
    assert rating_ceilings(Ratings(scales, mean, deviation, one)) == ()
    assert rating_ceilings(Ratings(scales, mean, deviation, raters))[0].tracks == 20


def test_raters_who_only_scatter_agree_on_nothing() -> None:
    mean = 0.01 * np.arange(20.0).reshape(20, 1)
    ratings = Ratings((Scale("a"),), mean, np.full((20, 1), 9.0), np.full((20, 1), 4))
    (ceiling,) = rating_ceilings(ratings)
    assert (ceiling.reliability, ceiling.r, ceiling.halves) == (0.0, 0.0, 0.0)


def moments(mean: np.ndarray, halves: np.ndarray, deviation: float, raters: int = 20) -> Moments:
    """Two pieces of five segments on one scale."""
    column = mean[:, None]
    return Moments(
        (Scale("mood"),),
        np.repeat([0, 1], 5),
        column,
        np.full(column.shape, deviation),
        np.full(column.shape, raters),
        halves[:, :, None],
    )


def test_the_ceiling_of_a_course_is_what_two_halves_of_the_raters_say() -> None:
    rng = np.random.default_rng(0)
    course = rng.normal(size=10)
    halves = np.stack([course + rng.normal(size=10), course + rng.normal(size=10)])
    halves[0, 5:] += 7.0  # a level is no part of the course
    (found,) = course_ceilings(moments(halves.mean(axis=0), halves, 50.0))
    r = np.mean([np.corrcoef(*halves[:, part])[0, 1] for part in (slice(5), slice(5, 10))])
    assert found.reliability == pytest.approx(2 * r / (1 + r))
    assert found.halves == pytest.approx(r)
    assert (found.tracks, found.raters) == (2, pytest.approx(20.0))
    within = np.mean([halves.mean(axis=0)[part].var() for part in (slice(5), slice(5, 10))])
    assert found.rmse == pytest.approx(np.sqrt((1 - found.reliability) * within))


def test_without_halves_the_scatter_sets_it() -> None:
    course = np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], 2)  # variance 2 within each piece
    unknown = np.full((2, 10), np.nan)
    (found,) = course_ceilings(moments(course, unknown, 2.0))
    assert found.reliability == pytest.approx(1 - (4 / 20) / 2)
    assert course_ceilings(moments(course, unknown, np.nan)) == ()
    (none,) = course_ceilings(moments(course, unknown, 100.0))
    assert none.reliability == 0


@pytest.mark.parametrize("k", [1, 3, 12, 20])
def test_a_panel_of_raters_is_worth_itself(k: int) -> None:
    """Simulated: the mean of k raters correlates with that of 20 others as the formulas say."""
    rng = np.random.default_rng(k)
    truth = rng.normal(size=(40_000, 1))
    mean = (truth + 2.0 * rng.normal(size=(40_000, 20))).mean(axis=1)
    panel = (truth + 2.0 * rng.normal(size=(40_000, k))).mean(axis=1)
    rows = [[Rating(float(value), 2.0, 20)] for value in mean]
    (ceiling,) = rating_ceilings(Ratings.of([Scale("mood")], rows))
    r = float(np.corrcoef(mean, panel)[0, 1])
    assert worth_in_raters(r, ceiling) == pytest.approx(k, rel=0.1)
    assert worth_in_raters(0.0, ceiling) == 0.0
    assert worth_in_raters(0.999, ceiling) == np.inf

"""How reliable mean ratings are, and how well a perfect model could therefore do.

A mean rating is what the track is rated by everybody, plus the chance of who was asked. With the
raters' standard deviation s and their number k on each track, chance has the variance s² / k, and
what is left of the variance between tracks is theirs: the reliability of the mean, an intraclass
correlation of one-way random effects (Shrout and Fleiss, *Intraclass correlations: uses in
assessing rater reliability*, Psychological Bulletin 86, 1979). The formula of Spearman and Brown
(1910) turns it into that of one rater, and of two halves of the raters.

Of ratings over time it is the course that counts, within pieces. A rater who is always higher does
not disagree about it, so that the scatter at a moment says too much; two halves of the raters, the
same people throughout, say what is needed: how their courses correlate is the reliability of half
of them. Without halves the scatter is taken, and the ceiling is at least what it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.courses import FEWEST_MOMENTS, Moments
from music_emotion.datasets.ratings import Ratings

FEWEST_TRACKS = 10
"""Tracks with a known scatter that a ceiling is computed from."""

FEWEST_RATERS = 2
"""Raters of a track whose scatter says something."""


@dataclass(frozen=True, slots=True)
class RatingCeiling:
    """What a perfect predictor of one scale can reach against mean ratings like these."""

    scale: str
    tracks: int  #: with at least two raters whose scatter is known
    raters: float  #: raters of a track, the harmonic mean over tracks
    reliability: float  #: of the mean rating, 0–1
    reliability_of_one: float  #: of a single rater, 0–1
    halves: float  #: correlation to be expected between the means of two halves of the raters
    r: float  #: highest Pearson r (about that of rho, too): the root of the reliability
    ccc: float  #: highest concordance correlation
    rmse: float  #: lowest root of the mean squared error, in the scale's units
    r2: float  #: highest R²: the reliability


def spearman_brown(reliability: float, times: float) -> float:
    """Return the reliability of the mean of ``times`` as many raters, 0–1.

    Examples
    --------
    >>> print(round(spearman_brown(0.5, 2), 3), round(spearman_brown(2 / 3, 0.5), 3))
    0.667 0.5
    """
    return times * reliability / (1.0 + (times - 1.0) * reliability)


def rating_ceilings(ratings: Ratings) -> tuple[RatingCeiling, ...]:
    """Return the ceiling of each scale whose raters' scatter is known on enough tracks.

    Examples
    --------
    Tracks one apart, each rated by four people who scatter by 1:

    >>> from music_emotion.datasets.ratings import Rating, Ratings, Scale
    >>> rows = [[Rating(float(number), 1.0, 4)] for number in range(10)]
    >>> (found,) = rating_ceilings(Ratings.of([Scale("mood")], rows))
    >>> print(round(found.reliability, 3), found.rmse)
    0.973 0.5
    """
    found = []
    for number, name in enumerate(ratings.names):
        deviation, raters = ratings.deviation[:, number], ratings.raters[:, number]
        mean = ratings.mean[:, number]
        known = np.isfinite(mean) & np.isfinite(deviation) & (raters >= FEWEST_RATERS)
        if known.sum() < FEWEST_TRACKS:
            continue
        chance = float((deviation[known] ** 2 / raters[known]).mean())
        variance = float(mean[known].var(ddof=1))
        usual = float(1.0 / (1.0 / raters[known]).mean())
        reliability = 1.0 - chance / variance if variance > 0 else 0.0
        found.append(_ceiling(name, int(known.sum()), usual, reliability, chance))
    return tuple(found)


def course_ceilings(moments: Moments) -> tuple[RatingCeiling, ...]:
    """Return the ceiling of each scale within pieces, where raters' halves or scatter are known.

    Examples
    --------
    Two halves of 20 raters whose courses are alike, and a piece of four segments:

    >>> from music_emotion.datasets.ratings import Scale
    >>> course = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    >>> people, unknown = np.full((4, 1), 20), np.full((4, 1), np.nan)
    >>> halves = np.stack([course, course + 5.0])
    >>> moments = Moments((Scale("mood"),), np.zeros(4, int), course, unknown, people, halves)
    >>> [round(one.r, 2) for one in course_ceilings(moments)]
    [1.0]
    """
    found = []
    for number, scale in enumerate(moments.scales):
        mean, raters = moments.mean[:, number], moments.raters[:, number]
        scatter = moments.deviation[:, number] ** 2 / np.maximum(raters, 1)
        scatter[raters < FEWEST_RATERS] = np.nan
        variances, chances, agreements = list[float](), list[float](), list[float]()
        for piece in np.unique(moments.track_index):
            rows = (moments.track_index == piece) & np.isfinite(mean)
            if rows.sum() < FEWEST_MOMENTS:
                continue
            variances.append(float(mean[rows].var()))
            chances.append(float(scatter[rows].mean()))
            agreements.append(_correlation(*moments.halves[:, rows, number]))
        if not variances:
            continue
        known = raters[np.isfinite(mean) & (raters > 0)]
        usual = float(1.0 / (1.0 / known).mean()) if len(known) else math.nan
        agreement, variance = _mean(agreements), float(np.mean(variances))
        if math.isfinite(agreement):
            reliability = spearman_brown(max(agreement, 0.0), 2.0)
        else:
            reliability = 1.0 - _mean(chances) / variance if variance > 0 else 0.0
        if math.isfinite(reliability):
            chance = (1.0 - min(max(reliability, 0.0), 1.0)) * variance
            found.append(_ceiling(scale.name, len(variances), usual, reliability, chance))
    return tuple(found)


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's r, NaN where something is not known or constant."""
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return math.nan
    if first.std() == 0 or second.std() == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _ceiling(
    scale: str, tracks: int, raters: float, reliability: float, chance: float
) -> RatingCeiling:
    reliability = min(max(reliability, 0.0), 1.0)
    return RatingCeiling(
        scale=scale,
        tracks=tracks,
        raters=raters,
        reliability=reliability,
        reliability_of_one=spearman_brown(reliability, 1.0 / raters),
        halves=spearman_brown(reliability, 0.5),
        r=reliability**0.5,
        ccc=2.0 * reliability / (1.0 + reliability),
        rmse=chance**0.5,
        r2=reliability,
    )


def worth_in_raters(r: float, ceiling: RatingCeiling) -> float:
    """Return how many raters agree with the mean of these raters as a prediction of this r does.

    Their mean has the reliability of Spearman and Brown, and its correlation with the mean of as
    many others as there are here is the root of both reliabilities' product. 0 where r is not above
    0, infinite where no panel reaches it.

    Examples
    --------
    >>> from music_emotion.datasets.ratings import Rating, Ratings, Scale
    >>> rows = [[Rating(float(number), 3.0, 4)] for number in range(10)]
    >>> (ceiling,) = rating_ceilings(Ratings.of([Scale("mood")], rows))
    >>> one = (ceiling.reliability * ceiling.reliability_of_one) ** 0.5
    >>> print(round(worth_in_raters(one, ceiling), 6), worth_in_raters(-0.1, ceiling))
    1.0 0.0
    """
    single = ceiling.reliability_of_one
    if not r > 0 or ceiling.reliability <= 0:
        return 0.0 if r <= 0 else math.nan
    wanted = r**2 / ceiling.reliability
    if wanted >= 1.0 or single >= 1.0:
        return math.inf if wanted >= 1.0 else 0.0
    return wanted * (1.0 - single) / (single * (1.0 - wanted))

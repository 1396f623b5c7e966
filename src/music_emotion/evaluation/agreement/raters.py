"""How reliable mean ratings are, and how well a perfect model could therefore do.

A mean rating is what the track is rated by everybody, plus the chance of who was asked. With the
raters' standard deviation s and their number k on each track, chance has the variance s² / k, and
what is left of the variance between tracks is theirs: the reliability of the mean, an intraclass
correlation of one-way random effects (Shrout and Fleiss, *Intraclass correlations: uses in
assessing rater reliability*, Psychological Bulletin 86, 1979). The formula of Spearman and Brown
(1910) turns it into that of one rater, and of two halves of the raters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        reliability = min(max(1.0 - chance / variance, 0.0), 1.0) if variance > 0 else 0.0
        usual = float(1.0 / (1.0 / raters[known]).mean())
        found.append(
            RatingCeiling(
                scale=name,
                tracks=int(known.sum()),
                raters=usual,
                reliability=reliability,
                reliability_of_one=spearman_brown(reliability, 1.0 / usual),
                halves=spearman_brown(reliability, 0.5),
                r=reliability**0.5,
                ccc=2.0 * reliability / (1.0 + reliability),
                rmse=chance**0.5,
                r2=reliability,
            )
        )
    return tuple(found)

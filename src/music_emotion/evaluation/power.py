"""How much data a paired test would need to tell a difference as large as the one observed.

A difference d with standard error e is told with probability 1 - β at level α if d / e reaches
z(1 - α/2) + z(1 - β), z being quantiles of the normal distribution (Cohen, *Statistical power
analysis for the behavioral sciences*, 1988; for comparisons of models: Card, Henderson, Khandelwal,
Jia, Mahowald and Jurafsky, *With little power comes great responsibility*, EMNLP 2020). The part of
e² that comes from the artists shrinks with their number, and with it that of the tracks; the part
that comes from the trainings does not. α is the level of a test divided by the number of tests that
are adjusted together, which is what Holm's method asks of the smallest p of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from music_emotion.evaluation.significance import SIGNIFICANT, PairedTest

POWER = 0.8
"""Probability to tell a difference that is as large as the one observed."""


@dataclass(frozen=True, slots=True)
class Power:
    """What a paired test could tell."""

    #: smallest true difference that is told with probability :data:`POWER` with these data
    detectable: float
    #: tracks after which the observed difference, were it the true one, would be told; ``None``
    #: where the trainings alone scatter too much, however many tracks there are
    tracks: int | None


def power(test: PairedTest, *, tracks: int, n_tests: int) -> Power | None:
    """Return what a test could tell; ``None`` where its standard error is not known.

    Parameters
    ----------
    test
        The test; with one repeat nothing is known of the trainings, and the answer is for these.
    tracks
        Number of tracks that were tested on.
    n_tests
        Number of tests that are adjusted together.

    Examples
    --------
    >>> test = PairedTest("a", "b", "accuracy", 0.02, -0.02, 0.06, 0.3, 1.0, error=0.02)
    >>> could = power(test, tracks=400, n_tests=1)
    >>> round(could.detectable, 3), could.tracks
    (0.056, 3140)
    """
    if not math.isfinite(test.error):
        return None
    needed = needed_ratio(n_tests)
    of_repeats = 0.0 if math.isnan(test.repeat_error) else min(test.repeat_error, test.error) ** 2
    room = (test.difference / needed) ** 2 - of_repeats
    wanted = None if room <= 0 else math.ceil(tracks * (test.error**2 - of_repeats) / room)
    return Power(needed * test.error, wanted)


def needed_ratio(n_tests: int) -> float:
    """Return the ratio of a true difference to its standard error that is told often enough."""
    from scipy.stats import norm

    return float(norm.isf(SIGNIFICANT / n_tests / 2) + norm.isf(1 - POWER))

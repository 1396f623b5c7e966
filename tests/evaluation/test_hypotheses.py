"""The findings follow from the adjusted paired tests, not from the winner of a table."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from music_emotion.evaluation.hypotheses import Hypothesis, judge
from music_emotion.evaluation.significance import PairedTest

CLAIM = Hypothesis("one of them beats both", ("a", "b"), ("x", "y"))


def rows(**accuracies: float) -> list[Any]:
    return [
        SimpleNamespace(
            model=name, title=name, headline={"accuracy": SimpleNamespace(value=accuracy)}
        )
        for name, accuracy in accuracies.items()
    ]


def paired(**outcomes: tuple[float, float]) -> tuple[PairedTest, ...]:
    """Tests by pair of names: difference and adjusted p; the interval is half the difference."""
    return tuple(
        PairedTest(pair[0], pair[1], "accuracy", d, d / 2, 2 * d, p / 10, p)
        for pair, (d, p) in outcomes.items()
    )


ROWS = rows(a=0.6, b=0.7, x=0.5, y=0.5)


def test_a_finding_holds_where_one_model_beats_every_other() -> None:
    found = judge(
        CLAIM,
        "artist",
        "label",
        ROWS,
        paired(ax=(0.1, 0.01), ay=(0.05, 0.04), bx=(0.2, 0.01), by=(0.2, 0.06)),
        400,
    )
    # `b` is the most accurate one, but only `a` beats both.
    assert (found.verdict, found.better, found.worse) == ("holds", "a", "y")
    assert found.line == "holds: a - y = +5.0 points (+2.5 to +10.0), adjusted p 0.0400"


def test_an_interval_above_zero_is_not_enough() -> None:
    found = judge(
        CLAIM,
        "artist",
        "label",
        ROWS,
        paired(ax=(0.1, 0.2), ay=(0.1, 0.2), bx=(0.2, 0.05), by=(0.2, 0.01)),
        400,
    )
    assert found.verdict == "cannot be told"
    assert found.difference is not None and found.difference.low > 0
    assert found.better == "b"  # the most accurate one


def test_a_finding_does_not_hold_where_the_other_side_wins() -> None:
    tests = paired(xa=(0.3, 0.001), xb=(0.1, 0.001), ya=(0.1, 0.9), yb=(0.1, 0.9))
    found = judge(CLAIM, "artist", "label", ROWS, tests, 400)
    assert (found.verdict, found.better, found.worse) == ("does not hold", "b", "x")
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-0.1)
    assert found.difference.low < found.difference.value < found.difference.high < 0


def test_what_was_not_run_or_not_tested_is_said() -> None:
    found = judge(CLAIM, "artist", "label", rows(a=1.0, x=0.5), paired(ax=(0.1, 0.01)), 400)
    assert found.line == "not tested: needs b, y"
    assert judge(CLAIM, "artist", "label", ROWS, (), 400).verdict == "not tested"
    assert (
        judge(CLAIM, "artist", "label", ROWS, paired(ax=(0.1, 0.01)), 400).verdict == "not tested"
    )


def test_an_undecided_finding_says_what_it_would_take() -> None:
    """One pair, one test: z(.975) + z(.8) is 2.80 standard errors, of 2 points each here."""
    claim = Hypothesis("a beats x", ("a",), ("x",))
    (test,) = paired(ax=(0.02, 0.3))
    unsure = replace(test, error=0.02)
    found = judge(claim, "artist", "label", ROWS, (unsure,), 400)
    assert found.tracks_needed == 3140
    assert found.detectable == pytest.approx(0.056032, abs=1e-6)
    assert found.line.endswith("; it would take 3,140 tracks")
    # Trainings that scatter by a point each way leave no number of tracks.
    scattered = replace(unsure, repeats=5, repeat_error=0.01)
    found = judge(claim, "artist", "label", ROWS, (scattered,), 400)
    assert found.tracks_needed is None
    assert found.line.endswith("; no number of tracks would tell it, with so few trainings")
    decided = judge(claim, "artist", "label", ROWS, (replace(unsure, p_adjusted=0.01),), 400)
    assert (decided.verdict, decided.tracks_needed, decided.detectable) == ("holds", None, None)

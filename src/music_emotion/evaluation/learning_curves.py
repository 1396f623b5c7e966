"""What a model gains from more to learn from: its figures by the share of the training part.

Runs with a share of the training groups (``compare --train-share``) and several trainings of the
same folds (``--trainings``) are no rows of the tables: they are points of a curve. Each training
draws its own groups, so that the interval, which holds artists and trainings as every other does
(:mod:`.bootstrap`), holds the luck of which artists were there to learn from as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.evaluation import scores
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.metrics import BY_NAME
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.models.base import Target

CurveKey = tuple[Protocol, Target, str, int]
"""Protocol, target, model and fold seed."""

CURVE_METRICS = ("accuracy", "log_loss", "mean_pearson_r")
"""What is followed along a curve; the last needs votes."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A model that learned from a share of the training part."""

    share: float  #: of the training groups, 0–1
    trainings: int  #: trainings that are averaged
    scores: dict[str, Estimate]  #: by metric


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """A model on one fold seed, by what it had to learn from."""

    protocol: Protocol
    target: Target
    model: str
    seed: int  #: fold seed
    points: tuple[CurvePoint, ...]  #: increasing shares
    #: figures with all groups minus those with half of them, over the trainings that both have;
    #: empty where one of the two is missing
    doubling: dict[str, Estimate]


Runs = Mapping[float, Mapping[int, Scored]]
"""Pooled predictions on one fold seed, by share and by training."""


def learning_curves(
    runs: Mapping[CurveKey, Runs], resamples: NDArray[np.float64]
) -> tuple[LearningCurve, ...]:
    """Return the curve of every model that was trained on a share of the training part.

    ``resamples`` (b, groups) say how often each group was drawn.
    """
    return tuple(
        _curve(key, shares, resamples)
        for key, shares in sorted(runs.items())
        if any(share != 1.0 for share in shares)
    )


def _curve(
    key: CurveKey,
    shares: Runs,
    resamples: NDArray[np.float64],
) -> LearningCurve:
    def repeats(share: float, trainings: Sequence[int]) -> list[Scored]:
        return [shares[share][training] for training in trainings]

    defined = [
        BY_NAME[name]
        for name in CURVE_METRICS
        if not BY_NAME[name].needs_votes
        or all(one.votes is not None for some in shares.values() for one in some.values())
    ]
    points = tuple(
        CurvePoint(
            share,
            len(shares[share]),
            {
                metric.name: scores.estimate(
                    metric, repeats(share, sorted(shares[share])), resamples
                )
                for metric in defined
            },
        )
        for share in sorted(shares)
    )
    both = sorted(set(shares.get(1.0, ())) & set(shares.get(0.5, ())))
    doubling = {
        metric.name: scores.difference(metric, repeats(1.0, both), repeats(0.5, both), resamples)
        for metric in defined
        if both
    }
    return LearningCurve(*key, points, doubling)

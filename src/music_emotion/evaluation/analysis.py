"""What follows from a comparison's predictions: calibration, tests, hypotheses, confusions.

Everything is computed from the results of one output folder; nothing is trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import Ceilings, ceilings, people_confuse
from music_emotion.evaluation.calibration import (
    ConstantScores,
    ReliabilityDiagram,
    calibration_band,
    class_frequency_scores,
    reliability_diagram,
)
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.hypotheses import (
    Ablation,
    HypothesisTest,
    judge_hypotheses,
    smote_ablation,
)
from music_emotion.evaluation.results import ModelResult, Results
from music_emotion.evaluation.significance import Contender, ProtocolTests, paired_tests
from music_emotion.models.base import Target

Floats = NDArray[np.float64]
PAIRS: tuple[tuple[int, int], ...] = tuple(combinations(range(len(EMOTIONS)), 2))
"""The 36 pairs of emotions."""


@dataclass(frozen=True, slots=True)
class ModelCalibration:
    """How well a model's probabilities mean what they say."""

    protocol: Protocol
    target: Target
    model: str
    error: float  #: expected calibration error of the top label, averaged over the fold seeds
    #: with ``band_high`` the :func:`.calibration_band` of the error, averaged over the fold seeds
    band_low: float
    band_high: float
    inside: bool  #: whether ``error`` is at most ``band_high``
    diagram: ReliabilityDiagram  #: of the first fold seed
    bin_low: Floats  #: with ``bin_high`` the band of the accuracy in each bin of the diagram
    bin_high: Floats
    log_loss: float  #: averaged over the fold seeds
    brier: float  #: averaged over the fold seeds
    constant: ConstantScores


@dataclass(frozen=True, slots=True)
class ModelConfusions:
    """Which pairs of emotions a model confuses, beside those that people confuse."""

    protocol: Protocol
    target: Target
    model: str
    #: share of each pair of :data:`PAIRS` in all the items where the model names another emotion
    #: than the label, shape (36,), sums to 1; summed over fold seeds
    shares: Floats
    #: Spearman's rank correlation over the pairs with the shares of people; NaN without votes
    likeness: float


@dataclass(frozen=True, slots=True)
class Confusions:
    """Which pairs of emotions are confused."""

    pairs: tuple[tuple[str, str], ...]  #: the names of :data:`PAIRS`
    #: the pairs' shares of what one half of a track's listeners and the other name differently,
    #: shape (36,); ``None`` where single votes are not at hand
    people: Floats | None
    models: tuple[ModelConfusions, ...]


@dataclass(frozen=True, slots=True)
class Conclusions:
    """What follows from the results of an output folder, by model, target and protocol."""

    hypotheses: tuple[HypothesisTest, ...]
    ablations: tuple[Ablation, ...]
    #: one entry per protocol. Under ``segment`` too what is swapped are artists, with all their
    #: segments of the test part: segments of one track are not independent.
    paired: tuple[ProtocolTests, ...]
    calibration: tuple[ModelCalibration, ...]
    confusions: Confusions
    ceilings: Ceilings | None  #: how far people agree; ``None`` where single votes are not known


def conclude(results: Results) -> Conclusions:
    """Draw the conclusions; with votes, r is tested as well."""
    votes = results.ground_truth.vote_table
    agreement, people = None, None
    if votes is not None:
        people = pair_shares(people_confuse(votes).halves)
        with suppress(EvaluationError):  # too few tracks with two listeners: nothing to say
            agreement = ceilings(votes)
    paired = tuple(
        tests for protocol in PROTOCOLS if (tests := _paired(protocol, results.under(protocol)))
    )
    return Conclusions(
        hypotheses=judge_hypotheses(results, paired),
        ablations=smote_ablation(results),
        paired=paired,
        calibration=tuple(_calibration(result) for result in results.models),
        confusions=Confusions(
            pairs=tuple((EMOTIONS[i], EMOTIONS[j]) for i, j in PAIRS),
            people=people,
            models=tuple(_confusions(result, people) for result in results.models),
        ),
        ceilings=agreement,
    )


def pair_shares(confusion: NDArray[np.generic]) -> Floats:
    """Return each pair's share of all confusions, either way round, shape (36,), sum 1.

    ``confusion`` are counts, shape (9, 9); the shares are 0 where nothing was confused.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    pairs = np.array([counts[i, j] + counts[j, i] for i, j in PAIRS])
    return pairs / max(float(pairs.sum()), 1e-12)


def _calibration(result: ModelResult) -> ModelCalibration:
    scored = [repeat.scored for repeat in result.repeats]
    diagrams = [reliability_diagram(one.label, one.emotions) for one in scored]
    bands = [calibration_band(one.emotions) for one in scored]
    error = float(np.mean([diagram.error for diagram in diagrams]))
    high = float(np.mean([band.high for band in bands]))
    return ModelCalibration(
        protocol=result.protocol,
        target=result.target,
        model=result.model,
        error=error,
        band_low=float(np.mean([band.low for band in bands])),
        band_high=high,
        inside=error <= high,
        diagram=diagrams[0],
        bin_low=bands[0].bin_low,
        bin_high=bands[0].bin_high,
        log_loss=result.headline["log_loss"].value,
        brier=result.headline["brier"].value,
        constant=class_frequency_scores(scored[0].label),
    )


def _confusions(result: ModelResult, people: Floats | None) -> ModelConfusions:
    from scipy.stats import spearmanr

    shares = pair_shares(result.confusion)
    likeness = float("nan")
    if people is not None and np.ptp(shares) > 0 and np.ptp(people) > 0:
        likeness = float(spearmanr(shares, people).statistic)
    return ModelConfusions(result.protocol, result.target, result.model, shares, likeness)


def _paired(protocol: Protocol, rows: Sequence[ModelResult]) -> ProtocolTests | None:
    """Test every pair of models on the fold seeds that both have.

    Models without the seed that most models have are left out.
    """
    counted = Counter(seed for row in rows for seed in row.seeds)
    if not counted:
        return None
    commonest = max(sorted(counted), key=lambda seed: counted[seed])
    rows = [row for row in rows if commonest in row.seeds]
    if len(rows) < 2:
        return None
    told = {repeat.seed: repeat.scored for row in rows for repeat in row.repeats}
    seeds = tuple(sorted(told))
    contenders = [
        Contender(
            row.title,
            np.stack([repeat.scored.emotions for repeat in row.repeats]),
            np.stack([repeat.scored.intensities for repeat in row.repeats]),
            tuple(repeat.seed for repeat in row.repeats),
        )
        for row in rows
    ]
    # Under `segment` every seed scores other segments.
    votes = [one.votes for seed in seeds if (one := told[seed]).votes is not None]
    groups = np.stack([told[seed].group for seed in seeds])
    tests = paired_tests(
        contenders,
        np.stack([told[seed].label for seed in seeds]),
        np.stack(votes) if votes else None,
        groups,
        seeds=seeds,
    )
    return ProtocolTests(protocol, seeds, len(np.unique(groups)), tests)

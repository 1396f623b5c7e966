"""The reference study's five findings, each tested again under every protocol.

A finding is a difference of two accuracies on the same items. Groups are resampled, the same
resample for both models (and for all fold seeds that both have), and the finding

* **holds** if the 95 % interval of the difference lies above zero,
* **does not hold** if it lies below zero,
* **cannot be told** otherwise.

Where a side names several models, the one with the highest accuracy stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.evaluation import scores
from music_emotion.evaluation.intervals import percentile_interval, resample_groups
from music_emotion.evaluation.protocols import Protocol
from music_emotion.evaluation.results import ModelResult, Results
from music_emotion.evaluation.scores import Estimate
from music_emotion.models.base import Target

Verdict = Literal["holds", "does not hold", "cannot be told", "not tested"]

WITHOUT_SMOTE = "_without_smote"


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding as a comparison of two sides.

    Attributes
    ----------
    text
        The finding in words.
    better, worse
        The models of the side that should be the better one, and of the other.
    """

    text: str
    better: tuple[str, ...]
    worse: tuple[str, ...]


FINDINGS: tuple[Claim, ...] = (
    Claim(
        "a bidirectional LSTM beats a unidirectional one, on the same features",
        ("bilstm_cnn",),
        ("lstm_cnn_advanced",),
    ),
    Claim("SpecAugment adds to the 2-D CNN", ("cnn2d_specaugment",), ("cnn2d",)),
    Claim(
        "the ensemble adds to its better member",
        ("ensemble",),
        ("bilstm_cnn", "cnn2d_specaugment"),
    ),
    Claim(
        "2-D CNNs on spectrograms work well: the better of them beats the better of the two "
        "classical baselines (SVM and 1-nearest-neighbour on descriptor statistics)",
        ("cnn2d", "cnn2d_specaugment"),
        ("svm", "nearest_neighbour"),
    ),
    Claim(
        "advanced features lose against basic ones, in the same network",
        ("lstm_cnn",),
        ("lstm_cnn_advanced",),
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one claim under one protocol.

    Attributes
    ----------
    claim, protocol, target
        What was tested, where.
    better, worse
        The models that stood for the two sides; empty where not tested.
    difference
        Accuracy of ``better`` minus that of ``worse``, with its interval; ``None`` where not
        tested.
    verdict
        What follows.
    missing
        Models that would be needed.
    """

    claim: Claim
    protocol: Protocol
    target: Target
    better: str
    worse: str
    difference: Estimate | None
    verdict: Verdict
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.difference is None:
            return f"not tested: needs {', '.join(self.missing)}"
        d = self.difference
        return (
            f"{self.verdict}: {self.better} - {self.worse} = {100 * d.value:+.1f} points "
            f"({100 * d.low:+.1f} to {100 * d.high:+.1f})"
        )


@dataclass(frozen=True, slots=True)
class Ablation:
    """A model with and without SMOTE: accuracy and macro-F1 of both, and the difference."""

    protocol: Protocol
    model: str
    with_smote: dict[str, Estimate]
    without_smote: dict[str, Estimate]
    difference: dict[str, Estimate]


def judge_findings(results: Results) -> tuple[Finding, ...]:
    """Test all five findings under every protocol and target that was run."""
    resamples = resample_groups(results.truth.n_groups)
    return tuple(
        _test(claim, protocol, target, rows, resamples)
        for protocol, target, rows in results.tables()
        for claim in FINDINGS
    )


def smote_ablation(results: Results) -> tuple[Ablation, ...]:
    """Compare every model that was also run without SMOTE with itself."""
    resamples = resample_groups(results.truth.n_groups)
    ablations = []
    chosen = [score for score in scores.HEADLINE if score.name in ("accuracy", "macro_f1")]
    for without in results.models:
        base = without.model.removesuffix(WITHOUT_SMOTE)
        with_smote = results.find(without.protocol, without.target, base)
        if base == without.model or with_smote is None:
            continue
        differences = {}
        for score in chosen:
            difference = paired_difference(score, with_smote, without, resamples)
            if difference is not None:
                differences[score.name] = difference
        ablations.append(
            Ablation(without.protocol, base, with_smote.headline, without.headline, differences)
        )
    return tuple(ablations)


def paired_difference(
    score: scores.Score,
    first: ModelResult,
    second: ModelResult,
    resamples: NDArray[np.float64],
) -> Estimate | None:
    """Return the score of ``first`` minus that of ``second`` over their common fold seeds.

    ``None`` where they have no fold seed in common.
    """
    common = sorted(set(first.seeds) & set(second.seeds))
    if not common:
        return None
    ours, theirs = (
        [repeat.scored for repeat in result.repeats if repeat.seed in common]
        for result in (first, second)
    )
    draws = scores.distribution(score, ours, resamples) - scores.distribution(
        score, theirs, resamples
    )
    value = scores.evaluate(score, ours) - scores.evaluate(score, theirs)
    return Estimate(value, *percentile_interval(draws))


def verdict(difference: Estimate) -> Verdict:
    """Return what an interval says about a difference that should be above zero."""
    if difference.low > 0:
        return "holds"
    return "does not hold" if difference.high < 0 else "cannot be told"


def _test(
    claim: Claim,
    protocol: Protocol,
    target: Target,
    rows: Sequence[ModelResult],
    resamples: NDArray[np.float64],
) -> Finding:
    by_name = {row.model: row for row in rows}
    missing = tuple(name for name in (*claim.better, *claim.worse) if name not in by_name)
    difference = None
    better = worse = ""
    if not missing:
        first = _best(by_name[name] for name in claim.better)
        second = _best(by_name[name] for name in claim.worse)
        better, worse = first.model, second.model
        difference = paired_difference(scores.ACCURACY, first, second, resamples)
    if difference is None:
        return Finding(claim, protocol, target, better, worse, None, "not tested", missing)
    return Finding(claim, protocol, target, better, worse, difference, verdict(difference))


def _best(results: Iterable[ModelResult]) -> ModelResult:
    return max(results, key=lambda result: result.headline["accuracy"].value)

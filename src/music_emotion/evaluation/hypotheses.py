"""The reference study's five findings, each tested again under every protocol.

A finding says that one side is more accurate than another. Each pair of models across the two sides
has a paired test: whole artist groups are swapped, and p is adjusted for all tests between all
models under the protocol (:mod:`.paired`). The finding

* **holds** if a model of the better side is told, by these tests, to beat every one of the worse,
* **does not hold** if a model of the worse side is told to beat every one of the better,
* **cannot be told** otherwise.

So no winner is picked by the very figures that are tested. The difference that is shown is the one
that decides: of a side that beats all of the other, the closest pair; where nothing is told, the
most accurate model of each side, which then says nothing but where things stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import EvaluationError
from music_emotion.evaluation import scores
from music_emotion.evaluation.bootstrap import percentile_interval, resample_groups
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.results import ModelResult, Results
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import PairedTable, PairedTest, ProtocolTests, shown_p
from music_emotion.evaluation.strict_json import DECIMALS
from music_emotion.models.base import Target

Verdict = Literal["holds", "does not hold", "cannot be told", "not tested"]

WITHOUT_SMOTE = "_without_smote"


@dataclass(frozen=True, slots=True)
class Hypothesis:
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


HYPOTHESES: tuple[Hypothesis, ...] = (
    Hypothesis(
        "a bidirectional LSTM beats a unidirectional one, on the same features",
        ("bilstm_cnn",),
        ("lstm_cnn_advanced",),
    ),
    Hypothesis("SpecAugment adds to the 2-D CNN", ("cnn2d_specaugment",), ("cnn2d",)),
    Hypothesis(
        "the ensemble beats both its members",
        ("ensemble",),
        ("bilstm_cnn", "cnn2d_specaugment"),
    ),
    Hypothesis(
        "2-D CNNs on spectrograms work well: one of them beats both classical "
        "baselines (SVM and 1-nearest-neighbour on descriptor statistics)",
        ("cnn2d", "cnn2d_specaugment"),
        ("svm", "nearest_neighbour"),
    ),
    Hypothesis(
        "advanced features lose against basic ones, in the same network",
        ("lstm_cnn",),
        ("lstm_cnn_advanced",),
    ),
)


@dataclass(frozen=True, slots=True)
class HypothesisTest:
    """The outcome of one claim under one protocol.

    Attributes
    ----------
    claim, protocol, target
        What was tested, where.
    better, worse
        The models that are shown for the two sides; empty where not tested.
    difference
        Accuracy of ``better`` minus that of ``worse``, with its interval; ``None`` where not
        tested.
    p_adjusted
        Adjusted p-value of that difference; NaN where not tested.
    verdict
        What follows.
    missing
        Models that would be needed.
    """

    claim: Hypothesis
    protocol: Protocol
    target: Target
    better: str
    worse: str
    difference: Estimate | None
    p_adjusted: float
    verdict: Verdict
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.difference is None:
            return f"not tested: needs {', '.join(self.missing)}"
        value, low, high = (
            f"{100 * (round(one, DECIMALS) + 0.0):+.1f}"
            for one in (self.difference.value, self.difference.low, self.difference.high)
        )
        return (
            f"{self.verdict}: {self.better} - {self.worse} = {value} points "
            f"({low} to {high}), adjusted p {shown_p(self.p_adjusted)}"
        )


@dataclass(frozen=True, slots=True)
class Ablation:
    """A model with and without SMOTE: accuracy and macro-F1 of both, and the difference."""

    protocol: Protocol
    model: str
    with_smote: dict[str, Estimate]
    without_smote: dict[str, Estimate]
    difference: dict[str, Estimate]


def judge_hypotheses(
    results: Results, paired: Sequence[ProtocolTests]
) -> tuple[HypothesisTest, ...]:
    """Test all five findings under every protocol and target that was run.

    Parameters
    ----------
    results
        The models.
    paired
        The tests between them, by protocol.
    """
    tables = {one.protocol: one.table for one in paired}
    return tuple(
        judge(claim, protocol, target, rows, tables.get(protocol))
        for protocol, target, rows in results.tables()
        for claim in HYPOTHESES
    )


def smote_ablation(results: Results) -> tuple[Ablation, ...]:
    """Compare every model that was also run without SMOTE with itself."""
    resamples = resample_groups(results.ground_truth.n_groups)
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


def judge(
    claim: Hypothesis,
    protocol: Protocol,
    target: Target,
    rows: Sequence[ModelResult],
    table: PairedTable | None,
) -> HypothesisTest:
    """Return what the paired tests say about one claim.

    Parameters
    ----------
    claim, protocol, target
        What is tested, where.
    rows
        The models with this protocol and target.
    table
        Tests between all models of the protocol; ``None`` where there are none.
    """
    by_name = {row.model: row for row in rows}
    missing = tuple(name for name in (*claim.better, *claim.worse) if name not in by_name)
    if not missing and table is not None:
        try:
            pairs = {
                (ours, theirs): table.between(
                    by_name[ours].title, by_name[theirs].title, "accuracy"
                )
                for ours in claim.better
                for theirs in claim.worse
            }
        except EvaluationError:  # no fold seed in common
            pairs = {}
        if pairs:
            verdict, (better, worse) = _decide(claim, pairs, by_name)
            shown = pairs[better, worse]
            difference = Estimate(shown.difference, shown.low, shown.high)
            return HypothesisTest(
                claim, protocol, target, better, worse, difference, shown.p_adjusted, verdict
            )
    nothing = float("nan")
    return HypothesisTest(claim, protocol, target, "", "", None, nothing, "not tested", missing)


def _decide(
    claim: Hypothesis,
    pairs: Mapping[tuple[str, str], PairedTest],
    by_name: Mapping[str, ModelResult],
) -> tuple[Verdict, tuple[str, str]]:
    """Return the verdict and the pair to be shown for it."""
    for ours in claim.better:
        tests = {theirs: pairs[ours, theirs] for theirs in claim.worse}
        if all(test.is_significant and test.difference > 0 for test in tests.values()):
            return "holds", (ours, min(tests, key=lambda name: tests[name].difference))
    for theirs in claim.worse:
        tests = {ours: pairs[ours, theirs] for ours in claim.better}
        if all(test.is_significant and test.difference < 0 for test in tests.values()):
            return "does not hold", (max(tests, key=lambda name: tests[name].difference), theirs)
    return "cannot be told", (
        _best(by_name[name] for name in claim.better),
        _best(by_name[name] for name in claim.worse),
    )


def _best(results: Iterable[ModelResult]) -> str:
    return max(results, key=lambda result: result.headline["accuracy"].value).model

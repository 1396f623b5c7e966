"""The reference study's five findings as hypotheses, each tested under every protocol.

A hypothesis says that one side is more accurate than another. Each pair of models across the two
sides has a paired test: whole artist groups are swapped, and p is adjusted for all tests between
all models under the protocol (:mod:`.significance`). It

* **holds** if a model of the better side is told, by these tests, to beat every one of the worse,
* **does not hold** if a model of the worse side is told to beat every one of the better,
* **cannot be told** otherwise.

So no winner is picked by the very figures that are tested. The difference that is shown is the one
that decides: of a side that beats all of the other, the closest pair; where nothing is told, the
most accurate model of each side, which then says nothing but where things stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.evaluation import scores
from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.metrics import BY_NAME, Metric
from music_emotion.evaluation.power import Power, power
from music_emotion.evaluation.results import ModelResult, Results, in_tables
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import PairedTest, ProtocolTests, between, shown_p
from music_emotion.evaluation.strict_json import DECIMALS, OPTIONAL, json_key
from music_emotion.models.base import Target
from music_emotion.models.registry import WITHOUT_SMOTE

Verdict = Literal["holds", "does not hold", "cannot be told", "not tested"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finding of the study: the models of one side are better than those of the other."""

    text: str  #: the finding in words
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
    """The outcome of one hypothesis under one protocol."""

    text: str = field(metadata=json_key("finding"))
    protocol: Protocol
    target: Target
    better: str  #: the model that is shown for this side; empty where not tested
    worse: str  #: the same for the other
    difference: Estimate | None  #: of the accuracies of these two; ``None`` where not tested
    p_adjusted: float  #: of that difference; NaN where not tested
    verdict: Verdict
    missing: tuple[str, ...]  #: models that would be needed
    line: str  #: all of it in one line
    #: of an undecided one: smallest true difference that would have been told (:class:`.Power`)
    detectable: float | None = field(default=None, metadata=OPTIONAL)
    #: of an undecided one: the tracks it would take were the difference shown the true one;
    #: ``None`` where no number would do with so few trainings
    tracks_needed: int | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class Ablation:
    """A model with and without SMOTE: the differences of accuracy and macro-F1."""

    protocol: Protocol
    model: str
    difference: dict[str, Estimate]  #: the score with SMOTE minus that without, by metric


def judge_hypotheses(
    results: Results, paired: Sequence[ProtocolTests]
) -> tuple[HypothesisTest, ...]:
    """Test all five hypotheses under every protocol and target that was run."""
    tests = {one.protocol: one.tests for one in paired}
    tracks = len(results.ground_truth.ids)
    return tuple(
        judge(hypothesis, protocol, target, rows, tests.get(protocol, ()), tracks)
        for protocol, target, rows in in_tables(results.models)
        for hypothesis in HYPOTHESES
    )


def smote_ablation(results: Results) -> tuple[Ablation, ...]:
    """Compare every model that was also run without SMOTE with itself."""
    resamples = resample_groups(results.ground_truth.n_groups)
    ablations = []
    for without in results.models:
        base = without.model.removesuffix(WITHOUT_SMOTE)
        with_smote = results.find(without.protocol, without.target, base)
        if base == without.model or with_smote is None:
            continue
        differences = {
            name: paired_difference(BY_NAME[name], with_smote, without, resamples)
            for name in ("accuracy", "macro_f1")
        }
        found = {name: one for name, one in differences.items() if one is not None}
        ablations.append(Ablation(without.protocol, base, found))
    return tuple(ablations)


def paired_difference(
    metric: Metric, first: ModelResult, second: ModelResult, resamples: NDArray[np.float64]
) -> Estimate | None:
    """Return the first value minus the second over common fold seeds, ``None`` without one."""
    common = sorted(set(first.seeds) & set(second.seeds))
    if not common:
        return None
    ours, theirs = (
        [repeat.scored for repeat in result.repeats if repeat.seed in common]
        for result in (first, second)
    )
    return scores.difference(metric, ours, theirs, resamples)


def judge(
    hypothesis: Hypothesis,
    protocol: Protocol,
    target: Target,
    rows: Sequence[ModelResult],
    tests: Sequence[PairedTest],
    tracks: int,
) -> HypothesisTest:
    """Return what the paired tests say about one hypothesis.

    ``rows`` are the models with this protocol and target, ``tests`` those between all models of the
    protocol, adjusted together; ``tracks`` is how many the corpus has.
    """
    by_name = {row.model: row for row in rows}
    sides = (*hypothesis.better, *hypothesis.worse)
    missing = tuple(name for name in sides if name not in by_name)
    wanted = [] if missing else list(product(hypothesis.better, hypothesis.worse))
    pairs = {}
    for ours, theirs in wanted:
        test = between(tests, by_name[ours].title, by_name[theirs].title, "accuracy")
        if test is not None:
            pairs[ours, theirs] = test
    if not pairs or len(pairs) < len(wanted):
        line = f"not tested: needs {', '.join(missing)}"
        nothing = ("", "", None, float("nan"))
        return HypothesisTest(
            hypothesis.text, protocol, target, *nothing, "not tested", missing, line
        )
    verdict, (better, worse) = _decide(hypothesis, pairs, by_name)
    test = pairs[better, worse]
    difference = Estimate(test.difference, test.low, test.high)
    value, low, high = (
        f"{100 * (round(one, DECIMALS) + 0.0):+z.1f}"
        for one in (test.difference, test.low, test.high)
    )
    could = None
    if verdict == "cannot be told":
        could = power(test, tracks=tracks, n_tests=len(tests))
    return HypothesisTest(
        hypothesis.text,
        protocol,
        target,
        better,
        worse,
        difference,
        test.p_adjusted,
        verdict,
        missing,
        line=f"{verdict}: {better} - {worse} = {value} points ({low} to {high}), "
        f"adjusted p {shown_p(test.p_adjusted)}"
        + ("" if could is None else f"; {would_take(could)}"),
        detectable=None if could is None else could.detectable,
        tracks_needed=None if could is None else could.tracks,
    )


def would_take(could: Power) -> str:
    """Return in words what it would take to tell a difference as large as the one observed.

    >>> would_take(Power(detectable=0.056, tracks=3140))
    'it would take 3,140 tracks'
    """
    if could.tracks is None:
        return "no number of tracks would tell it, with so few trainings"
    return f"it would take {could.tracks:,} tracks"


def _decide(
    hypothesis: Hypothesis,
    pairs: Mapping[tuple[str, str], PairedTest],
    by_name: Mapping[str, ModelResult],
) -> tuple[Verdict, tuple[str, str]]:
    """Return the verdict and the pair to be shown for it."""
    for ours in hypothesis.better:
        tests = {theirs: pairs[ours, theirs] for theirs in hypothesis.worse}
        if all(test.is_significant and test.difference > 0 for test in tests.values()):
            return "holds", (ours, min(tests, key=lambda name: tests[name].difference))
    for theirs in hypothesis.worse:
        tests = {ours: pairs[ours, theirs] for ours in hypothesis.better}
        if all(test.is_significant and test.difference < 0 for test in tests.values()):
            return "does not hold", (max(tests, key=lambda name: tests[name].difference), theirs)
    return "cannot be told", (
        _best(by_name[name] for name in hypothesis.better),
        _best(by_name[name] for name in hypothesis.worse),
    )


def _best(results: Iterable[ModelResult]) -> str:
    return max(results, key=lambda result: result.headline["accuracy"].value).model

"""Paired tests of whether one model does better than another on the same tracks.

Two models that are tested on the same tracks fail on much the same ones, so their intervals may
overlap widely although one is better. A paired test looks at the differences.

* A permutation test swaps the two models' predictions for whole groups of items (artists), because
  the tracks of one artist, and even more the segments of one track, are not independent. For a mean
  over items that is the sign-flip test; for r the models' intensities are first brought to the same
  mean and variance per emotion, which leaves r as it is, so that what is swapped is alike under the
  null hypothesis.
  All swaps are tried where they are few, else a random sample, and p counts the observed one too
  (Phipson and Smyth, *Permutation p-values should never be zero*, Statistical Applications in
  Genetics and Molecular Biology 9, 2010).
* All p-values of a table are adjusted together by Holm's method (Holm, *A simple sequentially
  rejective multiple test procedure*, Scandinavian Journal of Statistics 6, 1979).

The interval of a difference comes from the group bootstrap of :mod:`.bootstrap`, both models seeing
the same resample. Neither it nor p holds what another training run of the same models would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import EvaluationError
from music_emotion.evaluation import metrics
from music_emotion.evaluation.bootstrap import percentile_interval, resample_groups, sum_by_group
from music_emotion.evaluation.folds import Protocol

Floats = NDArray[np.float64]
Tested = Literal["accuracy", "log_loss", "mean_pearson_r"]
TESTED: tuple[Tested, ...] = get_args(Tested)
"""The metrics that models are tested on."""

SWAPS = 9_999
"""Random swaps of a permutation test; all swaps are tried where there are no more than these."""

SWAPS_PER_TEST = 40
"""Random swaps for each test of a table, so that the least possible p stays below 0.025."""

SIGNIFICANT = 0.05
"""Adjusted p-value below which a difference is called one."""

LEAST_SHOWN = 1e-4
"""p-values below this are shown as being below it."""

ROUNDING = 1e-12
"""Swapped statistics this close to the observed one count as equal to it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A model's predictions for every track, by fold seed."""

    name: str
    emotions: NDArray[np.floating]  #: out of fold, shape (repeats, tracks, 9)
    intensities: NDArray[np.floating]  #: out of fold, shape (repeats, tracks, 9)


@dataclass(frozen=True, slots=True)
class PairedTest:
    """One comparison of two models."""

    first: str
    second: str
    metric: Tested
    difference: float  #: the first's value minus the second's, averaged over the fold seeds
    low: float  #: of the difference's 95 % interval, groups resampled
    high: float
    p: float  #: two-sided
    p_adjusted: float  #: for all tests of the table, by Holm's method

    @property
    def is_significant(self) -> bool:
        """Whether the difference is one."""
        return self.p_adjusted < SIGNIFICANT

    def seen_from(self, model: str) -> PairedTest:
        """Return the same test with ``model``, one of the two, as the first."""
        if model == self.first:
            return self
        assert model == self.second, "a test of other models"
        turned = replace(self, first=self.second, second=self.first)
        return replace(turned, difference=-self.difference, low=-self.high, high=-self.low)


@dataclass(frozen=True, slots=True)
class ProtocolTests:
    """Paired tests between the models of one protocol, whatever they learned, adjusted together."""

    protocol: Protocol
    seeds: tuple[int, ...]  #: fold seeds that all these models have; the tests use these
    groups: int  #: number of groups that were swapped and resampled
    tests: tuple[PairedTest, ...]  #: every pair of models by :attr:`.results.ModelResult.title`


@dataclass(frozen=True, slots=True)
class _Sums:
    """A metric of one model as sums over the tracks of each group, shape (groups, repeats, …)."""

    metric: Tested
    by_group: Floats

    def value(self, sums: Floats) -> Floats:
        """Return the metric, averaged over repeats, from sums of shape (b, repeats, …)."""
        if self.metric == "mean_pearson_r":
            values = metrics.mean_over_emotions(metrics.pearson_from_moments(sums))
        else:
            values = sums[..., 0] / np.maximum(sums[..., 1], 1.0)
        return np.asarray(values.mean(axis=1))


def paired_tests(
    contenders: Sequence[Contender],
    labels: NDArray[np.integer],
    votes: NDArray[np.floating] | None,
    groups: NDArray[np.integer],
    *,
    compared: Sequence[Tested] = TESTED,
    seed: int = 0,
    swaps: int = SWAPS,
) -> tuple[PairedTest, ...]:
    """Return a test of each metric for each pair of models, adjusted together.

    Parameters
    ----------
    contenders
        The models, each with the same tracks and fold seeds.
    labels, votes
        What people said, shapes (tracks,) and (tracks, 9); without votes r is left out.
    groups
        What is swapped and resampled as a whole, shape (tracks,).
    seed, swaps
        Of the random swaps: their seed and least number, :data:`SWAPS_PER_TEST` if that is more.

    Raises
    ------
    EvaluationError
        If a model has other tracks or fold seeds than the rest.
    """
    _check(contenders, labels, groups)
    chosen = [metric for metric in compared if metric != "mean_pearson_r" or votes is not None]
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    resamples = resample_groups(len(names))
    by_name = {contender.name: contender for contender in contenders}
    pairs = list(combinations(by_name, 2))
    swaps = max(swaps, SWAPS_PER_TEST * len(pairs) * len(chosen))
    patterns = swap_patterns(len(names), swaps, np.random.default_rng(seed))
    tests = []
    for metric in chosen:
        sums = {
            name: _sums(metric, contender, labels, votes, group, len(names))
            for name, contender in by_name.items()
        }
        resampled = {
            name: one.value(np.tensordot(resamples, one.by_group, 1)) for name, one in sums.items()
        }
        for first, second in pairs:
            observed, p = _permuted(sums[first], sums[second], patterns)
            low, high = percentile_interval(resampled[first] - resampled[second])
            tests.append((first, second, metric, observed, low, high, p))
    adjusted = holm(np.array([row[6] for row in tests]))
    return tuple(
        PairedTest(*row, p_adjusted=float(p)) for row, p in zip(tests, adjusted, strict=True)
    )


def between(
    tests: Sequence[PairedTest], first: str, second: str, metric: Tested
) -> PairedTest | None:
    """Return the test of two models on a metric, ``first`` first; ``None`` without one."""
    for test in tests:
        if test.metric == metric and {test.first, test.second} == {first, second}:
            return test.seen_from(first)
    return None


def shown_p(p: float) -> str:
    """Return a p-value as it is shown: four decimal places, ``< 0.0001`` below them."""
    return f"{p:.4f}" if p >= LEAST_SHOWN else f"< {LEAST_SHOWN:.4f}"


def swap_patterns(n_groups: int, swaps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which groups each permutation swaps, shape (patterns, groups).

    The first pattern swaps none. All 2ⁿ patterns where they are at most ``swaps`` + 1, else
    ``swaps`` random ones after the first.
    """
    if 2**n_groups <= swaps + 1:
        bits = np.arange(2**n_groups)[:, None] >> np.arange(n_groups)
        return (bits & 1).astype(bool)
    patterns = rng.random((swaps + 1, n_groups)) < 0.5
    patterns[0] = False
    return patterns


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted for their number by Holm's method, in the given order, ≤ 1."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _check(
    contenders: Sequence[Contender], labels: NDArray[np.integer], groups: NDArray[np.integer]
) -> None:
    names = [contender.name for contender in contenders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise EvaluationError("a paired test needs two models or more, each with its own name")
    if len(groups) != len(labels):
        raise EvaluationError(f"{len(groups)} groups for {len(labels)} tracks: give one each")
    shape = contenders[0].emotions.shape
    for contender in contenders:
        for predicted in (contender.emotions, contender.intensities):
            if predicted.shape != shape or predicted.shape[1] != len(labels):
                raise EvaluationError(
                    f"{contender.name} predicts {predicted.shape}, not {shape} for {len(labels)} "
                    "tracks: compare models on the same tracks and fold seeds"
                )


def _sums(
    metric: Tested,
    contender: Contender,
    labels: NDArray[np.integer],
    votes: NDArray[np.floating] | None,
    group: NDArray[np.int64],
    n_groups: int,
) -> _Sums:
    repeats = []
    for emotions, intensities in zip(contender.emotions, contender.intensities, strict=True):
        if metric == "mean_pearson_r":
            assert votes is not None, "left out above"
            deviation = intensities.std(axis=0)
            alike = intensities / np.where(deviation > 0, deviation, 1.0)
            terms = metrics.correlation_moments(votes, alike)
        else:
            values = metrics.BY_NAME[metric].function(labels, emotions)
            terms = np.column_stack([values, np.ones(len(labels))])
        flat = sum_by_group(terms.reshape(len(labels), -1), group, n_groups)
        repeats.append(flat.reshape(n_groups, *terms.shape[1:]))
    return _Sums(metric, np.stack(repeats, axis=1))


def _permuted(first: _Sums, second: _Sums, patterns: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the observed difference and its p-value under swaps of whole groups."""
    assert not patterns[0].any(), "the first pattern swaps nothing"
    swapped = np.tensordot(patterns.astype(np.float64), second.by_group - first.by_group, 1)
    differences = first.value(first.by_group.sum(axis=0) + swapped) - second.value(
        second.by_group.sum(axis=0) - swapped
    )
    observed = float(differences[0])
    # The observed swaps are among the patterns, so that p is never 0.
    return observed, float(np.mean(np.abs(differences) >= abs(observed) - ROUNDING))

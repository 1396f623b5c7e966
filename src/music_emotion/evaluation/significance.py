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
* Where both models were trained several times, on the same fold seeds, another training is a
  possibility as other artists are. The difference is then tested as a mean over two crossed random
  factors, artists and repeats (Clark, *The language-as-fixed-effect fallacy*, Journal of Verbal
  Learning and Verbal Behavior 12, 1973): its standard error is that of the bootstrap which draws
  both, and its ratio to it is compared with the t distribution whose degrees of freedom are those
  of Satterthwaite (*An approximate distribution of estimates of variance components*, Biometrics
  Bulletin 2, 1946).
* All p-values of a table are adjusted together by Holm's method (Holm, *A simple sequentially
  rejective multiple test procedure*, Scandinavian Journal of Statistics 6, 1979).

The interval of a difference comes from the same bootstrap (:mod:`.bootstrap`), both models seeing
the same artists and the same fold seeds. With one fold seed neither it nor p holds what another
training of the same models would change.
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
from music_emotion.evaluation.bootstrap import (
    mean_over_repeats,
    percentile_interval,
    resample_groups,
    resample_repeats,
    sum_by_group,
)
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
    #: the fold seed of each repeat; by default those of the tests from the first on
    seeds: tuple[int, ...] = ()


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
    repeats: int = 1  #: fold seeds that both models have and the test uses
    #: standard error of the difference, and the part of it that comes from the repeats alone; NaN
    #: where that is not known, with one repeat
    error: float = float("nan")
    repeat_error: float = float("nan")

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
    seeds: tuple[int, ...]  #: the models' fold seeds; each test uses those that both models have
    groups: int  #: number of groups that were swapped and resampled
    tests: tuple[PairedTest, ...]  #: every pair of models by :attr:`.results.ModelResult.title`


@dataclass(frozen=True, slots=True)
class _Sums:
    """A metric of one model as sums over the tracks of each group, shape (groups, repeats, …)."""

    metric: Tested
    by_group: Floats

    def take(self, repeats: Sequence[int]) -> _Sums:
        """Return some of the repeats."""
        return replace(self, by_group=self.by_group[:, list(repeats)])

    def value(self, sums: Floats) -> Floats:
        """Return the metric, averaged over repeats, from sums of shape (b, repeats, …)."""
        return np.asarray(self.values(sums).mean(axis=1))

    def values(self, sums: Floats) -> Floats:
        """Return the metric of each repeat, shape (b, repeats), from sums (b, repeats, …)."""
        if self.metric == "mean_pearson_r":
            values = metrics.mean_over_emotions(metrics.pearson_from_moments(sums))
        else:
            values = sums[..., 0] / np.maximum(sums[..., 1], 1.0)
        return np.asarray(values)


def paired_tests(
    contenders: Sequence[Contender],
    labels: NDArray[np.integer],
    votes: NDArray[np.floating] | None,
    groups: NDArray[np.integer],
    *,
    seeds: Sequence[int] = (),
    compared: Sequence[Tested] = TESTED,
    seed: int = 0,
    swaps: int = SWAPS,
) -> tuple[PairedTest, ...]:
    """Return a test of each metric for each pair of models, adjusted together.

    Parameters
    ----------
    contenders
        The models, each with the same tracks; two that have no fold seed in common are not tested.
    labels, votes
        What people said, shapes (tracks,) and (tracks, 9); without votes r is left out. Where each
        fold seed scores other items, shapes (seeds, tracks) and (seeds, tracks, 9).
    groups
        What is swapped and resampled as a whole, shape (tracks,) or (seeds, tracks).
    seeds
        All fold seeds; by default as many as the first contender has repeats, from 0 on.
    seed, swaps
        Of the random swaps: their seed and least number, :data:`SWAPS_PER_TEST` if that is more.

    Raises
    ------
    EvaluationError
        If a model has other tracks than the rest, or fold seeds that are not among all.
    """
    seeds = tuple(seeds) or tuple(range(len(contenders[0].emotions) if contenders else 0))
    contenders = [one if one.seeds else replace(one, seeds=seeds) for one in contenders]
    _check(contenders, labels, groups, seeds)
    chosen = [metric for metric in compared if metric != "mean_pearson_r" or votes is not None]
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    group = np.broadcast_to(group, (len(seeds), np.shape(labels)[-1]))
    told = _Told(seeds, labels, votes, group, len(names))
    resamples = resample_groups(len(names))
    by_name = {contender.name: contender for contender in contenders}
    pairs = list(combinations(by_name, 2))
    swaps = max(swaps, SWAPS_PER_TEST * len(pairs) * len(chosen))
    patterns = swap_patterns(len(names), swaps, np.random.default_rng(seed))
    tests = []
    for metric in chosen:
        sums = {name: told.sums(metric, contender) for name, contender in by_name.items()}
        resampled = {
            name: one.values(np.tensordot(resamples, one.by_group, 1)) for name, one in sums.items()
        }
        for pair in pairs:
            ours, theirs = common_repeats(*(by_name[name].seeds for name in pair))
            if not ours:
                continue
            draws = resampled[pair[0]][:, ours] - resampled[pair[1]][:, theirs]
            sides = sums[pair[0]].take(ours), sums[pair[1]].take(theirs)
            tests.append(_paired_test(pair, sides, draws, patterns))
    adjusted = holm(np.array([test.p for test in tests]))
    return tuple(
        replace(test, p_adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)
    )


def common_repeats(ours: Sequence[int], theirs: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return where the fold seeds that both have stand in either, in increasing order.

    >>> common_repeats((42, 43, 44), (44, 42))
    ([0, 2], [1, 0])
    """
    both = sorted(set(ours) & set(theirs))
    return [list(ours).index(seed) for seed in both], [list(theirs).index(seed) for seed in both]


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


def _paired_test(
    pair: tuple[str, str],
    sides: tuple[_Sums, _Sums],
    draws: Floats,
    patterns: NDArray[np.bool_],
) -> PairedTest:
    """Test two models; ``draws`` (b, repeats) are differences of resampled groups."""
    first, second = sides
    repeats = draws.shape[1]
    distribution = mean_over_repeats(draws, resample_repeats(repeats, n_resamples=len(draws)))
    error = float(np.nanstd(distribution))
    repeat_error = float("nan")
    if repeats == 1:
        observed, p = _permuted(first, second, patterns)
    else:
        whole = (side.by_group.sum(axis=0)[None] for side in sides)
        mine, yours = (side.values(sums)[0] for side, sums in zip(sides, whole, strict=True))
        observed = float(np.mean(mine - yours))
        repeat_error = float(np.std(mine - yours, ddof=1) / np.sqrt(repeats))
        p = _crossed_p(observed, error, repeat_error, len(first.by_group), repeats)
    limits = percentile_interval(distribution)
    return PairedTest(*pair, first.metric, observed, *limits, p, p, repeats, error, repeat_error)


def _crossed_p(
    difference: float, error: float, repeat_error: float, groups: int, repeats: int
) -> float:
    """Return the two-sided p of a difference by its standard error over groups and repeats."""
    from scipy.stats import t as student

    if error <= ROUNDING:
        return 1.0 if abs(difference) <= ROUNDING else 0.0
    of_repeats = min(repeat_error, error) ** 2
    of_groups = error**2 - of_repeats
    freedom = error**4 / (of_groups**2 / max(groups - 1, 1) + of_repeats**2 / (repeats - 1))
    return float(2.0 * student.sf(abs(difference) / error, freedom))


def _check(
    contenders: Sequence[Contender],
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    seeds: Sequence[int],
) -> None:
    names = [contender.name for contender in contenders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise EvaluationError("a paired test needs two models or more, each with its own name")
    if np.shape(groups)[-1] != np.shape(labels)[-1]:
        raise EvaluationError(
            f"{np.shape(groups)[-1]} groups for {np.shape(labels)[-1]} tracks: give one each"
        )
    for contender in contenders:
        shape = (len(contender.seeds), np.shape(labels)[-1], metrics.N_EMOTIONS)
        if not set(contender.seeds) <= set(seeds):
            raise EvaluationError(f"{contender.name} has fold seeds that are not among the others'")
        for predicted in (contender.emotions, contender.intensities):
            if predicted.shape != shape:
                raise EvaluationError(
                    f"{contender.name} predicts {predicted.shape}, not {shape}: compare models on "
                    "the same tracks and fold seeds"
                )


@dataclass(frozen=True, slots=True)
class _Told:
    """What people said of the items of each fold seed."""

    seeds: tuple[int, ...]
    labels: NDArray[np.integer]
    votes: NDArray[np.floating] | None
    group: NDArray[np.int64]  #: shape (seeds, items)
    n_groups: int

    def sums(self, metric: Tested, contender: Contender) -> _Sums:
        """Return a model's metric as sums over the items of each group, for each of its repeats."""
        n = self.group.shape[1]
        labels = np.broadcast_to(self.labels, (len(self.seeds), n))
        repeats = []
        for place, seed in enumerate(contender.seeds):
            row = self.seeds.index(seed)
            emotions, intensities = contender.emotions[place], contender.intensities[place]
            if metric == "mean_pearson_r":
                assert self.votes is not None, "left out above"
                votes = self.votes if self.votes.ndim == 2 else self.votes[row]
                deviation = intensities.std(axis=0)
                alike = intensities / np.where(deviation > 0, deviation, 1.0)
                terms = metrics.correlation_moments(votes, alike)
            else:
                values = metrics.BY_NAME[metric].function(labels[row], emotions)
                terms = np.column_stack([values, np.ones(n)])
            flat = sum_by_group(terms.reshape(n, -1), self.group[row], self.n_groups)
            repeats.append(flat.reshape(self.n_groups, *terms.shape[1:]))
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

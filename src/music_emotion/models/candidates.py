"""What a kernel model may choose from, and how it chooses: by what means of candidates are worth.

Candidates are compared in a cross-validation over groups inside the training part
(`divide_groups`), and the mean is put together round by round (`choose`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.pooling import Units
from music_emotion.models.views import (
    View,
    fit_view,
    group_distances,
    group_numbers,
    learn_weights,
)

Floats = NDArray[np.float64]

DOUBT = 30.0
"""Listeners whose doubt equals the model's own: a unit of n listeners has noise (n + 30) / n."""

INNER_FOLDS = 5
SEARCH_UNITS = 500
"""With more units than this, as many are drawn (whole groups) for the search; the fit takes all."""

ROUNDS = 8
"""Regressions of a blend, and classifiers, repetitions included."""

RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Of the regressions; tried with each kernel."""

WIDTHS = (0.25, 0.5, 1.0, 2.0)
"""Widths of the Gaussian, per mean squared distance, tried with each view."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to compare tracks.

    Attributes
    ----------
    shares
        (feature, share of the squared distance) pairs; shares sum to 1.
    learned
        Whether the weight of each group of columns is learned (`models.views`).
    widths
        Of the Gaussian; each is tried.
    """

    shares: tuple[tuple[str, float], ...]
    learned: bool = False
    widths: tuple[float, ...] = WIDTHS

    def __str__(self) -> str:
        blocks = " + ".join(f"{share:g} {name}" for name, share in self.shares)
        return f"{blocks}{', learned weights' if self.learned else ''}"


Estimator = Literal["regression", "classifier"]


@dataclass(frozen=True, slots=True)
class Member:
    """A chosen candidate with its width, its ridge (or penalty) and its weight in the mean."""

    estimator: Estimator
    candidate: Candidate
    width: float
    ridge: float
    weight: float

    def __str__(self) -> str:
        amount = "ridge" if self.estimator == "regression" else "penalty"
        return (
            f"{self.weight:g} × {self.estimator} "
            f"({self.candidate}, width {self.width:g}, {amount} {self.ridge:g})"
        )


Tried = tuple[Estimator, Candidate, float, float]
"""A member without its weight."""


def grid(
    estimator: Estimator, candidates: Sequence[Candidate], ridges: Sequence[float]
) -> list[Tried]:
    """Return every candidate with each of its widths and each of the ridges."""
    return [
        (estimator, candidate, width, ridge)
        for candidate in candidates
        for width in candidate.widths
        for ridge in ridges
    ]


def divide_groups(group: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return a fold per unit, groups whole, folds of about equal size.

    Groups are dealt out from the largest to the smallest (ties at random), each to the fold that
    is smallest so far.
    """
    groups, member = np.unique(group, return_inverse=True)
    size = np.bincount(member)
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    fold_of_group = np.empty(len(groups), dtype=np.int64)
    filled = np.zeros(folds)
    for number in shuffled[np.argsort(-size[shuffled], kind="stable")]:
        fold_of_group[number] = filled.argmin()
        filled[fold_of_group[number]] += size[number]
    return fold_of_group[member]


def choose(
    outputs: Floats, tried: Sequence[Tried], merit: Callable[[Floats], float], rounds: int
) -> list[Member]:
    """Add, round by round, the output that raises the mean's merit most (with repetition).

    Caruana and others, *Ensemble selection from libraries of models*, ICML 2004.
    """
    picked: list[int] = []
    total = np.zeros_like(outputs[0])
    for size in range(1, rounds + 1):
        merits = [merit((total + output) / size) for output in outputs]
        picked.append(int(np.argmax(merits)))
        total = total + outputs[picked[-1]]
    return [
        Member(*tried[number], weight=picked.count(number) / rounds)
        for number in sorted(set(picked))
    ]


def some_groups(group: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return which units are of groups that are drawn at random until they are enough."""
    if len(group) <= SEARCH_UNITS:
        return np.ones(len(group), bool)
    groups, member = np.unique(group, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(groups))
    reached = np.cumsum(np.bincount(member)[order])
    enough = max(2, int(np.searchsorted(reached, SEARCH_UNITS)) + 1)
    return np.isin(member, order[:enough])


def relative_noise(people: NDArray[np.int64]) -> Floats:
    """Return the relative noise variance of what so many people said of each unit, mean 1."""
    noise = (people + DOUBT) / people
    relative: Floats = noise / noise.mean()
    return relative


def fit_candidate_view(
    units: Units, candidate: Candidate, targets: Floats, noise: Floats, seed: int
) -> View:
    """Fit a candidate's view of units, learning what counts where it is to be learned.

    Parameters
    ----------
    units
        The training units.
    candidate
        Whose view.
    targets
        What the regressions learn, shape (n, outputs).
    noise
        Relative noise variance of each unit, shape (n,), mean 1.
    seed
        Of the draw of groups, where there are more units than the weights are learned from.
    """
    shares = dict(candidate.shares)
    if not candidate.learned:
        return fit_view(units.features, shares)
    is_drawn = some_groups(units.group, seed)
    some = units
    if not is_drawn.all():
        some, targets, noise = units.take(is_drawn), targets[is_drawn], noise[is_drawn]
        noise = noise / noise.mean()
    plain = fit_view(some.features, shares)
    groups = group_numbers(plain.sizes)
    distances = group_distances(plain(some.features), groups[plain.columns], groups.max() + 1)
    weights = learn_weights(distances, targets, noise)
    return fit_view(units.features, shares, weights)

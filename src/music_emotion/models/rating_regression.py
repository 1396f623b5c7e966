"""Kernel regressions of ratings: what a blend does where raters' scales are to be learned.

The members are the regressions of `models.blend`, chosen by how their mean correlates with the
ratings out of the inner folds, averaged over the scales. A unit's ratings are those of the whole:
they are predicted from what is pooled over it, as they were learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import ModelError
from music_emotion.models.candidates import (
    INNER_FOLDS,
    RIDGES,
    Candidate,
    Member,
    choose,
    divide_groups,
    fit_candidate_view,
    grid,
    relative_noise,
    some_groups,
)
from music_emotion.models.fitted_blend import KernelModel
from music_emotion.models.kernel import (
    gaussian,
    mean_correlation,
    solve_dual,
    solve_path,
    squared_distances,
)
from music_emotion.models.pooling import Units
from music_emotion.progress import Progress

Floats = NDArray[np.float64]

FEWEST_RATED = 10
"""Units with all ratings that a regression needs."""


@dataclass(frozen=True, slots=True)
class Standard:
    """The middle and the spread of the ratings that were learned, each of shape (k,)."""

    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, ratings: Floats) -> Standard:
        """Take them from the ratings of the training part, shape (n, k); none may be constant."""
        deviation = ratings.std(axis=0)
        return cls(ratings.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def of(self, ratings: Floats) -> Floats:
        """Return ratings in deviations from the middle, shape (n, k)."""
        standard: Floats = (ratings - self.mean) / self.deviation
        return standard

    def ratings(self, standard: Floats) -> Floats:
        """Return the ratings again."""
        values: Floats = standard * self.deviation + self.mean
        return values


@dataclass(frozen=True, slots=True)
class RatingRegression:
    """Fitted regressions of ratings; their outputs are summed."""

    members: tuple[Member, ...]
    kernel_models: tuple[KernelModel, ...]
    standard: Standard
    correlation: float  #: mean r out of the inner folds

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Return the ratings of pooled units, shape (n, k)."""
        outputs = np.sum([kernel_model(features) for kernel_model in self.kernel_models], axis=0)
        return self.standard.ratings(outputs)


def rated(units: Units) -> Units:
    """Return the units that were rated on every scale.

    Raises
    ------
    ModelError
        If they are too few to learn from.
    """
    if units.ratings.shape[1] == 0:
        raise ModelError("there are no ratings to learn")
    is_rated: NDArray[np.bool_] = np.all(np.isfinite(units.ratings), axis=1)
    if (count := int(is_rated.sum())) < FEWEST_RATED:
        raise ModelError(
            f"{count} of the training tracks are rated on every scale, and a regression needs "
            f"{FEWEST_RATED}: rate more, or name fewer scales with --ratings"
        )
    return units.take(is_rated)


def fit_ratings(
    units: Units,
    candidates: Sequence[Candidate],
    rounds: int,
    seed: int,
    progress: Progress | None = None,
) -> RatingRegression:
    """Choose ``rounds`` regressions, repetitions included, and fit them on all rated units.

    Raises
    ------
    ModelError
        If too few units are rated, or all are of one group.
    """
    units = rated(units)
    if len(np.unique(units.group)) < 2:
        raise ModelError("ratings cannot be learned: all rated tracks are of one artist")
    standard = Standard.fit(units.ratings)
    searched = units.take(some_groups(units.group, seed))
    outputs = _left_out(searched, candidates, standard, seed, progress)
    truth = standard.of(searched.ratings)

    def correlation(predicted: Floats) -> float:
        return mean_correlation(predicted, truth)

    members = choose(outputs, grid("regression", candidates, RIDGES), correlation, rounds)
    tried = grid("regression", candidates, RIDGES)
    weight = {(one.candidate, one.width, one.ridge): one.weight for one in members}
    weights = np.array([weight.get(each[1:], 0.0) for each in tried])
    kernel_models = _kernel_models(units, members, standard, seed)
    if progress is not None:
        progress(INNER_FOLDS + 1, INNER_FOLDS + 1)
    return RatingRegression(
        tuple(members),
        kernel_models,
        standard,
        correlation(np.tensordot(weights, outputs, 1)),
    )


def _left_out(
    units: Units,
    candidates: Sequence[Candidate],
    standard: Standard,
    seed: int,
    progress: Progress | None,
) -> Floats:
    """Return what each regression says of units that were left out, shape (tried, n, k)."""
    folds = divide_groups(units.group, INNER_FOLDS, seed)
    tried = len(grid("regression", candidates, RIDGES))
    outputs = np.zeros((tried, len(units), units.ratings.shape[1]))
    for fold in range(INNER_FOLDS):
        inside, outside = units.take(folds != fold), units.take(folds == fold)
        if len(outside):
            outputs[:, folds == fold] = _predict_all(inside, outside, candidates, standard, seed)
        if progress is not None:
            progress(fold + 1, INNER_FOLDS + 1)
    return outputs


def _predict_all(
    inside: Units, outside: Units, candidates: Sequence[Candidate], standard: Standard, seed: int
) -> list[Floats]:
    """Return what each regression says of ``outside``, in the order of the grid."""
    targets, noise = standard.of(inside.ratings), relative_noise(inside.raters)
    said = list[Floats]()
    for candidate in candidates:
        view = fit_candidate_view(inside, candidate, targets, noise, seed)
        points = view(inside.features)
        between = squared_distances(view(outside.features), points)
        among = squared_distances(points, points)
        for width in candidate.widths:
            crossed = gaussian(between, width)
            duals = solve_path(gaussian(among, width), targets, noise, RIDGES)
            said.extend(crossed @ dual for dual in duals)
    return said


def _kernel_models(
    units: Units, members: Sequence[Member], standard: Standard, seed: int
) -> tuple[KernelModel, ...]:
    """Fit the chosen members on all units."""
    targets, noise = standard.of(units.ratings), relative_noise(units.raters)
    kernel_models = []
    for candidate in dict.fromkeys(member.candidate for member in members):
        view = fit_candidate_view(units, candidate, targets, noise, seed)
        support = view(units.features)
        among = squared_distances(support, support)
        duals: dict[float, Floats] = {}
        for member in members:
            if member.candidate == candidate:
                found = solve_dual(gaussian(among, member.width), targets, noise, member.ridge)
                before = duals.get(member.width, np.zeros_like(found))
                duals[member.width] = before + member.weight * found
        kernel_models.append(KernelModel(view, support, tuple(duals), tuple(duals.values())))
    return tuple(kernel_models)

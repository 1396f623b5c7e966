"""Kernel regressions on what a pretrained network hears and on cheap descriptors, blended.

A *procedure*: from a fixed list of candidates it takes, inside the training part, those whose mean
predicts left-out artists best, and fits the map from intensities to the dominant emotion on the
same left-out predictions. `docs/blend.md` tells what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.models.base import Examples, FitReport, Prediction, Progress, Target
from music_emotion.models.dominance import Dominance
from music_emotion.models.kernel_ridge import (
    KernelRidge,
    RidgePath,
    Standardiser,
    gaussian,
    mean_correlation,
    weighted_sum,
)
from music_emotion.models.pooling import Items, pool

Floats = NDArray[np.float64]

DOUBT = 10.0
"""Listeners whose doubt equals the model's own: an item of n listeners has noise (n + 10) / n."""

SEARCH_ITEMS = 1_500
"""With more items than this (whole groups) are drawn for the search; the fit takes all."""

ROUNDS = 8
"""Members of a blend, repetitions included."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kernel: which features, what each counts for, how wide.

    Attributes
    ----------
    shares
        (feature, share of the squared distance) pairs; shares sum to 1.
    width
        Of the Gaussian, per mean squared distance.
    """

    shares: tuple[tuple[str, float], ...]
    width: float

    def __str__(self) -> str:
        blocks = " + ".join(f"{share:g} {name}" for name, share in self.shares)
        return f"{blocks}, width {self.width:g}"


RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Tried with each kernel."""


@dataclass(frozen=True, slots=True)
class Member:
    """A chosen candidate and what the search found for it."""

    candidate: Candidate
    ridge: float
    weight: float


class KernelBlend:
    """Average of kernel ridge regressions, chosen by leaving out artists.

    Parameters
    ----------
    name
        In the registry.
    candidates
        What may be chosen.
    rounds
        Members of the blend, repetitions included; 1 takes the best single candidate.
    """

    def __init__(self, name: str, candidates: Sequence[Candidate], *, rounds: int = ROUNDS) -> None:
        self.name = name
        self.candidates = tuple(candidates)
        self.rounds = rounds
        names = (block for candidate in candidates for block, _ in candidate.shares)
        self.feature_names: tuple[str, ...] = tuple(dict.fromkeys(names))
        self.members_: tuple[Member, ...] = ()
        self.regressions_: tuple[KernelRidge, ...] = ()
        self.dominance_: Dominance | None = None

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Choose members, fit them, fit the map to the dominant emotion.

        With ``votes`` the regressions learn the vote fractions and the dominant emotion follows
        from these; with ``label`` they learn the one-hot label beside them.

        Raises
        ------
        ModelError
            If there are no examples, or all are of one group.
        """
        if len(examples) == 0:
            raise ModelError(f"{self.name} cannot be fitted: the training part is empty")
        items = pool(examples, self.feature_names)
        if len(np.unique(items.group)) < 2:
            raise ModelError(f"{self.name} cannot be fitted: all tracks are of one artist")
        searched = _some_groups(items, seed)
        chosen, left_out, score = self._search(searched, target, progress)
        self.members_ = chosen
        self.regressions_ = tuple(_regression(items, member, target) for member in chosen)
        wanted = _targets(searched, target)[:, : len(EMOTIONS)]
        self.dominance_ = Dominance.fit(
            left_out[:, : len(EMOTIONS)], searched.label, wanted.mean(axis=0)
        )
        return FitReport(
            notes=(
                f"mean r over left-out artists {score:.3f}",
                *(f"{m.weight:.3f} × ({m.candidate}, ridge {m.ridge:g})" for m in chosen),
                f"slope {self.dominance_.slope:.2f}",
            ),
            parameters=sum(regression.dual.size for regression in self.regressions_),
        )

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction.

        Raises
        ------
        ModelError
            If the model has not been fitted.
        """
        if self.dominance_ is None:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        items = pool(examples, self.feature_names)
        predicted = weighted_sum(
            [regression(items.features) for regression in self.regressions_],
            [member.weight for member in self.members_],
        )
        emotions = self.dominance_(predicted[:, : len(EMOTIONS)])
        intensities = np.clip(predicted[:, -len(EMOTIONS) :], 0.0, 1.0)
        return Prediction(
            emotions[items.item_of_row].astype(np.float32),
            intensities[items.item_of_row].astype(np.float32),
        )

    def _search(
        self, items: Items, target: Target, progress: Progress | None
    ) -> tuple[tuple[Member, ...], Floats, float]:
        """Return the members, the blend's left-out predictions and their mean r."""
        targets, noise = _targets(items, target), _noise(items, target)
        tried: list[tuple[Candidate, float]] = []
        predictions: list[Floats] = []
        for number, candidate in enumerate(self.candidates):
            kernel = _kernel(items.features, candidate)[2]
            path = RidgePath(kernel, targets, noise, items.group)
            for ridge in RIDGES:
                tried.append((candidate, ridge))
                predictions.append(path.left_out(ridge))
            if progress is not None:
                progress(number + 1, len(self.candidates))
        picked = _greedy(predictions, targets[:, : len(EMOTIONS)], self.rounds)
        weights = {number: picked.count(number) / len(picked) for number in picked}
        members = tuple(Member(*tried[number], weight) for number, weight in weights.items())
        blended = weighted_sum([predictions[number] for number in weights], list(weights.values()))
        return members, blended, _score(blended, targets[:, : len(EMOTIONS)])


def _score(predicted: Floats, targets: Floats) -> float:
    return mean_correlation(predicted[:, : targets.shape[1]], targets)


def _greedy(predictions: Sequence[Floats], targets: Floats, rounds: int) -> list[int]:
    """Add, round by round, the prediction that raises the mean's score most (with repetition).

    Caruana and others, *Ensemble selection from libraries of models*, ICML 2004.
    """
    picked: list[int] = []
    total = np.zeros_like(predictions[0])
    for _ in range(rounds):
        scores = [_score((total + each) / (len(picked) + 1), targets) for each in predictions]
        best = int(np.argmax(scores))
        picked.append(best)
        total = total + predictions[best]
    return picked


def _targets(items: Items, target: Target) -> Floats:
    """Return what is regressed: what decides the emotion, then the vote fractions."""
    if target == "votes":
        return items.vote_fractions
    return np.concatenate([np.eye(len(EMOTIONS))[items.label], items.vote_fractions], axis=1)


def _noise(items: Items, target: Target) -> Floats:
    """Return the relative noise variance of each item, shape (n,), mean 1."""
    if target == "label":
        return np.ones(len(items))
    noise = (items.listeners + DOUBT) / items.listeners
    relative: Floats = noise / noise.mean()
    return relative


def _kernel(
    features: Mapping[str, Floats], candidate: Candidate
) -> tuple[Standardiser, Floats, Floats]:
    """Return the standardiser, the standardised items and their kernel."""
    standardiser = Standardiser.fit(features, dict(candidate.shares))
    support = standardiser(features)
    return standardiser, support, gaussian(support, support, candidate.width)


def _regression(items: Items, member: Member, target: Target) -> KernelRidge:
    """Fit a chosen member on all items."""
    from scipy.linalg import solve

    standardiser, support, kernel = _kernel(items.features, member.candidate)
    kernel[np.diag_indices_from(kernel)] += member.ridge * _noise(items, target)
    dual = solve(kernel, _targets(items, target), assume_a="pos", overwrite_a=True)
    return KernelRidge(standardiser, support, member.candidate.width, dual)


def _some_groups(items: Items, seed: int) -> Items:
    """Return the items of groups drawn at random until they are enough for the search."""
    if len(items) <= SEARCH_ITEMS:
        return items
    groups = np.random.default_rng(seed).permutation(np.unique(items.group))
    sizes = np.bincount(items.group)[groups]
    enough = int(np.searchsorted(np.cumsum(sizes), SEARCH_ITEMS)) + 1
    chosen = np.flatnonzero(np.isin(items.group, groups[: max(enough, 2)]))[:SEARCH_ITEMS]
    return Items(
        features={name: values[chosen] for name, values in items.features.items()},
        label=items.label[chosen],
        group=items.group[chosen],
        listeners=items.listeners[chosen],
        vote_fractions=items.vote_fractions[chosen],
        item_of_row=np.arange(len(chosen)),
    )


WIDTHS = (0.5, 1.0, 2.0)

BLEND_CANDIDATES = tuple(
    Candidate(shares, width)
    for shares in (
        (("musicnn", 1.0),),
        (("summary", 1.0),),
        (("musicnn", 0.5), ("summary", 0.5)),
        (("musicnn", 0.75), ("summary", 0.25)),
    )
    for width in WIDTHS
)
LIGHT_CANDIDATES = tuple(Candidate((("summary", 1.0),), width) for width in WIDTHS)


def blend() -> KernelBlend:
    """Return an unfitted ``blend``."""
    return KernelBlend("blend", BLEND_CANDIDATES)


def light() -> KernelBlend:
    """Return an unfitted ``light``: the cheap descriptors only."""
    return KernelBlend("light", LIGHT_CANDIDATES)

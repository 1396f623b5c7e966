"""Kernel regressions on what a pretrained network hears and on cheap descriptors, blended.

A *procedure*: from a fixed list of candidates it takes, inside the training part, those whose mean
predicts left-out artists best, and fits the map from intensities to the dominant emotion on the
same left-out predictions. `docs/blend.md` tells what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.models.base import Examples, FitReport, Prediction, Progress, Target
from music_emotion.models.dominance import Dominance
from music_emotion.models.kernel_ridge import (
    Block,
    RidgePath,
    gaussian,
    mean_correlation,
    solve_dual,
    squared_distances,
)
from music_emotion.models.pooling import POOLING, Items, pool

if TYPE_CHECKING:
    from onnx import ModelProto

Floats = NDArray[np.float64]

DOUBT = 10.0
"""Listeners whose doubt equals the model's own: an item of n listeners has noise (n + 10) / n."""

SEARCH_ITEMS = 1_500
"""With more items than this, whole groups are drawn for the search; the fit takes all."""

ROUNDS = 8
"""Members of a blend, repetitions included."""

RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Tried with each kernel."""

WIDTHS = (0.25, 0.5, 1.0, 2.0)
"""Tried with each choice of features, per mean squared distance."""


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


@dataclass(frozen=True, slots=True)
class Member:
    """A chosen candidate with its ridge and its weight in the mean."""

    candidate: Candidate
    ridge: float
    weight: float


@dataclass(frozen=True, slots=True)
class FittedBlend:
    """Everything a fitted blend predicts with.

    Attributes
    ----------
    blocks, support
        Per feature its standardisation and the training items as points, (items, k).
    members, dual
        The members, and for each the coefficients times its weight, shape (items, outputs).
    dominance
        From the first nine outputs to the probabilities of the dominant emotion.
    """

    blocks: Mapping[str, Block]
    support: Mapping[str, Floats]
    members: tuple[Member, ...]
    dual: tuple[Floats, ...]
    dominance: Dominance

    @property
    def used(self) -> tuple[str, ...]:
        """The features that some member looks at, in order."""
        looked_at = {name for member in self.members for name, _ in member.candidate.shares}
        return tuple(name for name in self.blocks if name in looked_at)

    def __call__(self, features: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Return emotions and intensities of pooled items, each (n, 9)."""
        distances = {
            name: squared_distances(self.blocks[name](features[name]), self.support[name])
            for name in self.used
        }
        outputs = sum(
            gaussian(distances, member.candidate.shares, member.candidate.width) @ dual
            for member, dual in zip(self.members, self.dual, strict=True)
        )
        assert isinstance(outputs, np.ndarray)
        decisive, intensities = strengths(outputs)
        return self.dominance(decisive), intensities


class KernelBlend:
    """Mean of kernel ridge regressions, chosen by leaving out artists.

    Parameters
    ----------
    name
        In the registry.
    candidates
        What may be chosen.
    rounds
        Members of the blend, repetitions included; 1 takes the best single candidate.
    """

    pooling: Mapping[str, tuple[str, ...]]
    window_seconds = 12.0
    """Span behind one point of a timeline: four segments, so that it has a deviation."""

    def __init__(self, name: str, candidates: Sequence[Candidate], *, rounds: int = ROUNDS) -> None:
        self.name = name
        self.candidates = tuple(candidates)
        self.rounds = rounds
        names = (block for candidate in candidates for block, _ in candidate.shares)
        self.feature_names: tuple[str, ...] = tuple(dict.fromkeys(names))
        self.pooling = dict.fromkeys(self.feature_names, POOLING)
        self.fitted_: FittedBlend | None = None

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
        members, left_out, score = self._search(searched, target, progress)
        decisive = strengths(left_out)[0]
        dominance = Dominance.fit(decisive, searched.label, decisive.mean(axis=0))
        self.fitted_ = _fit_members(items, self.feature_names, members, target, dominance)
        return FitReport(
            notes=(
                f"mean r over left-out artists {score:.3f}",
                *(f"{m.weight:g} × ({m.candidate}, ridge {m.ridge:g})" for m in members),
                f"slope {dominance.slope:.2f}",
            ),
            parameters=sum(dual.size for dual in self.fitted_.dual),
        )

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction.

        Raises
        ------
        ModelError
            If the model has not been fitted.
        """
        items = pool(examples, self.feature_names)
        emotions, intensities = self._require_fitted()(items.features)
        return Prediction(
            emotions[items.item_of_row].astype(np.float32),
            intensities[items.item_of_row].astype(np.float32),
        )

    def graph(self) -> ModelProto:
        """Return the fitted model as an ONNX graph of pooled features (`models.blend_graph`)."""
        from music_emotion.models.blend_graph import build_graph

        return build_graph(self._require_fitted(), self.name)

    def _require_fitted(self) -> FittedBlend:
        if self.fitted_ is None:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        return self.fitted_

    def _search(
        self, items: Items, target: Target, progress: Progress | None
    ) -> tuple[tuple[Member, ...], Floats, float]:
        """Return the members, the blend's left-out outputs and its mean r."""
        targets, noise = _targets(items, target), _noise(items, target)
        wanted = strengths(targets)[0]
        _, points = _points(items, self.feature_names)
        distances = {name: squared_distances(at, at) for name, at in points.items()}
        tried: list[tuple[Candidate, float]] = []
        outputs: list[Floats] = []
        for number, candidate in enumerate(self.candidates):
            kernel = gaussian(distances, candidate.shares, candidate.width)
            path = RidgePath(kernel, targets, noise, items.group)
            tried.extend((candidate, ridge) for ridge in RIDGES)
            outputs.extend(path.left_out(ridge) for ridge in RIDGES)
            if progress is not None:
                progress(number + 1, len(self.candidates))
        picked = _greedy(outputs, wanted, self.rounds)
        weights = {number: picked.count(number) / len(picked) for number in picked}
        members = tuple(Member(*tried[number], weight) for number, weight in weights.items())
        blended = np.sum([weight * outputs[number] for number, weight in weights.items()], axis=0)
        return members, blended, mean_correlation(strengths(blended)[0], wanted)


def strengths(outputs: Floats) -> tuple[Floats, Floats]:
    """Return what decides the dominant emotion, and the intensities, from regression outputs.

    The last nine outputs are angles, ``arcsin(sqrt(fraction))``, of which the noise of a vote
    fraction does not depend on the fraction; where there are nine before them, these are the
    emotions' one-hot regressions, and decide.
    """
    angles = np.clip(outputs[:, -len(EMOTIONS) :], 0.0, np.pi / 2)
    intensities: Floats = np.square(np.sin(angles))
    if outputs.shape[1] == len(EMOTIONS):
        return intensities, intensities
    return np.clip(outputs[:, : len(EMOTIONS)], 0.0, 1.0), intensities


def _targets(items: Items, target: Target) -> Floats:
    """Return what is regressed; see `strengths`. Anscombe's constants tame the extremes."""
    listeners = items.listeners[:, None]
    ticks = items.vote_fractions * listeners
    angles: Floats = np.arcsin(np.sqrt((ticks + 3 / 8) / (listeners + 3 / 4)))
    if target == "votes":
        return angles
    return np.concatenate([np.eye(len(EMOTIONS))[items.label], angles], axis=1)


def _noise(items: Items, target: Target) -> Floats:
    """Return the relative noise variance of each item, shape (n,), mean 1."""
    if target == "label":
        return np.ones(len(items))
    noise = (items.listeners + DOUBT) / items.listeners
    relative: Floats = noise / noise.mean()
    return relative


def _points(items: Items, names: tuple[str, ...]) -> tuple[dict[str, Block], dict[str, Floats]]:
    blocks = {name: Block.fit(items.features[name]) for name in names}
    return blocks, {name: block(items.features[name]) for name, block in blocks.items()}


def _fit_members(
    items: Items,
    names: tuple[str, ...],
    members: tuple[Member, ...],
    target: Target,
    dominance: Dominance,
) -> FittedBlend:
    """Fit the chosen members on all items."""
    blocks, points = _points(items, names)
    distances = {name: squared_distances(at, at) for name, at in points.items()}
    targets, noise = _targets(items, target), _noise(items, target)
    dual = []
    for member in members:
        kernel = gaussian(distances, member.candidate.shares, member.candidate.width)
        dual.append(member.weight * solve_dual(kernel, targets, noise, member.ridge))
    return FittedBlend(blocks, points, members, tuple(dual), dominance)


def _greedy(outputs: Sequence[Floats], wanted: Floats, rounds: int) -> list[int]:
    """Add, round by round, the output that raises the mean's r most (with repetition).

    Caruana and others, *Ensemble selection from libraries of models*, ICML 2004.
    """
    picked: list[int] = []
    total = np.zeros_like(outputs[0])
    for size in range(1, rounds + 1):
        scores = [
            mean_correlation(strengths((total + output) / size)[0], wanted) for output in outputs
        ]
        best = int(np.argmax(scores))
        picked.append(best)
        total = total + outputs[best]
    return picked


def _some_groups(items: Items, seed: int) -> Items:
    """Return the items of groups drawn at random until they are enough for the search."""
    if len(items) <= SEARCH_ITEMS:
        return items
    groups, member = np.unique(items.group, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(groups))
    reached = np.cumsum(np.bincount(member)[order])
    enough = max(2, int(np.searchsorted(reached, SEARCH_ITEMS)) + 1)
    chosen = np.flatnonzero(np.isin(member, order[:enough]))
    return Items(
        features={name: values[chosen] for name, values in items.features.items()},
        label=items.label[chosen],
        group=items.group[chosen],
        listeners=items.listeners[chosen],
        vote_fractions=items.vote_fractions[chosen],
        item_of_row=np.arange(len(chosen)),
    )


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

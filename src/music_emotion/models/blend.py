"""Kernel models on what a pretrained network hears and on cheap descriptors, blended.

Two means of several members each: regressions of the vote fractions, which give the intensities,
and classifiers of the dominant emotion; both decide which one dominates (`models.dominant_label`).

A *procedure*, not a set of settings: of fixed candidates it takes those whose mean predicts best in
a cross-validation over artists inside the training part, and weighs regressions against classifiers
on the same out-of-fold predictions. What a candidate learns besides coefficients (how much each
kind of feature counts) is learned anew in every inner fold. `docs/blend.md` says what was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.features.segments import segment_count
from music_emotion.models.base import Examples, FitReport, Prediction, Target, one_hot
from music_emotion.models.candidates import (
    INNER_FOLDS,
    RIDGES,
    ROUNDS,
    Candidate,
    Member,
    choose,
    divide_groups,
    fit_candidate_view,
    grid,
    relative_noise,
    some_groups,
)
from music_emotion.models.dominant_label import DominantLabel, panel_probabilities
from music_emotion.models.fitted_blend import (
    FittedBlend,
    KernelModel,
    build_graph,
    build_rating_graph,
    fractions,
)
from music_emotion.models.kernel import (
    gaussian,
    mean_correlation,
    solve_dual,
    solve_logistic_path,
    solve_path,
    squared_distances,
)
from music_emotion.models.pooling import (
    POOLING,
    Spans,
    Units,
    pool_rows,
    pool_spans,
    pool_units,
    predict_by_spans,
    span_ratios,
)
from music_emotion.models.rating_regression import RatingRegression, fit_ratings
from music_emotion.models.sections import Position
from music_emotion.models.views import View
from music_emotion.progress import Progress

if TYPE_CHECKING:
    from onnx import ModelProto

Floats = NDArray[np.float64]

PENALTIES = (0.05, 0.02, 0.008, 0.003)
"""Of the classifiers; tried with each kernel."""


class KernelBlend:
    """Means of kernel regressions and classifiers, chosen by cross-validation over artists.

    ``rounds`` regressions make a blend, and as many classifiers, repetitions included; 1 takes the
    best of each. Ratings are learned from ``rating_candidates``, by default the same.
    """

    window_seconds = 27.0
    """Span that one answer is given for; a track's is the mean over the spans around its segments.
    `docs/blend.md` says what other spans are worth."""

    learns_ratings = True

    def __init__(
        self,
        name: str,
        candidates: Sequence[Candidate],
        *,
        rounds: int = ROUNDS,
        rating_candidates: Sequence[Candidate] = (),
    ) -> None:
        self.name = name
        self.candidates = tuple(candidates)
        self.rounds = rounds
        self.feature_names: tuple[str, ...] = _seen_by(candidates)
        # Private: they are no part of what models of labels and votes are made of.
        self._rating_candidates = tuple(rating_candidates) or self.candidates
        self.pooling: Mapping[str, tuple[str, ...]] = dict.fromkeys(self.feature_names, POOLING)
        self.fitted_: FittedBlend | None = None
        self.ratings_: RatingRegression | None = None
        self.members_: tuple[Member, ...] = ()

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Choose members, weigh their two means against each other, fit them.

        The regressions learn the vote fractions. With ``votes`` the classifiers learn how likely
        each emotion was to dominate, and both decide; with ``label`` they learn the dominant
        emotion, and decide alone. With ``ratings`` the regressions learn those, and there are no
        classifiers (`models.rating_regression`).
        """
        if len(examples) == 0:
            raise ModelError(f"{self.name} cannot be fitted: the training part is empty")
        if target == "ratings":
            return self._fit_ratings(examples, seed, progress)
        units, unit_of_row = pool_units(examples, self.feature_names)
        if len(np.unique(units.group)) < 2:
            raise ModelError(f"{self.name} cannot be fitted: all tracks are of one artist")
        is_searched = some_groups(units.group, seed)
        searched = units.take(is_searched)
        position = Position.fit(units.mean_features)
        spans, _ = pool_spans(
            examples.take(is_searched[unit_of_row]),
            self.feature_names,
            segment_count(self.window_seconds),
            position,
        )
        self.members_ = self._search(searched, target, seed, progress)
        chances, span_intensities = self._left_out(searched, spans, target, seed)
        dominant_label = DominantLabel.fit(
            chances,
            span_intensities,
            searched.label,
            spans.unit,
            use_intensities=target == "votes",
        )
        kernel_models = _kernel_models(units, self.members_, target, seed)
        self.ratings_ = None
        self.fitted_ = FittedBlend(
            _of_spans(kernel_models, span_ratios(searched, spans)), dominant_label, position
        )
        if progress is not None:
            progress(INNER_FOLDS + 1, INNER_FOLDS + 1)
        emotions, intensities = (
            pool_rows(values, spans.unit, ("mean",))
            for values in (dominant_label(chances, span_intensities), span_intensities)
        )
        loss = _log_loss(np.log(emotions), searched.label)
        return FitReport(
            notes=(
                "out of the inner folds: "
                f"mean r {mean_correlation(intensities, searched.vote_fractions):.3f}, "
                f"log-loss {loss:.3f}",
                *map(str, self.members_),
                f"slopes {dominant_label.chance_slope:.2f} of the classifiers, "
                f"{dominant_label.intensity_slope:.2f} of the intensities",
            ),
            parameters=sum(
                int(np.count_nonzero(dual)) for part in kernel_models for dual in part.dual
            ),
        )

    @property
    def rating_candidates(self) -> tuple[Candidate, ...]:
        """What regressions of ratings are chosen from."""
        return self._rating_candidates

    @property
    def rating_feature_names(self) -> tuple[str, ...]:
        """What it sees where it learns ratings."""
        return _seen_by(self._rating_candidates)

    def _fit_ratings(self, examples: Examples, seed: int, progress: Progress | None) -> FitReport:
        units, _ = pool_units(examples, self.rating_feature_names)
        found = fit_ratings(units, self.rating_candidates, self.rounds, seed, progress)
        self.ratings_, self.fitted_, self.members_ = found, None, found.members
        return FitReport(
            notes=(
                f"out of the inner folds: mean r {found.correlation:.3f}",
                *map(str, found.members),
            ),
            parameters=sum(
                int(np.count_nonzero(dual)) for part in found.kernel_models for dual in part.dual
            ),
        )

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction.

        Emotions and intensities are the mean over the unit's spans, ratings those of the whole.
        """
        if self.ratings_ is not None:
            units, unit_of_row = pool_units(examples, self.rating_feature_names)
            return Prediction.of_ratings(self.ratings_(units.features)[unit_of_row])
        fitted = self._require_fitted()
        width = segment_count(self.window_seconds)
        return predict_by_spans(fitted, examples, self.feature_names, width, fitted.position)

    def graph(self) -> ModelProto:
        """Return the fitted model as an ONNX graph of pooled features (`models.fitted_blend`)."""
        if (fitted := self.ratings_) is not None:
            standard = fitted.standard
            return build_rating_graph(
                fitted.kernel_models,
                standard.mean,
                standard.deviation,
                self.rating_feature_names,
                self.name,
            )
        return build_graph(self._require_fitted(), self.feature_names, self.name)

    def _require_fitted(self) -> FittedBlend:
        if self.fitted_ is None:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        return self.fitted_

    def _search(
        self, units: Units, target: Target, seed: int, progress: Progress | None
    ) -> tuple[Member, ...]:
        """Choose the members by what their means are worth out of fold."""
        classifiers = grid("classifier", self.candidates, PENALTIES)
        regressions = grid("regression", self.candidates, RIDGES)
        outputs = np.zeros((len(classifiers) + len(regressions), len(units), len(EMOTIONS)))
        folds = divide_groups(units.group, INNER_FOLDS, seed)
        for fold in range(INNER_FOLDS):
            inside, outside = units.take(folds != fold), units.take(folds == fold)
            if len(outside):
                outputs[:, folds == fold] = self._predict_all(inside, outside, target, seed)
            if progress is not None:
                progress(fold + 1, INNER_FOLDS + 1)

        def likelihood(logits: Floats) -> float:
            return -_log_loss(logits, units.label)

        def correlation(angles: Floats) -> float:
            return mean_correlation(fractions(angles), units.vote_fractions)

        logits, angles = np.split(outputs, [len(classifiers)])
        chosen = choose(logits, classifiers, likelihood, self.rounds)
        return (*choose(angles, regressions, correlation, self.rounds), *chosen)

    def _left_out(
        self, units: Units, spans: Spans, target: Target, seed: int
    ) -> tuple[Floats, Floats]:
        """Return logits and intensities of spans, each (n, 9), of units that are left out."""
        folds = divide_groups(units.group, INNER_FOLDS, seed)
        outputs = np.empty((len(spans.unit), 2 * len(EMOTIONS)))
        for fold in np.unique(folds):
            is_inside = folds != fold
            inside = units.take(is_inside)
            kernel_models = _kernel_models(inside, self.members_, target, seed)
            ratios = span_ratios(inside, spans.take(is_inside[spans.unit]))
            is_outside = ~is_inside[spans.unit]
            outputs[is_outside] = np.sum(
                [
                    part(spans.take(is_outside).features)
                    for part in _of_spans(kernel_models, ratios)
                ],
                axis=0,
            )
        chances, angles = np.split(outputs, [len(EMOTIONS)], axis=1)
        return chances, fractions(angles)

    def _predict_all(
        self, inside: Units, outside: Units, target: Target, seed: int
    ) -> list[Floats]:
        """Return what each classifier, then each regression says of ``outside``."""
        chances, angles, noise = _chances(inside, target), _angles(inside), _noise(inside, target)
        logits, regressed = list[Floats](), list[Floats]()
        for candidate in self.candidates:
            view = _view(inside, candidate, target, seed)
            points = view(inside.features)
            between = squared_distances(view(outside.features), points)
            among = squared_distances(points, points)
            for width in candidate.widths:
                kernel, crossed = gaussian(among, width), gaussian(between, width)
                duals = solve_logistic_path(kernel, chances, PENALTIES)
                logits.extend(crossed @ dual for dual in duals)
                duals = solve_path(kernel, angles, noise, RIDGES)
                regressed.extend(crossed @ dual for dual in duals)
        return logits + regressed


def _seen_by(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the features that candidates compare, each once."""
    names = (block for candidate in candidates for block, _ in candidate.shares)
    return tuple(dict.fromkeys(names))


def _log_loss(logits: Floats, label: NDArray[np.int64]) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(label)), label].mean())


def _kernel_models(
    units: Units, members: Sequence[Member], target: Target, seed: int
) -> tuple[KernelModel, ...]:
    """Fit the chosen members on all units."""
    chances, angles, noise = _chances(units, target), _angles(units), _noise(units, target)
    kernel_models = []
    for candidate in dict.fromkeys(member.candidate for member in members):
        view = _view(units, candidate, target, seed)
        support = view(units.features)
        among = squared_distances(support, support)
        duals: dict[float, Floats] = {}
        for member in members:
            if member.candidate != candidate:
                continue
            kernel = gaussian(among, member.width)
            dual = duals.setdefault(member.width, np.zeros((len(units), 2 * len(EMOTIONS))))
            if member.estimator == "classifier":
                (found,) = solve_logistic_path(kernel, chances, (member.ridge,))
                dual[:, : len(EMOTIONS)] += member.weight * found
            else:
                found = solve_dual(kernel, angles, noise, member.ridge)
                dual[:, len(EMOTIONS) :] += member.weight * found
        kernel_models.append(KernelModel(view, support, tuple(duals), tuple(duals.values())))
    return tuple(kernel_models)


def _of_spans(
    kernel_models: Sequence[KernelModel], ratios: Mapping[str, Floats]
) -> tuple[KernelModel, ...]:
    """Return models fitted to whole units as such of spans; see `pooling.span_ratios`."""
    return tuple(replace(part, view=part.view.after(ratios)) for part in kernel_models)


def _view(units: Units, candidate: Candidate, target: Target, seed: int) -> View:
    """Fit a candidate's view to what the regressions learn."""
    return fit_candidate_view(units, candidate, _angles(units), _noise(units, target), seed)


def _chances(units: Units, target: Target) -> Floats:
    """Return what the classifiers learn, shape (n, 9), rows sum to 1."""
    if target == "votes":
        return panel_probabilities(units.vote_fractions, units.listeners)
    return one_hot(units.label)


def _angles(units: Units) -> Floats:
    """Return what the regressions learn, shape (n, 9); Anscombe's constants tame the extremes."""
    listeners = units.listeners[:, None]
    ticks = units.vote_fractions * listeners
    angles: Floats = np.arcsin(np.sqrt((ticks + 3 / 8) / (listeners + 3 / 4)))
    return angles


def _noise(units: Units, target: Target) -> Floats:
    """Return the relative noise variance of each unit, shape (n,), mean 1."""
    if target == "label":
        return np.ones(len(units))
    return relative_noise(units.listeners)


MODELS = ("light", "transfer", "blend")
BOTH = (("musicnn", 0.5), ("summary", 0.5))
LEARNED_WIDTHS = (0.5, 1.0, 2.0)

CANDIDATES = {
    "light": (
        Candidate((("summary", 1.0),)),
        Candidate((("summary", 1.0),), learned=True, widths=LEARNED_WIDTHS),
    ),
    "transfer": (Candidate((("musicnn", 1.0),)),),
    "blend": (
        Candidate((("musicnn", 1.0),)),
        Candidate((("summary", 1.0),)),
        Candidate(BOTH),
        Candidate(BOTH, learned=True, widths=LEARNED_WIDTHS),
    ),
}
"""What each model may choose from: the cheap descriptors, the pretrained network's maps, both."""

RATING_CANDIDATES = {
    "light": (
        *CANDIDATES["light"],
        Candidate((("statistics", 1.0),)),
        Candidate((("summary", 0.5), ("statistics", 0.5))),
    ),
    "transfer": CANDIDATES["transfer"],
    "blend": (
        *CANDIDATES["blend"],
        Candidate((("statistics", 1.0),)),
        Candidate((("tags", 1.0),)),
        Candidate((("musicnn", 0.34), ("summary", 0.33), ("statistics", 0.33))),
        Candidate((("musicnn", 0.25), ("summary", 0.25), ("statistics", 0.25), ("tags", 0.25))),
    ),
}
"""The same for ratings. Statistics are of the sound as loud as it is, which arousal depends on."""


def create(name: str, **settings: Any) -> KernelBlend:
    """Return an unfitted model of :data:`CANDIDATES`; none has settings.

    ``transfer`` is transfer learning at its plainest: the best regression and the best classifier
    alone.
    """
    return KernelBlend(
        name,
        CANDIDATES[name],
        rounds=1 if name == "transfer" else ROUNDS,
        rating_candidates=RATING_CANDIDATES[name],
    )

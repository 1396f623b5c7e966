"""How good predictions are: pure functions of arrays, and :func:`evaluate` for all of them.

* ``labels`` (n,) are dominant emotions 0–8; ``emotions`` (n, 9) the predicted probabilities of each
  emotion to be the dominant one. They are scored against each other: accuracy, F1, log-loss, Brier
  score, ROC-AUC, calibration error.
* ``votes`` (n, 9) are vote fractions 0–1; ``intensities`` (n, 9) the predicted ones. They are
  scored against each other: Pearson r as they are; cosine similarity and Jensen–Shannon divergence
  after both are divided by their sums (ticks / all ticks).
* The predicted label is the most probable emotion, ties to the earlier one, as in the annotations.
* Functions ending in a plural (:func:`hits`, :func:`log_losses`, …) return one value per item; the
  metric is their mean. Functions of confusion matrices and of moments take any number of leading
  axes, so that thousands of bootstrap resamples are one call.
* ``rated`` (n, k) are mean ratings on k scales, NaN where nobody rated the item; ``predicted``
  (n, k) the predicted ones. They are scored against each other, scale by scale: Pearson's r,
  Spearman's rho, the concordance correlation, the root of the mean squared error, R².
* Accuracies and F1 are fractions 0–1, never per cent.

:data:`METRICS` lists what a comparison reports. Another metric is a function and a line there: its
value, its interval, its row of ``summary.csv`` and its column of the tables follow.

Examples
--------
>>> reference = Reference(labels=np.array([4, 5]))
>>> emotions = np.full((2, 9), 0.05)
>>> emotions[:, 4] = 0.6
>>> scored = evaluate(reference, Estimated(emotions))
>>> scored["accuracy"], round(scored["log_loss"], 3)
(0.5, 1.753)

Sources
-------
* Precision, recall, F1: Sokolova and Lapalme, *A systematic analysis of performance measures for
  classification tasks*, Information Processing & Management 45, 2009.
* Balanced accuracy: Brodersen et al., *The balanced accuracy and its posterior distribution*,
  ICPR 2010.
* Brier score: Brier, *Verification of forecasts expressed in terms of probability*, Monthly
  Weather Review 78, 1950.
* Expected calibration error: Guo, Pleiss, Sun and Weinberger, *On calibration of modern neural
  networks*, ICML 2017, equation 3.
* Jensen–Shannon divergence: Lin, *Divergence measures based on the Shannon entropy*, IEEE
  Transactions on Information Theory 37, 1991.
* Area under the ROC curve: Hanley and McNeil, *The meaning and use of the area under a receiver
  operating characteristic (ROC) curve*, Radiology 143, 1982.
* Rank correlation: Spearman, *The proof and measurement of association between two things*, The
  American Journal of Psychology 15, 1904.
* Concordance correlation: Lin, *A concordance correlation coefficient to evaluate
  reproducibility*, Biometrics 45, 1989.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_EMOTIONS = len(EMOTIONS)

AMAZEMENT = EMOTIONS.index("amazement")
"""The emotion that only three of EMOTIFY's 400 tracks carry."""

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Probabilities are kept this far from 0 before the logarithm is taken."""

CALIBRATION_BINS = 10
"""Equal-width bins of the top probability in the expected calibration error."""

N_MOMENTS = 6
"""Moments per emotion that a Pearson correlation is made of: n, Σx, Σy, Σx², Σy², Σxy."""

NO_VARIANCE = 1e-14
"""A variance of fractions below this is rounding noise: the values are constant."""


# --- All of them ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """What people said: labels (n,), 0–8, and vote fractions (n, 9), 0–1, where they are known."""

    labels: NDArray[Any]
    votes: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Estimated:
    """What a model says: probabilities (n, 9), and vote fractions (n, 9) where it predicts them."""

    emotions: NDArray[Any]
    intensities: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that is reported."""

    name: str  #: as in ``summary.csv``
    title: str  #: as tables head its column
    meaning: str  #: as they explain it
    #: what ``function`` is given: ``"labels"`` labels and emotions, ``"votes"`` votes and
    #: intensities, for one value per item whose mean is the metric; ``"confusions"`` confusion
    #: matrices, shape (…, 9, 9), ``"areas"`` the emotions' ROC-AUC and ``"correlations"`` their r,
    #: shape (…, 9), for values of shape (…) or (…, 9); ``"whole"`` the same as ``"labels"``, for
    #: one value that is no function of sums over items and therefore gets no interval; of ratings
    #: ``"moments"`` summed :func:`rating_moments` and ``"ranks"`` the rank correlations, shape
    #: (…, k), for values of shape (…, k)
    takes: Literal[
        "labels", "votes", "confusions", "areas", "correlations", "whole", "moments", "ranks"
    ]
    function: Callable[..., Any]
    higher_is_better: bool = True
    is_share: bool = False  #: whether it is a share of items, which tables show in per cent
    has_column: bool = True  #: whether the table of all metrics has a column of it

    @property
    def needs_votes(self) -> bool:
        """Whether it is defined only where listeners' votes are known."""
        return self.takes in ("votes", "correlations")


def validate(reference: Reference, estimated: Estimated) -> None:
    """Raise unless predictions can be scored against the reference.

    Raises
    ------
    EvaluationError
        If nothing is predicted, shapes disagree, a label is none of the nine emotions, or a value
        is negative or not finite.

    Examples
    --------
    >>> validate(Reference(np.array([4])), Estimated(np.eye(9)[[4]]))
    """
    labels = np.asarray(reference.labels)
    shape = (len(labels), N_EMOTIONS)
    for name, values in (
        ("emotions", estimated.emotions),
        ("intensities", estimated.intensities),
        ("votes", reference.votes),
    ):
        if values is None:
            continue
        if np.shape(values) != shape or not len(labels):
            raise EvaluationError(
                f"{name} of shape {np.shape(values)} for {len(labels)} labels: give one row of "
                f"{N_EMOTIONS} per label, and one label or more"
            )
        if not (np.isfinite(values).all() and (np.asarray(values) >= 0).all()):
            raise EvaluationError(f"{name} hold a value that is negative or not finite")
    if not np.isin(labels, np.arange(N_EMOTIONS)).all():
        raise EvaluationError(f"a label is none of 0 to {N_EMOTIONS - 1}")


def evaluate(reference: Reference, estimated: Estimated) -> dict[str, float]:
    """Return every metric of :data:`METRICS` by its name, in that order.

    Those of votes are left out where votes or predicted intensities are not given.

    Raises
    ------
    EvaluationError
        As :func:`validate` does.

    Examples
    --------
    >>> scored = evaluate(Reference(np.array([4, 5])), Estimated(np.eye(9)[[4, 4]]))
    >>> list(scored)[:2], scored["accuracy"], round(scored["macro_f1"], 3)
    (['accuracy', 'macro_f1'], 0.5, 0.333)
    """
    validate(reference, estimated)
    labels, emotions = reference.labels, estimated.emotions
    arguments: dict[str, tuple[Any, ...]] = {
        "labels": (labels, emotions),
        "whole": (labels, emotions),
        "confusions": (confusion_matrix(labels, predicted_labels(emotions)),),
        "areas": (roc_auc(labels, emotions),),
    }
    if reference.votes is not None and estimated.intensities is not None:
        arguments["votes"] = reference.votes, estimated.intensities
        arguments["correlations"] = (pearson_r(reference.votes, estimated.intensities),)
    return {
        metric.name: float(np.mean(metric.function(*arguments[metric.takes])))
        for metric in METRICS
        if metric.takes in arguments
    }


@dataclass(frozen=True, slots=True)
class PerClass:
    """Precision, recall, F1 (shape (…, 9), 0–1) and support (items per class) of each emotion."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats


# --- The label -----------------------------------------------------------------------------------


def predicted_labels(emotions: NDArray[Any]) -> Ints:
    """Return the most probable emotion of each item, ties to the earlier one, shape (n,).

    Examples
    --------
    >>> emotions = np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0, 0]])
    >>> predicted_labels(emotions)
    array([1])
    """
    return np.asarray(np.argmax(emotions, axis=1), dtype=np.int64)


def hits(labels: NDArray[Any], emotions: NDArray[Any], k: int = 1) -> Floats:
    """Return 1 where the true emotion is among the ``k`` most probable ones, else 0, shape (n,).

    Ties go to the earlier emotion.

    Examples
    --------
    >>> emotions = np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0, 0]] * 2)
    >>> hits([1, 2], emotions), hits([1, 2], emotions, k=2)
    (array([1., 0.]), array([1., 1.]))
    """
    ranked = np.argsort(-np.asarray(emotions, dtype=np.float64), kind="stable")[:, :k]
    return np.asarray((ranked == np.asarray(labels)[:, None]).any(axis=1), dtype=np.float64)


def accuracy(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the share of items whose most probable emotion is the true one, 0–1.

    Examples
    --------
    >>> accuracy(np.array([4, 5]), np.eye(9)[[4, 4]])
    0.5
    """
    return float(hits(labels, emotions).mean())


def top_k_accuracy(labels: NDArray[Any], emotions: NDArray[Any], k: int) -> float:
    """Return the share of items whose true emotion is among the ``k`` most probable ones, 0–1.

    Examples
    --------
    >>> emotions = np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0, 0]])
    >>> top_k_accuracy([2], emotions, 1), top_k_accuracy([2], emotions, 2)
    (0.0, 1.0)
    """
    return float(hits(labels, emotions, k).mean())


def confusion_matrix(labels: NDArray[Any], predicted: NDArray[Any]) -> Ints:
    """Return how often each true emotion (row) was called each emotion (column), shape (9, 9).

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1])[:2, :2]
    array([[1, 1],
           [0, 1]])
    """
    matrix = np.zeros((N_EMOTIONS, N_EMOTIONS), dtype=np.int64)
    np.add.at(matrix, (np.asarray(labels), np.asarray(predicted)), 1)
    return matrix


def per_class(confusion: NDArray[Any]) -> PerClass:
    """Return precision, recall, F1 and support of each emotion; 0 where a ratio is 0 / 0.

    Of confusion matrices of shape (…, 9, 9), true emotions in rows, as are all that follow.

    Examples
    --------
    >>> report = per_class(confusion_matrix([0, 0, 1], [0, 1, 1]))
    >>> report.precision[:2], report.recall[:2]
    (array([1. , 0.5]), array([0.5, 1. ]))
    """
    counts = np.asarray(confusion, dtype=np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    support, called = counts.sum(-1), counts.sum(-2)
    return PerClass(
        precision=_ratio(right, called),
        recall=_ratio(right, support),
        f1=_ratio(2 * right, support + called),
        support=support,
    )


def macro_f1(confusion: NDArray[Any]) -> Floats:
    """Return the unweighted mean F1 over the emotions that occur, shape (…), 0–1.

    An emotion occurs if an item carries it or is called it; an F1 of 0 / 0 counts as 0.

    Examples
    --------
    >>> print(macro_f1(confusion_matrix([0, 0, 1], [0, 1, 1])).round(3))
    0.667
    """
    return _mean_f1(confusion, np.ones(N_EMOTIONS, dtype=bool))


def macro_f1_without_amazement(confusion: NDArray[Any]) -> Floats:
    """Return the mean F1 over the eight emotions other than amazement, shape (…), 0–1.

    All items take part: an amazed track that is called calm still costs calmness precision.

    Examples
    --------
    >>> print(macro_f1_without_amazement(confusion_matrix([0, 1, 2], [0, 1, 1])).round(3))
    0.333
    """
    return _mean_f1(confusion, np.arange(N_EMOTIONS) != AMAZEMENT)


def balanced_accuracy(confusion: NDArray[Any]) -> Floats:
    """Return the mean recall over the emotions that some item carries, shape (…), 0–1.

    Examples
    --------
    >>> print(balanced_accuracy(confusion_matrix([0, 0, 1], [0, 1, 1])))
    0.75
    """
    report = per_class(confusion)
    return _mean_over(report.recall, report.support > 0)


# --- The probabilities of the label --------------------------------------------------------------


def log_losses(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return -ln of the probability given to the true emotion, shape (n,), 0 or more.

    Probabilities are divided by their sum and kept at least 1.2e-7 from 0.

    Examples
    --------
    >>> log_losses([0, 1], np.eye(9)[[0, 0]]).round(2) + 0.0
    array([ 0.  , 15.94])
    """
    probabilities = _distributions(emotions)
    chosen = probabilities[np.arange(len(probabilities)), np.asarray(labels)]
    return np.asarray(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)))


def log_loss(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the mean of :func:`log_losses`, in nats.

    Examples
    --------
    >>> round(log_loss([0], np.full((1, 9), 1 / 9)), 3)
    2.197
    """
    return float(log_losses(labels, emotions).mean())


def brier_scores(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return Σ (probability - outcome)² over the nine emotions, shape (n,), 0–2 (Brier 1950).

    Examples
    --------
    >>> brier_scores([0, 1], np.eye(9)[[0, 0]])
    array([0., 2.])
    """
    probabilities = _distributions(emotions)
    outcome = np.eye(N_EMOTIONS)[np.asarray(labels)]
    return np.asarray(((probabilities - outcome) ** 2).sum(axis=1))


def brier(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the mean of :func:`brier_scores`, 0–2.

    Examples
    --------
    >>> brier([0, 1], np.eye(9)[[0, 0]])
    1.0
    """
    return float(brier_scores(labels, emotions).mean())


def top_probabilities(emotions: NDArray[Any]) -> Floats:
    """Return the probability of the most probable emotion of each item, shape (n,), 0–1.

    Examples
    --------
    >>> top_probabilities(np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0, 0]]))
    array([0.6])
    """
    top: Floats = np.clip(np.max(emotions, axis=1).astype(np.float64), 0.0, 1.0)
    return top


def calibration_bins(confidence: Floats, bins: int = CALIBRATION_BINS) -> Ints:
    """Return the equal-width bin, (edge, next edge], of each confidence 0–1, 0 to ``bins`` - 1.

    Examples
    --------
    >>> calibration_bins(np.array([0.0, 0.1, 0.11, 1.0]))
    array([0, 0, 1, 9])
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def calibration_error(
    confidence: Floats, right: NDArray[Any], *, bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error, 0–1, of the confidence (n,), 0–1, of any answers.

    Whether they are ``right``, shape (n,), is 0 or 1; ``bins`` are of equal width.

    Examples
    --------
    >>> round(calibration_error(np.array([0.8, 0.8]), np.array([1, 0])), 3)
    0.3
    """
    place = calibration_bins(confidence, bins)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    correct = np.bincount(place, weights=right, minlength=bins)
    return float(np.abs(correct - sure).sum() / len(confidence))


def expected_calibration_error(
    labels: NDArray[Any], emotions: NDArray[Any], *, bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error of the top label, 0–1.

    The gap between how probable the most probable emotion is and how often it is the true one,
    averaged over bins of that probability, weighted by their items.

    Examples
    --------
    >>> emotions = np.full((2, 9), 0.05)
    >>> emotions[:, 4] = 0.6
    >>> round(expected_calibration_error(np.array([4, 5]), emotions), 3)
    0.1
    """
    return calibration_error(top_probabilities(emotions), hits(labels, emotions), bins=bins)


def roc_auc(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return the area under the ROC curve of each emotion against the others, shape (9,), 0–1.

    The chance that an item that carries the emotion is given a higher probability of it than one
    that does not, ties counting half; NaN where no item or every item carries it.

    Examples
    --------
    >>> emotions = np.zeros((3, 9))
    >>> emotions[:, 0] = [0.9, 0.5, 0.5]
    >>> print(roc_auc(np.array([0, 0, 1]), emotions)[0])
    0.75
    """
    one_group = np.zeros(len(labels), dtype=np.int64)
    return np.asarray(roc_auc_of_groups(labels, emotions, one_group, np.ones((1, 1)))[0])


def roc_auc_of_groups(
    labels: NDArray[Any], emotions: NDArray[Any], group: Ints, weights: Floats
) -> Floats:
    """Return :func:`roc_auc` for many weightings of groups of items, shape (b, 9).

    ``group`` (n,) is each item's; ``weights`` (b, groups) say how often each group takes part.

    Examples
    --------
    >>> emotions = np.zeros((3, 9))
    >>> emotions[:, 0] = [0.9, 0.3, 0.5]
    >>> weights = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    >>> roc_auc_of_groups(np.array([0, 0, 1]), emotions, np.arange(3), weights)[:, 0]
    array([0.5, 1. ])
    """
    areas = [
        area_of_groups(
            np.asarray(labels) == emotion, np.asarray(emotions)[:, emotion], group, weights
        )
        for emotion in range(N_EMOTIONS)
    ]
    return np.stack(areas, axis=1)


def area_of_groups(
    carries: NDArray[np.bool_], score: NDArray[Any], group: Ints, weights: Floats
) -> Floats:
    """Return the area under one ROC curve for many weightings of groups of items, shape (b,).

    The chance that an item that carries something scores higher than one that does not, ties
    counting half; NaN where no item or every item carries it.

    Examples
    --------
    >>> carries, score = np.array([True, True, False]), np.array([0.9, 0.5, 0.5])
    >>> print(area_of_groups(carries, score, np.zeros(3, int), np.ones((1, 1)))[0])
    0.75
    """
    wins = auc_wins(carries, score, group, weights.shape[1])
    n_with, n_without = (
        weights @ np.bincount(group[chosen], minlength=weights.shape[1])
        for chosen in (carries, ~carries)
    )
    pairs = n_with * n_without
    won = ((weights @ wins) * weights).sum(axis=1)
    return np.asarray(np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1.0), np.nan))


def auc_wins(
    carries: NDArray[np.bool_], score: NDArray[Any], group: NDArray[Any], n_groups: int
) -> Floats:
    """Count, per pair of groups, how often an item that carries the emotion outscores another.

    Entry (g, h) of the result, shape (n_groups, n_groups): over items of g that carry the emotion
    and items of h that do not, the number of pairs where the first has the higher score, ties
    counting half. With w copies of each group, the area is ``w @ wins @ w`` over the number of
    pairs.

    Examples
    --------
    >>> carries = np.array([True, False, False])
    >>> auc_wins(carries, np.array([0.5, 0.5, 0.2]), np.array([0, 1, 1]), 2)
    array([[0. , 1.5],
           [0. , 0. ]])
    """
    wins = np.zeros((n_groups, n_groups))
    with_score, with_group = score[carries], group[carries]
    for other in np.unique(group[~carries]):
        ladder = np.sort(score[~carries & (group == other)])
        below = np.searchsorted(ladder, with_score, side="left")
        not_above = np.searchsorted(ladder, with_score, side="right")
        wins[:, other] = np.bincount(
            with_group, weights=(below + not_above) / 2.0, minlength=n_groups
        )
    return wins


# --- The vote fractions --------------------------------------------------------------------------


def correlation_moments(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return each item's share of the moments of a correlation, shape (n, 9, 6).

    They add up: the sum over any selection of items goes into :func:`pearson_from_moments`. Values
    are taken relative to their mean, which leaves r as it is and the digits intact.

    Examples
    --------
    >>> votes = np.linspace(0, 1, 27).reshape(3, 9)
    >>> correlation_moments(votes, votes).shape
    (3, 9, 6)
    """
    x = np.asarray(votes, dtype=np.float64)
    y = np.asarray(intensities, dtype=np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def pearson_from_moments(moments: Floats) -> Floats:
    """Return Pearson's r from summed moments of shape (…, 6).

    A prediction that is the same for every item says nothing about them: its r is 0. Where the
    votes themselves do not vary no prediction can be scored: NaN.

    Examples
    --------
    >>> votes = np.linspace(0, 1, 27).reshape(3, 9)
    >>> moments = correlation_moments(votes, 1 - votes)
    >>> print(pearson_from_moments(moments.sum(axis=0))[0].round(3))
    -1.0
    """
    n, x, y, xx, yy, xy = (moments[..., index] for index in range(N_MOMENTS))
    n = np.maximum(n, 1.0)
    covariance = xy / n - (x / n) * (y / n)
    votes_variance, variance = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
    defined, varies = votes_variance > NO_VARIANCE, variance > NO_VARIANCE
    product = np.where(defined, votes_variance, 1.0) * np.where(varies, variance, 1.0)
    r = np.where(varies, np.clip(covariance / np.sqrt(product), -1.0, 1.0), 0.0)
    return np.asarray(np.where(defined, r, np.nan))


def mean_over_emotions(r: Floats) -> Floats:
    """Return the mean over the last axis of the correlations that are defined, NaN if none is.

    Examples
    --------
    >>> print(mean_over_emotions(np.array([0.5, np.nan, 0.7])))
    0.6
    """
    defined = np.isfinite(r)
    count = defined.sum(-1)
    total = np.where(defined, r, 0.0).sum(-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def pearson_r(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return Pearson's r of each emotion over the items, shape (9,), -1 to 1.

    0 where the prediction is constant, NaN where the votes are.

    Examples
    --------
    >>> votes = np.linspace(0, 1, 27).reshape(3, 9)
    >>> print(pearson_r(votes, votes**2)[0].round(3))
    0.961
    """
    return pearson_from_moments(correlation_moments(votes, intensities).sum(axis=0))


def mean_pearson_r(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the unweighted mean of :func:`pearson_r` over the nine emotions, -1 to 1.

    Examples
    --------
    >>> votes = np.linspace(0, 1, 27).reshape(3, 9)
    >>> round(mean_pearson_r(votes, votes), 3)
    1.0
    """
    return float(mean_over_emotions(pearson_r(votes, intensities)))


def pearson_over_tracks(
    predicted: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> Floats:
    """Return Pearson's r of fractions, shapes (tracks, …), for each weighting of the tracks.

    A resample of tracks is a weight per track, 0 or more; the correlations of thousands of them,
    ``weights`` (b, tracks), follow from a few matrix products: shape (b, …), or (…) without
    weights. r is that of :func:`pearson_from_moments`: 0 where only the prediction is constant, NaN
    where the target is.

    Examples
    --------
    >>> votes = np.array([[0.0], [0.5], [1.0]])
    >>> pearson_over_tracks(-votes, votes, [[1, 1, 1], [1, 0, 1]])
    array([[-1.],
           [-1.]])
    """
    x = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # against cancellation in the moments
    moments = [np.tensordot(w, values, 1) for values in (np.ones(x.shape), y, x, y**2, x**2, x * y)]
    r = pearson_from_moments(np.stack(np.broadcast_arrays(*moments), axis=-1))
    return r[0] if weights is None else r


def cosine_similarities(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return the cosine of the angle between true and predicted distribution, shape (n,), 0–1.

    A row without any vote counts as the uniform distribution.

    Examples
    --------
    >>> cosine_similarities(np.eye(9)[[0, 1]], np.eye(9)[[0, 0]])
    array([1., 0.])
    """
    truth, guess = _distributions(votes), _distributions(intensities)
    norms = np.linalg.norm(truth, axis=1) * np.linalg.norm(guess, axis=1)
    return np.asarray((truth * guess).sum(axis=1) / norms)


def cosine_similarity(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the mean of :func:`cosine_similarities`, 0–1, higher is better.

    Examples
    --------
    >>> cosine_similarity(np.eye(9)[[0, 1]], np.eye(9)[[0, 0]])
    0.5
    """
    return float(cosine_similarities(votes, intensities).mean())


def jensen_shannon_divergences(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return the Jensen–Shannon divergence in bits of true and predicted distribution, (n,), 0–1.

    The divergence itself (Lin 1991, section IV, equal weights), not its square root. A row
    without any vote counts as the uniform distribution.

    Examples
    --------
    >>> jensen_shannon_divergences(np.eye(9)[[0, 1]], np.eye(9)[[0, 0]])
    array([0., 1.])
    """
    truth, guess = _distributions(votes), _distributions(intensities)
    middle = (truth + guess) / 2.0
    divergence = (_relative_entropies(truth, middle) + _relative_entropies(guess, middle)) / 2.0
    return np.asarray(np.clip(divergence, 0.0, 1.0))


def jensen_shannon_divergence(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the mean of :func:`jensen_shannon_divergences`, 0–1, lower is better.

    Examples
    --------
    >>> jensen_shannon_divergence(np.eye(9)[[0, 1]], np.eye(9)[[0, 0]])
    0.5
    """
    return float(jensen_shannon_divergences(votes, intensities).mean())


# --- Ratings -------------------------------------------------------------------------------------


def rating_moments(rated: NDArray[Any], predicted: NDArray[Any]) -> Floats:
    """Return each item's share of the moments of ratings and predictions, shape (n, k, 6).

    They add up: sums over any selection of items go into the functions below. Values are taken
    relative to the mean rating of each scale, which keeps the digits; an item that was not rated
    on a scale takes no part in it.

    Examples
    --------
    >>> rating_moments(np.array([[1.0], [3.0], [np.nan]]), np.array([[1.0], [2.0], [9.0]]))[:, 0]
    array([[ 1., -1., -1.,  1.,  1.,  1.],
           [ 1.,  1.,  0.,  1.,  0.,  0.],
           [ 0.,  0.,  0.,  0.,  0.,  0.]])
    """
    x = np.asarray(rated, dtype=np.float64)
    y = np.asarray(predicted, dtype=np.float64)
    known = np.isfinite(x)
    middle = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    x, y = np.where(known, x - middle, 0.0), np.where(known, y - middle, 0.0)
    return np.stack([known.astype(np.float64), x, y, x * x, y * y, x * y], axis=-1)


def concordance_from_moments(moments: Floats) -> Floats:
    """Return Lin's concordance correlation from summed moments of shape (…, 6), -1 to 1.

    2 cov / (var + var' + (mean - mean')²) with moments divided by n, as in Lin 1989: 1 only where
    every prediction is the rating itself. 0 where only the prediction is constant, NaN where the
    ratings are.

    Examples
    --------
    >>> moments = rating_moments(np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [3.0], [4.0]]))
    >>> print(concordance_from_moments(moments.sum(axis=0))[0].round(4))
    0.5714
    """
    n, x, y, xx, yy, xy = (moments[..., index] for index in range(N_MOMENTS))
    n = np.maximum(n, 1.0)
    variance, covariance = xx / n - (x / n) ** 2, xy / n - (x / n) * (y / n)
    size = variance + yy / n - (y / n) ** 2 + ((x - y) / n) ** 2
    defined = variance > NO_VARIANCE
    return np.asarray(np.where(defined, 2 * covariance / np.where(defined, size, 1.0), np.nan))


def error_from_moments(moments: Floats) -> Floats:
    """Return the root of the mean squared error from summed moments, in the scale's own units.

    Examples
    --------
    >>> moments = rating_moments(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    >>> print(error_from_moments(moments.sum(axis=0))[0].round(3))
    1.414
    """
    n = moments[..., 0]
    squares = moments[..., 3] + moments[..., 4] - 2 * moments[..., 5]
    known = n > 0
    means = np.maximum(squares, 0.0) / np.where(known, n, 1.0)
    return np.asarray(np.where(known, np.sqrt(means), np.nan))


def explained_from_moments(moments: Floats) -> Floats:
    """Return R², the share of the ratings' variance that is predicted, from summed moments.

    1 - Σ (rating - prediction)² / Σ (rating - mean rating)²: at most 1, and negative where the mean
    of the items themselves would have been the better prediction. NaN where the ratings are
    constant.

    Examples
    --------
    >>> moments = rating_moments(np.array([[1.0], [3.0]]), np.array([[1.5], [2.5]]))
    >>> print(explained_from_moments(moments.sum(axis=0))[0])
    0.75
    """
    n, x, xx = (moments[..., index] for index in (0, 1, 3))
    n = np.maximum(n, 1.0)
    variance = xx / n - (x / n) ** 2
    defined = variance > NO_VARIANCE
    error = error_from_moments(moments) ** 2
    return np.asarray(np.where(defined, 1.0 - error / np.where(defined, variance, 1.0), np.nan))


def rank_correlations(
    rated: NDArray[Any], predicted: NDArray[Any], weights: Floats | None = None
) -> Floats:
    """Return Spearman's rho of each scale for each weighting of the items, -1 to 1.

    An item of weight w counts as w copies of it, each of which takes part in the ranks; equal
    values share the mean of their ranks. 0 where only the prediction is constant, NaN where the
    ratings are.

    Parameters
    ----------
    rated, predicted
        Shape (n, k).
    weights
        Shape (b, n), for a result of shape (b, k); without them every item counts once, shape (k,).

    Examples
    --------
    >>> rated = np.array([[1.0], [2.0], [3.0]])
    >>> print(rank_correlations(rated, -(rated**3))[0].round(3))
    -1.0
    """
    x = np.asarray(rated, dtype=np.float64)
    y = np.asarray(predicted, dtype=np.float64)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights, dtype=np.float64)
    found = []
    for scale in range(x.shape[1]):
        known = np.isfinite(x[:, scale])
        some = w[:, known]
        ranks = [_ranks(values[known, scale], some) for values in (x, y)]
        count = some.sum(axis=1, keepdims=True)
        # Of so many ranks the mean is known; relative to it, in shares, the digits are kept.
        a, b = ((each - (count + 1) / 2) / np.maximum(count, 1) for each in ranks)
        products = [some, some * a, some * b, some * a * a, some * b * b, some * a * b]
        found.append(pearson_from_moments(np.stack([p.sum(axis=1) for p in products], axis=-1)))
    rho = np.stack(found, axis=-1)
    return rho[0] if weights is None else rho


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Return the mean rank of values (n,) among copies of them, as many as weights (b, n) say."""
    kinds, kind = np.unique(values, return_inverse=True)
    copies = np.zeros((len(weights), len(kinds)))
    np.add.at(copies.T, kind, weights.T)
    below = np.cumsum(copies, axis=1) - copies
    return np.asarray((below + (copies + 1) / 2)[:, kind])


RATING_METRICS: tuple[Metric, ...] = (
    Metric("pearson_r", "r", "Pearson's r with the ratings", "moments", pearson_from_moments),
    Metric("spearman_rho", "rho", "Spearman's rank correlation with them", "ranks", np.asarray),
    Metric(
        "ccc",
        "CCC",
        "Lin's concordance correlation: r that also costs wrong size",
        "moments",
        concordance_from_moments,
    ),
    Metric(
        "rmse",
        "RMSE",
        "root of the mean squared error, in the scale's units; lower is better",
        "moments",
        error_from_moments,
        higher_is_better=False,
    ),
    Metric(
        "r2", "R²", "share of the ratings' variance predicted", "moments", explained_from_moments
    ),
)
"""What a comparison reports of each scale; the functions return values of shape (…, k)."""


# --- The list of them ----------------------------------------------------------------------------


METRICS: tuple[Metric, ...] = (
    Metric(
        "accuracy",
        "accuracy",
        "share of items whose dominant emotion is named, %",
        "labels",
        hits,
        is_share=True,
    ),
    Metric(
        "macro_f1",
        "macro-F1",
        "mean of the F1 over the nine emotions, %",
        "confusions",
        macro_f1,
        is_share=True,
    ),
    Metric(
        "macro_f1_without_amazement",
        "macro-F1 of eight",
        "mean of the F1 over the emotions but amazement, %",
        "confusions",
        macro_f1_without_amazement,
        is_share=True,
        has_column=False,
    ),
    Metric(
        "balanced_accuracy",
        "balanced",
        "mean recall over the emotions, %",
        "confusions",
        balanced_accuracy,
        is_share=True,
    ),
    Metric(
        "top2_accuracy",
        "top 2",
        "the emotion is among the two most probable, %",
        "labels",
        partial(hits, k=2),
        is_share=True,
    ),
    Metric(
        "top3_accuracy",
        "top 3",
        "the emotion is among the three most probable, %",
        "labels",
        partial(hits, k=3),
        is_share=True,
    ),
    Metric(
        "roc_auc", "ROC-AUC", "one emotion against the rest, averaged", "areas", mean_over_emotions
    ),
    Metric(
        "log_loss",
        "log-loss",
        "in nats; lower is better",
        "labels",
        log_losses,
        higher_is_better=False,
    ),
    Metric(
        "brier",
        "Brier",
        "squared error of the probabilities, 0 to 2; lower is better",
        "labels",
        brier_scores,
        higher_is_better=False,
    ),
    # A resample scatters more within each bin than the sample, so its error is larger: a percentile
    # interval would lie above the value. What is to be expected says :func:`.calibration_band`.
    Metric(
        "ece",
        "calib. error",
        "gap between confidence and accuracy; lower is better",
        "whole",
        expected_calibration_error,
        higher_is_better=False,
    ),
    Metric(
        "mean_pearson_r",
        "mean r",
        "Pearson's r with the vote fractions, averaged",
        "correlations",
        mean_over_emotions,
    ),
    Metric("cosine_similarity", "cosine", "with the vote fractions", "votes", cosine_similarities),
    Metric(
        "jensen_shannon",
        "JS, bits",
        "divergence from the votes; lower is better",
        "votes",
        jensen_shannon_divergences,
        higher_is_better=False,
    ),
)
"""What a comparison reports of every model, in the order of ``summary.csv`` and of the tables."""

BY_NAME = {metric.name: metric for metric in METRICS}

EMOTION_METRICS: tuple[Metric, ...] = (
    Metric(
        "precision",
        "precision",
        "share of what is called it",
        "confusions",
        lambda confusions: per_class(confusions).precision,
        is_share=True,
    ),
    Metric(
        "recall",
        "recall",
        "share of what carries it",
        "confusions",
        lambda confusions: per_class(confusions).recall,
        is_share=True,
    ),
    Metric(
        "f1",
        "F1",
        "harmonic mean of precision and recall",
        "confusions",
        lambda confusions: per_class(confusions).f1,
        is_share=True,
    ),
    Metric("roc_auc", "ROC-AUC", "against the rest", "areas", np.asarray),
    Metric("pearson_r", "r", "Pearson's r with the vote fractions", "correlations", np.asarray),
)
"""What it reports of each emotion; the functions return values of shape (…, 9)."""


# --- Helpers -------------------------------------------------------------------------------------


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0))


def _mean_f1(confusion: NDArray[Any], wanted: NDArray[np.bool_]) -> Floats:
    report = per_class(confusion)
    occurs = (report.support + np.asarray(confusion, dtype=np.float64).sum(-2)) > 0
    return _mean_over(report.f1, occurs & wanted)


def _mean_over(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    return _ratio(np.where(chosen, values, 0.0).sum(-1), chosen.sum(-1).astype(np.float64))


def _distributions(values: NDArray[Any]) -> Floats:
    """Divide each row by its sum; a row that sums to 0 becomes uniform."""
    rows = np.clip(np.asarray(values, dtype=np.float64), 0.0, None)
    total = rows.sum(axis=1, keepdims=True)
    uniform = np.full_like(rows, 1.0 / rows.shape[1])
    return np.where(total > 0, rows / np.where(total > 0, total, 1.0), uniform)


def _relative_entropies(p: Floats, q: Floats) -> Floats:
    inside = p > 0
    logs = np.log2(np.where(inside, p, 1.0) / np.where(inside, q, 1.0))
    return np.asarray((p * logs).sum(axis=1))

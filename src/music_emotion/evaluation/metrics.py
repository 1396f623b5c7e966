"""How good predictions are, as pure functions of arrays.

Conventions
-----------
* ``labels`` (n,) are dominant emotions 0–8; ``emotions`` (n, 9) the predicted probabilities of each
  emotion to be the dominant one. They are scored against each other: accuracy, F1, log-loss, Brier
  score, ROC-AUC.
* ``votes`` (n, 9) are vote fractions 0–1; ``intensities`` (n, 9) the predicted ones. They are
  scored against each other: Pearson r as they are; cosine similarity and Jensen–Shannon divergence
  after both are divided by their sums (ticks / all ticks).
* The predicted label is the most probable emotion, ties to the earlier one, as in the annotations.
* Functions ending in a plural (:func:`hits`, :func:`log_losses`, …) return one value per item; the
  metric is their mean. Functions of confusion matrices and of moments take any number of leading
  axes, so that thousands of bootstrap resamples are one call.
* Accuracies and F1 are fractions 0–1, never per cent.

Sources
-------
* Precision, recall, F1: Sokolova and Lapalme, *A systematic analysis of performance measures for
  classification tasks*, Information Processing & Management 45, 2009.
* Balanced accuracy: Brodersen et al., *The balanced accuracy and its posterior distribution*,
  ICPR 2010.
* Brier score: Brier, *Verification of forecasts expressed in terms of probability*, Monthly
  Weather Review 78, 1950.
* Jensen–Shannon divergence: Lin, *Divergence measures based on the Shannon entropy*, IEEE
  Transactions on Information Theory 37, 1991.
* Area under the ROC curve: Hanley and McNeil, *The meaning and use of the area under a receiver
  operating characteristic (ROC) curve*, Radiology 143, 1982.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from music_emotion.emotions import EMOTIONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_EMOTIONS = len(EMOTIONS)

AMAZEMENT = EMOTIONS.index("amazement")
"""The emotion that only three of EMOTIFY's 400 tracks carry."""

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Probabilities are kept this far from 0 before the logarithm is taken."""

N_MOMENTS = 6
"""Moments per emotion that a Pearson correlation is made of: n, Σx, Σy, Σx², Σy², Σxy."""

NO_VARIANCE = 1e-14
"""A variance of fractions below this is rounding noise: the values are constant."""


@dataclass(frozen=True, slots=True)
class PerClass:
    """Precision, recall, F1 (shape (…, 9), 0–1) and support (items per class) of each emotion."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats


# --- The label -----------------------------------------------------------------------------------


def predicted_labels(emotions: NDArray[Any]) -> Ints:
    """Return the most probable emotion of each item, ties to the earlier one, shape (n,)."""
    return np.asarray(np.argmax(emotions, axis=1), dtype=np.int64)


def hits(labels: NDArray[Any], emotions: NDArray[Any], k: int = 1) -> Floats:
    """Return 1 where the true emotion is among the ``k`` most probable ones, else 0, shape (n,).

    Ties go to the earlier emotion.
    """
    ranked = np.argsort(-np.asarray(emotions, dtype=np.float64), axis=1, kind="stable")[:, :k]
    return np.asarray((ranked == np.asarray(labels)[:, None]).any(axis=1), dtype=np.float64)


def accuracy(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the share of items whose most probable emotion is the true one, 0–1."""
    return float(hits(labels, emotions).mean())


def top_k_accuracy(labels: NDArray[Any], emotions: NDArray[Any], k: int) -> float:
    """Return the share of items whose true emotion is among the ``k`` most probable ones, 0–1."""
    return float(hits(labels, emotions, k).mean())


def confusion_matrix(labels: NDArray[Any], predicted: NDArray[Any]) -> Ints:
    """Return how often each true emotion (row) was called each emotion (column), shape (9, 9)."""
    matrix = np.zeros((N_EMOTIONS, N_EMOTIONS), dtype=np.int64)
    np.add.at(matrix, (np.asarray(labels), np.asarray(predicted)), 1)
    return matrix


def per_class(confusion: NDArray[Any]) -> PerClass:
    """Return precision, recall, F1 and support of each emotion; 0 where a ratio is 0 / 0.

    Parameters
    ----------
    confusion
        Confusion matrices, true emotions in rows, shape (…, 9, 9).
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
    """
    report = per_class(confusion)
    occurs = (report.support + np.asarray(confusion, dtype=np.float64).sum(-2)) > 0
    return _mean_over(report.f1, occurs)


def macro_f1_without_amazement(confusion: NDArray[Any]) -> Floats:
    """Return the mean F1 over the eight emotions other than amazement, shape (…), 0–1.

    All items take part: an amazed track that is called calm still costs calmness precision.
    """
    report = per_class(confusion)
    occurs = (report.support + np.asarray(confusion, dtype=np.float64).sum(-2)) > 0
    occurs[..., AMAZEMENT] = False
    return _mean_over(report.f1, occurs)


def balanced_accuracy(confusion: NDArray[Any]) -> Floats:
    """Return the mean recall over the emotions that some item carries, shape (…), 0–1."""
    report = per_class(confusion)
    return _mean_over(report.recall, report.support > 0)


def accuracy_by(
    labels: NDArray[Any], emotions: NDArray[Any], kinds: NDArray[Any]
) -> dict[str, tuple[float, int]]:
    """Return accuracy and number of items per kind, for example per genre, in sorted order."""
    right = hits(labels, emotions)
    return {
        str(kind): (float(right[kinds == kind].mean()), int(np.count_nonzero(kinds == kind)))
        for kind in np.unique(kinds)
    }


# --- The probabilities of the label --------------------------------------------------------------


def log_losses(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return -ln of the probability given to the true emotion, shape (n,), 0 or more.

    Probabilities are divided by their sum and kept at least 1.2e-7 from 0.
    """
    probabilities = _distributions(emotions)
    chosen = probabilities[np.arange(len(probabilities)), np.asarray(labels)]
    return np.asarray(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1.0)))


def log_loss(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the mean of :func:`log_losses`, in nats."""
    return float(log_losses(labels, emotions).mean())


def brier_scores(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return Σ (probability - outcome)² over the nine emotions, shape (n,), 0–2 (Brier 1950)."""
    probabilities = _distributions(emotions)
    outcome = np.eye(N_EMOTIONS)[np.asarray(labels)]
    return np.asarray(((probabilities - outcome) ** 2).sum(axis=1))


def brier(labels: NDArray[Any], emotions: NDArray[Any]) -> float:
    """Return the mean of :func:`brier_scores`, 0–2."""
    return float(brier_scores(labels, emotions).mean())


def roc_auc(labels: NDArray[Any], emotions: NDArray[Any]) -> Floats:
    """Return the area under the ROC curve of each emotion against the others, shape (9,), 0–1.

    The chance that an item that carries the emotion is given a higher probability of it than one
    that does not, ties counting half; NaN where no item or every item carries it.
    """
    areas = np.full(N_EMOTIONS, np.nan)
    for emotion in range(N_EMOTIONS):
        carries = np.asarray(labels) == emotion
        n_with, n_without = int(carries.sum()), int((~carries).sum())
        if n_with and n_without:
            wins = auc_wins(carries, np.asarray(emotions)[:, emotion], np.zeros(len(carries)), 1)
            areas[emotion] = wins[0, 0] / (n_with * n_without)
    return areas


def auc_wins(
    carries: NDArray[np.bool_], score: NDArray[Any], group: NDArray[Any], n_groups: int
) -> Floats:
    """Count, per pair of groups, how often an item that carries the emotion outscores another.

    Returns
    -------
    array of shape (n_groups, n_groups)
        Entry (g, h): over items of g that carry the emotion and items of h that do not, the number
        of pairs where the first has the higher score, ties counting half. With w resampled copies
        of each group, the area is ``w @ wins @ w`` over the number of pairs.
    """
    score, group = np.asarray(score, dtype=np.float64), np.asarray(group, dtype=np.int64)
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
    """
    x = np.asarray(votes, dtype=np.float64)
    y = np.asarray(intensities, dtype=np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def pearson_from_moments(moments: Floats) -> Floats:
    """Return Pearson's r from summed moments of shape (…, 6).

    A prediction that is the same for every item says nothing about them: its r is 0. Where the
    votes themselves do not vary no prediction can be scored: NaN.
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
    """Return the mean over the last axis of the correlations that are defined, NaN if none is."""
    defined = np.isfinite(r)
    count = defined.sum(-1)
    total = np.where(defined, r, 0.0).sum(-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def pearson_r(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return Pearson's r of each emotion over the items, shape (9,), -1 to 1.

    0 where the prediction is constant, NaN where the votes are.
    """
    return pearson_from_moments(correlation_moments(votes, intensities).sum(axis=0))


def mean_pearson_r(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the unweighted mean of :func:`pearson_r` over the nine emotions, -1 to 1."""
    return float(mean_over_emotions(pearson_r(votes, intensities)))


def cosine_similarities(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return the cosine of the angle between true and predicted distribution, shape (n,), 0–1.

    A row without any vote counts as the uniform distribution.
    """
    truth, guess = _distributions(votes), _distributions(intensities)
    norms = np.linalg.norm(truth, axis=1) * np.linalg.norm(guess, axis=1)
    return np.asarray((truth * guess).sum(axis=1) / norms)


def cosine_similarity(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the mean of :func:`cosine_similarities`, 0–1, higher is better."""
    return float(cosine_similarities(votes, intensities).mean())


def jensen_shannon_divergences(votes: NDArray[Any], intensities: NDArray[Any]) -> Floats:
    """Return the Jensen–Shannon divergence in bits of true and predicted distribution, (n,), 0–1.

    The divergence itself (Lin 1991, section IV, equal weights), not its square root. A row
    without any vote counts as the uniform distribution.
    """
    truth, guess = _distributions(votes), _distributions(intensities)
    middle = (truth + guess) / 2.0
    divergence = (_relative_entropies(truth, middle) + _relative_entropies(guess, middle)) / 2.0
    return np.asarray(np.clip(divergence, 0.0, 1.0))


def jensen_shannon_divergence(votes: NDArray[Any], intensities: NDArray[Any]) -> float:
    """Return the mean of :func:`jensen_shannon_divergences`, 0–1, lower is better."""
    return float(jensen_shannon_divergences(votes, intensities).mean())


# --- Helpers -------------------------------------------------------------------------------------


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0))


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


def pearson_over_tracks(
    predicted: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Pearson's r over the first axis, for each weighting of it.

    Parameters
    ----------
    predicted, target
        Fractions, shapes (tracks, …) that broadcast against each other.
    weights
        Non-negative weights, shape (weightings, tracks), or ``None`` for all ones.

    Returns
    -------
    NDArray[np.float64]
        Shape (weightings, …), or (…) without weights; −1 to 1, NaN where undefined.
    """
    x = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights, dtype=np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # against cancellation in the moments
    moments = [_sums(w, values) for values in (np.ones(x.shape), y, x, y**2, x**2, x * y)]
    r = pearson_from_moments(np.stack(np.broadcast_arrays(*moments), axis=-1))
    return r[0] if weights is None else r


def _sums(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = weights @ values.reshape(len(values), -1)
    return flat.reshape(len(weights), *values.shape[1:])

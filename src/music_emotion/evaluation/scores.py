"""The metrics of a comparison in a form that can be resampled.

A score is a function of how often each group of items takes part: once each for the value itself,
as often as it was drawn for a bootstrap resample. One definition thus serves value and interval.
The formulas are those of :mod:`.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.evaluation import metrics
from music_emotion.evaluation.bootstrap import percentile_interval, sum_by_group

Floats = NDArray[np.float64]
N = len(EMOTIONS)
CALIBRATION_BINS = 10
"""Equal-width bins of the top probability in the expected calibration error."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions beside the truth: n items, pooled over the folds of one fold seed.

    Attributes
    ----------
    label
        Dominant emotion, shape (n,).
    votes
        Vote fractions, shape (n, 9), or ``None`` where the corpus has none.
    group
        Group that the bootstrap draws, 0 to ``n_groups`` - 1, shape (n,).
    n_groups
        Number of groups of the corpus; some may have no item here.
    genre
        Genre names, shape (n,).
    emotions, intensities
        The predictions, shape (n, 9).
    """

    label: NDArray[np.int64]
    votes: NDArray[np.float32] | None
    group: NDArray[np.int64]
    n_groups: int
    genre: NDArray[np.str_]
    emotions: NDArray[np.float32]
    intensities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, slots=True)
class Score:
    """A metric that can be resampled.

    Attributes
    ----------
    name
        As in ``summary.csv``.
    draws
        Takes predictions and how often each group takes part, shape (b, n_groups); returns the
        metric of each of the b selections, NaN where undefined.
    needs_votes
        Whether it is defined only where listeners' votes are known.
    higher_is_better
        Direction.
    has_interval
        Whether resampling tells how sure its value is.
    """

    name: str
    draws: Callable[[Scored, Floats], Floats]
    needs_votes: bool = False
    higher_is_better: bool = True
    has_interval: bool = True


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; the limits are NaN where there is none."""

    value: float
    low: float
    high: float


def evaluate(score: Score, repeats: Sequence[Scored]) -> float:
    """Return a score, averaged over repeats with different fold seeds."""
    return float(np.mean([score.draws(one, np.ones((1, one.n_groups)))[0] for one in repeats]))


def distribution(score: Score, repeats: Sequence[Scored], resamples: Floats) -> Floats:
    """Return the bootstrap distribution of :func:`evaluate`, shape (b,).

    The same resample of groups is applied to every repeat before averaging.
    """
    return np.asarray(np.mean([score.draws(one, resamples) for one in repeats], axis=0))


def estimate(score: Score, repeats: Sequence[Scored], resamples: Floats) -> Estimate:
    """Return a score averaged over repeats with its percentile interval, where it has one."""
    if not score.has_interval:
        return Estimate(evaluate(score, repeats), float("nan"), float("nan"))
    low, high = percentile_interval(distribution(score, repeats, resamples))
    return Estimate(evaluate(score, repeats), low, high)


# --- Kinds of score ------------------------------------------------------------------------------


def _mean_of(
    name: str,
    values: Callable[[Scored], Floats],
    *,
    needs_votes: bool = False,
    higher_is_better: bool = True,
) -> Score:
    def draws(scored: Scored, resamples: Floats) -> Floats:
        terms = np.column_stack([values(scored), np.ones(len(scored))])
        sums = resamples @ sum_by_group(terms, scored.group, scored.n_groups)
        return _divide(sums[:, 0], sums[:, 1])

    return Score(name, draws, needs_votes, higher_is_better)


def _of_confusion(name: str, finish: Callable[[Floats], Floats]) -> Score:
    def draws(scored: Scored, resamples: Floats) -> Floats:
        cell = scored.label * N + metrics.predicted_labels(scored.emotions)
        sums = sum_by_group(np.eye(N * N)[cell], scored.group, scored.n_groups)
        return finish((resamples @ sums).reshape(-1, N, N))

    return Score(name, draws)


def _of_correlations(name: str, finish: Callable[[Floats], Floats]) -> Score:
    def draws(scored: Scored, resamples: Floats) -> Floats:
        assert scored.votes is not None, "needs votes"
        moments = metrics.correlation_moments(scored.votes, scored.intensities)
        sums = sum_by_group(moments.reshape(len(scored), -1), scored.group, scored.n_groups)
        summed = (resamples @ sums).reshape(-1, N, metrics.N_MOMENTS)
        return finish(metrics.pearson_from_moments(summed))

    return Score(name, draws, needs_votes=True)


def _area(emotion: int, scored: Scored, resamples: Floats) -> Floats:
    carries = scored.label == emotion
    counts = sum_by_group(
        np.column_stack([carries, ~carries]).astype(np.float64), scored.group, scored.n_groups
    )
    wins = metrics.auc_wins(carries, scored.emotions[:, emotion], scored.group, scored.n_groups)
    pairs = resamples @ counts
    return _divide(((resamples @ wins) * resamples).sum(axis=1), pairs[:, 0] * pairs[:, 1])


def _mean_area(scored: Scored, resamples: Floats) -> Floats:
    areas = np.stack([_area(emotion, scored, resamples) for emotion in range(N)])
    defined = np.isfinite(areas)
    return _divide(np.where(defined, areas, 0.0).sum(axis=0), defined.sum(axis=0))


def _calibration_error(scored: Scored, resamples: Floats) -> Floats:
    """Expected calibration error of the top label (Guo et al., ICML 2017), 10 equal-width bins."""
    top = scored.emotions.max(axis=1).astype(np.float64)
    right = metrics.hits(scored.label, scored.emotions)
    bins = np.clip(np.ceil(top * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.eye(CALIBRATION_BINS)[bins] * (right - top)[:, None]
    terms = np.column_stack([gaps, np.ones(len(scored))])
    sums = resamples @ sum_by_group(terms, scored.group, scored.n_groups)
    return _divide(np.abs(sums[:, :-1]).sum(axis=1), sums[:, -1])


def _divide(part: Floats, whole: NDArray[np.float64] | NDArray[np.int64]) -> Floats:
    safe = np.where(whole > 0, whole, 1)
    return np.asarray(np.where(whole > 0, part / safe, np.nan))


# --- The scores of the table ---------------------------------------------------------------------

ACCURACY = _mean_of("accuracy", lambda s: metrics.hits(s.label, s.emotions))
MEAN_PEARSON_R = _of_correlations("mean_pearson_r", metrics.mean_over_emotions)


def _cosines(scored: Scored) -> Floats:
    assert scored.votes is not None, "needs votes"
    return metrics.cosine_similarities(scored.votes, scored.intensities)


def _divergences(scored: Scored) -> Floats:
    assert scored.votes is not None, "needs votes"
    return metrics.jensen_shannon_divergences(scored.votes, scored.intensities)


HEADLINE: tuple[Score, ...] = (
    ACCURACY,
    _of_confusion("macro_f1", metrics.macro_f1),
    _of_confusion("macro_f1_without_amazement", metrics.macro_f1_without_amazement),
    _of_confusion("balanced_accuracy", metrics.balanced_accuracy),
    _mean_of("top2_accuracy", lambda s: metrics.hits(s.label, s.emotions, 2)),
    _mean_of("top3_accuracy", lambda s: metrics.hits(s.label, s.emotions, 3)),
    Score("roc_auc", _mean_area),
    _mean_of("log_loss", lambda s: metrics.log_losses(s.label, s.emotions), higher_is_better=False),
    _mean_of("brier", lambda s: metrics.brier_scores(s.label, s.emotions), higher_is_better=False),
    # A resample scatters more within each bin than the sample, so its error is larger: a percentile
    # interval would lie above the value. What is to be expected says :func:`.calibration_band`.
    Score("ece", _calibration_error, higher_is_better=False, has_interval=False),
    MEAN_PEARSON_R,
    _mean_of("cosine_similarity", _cosines, needs_votes=True),
    _mean_of("jensen_shannon", _divergences, needs_votes=True, higher_is_better=False),
)
"""One row of ``summary.csv`` each."""


def per_emotion_scores(emotion: int) -> tuple[Score, ...]:
    """Return precision, recall, F1, ROC-AUC and Pearson r of one emotion."""
    name = EMOTIONS[emotion]
    return (
        _of_confusion(f"precision_{name}", lambda c: metrics.per_class(c).precision[..., emotion]),
        _of_confusion(f"recall_{name}", lambda c: metrics.per_class(c).recall[..., emotion]),
        _of_confusion(f"f1_{name}", lambda c: metrics.per_class(c).f1[..., emotion]),
        Score(f"roc_auc_{name}", lambda s, resamples: _area(emotion, s, resamples)),
        _of_correlations(f"pearson_r_{name}", lambda r: r[..., emotion]),
    )


def genre_accuracy(genre: str) -> Score:
    """Return the accuracy over the items of one genre."""

    def draws(scored: Scored, resamples: Floats) -> Floats:
        inside = (scored.genre == genre).astype(np.float64)
        right = metrics.hits(scored.label, scored.emotions) * inside
        terms = np.column_stack([right, inside])
        sums = resamples @ sum_by_group(terms, scored.group, scored.n_groups)
        return _divide(sums[:, 0], sums[:, 1])

    return Score(f"accuracy_{genre}", draws)


def confusion(repeats: Sequence[Scored]) -> NDArray[np.int64]:
    """Return the confusion matrix summed over repeats, true emotions in rows, shape (9, 9)."""
    total = np.zeros((N, N), dtype=np.int64)
    for one in repeats:
        total += metrics.confusion_matrix(one.label, metrics.predicted_labels(one.emotions))
    return total

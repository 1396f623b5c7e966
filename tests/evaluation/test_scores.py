from __future__ import annotations

import numpy as np
import pytest

from music_emotion.errors import EvaluationError
from music_emotion.evaluation import metrics, scores
from music_emotion.evaluation.bootstrap import (
    percentile_interval,
    resample_groups,
    sum_by_group,
)
from music_emotion.evaluation.scores import Scored


def scored(seed=0, n=120, n_groups=30) -> Scored:
    rng = np.random.default_rng(seed)
    votes = rng.beta(1, 4, size=(n, 9)).astype(np.float32)
    return Scored(
        label=votes.argmax(1),
        votes=votes,
        group=np.random.default_rng(99).integers(0, n_groups, n),
        n_groups=n_groups,
        genre=np.where(np.arange(n) % 3 == 0, "rock", "pop"),
        emotions=(0.3 * rng.dirichlet(np.ones(9), n) + 0.7 * votes).astype(np.float32),
        intensities=(votes + rng.normal(0, 0.1, (n, 9))).clip(0, 1).astype(np.float32),
    )


def expand(one: Scored, draws: np.ndarray) -> Scored:
    """The resample as a plain selection of items: the slow, obvious way."""
    rows = np.concatenate(
        [np.repeat(np.flatnonzero(one.group == g), int(k)) for g, k in enumerate(draws)]
    ).astype(int)
    return Scored(
        one.label[rows],
        None if one.votes is None else one.votes[rows],
        one.group[rows],
        one.n_groups,
        one.genre[rows],
        one.emotions[rows],
        one.intensities[rows],
    )


def headline_by_plain_functions(s: Scored) -> dict[str, float]:
    called = metrics.predicted_labels(s.emotions)
    confusion = metrics.confusion_matrix(s.label, called)
    return {
        "accuracy": metrics.accuracy(s.label, s.emotions),
        "macro_f1": float(metrics.macro_f1(confusion)),
        "macro_f1_without_amazement": float(metrics.macro_f1_without_amazement(confusion)),
        "balanced_accuracy": float(metrics.balanced_accuracy(confusion)),
        "top2_accuracy": metrics.top_k_accuracy(s.label, s.emotions, 2),
        "top3_accuracy": metrics.top_k_accuracy(s.label, s.emotions, 3),
        "roc_auc": float(np.nanmean(metrics.roc_auc(s.label, s.emotions))),
        "log_loss": metrics.log_loss(s.label, s.emotions),
        "brier": metrics.brier(s.label, s.emotions),
        "mean_pearson_r": metrics.mean_pearson_r(s.votes, s.intensities),
        "cosine_similarity": metrics.cosine_similarity(s.votes, s.intensities),
        "jensen_shannon": metrics.jensen_shannon_divergence(s.votes, s.intensities),
    }


def test_values_are_those_of_the_metrics():
    one = scored()
    plain = headline_by_plain_functions(one)
    for score in scores.HEADLINE:
        if score.name in plain:
            assert scores.evaluate(score, [one]) == pytest.approx(plain[score.name], abs=1e-12)


def test_every_resample_equals_the_metric_of_the_resampled_items():
    one = scored()
    draws = resample_groups(one.n_groups, n_resamples=4, seed=1)
    for row in draws:
        plain = headline_by_plain_functions(expand(one, row))
        for score in scores.HEADLINE:
            if score.name in plain:
                fast = score.draws(one, row[None])[0]
                assert fast == pytest.approx(plain[score.name], abs=1e-9), score.name


def test_per_emotion_and_genre_scores():
    one = scored()
    report = metrics.per_class(
        metrics.confusion_matrix(one.label, metrics.predicted_labels(one.emotions))
    )
    values = {s.name: scores.evaluate(s, [one]) for s in scores.per_emotion_scores(4)}
    assert values == pytest.approx(
        {
            "precision_calmness": report.precision[4],
            "recall_calmness": report.recall[4],
            "f1_calmness": report.f1[4],
            "roc_auc_calmness": metrics.roc_auc(one.label, one.emotions)[4],
            "pearson_r_calmness": metrics.pearson_r(one.votes, one.intensities)[4],
        },
        abs=1e-12,
    )
    by_genre = metrics.accuracy_by(one.label, one.emotions, one.genre)
    assert scores.evaluate(scores.genre_accuracy("rock"), [one]) == pytest.approx(
        by_genre["rock"][0]
    )


def test_calibration_error_by_hand():
    # Two items at .8, one right: gap .3. Two at .4, none right: gap .4. Half of the items each.
    emotions = np.full((4, 9), 0.0, dtype=np.float32)
    emotions[:2, 0], emotions[2:, 0] = 0.8, 0.4
    one = Scored(
        np.array([0, 1, 1, 1]), None, np.arange(4), 4, np.array([""] * 4), emotions, emotions
    )
    (ece,) = (s for s in scores.HEADLINE if s.name == "ece")
    assert scores.evaluate(ece, [one]) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4, abs=1e-6)
    # A bootstrap of it is biased upwards and need not hold the value: there is no interval.
    estimate = scores.estimate(ece, [one], resample_groups(4))
    assert estimate.value == pytest.approx(0.35, abs=1e-6)
    assert np.isnan([estimate.low, estimate.high]).all()


def test_repeats_share_the_resample_and_are_averaged():
    first, second = scored(1), scored(2)
    draws = resample_groups(first.n_groups, n_resamples=50, seed=3)
    both = scores.distribution(scores.ACCURACY, [first, second], draws)
    apart = [scores.ACCURACY.draws(one, draws) for one in (first, second)]
    np.testing.assert_allclose(both, np.mean(apart, axis=0))
    assert scores.evaluate(scores.ACCURACY, [first, second]) == pytest.approx(
        np.mean([metrics.accuracy(one.label, one.emotions) for one in (first, second)])
    )


def test_bootstrap_against_a_known_answer():
    """Each group one item, right with chance p: the interval is that of a binomial proportion."""
    n, p = 1000, 0.3
    label = np.zeros(n, dtype=np.int64)
    emotions = np.zeros((n, 9), dtype=np.float32)
    emotions[: int(n * p), 0] = 1
    emotions[int(n * p) :, 1] = 1
    one = Scored(label, None, np.arange(n), n, np.array([""] * n), emotions, emotions)
    estimate = scores.estimate(scores.ACCURACY, [one], resample_groups(n, n_resamples=4000))
    error = np.sqrt(p * (1 - p) / n)
    assert estimate.value == pytest.approx(p)
    assert estimate.low == pytest.approx(p - 1.96 * error, abs=0.002)
    assert estimate.high == pytest.approx(p + 1.96 * error, abs=0.002)


def test_intervals_widen_when_items_come_in_groups():
    """Ten copies of each item in one group: the interval must be that of the tenth of items."""
    n, copies = 100, 10
    emotions = np.zeros((n * copies, 9), dtype=np.float32)
    right = np.repeat(np.arange(n) % 2, copies)
    emotions[np.arange(n * copies), 1 - right] = 1
    label = np.zeros(n * copies, dtype=np.int64)
    genre = np.array([""] * n * copies)
    grouped = Scored(label, None, np.repeat(np.arange(n), copies), n, genre, emotions, emotions)
    estimate = scores.estimate(scores.ACCURACY, [grouped], resample_groups(n, n_resamples=4000))
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / n), abs=0.01)


def test_resampling_is_seeded_and_complete():
    draws = resample_groups(7, n_resamples=1000)
    np.testing.assert_array_equal(draws, resample_groups(7, n_resamples=1000))
    assert not np.array_equal(draws, resample_groups(7, n_resamples=1000, seed=1))
    np.testing.assert_array_equal(draws.sum(1), np.full(1000, 7))
    np.testing.assert_allclose(draws.mean(0), np.ones(7), atol=0.15)
    with pytest.raises(EvaluationError, match="no groups"):
        resample_groups(0)


def test_sum_by_group():
    sums = sum_by_group(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]), 3)
    np.testing.assert_array_equal(sums, [[2], [5], [0]])


def test_percentile_interval_skips_undefined_draws():
    values = np.concatenate([np.linspace(0, 1, 1001), [np.nan] * 10])
    assert percentile_interval(values) == pytest.approx((0.025, 0.975))
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()


def test_an_emotion_that_no_draw_contains_gives_no_number():
    one = scored()
    absent = Scored(
        np.full(len(one), 4), one.votes, one.group, one.n_groups, one.genre, one.emotions, one.votes
    )
    (auc,) = (s for s in scores.per_emotion_scores(0) if s.name.startswith("roc_auc"))
    assert np.isnan(scores.evaluate(auc, [absent]))

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.evaluation import metrics, scores
from music_emotion.evaluation.bootstrap import resample_groups, resample_repeats
from music_emotion.evaluation.metrics import BY_NAME, EMOTION_METRICS, METRICS
from music_emotion.evaluation.scores import Scored

ACCURACY = BY_NAME["accuracy"]


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


def every_metric(one: Scored) -> dict[str, float]:
    return metrics.evaluate(
        metrics.Reference(one.label, one.votes), metrics.Estimated(one.emotions, one.intensities)
    )


def expand(one: Scored, draws: np.ndarray) -> Scored:
    """The resample as a plain selection of items: the slow, obvious way."""
    rows = np.concatenate(
        [np.repeat(np.flatnonzero(one.group == g), int(k)) for g, k in enumerate(draws)]
    ).astype(int)
    return one.take(rows)


def test_values_are_those_of_the_metrics():
    one = scored()
    plain = every_metric(one)
    assert list(plain) == [metric.name for metric in METRICS]
    for metric in METRICS:
        assert scores.point_estimate(metric, [one]) == pytest.approx(plain[metric.name], abs=1e-12)


def test_every_resample_equals_the_metric_of_the_resampled_items():
    one = scored()
    for row in resample_groups(one.n_groups, n_resamples=4, seed=1):
        plain = every_metric(expand(one, row))
        for metric in METRICS:
            if metric.takes != "whole":
                (fast,) = scores.resampled(metric, one, row[None])
                assert fast == pytest.approx(plain[metric.name], abs=1e-9), metric.name


def test_metrics_of_each_emotion():
    one = scored()
    report = metrics.per_class(
        metrics.confusion_matrix(one.label, metrics.predicted_labels(one.emotions))
    )
    expected = {
        "precision": report.precision,
        "recall": report.recall,
        "f1": report.f1,
        "roc_auc": metrics.roc_auc(one.label, one.emotions),
        "pearson_r": metrics.pearson_r(one.votes, one.intensities),
    }
    assert [metric.name for metric in EMOTION_METRICS] == list(expected)
    draws = resample_groups(one.n_groups, n_resamples=200)
    for metric in EMOTION_METRICS:
        values = expected[metric.name]
        estimates = scores.estimate_emotions(metric, [one], draws)
        np.testing.assert_allclose([e.value for e in estimates], values, atol=1e-12)
        for estimate in estimates:
            assert estimate.low <= estimate.value <= estimate.high


def test_some_of_the_items_are_scored_alone():
    one = scored()
    rock = one.take(one.genre == "rock")
    chosen = np.flatnonzero(one.genre == "rock")
    accuracy = metrics.accuracy(one.label[chosen], one.emotions[chosen])
    assert (float(scores.point_estimate(ACCURACY, [rock])), len(rock)) == (accuracy, 40)


def test_calibration_error_by_hand():
    # Two items at .8, one right: gap .3. Two at .4, none right: gap .4. Half of the items each.
    emotions = np.full((4, 9), 0.0, dtype=np.float32)
    emotions[:2, 0], emotions[2:, 0] = 0.8, 0.4
    one = Scored(
        np.array([0, 1, 1, 1]), None, np.arange(4), 4, np.array([""] * 4), emotions, emotions
    )
    ece = BY_NAME["ece"]
    assert scores.point_estimate(ece, [one]) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4, abs=1e-6)
    # A bootstrap of it is biased upwards and need not hold the value: there is no interval.
    estimate = scores.estimate(ece, [one], resample_groups(4))
    assert estimate.value == pytest.approx(0.35, abs=1e-6)
    assert np.isnan([estimate.low, estimate.high]).all()


def test_repeats_share_the_resample_and_are_drawn():
    first, second = scored(1), scored(2)
    draws = resample_groups(first.n_groups, n_resamples=50, seed=3)
    both = scores.distribution(ACCURACY, [first, second], draws)
    apart = np.stack([scores.resampled(ACCURACY, one, draws) for one in (first, second)])
    chosen = resample_repeats(2, n_resamples=50).argmax(axis=1)  # of two, one is drawn
    np.testing.assert_allclose(both, apart[chosen, np.arange(50)])
    alone = scores.distribution(ACCURACY, [first], draws)
    np.testing.assert_allclose(alone, apart[0])
    assert scores.point_estimate(ACCURACY, [first, second]) == pytest.approx(
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
    estimate = scores.estimate(ACCURACY, [one], resample_groups(n, n_resamples=4000))
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
    estimate = scores.estimate(ACCURACY, [grouped], resample_groups(n, n_resamples=4000))
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / n), abs=0.01)


def test_an_emotion_that_no_draw_contains_gives_no_number():
    one = scored()
    absent = Scored(
        np.full(len(one), 4), one.votes, one.group, one.n_groups, one.genre, one.emotions, one.votes
    )
    assert np.isnan(scores.point_estimate(EMOTION_METRICS[3], [absent])[0])

"""The metrics: by hand, against scikit-learn and scipy, and used alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from helpers.doctests import failing_examples, without_example
from music_emotion.errors import EvaluationError
from music_emotion.evaluation import metrics
from music_emotion.evaluation.metrics import METRICS, Estimated, Reference, pearson_over_tracks


def one_hot(labels, confidence=1.0):
    rest = (1 - confidence) / 8
    rows = np.full((len(labels), 9), rest)
    rows[np.arange(len(labels)), labels] = confidence
    return rows


@pytest.fixture(scope="module")
def random_case():
    rng = np.random.default_rng(3)
    labels = rng.choice(9, size=200, p=[0.01, 0.07, 0.07, 0.13, 0.25, 0.09, 0.23, 0.1, 0.05])
    labels[:9] = np.arange(9)
    emotions = rng.dirichlet(np.ones(9), size=200).astype(np.float32)
    votes = rng.beta(1, 4, size=(200, 9))
    return labels, emotions, votes, rng.beta(1, 4, size=(200, 9)) + 0.5 * votes


def test_hits_by_hand():
    emotions = np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0, 0]])
    assert [metrics.hits([label], emotions)[0] for label in (0, 1, 2)] == [0, 1, 0]
    assert [metrics.hits([label], emotions, 2)[0] for label in (0, 1, 2)] == [0, 1, 1]
    assert [metrics.hits([label], emotions, 3)[0] for label in (0, 1, 2, 3)] == [1, 1, 1, 0]


def test_ties_go_to_the_earlier_emotion():
    flat = np.full((2, 9), 1 / 9)
    assert metrics.predicted_labels(flat).tolist() == [0, 0]
    assert metrics.hits([0, 1], flat).tolist() == [1, 0]
    assert metrics.hits([1, 2], flat, 2).tolist() == [1, 0]


def test_top_k_agrees_with_scikit_learn(random_case):
    from sklearn.metrics import accuracy_score, top_k_accuracy_score

    labels, emotions, _, _ = random_case
    assert metrics.accuracy(labels, emotions) == accuracy_score(labels, emotions.argmax(1))
    for k in (1, 2, 3):
        assert metrics.top_k_accuracy(labels, emotions, k) == pytest.approx(
            top_k_accuracy_score(labels, emotions, k=k, labels=range(9)), abs=1e-12
        )


def test_per_class_by_hand():
    # Truth 0 0 0 1 1 2, called 0 0 1 1 2 2: precision 1, 1/2, 1/2; recall 2/3, 1/2, 1.
    confusion = metrics.confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2])
    assert confusion[0, 1] == 1 and confusion[1, 0] == 0
    report = metrics.per_class(confusion)
    np.testing.assert_allclose(report.precision[:3], [1, 1 / 2, 1 / 2])
    np.testing.assert_allclose(report.recall[:3], [2 / 3, 1 / 2, 1])
    np.testing.assert_allclose(report.f1[:3], [4 / 5, 1 / 2, 2 / 3])
    np.testing.assert_array_equal(report.support, [3, 2, 1, 0, 0, 0, 0, 0, 0])
    assert metrics.macro_f1(confusion) == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert metrics.macro_f1_without_amazement(confusion) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert metrics.balanced_accuracy(confusion) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_per_class_agrees_with_scikit_learn(random_case):
    from sklearn.metrics import (
        balanced_accuracy_score,
        confusion_matrix,
        f1_score,
        precision_recall_fscore_support,
    )

    labels, emotions, _, _ = random_case
    called = metrics.predicted_labels(emotions)
    called[called == 8] = 4  # one emotion that is never predicted: 0 / 0 precision
    confusion = metrics.confusion_matrix(labels, called)
    np.testing.assert_array_equal(confusion, confusion_matrix(labels, called, labels=range(9)))
    oracle = precision_recall_fscore_support(labels, called, labels=range(9), zero_division=0)
    report = metrics.per_class(confusion)
    for ours, theirs in zip(
        (report.precision, report.recall, report.f1, report.support), oracle, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert metrics.macro_f1(confusion) == pytest.approx(
        f1_score(labels, called, average="macro", zero_division=0), abs=1e-12
    )
    assert metrics.macro_f1_without_amazement(confusion) == pytest.approx(
        f1_score(labels, called, labels=range(1, 9), average="macro", zero_division=0), abs=1e-12
    )
    assert metrics.balanced_accuracy(confusion) == pytest.approx(
        balanced_accuracy_score(labels, called), abs=1e-12
    )


def test_confusion_metrics_work_on_many_matrices_at_once(random_case):
    labels, emotions, _, _ = random_case
    called = metrics.predicted_labels(emotions)
    halves = [
        metrics.confusion_matrix(labels[part], called[part])
        for part in (slice(0, 100), slice(100, 200))
    ]
    for metric in (
        metrics.macro_f1,
        metrics.macro_f1_without_amazement,
        metrics.balanced_accuracy,
    ):
        np.testing.assert_allclose(metric(np.stack(halves)), [metric(half) for half in halves])


def test_log_loss_and_brier_by_hand():
    emotions = one_hot([0, 0], confidence=0.6)  # every other emotion 0.05
    assert metrics.log_loss([0, 1], emotions) == pytest.approx(-(np.log(0.6) + np.log(0.05)) / 2)
    # right: 0.4² + 8 · 0.05²; wrong: 0.6² + 0.95² + 7 · 0.05²
    assert metrics.brier([0, 1], emotions) == pytest.approx((0.18 + 1.28) / 2)
    assert np.isfinite(metrics.log_loss([1], one_hot([0])))


def test_log_loss_agrees_with_scikit_learn(random_case):
    from sklearn.metrics import log_loss

    labels, emotions, _, _ = random_case
    emotions = emotions.astype(np.float64) / emotions.sum(1, keepdims=True, dtype=np.float64)
    assert metrics.log_loss(labels, emotions) == pytest.approx(
        log_loss(labels, emotions, labels=range(9)), abs=1e-12
    )


def test_roc_auc_by_hand_and_against_scikit_learn(random_case):
    from sklearn.metrics import roc_auc_score

    emotions = np.zeros((4, 9))
    emotions[:, 0] = [0.9, 0.5, 0.5, 0.1]
    areas = metrics.roc_auc([0, 0, 1, 1], emotions)
    assert areas[0] == pytest.approx(3.5 / 4)  # three pairs won, one tied
    assert areas[1] == pytest.approx(0.5)
    assert np.isnan(areas[2])

    labels, emotions, _, _ = random_case
    rounded = np.round(emotions, 1)  # many ties
    for emotion in range(9):
        assert metrics.roc_auc(labels, rounded)[emotion] == pytest.approx(
            roc_auc_score(labels == emotion, rounded[:, emotion]), abs=1e-12
        )


def test_auc_wins_add_up_over_groups(random_case):
    labels, emotions, _, _ = random_case
    group = np.arange(200) % 7
    wins = metrics.auc_wins(labels == 4, emotions[:, 4], group, 7)
    positives, negatives = (labels == 4).sum(), (labels != 4).sum()
    assert wins.sum() / (positives * negatives) == pytest.approx(
        metrics.roc_auc(labels, emotions)[4]
    )


def test_pearson_agrees_with_scipy(random_case):
    from scipy.stats import pearsonr

    _, _, votes, guess = random_case
    ours = metrics.pearson_r(votes, guess)
    np.testing.assert_allclose(
        ours, [pearsonr(votes[:, e], guess[:, e]).statistic for e in range(9)], atol=1e-12
    )
    assert metrics.mean_pearson_r(votes, guess) == pytest.approx(ours.mean())


def test_pearson_of_a_constant_prediction_is_zero():
    votes = np.random.default_rng(0).random((20, 9))
    constant = np.tile(np.linspace(0.1, 0.3, 9, dtype=np.float32), (20, 1))
    np.testing.assert_array_equal(metrics.pearson_r(votes, constant), np.zeros(9))


def test_pearson_skips_an_emotion_whose_votes_do_not_vary():
    votes = np.random.default_rng(0).random((20, 9))
    votes[:, 2] = 0.25
    assert np.isnan(metrics.pearson_r(votes, votes)[2])
    assert metrics.mean_pearson_r(votes, votes) == pytest.approx(1)


def test_distributions_by_hand_and_against_scipy(random_case):
    from scipy.spatial.distance import cosine, jensenshannon

    votes = np.zeros((2, 9))
    guess = np.zeros((2, 9))
    votes[0, 0], guess[0, 0] = 0.8, 0.2  # the same distribution, another scale
    votes[1, 0], guess[1, 1] = 0.8, 0.2  # nothing in common
    np.testing.assert_allclose(metrics.cosine_similarities(votes, guess), [1, 0], atol=1e-12)
    np.testing.assert_allclose(metrics.jensen_shannon_divergences(votes, guess), [0, 1], atol=1e-12)

    _, _, votes, guess = random_case
    for row in range(5):
        assert metrics.cosine_similarities(votes, guess)[row] == pytest.approx(
            1 - cosine(votes[row], guess[row]), abs=1e-12
        )
        assert metrics.jensen_shannon_divergences(votes, guess)[row] == pytest.approx(
            jensenshannon(votes[row], guess[row], base=2) ** 2, abs=1e-12
        )
    assert 0 < metrics.cosine_similarity(votes, guess) < 1
    assert 0 < metrics.jensen_shannon_divergence(votes, guess) < 1


def test_a_row_without_votes_is_uniform():
    nothing, flat = np.zeros((1, 9)), np.full((1, 9), 0.3)
    assert metrics.cosine_similarity(nothing, flat) == pytest.approx(1)
    assert metrics.jensen_shannon_divergence(nothing, flat) == pytest.approx(0, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ranges(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 9, 30)
    emotions = rng.dirichlet(np.full(9, 0.3), 30)
    votes, guess = rng.random((30, 9)), rng.random((30, 9))
    tops = [metrics.top_k_accuracy(labels, emotions, k) for k in range(1, 10)]
    assert tops == sorted(tops) and tops[-1] == 1
    assert 0 <= metrics.brier(labels, emotions) <= 2
    assert metrics.log_loss(labels, emotions) >= 0
    assert np.abs(metrics.pearson_r(votes, guess)).max() <= 1
    assert 0 <= metrics.jensen_shannon_divergence(votes, guess) <= 1


def test_equals_scipy_for_every_column() -> None:
    rng = np.random.default_rng(0)
    scale = 10.0 ** np.linspace(-4, 1, 9)
    x = rng.standard_normal((40, 3, 9)) * scale
    y = 0.3 * x + (rng.standard_normal((40, 1, 9)) + 100) * scale
    got = pearson_over_tracks(x, y)
    for i in range(3):
        for e in range(9):
            assert abs(got[i, e] - pearsonr(x[:, i, e], y[:, i, e]).statistic) < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(0, 100))
def test_a_weight_is_a_repetition(weights: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 9)), rng.standard_normal((12, 9))
    if sum(weight > 0 for weight in weights) < 3:
        weights = [1] * 12
    rows = np.repeat(np.arange(12), weights)
    weighted = pearson_over_tracks(x, y, [weights])[0]
    np.testing.assert_allclose(weighted, pearson_over_tracks(x[rows], y[rows]), atol=1e-9)


def test_a_constant_prediction_explains_nothing_and_a_constant_target_is_undefined() -> None:
    varied, constant = np.arange(5.0)[:, None], np.full((5, 1), 0.1)
    assert pearson_over_tracks(constant, varied)[0] == 0.0
    assert np.isnan(pearson_over_tracks(varied, constant)[0])
    assert np.isnan(pearson_over_tracks(constant, constant)[0])
    rounded = constant + 1e-9 * np.arange(5)[:, None]  # constant but for rounding
    assert pearson_over_tracks(rounded, varied)[0] == 0.0
    # Constant only within one weighting: the varied rows carry no weight there.
    x = np.array([[0.0], [0.0], [0.0], [1.0]])
    y = np.array([[1.0], [2.0], [3.0], [9.0]])
    by_weighting = pearson_over_tracks(x, y, [[1, 1, 1, 0], [1, 1, 1, 1]])[:, 0]
    assert by_weighting[0] == 0.0
    assert by_weighting[1] > 0.9


# --- All of them ---------------------------------------------------------------------------------


def test_evaluate_returns_every_metric_in_the_order_of_the_list(random_case):
    labels, emotions, votes, guess = random_case
    found = metrics.evaluate(Reference(labels, votes), Estimated(emotions, guess))
    confusion = metrics.confusion_matrix(labels, metrics.predicted_labels(emotions))
    expected = {
        "accuracy": metrics.accuracy(labels, emotions),
        "macro_f1": metrics.macro_f1(confusion),
        "macro_f1_without_amazement": metrics.macro_f1_without_amazement(confusion),
        "balanced_accuracy": metrics.balanced_accuracy(confusion),
        "top2_accuracy": metrics.top_k_accuracy(labels, emotions, 2),
        "top3_accuracy": metrics.top_k_accuracy(labels, emotions, 3),
        "roc_auc": metrics.roc_auc(labels, emotions).mean(),
        "log_loss": metrics.log_loss(labels, emotions),
        "brier": metrics.brier(labels, emotions),
        "ece": metrics.expected_calibration_error(labels, emotions),
        "mean_pearson_r": metrics.mean_pearson_r(votes, guess),
        "cosine_similarity": metrics.cosine_similarity(votes, guess),
        "jensen_shannon": metrics.jensen_shannon_divergence(votes, guess),
    }
    assert list(found) == list(expected)
    assert list(found.values()) == pytest.approx(
        [float(value) for value in expected.values()], abs=1e-12
    )


def test_metrics_of_votes_need_votes_on_both_sides(random_case):
    labels, emotions, votes, guess = random_case
    of_labels = [metric.name for metric in METRICS if not metric.needs_votes]
    assert len(of_labels) == 10
    assert list(metrics.evaluate(Reference(labels), Estimated(emotions, guess))) == of_labels
    assert list(metrics.evaluate(Reference(labels, votes), Estimated(emotions))) == of_labels


def test_every_metric_says_which_end_is_good(random_case):
    labels, _, votes, _ = random_case
    reference = Reference(labels, votes)
    best = metrics.evaluate(reference, Estimated(one_hot(labels), votes))
    wrong = one_hot((labels + 1) % 9, confidence=0.9)
    worse = metrics.evaluate(reference, Estimated(wrong, 1 - votes))
    for metric in METRICS:
        assert (best[metric.name] > worse[metric.name]) == metric.higher_is_better, metric.name
        assert (metric.name.endswith("accuracy") or "f1" in metric.name) == metric.is_share


@pytest.mark.parametrize(
    ("reference", "estimated", "message"),
    [
        (Reference(np.array([0])), Estimated(np.ones((2, 9))), r"emotions of shape \(2, 9\) for 1"),
        (Reference(np.array([0])), Estimated(np.ones((1, 8))), "one row of 9"),
        (Reference(np.array([], int)), Estimated(np.ones((0, 9))), "one label or more"),
        (Reference(np.array([9])), Estimated(np.ones((1, 9))), "none of 0 to 8"),
        (Reference(np.array([-1])), Estimated(np.ones((1, 9))), "none of 0 to 8"),
        (Reference(np.array([0])), Estimated(np.full((1, 9), -0.1)), "emotions hold a value"),
        (
            Reference(np.array([0]), np.full((1, 9), np.nan)),
            Estimated(np.ones((1, 9))),
            "votes hold a value",
        ),
        (
            Reference(np.array([0])),
            Estimated(np.ones((1, 9)), np.full((1, 9), np.inf)),
            "intensities hold a value",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(reference, estimated, message):
    with pytest.raises(EvaluationError, match=message):
        metrics.validate(reference, estimated)
    with pytest.raises(EvaluationError, match=message):
        metrics.evaluate(reference, estimated)


def test_the_first_and_the_last_emotion_and_zeros_are_accepted():
    metrics.validate(Reference(np.array([0, 8]), np.zeros((2, 9))), Estimated(np.zeros((2, 9))))


def test_the_module_works_without_the_trainer():
    heavy = ("torch", "sklearn", "soundfile", "onnxruntime", "music_emotion.models")
    code = (
        "import sys, music_emotion.evaluation.metrics\n"
        f"print([name for name in sys.modules if name.startswith({heavy!r})])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_function_has_an_example_that_runs():
    assert without_example("music_emotion.evaluation.metrics") == []
    assert failing_examples("music_emotion.evaluation.metrics") == ""


# --- Edges ---------------------------------------------------------------------------------------


def test_a_probability_of_nothing_costs_no_more_than_its_least_value():
    eps = 2.0**-23
    assert metrics.log_losses([1], one_hot([0]))[0] == pytest.approx(-np.log(eps), abs=1e-12)
    assert metrics.log_losses([0], one_hot([0]))[0] == 0.0


def test_bins_are_closed_above():
    edges = np.array([0.0, 0.05, 0.1, 0.1001, 0.2, 0.9, 0.9001, 1.0])
    assert metrics.calibration_bins(edges).tolist() == [0, 0, 0, 1, 1, 8, 9, 9]
    assert metrics.calibration_bins(edges, 2).tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_the_top_probability_is_kept_within_0_and_1():
    rows = np.zeros((2, 9), dtype=np.float32)
    rows[0, 3], rows[1] = 1.0001, -0.1
    assert metrics.top_probabilities(rows).tolist() == [1.0, 0.0]


def test_calibration_error_weighs_bins_by_their_items():
    confidence, right = np.array([0.75, 0.75, 0.75, 0.35]), np.array([1, 1, 0, 0])
    expected = (abs(2 - 3 * 0.75) + abs(0 - 0.35)) / 4
    assert metrics.calibration_error(confidence, right) == pytest.approx(expected)
    assert metrics.calibration_error(confidence, right, bins=1) == pytest.approx(abs(2 - 2.6) / 4)
    labels, emotions = [0, 0, 1, 1], one_hot([0, 0, 0, 0], 0.75)
    emotions[3] = one_hot([0], 0.35)
    assert metrics.expected_calibration_error(labels, emotions) == pytest.approx(expected)
    assert metrics.expected_calibration_error(labels, emotions, bins=1) == pytest.approx(0.15)


def test_a_variance_of_rounding_noise_is_none():
    """Moments of two items at ±d have the variance d²; the limit is 1e-14."""

    def r(of_votes: float, of_guess: float) -> float:
        x, y = np.sqrt(of_votes), np.sqrt(of_guess)
        return float(
            metrics.pearson_from_moments(np.array([2.0, 0, 0, 2 * x * x, 2 * y * y, 2 * x * y]))
        )

    assert r(1.1e-14, 1.1e-14) == pytest.approx(1)
    assert np.isnan(r(0.9e-14, 1.1e-14))
    assert r(1.1e-14, 0.9e-14) == 0.0
    assert metrics.pearson_from_moments(np.array([2.0, 0, 0, 2, 2, 2.5])) == 1.0  # kept within ±1
    assert metrics.pearson_from_moments(np.array([2.0, 0, 0, 2, 2, -2.5])) == -1.0
    assert np.isnan(metrics.pearson_from_moments(np.zeros(6)))


def test_the_mean_over_emotions_skips_those_without_a_value():
    r = np.array([[0.2, np.nan, 0.6], [np.nan] * 3])
    mean = metrics.mean_over_emotions(r)
    assert mean[0] == pytest.approx(0.4)
    assert np.isnan(mean[1])


def test_areas_of_weighted_groups_are_those_of_the_repeated_items(random_case):
    labels, emotions, _, _ = random_case
    group, weights = np.arange(200) % 3, np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]])
    areas = metrics.roc_auc_of_groups(labels, emotions, group, weights)
    chosen = np.concatenate([np.flatnonzero(group == 0), *[np.flatnonzero(group == 2)] * 2])
    np.testing.assert_allclose(areas[0], metrics.roc_auc(labels[chosen], emotions[chosen]))
    np.testing.assert_allclose(areas[1], metrics.roc_auc(labels, emotions))
    alone = metrics.roc_auc_of_groups(labels[:2] * 0, emotions[:2], group[:2], weights)
    assert np.isnan(alone).all()  # every item carries the first emotion, none another


def test_negative_votes_count_as_none():
    votes, guess = np.zeros((1, 9)), np.zeros((1, 9))
    votes[0, :2], guess[0, :2] = (1.0, -1.0), (1.0, 0.0)
    assert metrics.cosine_similarity(votes, guess) == pytest.approx(1)


@pytest.mark.parametrize(
    "function",
    [
        metrics.hits,
        metrics.log_losses,
        metrics.brier_scores,
        metrics.roc_auc,
        metrics.expected_calibration_error,
    ],
)
def test_single_precision_and_lists_are_scored_in_double_precision(random_case, function):
    labels, emotions, _, _ = random_case
    emotions = emotions.astype(np.float32)
    np.testing.assert_array_equal(
        function(labels.tolist(), emotions), function(labels, emotions.astype(np.float64))
    )


@pytest.mark.parametrize(
    "function",
    [
        metrics.pearson_r,
        metrics.correlation_moments,
        metrics.cosine_similarities,
        metrics.jensen_shannon_divergences,
        lambda votes, guess: pearson_over_tracks(guess, votes, [[0.1] * 200, [1] * 200]),
        lambda votes, guess: pearson_over_tracks(guess, votes, np.ones((1, 200), np.float32)),
    ],
)
def test_single_precision_votes_are_scored_in_double_precision(random_case, function):
    _, _, votes, guess = random_case
    votes, guess = votes.astype(np.float32), guess.astype(np.float32)
    np.testing.assert_array_equal(
        function(votes, guess), function(votes.astype(np.float64), guess.astype(np.float64))
    )


def test_values_far_from_zero_lose_no_digits():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((50, 9)), rng.standard_normal((50, 9))
    moments = metrics.correlation_moments(x + 1e5, y - 1e5)
    np.testing.assert_allclose(moments[..., 1:3].sum(axis=0), 0.0, atol=1e-6)
    expected = [pearsonr(x[:, e], y[:, e]).statistic for e in range(9)]
    np.testing.assert_allclose(metrics.pearson_r(x + 1e5, y - 1e5), expected, atol=1e-9)
    np.testing.assert_allclose(pearson_over_tracks(y - 1e5, x + 1e5), expected, atol=1e-9)


# --- Ratings -------------------------------------------------------------------------------------


def of_moments(function, rated, predicted):
    return function(metrics.rating_moments(rated, predicted).sum(axis=0))


def test_concordance_by_hand_as_lin_defines_it() -> None:
    rated = np.array([[1.0], [2.0], [3.0], [4.0]])
    predicted = np.array([[2.0], [2.0], [5.0], [7.0]])
    # Means 2.5 and 4, variances 1.25 and 4.5, covariance 2.25, all with n.
    expected = 2 * 2.25 / (1.25 + 4.5 + (2.5 - 4.0) ** 2)
    found = of_moments(metrics.concordance_from_moments, rated, predicted)
    assert found[0] == pytest.approx(expected)
    swapped = of_moments(metrics.concordance_from_moments, predicted, rated)
    assert swapped[0] == pytest.approx(expected)
    assert of_moments(metrics.concordance_from_moments, rated, rated)[0] == pytest.approx(1.0)
    assert of_moments(metrics.concordance_from_moments, rated, 5 - rated)[0] == pytest.approx(-1.0)
    assert of_moments(metrics.concordance_from_moments, rated, rated + 1)[0] < 1
    assert of_moments(metrics.concordance_from_moments, rated, 2 * rated)[0] < 1


def test_errors_of_ratings_by_hand() -> None:
    rated = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    predicted = np.array([[1.0, 10.0], [2.0, 23.0], [6.0, 34.0]])
    error = of_moments(metrics.error_from_moments, rated, predicted)
    np.testing.assert_allclose(error, [np.sqrt(3.0), np.sqrt(25 / 3)])
    explained = of_moments(metrics.explained_from_moments, rated, predicted)
    np.testing.assert_allclose(explained, [1 - 9 / 2, 1 - 25 / 200])
    middle = np.tile(rated.mean(axis=0), (3, 1))
    np.testing.assert_allclose(
        of_moments(metrics.explained_from_moments, rated, middle), 0, atol=1e-12
    )


def test_metrics_of_ratings_agree_with_other_libraries() -> None:
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import r2_score, root_mean_squared_error

    rng = np.random.default_rng(0)
    rated = 100 + rng.normal(size=(50, 2)).round(1)
    predicted = (rated + rng.normal(size=(50, 2))).round(1)
    assert len(np.unique(rated[:, 0])) < 50, "ties are wanted"
    for scale in range(2):
        one, other = rated[:, scale], predicted[:, scale]
        found = metrics.rank_correlations(rated, predicted)[scale]
        assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)
        sides = rated, predicted
        assert of_moments(metrics.pearson_from_moments, *sides)[scale] == pytest.approx(
            pearsonr(one, other).statistic, abs=1e-10
        )
        assert of_moments(metrics.error_from_moments, *sides)[scale] == pytest.approx(
            root_mean_squared_error(one, other), abs=1e-10
        )
        assert of_moments(metrics.explained_from_moments, *sides)[scale] == pytest.approx(
            r2_score(one, other), abs=1e-10
        )


def test_ranks_of_weighted_items_are_those_of_copies() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    rated, predicted = rng.normal(size=(20, 1)).round(1), rng.normal(size=(20, 1)).round(1)
    weights = rng.integers(0, 4, size=(3, 20)).astype(float)
    found = metrics.rank_correlations(rated, predicted, weights)[:, 0]
    for row, value in zip(weights, found, strict=True):
        copies = np.repeat(np.arange(20), row.astype(int))
        expected = spearmanr(rated[copies, 0], predicted[copies, 0]).statistic
        assert value == pytest.approx(expected, abs=1e-12)


def test_constant_ratings_and_constant_predictions() -> None:
    varied, constant = np.array([[1.0], [2.0], [4.0]]), np.ones((3, 1))
    functions = (metrics.pearson_from_moments, metrics.concordance_from_moments)
    for one in functions:
        assert of_moments(one, varied, constant)[0] == pytest.approx(0.0, abs=1e-12)
    assert metrics.rank_correlations(varied, constant).tolist() == [0.0]
    assert np.isnan(metrics.rank_correlations(constant, varied)).all()
    for one in (*functions, metrics.explained_from_moments):
        assert np.isnan(of_moments(one, constant, varied)).all()


def test_items_without_a_rating_take_no_part() -> None:
    rated = np.array([[1.0], [np.nan], [2.0], [5.0]])
    predicted = np.array([[1.5], [99.0], [1.0], [4.0]])
    kept = [0, 2, 3]
    for metric in metrics.RATING_METRICS:
        if metric.takes == "ranks":
            whole = metrics.rank_correlations(rated, predicted)
            part = metrics.rank_correlations(rated[kept], predicted[kept])
        else:
            whole = of_moments(metric.function, rated, predicted)
            part = of_moments(metric.function, rated[kept], predicted[kept])
        np.testing.assert_allclose(whole, part)

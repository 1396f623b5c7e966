"""Paired tests by hand, against scipy, and on simulations where the null hypothesis holds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import permutation_test, ttest_1samp

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.metrics import log_losses, mean_pearson_r
from music_emotion.evaluation.significance import (
    Contender,
    PairedTest,
    between,
    holm,
    paired_tests,
    shown_p,
    swap_patterns,
)


def contender(name: str, n: int, seed: int, repeats: int = 1) -> Contender:
    rng = np.random.default_rng(seed)
    emotions = rng.dirichlet(np.ones(9), size=(repeats, n))
    return Contender(name, emotions, rng.random((repeats, n, 9)))


def right_on(name: str, tracks: list[bool]) -> Contender:
    """A model that names the emotion 0, which every track carries, on these tracks only."""
    emotions = np.eye(9)[np.where(tracks, 0, 1)][None]
    return Contender(name, emotions, emotions)


def test_accuracy_of_one_fold_seed_is_tested_over_groups() -> None:
    """Six groups of two tracks that one model gets right alone: 2 of 64 swaps are as extreme.

    Track by track, twelve against none would have given 2 of 4096.
    """
    labels, groups = np.zeros(12, dtype=np.int64), np.repeat(np.arange(6), 2)
    models = [right_on("all", [True] * 12), right_on("none", [False] * 12)]
    (test,) = paired_tests(models, labels, None, groups, compared=["accuracy"])
    assert test.p == 2 / 64
    assert test.difference == 1.0


def test_a_test_can_be_seen_from_either_model() -> None:
    labels = np.arange(45) % 9
    tests = paired_tests([contender("a", 45, 1), contender("b", 45, 2)], labels, None, labels)
    there, back = (between(tests, *names, "accuracy") for names in (("a", "b"), ("b", "a")))
    assert (back.first, back.second, back.p) == ("b", "a", there.p)
    assert (back.difference, back.low, back.high) == (
        -there.difference,
        -there.high,
        -there.low,
    )
    assert between(tests, "a", "c", "accuracy") is None


def test_many_tests_get_more_swaps() -> None:
    """With 9 swaps alone no adjusted p of three tests could be below 0.05."""
    labels = np.zeros(40, dtype=np.int64)
    models = [right_on(f"right on {n}", [k < n for k in range(40)]) for n in (40, 20, 0)]
    tests = paired_tests(models, labels, None, np.arange(40), compared=["accuracy"], swaps=9)
    assert all(test.is_significant for test in tests)


def test_a_tiny_p_is_not_shown_as_nothing() -> None:
    assert [shown_p(p) for p in (0.0, 0.00009, 0.0001, 0.0123)] == [
        "< 0.0001",
        "< 0.0001",
        "0.0001",
        "0.0123",
    ]


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.6])), [1.0, 1.0])


def test_few_groups_are_swapped_in_every_way() -> None:
    rng = np.random.default_rng(0)
    patterns = swap_patterns(3, 99, rng)
    assert len(np.unique(patterns, axis=0)) == len(patterns) == 8
    many = swap_patterns(30, 99, rng)
    assert many.shape == (100, 30)
    assert not many[0].any()


def test_log_loss_equals_scipys_paired_permutation_test() -> None:
    n = 9
    labels = np.arange(n) % 9
    one, other = contender("one", n, 1), contender("other", n, 2)
    test = paired_tests([one, other], labels, None, np.arange(n), compared=["log_loss"])[0]
    losses = [log_losses(labels, c.emotions[0]) for c in (one, other)]
    oracle = permutation_test(
        losses, lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert abs(test.p - oracle.pvalue) < 1e-12
    assert abs(test.difference - oracle.statistic) < 1e-12


def test_r_equals_an_enumeration_by_hand() -> None:
    """Five groups of four tracks, every swap tried."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(5), 4)
    votes = rng.random((20, 9))
    one, other = contender("one", 20, 4), contender("other", 20, 5)
    labels = votes.argmax(axis=1)
    test = paired_tests([one, other], labels, votes, groups, compared=["mean_pearson_r"])[0]

    def standardised(x: NDArray[np.floating]) -> NDArray[np.floating]:
        return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)

    a, b = standardised(one.intensities), standardised(other.intensities)
    differences = []
    for swapped in product([False, True], repeat=5):
        mask = np.array(swapped)[groups][:, None]
        first, second = np.where(mask, b, a), np.where(mask, a, b)
        scores = [[mean_pearson_r(votes, x) for x in side] for side in (first, second)]
        differences.append(np.mean(scores[0]) - np.mean(scores[1]))
    assert abs(test.difference - differences[0]) < 1e-9
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-9)
    assert abs(test.p - expected) < 1e-12


def test_scale_and_offset_of_intensities_do_not_matter_for_r() -> None:
    votes = np.random.default_rng(0).random((40, 9))
    labels = votes.argmax(axis=1)
    one, other = contender("one", 40, 1), contender("other", 40, 2)
    scaled = Contender("other", other.emotions, 0.01 * other.intensities + 0.3)
    plain, changed = (
        paired_tests(
            [one, second], labels, votes, np.arange(40), compared=["mean_pearson_r"], swaps=500
        )[0]
        for second in (other, scaled)
    )
    assert abs(plain.p - changed.p) < 1e-12
    assert abs(plain.difference - changed.difference) < 1e-9


def test_a_better_model_is_found_better_in_everything() -> None:
    rng = np.random.default_rng(0)
    votes = rng.dirichlet(np.full(9, 0.3), size=200)
    labels = votes.argmax(axis=1)
    good = np.stack([0.7 * votes + 0.3 / 9] * 2)
    tests = paired_tests(
        [Contender("good", good[:1], good[:1]), contender("bad", 200, 1)],
        labels,
        votes,
        np.arange(200) // 2,
        swaps=999,
    )
    assert len(tests) == 3
    for test in tests:
        assert (test.first, test.second) == ("good", "bad")
        assert test.p == 1 / 1000
        assert abs(test.p_adjusted - 3 / 1000) < 1e-12
        better = -1 if test.metric == "log_loss" else 1
        assert better * test.difference > 0
        assert test.low < test.difference < test.high
        assert test.low * test.high > 0


def test_every_pair_once_and_adjusted_together() -> None:
    labels = np.arange(45) % 9
    models = [contender(name, 45, seed) for seed, name in enumerate("abcd")]
    tests = paired_tests(models, labels, None, np.arange(45), swaps=200)
    assert len(tests) == 6 * 2  # r is left out where there are no votes
    assert {(t.first, t.second) for t in tests} == {
        ("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"),
    }  # fmt: skip
    p = np.array([test.p for test in tests])
    np.testing.assert_allclose([test.p_adjusted for test in tests], holm(p))


def test_groups_are_respected() -> None:
    """Where only groups differ by luck, the group test keeps its level; a test over tracks fails.

    Both models are equally good, but each group of ten tracks as a whole suits one or the other.
    """
    rng = np.random.default_rng(1)
    labels, groups = np.zeros(100, dtype=np.int64), np.arange(100) // 10
    rejected = {"groups": 0, "tracks": 0}
    trials = 60
    for _ in range(trials):
        models = []
        for name in ("one", "other"):
            sure = np.repeat(rng.uniform(0.2, 0.6, size=10), 10)
            emotions = np.column_stack([sure, *[(1 - sure) / 8] * 8])[None]
            models.append(Contender(name, emotions, emotions))
        for kind, grouping in (("groups", groups), ("tracks", np.arange(100))):
            tests = paired_tests(models, labels, None, grouping, compared=["log_loss"], swaps=1023)
            rejected[kind] += tests[0].p < 0.05
    assert rejected["groups"] <= 8  # expected 3 of 60
    assert rejected["tracks"] > 20


def test_refuses_models_on_other_tracks() -> None:
    labels = np.zeros(10, dtype=np.int64)
    ten, nine = contender("ten", 10, 0), contender("nine", 9, 0)
    with pytest.raises(EvaluationError, match="nine predicts"):
        paired_tests([ten, nine], labels, None, np.arange(10))
    with pytest.raises(EvaluationError, match="two models or more"):
        paired_tests([ten], labels, None, np.arange(10))


def sure(name: str, probabilities: NDArray[np.floating], seeds: tuple[int, ...] = ()) -> Contender:
    """A model that gives emotion 0 these probabilities, shape (repeats, tracks)."""
    rest = np.repeat((1 - probabilities)[..., None] / 8, 8, axis=-1)
    emotions = np.concatenate([probabilities[..., None], rest], axis=-1)
    return Contender(name, emotions, emotions, seeds)


def log_loss_test(gap: NDArray[np.floating]) -> PairedTest:
    """Test two models whose log-losses differ by ``gap``, shape (repeats, tracks)."""
    labels = np.zeros(gap.shape[1], dtype=np.int64)
    models = [sure("one", 0.1 * np.exp(-gap)), sure("other", np.full(gap.shape, 0.1))]
    (test,) = paired_tests(models, labels, None, np.arange(gap.shape[1]), compared=["log_loss"])
    return test


def test_trainings_that_differ_alike_on_every_artist_are_a_t_test_over_trainings() -> None:
    by_training = np.array([0.02, 0.05, -0.01, 0.04, 0.03])
    test = log_loss_test(np.repeat(by_training[:, None], 60, axis=1))
    oracle = ttest_1samp(by_training, 0.0)
    assert test.repeats == 5
    assert test.difference == pytest.approx(by_training.mean())
    assert test.repeat_error == pytest.approx(by_training.std(ddof=1) / np.sqrt(5))
    assert test.error == pytest.approx(test.repeat_error, rel=0.05)
    assert test.p == pytest.approx(oracle.pvalue, rel=0.15)
    assert by_training.min() <= test.low < test.difference < test.high <= by_training.max()


def test_artists_that_differ_alike_in_every_training_are_a_t_test_over_artists() -> None:
    by_artist = np.random.default_rng(2).normal(0.02, 0.1, 150)
    test = log_loss_test(np.repeat(by_artist[None], 5, axis=0))
    oracle = ttest_1samp(by_artist, 0.0)
    assert test.repeat_error == pytest.approx(0.0, abs=1e-9)
    assert test.error == pytest.approx(by_artist.std() / np.sqrt(150), rel=0.05)
    assert test.p == pytest.approx(oracle.pvalue, rel=0.2)


def test_both_scatters_add_up() -> None:
    rng = np.random.default_rng(3)
    training, artist = rng.normal(0, 0.04, 5), rng.normal(0.05, 0.2, 80)
    both = log_loss_test(training[:, None] + artist)
    artists = log_loss_test(np.repeat(artist[None], 5, axis=0))
    assert both.error**2 == pytest.approx(artists.error**2 + both.repeat_error**2, rel=0.1)
    assert both.p > artists.p
    assert both.high - both.low > artists.high - artists.low


def test_models_are_compared_on_the_fold_seeds_that_both_have() -> None:
    labels = np.zeros(30, dtype=np.int64)
    rng = np.random.default_rng(4)
    chances = rng.uniform(0.1, 0.9, (3, 30))
    models = [
        sure("three", chances, (42, 43, 44)),
        sure("two", rng.uniform(0.1, 0.9, (2, 30)), (44, 42)),
        sure("last", chances[[2]], (44,)),
        sure("elsewhere", chances[[0]], (45,)),
    ]
    tests = paired_tests(
        models, labels, None, labels + np.arange(30), seeds=(42, 43, 44, 45), compared=["log_loss"]
    )
    assert {(t.first, t.second): t.repeats for t in tests} == {
        ("three", "two"): 2, ("three", "last"): 1, ("two", "last"): 1,
    }  # fmt: skip
    same = between(tests, "three", "last", "log_loss")
    assert same is not None
    assert (same.difference, same.p) == (0.0, 1.0)


def test_each_fold_seed_may_score_other_items() -> None:
    """The second seed's items carry another emotion: both models are right on all of theirs."""
    labels = np.stack([np.zeros(12, dtype=np.int64), np.ones(12, dtype=np.int64)])
    groups = np.stack([np.arange(12) // 2, np.arange(12) // 3])
    right, wrong = np.eye(9)[labels], np.eye(9)[labels + 1]
    models = [Contender("right", right, right), Contender("wrong", wrong, wrong)]
    (test,) = paired_tests(models, labels, None, groups, compared=["accuracy"])
    assert (test.difference, test.repeats) == (1.0, 2)
    assert test.p < 1e-6

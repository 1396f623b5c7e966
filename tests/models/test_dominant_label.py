import numpy as np
import pytest
from scipy.special import log_softmax

from music_emotion.models.dominant_label import (
    BALANCE,
    RARITY,
    DominantLabel,
    panel_probabilities,
)


def test_dominance_finds_both_slopes_and_calibrates() -> None:
    generator = np.random.default_rng(0)
    intensities = generator.beta(2, 5, size=(6_000, 9))
    chances = generator.normal(size=(6_000, 9))
    log_mean = np.log(intensities.mean(axis=0))
    truth = DominantLabel(0.7, 1.5, -1.5 * BALANCE * log_mean)(chances, intensities)
    label = np.array([generator.choice(9, p=row) for row in truth])
    fitted = DominantLabel.fit(chances, intensities, label, np.arange(6_000))
    assert fitted.chance_slope == pytest.approx(0.7, abs=0.1)
    assert fitted.intensity_slope == pytest.approx(1.5, abs=0.15)
    predicted = fitted(chances, intensities)
    np.testing.assert_allclose(predicted.sum(axis=1), 1.0)
    hit = predicted.argmax(axis=1) == label
    assert predicted.max(axis=1).mean() == pytest.approx(hit.mean(), abs=0.03)


def test_the_rare_are_given_a_part_of_what_they_lose() -> None:
    generator = np.random.default_rng(0)
    intensities = generator.beta(2, 5, size=(500, 9))
    intensities[:, 8] *= 0.2
    chances = np.zeros((500, 9))
    label, unit = intensities.argmax(axis=1), np.arange(500)
    fitted = DominantLabel.fit(chances, intensities, label, unit)
    assert fitted.offset.argmax() == 8


def test_what_is_calibrated_is_the_mean_over_the_spans_of_a_unit() -> None:
    generator = np.random.default_rng(0)
    unit = np.repeat(np.arange(6_000), 3)
    intensities = generator.beta(2, 5, size=(len(unit), 9))
    chances = generator.normal(size=(len(unit), 9))
    log_mean = np.log(intensities.mean(axis=0))
    spans = DominantLabel(1.2, 1.8, -1.8 * BALANCE * log_mean)(chances, intensities)
    truth = spans.reshape(-1, 3, 9).mean(axis=1)
    label = np.array([generator.choice(9, p=row) for row in truth])
    fitted = DominantLabel.fit(chances, intensities, label, unit)
    assert fitted.chance_slope == pytest.approx(1.2, abs=0.15)
    assert fitted.intensity_slope == pytest.approx(1.8, abs=0.25)
    # Spans by themselves would be taken for less than they say.
    alone = DominantLabel.fit(chances, intensities, label[unit], np.arange(len(unit)))
    assert alone.chance_slope < 0.6


def test_a_rare_label_counts_more_than_its_tracks_do() -> None:
    """Logits that favour the common emotion are trusted less than its share alone would have."""
    label = np.repeat([0, 1], [90, 10])
    chances = np.zeros((100, 9))
    chances[:, 0] = 1.0  # says the common one of every track
    intensities = np.full((100, 9), 0.2)
    fitted = DominantLabel.fit(chances, intensities, label, np.arange(100), use_intensities=False)
    counts = np.array([90.0, 10.0])
    weights = counts * counts**-RARITY
    share = weights[0] / weights.sum()
    assert share < 0.9
    # With one free slope the best share is the weighted one; the others share the rest.
    assert fitted.chance_slope == pytest.approx(np.log(share / ((1 - share) / 8)), rel=1e-3)


def test_units_may_have_any_number_of_spans() -> None:
    generator = np.random.default_rng(1)
    chances = generator.normal(size=(60, 9))
    intensities = np.full((60, 9), 0.3)
    label = generator.integers(9, size=30)
    once = DominantLabel.fit(chances[:30], intensities[:30], label, np.arange(30))
    # A unit whose spans are all the same counts as one with a single span.
    unit = np.repeat(np.arange(30), 1 + np.arange(30) % 3)
    often = DominantLabel.fit(chances[unit], intensities[unit], label, unit)
    assert often.chance_slope == pytest.approx(once.chance_slope, rel=1e-3)


def test_intensities_can_be_left_out() -> None:
    generator = np.random.default_rng(0)
    chances = generator.normal(size=(500, 9))
    intensities = generator.uniform(size=(500, 9))
    label = intensities.argmax(axis=1)
    fitted = DominantLabel.fit(chances, intensities, label, np.arange(500), use_intensities=False)
    assert fitted.intensity_slope == 0.0
    expected = np.exp(log_softmax(fitted.chance_slope * chances, axis=1))
    np.testing.assert_allclose(fitted(chances, intensities), expected)


def test_panels_are_as_simulated() -> None:
    generator = np.random.default_rng(0)
    fractions = generator.uniform(0, 0.6, size=(5, 4))
    listeners = np.array([1, 3, 11, 14, 40])
    size = listeners[:, None]
    ticked = (fractions * size + fractions.mean(axis=0)) / (size + 1.0)
    draws = generator.binomial(size[None], ticked[None], size=(40_000, 5, 4))
    heard = draws.max(axis=2) > 0
    winner = draws.argmax(axis=2)
    expected = np.array(
        [np.bincount(winner[heard[:, n], n], minlength=4) / heard[:, n].sum() for n in range(5)]
    )
    np.testing.assert_allclose(panel_probabilities(fractions, listeners), expected, atol=0.012)


def test_two_emotions_of_one_listener_by_hand() -> None:
    # Both are ticked with probability 1/2; where both are, the earlier one wins.
    fractions = np.array([[1.0, 0.0], [0.0, 1.0]])
    wins = panel_probabilities(fractions, np.array([1, 1]))
    # Track 1: p = (3/4, 1/4): first wins 3/4, second 1/4 * 1/4, of 13/16.
    np.testing.assert_allclose(wins, [[12 / 13, 1 / 13], [4 / 13, 9 / 13]])


def test_large_panels_are_sure_and_panels_without_ticks_are_not() -> None:
    fractions = np.array([[0.6, 0.3, 0.0], [0.1, 0.2, 0.7]])
    wins = panel_probabilities(fractions, np.array([50_000, 50_000]))
    np.testing.assert_array_equal(wins.argmax(axis=1), [0, 2])
    assert wins.max(axis=1).min() > 0.99
    np.testing.assert_allclose(
        panel_probabilities(np.zeros((2, 3)), np.array([5, 9])), 1 / 3, atol=1e-4
    )


def test_slopes_are_bounded_and_the_mean_is_given_back() -> None:
    label = np.arange(90) % 9
    intensities = np.where(np.eye(9)[label] > 0, 0.31, 0.3)
    fitted = DominantLabel.fit(0.001 * np.eye(9)[label], intensities, label, np.arange(90))
    assert fitted.chance_slope == pytest.approx(20.0)
    assert fitted.intensity_slope == pytest.approx(20.0)
    np.testing.assert_allclose(fitted.offset, -20 * np.log(intensities.mean(axis=0)))


def test_intensities_below_a_hundredth_count_as_that() -> None:
    fitted = DominantLabel(1.0, 2.0, np.zeros(9))
    chances = np.random.default_rng(0).normal(size=(1, 9))
    low = np.full((1, 9), 0.3)
    low[0, 4] = 0.01
    none = low.copy()
    none[0, 4] = 0.0
    np.testing.assert_array_equal(fitted(chances, none), fitted(chances, low))
    expected = np.exp(chances) * low**2
    np.testing.assert_allclose(fitted(chances, low), expected / expected.sum())


def test_a_panel_of_more_than_a_hundred_counts_as_a_hundred() -> None:
    fractions = np.array([[0.3, 0.28, 0.1]])
    hundred, more, fewer = (panel_probabilities(fractions, np.array([n])) for n in (100, 5_000, 99))
    np.testing.assert_array_equal(more, hundred)
    assert not np.array_equal(fewer, hundred)

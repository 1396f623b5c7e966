from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import vgmidi
from helpers.tracks import course, prediction
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from vgmidi import Answer, Curve, Piece, Raters

TIME = np.arange(1.0, 61.0, 2.0)  # 30 steps
STEPS = (TIME >= 15.0) & (TIME < 58.0)


def piece(name: str, game: str, whole: float, curve: np.ndarray) -> Piece:
    """A piece whose valence is opposite to its arousal; halves are the curve and its mirror."""
    signs = {"arousal": 1.0, "valence": -1.0}
    return Piece(
        name,
        game,
        {axis: sign * whole for axis, sign in signs.items()},
        TIME,
        {axis: sign * curve for axis, sign in signs.items()},
        {axis: np.stack([curve, -curve]) for axis in signs},
    )


@pytest.fixture
def pieces() -> list[Piece]:
    """Nine pieces of three games; those numbered 6 to 8 move most."""
    generator = np.random.default_rng(0)
    return [
        piece(
            f"piece {number}",
            f"game {number % 3}",
            number / 10,
            (1.0 + 10.0 * (number > 5)) * generator.normal(size=len(TIME)),
        )
        for number in range(9)
    ]


def late(piece: Piece, axis: str, sign: float = 1.0) -> Curve:
    """What the raters of a piece say, two seconds before they say it."""
    return Curve(TIME - 2.0, sign * piece.course[axis])


def test_a_rank_correlation_is_scipys_and_unknown_of_what_is_constant() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.integers(0, 5, size=(2, 40)).astype(float)  # with ties
    assert vgmidi.spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(vgmidi.spearman(one, np.ones(40)))


def test_the_start_and_the_end_of_a_piece_are_not_followed(pieces: list[Piece]) -> None:
    np.testing.assert_array_equal(pieces[0].followed(59.0), STEPS)
    assert pieces[0].followed(38.0) is None  # 11 steps: 15 to 35 s
    assert pieces[0].followed(40.0).sum() == 12
    assert replace(pieces[0], time=None).followed(59.0) is None


def test_who_says_what_raters_say_later_agrees_wholly(pieces: list[Piece]) -> None:
    raters = Raters(pieces, [STEPS] * 9, n_resamples=50)
    answers = [Answer(one.whole, {axis: late(one, axis) for axis in vgmidi.AXES}) for one in pieces]
    agreed = raters.agreement(answers)
    assert {name: drawn.value for name, drawn in agreed.items()} == pytest.approx(
        dict.fromkeys(vgmidi.MEASURES, 1.0)
    )
    estimate = agreed["arousal_over_time"].estimate
    assert (estimate.low, estimate.high) == pytest.approx((1.0, 1.0))


def test_the_third_that_moves_most_is_told_apart(pieces: list[Piece]) -> None:
    answers = [
        Answer(course={"arousal": late(one, "arousal", -1.0 if number > 5 else 1.0)})
        for number, one in enumerate(pieces)
    ]
    agreed = Raters(pieces, [STEPS] * 9, n_resamples=20).agreement(answers)
    assert set(agreed) == {"arousal_over_time", "arousal_moving"}
    assert agreed["arousal_over_time"].value == pytest.approx(1 / 3)
    assert agreed["arousal_moving"].value == pytest.approx(-1.0)


def test_a_piece_that_cannot_be_followed_counts_as_a_whole_alone(pieces: list[Piece]) -> None:
    answers = [Answer(one.whole, {"arousal": late(one, "arousal")}) for one in pieces]
    steps = [None, *[STEPS] * 8]
    agreed = Raters(pieces, steps, n_resamples=20).agreement(answers)
    assert agreed["arousal"].value == pytest.approx(1.0)
    assert agreed["arousal_over_time"].value == pytest.approx(1.0)


def test_one_half_is_held_against_the_other(pieces: list[Piece]) -> None:
    agreed = Raters(pieces, [STEPS] * 9, n_resamples=20).halves()
    assert {name: drawn.value for name, drawn in agreed.items()} == pytest.approx(
        dict.fromkeys(vgmidi.MEASURES, -1.0)
    )


def test_half_against_half_says_what_could_be_reached() -> None:
    halves = vgmidi.Drawn(0.6, np.array([1.0, 0.0, -0.2]))
    assert halves.ceiling.value == pytest.approx(np.sqrt(0.75))
    np.testing.assert_allclose(halves.ceiling.draws, [1.0, 0.0, 0.0])


def test_games_are_drawn_whole() -> None:
    game = np.array([0, 0, 0, 1])
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    mean = vgmidi.mean_over_pieces(np.array([1.0, 2.0, np.nan, 6.0]), game, weights)
    assert mean.value == pytest.approx(3.0)
    np.testing.assert_allclose(mean.draws, [3.0, 1.5, 6.0])
    one, other = np.array([1.0, 2.0, 3.0, 0.0]), np.array([1.0, 2.0, 3.0, 9.0])
    ranked = vgmidi.over_pieces(one, other, game, weights)
    np.testing.assert_allclose(ranked.draws, [ranked.value, 1.0, np.nan])
    assert (ranked - ranked).value == 0.0


def test_what_is_called_calm_is_sought_among_the_least_pleasant(pieces: list[Piece]) -> None:
    calm = replace(prediction(calmness=0.9), confidence=0.8)
    unsure = replace(calm, confidence=0.79)
    stirring = replace(prediction(power=0.9), confidence=0.9)
    # Valence falls with the number: the lowest quarter are the last three.
    said = [calm, calm, unsure, unsure, unsure, stirring, stirring, calm, unsure]
    named = Raters(pieces, [None] * 9).named_first("small", said)
    assert (named.calm, named.calm_unpleasant) == (7, 2)
    # Arousal rises and valence falls with the number; the middle piece is above neither.
    found = {
        quadrant: {name: count for name, count in pieces.items() if count}
        for quadrant, pieces in named.quadrants.items()
    }
    assert found == {
        "pleasant and stirring": {},
        "pleasant and quiet": {"calmness": 4},
        "unpleasant and stirring": {"calmness": 2, "power": 2},
        "unpleasant and quiet": {"calmness": 1},
    }
    assert (named.sure, named.sure_unpleasant) == (3, 1)
    assert {name: count for name, count in named.pieces.items() if count} == {
        "calmness": 7,
        "power": 2,
    }


def test_a_prediction_is_taken_at_the_middle_of_its_spans() -> None:
    said = replace(prediction(), timeline=course(np.full((4, 9), 1 / 9)))
    answer = Answer.of_prediction(said)
    assert answer.whole == {"arousal": -0.5, "valence": 0.25}
    np.testing.assert_allclose(answer.course["valence"].at(np.array([1.5, 6.0])), [0.0, 0.15])


def test_properties_of_sound_know_a_louder_and_a_busier_half() -> None:
    rate, generator = 22_050, np.random.default_rng(0)
    time = np.arange(60 * rate) / rate
    tone = 0.2 * np.sin(2 * np.pi * 440 * time).astype(np.float32)
    louder = np.where(time < 30, 1.0, 0.1).astype(np.float32) * tone
    level = vgmidi.level(louder, rate)
    assert np.subtract(*level.at(np.array([10.0, 50.0]))) == pytest.approx(20.0, abs=0.1)
    busier = np.where(time < 30, tone, 0.2 * generator.normal(size=len(time))).astype(np.float32)
    still, busy = vgmidi.spectral_flux(busier, rate).at(np.array([10.0, 50.0]))
    assert busy > 10 * still


def test_a_major_chord_fits_a_major_key_better_than_a_minor_one() -> None:
    rate = 22_050
    time = np.arange(30 * rate) / rate

    def scale(semitones: tuple[int, ...]) -> np.ndarray:
        tones = [np.sin(2 * np.pi * 220 * 2 ** (each / 12) * time) for each in semitones]
        return (0.1 * np.sum(tones, axis=0)).astype(np.float32)

    major, minor = (
        vgmidi.major_key(scale(chord), rate).values.mean() for chord in ((0, 4, 7), (0, 3, 7))
    )
    assert major > minor


def test_a_model_is_taken_apart_by_what_it_reads() -> None:
    card = read_card(find_package("default"))
    cards = vgmidi.variants(card)
    assert set(cards) == {
        "intensities alone",
        *(f"without {name}" for name in vgmidi.PARTS),
        *(f"features over {seconds} s" for seconds in (3, 9, 15, 27)),
    }
    taken = {
        name: set(card.arousal.terms) - set(other.arousal.terms) for name, other in cards.items()
    }
    assert taken["without level"] == {"level"}
    assert taken["without spectral flux"] == {f"summary.flux_{band}" for band in (4, 5, 6, 7)}
    assert taken["without fit to a major key"] == set()
    assert "summary.harmony_18" not in cards["without fit to a major key"].valence.terms
    assert set(cards["intensities alone"].valence.terms) <= set(EMOTIONS)
    assert cards["features over 15 s"].arousal == replace(card.arousal, seconds=15.0)


def test_pieces_are_read_as_they_are_written(tmp_path: Path) -> None:
    said = {axis: [0.1, 0.2] for axis in vgmidi.AXES}
    said |= {f"{axis}_halves": [[0.0, 0.1], [0.2, 0.3]] for axis in vgmidi.AXES}
    (tmp_path / "over_time.json").write_text(json.dumps({"a": {**said, "time": [2, 4]}, "b": said}))
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "game", "valence", "arousal"])
        table.writerows([["a.mid", "one", "0.5", "-0.5"], ["b.mid", "two", "0.25", "0"]])
    first, second = vgmidi.read_pieces(tmp_path)
    assert (first.name, first.game, first.whole["arousal"]) == ("a", "one", -0.5)
    np.testing.assert_array_equal(first.time, [2.0, 4.0])
    assert second.time is None
    assert second.halves["valence"].shape == (2, 2)

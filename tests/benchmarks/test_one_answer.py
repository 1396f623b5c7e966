from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import one_answer
from helpers.corpora import corpus_of
from helpers.sounds import tone
from helpers.tracks import course, prediction
from music_emotion.audio import Sound
from music_emotion.inference.model import load_model
from one_answer import Comparison, FoldModel

RATE = 22_050


def test_six_stretches_make_three_minutes() -> None:
    drawn = np.stack([one_answer.lengths(np.random.default_rng(seed)) for seed in range(50)])
    np.testing.assert_allclose(drawn.sum(axis=1), 180.0)
    assert drawn.min() >= 20.0
    assert drawn.max() <= 50.0
    assert drawn.std() > 5.0


def test_a_stretch_is_part_of_its_sound_and_a_join_all_of_its_parts() -> None:
    whole = Sound(np.arange(60 * RATE, dtype=np.float32), RATE)
    part = one_answer.stretch(whole, 20.0, np.random.default_rng(0))
    assert part.duration == 20.0
    np.testing.assert_array_equal(np.diff(part.samples), 1.0)
    assert part.samples[-1] < 59.5 * RATE
    both = one_answer.joined([part, whole])
    np.testing.assert_array_equal(both.samples, [*part.samples, *whole.samples])
    assert both.sample_rate == RATE


def test_shares_that_have_nothing_in_common_differ_by_one() -> None:
    assert one_answer.half_difference(np.eye(9)[0], np.eye(9)[5]) == 1.0


def test_a_prediction_is_held_against_its_own_points_by_their_weights() -> None:
    points = course(np.eye(9)[[0, 1, 1]])
    said = replace(prediction(), emotions=np.eye(9, dtype=np.float32)[0])
    assert one_answer.from_own_timeline(replace(said, timeline=points)) == pytest.approx(2 / 3)
    weighted = replace(points, weight=np.array([3.0, 1.0, 0.0]))
    assert one_answer.from_own_timeline(replace(said, timeline=weighted)) == pytest.approx(0.25)


def test_joins_of_parts_that_are_the_same_are_what_each_is() -> None:
    part = Sound(tone(30.0, RATE), RATE)
    compared = one_answer.compare(load_model("light"), [part] * 2)
    assert compared.own < 1e-5
    assert compared.by_part == pytest.approx(compared.by_seconds)
    assert compared.by_part < 0.02  # what lies across the seam
    assert compared.first_by_part
    assert compared.first_by_seconds


def test_six_artists_that_the_model_has_not_heard_are_joined() -> None:
    corpus = corpus_of([0] * 60)  # by 30 artists of two tracks each, one classical and one rock
    models = [FoldModel(Path("a"), tuple(range(40))), FoldModel(Path("b"), tuple(range(40, 50)))]
    joins = list(one_answer.emotify_joins(corpus, models, 24, np.random.default_rng(0)))
    assert len(joins) == 24
    for model, tracks in joins:
        assert model is models[0]  # the other has five artists
        assert set(tracks) <= set(model.held_out)
        assert len({corpus.groups[track] for track in tracks}) == 6
        assert len({corpus.genres[track] for track in tracks}) == 1
    assert {corpus.genres[tracks[0]] for _, tracks in joins} == {"classical", "rock"}
    again = one_answer.emotify_joins(corpus, models, 24, np.random.default_rng(0))
    assert [tracks for _, tracks in again] == [tracks for _, tracks in joins]


def test_six_long_pieces_of_one_game_are_joined(tmp_path: Path) -> None:
    rows = [(f"g{game}p{number}", game, 60.0) for game in (1, 2) for number in range(7 - game)]
    rows.append(("short", 2, 30.0))
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "game", "seconds"])
        table.writerows([(f"{name}.mid", game, seconds) for name, game, seconds in rows])
    for name, _, _ in rows:
        (tmp_path / f"{name}.mp3").touch()
    joins = one_answer.game_joins(tmp_path, tmp_path, 10, np.random.default_rng(0))
    assert len(joins) == 10
    assert {tuple(sorted(Path(path).stem for path in join)) for join in joins} == {
        tuple(f"g1p{number}" for number in range(6))
    }


def test_a_model_that_says_the_votes_ranks_as_they_do() -> None:
    corpus = corpus_of([0, 5, 6, 7, 8, 3])
    said = {
        track: replace(
            prediction(),
            intensities=corpus.vote_fractions[track],
            valence=-track / 10,
            arousal=track / 10,
        )
        for track in range(len(corpus))
    }
    valence, arousal = one_answer.rank_with_votes(corpus, said)
    assert (valence.dimension, arousal.dimension) == ("valence", "arousal")
    assert arousal.from_intensities == pytest.approx(1.0)
    assert valence.from_intensities == pytest.approx(1.0)
    assert arousal.as_read < 0.9
    assert valence.as_read < 0.9


def test_figures_are_means_over_joins_and_the_largest_of_what_should_be_the_same() -> None:
    found = [
        Comparison(0.001, 0.1, 0.3, True, True),
        Comparison(0.002, 0.2, 0.5, False, True),
    ]
    joined = one_answer.summary("pieces", found)
    assert (joined.parts, joined.joins, joined.own) == ("pieces", 2, 0.002)
    assert (joined.first, joined.first_by_part) == (0.5, 1.0)
    assert joined.half_difference == pytest.approx(0.15)
    assert joined.half_difference_by_part == pytest.approx(0.4)

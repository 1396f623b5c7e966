"""Comparisons of models that learned ratings: cells, figures, files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from helpers.corpora import LABELS, corpus_of, segments
from helpers.rated import SCALES, rated_corpus
from helpers.reporter import RecordingReporter
from helpers.stub_models import GOOD
from music_emotion.errors import EvaluationError, ModelError
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.cells import CellName, CellStore, Run, read_ground_truth
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.folds import assert_disjoint, make_folds
from music_emotion.evaluation.metrics import RATING_METRICS
from music_emotion.evaluation.plan import Comparison, make_plan, model_names, quick_corpus
from music_emotion.evaluation.rating_results import RatedItems, resampled_ratings, score_ratings
from music_emotion.evaluation.rescore import Rescored, check_summary
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import read_document, summary_csv, write_figures

MODELS = ("svm", "commonest_class")


def run(world, out, **wanted):
    corpus, track, features = world
    wanted = {"models": MODELS, "targets": ("ratings",), "protocols": ("artist",), **wanted}
    reporter = RecordingReporter()
    truth, failures = compare(
        Comparison(**wanted),
        corpus,
        track,
        features,
        feature_versions=dict.fromkeys(features, "1"),
        out=out,
        jobs=0,
        reporter=reporter,
    )
    assert not failures, failures[0].line
    return collect(out, truth, MODELS), reporter


@pytest.fixture
def world():
    return rated_corpus()


def test_a_planted_rule_is_found_and_the_mean_is_worth_nothing(world, tmp_path: Path) -> None:
    results, _ = run(world, tmp_path, protocols=("track", "artist"))
    assert results.models == ()
    figures = results.ratings
    assert figures is not None
    assert [(row.protocol, row.model) for row in figures.rows] == [
        (protocol, model) for protocol in ("track", "artist") for model in MODELS
    ]
    svm, mean = figures.under("artist")
    assert svm.n == 60
    for scale in ("valence", "arousal"):
        rho = svm.scores[scale]["spearman_rho"]
        assert rho.low <= rho.value <= rho.high
        assert rho.value > 0.7
        assert svm.scores[scale]["r2"].value > 0.4
        assert abs(mean.scores[scale]["ccc"].value) < 0.1
        assert mean.scores[scale]["r2"].value < 0.0
    truth = world[0].ratings.mean
    said = svm.repeats[0].predicted
    assert svm.scores["valence"]["pearson_r"].value == pytest.approx(
        pearsonr(truth[:, 0], said[:, 0])[0]
    )
    assert svm.scores["arousal"]["rmse"].value == pytest.approx(
        np.sqrt(((truth - said)[:, 1] ** 2).mean())
    )


def test_cells_are_kept_and_others_made_where_the_ratings_are_others(world, tmp_path) -> None:
    _, first = run(world, tmp_path)
    assert len(first.done) == 10
    before = {
        path.name: path.read_bytes() for path in (tmp_path / "predictions").glob("*-seed*.npz")
    }
    _, second = run(world, tmp_path)
    assert (second.done, second.present) == ([], 10)
    assert before == {
        path.name: path.read_bytes() for path in (tmp_path / "predictions").glob("*-seed*.npz")
    }
    cell = CellStore(tmp_path).find(CellName(Run("artist", "ratings", "svm", 42), 0))
    assert cell is not None
    assert cell.ratings is not None
    assert cell.ratings.shape == (len(cell.unit), 2)
    assert cell.emotions.shape == (len(cell.unit), 0)
    assert str(cell.name) == "svm on ratings, artist, seed 42, fold 1"
    corpus, track, features = world
    other = replace(corpus, fingerprint="other")
    with pytest.raises(EvaluationError, match="other data"):
        run((other, track, features), tmp_path)


def test_groups_stay_whole_and_are_of_about_one_size(world) -> None:
    corpus, track, _ = world
    folds = make_folds("artist", corpus, track)
    for fold in folds:
        assert_disjoint("artist", corpus, track, fold)
    assert [len(fold.test) // 3 for fold in folds] == [12] * 5
    with pytest.raises(EvaluationError, match="segment is stratified by label"):
        make_folds("segment", corpus, track)


def test_the_folds_of_labelled_tracks_are_those_of_the_labels() -> None:
    corpus, track, _ = rated_corpus(labels=True)
    plain = replace(corpus, scales=(), tracks=tuple(replace(t, ratings=()) for t in corpus.tracks))
    for ours, theirs in zip(
        make_folds("artist", corpus, track), make_folds("artist", plain, track), strict=True
    ):
        np.testing.assert_array_equal(ours.test, theirs.test)


def test_labels_and_ratings_stand_in_one_folder(tmp_path: Path) -> None:
    world = rated_corpus(labels=True)
    results, _ = run(world, tmp_path, models=("commonest_class",), targets=("label", "ratings"))
    assert [row.target for row in results.models] == ["label"]
    assert results.ratings is not None
    assert [row.model for row in results.ratings.rows] == ["commonest_class"]
    rows = list(csv.DictReader(io.StringIO(summary_csv(results.models, results.ratings))))
    assert {row["target"] for row in rows} == {"label", "ratings"}


def test_what_is_written_is_read_back_and_checked(world, tmp_path: Path) -> None:
    results, _ = run(world, tmp_path, seeds=(7, 8))
    write_figures(tmp_path, results, conclude(results), [])
    json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    document = read_document(tmp_path)
    assert document.rows == ()
    assert document.ratings is not None
    assert document.ratings.scales == {"valence": (-1.0, 1.0), "arousal": (1.0, 9.0)}
    ours, theirs = results.ratings.rows[0], document.ratings.rows[0]
    assert theirs.scores["valence"]["ccc"].value == pytest.approx(
        ours.scores["valence"]["ccc"].value, abs=1e-6
    )
    assert theirs.seeds == (7, 8)
    assert [c.scale for c in document.ratings.ceilings] == ["valence", "arousal"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "summary.csv").read_text())))
    assert len(rows) == len(MODELS) * len(SCALES) * len(RATING_METRICS)
    assert {row["metric"] for row in rows} == {
        f"{metric.name}_{scale.name}" for metric in RATING_METRICS for scale in SCALES
    }
    assert {(row["seed"], row["repeats"], row["n"]) for row in rows} == {("7", "2", "60")}
    assert "20 figures agree to the last digit" in check_summary(
        tmp_path, Rescored(results, complete=True)
    )
    text = (tmp_path / "summary.csv").read_text()
    (tmp_path / "summary.csv").write_text(text.replace("rmse_valence,0.", "rmse_valence,1.", 1))
    with pytest.raises(EvaluationError, match="1 figures of"):
        check_summary(tmp_path, Rescored(results, complete=True))


def test_without_the_data_ratings_are_left_out(world, tmp_path: Path) -> None:
    results, _ = run(world, tmp_path)
    write_figures(tmp_path, results, conclude(results), [])
    truth = read_ground_truth(tmp_path)
    assert truth is not None
    assert truth.scales == SCALES
    assert truth.ratings is None
    again = collect(tmp_path, truth, MODELS)
    assert again.ratings is None
    assert "the ratings are not at hand" in again.left_out[0]
    assert "20 need votes or ratings and were not checked" in check_summary(
        tmp_path, Rescored(again, complete=False)
    )
    assert collect(tmp_path, truth.with_votes(world[0]), MODELS).ratings is not None


def test_a_track_without_a_rating_takes_no_part_in_the_figures(world, tmp_path: Path) -> None:
    corpus, track, features = world
    unknown = replace(corpus.tracks[4].ratings[0], mean=float("nan"))
    tracks = list(corpus.tracks)
    tracks[4] = replace(tracks[4], ratings=(unknown, tracks[4].ratings[1]))
    results, _ = run((replace(corpus, tracks=tuple(tracks)), track, features), tmp_path)
    row = results.ratings.rows[0]
    known = np.arange(len(corpus)) != 4
    said, truth = row.repeats[0].predicted[known, 0], corpus.ratings.mean[known, 0]
    assert row.scores["valence"]["spearman_rho"].value == pytest.approx(spearmanr(said, truth)[0])


@pytest.mark.parametrize("metric", RATING_METRICS, ids=lambda metric: metric.name)
def test_a_resample_is_the_metric_of_what_was_drawn(metric) -> None:
    rng = np.random.default_rng(0)
    rated = rng.normal(size=(30, 2)).round(1)
    rated[3, 1] = np.nan
    predicted = (rated + rng.normal(size=(30, 2))).round(1)
    predicted[3] = 5.0
    group = np.arange(30) // 4
    draws = resample_groups(8, n_resamples=5)
    found = resampled_ratings(metric, RatedItems(rated, predicted, group, 8), draws)
    for weights, values in zip(draws, found, strict=True):
        drawn = np.repeat(np.arange(30), weights[group].astype(int))
        alone = RatedItems(rated[drawn], predicted[drawn], np.zeros(len(drawn), dtype=np.int64), 1)
        np.testing.assert_allclose(values, resampled_ratings(metric, alone, np.ones((1, 1)))[0])


def test_values_average_the_repeats_and_intervals_hold_their_scatter() -> None:
    rng = np.random.default_rng(1)
    rated = rng.normal(size=(40, 1))
    group = np.arange(40) // 2
    repeats = [
        RatedItems(rated, rated + spread * rng.normal(size=(40, 1)), group, 20)
        for spread in (0.1, 1.0)
    ]
    draws = resample_groups(20)
    both = score_ratings(["mood"], repeats, draws)["mood"]["pearson_r"]
    alone = [score_ratings(["mood"], [one], draws)["mood"]["pearson_r"] for one in repeats]
    assert both.value == pytest.approx(np.mean([one.value for one in alone]))
    # Of two, one is drawn at a time: the interval reaches from the worse to the better.
    assert both.low == pytest.approx(alone[1].low, abs=0.05)
    assert both.high == pytest.approx(alone[0].high, abs=0.01)
    assert both.high - both.low > alone[1].high - alone[1].low


def test_one_line_for_what_cannot_be_compared(world) -> None:
    corpus, track, _ = world

    def plan(data=corpus, **wanted):
        wanted = {"models": MODELS, "protocols": ("artist",), "targets": ("ratings",), **wanted}
        make_plan(Comparison(**wanted), data, track, {})

    with pytest.raises(EvaluationError, match="ratings are of whole tracks"):
        plan(protocols=("segment", "artist"))
    with pytest.raises(EvaluationError, match="has ratings and no labels: use --target ratings"):
        plan(targets=("label",))
    with pytest.raises(ModelError, match="stub_models:good cannot learn ratings: choose among"):
        plan(models=("svm", "cnn2d", "ensemble", GOOD))
    plain = corpus_of(LABELS)
    with pytest.raises(EvaluationError, match="'tiny' has no ratings to learn"):
        make_plan(
            Comparison(models=MODELS, protocols=("artist",), targets=("ratings",)),
            plain,
            segments(plain, 3),
            {},
        )


def test_the_mean_of_networks_that_learned_ratings_is_theirs(tmp_path: Path) -> None:
    corpus, track, _ = rated_corpus(24, per_track=2)
    rng = np.random.default_rng(0)
    features = {
        "advanced": rng.normal(size=(len(track), 130, 45)).astype(np.float32),
        "log_mel": rng.normal(size=(len(track), 128, 130)).astype(np.float32),
    }
    wanted = {"models": ("ensemble",), "settings": {"max_epochs": 1}, "n_folds": 2}
    results, _ = run((corpus, track, features), tmp_path, **wanted)
    ensemble, *members = sorted(results.ratings.rows, key=lambda row: row.model != "ensemble")
    assert [row.model for row in members] == ["bilstm_cnn", "cnn2d_specaugment"]
    expected = np.mean([row.repeats[0].predicted for row in members], axis=0)
    np.testing.assert_allclose(ensemble.repeats[0].predicted, expected, rtol=1e-5)


def test_models_that_learn_ratings_are_the_default_for_them() -> None:
    assert model_names([], ["ratings"]) == (
        *("lstm_cnn", "lstm_cnn_advanced", "bilstm_cnn"),
        *("cnn2d", "cnn2d_specaugment", "ensemble"),
        *("light", "transfer", "blend"),
        *("commonest_class", "genre_only", "nearest_neighbour", "svm"),
    )
    assert model_names(["svm"], ["ratings"]) == ("svm",)
    assert "cnn2d" in model_names([])


def test_a_quick_look_takes_a_few_tracks(world) -> None:
    assert len(quick_corpus(world[0])) == 27

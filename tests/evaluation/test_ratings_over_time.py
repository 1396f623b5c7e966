"""Models that learn ratings over time: what they are told, and how they are scored."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from helpers.corpora import segments
from helpers.rated import rated_corpus
from helpers.stub_models import GOOD
from music_emotion.datasets.corpus import Corpus, corpus_fingerprint
from music_emotion.datasets.courses import REACTION_SECONDS, Course
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.folds import examples, moments_of
from music_emotion.evaluation.metrics import RATING_METRICS
from music_emotion.evaluation.plan import Comparison, check_plan, model_names
from music_emotion.evaluation.rating_results import RatedItems, score_ratings
from music_emotion.evaluation.rescore import rescore
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import read_document, write_figures
from music_emotion.report.write import ReportOptions, report_results, write_report

MODELS = ("svm", "commonest_class")
PER_TRACK = 8


@pytest.fixture
def world() -> tuple[Corpus, np.ndarray, dict[str, np.ndarray]]:
    """Tracks of 24 s; what is heard of a segment tells both courses, the first one better."""
    plain, _, _ = rated_corpus(20)
    track = segments(plain, PER_TRACK)
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(len(track), 2))
    hidden += np.roll(hidden, 1, axis=0) + np.roll(hidden, -1, axis=0)
    tracks = []
    for number, one in enumerate(plain.tracks):
        level = np.array([rating.mean for rating in one.ratings])
        mean = level + hidden[track == number] * (0.05, 0.2)
        halves = np.stack([mean + 0.02, mean - 0.02]) + 0.02 * rng.normal(size=(2, *mean.shape))
        time = 3.0 * np.arange(PER_TRACK) + 1.5 + REACTION_SECONDS
        people = np.full(mean.shape, 20)
        course = Course(time, mean, np.full(mean.shape, 0.4), people, halves)
        tracks.append(replace(one, course=course))
    corpus = replace(
        plain, tracks=tuple(tracks), fingerprint=corpus_fingerprint(tracks, plain.scales)
    )
    seen = hidden + np.array([0.1, 1.0]) * rng.normal(size=hidden.shape)
    seen += 5.0 * rng.normal(size=(20, 2))[track]  # a level that says nothing of the course
    statistics = seen @ rng.normal(size=(2, 360))
    return corpus, track, {"statistics": statistics.astype(np.float32)}


def run(world, out: Path, **wanted):
    corpus, track, features = world
    wanted = {"models": MODELS, "targets": ("ratings-over-time",), **wanted}
    truth, failures = compare(
        Comparison(protocols=("artist",), **wanted),
        corpus,
        track,
        features,
        feature_versions=dict.fromkeys(features, "1"),
        out=out,
        jobs=0,
    )
    assert not failures, failures[0].line
    return collect(out, truth, MODELS)


def test_a_model_is_told_how_moments_differ_from_their_track(world) -> None:
    corpus, track, features = world
    told = examples(corpus, features, track, "artist", over_time=True)
    np.testing.assert_array_equal(told.unit, np.arange(len(track)))
    assert len(np.unique(told.group)) < 20
    mean = moments_of(corpus, track).mean[track == 4]
    np.testing.assert_allclose(told.ratings[track == 4], mean - mean.mean(axis=0), atol=1e-6)
    values = features["statistics"][track == 4].astype(float)
    around = np.stack([values[max(0, n - 1) : n + 2].mean(axis=0) for n in range(PER_TRACK)])
    np.testing.assert_allclose(
        told.gather("statistics")[track == 4], around - around.mean(axis=0), atol=1e-3
    )
    assert set(told.raters) == {20}


def test_a_planted_course_is_followed_and_the_mean_follows_nothing(world, tmp_path: Path) -> None:
    figures = run(world, tmp_path).ratings
    svm, constant = figures.under("artist", over_time=True)
    assert figures.under("artist") == ()
    assert svm.over_time
    assert svm.n == 160
    assert svm.scores["valence"]["pearson_r"].value > 0.7
    assert svm.scores["valence"]["r2"].value > 0.3
    rho = svm.scores["arousal"]["spearman_rho"]
    assert 0.1 < rho.low < rho.value < svm.scores["valence"]["spearman_rho"].value
    assert constant.scores["valence"]["pearson_r"].value == 0
    assert constant.scores["valence"]["r2"].value == pytest.approx(0, abs=1e-6)
    ceiling = figures.ceiling_of("valence", over_time=True)
    assert ceiling.tracks == 20
    assert 0.7 < ceiling.r < 1


def test_metrics_are_means_over_pieces_of_what_each_says_within() -> None:
    rng = np.random.default_rng(0)
    piece = np.repeat(np.arange(6), 7)
    rated = rng.normal(size=(42, 1)) + 100.0 * piece[:, None]
    predicted = rated + rng.normal(size=(42, 1)) - 300.0 * piece[:, None]
    rated[1] = np.nan
    rated[35:39] = np.nan  # three are left of the last piece, too few to follow
    group = piece // 2
    items = RatedItems(rated, predicted, group, 3, piece)
    scores = score_ratings(["mood"], [items], resample_groups(3))["mood"]
    alone = []
    for number in range(5):
        rows = (piece == number) & np.isfinite(rated[:, 0])
        x, y = (
            rated[rows, 0] - rated[rows, 0].mean(),
            predicted[rows, 0] - predicted[rows, 0].mean(),
        )
        alone.append((np.corrcoef(x, y)[0, 1], spearmanr(x, y)[0], np.sqrt(((x - y) ** 2).mean())))
    r, rho, rmse = np.mean(alone, axis=0)
    assert scores["pearson_r"].value == pytest.approx(r)
    assert scores["spearman_rho"].value == pytest.approx(rho)
    assert scores["rmse"].value == pytest.approx(rmse)
    assert set(scores) == {metric.name for metric in RATING_METRICS}
    lowest, highest = (f([one[0] for one in alone]) for f in (min, max))
    assert lowest <= scores["pearson_r"].low < r < scores["pearson_r"].high <= highest


def test_files_and_pages_tell_both_kinds(world, tmp_path: Path) -> None:
    results = run(world, tmp_path, targets=("ratings", "ratings-over-time"))
    write_figures(tmp_path, results, conclude(results), [])
    rows = list(csv.DictReader((tmp_path / "summary.csv").open()))
    assert {row["target"] for row in rows} == {"ratings", "ratings-over-time"}
    document = read_document(tmp_path)
    read, made = document.ratings.course_ceilings[0], results.ratings.course_ceilings[0]
    assert (read.scale, read.r) == (made.scale, pytest.approx(made.r, abs=1e-6))
    assert [row.over_time for row in document.ratings.rows] == [False, False, True, True]
    write_report(tmp_path, results, [])
    page = (tmp_path / "README.md").read_text()
    assert "## Models trained on ratings over time" in page
    assert "valence (-1 to 1) over time, within tracks, artist, with 95 % intervals" in page
    assert "| worth |" in page
    report_results(tmp_path, ReportOptions())
    html = (tmp_path / "report.html").read_text()
    assert "table-ratings-over-time-artist-valence" in html
    assert "whether the model follows the course" in html
    # Without the data, whose ratings are nobody's to pass on, nothing of them is computed.
    assert rescore(tmp_path, MODELS).results.ratings is None


def test_one_line_where_there_are_none(world) -> None:
    corpus, _, _ = world
    plain = replace(corpus, tracks=tuple(replace(t, course=None) for t in corpus.tracks))
    wanted = Comparison(MODELS, ("artist",), ("ratings-over-time",))
    check_plan(wanted, corpus)
    with pytest.raises(EvaluationError, match="has no ratings over time: put them beside its tab"):
        check_plan(wanted, plain)
    one_alone = [
        replace(track, course=replace(track.course, mean=track.course.mean * (1.0, np.nan)))
        for track in corpus.tracks
    ]
    with pytest.raises(
        EvaluationError,
        match="arousal of corpus 'tiny' is rated of whole tracks alone: name what is rated over "
        "time with --ratings valence",
    ):
        check_plan(wanted, replace(corpus, tracks=tuple(one_alone)))
    with pytest.raises(EvaluationError, match="use --protocol track or artist"):
        check_plan(replace(wanted, protocols=("segment",)), corpus)
    assert model_names([], ["ratings-over-time"]) == model_names([], ["ratings"])
    with pytest.raises(Exception, match="cannot learn ratings"):
        check_plan(replace(wanted, models=(GOOD,)), corpus)

"""A model held against ratings: planted answers, and the files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from helpers.accessibility import THEMES, needs_axe, serious_problems_of_file
from helpers.corpora import LABELS, corpus_of
from helpers.rated import rated_corpus
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.courses import course_of_means
from music_emotion.datasets.ratings import Rating, Scale
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.strict_json import from_json
from music_emotion.inference.rating_model import RatingPrediction, RatingTimeline
from music_emotion.report.cross_test import (
    CrossTest,
    cross_test,
    cross_test_lines,
    cross_test_page,
    write_cross_test,
)
from music_emotion.report.sound_properties import SoundProperties
from music_emotion.report.write import ReportOptions, report_results

NOTHING = SoundProperties(np.zeros(0, np.int64), {})


def sound(**values: np.ndarray) -> SoundProperties:
    """Return properties of tracks of one segment, the level given in dB."""
    level = {"level": 10.0 ** (values["level"] / 20)} if "level" in values else {}
    tracks = len(next(iter(values.values())))
    return SoundProperties(np.arange(tracks), {**values, **level})


def predictions(corpus: Corpus, *, valence: np.ndarray, arousal: np.ndarray) -> list[Any]:
    rows = np.full((len(corpus), 9), 0.02)
    rows[np.arange(len(corpus)), np.maximum(corpus.labels, 0)] = 0.84
    return [
        SimpleNamespace(
            valence=v,
            arousal=a,
            intensities=row,
            emotions=row,
            confidence=0.5,
            top="calmness",
            model="some",
            version="1",
            heard_in_training=False,
        )
        for v, a, row in zip(valence, arousal, rows, strict=True)
    ]


@pytest.fixture
def corpus() -> Corpus:
    return rated_corpus()[0]


def held(corpus: Corpus) -> tuple[CrossTest, list[Any], SoundProperties]:
    """The model says valence as it is, and of arousal (1 to 9) half as much as there is."""
    assert corpus.ratings is not None
    valence, arousal = corpus.ratings.mean.T
    said = predictions(corpus, valence=valence, arousal=0.5 * (arousal - 5) / 4)
    properties = sound(level=-valence, mode=np.zeros(len(corpus)))
    return cross_test(corpus, said, properties, ["cross-test"]), said, properties


def test_planted_answers_on_the_scales_of_the_ratings(corpus: Corpus) -> None:
    found, _, _ = held(corpus)
    rows = {(row.scale, row.name): row.figures for row in found.rows}
    assert list(rows) == [
        (scale, name) for scale in ("valence", "arousal") for name in ("some", "level", "mode")
    ]
    exact = rows["valence", "some"]
    assert [exact[name].value for name in ("pearson_r", "ccc", "r2")] == pytest.approx([1, 1, 1])
    assert exact["rmse"].value == pytest.approx(0, abs=1e-6)
    half = rows["arousal", "some"]
    assert half["pearson_r"].value == pytest.approx(1)
    arousal = corpus.ratings.mean[:, 1]
    assert half["rmse"].value == pytest.approx(np.sqrt((0.25 * (arousal - 5) ** 2).mean()))
    assert half["ccc"].value < 0.85
    assert rows["valence", "level"]["spearman_rho"].value == pytest.approx(-1)
    assert set(rows["valence", "level"]) == {"pearson_r", "spearman_rho"}
    assert rows["valence", "mode"]["spearman_rho"].value == 0
    level = rows["arousal", "level"]["spearman_rho"]
    assert level.value == pytest.approx(-spearmanr(*corpus.ratings.mean.T).statistic)
    assert level.low < level.value < level.high
    assert (found.tracks, found.groups) == (60, 20)
    assert [ceiling.scale for ceiling in found.ceilings] == ["valence", "arousal"]
    assert found.labels is None


def test_of_another_scale_the_model_says_nothing_and_the_rest_is_done(corpus: Corpus) -> None:
    other = replace(
        corpus,
        scales=(Scale("valence"), Scale("liking", 0, 1)),
    )
    found, _, _ = held(other)
    assert {row.scale for row in found.rows} == {"valence"}
    assert set(found.rows[0].figures) == {"pearson_r", "spearman_rho"}, "its ends are not known"
    assert found.left_out == (
        "left out: liking: a model says nothing of it; it has valence, arousal, "
        + ", ".join(EMOTIONS),
    )
    with pytest.raises(EvaluationError, match="liking: a model says nothing of it"):
        cross_test(
            replace(
                corpus,
                scales=(Scale("liking"),),
                tracks=tuple(replace(t, ratings=t.ratings[:1]) for t in corpus.tracks),
            ),
            held(corpus)[1],
            NOTHING,
            [],
        )


def test_emotions_are_compared_with_intensities() -> None:
    corpus = corpus_of(LABELS, votes=False)
    said = predictions(corpus, valence=np.zeros(54), arousal=np.zeros(54))
    is_calm = corpus.labels == EMOTIONS.index("calmness")
    rated = replace(
        corpus,
        scales=(Scale("calmness", 1, 5),),
        tracks=tuple(
            replace(track, ratings=(Rating(4.0 if calm else 1.5),))
            for track, calm in zip(corpus.tracks, is_calm, strict=True)
        ),
    )
    found = cross_test(rated, said, NOTHING, [])
    (row,) = found.rows
    assert row.figures["pearson_r"].value == pytest.approx(1)
    # An intensity of 0 to 1 between 1 and 5: .84 is 4.36, .02 is 1.08.
    expected = np.sqrt(np.where(is_calm, 0.36, 0.42) ** 2).astype(float)
    assert row.figures["rmse"].value == pytest.approx(np.sqrt((expected**2).mean()))
    assert found.labels is not None
    assert found.labels["accuracy"].value == 1.0
    assert "mean_pearson_r" not in found.labels


def test_votes_are_ratings_of_the_nine_emotions() -> None:
    corpus = corpus_of(LABELS)
    said = predictions(corpus, valence=np.zeros(54), arousal=np.zeros(54))
    found = cross_test(corpus, said, NOTHING, [])
    assert [row.scale for row in found.rows] == list(EMOTIONS)
    assert all(0.8 < row.figures["pearson_r"].value <= 1 for row in found.rows)
    assert found.labels is not None
    assert found.labels["mean_pearson_r"].value == pytest.approx(
        np.mean([row.figures["pearson_r"].value for row in found.rows]), abs=1e-6
    )
    assert len(found.ceilings) == 9


def test_what_the_model_learned_from_is_no_test(corpus: Corpus, tmp_path: Path) -> None:
    found, said, properties = held(corpus)
    assert found.novelty in cross_test_page(found)
    assert found.novelty.startswith("None of these tracks is known")
    said[0].heard_in_training = said[3].heard_in_training = True
    known = cross_test(corpus, said, properties, [])
    alone = cross_test(corpus, said, properties, [], learned_from=f"mine, {corpus.fingerprint}")
    assert alone.heard_in_training == len(corpus)
    warning = f"The model learned from 2 of these {len(corpus)} tracks"
    assert warning in cross_test_page(known)
    assert cross_test_lines(known)[-1].startswith(warning)
    write_cross_test(tmp_path, known, corpus, said, properties)
    report_results(tmp_path, ReportOptions())
    assert warning in (tmp_path / "report.html").read_text()


def test_quadrants_are_named_where_both_dimensions_are_rated(corpus: Corpus) -> None:
    found, said, _ = held(corpus)
    valence, arousal = corpus.ratings.mean.T
    right = {row.name: row.figures["accuracy"] for row in found.quadrants}
    assert [*right] == ["some", "mode and level", "the commonest"]
    assert right["some"].value == 1.0
    # The mode is 0 everywhere, which is not major; the level is the valence turned round.
    expected = (valence <= 0) & ((arousal > 5) == (valence < np.median(valence)))
    assert right["mode and level"].value == pytest.approx(expected.mean())
    sizes = np.bincount((valence > 0) + 2 * (arousal > 5))
    assert right["the commonest"].value == pytest.approx(sizes.max() / 60)
    assert right["the commonest"].low < right["the commonest"].value
    assert "## Quadrants" in cross_test_page(found)
    unknown = replace(corpus, scales=(Scale("valence"), corpus.scales[1]))
    assert cross_test(unknown, said, NOTHING, []).quadrants == ()


def test_a_mood_is_the_intensity_of_its_emotion_and_has_an_area() -> None:
    corpus = corpus_of(LABELS, votes=False)
    said = predictions(corpus, valence=np.zeros(54), arousal=np.zeros(54))
    is_sad = corpus.labels == EMOTIONS.index("sadness")
    tagged = replace(
        corpus,
        scales=(Scale("sad", 0, 1),),
        tracks=tuple(
            replace(track, ratings=(Rating(float(sad)),))
            for track, sad in zip(corpus.tracks, is_sad, strict=True)
        ),
    )
    level = np.where(is_sad, 1.0, np.arange(54) % 2)
    (row, other) = cross_test(tagged, said, sound(level=level), []).rows
    assert row.figures["roc_auc"].value == 1.0
    ties = np.mean([0.5 if value == 1 else 1.0 for value in level[~is_sad]])
    assert other.figures["roc_auc"].value == pytest.approx(ties)
    assert "| AUC |" in cross_test_page(cross_test(tagged, said, sound(level=level), []))


def rated_predictions(values: np.ndarray, *scales: Scale) -> list[RatingPrediction]:
    return [RatingPrediction("", 3.0, "mine", "1", scales, tuple(row)) for row in values.tolist()]


def test_a_model_of_ratings_is_held_against_its_own_scales(corpus: Corpus) -> None:
    valence = corpus.ratings.mean[:, 0]
    on_ten = rated_predictions(np.column_stack([5 + 5 * valence]), Scale("valence", 0, 10))
    found = cross_test(corpus, on_ten, NOTHING, [])
    assert [row.scale for row in found.rows] == ["valence"]
    assert found.rows[0].figures["rmse"].value == pytest.approx(0, abs=1e-6)
    assert "arousal: a model says nothing of it; it has valence" in found.left_out[0]
    silent = np.column_stack([valence])
    silent[3] = np.nan
    (row,) = cross_test(corpus, rated_predictions(silent, Scale("valence")), NOTHING, []).rows
    assert set(row.figures) == {"pearson_r", "spearman_rho"}
    assert row.figures["pearson_r"].value == pytest.approx(1)


def test_votes_are_read_as_valence_and_arousal_for_a_model_that_rates() -> None:
    corpus = corpus_of(LABELS)
    votes = corpus.vote_fractions.astype(float)
    risers = [EMOTIONS.index(n) for n in ("joyful_activation", "power", "tension", "amazement")]
    fallers = [n for n in range(9) if n not in risers]
    expected = np.tanh((votes[:, risers].sum(1) - votes[:, fallers].sum(1) + 0.288) / 2 / 0.995)
    said = rated_predictions(expected[:, None], Scale("arousal", -1, 1))
    found = cross_test(corpus, said, NOTHING, [])
    (row,) = found.rows
    assert row.scale == "arousal"
    assert row.figures["ccc"].value == pytest.approx(1, abs=1e-5)
    assert found.labels is None
    labelled = corpus_of(LABELS, votes=False)
    (row,) = cross_test(labelled, said, NOTHING, []).rows
    assert row.figures["spearman_rho"].value > 0.8
    with pytest.raises(EvaluationError, match="mine says nothing of labels; it has liking"):
        cross_test(labelled, rated_predictions(expected[:, None], Scale("liking")), NOTHING, [])


def test_the_page_the_picture_and_the_tables(corpus: Corpus, tmp_path: Path) -> None:
    found, said, properties = held(corpus)
    write_cross_test(tmp_path, found, corpus, said, properties)
    (tmp_path / "more").mkdir()
    options = ReportOptions(figures=tmp_path / "more", latex=tmp_path / "more")
    lines = report_results(tmp_path, options)
    assert lines[0] == f"written to {tmp_path / 'report.html'}"
    page = (tmp_path / "report.html").read_text()
    assert "<h1>some on tiny</h1>" in page
    assert page.count("<svg") == 1
    assert "valence, with 95 % intervals" in page
    assert "mode and level alone" in page
    names = {path.name for path in (tmp_path / "more").iterdir()}
    assert names == {
        "agreement.png",
        "agreement.svg",
        "valence.tex",
        "arousal.tex",
        "quadrants.tex",
    }
    (tmp_path / "cross-test.json").write_text("{")
    with pytest.raises(EvaluationError, match="is damaged: make it again with `music-emotion cr"):
        report_results(tmp_path, ReportOptions())


@needs_axe
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_keeps_people_from_using_the_page(
    theme: str, corpus: Corpus, tmp_path: Path
) -> None:
    found, said, properties = held(corpus)
    write_cross_test(tmp_path, found, corpus, said, properties)
    report_results(tmp_path, ReportOptions())
    assert serious_problems_of_file(tmp_path / "report.html", theme) == []


def test_a_few_tracks_are_too_few(corpus: Corpus) -> None:
    few = replace(corpus, tracks=corpus.tracks[:2])
    with pytest.raises(EvaluationError, match="2 tracks are too few"):
        cross_test(few, held(corpus)[1][:2], NOTHING, [])


def followed(said: np.ndarray, whole: np.ndarray, *scales: Scale) -> list[RatingPrediction]:
    """Return predictions whose courses are rows of ``said``, (tracks, points, k)."""
    points = np.arange(said.shape[1], dtype=float)
    return [
        RatingPrediction(
            "",
            24.0,
            "mine",
            "1",
            scales,
            tuple(one),
            (),
            RatingTimeline(points, points + 3, course),
        )
        for one, course in zip(whole.tolist(), said, strict=True)
    ]


def test_courses_are_compared_within_tracks(corpus: Corpus, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    level = corpus.ratings.mean[:, 0]
    # Twelve points, of which ten are within what features were computed of; a track of three.
    moves = rng.normal(size=(len(corpus), 12))
    tracks = []
    for number, track in enumerate(corpus.tracks):
        moments = zip(3.5 + 3.0 * np.arange(3 if number == 5 else 12), moves[number], strict=False)
        course = course_of_means((t, [level[number] + 0.1 * m, np.nan]) for t, m in moments)
        tracks.append(replace(track, course=course))
    moving = replace(corpus, tracks=tuple(tracks))
    track_index = np.repeat(np.arange(len(corpus)), 10)
    flux = -moves[:, :10].ravel() + 100.0 * track_index
    segments = SoundProperties(track_index, {"flux": flux})
    noise = rng.normal(size=moves.shape)
    # On a scale from 0 to 10, as far again as it is on from -1 to 1; wholes are wrong altogether.
    said = followed(
        (5 + 5 * (0.1 * moves - 50.0 * level[:, None]))[:, :, None],
        -level[:, None],
        Scale("valence", 0, 10),
    )
    found = cross_test(moving, said, segments, [])
    rows = {(row.scale, row.name): row.figures for row in found.rows}
    assert list(rows) == [
        *(("valence", "mine"), ("valence", "flux")),
        *(("valence over time", "mine"), ("valence over time", "flux")),
    ]
    assert rows["valence", "mine"]["spearman_rho"].value == pytest.approx(-1)
    over_time = rows["valence over time", "mine"]
    assert over_time["pearson_r"].value == pytest.approx(1)
    assert over_time["rmse"].value == pytest.approx(0, abs=1e-9)
    assert rows["valence over time", "flux"]["pearson_r"].value == pytest.approx(-1)
    assert set(rows["valence over time", "flux"]) == {"pearson_r", "spearman_rho"}
    poor = followed((moves + noise)[:, :, None], level[:, None], Scale("valence"))
    rho = cross_test(moving, poor, segments, []).rows[2].figures["spearman_rho"]
    assert 0.4 < rho.low < rho.value < rho.high < 0.9
    (alone,) = [
        spearmanr(moves[number, :10], (moves + noise)[number, :10]).statistic for number in [0]
    ]
    one = replace(moving, tracks=tuple(replace(t, course=None) for t in moving.tracks[1:]))
    one = replace(one, tracks=(moving.tracks[0], *one.tracks))
    assert cross_test(one, poor, segments, []).rows[2].figures["spearman_rho"].value == (
        pytest.approx(alone)
    )
    write_cross_test(tmp_path, found, moving, said, segments)
    (tmp_path / "more").mkdir()
    report_results(tmp_path, ReportOptions(latex=tmp_path / "more"))
    tables = {path.name for path in (tmp_path / "more").iterdir()}
    assert tables == {"valence.tex", "valence-over-time.tex"}
    with (tmp_path / "summary.csv").open(newline="") as file:
        assert "valence over time" in {row["scale"] for row in csv.DictReader(file)}
    for name in ("README.md", "report.html"):
        assert "Raters are taken to answer 2 s late" in (tmp_path / name).read_text()
    late = replace(
        moving.tracks[7].course, time=1_000.0 * moving.tracks[7].course.time
    )  # milliseconds
    tracks[7] = replace(tracks[7], course=late)
    (line,) = cross_test(replace(moving, tracks=tuple(tracks)), said, segments, []).left_out[-1:]
    assert line.startswith(f"left out: {tracks[7].id}: none of its ratings over time is of its")
    still = [replace(one, timeline=None) for one in said]
    assert not cross_test(moving, still, segments, []).follows


def test_the_files(corpus: Corpus, tmp_path: Path) -> None:
    found, said, properties = held(corpus)
    write_cross_test(tmp_path, found, corpus, said, properties)
    text = (tmp_path / "cross-test.json").read_text()
    read = from_json(CrossTest, json.loads(text, parse_constant=pytest.fail))
    assert read.rows[0].figures["ccc"].value == pytest.approx(1)
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 5 + 4 * 2 + 3
    assert rows[-1]["scale"] == "quadrant"
    assert rows[0] | {"low": "", "high": ""} == {
        "scale": "valence",
        "name": "some",
        "metric": "pearson_r",
        "value": "1.000000",
        "low": "",
        "high": "",
        "n": "60",
    }
    with (tmp_path / "predictions.csv").open(newline="") as file:
        tracks = list(csv.DictReader(file))
    assert [row["id"] for row in tracks] == [track.id for track in corpus.tracks]
    assert float(tracks[3]["valence"]) == pytest.approx(said[3].valence, abs=1e-6)
    page = (tmp_path / "README.md").read_text()
    assert page == cross_test_page(found)
    assert "| valence | `some` | 1.00 (1.00 to 1.00) |" in page
    assert "| valence | level alone | -1.00" in page
    assert "ceiling of the raters' scatter" in page
    lines = cross_test_lines(found)
    assert lines[1] == "valence, rho with the raters (95 % interval):"
    assert lines[2] == "  some       1.00 (1.00 to 1.00)"

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

from helpers.corpora import LABELS, corpus_of
from helpers.rated import rated_corpus
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.ratings import Rating, Scale
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.strict_json import from_json
from music_emotion.features.compute import FEATURES
from music_emotion.report.cross_test import (
    FEATURE_NAMES,
    CrossTest,
    cross_test,
    cross_test_lines,
    cross_test_page,
    sound_properties,
    write_cross_test,
)


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
        )
        for v, a, row in zip(valence, arousal, rows, strict=True)
    ]


@pytest.fixture
def corpus() -> Corpus:
    return rated_corpus()[0]


def held(corpus: Corpus) -> tuple[CrossTest, list[Any], dict[str, np.ndarray]]:
    """The model says valence as it is, and of arousal (1 to 9) half as much as there is."""
    assert corpus.ratings is not None
    valence, arousal = corpus.ratings.mean.T
    said = predictions(corpus, valence=valence, arousal=0.5 * (arousal - 5) / 4)
    properties = {"level": -valence, "mode": np.zeros(len(corpus))}
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
            {},
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
    found = cross_test(rated, said, {}, [])
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
    found = cross_test(corpus, said, {}, [])
    assert [row.scale for row in found.rows] == list(EMOTIONS)
    assert all(0.8 < row.figures["pearson_r"].value <= 1 for row in found.rows)
    assert found.labels is not None
    assert found.labels["mean_pearson_r"].value == pytest.approx(
        np.mean([row.figures["pearson_r"].value for row in found.rows]), abs=1e-6
    )
    assert len(found.ceilings) == 9


def test_a_few_tracks_are_too_few(corpus: Corpus) -> None:
    few = replace(corpus, tracks=corpus.tracks[:2])
    with pytest.raises(EvaluationError, match="2 tracks are too few"):
        cross_test(few, held(corpus)[1][:2], {}, [])


def test_properties_are_means_over_segments() -> None:
    shapes = {name: FEATURES[name].columns for name in FEATURE_NAMES}
    features = {name: np.zeros((3, len(columns)), np.float32) for name, columns in shapes.items()}
    features["statistics"][:, shapes["statistics"].index("rms_mean")] = [0.1, 0.3, 0.02]
    features["statistics"][:, shapes["statistics"].index("spectral_centroid_mean")] = [10, 30, 5]
    flux = [n for n, name in enumerate(shapes["summary"]) if name.startswith("flux_")]
    features["summary"][:, flux] = np.arange(3)[:, None]
    features["summary"][:, shapes["summary"].index("harmony_20")] = [1, 2, -1]
    found = sound_properties(features, np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(found["level"][[0, 2]], 20 * np.log10([0.2, 0.02]), rtol=1e-6)
    np.testing.assert_allclose(found["centroid"], [20, np.nan, 5])
    np.testing.assert_allclose(found["flux"], [0.5, np.nan, 2])
    np.testing.assert_allclose(found["mode"], [1.5, np.nan, -1])


def test_the_files(corpus: Corpus, tmp_path: Path) -> None:
    found, said, properties = held(corpus)
    write_cross_test(tmp_path, found, corpus, said, properties)
    text = (tmp_path / "cross-test.json").read_text()
    read = from_json(CrossTest, json.loads(text, parse_constant=pytest.fail))
    assert read.rows[0].figures["ccc"].value == pytest.approx(1)
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 5 + 4 * 2
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

"""What is said of the raters of a corpus."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import run
from helpers.corpora import LABELS, corpus_of
from helpers.rated import rated_corpus
from music_emotion.datasets.courses import Course
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import rating_ceilings
from music_emotion.evaluation.strict_json import from_json
from music_emotion.report.raters import RaterFigures, measure_raters, raters_table, write_raters


def test_figures_lines_and_file(tmp_path: Path) -> None:
    corpus, _, _ = rated_corpus()
    rng = np.random.default_rng(0)
    said = np.cumsum(rng.normal(size=(30, 2)), axis=0)
    halves = np.stack([said + 0.2 * rng.normal(size=said.shape) for _ in range(2)])
    unknown, people = np.full(said.shape, np.nan), np.full(said.shape, 16)
    course = Course(np.arange(30.0), said, unknown, people, halves)
    corpus = replace(corpus, tracks=tuple(replace(t, course=course) for t in corpus.tracks))
    found = measure_raters(corpus, ["listeners"])
    assert found.whole == rating_ceilings(corpus.ratings)
    assert [one.tracks for one in found.over_time] == [60, 60]
    assert all(0.8 < one.r < 1 for one in found.over_time)
    text = raters_table(found).splitlines()
    one, whole = found.whole[0].reliability_of_one, found.whole[0].reliability
    assert f"{(one * whole) ** 0.5:.2f}" in next(line for line in text if line.startswith("1 "))
    assert "ratings over time, within tracks" in text
    write_raters(tmp_path, found)
    read = from_json(RaterFigures, json.loads((tmp_path / "raters.json").read_text()))
    assert read.whole[0].r == pytest.approx(found.whole[0].r, abs=1e-6)


def test_one_line_without_ratings_or_their_scatter() -> None:
    with pytest.raises(EvaluationError, match="'tiny' has no ratings; name their columns"):
        measure_raters(corpus_of(LABELS), [])
    corpus, _, _ = rated_corpus()
    lonely = tuple(
        replace(t, ratings=tuple(replace(one, raters=1) for one in t.ratings))
        for t in corpus.tracks
    )
    with pytest.raises(EvaluationError, match="does not tell how its raters scatter"):
        measure_raters(replace(corpus, tracks=lonely), [])


def test_the_command_on_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))
    table = tmp_path / "own.csv"
    rows = [f"{n}.mp3,{n / 20:.2f},0.2,9" for n in range(12)]
    table.write_text("path,mood,mood_sd,raters\n" + "\n".join(rows))
    for n in range(12):
        (tmp_path / f"{n}.mp3").write_bytes(bytes([n]))
    done = run("listeners", "--csv", table, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "mood: 12 tracks with about 9 raters each" in done.stdout
    assert (tmp_path / "raters.json").is_file()

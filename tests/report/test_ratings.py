"""What a results folder and its page say of models that learned ratings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.accessibility import THEMES, needs_axe, serious_problems_of_file
from helpers.rated import rated_corpus
from helpers.reporter import RecordingReporter
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.plan import QUICK_NOTE, Comparison
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import read_document
from music_emotion.report.ratings import rating_table, rating_tables
from music_emotion.report.write import ReportOptions, accuracy_lines, report_results, write_report

MODELS = ("commonest_class", "svm")


def write(out: Path, *, labels: bool, note: str = "") -> list[str]:
    corpus, track, features = rated_corpus(labels=labels)
    corpus = replace(corpus, note=note)
    truth, failures = compare(
        Comparison(
            MODELS,
            protocols=("track", "artist"),
            targets=("label", "ratings") if labels else ("ratings",),
        ),
        corpus,
        track,
        features,
        feature_versions={},
        out=out,
        jobs=0,
        reporter=RecordingReporter(),
    )
    assert not failures
    results = collect(out, truth, MODELS)
    write_report(out, results, [])
    return accuracy_lines(results)


@pytest.fixture(scope="module")
def ratings_alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("ratings")
    return out, write(out, labels=False)


def test_of_a_quick_run_no_figure_is_said(tmp_path: Path) -> None:
    assert write(tmp_path, labels=True, note=QUICK_NOTE) == ["", QUICK_NOTE]


def test_tables_have_the_best_model_first_and_the_ceiling_last(
    ratings_alone: tuple[Path, list[str]],
) -> None:
    figures = read_document(ratings_alone[0]).ratings
    assert figures is not None
    tables = list(rating_tables(figures))
    assert [table.name for table in tables] == [
        f"ratings-{protocol}-{scale}"
        for protocol in ("artist", "track")
        for scale in ("valence", "arousal")
    ]
    table = rating_table(figures, "artist", "arousal")
    assert table.caption == "arousal (1 to 9), artist, with 95 % intervals"
    assert [column.title for column in table.columns] == [
        *("model", "r", "rho", "CCC", "RMSE", "R²", "worth", "training"),
    ]
    assert [row[0].text for row in table.rows] == ["svm", "commonest_class"]
    assert table.rows[0][2].is_best
    assert table.rows[0][4].is_best, "a low error is good"
    (ceiling,) = figures.ceilings[1:]
    assert [cell.text for cell in table.foot[0]][1:6] == [
        f"{ceiling.r:.3f}",
        "",
        f"{ceiling.ccc:.3f}",
        f"{ceiling.rmse:.3f}",
        f"{ceiling.r2:.3f}",
    ]


def test_the_readme_and_the_last_words(ratings_alone: tuple[Path, list[str]]) -> None:
    out, lines = ratings_alone
    text = (out / "README.md").read_text()
    assert "## Models trained on ratings" in text
    assert "reference study's findings" not in text
    assert "- valence: 60 tracks with about 16 raters each;" in text
    assert text.count("| `svm` |") == 4
    assert lines[1] == "rho under track, trained on ratings (95 % interval):"
    assert re.fullmatch(r"  svm +valence 0\.\d\d \(.*\)  arousal 0\.\d\d \(.*\)", lines[3])


def test_the_page_shows_ratings_alone(
    ratings_alone: tuple[Path, list[str]], tmp_path: Path
) -> None:
    out, _ = ratings_alone
    page = tmp_path / "page.html"
    said = report_results(
        out, ReportOptions(page=page, figures=tmp_path / "f", latex=tmp_path / "t")
    )
    text = page.read_text()
    assert said[-1] == f"4 tables written to {tmp_path / 't'}"
    assert 'id="table-ratings-artist-valence"' in text
    for absent in ('id="accuracy"', 'id="wrong"', 'id="confusions"', 'href="#metrics"'):
        assert absent not in text
    assert (tmp_path / "t" / "ratings-track-arousal.tex").is_file()


@needs_axe
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_keeps_people_from_using_the_page(
    theme: str, ratings_alone: tuple[Path, list[str]], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    report_results(ratings_alone[0], ReportOptions(page=page))
    assert serious_problems_of_file(page, theme) == []


def test_the_page_shows_ratings_beside_labels(tmp_path: Path) -> None:
    lines = write(tmp_path, labels=True)
    assert sum(line.startswith("accuracy under") for line in lines) == 2
    assert sum(line.startswith("rho under") for line in lines) == 2
    report_results(tmp_path, ReportOptions())
    text = (tmp_path / "report.html").read_text()
    for there in ('id="ratings"', 'id="accuracy"', 'id="confusions"', 'id="provenance"'):
        assert there in text
    opened, closed = (len(re.findall(tag, text)) for tag in ("<section", "</section>"))
    assert opened == closed

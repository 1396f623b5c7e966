"""The README's picture shows the models of the wheel, whole names, ``default`` first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from doc_figures import Figures
from doc_pictures import GUESS, draw_shipped_models
from music_emotion.inference.package import shipped_names

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures.read(RESULTS)


def test_default_is_on_top_and_every_model_is_there_by_its_whole_name(figures: Figures) -> None:
    pytest.importorskip("matplotlib")
    picture = draw_shipped_models(figures)
    assert picture is not None
    [axes] = picture.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    places = dict(zip(names, axes.get_yticks(), strict=True))
    assert set(places) == {*shipped_names(), "always the commonest emotion"}
    assert max(places, key=lambda name: places[name]) == "default"
    values = {bar.get_y() + bar.get_height() / 2: bar.get_width() for bar in axes.patches}
    [row] = [
        row
        for row in figures.document.rows
        if (row.model, row.target, row.protocol) == ("blend", "votes", "artist")
    ]
    default = next(values[place] for place in values if abs(place - places["default"]) < 1e-9)
    assert default == pytest.approx(100 * row.headline["accuracy"].value)


def test_what_the_study_reports_is_marked_as_such(figures: Figures) -> None:
    pytest.importorskip("matplotlib")
    picture = draw_shipped_models(figures)
    assert picture is not None
    [axes] = picture.axes
    marks = {line.get_label(): line for line in axes.lines if len(line.get_xdata()) == 6}
    reported = next(line for label, line in marks.items() if "reports" in label)
    assert list(reported.get_xdata()) == pytest.approx([60, 58, 67, 64, 69, 76])
    [legend] = picture.legends
    assert len(legend.get_texts()) == 4


def test_it_is_left_out_where_the_models_were_not_measured(figures: Figures) -> None:
    document = figures.document
    rows = tuple(row for row in document.rows if row.model in ("svm", GUESS))
    assert (
        draw_shipped_models(replace(figures, known_document=replace(document, rows=rows))) is None
    )

"""Pictures for researchers show all that they are given."""

from __future__ import annotations

import numpy as np

from music_emotion.evaluation.agreement import PanelCurve, PanelSize, Worth
from music_emotion.report.plots import draw_confusions, draw_panels, png_bytes

CURVE = PanelCurve(
    sizes=np.arange(1, 25),
    accuracy=np.linspace(0.25, 0.5, 24),
    mean_r=np.linspace(0.3, 0.7, 24),
    r=np.zeros((24, 9)),
    tracks=78,
    held_out=16,
)


def test_a_model_above_every_panel_stays_inside_the_picture() -> None:
    beyond = PanelSize(24.0, 15.0, 24.0, censored=True, high_censored=True)
    worth = Worth(by_accuracy=beyond, by_r=beyond, accuracy=0.61, mean_r=0.79, tracks=78)
    figure = draw_panels(CURVE, {"oracle": worth})
    for axes, score in zip(figure.axes, (0.61, 0.79), strict=True):
        assert axes.get_ylim()[1] > score
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"oracle: {beyond}"]


def test_the_same_picture_is_the_same_file() -> None:
    one, same = (png_bytes(draw_panels(CURVE)) for _ in range(2))
    assert one == same
    assert one.startswith(b"\x89PNG")


def test_confusions_are_shares_of_their_rows() -> None:
    people, model = np.full((9, 9), 2.0), np.diag(np.arange(9.0))  # amazement never occurs
    figure = draw_confusions(people, model, "some model")
    left, right = figure.axes
    assert {text.get_text() for text in left.texts} == {"11"}
    assert [text.get_text() for text in right.texts] == ["100"] * 8
    assert "some model" in right.get_title()

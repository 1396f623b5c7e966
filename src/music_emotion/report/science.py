"""Pictures for researchers: the leak, the panels of listeners, what is confused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.agreement import PanelCurve, Worth
from music_emotion.evaluation.leakage import LeakCurve
from music_emotion.report.canvas import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
INK = "#22223b"
FAINT = "#c9c9d4"
COLOURS = {"nearest_neighbour": "#c1121f", "svm": "#4878a8"}
CLASSIFIER_NAMES = {"nearest_neighbour": "1-nearest-neighbour", "svm": "support vector machine"}
LABEL_NAMES = {"published": "people's labels", "shuffled": "labels dealt out at random"}


def draw_leak(curve: LeakCurve) -> Figure:
    """Draw accuracy against the number of segments of the test track that were in training."""
    figure, axes = _figure(7.2, 4.4)
    place = np.arange(len(curve.neighbours))
    for line in curve.lines:
        colour = COLOURS[line.classifier]
        dashed = line.labels == "shuffled"
        axes.plot(
            place,
            line.accuracy,
            color=colour,
            linestyle="--" if dashed else "-",
            marker="o",
            markersize=4,
            label=f"{CLASSIFIER_NAMES[line.classifier]}, {LABEL_NAMES[line.labels]}",
        )
        axes.fill_between(place, line.low, line.high, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(curve.chance, color=FAINT, zorder=0)
    axes.text(place[-1], curve.chance + 0.01, "always the commonest emotion", ha="right", size=8)
    axes.set_xticks(place, [str(count) for count in curve.neighbours])
    axes.set_xlabel("segments of the test track that were in training (of about 20)")
    axes.set_ylabel("accuracy per 3-s segment")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def draw_panels(curve: PanelCurve, worths: Mapping[str, Worth] | None = None) -> Figure:
    """Draw how well panels of listeners predict others, and models at the panel they are worth."""
    figure, axes = _figure(9.6, 4.2, columns=2)
    for one, values, name in (
        (axes[0], curve.accuracy, "accuracy of the dominant emotion"),
        (axes[1], curve.mean_r, "mean r over the nine emotions"),
    ):
        one.plot(curve.sizes, values, color=INK, marker="o", markersize=3)
        one.set_xlabel(f"listeners in the panel that predicts {curve.held_out} others")
        one.set_ylabel(name)
        one.set_xlim(0, curve.sizes[-1] + 1)
    for model, worth in (worths or {}).items():
        for one, size, score in (
            (axes[0], worth.by_accuracy, worth.accuracy),
            (axes[1], worth.by_r, worth.mean_r),
        ):
            one.errorbar(
                size.value,
                score,
                xerr=[[size.value - size.low], [size.high - size.value]],
                marker="D",
                markersize=5,
                capsize=2,
                linewidth=1,
                label=f"{model}: {size}",
            )
    for one in axes:
        one.set_ylim(0, None)  # after all is drawn: a model may lie above every panel
        if worths:
            one.legend(frameon=False, fontsize=7, loc="lower right")
    return figure


def draw_confusions(people: NDArray[np.floating], model: NDArray[np.floating], name: str) -> Figure:
    """Draw what people confuse beside what a model confuses.

    Parameters
    ----------
    people
        One half of the listeners against the other, shape (9, 9).
    model
        Label against the model's answer, shape (9, 9).
    name
        The model's name.
    """
    figure, axes = _figure(11.5, 5.4, columns=2)
    labels = [emotion.label for emotion in GEMS]
    for one, matrix, title, rows, columns in (
        (axes[0], people, "people", "half of the listeners name", "the other half name"),
        (axes[1], model, name, "people name", "the model names"),
    ):
        counts = np.asarray(matrix, dtype=np.float64)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        one.imshow(share, cmap="Greys", vmin=0, vmax=1)
        for row in range(len(EMOTIONS)):
            for column in range(len(EMOTIONS)):
                if share[row, column] >= 0.005:
                    one.text(
                        column,
                        row,
                        f"{100 * share[row, column]:.0f}",
                        ha="center",
                        va="center",
                        size=7,
                        color="white" if share[row, column] > 0.5 else INK,
                    )
        one.set_xticks(range(len(labels)), labels, rotation=45, ha="right", size=8)
        one.set_yticks(range(len(labels)), labels, size=8)
        one.set_title(f"{title} (per cent of each row)", fontsize=9)
        one.set_ylabel(rows)
        one.set_xlabel(columns)
    return figure


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """Return a figure of this size in inches and its axes."""
    figure = empty_figure(width, height, dpi=DOTS_PER_INCH)
    axes = figure.subplots(1, columns)
    for one in np.atleast_1d(axes):
        _tidy(one)
    return figure, axes


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)

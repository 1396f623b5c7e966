"""The results of a comparison as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from music_emotion.emotions import GEMS
from music_emotion.evaluation.analysis import Conclusions, ModelCalibration
from music_emotion.evaluation.cells import write_atomically
from music_emotion.evaluation.document import Row
from music_emotion.evaluation.results import ModelResult, Results
from music_emotion.report.canvas import empty_figure, png_bytes
from music_emotion.report.tables import PROTOCOL_TITLES, TARGET_TITLES, reported_accuracies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Pictures beside each other in a grid."""
PROTOCOL_COLOURS = {"segment": "#c9ced6", "track": "#7a9cc6", "artist": "#1d4e89"}
TRAINING_COLOUR, VALIDATION_COLOUR = "#7a9cc6", "#c1121f"


def write_pictures(out: Path, results: Results, conclusions: Conclusions) -> dict[str, str]:
    """Draw all pictures of a comparison into a folder.

    Returns
    -------
    dict
        File name by title.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    pictures: dict[str, tuple[str, Figure]] = {}
    for target in sorted({result.target for result in results.models}):
        rows = [result for result in results.models if result.target == target]
        title = f"Accuracy, {TARGET_TITLES[target]}"
        pictures[title] = (
            f"accuracy-{target}.png",
            accuracy_bars(rows, reported_accuracies(results)),
        )
    for protocol, target, rows_of_table in results.tables():
        stem, where = f"{protocol}-{target}", f"{protocol}, {TARGET_TITLES[target]}"
        pictures[f"Confusion matrices, {where}"] = (
            f"confusion-{stem}.png",
            confusion_matrices(rows_of_table),
        )
        trained = [row for row in rows_of_table if is_trained_in_epochs(row)]
        if trained:
            pictures[f"Training curves, {where}"] = (
                f"training-{stem}.png",
                training_curves(trained),
            )
        calibrations = [conclusions.calibration_of(row) for row in rows_of_table]
        pictures[f"Reliability, {where}"] = (
            f"reliability-{stem}.png",
            reliability_diagrams(calibrations),
        )
    for name, figure in pictures.values():
        write_atomically(out / name, png_bytes(figure))
    return {title: name for title, (name, _) in pictures.items()}


def accuracy_bars(rows: Sequence[ModelResult | Row], known: Mapping[str, float]) -> Figure:
    """Draw accuracies with their intervals, a group of bars per model, a bar per protocol.

    ``known`` are accuracies that others report under ``segment``, drawn as diamonds.
    """
    models = list(dict.fromkeys(row.model for row in rows))
    protocols = [p for p in PROTOCOL_COLOURS if any(row.protocol == p for row in rows)]
    figure = empty_figure(max(6.0, 1.2 * len(models) + 2), 4.5)
    axes = figure.subplots()
    width = 0.8 / len(protocols)
    for offset, protocol in enumerate(protocols):
        chosen = [row for row in rows if row.protocol == protocol]
        places = [models.index(row.model) - 0.4 + (offset + 0.5) * width for row in chosen]
        estimates = [row.headline["accuracy"] for row in chosen]
        values = [100 * one.value for one in estimates]
        errors = [
            [max(0.0, 100 * (one.value - one.low)) for one in estimates],
            [max(0.0, 100 * (one.high - one.value)) for one in estimates],
        ]
        axes.bar(
            places,
            values,
            width,
            yerr=errors,
            capsize=2,
            color=PROTOCOL_COLOURS[protocol],
            error_kw={"elinewidth": 0.9},
            label=PROTOCOL_TITLES[protocol],  # type: ignore[index]  # the same three names
        )
    shown = [model for model in models if model in known and "segment" in protocols]
    if shown:
        places = [models.index(model) - 0.4 + width / 2 for model in shown]
        reported = [100 * known[model] for model in shown]
        label = "reported by the reference study"
        axes.plot(places, reported, "D", color="#c1121f", markersize=5, label=label, zorder=5)
    axes.set_xticks(range(len(models)), [m.replace("_", "\n", 1) for m in models], fontsize=8)
    axes.set_ylabel("accuracy, per cent (95 % interval)")
    axes.set_ylim(0, 105)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=2, frameon=False)
    return figure


def confusion_matrices(rows: Sequence[ModelResult | Row]) -> Figure:
    """Draw a confusion matrix per model; each row sums to 100 per cent of that emotion's items."""
    figure, grid = _grid(len(rows), 4.0, 4.1)
    labels = [emotion.label for emotion in GEMS]
    for position, (axes, row) in enumerate(zip(grid, rows, strict=True)):
        support = row.confusion.sum(axis=1, keepdims=True)
        shares = 100 * row.confusion / np.maximum(support, 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (true, called), share in np.ndenumerate(shares):
            if support[true, 0] and share >= 0.5:
                colour = "white" if share > 55 else "black"
                axes.text(
                    called, true, f"{share:.0f}", ha="center", va="center", fontsize=6, color=colour
                )
        left = position % COLUMNS == 0
        axes.set_title(f"{row.model}: {100 * row.headline['accuracy'].value:.1f} %", fontsize=9)
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axes.set_yticks(range(len(labels)), labels if left else [], fontsize=7)
        axes.set_xlabel("called", fontsize=7)
        if left:
            axes.set_ylabel("felt by most listeners", fontsize=7)
    return figure


def training_curves(rows: Sequence[ModelResult | Row]) -> Figure:
    """Draw the loss over the epochs, a thin line per fold, the kept epoch as a dot."""
    figure, grid = _grid(len(rows), 3.4, 2.6)
    for axes, row in zip(grid, rows, strict=True):
        for record in row.records:
            for curve, colour in (
                ("train_loss", TRAINING_COLOUR),
                ("validation_loss", VALIDATION_COLOUR),
            ):
                values = record.history.get(curve, [])
                if not values:
                    continue
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, color=colour, linewidth=1, alpha=0.8)
                if curve == "validation_loss" and 0 <= record.best_epoch < len(values):
                    best = record.best_epoch
                    axes.plot(best + 1, values[best], "o", color=colour, markersize=3)
        axes.set_title(row.model, fontsize=9)
        axes.set_xlabel("epoch", fontsize=7)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("cross-entropy, nats", fontsize=7)
    grid[0].plot([], [], color=TRAINING_COLOUR, label="training")
    grid[0].plot([], [], color=VALIDATION_COLOUR, label="validation (inside training)")
    grid[0].legend(fontsize=6, frameon=False)
    return figure


def reliability_diagrams(calibrations: Sequence[ModelCalibration]) -> Figure:
    """Draw how often models are right by how sure they are, with the band of calibration."""
    figure, grid = _grid(len(calibrations), 2.8, 2.9)
    for axes, one in zip(grid, calibrations, strict=True):
        diagram = one.diagram
        filled = diagram.count > 0
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
        axes.fill_between(
            diagram.confidence[filled],
            one.bin_low[filled],
            one.bin_high[filled],
            color="#1d4e89",
            alpha=0.15,
            linewidth=0,
        )
        sizes = 8 + 120 * diagram.count[filled] / max(1, diagram.count.max())
        sure, right = diagram.confidence[filled], diagram.accuracy[filled]
        axes.plot(sure, right, color="#1d4e89", linewidth=1)
        axes.scatter(sure, right, s=sizes, color="#1d4e89", alpha=0.8)
        axes.set_title(f"{one.model}: {100 * one.error:.1f} %", fontsize=9)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence", fontsize=7)
        axes.tick_params(labelsize=7)
    grid[0].set_ylabel("share of right answers", fontsize=7)
    return figure


def is_trained_in_epochs(row: ModelResult | Row) -> bool:
    """Whether a model has curves that can be drawn."""
    return any("train_loss" in record.history for record in row.records)


def _grid(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` axes in rows of four."""
    columns = min(count, COLUMNS)
    lines = math.ceil(count / columns)
    figure = empty_figure(width * columns, height * lines)
    grid: list[Any] = np.ravel(figure.subplots(lines, columns, squeeze=False)).tolist()
    for unused in grid[count:]:
        unused.set_axis_off()
    return figure, grid[:count]

"""Pictures of a comparison, of its listeners and of the leak: PNG, SVG, and SVG within a page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.emotions import GEMS
from music_emotion.errors import MissingExtraError
from music_emotion.evaluation.agreement import PanelCurve, Worth
from music_emotion.evaluation.analysis import ModelCalibration
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.leakage import LeakCurve
from music_emotion.evaluation.results import ModelResult, in_tables
from music_emotion.evaluation.results_file import Document
from music_emotion.evaluation.scores import Estimate
from music_emotion.report.tables import (
    PROTOCOL_TITLES,
    TARGET_TITLES,
    reported_accuracies,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH, FINE, PAPER = 120, 150, 200
"""Dots per inch of pictures of results, of those of listeners and the leak, of those for papers."""

DEEP, MIDDLE, PALE, RED, INK = "#1d4e89", "#7a9cc6", "#c9ced6", "#c1121f", "#22223b"
FAINT, GREY = "#c9c9d4", "#999999"
PROTOCOL_COLOURS = {"segment": PALE, "track": MIDDLE, "artist": DEEP}
MARKS = {"segment": "s", "track": "o", "artist": "D"}
CLASSIFIER_COLOURS = {"nearest_neighbour": RED, "svm": "#4878a8"}
CLASSIFIER_NAMES = {"nearest_neighbour": "1-nearest-neighbour", "svm": "support vector machine"}
LABEL_NAMES = {"published": "people's labels", "shuffled": "labels dealt out at random"}
SERIES = (DEEP, RED, "#e6a700", "#3fa7a0", "#6a4c93")
THEMED = {
    "#000000": "currentColor",
    INK: "currentColor",
    DEEP: "var(--deep)",
    MIDDLE: "var(--middle)",
    PALE: "var(--pale)",
    RED: "var(--red)",
    "#6a4c93": "var(--violet)",
    "#b0b0b0": "var(--grid)",
    GREY: "var(--muted)",
}
"""Colours of the pictures as a page names them, so that it can be light or dark."""

GRID_COLUMNS = 4
"""Pictures beside each other in a grid."""
LINE_HEIGHT = 0.3
"""Inches per model."""
SPREAD = 0.2
"""Distance of two protocols of one model, in lines."""
SEGMENT_SHIFT = -SPREAD
"""Where the last of three protocols stands, which the reference study's figures belong to."""
PANEL_MODELS = 4
"""Models in the picture of the panels."""
SMALL_MARGINS = {"left": 0.16, "right": 0.97, "bottom": 0.16, "top": 0.9}
"""Of a small picture, as shares of its size."""


def empty_figure(width: float, height: float, *, dpi: float = DOTS_PER_INCH) -> Figure:
    """Return a figure of this size in inches that is drawn on no screen.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def check_drawing() -> None:
    """Raise :class:`MissingExtraError` where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  # only asked whether it is there
    except ImportError as error:
        raise MissingExtraError("drawing pictures", "plot") from error


def png_bytes(figure: Figure) -> bytes:
    """Return a picture as a PNG file without a date: the same figure is the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def write_pictures(out: Path, document: Document) -> dict[str, str]:
    """Draw all pictures of a comparison into a folder and return the file names by title.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    pictures: dict[str, tuple[str, Figure]] = {}
    for target in sorted({row.target for row in document.rows}):
        rows = [row for row in document.rows if row.target == target]
        bars = accuracy_bars(rows, reported_accuracies(document))
        pictures[f"Accuracy, {TARGET_TITLES[target]}"] = f"accuracy-{target}", bars
    for protocol, target, rows in in_tables(document.rows):
        for title, stem, figure in _pictures_of(rows, document):
            where = f"{protocol}, {TARGET_TITLES[target]}"
            pictures[f"{title}, {where}"] = f"{stem}-{protocol}-{target}", figure
    for stem, figure in pictures.values():
        write_output(out / f"{stem}.png", png_bytes(figure))
    return {title: f"{stem}.png" for title, (stem, _) in pictures.items()}


def _pictures_of(
    rows: Sequence[ModelResult], document: Document
) -> Iterator[tuple[str, str, Figure]]:
    """Yield title, stem of the file's name and figure of what each table of models is shown by."""
    yield "Confusion matrices", "confusion", confusion_matrices(rows)
    if trained := [row for row in rows if is_trained_in_epochs(row)]:
        yield "Training curves", "training", training_curves(trained)
    diagrams = reliability_diagrams([document.calibration_of(row) for row in rows])
    yield "Reliability", "reliability", diagrams


def accuracy_bars(rows: Sequence[ModelResult], known: Mapping[str, float]) -> Figure:
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
        values, errors = _accuracies(chosen)
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
        axes.plot(places, reported, "D", color=RED, markersize=5, label=label, zorder=5)
    axes.set_xticks(range(len(models)), [m.replace("_", "_\n", 1) for m in models], fontsize=8)
    axes.set_ylabel("accuracy, per cent (95 % interval)")
    axes.set_ylim(0, 105)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=2, frameon=False)
    return figure


def _accuracies(rows: Sequence[ModelResult]) -> tuple[list[float], list[list[float]]]:
    """Return accuracies in per cent, and how far their intervals reach below and above them."""
    estimates = [row.headline["accuracy"] for row in rows]
    return [100 * one.value for one in estimates], reach(estimates, scale=100.0)


def reach(estimates: Sequence[Estimate], *, scale: float = 1.0) -> list[list[float]]:
    """Return how far intervals reach below and above their values, 0 where they are not known."""

    def length(part: float) -> float:
        return max(0.0, scale * part) if math.isfinite(part) else 0.0

    below = [length(one.value - one.low) for one in estimates]
    return [below, [length(one.high - one.value) for one in estimates]]


def row_shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return each row of a confusion matrix as shares, 0–1; of an empty row zeros."""
    matrix: NDArray[np.float64] = np.asarray(counts, dtype=np.float64)
    shares: NDArray[np.float64] = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-12)
    return shares


def confusion_matrices(rows: Sequence[ModelResult]) -> Figure:
    """Draw a confusion matrix per model; each row sums to 100 per cent of that emotion's items."""
    figure, grid = _grid(len(rows), 4.0, 4.1)
    labels = [emotion.label for emotion in GEMS]
    for position, (axes, row) in enumerate(zip(grid, rows, strict=True)):
        shares = 100 * row_shares(row.confusion)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        _write_shares(axes, shares, size=6, dark="black", strong=55)
        left = position % GRID_COLUMNS == 0
        axes.set_title(f"{row.model}: {100 * row.headline['accuracy'].value:.1f} %", fontsize=9)
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axes.set_yticks(range(len(labels)), labels if left else [], fontsize=7)
        axes.set_xlabel("called", fontsize=7)
        if left:
            axes.set_ylabel("felt by most listeners", fontsize=7)
    return figure


def _write_shares(
    axes: Axes, shares: NDArray[np.float64], *, size: float, dark: str, strong: float
) -> None:
    """Write per cents into the cells of a matrix, in white where they are ``strong``."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.5:
            colour = "white" if share > strong else dark
            text = f"{share:.0f}"
            axes.text(column, row, text, ha="center", va="center", size=size, color=colour)


def training_curves(rows: Sequence[ModelResult]) -> Figure:
    """Draw the loss over the epochs, a thin line per fold, the kept epoch as a dot."""
    figure, grid = _grid(len(rows), 3.4, 2.6)
    for axes, row in zip(grid, rows, strict=True):
        for record in row.first_cells:
            for curve, colour in (("train_loss", MIDDLE), ("validation_loss", RED)):
                values = (record.history or {}).get(curve, [])
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
    grid[0].plot([], [], color=MIDDLE, label="training")
    grid[0].plot([], [], color=RED, label="validation (inside training)")
    grid[0].legend(fontsize=6, frameon=False)
    return figure


def reliability_diagrams(calibrations: Sequence[ModelCalibration]) -> Figure:
    """Draw how often models are right by how sure they are, with the band of calibration."""
    figure, grid = _grid(len(calibrations), 2.8, 2.9)
    for axes, one in zip(grid, calibrations, strict=True):
        diagram = one.diagram
        filled = diagram.count > 0
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        axes.fill_between(
            diagram.confidence[filled],
            one.bin_low[filled],
            one.bin_high[filled],
            color=DEEP,
            alpha=0.15,
            linewidth=0,
        )
        sizes = 8 + 120 * diagram.count[filled] / max(1, diagram.count.max())
        sure, right = diagram.confidence[filled], diagram.accuracy[filled]
        axes.plot(sure, right, color=DEEP, linewidth=1)
        axes.scatter(sure, right, s=sizes, color=DEEP, alpha=0.8)
        axes.set_title(f"{one.model}: {100 * one.error:.1f} %", fontsize=9)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence", fontsize=7)
        axes.tick_params(labelsize=7)
    grid[0].set_ylabel("share of right answers", fontsize=7)
    return figure


def is_trained_in_epochs(row: ModelResult) -> bool:
    """Whether a model has curves that can be drawn."""
    return any("train_loss" in (record.history or {}) for record in row.first_cells)


def _grid(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` axes in rows of four."""
    columns = min(count, GRID_COLUMNS)
    lines = math.ceil(count / columns)
    figure = empty_figure(width * columns, height * lines)
    grid: list[Any] = np.ravel(figure.subplots(lines, columns, squeeze=False)).tolist()
    for unused in grid[count:]:
        unused.set_axis_off()
    return figure, grid[:count]


def draw_leak(curve: LeakCurve) -> Figure:
    """Draw accuracy against the number of segments of the test track that were in training."""
    figure, axes = _figure(7.2, 4.4)
    place = np.arange(len(curve.neighbours))
    for line in curve.lines:
        colour = CLASSIFIER_COLOURS[line.classifier]
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
    """Draw what people confuse beside what a model of this name confuses, both of shape (9, 9).

    ``people`` is one half of the listeners against the other, ``model`` label against answer.
    """
    figure, axes = _figure(11.5, 5.4, columns=2)
    labels = [emotion.label for emotion in GEMS]
    for one, matrix, title, rows, columns in (
        (axes[0], people, "people", "half of the listeners name", "the other half name"),
        (axes[1], model, name, "people name", "the model names"),
    ):
        shares = 100 * row_shares(matrix)
        one.imshow(shares, cmap="Greys", vmin=0, vmax=100)
        _write_shares(one, shares, size=7, dark=INK, strong=50)
        one.set_xticks(range(len(labels)), labels, rotation=45, ha="right", size=8)
        one.set_yticks(range(len(labels)), labels, size=8)
        one.set_title(f"{title} (per cent of each row)", fontsize=9)
        one.set_ylabel(rows)
        one.set_xlabel(columns)
    return figure


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """Return a figure of this size in inches and its axes."""
    figure = empty_figure(width, height, dpi=FINE)
    axes = figure.subplots(1, columns)
    for one in np.atleast_1d(axes):
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=8)
        one.xaxis.label.set_fontsize(9)
        one.yaxis.label.set_fontsize(9)
    return figure, axes


def paper_pictures(document: Document) -> Iterator[tuple[str, Figure]]:
    """Yield a name and a figure for every picture of a comparison."""
    if document.rows:
        yield "accuracy", accuracy_intervals(document)
    if (panels := listener_panels(document)) is not None:
        yield "panels", panels
    for protocol, target, rows in document.tables():
        where = f"{protocol}-{target}"
        if (r := correlation_dots(rows, document)) is not None:
            yield f"r-{where}", r
        for _, stem, figure in _pictures_of(rows, document):
            yield f"{stem}-{where}", figure


def write_paper_pictures(folder: Path, document: Document) -> list[Path]:
    """Write every picture as ``NAME.png`` and ``NAME.svg`` and return the files."""
    return [
        path
        for name, figure in paper_pictures(document)
        for path in write_paper_picture(folder, name, figure)
    ]


def write_paper_picture(folder: Path, name: str, figure: Figure) -> list[Path]:
    """Write a picture as ``NAME.png`` and ``NAME.svg`` and return the files."""
    paths = []
    for kind in ("png", "svg"):
        path = folder / f"{name}.{kind}"
        write_output(path, _saved(figure, kind, name))
        paths.append(path)
    return paths


def accuracy_intervals(document: Document) -> Figure:
    """Draw every model's accuracy under every protocol, with intervals and ceilings."""
    protocols = [p for p in reversed(PROTOCOLS) if any(r.protocol == p for r in document.rows)]
    best = {p: {r.title: r for r in document.rows if r.protocol == p} for p in protocols}
    names = list(dict.fromkeys(row.title for row in document.rows))

    def accuracies(name: str) -> list[float]:
        found = (best[protocol].get(name) for protocol in protocols)
        return [row.headline["accuracy"].value if row else -1.0 for row in found]

    names.sort(key=accuracies)
    figure = empty_figure(6.4, 1.5 + LINE_HEIGHT * len(names))
    axes = figure.subplots()
    for number, protocol in enumerate(protocols):
        shift = SPREAD * ((len(protocols) - 1) / 2 - number)
        rows = [(y, best[protocol][name]) for y, name in enumerate(names) if name in best[protocol]]
        values, errors = _accuracies([row for _, row in rows])
        axes.errorbar(
            values,
            [y + shift for y, _ in rows],
            xerr=errors,
            fmt=MARKS[protocol],
            markersize=4.5,
            elinewidth=1.2,
            color=PROTOCOL_COLOURS[protocol],
            label=protocol,
        )
    known = reported_accuracies(document)
    if known and "segment" in protocols:
        shown = [name for name in names if name in known]
        places = [names.index(name) + SEGMENT_SHIFT for name in shown]
        values, label = [100 * known[name] for name in shown], "reported (as segment)"
        axes.plot(values, places, "x", color=RED, markersize=6, label=label, zorder=5)
    if document.ceilings is not None:
        for value, text in (
            (document.ceilings.half_agreement, "two halves of\nthe listeners"),
            (document.ceilings.oracle_accuracy, "an oracle of\nthe votes"),
        ):
            axes.axvline(100 * value, color=GREY, linewidth=0.9, linestyle="--", zorder=0)
            axes.text(100 * value, len(names) - 0.35, text, ha="center", va="bottom", size=7)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, 100)
    dress(figure, axes, "accuracy, per cent (95 % interval)")
    return figure


def dress(figure: Figure, axes: Any, label: str) -> None:
    """Give a picture with one row per name its label, grid and legend."""
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, loc="outside lower center", ncols=4, frameon=False)


def correlation_dots(rows: Sequence[ModelResult], document: Document) -> Figure | None:
    """Draw r per emotion: every model a dot, the best by mean r named, the ceiling a line.

    Returns ``None`` where no votes are known.
    """
    known = [row for row in rows if "mean_pearson_r" in row.headline]
    known.sort(key=lambda row: -row.headline["mean_pearson_r"].value)
    if not any(key.startswith("pearson_r_") for row in known for key in row.per_emotion):
        return None
    figure = empty_figure(6.4, 0.9 + 0.34 * len(GEMS))
    axes = figure.subplots()
    height = len(GEMS) - 1
    for place, emotion in enumerate(GEMS):
        y = height - place
        key = f"pearson_r_{emotion.name}"
        if document.ceilings is not None:
            highest = document.ceilings.r[place]
            axes.plot([highest] * 2, [y - 0.38, y + 0.38], color=INK, linewidth=2.2)
        for number, row in reversed(list(enumerate(known))):
            if key in row.per_emotion:
                named = number < len(SERIES)
                colour = SERIES[number] if named else PALE
                axes.plot(row.per_emotion[key].value, y, "o", color=colour, markersize=5)
    for number, row in enumerate(known[: len(SERIES)]):
        axes.plot([], [], "o", color=SERIES[number], markersize=5, label=row.model)
    if len(known) > len(SERIES):
        axes.plot([], [], "o", color=PALE, markersize=5, label="other models")
    if document.ceilings is not None:
        axes.plot([], [], "|", color=INK, markersize=9, markeredgewidth=2.2, label="ceiling")
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(GEMS)), [e.label for e in reversed(GEMS)], fontsize=8)
    axes.set_xlim(min(-0.2, axes.get_xlim()[0]), 1)
    dress(figure, axes, "Pearson's r with the listeners' votes, over tracks")
    return figure


def listener_panels(document: Document) -> Figure | None:
    """Draw how well panels of listeners predict others, beside the models that are worth most.

    They are those of the highest r, under the most honest protocol where any worth is known.
    """
    if document.panels is None:
        return None
    known = [(row, row.worth) for row in document.rows if row.worth is not None]
    honest = max((PROTOCOLS.index(row.protocol) for row, _ in known), default=0)
    known = [one for one in known if PROTOCOLS.index(one[0].protocol) == honest]
    known.sort(key=lambda one: -one[1].mean_r)
    return draw_panels(document.panels, {row.title: worth for row, worth in known[:PANEL_MODELS]})


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an SVG element for a page, in the page's own colours and font.

    Every identifier inside starts with ``name``, which is unique on the page; a reader who cannot
    see the figure is told the ``description``.
    """
    kind = "wide" if figure.get_figwidth() > 5 else "small"
    if kind == "small":  # all alike, and laid out by hand in a third of the time
        figure.set_layout_engine(None)
        figure.subplots_adjust(**SMALL_MARGINS)
    text = _saved(figure, "svg", name).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<\?.*?\?>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?)\swidth="[\d.]+pt"', rf'\1 class="{kind}"', text, count=1)
    text = re.sub(r'(<svg[^>]*?)\sheight="[\d.]+pt"', r"\1", text, count=1)
    text = re.sub(r'\sversion="1.1"', "", text, count=1)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for colour, themed in THEMED.items():
        text = text.replace(colour, themed)
    said = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg", f'<svg role="img" aria-label="{said}"', 1).strip()


def _saved(figure: Figure, kind: str, salt: str) -> bytes:
    """Return a figure as a file; the same figure is the same file."""
    import matplotlib as mpl

    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[kind]
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(
            buffer,
            format=kind,
            dpi=PAPER,
            metadata=metadata,
            transparent=kind == "svg",
            facecolor="none" if kind == "svg" else "white",
        )
    return buffer.getvalue()

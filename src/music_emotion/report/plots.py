"""The pictures of a comparison: as PNG and SVG for papers, as inline SVG for a page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from music_emotion.emotions import GEMS
from music_emotion.evaluation.agreement import Worth
from music_emotion.evaluation.cells import write_atomically
from music_emotion.evaluation.document import Document, Row
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.report.canvas import empty_figure
from music_emotion.report.figures import (
    PROTOCOL_COLOURS,
    confusion_matrices,
    is_trained_in_epochs,
    reliability_diagrams,
    training_curves,
)
from music_emotion.report.result_tables import row_name
from music_emotion.report.science import draw_panels
from music_emotion.report.tables import REFERENCE_DATA, REPORTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 200
LINE_HEIGHT = 0.3
"""Inches per model."""
SPREAD = 0.2
"""Distance of two protocols of one model, in lines."""
SEGMENT_SHIFT = -SPREAD
"""Where the last of three protocols stands, which the reference study's figures belong to."""
MARKS = {"segment": "s", "track": "o", "artist": "D"}
SERIES = ("#1d4e89", "#c1121f", "#e6a700", "#3fa7a0", "#6a4c93")
PANEL_MODELS = 4
"""Models in the picture of the panels."""

SMALL_MARGINS = {"left": 0.16, "right": 0.97, "bottom": 0.16, "top": 0.9}
"""Of a small picture, as shares of its size."""

THEMED = {
    "#000000": "currentColor",
    "#22223b": "currentColor",
    "#1d4e89": "var(--deep)",
    "#7a9cc6": "var(--middle)",
    "#c9ced6": "var(--pale)",
    "#c1121f": "var(--red)",
    "#6a4c93": "var(--violet)",
    "#b0b0b0": "var(--grid)",
    "#999999": "var(--muted)",
}
"""Colours of the pictures as a page names them, so that it can be light or dark."""


def paper_pictures(document: Document) -> Iterator[tuple[str, Figure]]:
    """Yield a name and a figure for every picture of a comparison."""
    yield "accuracy", accuracy_intervals(document)
    if (panels := listener_panels(document)) is not None:
        yield "panels", panels
    for protocol, target, rows in document.tables():
        where = f"{protocol}-{target}"
        if (r := correlation_dots(rows, document)) is not None:
            yield f"r-{where}", r
        yield f"confusion-{where}", confusion_matrices(rows)
        yield f"reliability-{where}", reliability_diagrams([row.calibration for row in rows])
        trained = [row for row in rows if is_trained_in_epochs(row)]
        if trained:
            yield f"training-{where}", training_curves(trained)


def write_paper_pictures(folder: Path, document: Document) -> list[Path]:
    """Write every picture as ``NAME.png`` and ``NAME.svg`` and return the files."""
    paths = []
    for name, figure in paper_pictures(document):
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            write_atomically(path, _saved(figure, kind, name))
            paths.append(path)
    return paths


def accuracy_intervals(document: Document) -> Figure:
    """Draw every model's accuracy under every protocol, with intervals and ceilings."""
    protocols = [p for p in reversed(PROTOCOLS) if any(r.protocol == p for r in document.rows)]
    best = {p: {row_name(r): r for r in document.rows if r.protocol == p} for p in protocols}
    names = list(dict.fromkeys(row_name(row) for row in document.rows))
    names.sort(key=lambda name: [_accuracy(best[p].get(name)) for p in protocols])
    figure = empty_figure(6.4, 1.5 + LINE_HEIGHT * len(names))
    axes = figure.subplots()
    for number, protocol in enumerate(protocols):
        shift = SPREAD * ((len(protocols) - 1) / 2 - number)
        rows = [(y, best[protocol][name]) for y, name in enumerate(names) if name in best[protocol]]
        estimates = [row.headline["accuracy"] for _, row in rows]
        values = [100 * one.value for one in estimates]
        below = [max(0.0, 100 * (one.value - one.low)) for one in estimates]
        above = [max(0.0, 100 * (one.high - one.value)) for one in estimates]
        axes.errorbar(
            values,
            [y + shift for y, _ in rows],
            xerr=[below, above],
            fmt=MARKS[protocol],
            markersize=4.5,
            elinewidth=1.2,
            color=PROTOCOL_COLOURS[protocol],
            label=protocol,
        )
    _known(axes, document, names)
    if document.ceilings is not None:
        for value, text in (
            (document.ceilings.half_agreement, "two halves of\nthe listeners"),
            (document.ceilings.oracle_accuracy, "an oracle of\nthe votes"),
        ):
            axes.axvline(100 * value, color="#999999", linewidth=0.9, linestyle="--", zorder=0)
            axes.text(100 * value, len(names) - 0.35, text, ha="center", va="bottom", size=7)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, 100)
    _dress(figure, axes, "accuracy, per cent (95 % interval)")
    return figure


def _dress(figure: Figure, axes: Any, label: str) -> None:
    """Give a picture with one row per name its label, grid and legend."""
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, loc="outside lower center", ncols=4, frameon=False)


def _known(axes: Any, document: Document, names: Sequence[str]) -> None:
    """Mark what the reference study reports, on its data."""
    shown = [name for name in names if name in REPORTED]
    if document.name != REFERENCE_DATA or not any(r.protocol == "segment" for r in document.rows):
        return
    values = [100 * REPORTED[name] for name in shown]
    places = [names.index(name) + SEGMENT_SHIFT for name in shown]
    label = "reported (as segment)"
    axes.plot(values, places, "x", color="#c1121f", markersize=6, label=label, zorder=5)


def correlation_dots(rows: Sequence[Row], document: Document) -> Figure | None:
    """Draw r per emotion: every model a dot, the best by mean r named, the ceiling a line.

    Returns ``None`` where no votes are known.
    """
    known = [row for row in rows if "mean_pearson_r" in row.headline and _has_r(row)]
    if not known:
        return None
    known.sort(key=lambda row: -row.headline["mean_pearson_r"].value)
    figure = empty_figure(6.4, 0.9 + 0.34 * len(GEMS))
    axes = figure.subplots()
    height = len(GEMS) - 1
    for place, emotion in enumerate(GEMS):
        y = height - place
        key = f"pearson_r_{emotion.name}"
        if document.ceilings is not None:
            highest = document.ceilings.r[place]
            axes.plot([highest] * 2, [y - 0.38, y + 0.38], color="#22223b", linewidth=2.2)
        for number, row in reversed(list(enumerate(known))):
            if key in row.per_emotion:
                named = number < len(SERIES)
                colour = SERIES[number] if named else "#c9ced6"
                axes.plot(row.per_emotion[key].value, y, "o", color=colour, markersize=5)
    for number, row in enumerate(known[: len(SERIES)]):
        axes.plot([], [], "o", color=SERIES[number], markersize=5, label=row.model)
    if len(known) > len(SERIES):
        axes.plot([], [], "o", color="#c9ced6", markersize=5, label="other models")
    if document.ceilings is not None:
        axes.plot([], [], "|", color="#22223b", markersize=9, markeredgewidth=2.2, label="ceiling")
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set_yticks(range(len(GEMS)), [e.label for e in reversed(GEMS)], fontsize=8)
    axes.set_xlim(min(-0.2, axes.get_xlim()[0]), 1)
    _dress(figure, axes, "Pearson's r with the listeners' votes, over tracks")
    return figure


def listener_panels(document: Document) -> Figure | None:
    """Draw how well panels of listeners predict others, and the best models among them."""
    if document.panels is None:
        return None
    return draw_panels(document.panels, _panel_models(document))


def _panel_models(document: Document) -> Mapping[str, Worth]:
    """Return the models that are worth most by r, under the most honest protocol that was run."""
    for _, _, first in document.tables():
        honest = [row for row in document.rows if row.protocol == first[0].protocol and row.worth]
        honest.sort(key=lambda row: -(row.worth.mean_r if row.worth else 0))
        if honest:
            return {row_name(r): r.worth for r in honest[:PANEL_MODELS] if r.worth is not None}
    return {}


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an SVG element for a page, in the page's own colours and font.

    Parameters
    ----------
    figure
        The picture.
    name
        Unique on the page; every identifier inside starts with it.
    description
        What a reader who cannot see it is told.
    """
    if _kind(figure) == "small":  # all alike, and laid out by hand in a third of the time
        figure.set_layout_engine(None)
        figure.subplots_adjust(**SMALL_MARGINS)
    text = _saved(figure, "svg", name).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<\?.*?\?>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?)\swidth="[\d.]+pt"', rf'\1 class="{_kind(figure)}"', text, count=1)
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


def _kind(figure: Figure) -> str:
    return "wide" if figure.get_figwidth() > 5 else "small"


def _saved(figure: Figure, kind: str, salt: str) -> bytes:
    """Return a figure as a file; the same figure is the same file."""
    import matplotlib as mpl

    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[kind]
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(
            buffer,
            format=kind,
            dpi=DOTS_PER_INCH,
            metadata=metadata,
            transparent=kind == "svg",
            facecolor="none" if kind == "svg" else "white",
        )
    return buffer.getvalue()


def _accuracy(row: Row | None) -> float:
    return -1.0 if row is None else row.headline["accuracy"].value


def _has_r(row: Row) -> bool:
    return any(name.startswith("pearson_r_") for name in row.per_emotion)

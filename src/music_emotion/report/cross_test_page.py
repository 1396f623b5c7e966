"""A cross-test as one HTML file that needs nothing else, its picture, and its tables for files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from music_emotion import __version__
from music_emotion.atomic import write_output
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.metrics import METRICS, RATING_METRICS, Metric
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import read_json
from music_emotion.report import plots
from music_emotion.report.cross_test import (
    AREA,
    FIGURES,
    HITS,
    OVER_TIME_MEANING,
    QUADRANTS_MEANING,
    Compared,
    CrossTest,
)
from music_emotion.report.page import template_environment
from music_emotion.report.ratings import agreement_line, ceiling_cells
from music_emotion.report.sound_properties import MEANINGS
from music_emotion.report.tables import (
    NOTHING,
    Cell,
    Column,
    Table,
    build_table,
    number,
    share,
    write_latex,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "agreement"


def read_cross_test(folder: Path) -> CrossTest | None:
    """Return the cross-test that a folder holds, ``None`` where it holds none.

    Raises
    ------
    EvaluationError
        If its file is damaged.
    """
    return read_json(CrossTest, folder / FIGURES, EvaluationError, "music-emotion cross-test")


def write_cross_test_page(path: Path, found: CrossTest) -> None:
    """Write a cross-test as one HTML file.

    Raises
    ------
    MissingExtraError
        If Jinja or matplotlib is not installed.
    WriteError
        If the file cannot be written.
    """
    picture = ""
    if found.rows:
        said = (
            "Spearman's rho of the model and of properties of the sound with the raters on each "
            "scale, with 95 % intervals; the same figures are in the tables."
        )
        picture = plots.inline_svg(draw_agreement(found), PICTURE, said)
    page = (
        template_environment()
        .get_template("cross_test.html")
        .render(
            found=found,
            version=__version__,
            picture=picture,
            scales=list(scale_tables(found)),
            quadrants=quadrant_table(found),
            quadrants_meaning=QUADRANTS_MEANING,
            labels=label_table(found),
            raters=[agreement_line(one) for one in found.ceilings],
            meanings=MEANINGS,
            over_time=OVER_TIME_MEANING if found.follows else "",
        )
    )
    write_output(path, page.encode())


def write_cross_test_files(
    found: CrossTest, *, figures: Path | None = None, latex: Path | None = None
) -> list[str]:
    """Write picture and tables into folders that are there; return a line for each."""
    lines = []
    if figures is not None:
        if found.rows:
            plots.write_paper_picture(figures, PICTURE, draw_agreement(found))
        lines.append(f"{1 if found.rows else 0} picture written to {figures}")
    if latex is not None:
        tables = [*scale_tables(found), *filter(None, (quadrant_table(found), label_table(found)))]
        lines.append(f"{len(write_latex(latex, tables))} tables written to {latex}")
    return lines


def scale_tables(found: CrossTest) -> Iterator[Table]:
    """Yield the table of each scale, the model first."""
    for scale in dict.fromkeys(row.scale for row in found.rows):
        rows = [row for row in found.rows if row.scale == scale]
        columns = [
            Column("predictor"),
            *(Column(m.title, m.meaning, 1 if m.higher_is_better else -1) for m in RATING_METRICS),
        ]
        names = [metric.name for metric in RATING_METRICS]
        if any(AREA in row.figures for row in rows):
            meaning = "chance that a track that has it is given more than one that has not"
            columns.append(Column("AUC", meaning, 1))
            names.append(AREA)
        body = [(_name(row), *(_shown(row.figures.get(name)) for name in names)) for row in rows]
        foot = [ceiling_cells(one) for one in found.ceilings if one.scale == scale]
        name = "-".join(scale.split())  # of a file
        yield build_table(name, f"{scale}, with 95 % intervals", columns, body, foot)


def quadrant_table(found: CrossTest) -> Table | None:
    """Return how often each names the raters' quadrant, ``None`` where they name none."""
    if not found.quadrants:
        return None
    columns = [Column("predictor"), Column("right", "share of the tracks", 1)]
    body = [(_name(row), share(row.figures[HITS])) for row in found.quadrants]
    return build_table("quadrants", "Quadrants, per cent", columns, body)


def label_table(found: CrossTest) -> Table | None:
    """Return the metrics of labels, ``None`` where there are no labels."""
    labels = found.labels
    if labels is None:
        return None
    known: Sequence[Metric] = [metric for metric in METRICS if metric.name in labels]
    columns = [Column("metric"), Column("the model"), Column("meaning")]
    body = [
        (
            Cell(metric.title),
            share(labels[metric.name]) if metric.is_share else number(labels[metric.name]),
            Cell(metric.meaning),
        )
        for metric in known
    ]
    return build_table("labels", "Labels, with 95 % intervals", columns, body)


def draw_agreement(found: CrossTest) -> Figure:
    """Draw rho of the model and of each property on every scale, with intervals and ceilings."""
    scales = list(dict.fromkeys(row.scale for row in found.rows))
    names = list(dict.fromkeys(row.name for row in found.rows))
    ceilings = {one.scale: one.r for one in found.ceilings}
    figure = plots.empty_figure(6.4, 1.1 + 0.16 * len(names) * len(scales))
    axes = figure.subplots()
    step = 0.8 / len(names)
    for place, name in enumerate(names):
        rows = [row for row in found.rows if row.name == name]
        rho = [row.figures["spearman_rho"] for row in rows]
        heights = [-scales.index(row.scale) + 0.4 - (place + 0.5) * step for row in rows]
        colour = plots.DEEP if rows[0].is_model else plots.SERIES[place % len(plots.SERIES)]
        axes.errorbar(
            [one.value for one in rho],
            heights,
            xerr=plots.reach(rho),
            fmt="D" if rows[0].is_model else "o",
            markersize=4.5,
            elinewidth=1.2,
            color=colour,
            label=name,
        )
    for scale, r in ceilings.items():
        height = -scales.index(scale)
        axes.plot([r, r], [height - 0.4, height + 0.4], color=plots.GREY, linestyle="--")
    axes.axvline(0.0, color=plots.GREY, linewidth=0.8)
    axes.set_yticks([-n for n in range(len(scales))], scales, fontsize=8)
    axes.set_xlim(-1.0, 1.0)
    plots.dress(figure, axes, "rho with the raters (95 % interval)")
    return figure


def _name(row: Compared) -> Cell:
    return Cell(row.name if row.is_model else f"{row.name} alone", order=row.name)


def _shown(estimate: Estimate | None) -> Cell:
    return Cell(NOTHING) if estimate is None else number(estimate, 2)

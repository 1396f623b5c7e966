"""The tables of models that learned ratings: a table for each protocol and scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from music_emotion.evaluation.agreement import RatingCeiling, worth_in_raters
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.metrics import RATING_METRICS
from music_emotion.evaluation.rating_results import RatingFigures
from music_emotion.evaluation.scores import Estimate
from music_emotion.report.tables import (
    NOTHING,
    Cell,
    Column,
    Table,
    build_table,
    duration,
    number,
)

MEANING = (
    "Each model predicts the mean rating of tracks that are new to it, on every scale at once. r "
    "and rho say whether it puts the tracks in the raters' order, CCC, RMSE and R² also whether it "
    "says as much as they do. The ceiling is what a perfect predictor of everybody's mean would "
    "reach against the mean of these raters, by how far they scatter. Worth says how many raters "
    "agree with that mean as the model does, by r."
)

OVER_TIME = (
    "Each model predicts what raters say of every 3 s of tracks that are new to it. Figures are of "
    "what differs from a track's own mean, within each track, and then the mean over tracks: "
    "whether the model follows the course, not which track is higher."
)


def rating_tables(figures: RatingFigures) -> Iterator[Table]:
    """Yield the table of each scale under each protocol, the most honest protocol first."""
    for protocol in reversed(PROTOCOLS):
        for over_time in (False, True):
            if figures.under(protocol, over_time=over_time):
                for scale in figures.scales:
                    yield rating_table(figures, protocol, scale, over_time=over_time)


def rating_table(
    figures: RatingFigures, protocol: Protocol, scale: str, *, over_time: bool = False
) -> Table:
    """Return every metric of one scale, the model of the highest rho first."""
    rows = sorted(
        figures.under(protocol, over_time=over_time),
        key=lambda row: -row.scores[scale]["spearman_rho"].value,
    )
    ceiling = figures.ceiling_of(scale, over_time=over_time)
    columns = [
        Column("model"),
        *(Column(m.title, m.meaning, 1 if m.higher_is_better else -1) for m in RATING_METRICS),
        *([] if ceiling is None else [Column("worth", "in raters, by r", 1)]),
        Column("training", "time of all folds together"),
    ]
    body = [
        (
            Cell(row.model, order=row.model, is_model=True),
            *(number(row.scores[scale][metric.name]) for metric in RATING_METRICS),
            *([] if ceiling is None else [_worth(row.scores[scale]["pearson_r"], ceiling)]),
            Cell(duration(row.seconds), order=row.seconds),
        )
        for row in rows
    ]
    foot = [] if ceiling is None else [ceiling_cells(ceiling)]
    when = " over time, within tracks" if over_time else ""
    caption = f"{scale}{_ends(figures.scales[scale])}{when}, {protocol}, with 95 % intervals"
    name = "ratings-over-time" if over_time else "ratings"
    return build_table(f"{name}-{protocol}-{scale}", caption, columns, body, foot)


def _worth(r: Estimate, ceiling: RatingCeiling) -> Cell:
    """Return how many raters agree as well, with its interval; more than there are is a bound."""
    most = ceiling.raters

    def text(value: float) -> str:
        size = worth_in_raters(value, ceiling)
        if math.isnan(size):
            return NOTHING
        return f"> {most:.0f}" if size > most else f"{size:.1f}"

    return Cell(
        text(r.value), f"{text(r.low)} to {text(r.high)}", order=r.value if r.value > 0 else 0.0
    )


def agreement_line(ceiling: RatingCeiling) -> str:
    """Return how far raters agree on a scale, as one sentence."""
    people = f" with about {ceiling.raters:.0f} raters each" if ceiling.raters > 0 else ""
    return (
        f"{ceiling.scale}: {ceiling.tracks} tracks{people}; "
        f"the reliability of their mean is {ceiling.reliability:.2f}, of one rater "
        f"{ceiling.reliability_of_one:.2f}, and two halves of the raters are to be expected to "
        f"correlate by {ceiling.halves:.2f}."
    )


def rating_lines(figures: RatingFigures) -> list[str]:
    """Return rho of every model as lines for the terminal, an empty line before each protocol."""
    lines = []
    for protocol, over_time in product(PROTOCOLS, (False, True)):
        rows = figures.under(protocol, over_time=over_time)
        if rows:
            when = " over time, within tracks" if over_time else ""
            lines += ["", f"rho under {protocol}, trained on ratings{when} (95 % interval):"]
        width = max((len(row.model) for row in rows), default=0)
        for row in rows:
            said = (f"{s} {number(row.scores[s]['spearman_rho'], 2)}" for s in figures.scales)
            lines.append(f"  {row.model:<{width}}  {'  '.join(said)}")
    return lines


def ceiling_cells(ceiling: RatingCeiling) -> tuple[Cell, ...]:
    """Return the row of a table that says what the raters' scatter leaves possible."""
    values = {
        "pearson_r": ceiling.r,
        "ccc": ceiling.ccc,
        "rmse": ceiling.rmse,
        "r2": ceiling.r2,
    }
    cells = (
        Cell(f"{values[metric.name]:.3f}" if metric.name in values else "")
        for metric in RATING_METRICS
    )
    return Cell("ceiling that the raters' scatter sets"), *cells


def _ends(scale: tuple[float, float]) -> str:
    low, high = scale
    return f" ({low:g} to {high:g})" if math.isfinite(low) and math.isfinite(high) else ""

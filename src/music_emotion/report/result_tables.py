"""The tables of a comparison as data, to be shown as HTML or LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.agreement import PanelSize
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.metrics import BY_NAME, METRICS
from music_emotion.evaluation.results import ModelResult
from music_emotion.evaluation.results_file import Document
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import PairedTest, shown_p
from music_emotion.models.base import Target
from music_emotion.report.tables import (
    REFERENCE_DATA,
    REPORTED,
    as_written,
    duration,
    percent,
    signed,
)

PER_CENT = 100.0
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table.

    Attributes
    ----------
    text
        The value.
    interval
        Its interval as text, or what else is to be said more quietly; may be empty.
    order
        What the column is sorted by; ``None`` goes last.
    is_best
        Whether no other row of the column does better.
    """

    text: str
    interval: str = ""
    order: float | str | None = None
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, a sentence on what it means, and which end of it is good.

    ``better`` is 1 where higher is better, -1 where lower is, 0 where neither.
    """

    title: str
    meaning: str = ""
    better: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the rows.

    Attributes
    ----------
    name
        Short name for files and links.
    caption
        What the table says, with the unit.
    columns, rows
        Its content; every row has a cell per column.
    foot
        Rows that are not sorted with the others: ceilings, what a constant scores.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[tuple[Cell, ...], ...] = ()


def row_name(row: ModelResult) -> str:
    """Return a model's name with what it was trained on where that is not the label."""
    return row.title


def place(protocol: Protocol, target: Target) -> str:
    """Return a protocol and target in a few words."""
    return f"{protocol}, trained on {'the label' if target == 'label' else 'votes'}"


def overview(document: Document) -> Table:
    """Return the accuracy of every model under every protocol, the best honest one first."""
    protocols = [p for p in reversed(PROTOCOLS) if any(r.protocol == p for r in document.rows)]
    known = REPORTED if document.data.name == REFERENCE_DATA and "segment" in protocols else {}
    columns = [Column("model"), *(Column(p, PROTOCOL_NOTES[p], 1) for p in protocols)]
    if known:
        columns.append(Column("reported", "by the reference study, measured as segment does"))
    body = []
    for target, model in dict.fromkeys((row.target, row.model) for row in document.rows):
        found = {
            row.protocol: row for row in document.rows if (row.target, row.model) == (target, model)
        }
        cells = [_model(next(iter(found.values())))]
        for protocol in protocols:
            one = found.get(protocol)
            cells.append(Cell("") if one is None else _share(one.headline["accuracy"]))
        if known:
            reported = known.get(model) if target == "label" else None
            cells.append(
                Cell("") if reported is None else Cell(percent(reported), order=100 * reported)
            )
        body.append(tuple(cells))
    body.sort(key=lambda cells: [-_rank(cell) for cell in cells[1 : 1 + len(protocols)]])
    return _best_marked(
        Table(
            "accuracy",
            "Accuracy in per cent with 95 % intervals",
            tuple(columns),
            tuple(body),
            tuple(_accuracy_ceilings(document, protocols, len(columns))),
        )
    )


PROTOCOL_NOTES: dict[Protocol, str] = {
    "artist": "artists kept whole: music that is new to the model",
    "track": "tracks kept whole: the artist may be known",
    "segment": "segments dealt out at random: pieces of the test track are in training",
}


def _accuracy_ceilings(
    document: Document, protocols: Sequence[Protocol], width: int
) -> Iterator[tuple[Cell, ...]]:
    """Yield what people's disagreement leaves possible, beside the protocols that score tracks."""
    if document.ceilings is None or all(protocol == "segment" for protocol in protocols):
        return
    for title, value in (
        ("ceiling: an oracle of the true vote probabilities", document.ceilings.oracle_accuracy),
        ("two halves of a track's listeners agree", document.ceilings.half_agreement),
    ):
        cells = [Cell("" if p == "segment" else percent(value)) for p in protocols]
        yield _padded([Cell(title), *cells], width)


def scores(rows: Sequence[ModelResult], document: Document) -> Table:
    """Return every metric of the models under one protocol, in the order of ``rows``."""
    first = rows[0]
    shown = [
        metric
        for metric in METRICS
        if metric.has_column and any(metric.name in row.headline for row in rows)
    ]
    columns = [Column("model")]
    for metric in shown:
        columns.append(Column(metric.title, metric.meaning, 1 if metric.higher_is_better else -1))
    columns.append(Column("training", "time of all folds together", 0))
    body = []
    for row in rows:
        cells = [_model(row)]
        for metric in shown:
            estimate = row.headline.get(metric.name)
            factor = PER_CENT if metric.is_share else 1.0
            cells.append(Cell("") if estimate is None else _estimate(estimate, factor))
        cells.append(Cell(duration(row.seconds), order=row.seconds))
        body.append(tuple(cells))
    foot = list(_score_ceilings(document, first, [metric.name for metric in shown], len(columns)))
    return _best_marked(
        Table(
            f"scores-{first.protocol}-{first.target}",
            f"Every metric, {place(first.protocol, first.target)}, with 95 % intervals",
            tuple(columns),
            tuple(body),
            tuple(foot),
        )
    )


def _score_ceilings(
    document: Document, row: ModelResult, metrics: Sequence[str], width: int
) -> Iterator[tuple[Cell, ...]]:
    constant = document.calibration_of(row).constant
    values = {"log_loss": f"{constant.log_loss:.3f}", "brier": f"{constant.brier:.3f}"}
    cells = [Cell(values.get(metric, "")) for metric in metrics]
    yield _padded([Cell("the class frequencies for every item"), *cells], width)
    if document.ceilings is not None and row.protocol != "segment":
        values = {
            "accuracy": percent(document.ceilings.oracle_accuracy),
            "mean_pearson_r": f"{document.ceilings.mean_r:.3f}",
        }
        cells = [Cell(values.get(metric, "")) for metric in metrics]
        yield _padded([Cell("ceiling that the listeners' disagreement sets"), *cells], width)


def worth(document: Document) -> Table | None:
    """Return what the models are worth in listeners; ``None`` where that is not known."""
    rows = [row for row in document.rows if row.worth is not None and row.protocol != "segment"]
    rows.sort(key=lambda row: -(row.worth.by_r.value if row.worth else 0))
    if not rows:
        return None
    body = []
    for row in rows:
        assert row.worth is not None  # filtered above
        found = row.worth
        body.append(
            (
                _model(row),
                Cell(row.protocol, order=row.protocol),
                _panel(found.by_r),
                Cell(f"{found.mean_r:.3f}", order=found.mean_r),
                _panel(found.by_accuracy),
                Cell(percent(found.accuracy), order=found.accuracy),
            )
        )
    columns = (
        Column("model"),
        Column("protocol"),
        Column("listeners, by r", "panel whose vote fractions correlate as highly", 1),
        Column("r with others", "mean r against the held-out listeners", 1),
        Column("listeners, by accuracy", "panel that names their emotion as often", 1),
        Column("right on others, %", "how often it names the held-out listeners' emotion", 1),
    )
    return _best_marked(
        Table("worth", "Worth in listeners, with 95 % intervals", columns, tuple(body))
    )


def correlations(rows: Sequence[ModelResult], document: Document) -> Table | None:
    """Return r per emotion beside the highest that is possible; ``None`` without votes."""
    if not any(f"pearson_r_{name}" in row.per_emotion for row in rows for name in EMOTIONS):
        return None
    ceiling = document.ceilings
    columns = [Column("emotion")]
    if ceiling is not None:
        columns.append(Column("ceiling", "highest r that a perfect predictor can reach"))
    columns += [Column(row.model, better=1) for row in rows]
    body = []
    for index, emotion in enumerate(GEMS):
        key = f"pearson_r_{emotion.name}"
        cells = [Cell(emotion.label, order=emotion.label)]
        if ceiling is not None:
            cells.append(_number(float(ceiling.r[index]), 2))
        cells += [
            _number(row.per_emotion[key].value if key in row.per_emotion else math.nan, 2)
            for row in rows
        ]
        body.append(tuple(cells))
    first = rows[0]
    return Table(
        f"r-{first.protocol}-{first.target}",
        f"Pearson's r per emotion, {place(first.protocol, first.target)}",
        tuple(columns),
        tuple(body),
    )


def f1(rows: Sequence[ModelResult]) -> Table:
    """Return the F1 per emotion, in per cent, with the number of items that carry it."""
    first = rows[0]
    support = first.confusion.sum(axis=1) // max(1, len(first.seeds))
    columns = [Column("emotion"), Column("items"), *(Column(row.model, better=1) for row in rows)]
    body = []
    for index, emotion in enumerate(GEMS):
        key = f"f1_{emotion.name}"
        if support[index] == 0:
            continue
        cells = [
            Cell(emotion.label, order=emotion.label),
            Cell(str(support[index]), order=float(support[index])),
        ]
        for row in rows:
            value = row.per_emotion[key].value if key in row.per_emotion else math.nan
            cells.append(Cell(percent(value), order=_finite(value)))
        body.append(tuple(cells))
    return Table(
        f"f1-{first.protocol}-{first.target}",
        f"F1 per emotion in per cent, {place(first.protocol, first.target)}",
        tuple(columns),
        tuple(body),
    )


def genres(rows: Sequence[ModelResult]) -> Table | None:
    """Return the accuracy within each genre, in per cent; ``None`` where no genre is known."""
    names = list(dict.fromkeys(name for row in rows for name in row.per_genre))
    if not names:
        return None
    first = rows[0]
    columns = [Column("model")]
    columns += [Column(name.removeprefix("accuracy_"), better=1) for name in names]
    body = tuple(
        (
            _model(row),
            *(_share(row.per_genre[n]) if n in row.per_genre else Cell("") for n in names),
        )
        for row in rows
    )
    return _best_marked(
        Table(
            f"genres-{first.protocol}-{first.target}",
            f"Accuracy per genre in per cent, {place(first.protocol, first.target)}",
            tuple(columns),
            body,
        )
    )


def tests(document: Document, rows: Sequence[ModelResult]) -> Table | None:
    """Return the first model against each other one of its protocol, whatever they learned.

    ``None`` where nothing was tested.
    """
    first = rows[0]
    best = row_name(first)
    body = [
        _test(test.seen_from(best))
        for one in document.paired
        if one.protocol == first.protocol
        for test in one.tests
        if best in (test.first, test.second)
    ]
    if not body:
        return None
    columns = (
        Column(f"{best} against"),
        Column("metric"),
        Column("difference", "paired bootstrap over artist groups"),
        Column("adjusted p", "Holm's method over all pairs of models and metrics"),
        Column("different?"),
    )
    return Table(
        f"tests-{first.protocol}-{first.target}",
        f"Is {best} better? {place(first.protocol, first.target)}",
        columns,
        tuple(body),
    )


def _test(test: PairedTest) -> tuple[Cell, ...]:
    other, metric = test.second, BY_NAME[test.metric].title
    interval = f"{signed(test.low)} to {signed(test.high)}"
    return (
        Cell(other, order=other),
        Cell(metric, order=metric),
        Cell(signed(test.difference), interval, order=test.difference),
        Cell(shown_p(test.p_adjusted), order=test.p_adjusted),
        Cell("yes" if test.is_significant else "cannot be told", order=float(test.is_significant)),
    )


def all_tables(document: Document) -> list[Table]:
    """Return every table, for files."""
    found: list[Table | None] = [overview(document), worth(document)]
    for _, _, rows in document.tables():
        found += [
            scores(rows, document),
            correlations(rows, document),
            f1(rows),
            genres(rows),
            tests(document, rows),
        ]
    return [table for table in found if table is not None]


# --- Cells ---------------------------------------------------------------------------------------


def _model(row: ModelResult) -> Cell:
    name = row_name(row)
    return Cell(name, order=name)


def _share(estimate: Estimate) -> Cell:
    return _estimate(estimate, PER_CENT)


def span(low: str, high: str) -> str:
    """Return two ends as text; a dash between them could be taken for the sign of the second."""
    return f"{low} to {high}" if "-" in low + high else f"{low}–{high}"


def _estimate(estimate: Estimate, factor: float) -> Cell:
    """Return a value with its interval; shares in per cent with one decimal, others with three."""
    digits = 1 if factor == PER_CENT else 3
    if not math.isfinite(estimate.value):
        return Cell(NOTHING)
    value, low, high = (
        factor * as_written(one) for one in (estimate.value, estimate.low, estimate.high)
    )
    known = math.isfinite(low) and math.isfinite(high)
    interval = span(f"{low:.{digits}f}", f"{high:.{digits}f}") if known else ""
    return Cell(f"{value:.{digits}f}", interval, order=value)


def _number(value: float, digits: int) -> Cell:
    return Cell(f"{value:.{digits}f}" if math.isfinite(value) else NOTHING, order=_finite(value))


def _panel(size: PanelSize) -> Cell:
    text, _, interval = str(size).partition(" (")
    return Cell(text, interval.removesuffix(")"), order=size.value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rank(cell: Cell) -> float:
    return cell.order if isinstance(cell.order, float) else -math.inf


def _padded(cells: list[Cell], width: int) -> tuple[Cell, ...]:
    return tuple(cells + [Cell("")] * (width - len(cells)))


def _best_marked(table: Table) -> Table:
    """Mark in each column that has a good end the values that no other row beats as shown."""
    rows = [list(row) for row in table.rows]
    for index, column in enumerate(table.columns):
        known = [r[index].order for r in rows if isinstance(r[index].order, (int, float))]
        if not column.better or len(known) < 2:
            continue
        best = max(
            float(value) * column.better for value in known if isinstance(value, (int, float))
        )
        winner = next(
            r[index].text
            for r in rows
            if isinstance(order := r[index].order, (int, float)) and order * column.better == best
        )
        for row in rows:
            row[index] = replace(row[index], is_best=row[index].text == winner)
    return replace(table, rows=tuple(tuple(row) for row in rows))

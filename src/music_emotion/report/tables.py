"""The tables of a comparison, and a table as Markdown, HTML and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape as escape_html
from pathlib import Path

from music_emotion.atomic import write_output
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.agreement import PanelCurve, PanelSize
from music_emotion.evaluation.analysis import ModelCalibration
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.metrics import BY_NAME, METRICS
from music_emotion.evaluation.results import ModelResult, model_title
from music_emotion.evaluation.results_file import Document
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import PairedTest, shown_p
from music_emotion.evaluation.strict_json import DECIMALS
from music_emotion.models.base import Target

REPORTED: Mapping[str, float] = {
    "lstm_cnn": 0.60,
    "lstm_cnn_advanced": 0.58,
    "bilstm_cnn": 0.67,
    "cnn2d": 0.64,
    "cnn2d_specaugment": 0.69,
    "ensemble": 0.76,
}
"""Accuracies that the reference study reports, measured as ``segment`` does."""
REFERENCE_DATA = "emotify"
"""Name of the corpus that the reference study used."""

PROTOCOL_TITLES: Mapping[Protocol, str] = {
    "segment": "Segments dealt out at random, as in the reference study",
    "track": "Tracks kept whole",
    "artist": "Artists kept whole",
}
PROTOCOL_MEANINGS: Mapping[Protocol, str] = {
    "segment": (
        "A test segment has neighbours of its own track in training, so this measures how well a "
        "track is recognised again. Accuracy is per 3-s segment."
    ),
    "track": (
        "Duplicate recordings together; a track gets one prediction: from models of segments the "
        "mean over its segments, from models of tracks (blend, light, transfer) their own. An "
        "artist may be in training and in the test part."
    ),
    "artist": (
        "All tracks of an artist together: music that is new to the model. A track gets one "
        "prediction: from models of segments the mean over its segments, from models of tracks "
        "(blend, light, transfer) their own."
    ),
}
PROTOCOL_NOTES: Mapping[Protocol, str] = {
    "artist": "artists kept whole: music that is new to the model",
    "track": "tracks kept whole: the artist may be known",
    "segment": "segments dealt out at random: pieces of the test track are in training",
}
TARGET_TITLES: Mapping[Target, str] = {
    "label": "trained on the dominant emotion",
    "votes": "trained on the listeners' votes",
    "ratings": "trained on ratings",
    "ratings-over-time": "trained on ratings over time",
}
SHOWN_PANELS = (1, 2, 4, 8, 12, 16, 20, 24)
"""Sizes of panels of listeners that tables show."""

PER_CENT = 100.0
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    interval: str = ""  #: or what else is to be said more quietly
    order: float | str | None = None  #: what the column is sorted by; ``None`` goes last
    is_best: bool = False  #: whether no other row of the column does better
    is_model: bool = False  #: whether it names a model, which Markdown writes as code

    def __str__(self) -> str:
        return f"{self.text} ({self.interval})" if self.interval else self.text


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, a sentence on what it means, and which end of it is good."""

    title: str  #: of a word at least: it is the name of the button that sorts by it
    meaning: str = ""
    better: int = 0  #: 1 where higher is better, -1 where lower is, 0 where neither
    is_model: bool = False  #: whether the title names a model, which Markdown writes as code


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the rows and stands left, the others right."""

    name: str  #: short, for files and links
    caption: str  #: what the table says, with the unit
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]  #: each with a cell per column
    foot: tuple[Row, ...] = ()  #: not sorted with the others: ceilings, what a constant scores

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        return markdown_table(
            [coded(column.title) if column.is_model else column.title for column in self.columns],
            (map(_cell_markdown, row) for row in (*self.rows, *self.foot)),
        )

    def to_html(self, sorted_by: int | None = None) -> str:
        """Return the table as an HTML figure that can be sorted.

        ``sorted_by`` is the number of the column by which the rows are sorted, the highest first.
        """
        heads = "\n".join(_head_html(c, n == sorted_by) for n, c in enumerate(self.columns))
        caption = escape_html(self.caption)
        foot = f"<tfoot>\n{_rows_html(self.foot)}\n</tfoot>\n" if self.foot else ""
        return (
            f'<figure class="table" id="table-{escape_html(self.name)}">\n'
            f"<figcaption>{caption}</figcaption>\n"
            f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">\n'
            f'<table class="sortable">\n<thead>\n<tr>\n{heads}\n</tr>\n</thead>\n'
            f"<tbody>\n{_rows_html(self.rows)}\n</tbody>\n{foot}</table>\n</div>\n</figure>"
        )

    def to_latex(self) -> str:
        """Return the table as a float of the package ``booktabs``, best values in bold."""
        numbers = "r" * (len(self.columns) - 1)
        lines = [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape_latex(self.caption)}.}}",
            rf"  \label{{tab:{self.name}}}",
            rf"  \begin{{tabular}}{{l{numbers}}}",
            r"    \toprule",
            _line_latex(escape_latex(column.title) for column in self.columns),
            r"    \midrule",
            *(_line_latex(map(_cell_latex, row)) for row in self.rows),
        ]
        if self.foot:
            lines += [r"    \midrule", *(_line_latex(map(_cell_latex, row)) for row in self.foot)]
        lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
        return "\n".join(lines) + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table, first column to the left, the others to the right.

    >>> print(markdown_table(["model", "accuracy"], [["`svm`", "40.0"]]))
    | model | accuracy |
    |---|---:|
    | `svm` | 40.0 |
    """
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|",
    ]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def write_latex(folder: Path, tables: Sequence[Table]) -> list[Path]:
    """Write a file per table, ``NAME.tex``, and return them."""
    paths = [folder / f"{table.name}.tex" for table in tables]
    for path, table in zip(paths, tables, strict=True):
        write_output(path, table.to_latex().encode())
    return paths


def _cell_markdown(cell: Cell) -> str:
    return coded(cell.text) if cell.is_model else str(cell)


LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    ">": "$>$",
    "<": "$<$",
}


def escape_latex(text: str) -> str:
    r"""Return plain text as LaTeX prints it.

    >>> escape_latex("50 % of my_model")
    '50 \\% of my\\_model'
    """
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)


def _cell_latex(cell: Cell) -> str:
    text = escape_latex(cell.text)
    if cell.is_best and text:
        text = rf"\textbf{{{text}}}"
    return f"{text} ({escape_latex(cell.interval)})" if cell.interval else text


def _line_latex(cells: Iterable[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"


def _head_html(column: Column, is_sorted: bool) -> str:
    order = ' aria-sort="descending"' if is_sorted else ""
    title = f' title="{escape_html(column.meaning)}"' if column.meaning else ""
    text = escape_html(column.title)
    return f'<th scope="col"{order}><button type="button"{title}>{text}</button></th>'


def _rows_html(rows: Iterable[Row]) -> str:
    lines = ("\n".join([_cell_html(row[0], "th"), *map(_cell_html, row[1:])]) for row in rows)
    return "\n".join(f"<tr>\n{line}\n</tr>" for line in lines)


def _cell_html(cell: Cell, tag: str = "td") -> str:
    scope = ' scope="row"' if tag == "th" else ""
    order = "" if cell.order is None else f' data-order="{escape_html(str(cell.order))}"'
    best = ' class="best"' if cell.is_best else ""
    quiet = f' <span class="interval">{escape_html(cell.interval)}</span>' if cell.interval else ""
    return f"<{tag}{scope}{order}{best}>{escape_html(cell.text)}{quiet}</{tag}>"


# --- Numbers -------------------------------------------------------------------------------------


def as_written(value: float) -> float:
    """Return a value as ``results.json`` holds it, so that a page and the file round alike."""
    return round(value, DECIMALS) + 0.0


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as a percentage, one decimal by default, ``–`` where undefined.

    >>> percent(0.4567), percent(float("nan"))
    ('45.7', '–')
    """
    return f"{100 * as_written(value):.{digits}f}" if math.isfinite(value) else NOTHING


def share(estimate: Estimate) -> Cell:
    """Return a fraction with its interval in per cent.

    >>> str(share(Estimate(0.5, 0.451, 0.549)))
    '50.0 (45.1–54.9)'
    """
    return _estimate(estimate, ".1f", "–", PER_CENT)


def number(estimate: Estimate, digits: int = 3) -> Cell:
    """Return a value with its interval; zero has no sign.

    >>> str(number(Estimate(0.5, -0.1, 0.9), 2)), str(number(Estimate(-0.001, -0.1, 0.1), 2))
    ('0.50 (-0.10 to 0.90)', '0.00 (-0.10 to 0.10)')
    """
    return _estimate(estimate, f"z.{digits}f", " to ")


def difference(estimate: Estimate) -> Cell:
    """Return a difference with its sign and interval.

    >>> str(difference(Estimate(0.05, -0.01, 0.11)))
    '+0.050 (-0.010 to +0.110)'
    """
    return _estimate(estimate, "+z.3f", " to ")


def points(estimate: Estimate) -> Cell:
    """Return a difference of fractions with its interval in percentage points.

    >>> str(points(Estimate(0.05, -0.01, 0.11)))
    '+5.0 (-1.0 to +11.0)'
    """
    return _estimate(estimate, "+z.1f", " to ", PER_CENT)


def _estimate(estimate: Estimate, form: str, to: str, factor: float = 1.0) -> Cell:
    """Return a value with its interval, written in one form; :data:`NOTHING` where undefined."""
    ends = estimate.value, estimate.low, estimate.high
    value, low, high = (factor * as_written(one) for one in ends)
    if not math.isfinite(value):
        return Cell(NOTHING)
    known = math.isfinite(low) and math.isfinite(high)
    return Cell(f"{value:{form}}", f"{low:{form}}{to}{high:{form}}" if known else "", value)


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(48), duration(720), duration(12_240)
    ('48 s', '12 min', '3.4 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def coded(title: str) -> str:
    """Return a model's title in Markdown, its name as code.

    >>> coded("blend on votes")
    '`blend` on votes'
    """
    name, on, target = title.partition(" on ")
    return f"`{name}`{on}{target}"


def reported_accuracies(document: Document) -> Mapping[str, float]:
    """Return what the reference study reports, if these are results on its data."""
    return REPORTED if document.data.name == REFERENCE_DATA else {}


# --- What the tables of a comparison say ---------------------------------------------------------


def overview(document: Document) -> Table:
    """Return the accuracy of every model under every protocol, the best honest one first."""
    protocols = [p for p in reversed(PROTOCOLS) if any(r.protocol == p for r in document.rows)]
    known = reported_accuracies(document) if "segment" in protocols else {}
    columns = [Column("model"), *(Column(p, PROTOCOL_NOTES[p], 1) for p in protocols)]
    if known:
        columns.append(Column("reported", "by the reference study, measured as segment does"))
    by_model: dict[tuple[Target, str], dict[Protocol, ModelResult]] = {}
    for row in document.rows:
        by_model.setdefault((row.target, row.model), {})[row.protocol] = row
    body = []
    for (target, model), found in by_model.items():
        cells = [_title(next(iter(found.values())))]
        cells += [_share(found[p].headline if p in found else {}, "accuracy") for p in protocols]
        if known:
            reported = known.get(model) if target == "label" else None
            cells.append(
                Cell("") if reported is None else Cell(percent(reported), order=100 * reported)
            )
        body.append(tuple(cells))
    body.sort(key=lambda cells: [-_rank(cell) for cell in cells[1 : 1 + len(protocols)]])
    caption = "Accuracy in per cent with 95 % intervals"
    return build_table("accuracy", caption, columns, body, _accuracy_ceilings(document, protocols))


def _accuracy_ceilings(document: Document, protocols: Sequence[Protocol]) -> Iterator[Row]:
    """Yield what people's disagreement leaves possible, beside the protocols that score tracks."""
    ceilings = document.ceilings
    if ceilings is None or all(protocol == "segment" for protocol in protocols):
        return
    for title, value in (
        ("ceiling: an oracle of the true vote probabilities", ceilings.oracle_accuracy),
        ("two halves of a track's listeners agree", ceilings.half_agreement),
    ):
        yield Cell(title), *(Cell("" if p == "segment" else percent(value)) for p in protocols)


def scores(rows: Sequence[ModelResult], document: Document) -> Table:
    """Return every metric of the models under one protocol, in the order of ``rows``."""
    shown = [
        metric
        for metric in METRICS
        if metric.has_column and any(metric.name in row.headline for row in rows)
    ]
    columns = [
        Column("model"),
        *(Column(m.title, m.meaning, 1 if m.higher_is_better else -1) for m in shown),
        Column("training", "time of all folds together"),
    ]
    body = [
        (
            _title(row),
            *(_compact(row.headline.get(metric.name), metric.is_share) for metric in shown),
            Cell(duration(row.seconds), order=row.seconds),
        )
        for row in rows
    ]
    foot = (
        (Cell(title), *(Cell(values.get(metric.name, "")) for metric in shown))
        for title, values in _score_ceilings(document, rows[0])
    )
    caption = f"Every metric, {_place(rows)}, with 95 % intervals"
    return build_table(f"scores-{_stem(rows)}", caption, columns, body, foot)


def _score_ceilings(document: Document, row: ModelResult) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what stands below the scores, each by its metric."""
    constant, ceilings = document.calibration_of(row).constant, document.ceilings
    yield (
        "the class frequencies for every item",
        {"log_loss": f"{constant.log_loss:.3f}", "brier": f"{constant.brier:.3f}"},
    )
    if ceilings is not None and row.protocol != "segment":
        yield (
            "ceiling that the listeners' disagreement sets",
            {
                "accuracy": percent(ceilings.oracle_accuracy),
                "mean_pearson_r": f"{ceilings.mean_r:.3f}",
            },
        )


def worth(document: Document) -> Table | None:
    """Return what the models are worth in listeners; ``None`` where that is not known."""
    known = [
        (row, row.worth)
        for row in document.rows
        if row.worth is not None and row.protocol != "segment"
    ]
    known.sort(key=lambda one: -one[1].by_r.value)
    if not known:
        return None
    body = [
        (
            _title(row),
            Cell(row.protocol, order=row.protocol),
            _panel(found.by_r),
            Cell(f"{found.mean_r:.3f}", order=found.mean_r),
            _panel(found.by_accuracy),
            Cell(percent(found.accuracy), order=found.accuracy),
        )
        for row, found in known
    ]
    columns = (
        Column("model"),
        Column("protocol"),
        Column("listeners, by r", "panel whose vote fractions correlate as highly", 1),
        Column("r with others", "mean r against the held-out listeners", 1),
        Column("listeners, by accuracy", "panel that names their emotion as often", 1),
        Column("right on others, %", "how often it names the held-out listeners' emotion", 1),
    )
    return build_table("worth", "Worth in listeners, with 95 % intervals", columns, body)


def correlations(rows: Sequence[ModelResult], document: Document) -> Table | None:
    """Return r per emotion beside the highest that is possible; ``None`` without votes."""
    if not any(f"pearson_r_{name}" in row.per_emotion for row in rows for name in EMOTIONS):
        return None
    ceilings = document.ceilings
    columns = [Column("emotion")]
    if ceilings is not None:
        columns.append(Column("ceiling", "highest r that a perfect predictor can reach"))
    columns += _model_columns(rows)
    body = []
    for index, emotion in enumerate(GEMS):
        cells = [Cell(emotion.label, order=emotion.label)]
        if ceilings is not None:
            cells.append(_value(float(ceilings.r[index]), 2))
        cells += [_value(_of(row, f"pearson_r_{emotion.name}"), 2) for row in rows]
        body.append(tuple(cells))
    caption = f"Pearson's r per emotion, {_place(rows)}"
    return Table(f"r-{_stem(rows)}", caption, tuple(columns), tuple(body))


def f1(rows: Sequence[ModelResult]) -> Table:
    """Return the F1 per emotion, in per cent, with the number of items that carry it."""
    support = rows[0].confusion.sum(axis=1) // max(1, len(rows[0].seeds))
    columns = [Column("emotion"), Column("items"), *_model_columns(rows)]
    body = []
    for emotion, items in zip(GEMS, support.tolist(), strict=True):
        if items:
            values = [_of(row, f"f1_{emotion.name}") for row in rows]
            cells = [Cell(percent(value), order=_finite(value)) for value in values]
            label = Cell(emotion.label, order=emotion.label)
            body.append((label, Cell(str(items), order=float(items)), *cells))
    caption = f"F1 per emotion in per cent, {_place(rows)}"
    return Table(f"f1-{_stem(rows)}", caption, tuple(columns), tuple(body))


def genres(rows: Sequence[ModelResult], *, short: bool = False) -> Table | None:
    """Return the accuracy within each genre, in per cent; ``None`` where no genre is known.

    ``short`` leaves out of a model's name what it learned.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.per_genre))
    if not names:
        return None
    columns = [Column("model")]
    columns += [Column(name.removeprefix("accuracy_"), better=1) for name in names]
    body = [
        (
            replace(_title(row), text=row.model if short else row.title),
            *(_share(row.per_genre, name) for name in names),
        )
        for row in rows
    ]
    caption = f"Accuracy per genre in per cent, {_place(rows)}"
    return build_table(f"genres-{_stem(rows)}", caption, columns, body)


def learning_curves(document: Document) -> Table:
    """Return the figures of models by the share of the training part that they learned from."""
    curves = document.learning_curves or ()
    found = dict.fromkeys(name for curve in curves for name in curve.points[0].scores)
    body: list[Row] = []
    for curve in curves:
        place = f"`{curve.protocol}`, fold seed {curve.seed}"
        name = Cell(model_title(curve.model, curve.target), is_model=True)
        for point in curve.points:
            cells = [_of_metric(metric, point.scores.get(metric)) for metric in found]
            learned = Cell(f"{percent(point.share, 0)} %", order=point.share)
            body.append((name, Cell(place), learned, Cell(str(point.trainings)), *cells))
        if curve.doubling:
            cells = [
                _of_metric(metric, curve.doubling.get(metric), is_difference=True)
                for metric in found
            ]
            body.append((name, Cell(place), Cell("50 to 100 %", order=2.0), Cell(""), *cells))
    columns = (
        Column("model"),
        Column("protocol"),
        Column("learned from"),
        Column("trainings"),
        *(Column(BY_NAME[name].title) for name in found),
    )
    return Table("learning-curves", "Figures by what was learned from", columns, tuple(body))


def _of_metric(name: str, estimate: Estimate | None, *, is_difference: bool = False) -> Cell:
    """Return a value of a metric, or a difference of two."""
    if estimate is None:
        return Cell("")
    if is_difference:
        return points(estimate) if name == "accuracy" else difference(estimate)
    return share(estimate) if name == "accuracy" else number(estimate, 3)


def tests(document: Document, rows: Sequence[ModelResult]) -> Table | None:
    """Return the first model against each other one of its protocol, ``None`` if none is."""
    best = rows[0].title
    body = tuple(
        test_cells(test, "yes" if test.is_significant else "cannot be told")
        for test in tests_of(document, rows[0])
    )
    if not body:
        return None
    columns = (
        Column(f"{best} against"),
        Column("metric"),
        Column("difference", "paired bootstrap over artist groups and fold seeds"),
        Column("adjusted p", "Holm's method over all pairs of models and metrics"),
        Column("different?"),
    )
    return Table(f"tests-{_stem(rows)}", f"Is {best} better? {_place(rows)}", columns, body)


def tests_of(document: Document, row: ModelResult) -> list[PairedTest]:
    """Return the tests of a model against the others of its protocol, seen from it."""
    return [
        test.seen_from(row.title)
        for one in document.paired
        if one.protocol == row.protocol
        for test in one.tests
        if row.title in (test.first, test.second)
    ]


def test_cells(test: PairedTest, verdict: str) -> Row:
    """Return a test as a row: the other model, the metric, the difference, p, what follows."""
    metric = BY_NAME[test.metric].title
    return (
        Cell(test.second, order=test.second, is_model=True),
        Cell(metric, order=metric),
        difference(Estimate(test.difference, test.low, test.high)),
        Cell(shown_p(test.p_adjusted), order=test.p_adjusted),
        Cell(verdict, order=float(test.is_significant)),
    )


def panels_table(title: str, curve: PanelCurve, accuracy: Callable[[float], str] = percent) -> str:
    """Return in Markdown how well panels of listeners predict others, a column per size."""
    shown = [size - 1 for size in SHOWN_PANELS if size <= len(curve.sizes)]
    return markdown_table(
        [title, *(str(place + 1) for place in shown)],
        [
            ["accuracy", *(accuracy(curve.accuracy[place]) for place in shown)],
            ["mean r", *(f"{curve.mean_r[place]:.2f}" for place in shown)],
        ],
    )


def calibration_band(calibration: ModelCalibration) -> str:
    """Return what a perfectly calibrated model would show, and whether this one is within."""
    verdict = "inside" if calibration.inside else "outside"
    return f"{calibration.band_low:.3f} to {calibration.band_high:.3f}: {verdict}"


def all_tables(document: Document) -> list[Table]:
    """Return every table, for files."""
    found: list[Table | None] = [overview(document), worth(document)]
    if document.learning_curves:
        found.append(learning_curves(document))
    for _, _, rows in document.tables():
        found += [scores(rows, document), correlations(rows, document), f1(rows)]
        found += [genres(rows), tests(document, rows)]
    return [table for table in found if table is not None]


def span(low: str, high: str) -> str:
    """Return two ends as text; a dash between them could be taken for the sign of the second.

    >>> span("0.1", "0.2"), span("-0.1", "0.2")
    ('0.1–0.2', '-0.1 to 0.2')
    """
    return f"{low} to {high}" if "-" in low + high else f"{low}–{high}"


def _share(known: Mapping[str, Estimate], name: str) -> Cell:
    """Return a fraction with its interval in per cent, an empty cell where it is not known."""
    return share(known[name]) if name in known else Cell("")


def _compact(estimate: Estimate | None, is_share: bool) -> Cell:
    """Return a value with its interval in little room: shares in per cent, others with three."""
    if estimate is None:
        return Cell("")
    cell = share(estimate) if is_share else number(estimate)
    low, to, high = cell.interval.partition(" to ")
    return replace(cell, interval=span(low, high)) if to else cell


def _title(row: ModelResult) -> Cell:
    return Cell(row.title, order=row.title, is_model=True)


def _model_columns(rows: Sequence[ModelResult]) -> list[Column]:
    return [Column(row.model, better=1, is_model=True) for row in rows]


def _place(rows: Sequence[ModelResult]) -> str:
    """Return the protocol and target of rows in a few words."""
    learned = "the label" if rows[0].target == "label" else "votes"
    return f"{rows[0].protocol}, trained on {learned}"


def _stem(rows: Sequence[ModelResult]) -> str:
    return f"{rows[0].protocol}-{rows[0].target}"


def _of(row: ModelResult, metric: str) -> float:
    return row.per_emotion[metric].value if metric in row.per_emotion else math.nan


def _value(value: float, digits: int) -> Cell:
    return Cell(f"{value:.{digits}f}" if math.isfinite(value) else NOTHING, order=_finite(value))


def _panel(size: PanelSize) -> Cell:
    text, _, interval = str(size).partition(" (")
    return Cell(text, interval.removesuffix(")"), order=size.value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rank(cell: Cell) -> float:
    return cell.order if isinstance(cell.order, float) else -math.inf


def build_table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    foot: Iterable[Row] = (),
) -> Table:
    """Return a table that marks in each column with a good end what no other row beats as shown.

    The rows of the foot may be shorter than the others.
    """
    cells = [list(row) for row in rows]
    for index, column in enumerate(columns):
        ranked = [
            (order * column.better, row[index].text)
            for row in cells
            if isinstance(order := row[index].order, (int, float))
        ]
        if column.better and len(ranked) > 1:
            winner = max(ranked, key=lambda one: one[0])[1]
            for row in cells:
                row[index] = replace(row[index], is_best=row[index].text == winner)
    padded = ((*row, *[Cell("")] * (len(columns) - len(row))) for row in foot)
    return Table(name, caption, tuple(columns), tuple(map(tuple, cells)), tuple(padded))

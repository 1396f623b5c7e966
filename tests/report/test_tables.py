"""Tables hold the planted values, in order, the best one marked; each way of writing them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.doctests import failing_examples
from music_emotion.emotions import GEMS
from music_emotion.evaluation.agreement import PanelSize
from music_emotion.evaluation.learning_curves import CurvePoint, LearningCurve
from music_emotion.evaluation.metrics import METRICS
from music_emotion.evaluation.results_file import read_document
from music_emotion.evaluation.scores import Estimate
from music_emotion.report import tables
from music_emotion.report.tables import Cell, Column, Table, all_tables, overview, span, worth
from music_emotion.report.write import markdown_report

RESULTS = Path(__file__).resolve().parents[2] / "results"
NAN = float("nan")
SMALL = Table(
    "some-name",
    "50 % of a_b",
    (Column("model"), Column("accuracy", "higher is <better>", better=1)),
    ((Cell("my_model:{x}", is_model=True), Cell("46.8", "42.2–51.5", 46.8, is_best=True)),),
    ((Cell("ceiling"), Cell("> 24")),),
)


def test_the_overview_is_ordered_by_the_most_honest_protocol(planted) -> None:
    table = overview(read_document(planted.folder))
    assert [column.title for column in table.columns] == ["model", "artist", "track"]
    assert [row[0].text for row in table.rows] == ["right", "half"]
    assert [row[1].text for row in table.rows] == ["100.0", "44.4"]
    assert [row[1].is_best for row in table.rows] == [True, False]
    assert table.foot[0][0].text.split(":")[0] == "ceiling"


def test_what_others_report_stands_beside_results_on_their_data_alone(planted) -> None:
    document = read_document(planted.folder)
    assert overview(document).columns[-1].title == "track"
    rows = tuple(replace(row, protocol="segment", model="cnn2d") for row in document.rows[:1])
    there = overview(replace(document, data=replace(document.data, name="emotify"), rows=rows))
    assert there.columns[-1].title == "reported"
    assert there.rows[0][-1].text == "64.0"


def test_models_are_ordered_by_their_worth_and_bounds_are_bounds(planted) -> None:
    document = read_document(planted.folder)
    beyond = PanelSize(24.0, 20.0, 24.0, censored=True, high_censored=True)
    rows = tuple(
        replace(row, worth=replace(row.worth, by_r=beyond) if row.model == "half" else row.worth)
        for row in document.rows
    )
    table = worth(replace(document, rows=rows))
    assert table is not None
    half = next(row for row in table.rows if row[0].text == "half")
    assert (half[2].text, half[2].interval) == ("> 24", "20.0 to > 24")
    assert worth(replace(document, rows=tuple(replace(r, worth=None) for r in rows))) is None


def test_every_table_is_as_wide_as_its_head(planted) -> None:
    tables = all_tables(read_document(planted.folder))
    assert len({table.name for table in tables}) == len(tables) >= 8
    for table in tables:
        widths = {len(row) for row in (*table.rows, *table.foot)}
        assert widths == {len(table.columns)}, table.name


def test_latex_is_booktabs_with_special_characters_escaped() -> None:
    assert SMALL.to_latex().splitlines() == [
        r"\begin{table}",
        r"  \centering",
        r"  \caption{50 \% of a\_b.}",
        r"  \label{tab:some-name}",
        r"  \begin{tabular}{lr}",
        r"    \toprule",
        r"    model & accuracy \\",
        r"    \midrule",
        r"    my\_model:\{x\} & \textbf{46.8} (42.2--51.5) \\",
        r"    \midrule",
        r"    ceiling & $>$ 24 \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    assert tables.escape_latex("\\ & $ # ~ ^") == (
        r"\textbackslash{} \& \$ \# \textasciitilde{} \textasciicircum{}"
    )


def test_html_escapes_its_texts_and_says_what_it_is_sorted_by() -> None:
    html = SMALL.to_html(sorted_by=1)
    heads = re.findall(r"<th scope=\"col\".*", html)
    assert heads == [
        '<th scope="col"><button type="button">model</button></th>',
        '<th scope="col" aria-sort="descending"><button type="button" title="higher is '
        '&lt;better&gt;">accuracy</button></th>',
    ]
    assert '<th scope="row">my_model:{x}</th>' in html
    best = '<td data-order="46.8" class="best">46.8 <span class="interval">42.2–51.5</span></td>'
    assert best in html
    assert html.index("</tbody>") < html.index("<tfoot>") < html.index("<td>&gt; 24</td>")
    assert "tfoot" not in replace(SMALL, foot=()).to_html()
    assert "aria-sort" not in SMALL.to_html()


def test_markdown_has_the_intervals_and_names_models_as_code() -> None:
    assert SMALL.to_markdown().splitlines() == [
        "| model | accuracy |",
        "|---|---:|",
        "| `my_model:{x}` | 46.8 (42.2–51.5) |",
        "| ceiling | > 24 |",
    ]
    models = (Column("emotion"), Column("blend on votes", is_model=True))
    assert replace(SMALL, columns=models).to_markdown().startswith("| emotion | `blend` on votes |")


def test_a_file_per_table(planted, tmp_path) -> None:
    files = tables.write_latex(tmp_path, all_tables(read_document(planted.folder)))
    assert sorted(tmp_path.iterdir()) == sorted(files)
    for file in files:
        text = file.read_text()
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


ESTIMATE = Estimate(0.46789, -0.04321, 0.5)


@pytest.mark.parametrize(
    ("cell", "text", "order"),
    [
        (tables.share(Estimate(0.46789, 0.4321, 0.5)), "46.8 (43.2–50.0)", 46.789),
        (tables.share(Estimate(0.5, NAN, NAN)), "50.0", 50.0),
        (tables.share(Estimate(NAN, NAN, NAN)), "–", None),
        (tables.number(ESTIMATE), "0.468 (-0.043 to 0.500)", 0.46789),
        (tables.number(ESTIMATE, 2), "0.47 (-0.04 to 0.50)", 0.46789),
        (tables.difference(ESTIMATE), "+0.468 (-0.043 to +0.500)", 0.46789),
        (tables.difference(Estimate(-1e-9, 0.0, 0.0)), "+0.000 (+0.000 to +0.000)", 0.0),
        (tables.points(ESTIMATE), "+46.8 (-4.3 to +50.0)", 46.789),
    ],
)
def test_numbers_are_written_as_their_kind_is(cell: Cell, text: str, order: float | None) -> None:
    assert str(cell) == text
    assert cell.order == (None if order is None else pytest.approx(order))


def test_a_page_rounds_as_the_file_does() -> None:
    assert tables.percent(0.12345) == "12.3"
    # .0004999999 is .0005 in the file, which holds six places.
    assert tables.percent(0.0004999999, 2) == "0.05"
    assert tables.percent(0.5, 0) == "50"
    assert tables.percent(NAN) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(89.4, "89 s"), (90, "2 min"), (5_399, "90 min"), (5_400, "1.5 h")],
)
def test_times_are_in_words(seconds: float, text: str) -> None:
    assert tables.duration(seconds) == text


def test_every_metric_stands_below_its_own_title(planted) -> None:
    document = read_document(planted.folder)
    [half] = [r for r in document.rows if (r.protocol, r.model) == ("artist", "half")]
    shown = [metric for metric in METRICS if metric.has_column]
    planned = {metric.name: Estimate(*[n / 100] * 3) for n, metric in enumerate(shown, start=1)}
    other = replace(half, model="other", headline=planned, seconds=7.0)
    table = tables.scores([other], replace(document, rows=(other,), calibration=(
        replace(document.calibration_of(half), model="other"),
    )))  # fmt: skip
    titles = [column.title for column in table.columns]
    assert titles == ["model", *(metric.title for metric in shown), "training"]
    values = [f"{n}.0" if m.is_share else f"{n / 100:.3f}" for n, m in enumerate(shown, start=1)]
    assert [cell.text for cell in table.rows[0]] == ["other", *values, "7 s"]
    assert table.rows[0][1].interval == "1.0–1.0"


def test_the_best_is_the_lowest_where_lower_is_better(planted) -> None:
    document = read_document(planted.folder)
    table = tables.scores([r for r in document.rows if r.protocol == "artist"], document)
    best = {
        column.title: [row[0].text for row in table.rows if row[n].is_best]
        for n, column in enumerate(table.columns)
    }
    for title in ("accuracy", "macro-F1", "ROC-AUC", "log-loss", "Brier", "mean r"):
        assert best[title] == ["right"], title
    assert best["model"] == best["training"] == []
    assert [row[0].text for row in table.foot] == [
        "the class frequencies for every item",
        "ceiling that the listeners' disagreement sets",
    ]


def test_emotions_have_their_own_figures_and_ceilings(planted) -> None:
    document = read_document(planted.folder)
    rows = [r for r in document.rows if r.protocol == "artist"]
    f1, r = tables.f1(rows), tables.correlations(rows, document)
    assert r is not None
    assert [column.title for column in f1.columns] == ["emotion", "items", "half", "right"]
    assert [column.title for column in r.columns] == ["emotion", "ceiling", "half", "right"]
    for index, emotion in enumerate(GEMS):
        assert [cell.text for cell in f1.rows[index]] == [
            emotion.label,
            "2",
            *(f"{100 * row.per_emotion[f'f1_{emotion.name}'].value:.1f}" for row in rows),
        ]
        assert [cell.text for cell in r.rows[index]] == [
            emotion.label,
            f"{document.ceilings.r[index]:.2f}",
            *(f"{row.per_emotion[f'pearson_r_{emotion.name}'].value:.2f}" for row in rows),
        ]


def test_tests_are_seen_from_the_best_model(planted) -> None:
    document = read_document(planted.folder)
    [right] = [r for r in document.rows if (r.protocol, r.model) == ("artist", "right")]
    [half] = [r for r in document.rows if (r.protocol, r.model) == ("artist", "half")]
    table, turned = tables.tests(document, [right]), tables.tests(document, [half])
    assert table is not None and turned is not None
    assert table.columns[0].title == "right against"
    first, same = table.rows[0], turned.rows[0]
    assert [cell.text for cell in first[:2]] == ["half", "accuracy"]
    assert first[2].text == "+0.556" and same[2].text == "-0.556"  # 18 of 18, 8 of 18
    low, high = first[2].interval.split(" to ")
    assert same[2].interval == f"{high.replace('+', '-')} to {low.replace('+', '-')}"
    assert [cell.text for cell in first[3:]] == [cell.text for cell in same[3:]]
    assert tables.tests(replace(document, paired=()), [right]) is None


def test_panels_that_are_there_are_shown(planted) -> None:
    curve = read_document(planted.folder).panels
    assert curve is not None
    lines = tables.panels_table("listeners", curve).splitlines()
    shown = [size for size in (1, 2, 4, 8, 12, 16, 20, 24) if size <= curve.sizes[-1]]
    assert lines[0] == f"| listeners | {' | '.join(map(str, shown))} |"
    assert lines[2].split(" | ")[1] == f"{100 * curve.accuracy[0]:.1f}"
    assert lines[2].split(" | ")[3] == f"{100 * curve.accuracy[3]:.1f}"
    assert lines[3].split(" | ")[2] == f"{curve.mean_r[1]:.2f}"


def test_the_committed_report_is_what_the_committed_figures_say() -> None:
    text = (RESULTS / "README.md").read_text(encoding="utf-8")
    pictures = dict(re.findall(r"^!\[(.*)\]\((.*)\)$", text, re.MULTILINE))
    assert markdown_report(read_document(RESULTS), pictures) == text


def test_a_dash_is_no_sign() -> None:
    assert span("42.2", "51.5") == "42.2–51.5"
    assert span("-0.139", "-0.005") == "-0.139 to -0.005"
    assert span("-0.1", "0.2") == "-0.1 to 0.2"


def test_the_examples_are_right() -> None:
    assert failing_examples("music_emotion.report.tables") == ""


def test_learning_curves_show_every_share_and_what_doubling_gives(planted) -> None:
    document = read_document(planted.folder)
    half = CurvePoint(0.5, 3, {"accuracy": Estimate(0.3, 0.25, 0.35)})
    whole = CurvePoint(1.0, 2, {"accuracy": Estimate(0.4, 0.35, 0.45)})
    gain = {"accuracy": Estimate(0.1, 0.02, 0.18)}
    curve = LearningCurve("artist", "votes", "net", 42, (half, whole), gain)
    document = replace(document, learning_curves=(curve,))
    table = tables.learning_curves(document)
    assert [[str(cell) for cell in row] for row in table.rows] == [
        ["net on votes", "`artist`, fold seed 42", "50 %", "3", "30.0 (25.0–35.0)"],
        ["net on votes", "`artist`, fold seed 42", "100 %", "2", "40.0 (35.0–45.0)"],
        ["net on votes", "`artist`, fold seed 42", "50 to 100 %", "", "+10.0 (+2.0 to +18.0)"],
    ]
    assert "## What is gained from more to learn from" in markdown_report(document, {})

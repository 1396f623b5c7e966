"""Tables hold the planted values, in order, the best one marked."""

from __future__ import annotations

from dataclasses import replace

from music_emotion.evaluation.agreement import PanelSize
from music_emotion.evaluation.results_file import read_document
from music_emotion.report.latex import booktabs, escape, write_tables
from music_emotion.report.result_tables import (
    Cell,
    Column,
    Table,
    all_tables,
    overview,
    span,
    worth,
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
    table = Table(
        "some-name",
        "50 % of a_b",
        (Column("model"), Column("accuracy", better=1)),
        ((Cell("my_model:{x}"), Cell("46.8", "42.2–51.5", 46.8, is_best=True)),),
        ((Cell("ceiling"), Cell("> 24")),),
    )
    assert booktabs(table).splitlines() == [
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
    assert escape("\\ & $ # ~ ^") == (
        r"\textbackslash{} \& \$ \# \textasciitilde{} \textasciicircum{}"
    )


def test_a_file_per_table(planted, tmp_path) -> None:
    tables = all_tables(read_document(planted.folder))
    files = write_tables(tmp_path, tables)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    for file in files:
        text = file.read_text()
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


def test_a_dash_is_no_sign() -> None:
    assert span("42.2", "51.5") == "42.2–51.5"
    assert span("-0.139", "-0.005") == "-0.139 to -0.005"
    assert span("-0.1", "0.2") == "-0.1 to 0.2"

"""Tables in LaTeX, for papers; they need the package ``booktabs``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from music_emotion.evaluation.cells import write_atomically
from music_emotion.report.result_tables import Cell, Table

ESCAPES = {
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


def write_tables(folder: Path, tables: Sequence[Table]) -> list[Path]:
    """Write a file per table, ``NAME.tex``, and return them."""
    paths = [folder / f"{table.name}.tex" for table in tables]
    for path, table in zip(paths, tables, strict=True):
        write_atomically(path, booktabs(table).encode())
    return paths


def booktabs(table: Table) -> str:
    """Return a table as a LaTeX float, the best value of each column in bold."""
    numbers = "r" * (len(table.columns) - 1)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(table.caption)}.}}",
        rf"  \label{{tab:{table.name}}}",
        rf"  \begin{{tabular}}{{l{numbers}}}",
        r"    \toprule",
        _line(escape(column.title) for column in table.columns),
        r"    \midrule",
        *(_line(map(_cell, row)) for row in table.rows),
    ]
    if table.foot:
        lines += [r"    \midrule", *(_line(map(_cell, row)) for row in table.foot)]
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return plain text as LaTeX prints it."""
    return re.sub("|".join(map(re.escape, ESCAPES)), lambda found: ESCAPES[found[0]], text)


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.is_best and text:
        text = rf"\textbf{{{text}}}"
    return f"{text} ({escape(cell.interval)})" if cell.interval else text


def _line(cells: Iterable[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"

"""CSV as values, to compare what two programs wrote."""

from __future__ import annotations

import csv
import io


def rows_of(text: str) -> list[dict[str, float | str]]:
    """A CSV's rows; a number is written in more ways than one."""

    def value(cell: str) -> float | str:
        try:
            return float(cell)
        except ValueError:
            return cell

    table = csv.DictReader(io.StringIO(text))
    return [{name: value(cell) for name, cell in row.items()} for row in table]

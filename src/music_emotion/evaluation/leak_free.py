"""``leak-free.csv``: one row per model, of the protocols that keep tracks or artists whole.

What others put beside their own figures: accuracy, macro-F1, log-loss, the mean correlation with
the votes and its worth in listeners, each with its interval, the most accurate model under
``artist`` first. A figure that is not known is empty.
"""

from __future__ import annotations

import csv
import io
import math

from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.results import ModelResult
from music_emotion.evaluation.results_file import Document
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import DECIMALS

LEAK_FREE = "leak-free.csv"
LEAKS = "segment"
FIGURES = ("accuracy", "macro_f1", "log_loss", "mean_pearson_r")
COLUMNS = (
    *("protocol", "target", "model", "tracks", "fold_seeds"),
    *(f"{name}{end}" for name in (*FIGURES, "worth_in_listeners") for end in ("", "_low", "_high")),
)


def leak_free_csv(document: Document) -> str:
    """Return the text of ``leak-free.csv``.

    Examples
    --------
    >>> COLUMNS[:6]
    ('protocol', 'target', 'model', 'tracks', 'fold_seeds', 'accuracy')
    """
    rows = [row for row in document.rows if row.protocol != LEAKS]
    rows.sort(key=lambda row: (-PROTOCOLS.index(row.protocol), -row.headline["accuracy"].value))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, rows))
    return text.getvalue()


def _cells(row: ModelResult) -> list[str]:
    cells = [row.protocol, row.target, row.model, str(row.n), str(len(row.seeds))]
    for name in FIGURES:
        cells += _digits(row.headline.get(name))
    size = None if row.worth is None else row.worth.by_r
    return cells + _digits(None if size is None else Estimate(size.value, size.low, size.high))


def _digits(estimate: Estimate | None) -> list[str]:
    if estimate is None:
        return ["", "", ""]
    values = (estimate.value, estimate.low, estimate.high)
    return [f"{round(v, DECIMALS) + 0.0:.4f}" if math.isfinite(v) else "" for v in values]

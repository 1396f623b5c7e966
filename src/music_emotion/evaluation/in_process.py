"""A comparison in this process, without a terminal: for notebooks and small data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.cells import Cell, CellName
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.output import provenance_entry
from music_emotion.evaluation.plan import Comparison
from music_emotion.evaluation.results import Results, collect
from music_emotion.evaluation.runner import Failure
from music_emotion.evaluation.schedule import Schedule
from music_emotion.features.compute import feature_key
from music_emotion.features.extract import CorpusFeatures


class Silence:
    """Is told what a comparison does and keeps it to itself."""

    def __init__(self) -> None:
        self.trained = 0

    def message(self, line: str) -> None:
        """Say nothing."""

    def planned(self, pending: Sequence[CellName], done: int, schedule: Schedule) -> None:
        """Say nothing."""

    def started(self, name: CellName) -> None:
        """Say nothing."""

    def progressed(self, name: CellName, done: int, total: int) -> None:
        """Say nothing."""

    def finished(self, cell: Cell) -> None:
        """Count the cell."""
        self.trained += 1

    def failed(self, failure: Failure) -> None:
        """Say nothing: the failure is raised at the end."""


def compare_in_process(
    comparison: Comparison, corpus: Corpus, features: CorpusFeatures, *, out: Path, caller: str
) -> tuple[Results, dict[str, Any]]:
    """Train what is missing in a folder and score everything in it.

    Parameters
    ----------
    comparison
        What is to be compared.
    corpus
        The tracks.
    features
        At least the features that the models need.
    out
        Folder of the results; what is there already is not trained again.
    caller
        What is recorded as the command, for example the notebook's name.

    Returns
    -------
    (Results, dict)
        The figures, and the record of this run for
        :func:`~music_emotion.report.comparison.write_report`.

    Raises
    ------
    EvaluationError
        If a cell could not be trained or the corpus is too small.
    """
    from music_emotion.models.registry import MODEL_NAMES

    reporter, started = Silence(), time.monotonic()
    truth, failures = compare(
        comparison,
        corpus,
        features.track,
        features.arrays,
        feature_versions={name: feature_key(name).folder for name in features.arrays},
        out=out,
        jobs=0,
        reporter=reporter,
    )
    if failures:
        raise EvaluationError(f"{failures[0].name} could not be trained: {failures[0].line}")
    entry = provenance_entry([], reporter.trained, time.monotonic() - started)
    return collect(out, truth, MODEL_NAMES), {**entry, "command": caller}

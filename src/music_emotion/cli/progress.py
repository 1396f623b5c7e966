"""What commands say of how they get on; bars stand on the error stream, if it is a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from music_emotion.datasets.corpus import Corpus
    from music_emotion.evaluation.cells import Cell, CellName
    from music_emotion.evaluation.schedule import Schedule
    from music_emotion.evaluation.train_cell import Failure
    from music_emotion.features.extract import CorpusFeatures
    from music_emotion.progress import Progress

FIRST_ESTIMATE_SECONDS = 20.0
"""After how long the time left is said where it was not known at the start."""


@contextmanager
def progress_bar(
    description: str, *, in_bytes: bool = False, transient: bool = False
) -> Iterator[Progress]:
    """Show a bar with the time left while the block runs.

    Amounts are shown as a count, or ``in_bytes`` with their rate; a ``transient`` bar leaves
    nothing behind.
    """
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:  # rich before 15 ends even a bar that is not shown with a new line
        yield lambda done, total: None
        return
    count = [progress.MofNCompleteColumn()]
    rate = [progress.DownloadColumn(), progress.TransferSpeedColumn()]
    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        *(rate if in_bytes else count),
        progress.TimeRemainingColumn(),
        console=console,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # a pipe or a file is not the bar's business
    ) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield update


def extract_with_bar(
    corpus: Corpus, names: Sequence[str], jobs: int, *, description: str = "features"
) -> CorpusFeatures:
    """Return features of a corpus, from the cache where they are; shows a bar meanwhile.

    As many ``jobs`` as there are cores work on it where they are 0.
    """
    from music_emotion.features.cache import FeatureStore
    from music_emotion.features.extract import extract_corpus
    from music_emotion.parallel import available_cores

    with progress_bar(description) as progress:
        return extract_corpus(
            corpus,
            names,
            store=FeatureStore.default(),
            jobs=jobs or available_cores(),
            progress=progress,
        )


def _in_words(seconds: float) -> str:
    """Return a time for people, as the tables of a comparison have it."""
    from music_emotion.report.tables import duration

    return duration(seconds)


class CellProgress:
    """Says how a comparison gets on: a line per finished cell, a bar with the time left."""

    def __init__(self, console: Console, jobs: int) -> None:
        from rich import progress

        self._console = console
        self._jobs = jobs
        self._waiting: dict[CellName, None] = {}
        self._running: dict[CellName, None] = {}
        self._schedule: Schedule  # from when it is planned
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, left="", visible=False)
        self._started = time.monotonic()
        self._first_estimate = math.inf  # when the time left is said, for readers of a log
        self.total = self.trained = self._failed = 0

    def __enter__(self) -> CellProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    def message(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def planned(self, pending: Sequence[CellName], done: int, schedule: Schedule) -> None:
        """Say how much is to be done."""
        self._waiting, self._schedule = dict.fromkeys(pending), schedule
        self.total = len(pending)
        if not pending:
            self.message(f"nothing to train: all {done} cells are there")
            return
        there = f", {done} are there already" if done else ""
        left = schedule.seconds_left(pending, self._jobs)
        long = f", about {_in_words(left)}" if left is not None else ""
        jobs = f"{self._jobs} process{'es' if self._jobs > 1 else ''}"
        self.message(f"training {len(pending)} cells in {jobs}{there}{long}")
        if left is None:
            self._first_estimate = time.monotonic() + FIRST_ESTIMATE_SECONDS
        self._bar.update(self._task, total=len(pending), visible=True)

    def started(self, name: CellName) -> None:
        """Show that a cell is being trained."""
        self._waiting.pop(name, None)
        self._running[name] = None
        self._schedule.started(name)
        self._refresh()

    def progressed(self, name: CellName, done: int, total: int) -> None:
        """Sharpen the estimate of the time left; say it once before the first cell is done."""
        self._schedule.progressed(name, done / max(total, 1))
        if time.monotonic() >= self._first_estimate and (left := self._left()):
            self._first_estimate = math.inf
            self.message(left)
        self._refresh()

    def finished(self, cell: Cell) -> None:
        """Say that a cell is done."""
        self._running.pop(cell.name, None)
        self._first_estimate = math.inf
        self.trained += 1
        self._schedule.measured(cell.name, cell.record.seconds)
        times = ", ".join(filter(None, (_in_words(cell.record.seconds), self._left())))
        self.message(f"[{self.trained + self._failed}/{self.total}] {cell.name}: {times}")
        self._refresh()

    def failed(self, failure: Failure) -> None:
        """Say that a cell could not be trained."""
        self._running.pop(failure.name, None)
        self._failed += 1
        self._schedule.stopped(failure.name)
        self.message(f"failed: {failure.name}: {failure.line}")
        self._refresh()

    def _left(self) -> str:
        if not (self._waiting or self._running):
            return ""
        left = self._schedule.seconds_left(self._waiting, self._jobs)
        return "" if left is None or left < 1 else f"about {_in_words(left)} left"

    def _refresh(self) -> None:
        now = "; ".join(f"{n.run.model} {n.run.protocol} {n.fold + 1}" for n in self._running)
        done = self.trained + self._failed
        self._bar.update(self._task, completed=done, description=now, left=self._left())

"""What commands say of how they get on; bars stand on the error stream, if it is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from music_emotion.datasets.corpus import Corpus
    from music_emotion.evaluation.cells import Cell, CellName
    from music_emotion.evaluation.compare import Schedule
    from music_emotion.evaluation.train_cell import Failure
    from music_emotion.features.extract import CorpusFeatures

FIRST_ESTIMATE_SECONDS = 20.0
"""After how long the time left is said where it was not known at the start."""

Update = Callable[[int, int], None]
"""Called with (done, in all); a total of 0 means unknown."""


@contextmanager
def progress_bar(
    description: str, *, in_bytes: bool = False, transient: bool = False
) -> Iterator[Update]:
    """Show a bar with the time left while the block runs.

    Parameters
    ----------
    description
        What is being done.
    in_bytes
        Show amounts as bytes and their rate, not as a count.
    transient
        Leave nothing behind at the end.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    amount = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # a pipe or a file is not the bar's business
    ) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield update


if TYPE_CHECKING:
    from music_emotion.evaluation.cells import Cell, CellName
    from music_emotion.evaluation.compare import Schedule
    from music_emotion.evaluation.train_cell import Failure


def extract_with_bar(
    corpus: Corpus, names: Sequence[str], jobs: int | None, *, description: str = "features"
) -> CorpusFeatures:
    """Return features of a corpus, from the cache where they are; shows a bar meanwhile.

    Parameters
    ----------
    corpus, names
        The tracks, and which features of them.
    jobs
        Processes; 0 or ``None`` takes one per core.
    description
        What is being done.
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


def in_words(seconds: float | None) -> str:
    """Return a time for people: ``45 s``, ``12 min``, ``3.5 h``; ``?`` where it is not known."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class CellProgress:
    """Says how a comparison gets on: a line per finished cell, a bar with the time left."""

    def __init__(self, console: Console, jobs: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = console
        self._jobs = jobs
        self._waiting: dict[CellName, None] = {}
        self._running: dict[CellName, None] = {}
        self._schedule: Schedule | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, left="", visible=False)
        self._started = time.monotonic()
        self._first_estimate: float | None = None
        self.total = 0
        self.trained = 0
        self.failures: list[Failure] = []

    def __enter__(self) -> CellProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
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
        long = f", about {in_words(left)}" if left is not None else ""
        jobs = f"{self._jobs} process{'es' if self._jobs > 1 else ''}"
        self.message(f"training {len(pending)} cells in {jobs}{there}{long}")
        if left is None:
            self._first_estimate = time.monotonic() + FIRST_ESTIMATE_SECONDS
        self._bar.update(self._task, total=len(pending), visible=True)

    def started(self, name: CellName) -> None:
        """Show that a cell is being trained."""
        self._waiting.pop(name, None)
        self._running[name] = None
        if self._schedule is not None:
            self._schedule.started(name)
        self._refresh()

    def progressed(self, name: CellName, done: int, total: int) -> None:
        """Sharpen the estimate of the time left."""
        if self._schedule is not None:
            self._schedule.progressed(name, done / max(total, 1))
        self._estimate_first()
        self._refresh()

    def finished(self, cell: Cell) -> None:
        """Say that a cell is done."""
        self._running.pop(cell.name, None)
        self._first_estimate = None
        self.trained += 1
        if self._schedule is not None:
            self._schedule.measured(cell.name, cell.record.seconds)
        done = self.trained + len(self.failures)
        self.message(
            f"[{done}/{self.total}] {cell.name}: {in_words(cell.record.seconds)}{self._left()}"
        )
        self._refresh(done)

    def failed(self, failure: Failure) -> None:
        """Say that a cell could not be trained."""
        self._running.pop(failure.name, None)
        self.failures.append(failure)
        if self._schedule is not None:
            self._schedule.stopped(failure.name)
        self.message(f"failed: {failure.name}: {failure.line}")
        self._refresh(self.trained + len(self.failures))

    def _estimate_first(self) -> None:
        """Say the time left once before the first cell is done, for readers of a log."""
        if self._first_estimate is not None and time.monotonic() >= self._first_estimate:
            left = self._left()
            if left:
                self._first_estimate = None
                self.message(left.removeprefix(", "))

    def _left(self) -> str:
        if self._schedule is None or not (self._waiting or self._running):
            return ""
        left = self._schedule.seconds_left(self._waiting, self._jobs)
        return "" if left is None else f", about {in_words(left)} left"

    def _refresh(self, done: int | None = None) -> None:
        now = "; ".join(f"{n.run.model} {n.run.protocol} {n.fold + 1}" for n in self._running)
        self._bar.update(self._task, description=now, left=self._left().lstrip(", "))
        if done is not None:
            self._bar.update(self._task, completed=done)

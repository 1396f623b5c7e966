"""Training one cell, in this process or in a worker process of its own."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing import connection as pipes
from multiprocessing import parent_process
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import Cell, CellName, Record
from music_emotion.evaluation.folds import Fold, assert_disjoint, examples
from music_emotion.models.base import Examples, Prediction
from music_emotion.models.registry import create
from music_emotion.training.config import Progress

PROGRESS_INTERVAL = 0.5
"""Seconds between two progress messages of a worker."""


@dataclass(frozen=True, slots=True)
class Task:
    """A cell that is to be trained.

    Attributes
    ----------
    name
        Which cell.
    fold
        The rows to learn from and the rows to predict.
    record
        Key, corpus and number of folds; the rest is filled in when the cell is done.
    settings
        Passed to the model's constructor.
    """

    name: CellName
    fold: Fold
    record: Record
    settings: Mapping[str, Any] = field(default_factory=dict)


class ArraySource(Interface):
    """Where a training finds an array."""

    def open(self) -> NDArray[np.float32]:
        """Return it, read-only."""


@dataclass(frozen=True, slots=True)
class SharedArray:
    """An array in a file that every worker maps into its memory."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def open(self) -> NDArray[np.float32]:
        """Map the array, read-only."""
        return np.memmap(
            self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape
        )


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker needs to know once.

    Attributes
    ----------
    corpus
        The tracks.
    track
        Index of each segment's track, shape (n,).
    features
        Feature arrays by name.
    threads
        Threads of one training.
    """

    corpus: Corpus
    track: NDArray[np.int64]
    features: Mapping[str, ArraySource]
    threads: int

    def examples(self, task: Task) -> Examples:
        """Return all segments as the task's protocol sees them."""
        arrays = {name: shared.open() for name, shared in self.features.items()}
        return examples(self.corpus, arrays, self.track, task.name.run.protocol)


def training_seed(seed: int, fold: int) -> int:
    """Return the seed a fold is trained with; it depends on the fold seed and the fold alone."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0] % 2**31)


def train_cell(task: Task, workplace: Workplace, progress: Progress | None = None) -> Cell:
    """Train a model on the training part of a fold and predict the test part."""
    started = time.perf_counter()
    run = task.name.run
    everything = workplace.examples(task)
    assert_disjoint(run.protocol, workplace.corpus, workplace.track, task.fold)
    model = create(run.model, **task.settings)
    report = model.fit(
        everything.take(task.fold.train),
        target=run.target,
        seed=training_seed(run.seed, task.name.fold),
        progress=progress,
    )
    test = without_truth(everything.take(task.fold.test))
    unit, prediction = mean_over_units(model.predict(test), test.unit)
    record = replace(
        task.record,
        seconds=round(time.perf_counter() - started, 2),
        threads=workplace.threads,
        history={
            name: [float(f"{value:.5g}") for value in curve]
            for name, curve in report.history.items()
        },
        best_epoch=report.best_epoch,
        notes=report.notes,
        parameters=report.parameters,
    )
    return Cell(task.name, unit, prediction.emotions, prediction.intensities, record)


def without_truth(test: Examples) -> Examples:
    """Blank labels and votes, so that no model can look at them when it predicts."""
    return replace(
        test,
        label=np.zeros_like(test.label),
        vote_fractions=np.zeros_like(test.vote_fractions),
        listeners=np.ones_like(test.listeners),
    )


def mean_over_units(
    prediction: Prediction, unit: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Prediction]:
    """Average a prediction over the rows of each unit.

    Returns
    -------
    (array of shape (units,), Prediction)
        The units in increasing order and the mean of their rows, float32.

    Raises
    ------
    MusicEmotionError
        If the model returned something other than one finite row per example.
    """
    units, position, counts = np.unique(unit, return_inverse=True, return_counts=True)
    means = []
    for rows in (prediction.emotions, prediction.intensities):
        values = np.asarray(rows, dtype=np.float64)
        if len(values) != len(unit) or not np.isfinite(values).all():
            raise MusicEmotionError("the model's prediction is not one finite row per segment")
        totals = np.zeros((len(units), values.shape[1]))
        np.add.at(totals, position, values)
        means.append((totals / counts[:, None]).astype(np.float32))
    return units, Prediction(*means)


# --- In a process of its own ---------------------------------------------------------------------


def work(pipe: pipes.Connection[Any, Any], workplace: Workplace) -> None:
    """Train the tasks that come through the pipe until it closes or the parent dies.

    Answers are ``("progress", done, total)``, ``("done", cell)`` and ``("failed", line, details)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            task: Task | None = pipe.recv()
        except EOFError:
            return
        if task is None:
            return
        try:
            answer: tuple[Any, ...] = ("done", train_cell(task, workplace, _reporter(pipe)))
        except MusicEmotionError as error:
            answer = ("failed", str(error), "")
        except Exception as error:  # a bug in one model must not end the others' work
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            answer = ("failed", line, traceback.format_exc())
        pipe.send(answer)


def _reporter(pipe: pipes.Connection[Any, Any]) -> Progress:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_INTERVAL:
            last = now
            pipe.send(("progress", done, total))

    return report


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        pipes.wait([parent.sentinel])
        os._exit(1)

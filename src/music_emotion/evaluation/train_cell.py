"""Training one cell: a model learns from one part of the data and predicts another."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import Cell, CellName, Record
from music_emotion.evaluation.folds import Fold, assert_disjoint, examples
from music_emotion.models.base import RATED, Examples, Prediction, Target, learned
from music_emotion.models.pooling import pool_rows
from music_emotion.models.registry import create
from music_emotion.progress import Progress


@dataclass(frozen=True, slots=True)
class Task:
    """A cell that is to be trained."""

    name: CellName
    fold: Fold  #: the rows to learn from and the rows to predict
    record: Record  #: key, corpus and number of folds; the rest is filled in when the cell is done
    settings: Mapping[str, Any] = field(default_factory=dict)  #: passed to the model's constructor


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that could not be trained: why, in one line, and a traceback where it was a bug."""

    name: CellName
    line: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class SharedArray:
    """An array in a file that every worker maps into its memory, read-only."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def open(self) -> NDArray[np.float32]:
        """Map the array."""
        return np.memmap(
            self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape
        )


@dataclass(frozen=True, slots=True)
class Workplace:
    """What all trainings share."""

    corpus: Corpus
    track_index: NDArray[np.int64]  #: index of each segment's track, shape (n,)
    #: feature arrays by name, each as it is or where it is found
    features: Mapping[str, NDArray[np.float32] | SharedArray]
    threads: int  #: threads of one training

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The features, those in files mapped."""
        return {
            name: values.open() if isinstance(values, SharedArray) else values
            for name, values in self.features.items()
        }


def training_seed(seed: int, fold: int, training: int = 0) -> int:
    """Return the seed a fold is trained with.

    It depends on the fold seed, the fold and which of several trainings it is alone.
    """
    words = [seed, fold, training] if training else [seed, fold]
    return int(np.random.SeedSequence(words).generate_state(1)[0] % 2**31)


def train_cell(task: Task, workplace: Workplace, progress: Progress | None = None) -> Cell:
    """Train a model on the training part of a fold and predict the test part."""
    started = time.perf_counter()
    run = task.name.run
    everything = examples(
        workplace.corpus,
        workplace.arrays,
        workplace.track_index,
        run.protocol,
        over_time=run.target == "ratings-over-time",
    )
    assert_disjoint(run.protocol, workplace.corpus, workplace.track_index, task.fold)
    model = create(run.model, **task.settings)
    report = model.fit(
        everything.take(task.fold.train),
        target=learned(run.target),
        seed=training_seed(run.seed, task.name.fold, run.training),
        progress=progress,
    )
    test = without_truth(everything.take(task.fold.test))
    unit, prediction = mean_over_units(model.predict(test), test.unit)
    _check_ratings(prediction, workplace.corpus, run.target)
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
    return Cell(
        task.name, unit, prediction.emotions, prediction.intensities, record, prediction.ratings
    )


def _check_ratings(prediction: Prediction, corpus: Corpus, target: Target) -> None:
    """Raise unless a model that learned ratings, and no other, predicts one per scale."""
    scales = len(corpus.scales) if target in RATED else 0
    predicted = 0 if prediction.ratings is None else prediction.ratings.shape[1]
    if predicted != scales:
        raise MusicEmotionError(
            f"the model predicts ratings on {predicted} scales, and there are {scales} to predict"
        )


def try_cell(task: Task, workplace: Workplace, progress: Progress | None = None) -> Cell | Failure:
    """Train a cell; a model that refuses or fails is an answer and does not end others' work."""
    try:
        return train_cell(task, workplace, progress)
    except MusicEmotionError as error:
        return Failure(task.name, str(error))
    except Exception as error:  # a bug in one model
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        return Failure(task.name, line, traceback.format_exc())


def without_truth(test: Examples) -> Examples:
    """Blank labels, votes and ratings, so that no model can look at them when it predicts."""
    return replace(
        test,
        ratings=None,
        raters=None,
        label=np.zeros_like(test.label),
        vote_fractions=np.zeros_like(test.vote_fractions),
        listeners=np.ones_like(test.listeners),
    )


def mean_over_units(
    prediction: Prediction, unit: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Prediction]:
    """Return the units (units,), in increasing order, and the mean of the rows of each, float32.

    Raises
    ------
    MusicEmotionError
        If the model returned something other than one finite row per example.
    """
    units, unit_of_row = np.unique(unit, return_inverse=True)

    def mean(rows: NDArray[np.floating]) -> NDArray[np.float32]:
        values = np.asarray(rows, dtype=np.float64)
        if len(values) != len(unit) or not np.isfinite(values).all():
            raise MusicEmotionError("the model's prediction is not one finite row per segment")
        return pool_rows(values, unit_of_row, ("mean",)).astype(np.float32)

    return units, Prediction(
        mean(prediction.emotions),
        mean(prediction.intensities),
        None if prediction.ratings is None else mean(prediction.ratings),
    )

"""The tracks that a model gets most wrong, from the predictions in an output folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.bootstrap import sum_by_group
from music_emotion.evaluation.cells import Cell, CellStore, GroundTruth
from music_emotion.evaluation.folds import Protocol
from music_emotion.models.base import RATED, Target

Key = tuple[Protocol, Target, str]
"""Protocol, target and model."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A track on which a model named another emotion than most listeners."""

    track_index: int  #: index in the corpus
    id: str
    genre: str
    label: int  #: index of the emotion that most listeners felt
    called: int  #: index of the one that the model named
    #: probability that the model gave to ``label``, 0–1, averaged over fold seeds (and, under
    #: ``segment``, over the tested segments of the track)
    given: float
    confidence: float  #: the same of ``called``


def worst_tracks(out: Path, truth: GroundTruth, count: int) -> Mapping[Key, tuple[Mistake, ...]]:
    """Return for each model the ``count`` tracks to whose emotion it gave the least probability.

    Tracks that the model got right are never among them.

    Raises
    ------
    EvaluationError
        If a file of predictions is damaged or does not fit the truth.
    """
    cells: dict[Key, list[Cell]] = defaultdict(list)
    for run, folds in CellStore(out).complete_runs():
        if run.target in RATED:  # nothing is named, so nothing wrongly
            continue
        cells[run.protocol, run.target, run.model] += [
            cell for cell in folds if cell.record.fingerprint == truth.fingerprint
        ]
    return {key: _worst(key, some, truth, count) for key, some in cells.items() if some}


def _worst(key: Key, cells: list[Cell], truth: GroundTruth, count: int) -> tuple[Mistake, ...]:
    unit = np.concatenate([cell.unit for cell in cells])
    emotions = np.concatenate([cell.emotions for cell in cells]).astype(np.float64)
    last = len(truth.track_index if key[0] == "segment" else truth.ids) - 1
    if len(unit) and not (unit.min() >= 0 and unit.max() <= last):
        raise EvaluationError(
            f"the predictions of {key[2]} under {key[0]} name items that the corpus does not have: "
            "delete them and run compare again"
        )
    track_index = truth.track_index[unit] if key[0] == "segment" else unit
    tested, place = np.unique(track_index, return_inverse=True)
    mean = sum_by_group(emotions, place, len(tested)) / np.bincount(place)[:, None]
    label = truth.label[tested]
    given, called = mean[np.arange(len(tested)), label], mean.argmax(axis=1)
    order = np.argsort(given, kind="stable")
    return tuple(
        Mistake(
            track_index=int(tested[i]),
            id=str(truth.ids[tested[i]]),
            genre=str(truth.genre[tested[i]]),
            label=int(label[i]),
            called=int(called[i]),
            given=float(given[i]),
            confidence=float(mean[i, called[i]]),
        )
        for i in order[called[order] != label[order]][:count]
    )

"""Training a model on a whole corpus, for use and not for figures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.evaluation.folds import examples
from music_emotion.evaluation.plan import check_learns_ratings, check_target
from music_emotion.evaluation.provenance import record_command
from music_emotion.models.base import RATED, FitReport, Model, Target, learned
from music_emotion.models.checkpoint import check_saveable, save_fitted
from music_emotion.models.registry import KERNEL_NAMES, create
from music_emotion.progress import Progress, part_of


def refit(
    name: str,
    corpus: Corpus,
    track_index: NDArray[np.int64],
    features: Mapping[str, NDArray[np.float32]],
    out: Path,
    *,
    target: Target,
    seed: int,
    settings: Mapping[str, Any],
    arguments: Sequence[str],
    progress: Progress | None = None,
) -> FitReport:
    """Train a model on all tracks and save it.

    For ``ratings-over-time`` it is trained twice: on the ratings of whole tracks, and on by how
    much moments differ from them. Both are saved, and the report is that of the first with the
    notes of both.

    The validation part that early stopping watches is still cut out, whole artists at a time, as
    it is inside every training part of the ``artist`` protocol.

    ``name`` is one of the registry, ``out`` the model's folder; ``arguments``, the command line,
    are written down in it.

    Raises
    ------
    ModelError, EvaluationError
        As :func:`check_trainable` does.
    """
    started = time.perf_counter()
    model = create(name, **settings)
    check_trainable(model, target, corpus)
    follows = target == "ratings-over-time"
    first, second = (part_of(progress, i, 2) if follows else progress for i in range(2))
    seen = examples(corpus, features, track_index, "artist")
    report = model.fit(seen, target=learned(target), seed=seed, progress=first)
    course: Model | None = None
    if follows:
        course = create(name, **settings)
        moments = examples(corpus, features, track_index, "artist", over_time=True)
        of_course = course.fit(moments, target=learned(target), seed=seed, progress=second)
        notes = (f"over time: {note}" for note in of_course.notes)
        report = replace(report, notes=(*report.notes, *notes))
    kept = {key: value for key, value in settings.items() if key != "device"}
    provenance = {
        **asdict(record_command(arguments, 1, time.perf_counter() - started)),
        "data": {
            "name": corpus.name,
            "tracks": len(np.unique(track_index)),
            "fingerprint": corpus.fingerprint,
            "note": corpus.note,
        },
        "seed": seed,
        "parameters": report.parameters,
        "best_epoch": report.best_epoch,
        "notes": list(report.notes),
        "history": report.history,
    }
    save_fitted(
        out,
        model,
        target=target,
        settings=kept,
        provenance=provenance,
        scales=corpus.scales if target in RATED else (),
        course=course,
    )
    return report


def check_trainable(model: Model, target: Target, corpus: Corpus) -> None:
    """Raise unless a model can learn this from these data and be kept.

    Raises
    ------
    ModelError
        The model is not of a kind that can be saved, or cannot learn ratings and is to.
    EvaluationError
        The corpus does not have what is to be learned.
    """
    check_saveable(model)
    check_target(target, corpus)
    if target in RATED:
        check_learns_ratings([model])


def default_target(name: str, *, has_votes: bool, has_labels: bool = True) -> Target:
    """Return what a model learns where nobody says: what the shipped one of its name has learned.

    Ratings where there is nothing else.

    >>> default_target("light", has_votes=True), default_target("svm", has_votes=False)
    ('votes', 'label')
    """
    if not has_labels:
        return "ratings"
    return "votes" if name in KERNEL_NAMES and has_votes else "label"

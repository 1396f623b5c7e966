"""Catalogued tracks with known answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import Timeline, TrackPrediction
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import CatalogueTrack, Tags


def course(
    emotions: Sequence[Sequence[float]] | np.ndarray,
    intensities: Sequence[Sequence[float]] | np.ndarray | None = None,
    *,
    seconds: float = 3.0,
    window: float = 3.0,
) -> Timeline:
    """A timeline of points ``seconds`` apart; valence rises from 0 by tenths, arousal falls."""
    rows = np.asarray(emotions, np.float32)
    count = len(rows)
    middle, half = seconds * (np.arange(count) + 0.5), window / 2
    return Timeline(
        start=np.maximum(middle - half, 0.0),
        end=np.minimum(middle + half, count * seconds),
        section=np.zeros(count, np.int64),
        weight=np.full(count, seconds),
        emotions=rows,
        intensities=rows if intensities is None else np.asarray(intensities, np.float32),
        valence=np.arange(count, dtype=np.float32) / 10,
        arousal=-np.arange(count, dtype=np.float32) / 10,
        window=window,
    )


def prediction(seconds: float = 180.0, **intensities: float) -> TrackPrediction:
    """What feels as named, and a little of everything else."""
    felt = np.array([intensities.get(name, 0.05) for name in EMOTIONS], np.float32)
    emotions = felt / felt.sum()
    points = np.stack([emotions, np.full(9, 1 / 9, np.float32)]).astype(np.float32)
    return TrackPrediction(
        path="",
        duration=seconds,
        model="tones",
        version="1",
        emotions=emotions,
        intensities=felt,
        confidence=0.5,
        valence=0.25,
        arousal=-0.5,
        timeline=course(points),
        standing=felt,
        familiarity=0.75,
        warnings=("a note",),
    )


def track(name: str, artist: str = "", **fields: Any) -> CatalogueTrack:
    """A predicted file; emotions are named, other fields are the row's own."""
    felt = {emotion: fields.pop(emotion) for emotion in EMOTIONS if emotion in fields}
    seconds = fields.pop("seconds", 180.0)
    path = f"/music/{name}"
    plain = CatalogueTrack(
        path,
        FileStamp(100, 200, 300),
        name.encode().ljust(16, b".")[:16],
        Tags(artist=artist, title=name),
        replace(prediction(seconds, **felt), path=path),
        model_sha256="1" * 64,
        scanned_at=1_700_000_000,
    )
    return replace(plain, **fields)


def row_of(catalogue: Catalogue, path: str | Path) -> CatalogueTrack:
    """The row of a file, which is catalogued."""
    found = catalogue.track(str(path))
    assert found is not None
    return found

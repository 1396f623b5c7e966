"""Catalogued tracks with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import Timeline, TrackPrediction
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import CatalogueTrack, Tags


def prediction(seconds: float = 180.0, **intensities: float) -> TrackPrediction:
    """What feels as named, and a little of everything else."""
    felt = np.array([intensities.get(name, 0.05) for name in EMOTIONS], np.float32)
    emotions = felt / felt.sum()
    points = np.stack([emotions, np.full(9, 1 / 9, np.float32)]).astype(np.float32)
    timeline = Timeline(np.array([1.5, 4.5]), points, 3.0)
    return TrackPrediction("", seconds, "tones", "1", emotions, felt, 0.5, timeline, ("a note",))


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

"""Real segments for the features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from music_emotion.audio import read_audio
from music_emotion.features.segments import SAMPLE_RATE, cut_segments

TRACKS = ("classical/73", "rock/12", "electronic/46", "pop/60")


@pytest.fixture(scope="session")
def real_segments(emotify_root: Path) -> np.ndarray:
    """A segment of one track of each genre, (4, 66150): the first, where music may fade in."""
    paths = [emotify_root / "emotifymusic" / f"{name}.mp3" for name in TRACKS]
    return np.stack(
        [cut_segments(read_audio(path, SAMPLE_RATE, duration=3.5))[0] for path in paths]
    )

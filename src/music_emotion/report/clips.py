"""Short excerpts of music as data, for a page that must hold all it needs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

CLIP_SECONDS = 15.0
CLIP_RATE = 22_050  # Hz
LEVEL = 0.9
"""Highest sample of a clip, of 1."""


def clip_data_uri(path: Path, *, seconds: float = CLIP_SECONDS) -> str:
    """Return the beginning of an audio file as a ``data:`` address of a mono MP3.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    import soundfile

    from music_emotion.audio.reading import read_audio

    samples = read_audio(path, CLIP_RATE, duration=seconds)
    samples = samples * (LEVEL / max(LEVEL, float(np.abs(samples).max(initial=0.0))))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, CLIP_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()

"""Synthesised pieces to try the page with: one per emotion, and one that goes through several."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np

from music_emotion.datasets.synthesis import SAMPLE_RATE, STYLES, Signal, draw_timbre, play
from music_emotion.emotions import GEMS
from music_emotion.web.schemas import ExampleOut

SECONDS = 15.0  # of a piece with one emotion
PART_SECONDS = 15.0  # of each emotion in the journey
FADE_SECONDS = 3.0  # between two of them
SEED = 5
JOURNEY = "journey"
STATIONS = ("calmness", "tenderness", "joyful_activation", "power", "tension", "sadness")

EXAMPLES = (
    ExampleOut(
        name=JOURNEY,
        label="a journey",
        description="six moods that flow into one another",
        seconds=len(STATIONS) * (PART_SECONDS - FADE_SECONDS) + FADE_SECONDS,
    ),
    *(
        ExampleOut(
            name=e.name, label=e.label, description=f"meant as: {e.meaning}", seconds=SECONDS
        )
        for e in GEMS
    ),
)


@lru_cache(maxsize=16)
def example_flac(name: str) -> bytes:
    """Return a piece as a FLAC file.

    Raises
    ------
    KeyError
        There is no piece of that name.
    """
    import soundfile

    samples = _journey() if name == JOURNEY else _piece(name, SECONDS)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _piece(emotion: str, seconds: float) -> Signal:
    random = np.random.default_rng([SEED, tuple(STYLES).index(emotion)] if emotion in STYLES else 0)
    return play(STYLES[emotion], draw_timbre(random), seconds, random)


def _journey() -> Signal:
    """Return the stations one after the other, each faded into the next."""
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    rise = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    mix = _piece(STATIONS[0], PART_SECONDS)
    for station in STATIONS[1:]:
        part = _piece(station, PART_SECONDS)
        part[:fade] *= rise
        mix[-fade:] = mix[-fade:] * rise[::-1] + part[:fade]
        mix = np.concatenate([mix, part[fade:]])
    return mix

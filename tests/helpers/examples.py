"""Examples whose votes follow a planted rule."""

from __future__ import annotations

import numpy as np

from music_emotion.models.base import Examples

TRACKS, SEGMENTS = 60, 3


def examples(seed: int = 0, *, noise: float = 0.5) -> Examples:
    """Tracks whose votes follow two hidden directions of two features, by 20 artists."""
    generator = np.random.default_rng(seed)
    track = np.repeat(np.arange(TRACKS), SEGMENTS)
    hidden = generator.normal(size=(TRACKS, 2))
    seen = hidden[track] + 0.3 * generator.normal(size=(len(track), 2))
    features = {
        name: (
            seen @ generator.normal(size=(2, size))
            + noise * generator.normal(size=(len(track), size))
        ).astype(np.float32)
        for name, size in (("musicnn", 12), ("summary", 7))
    }
    features["musicnn"][:, 5] = 3.0  # a dead channel
    logits = hidden @ np.random.default_rng(1).normal(size=(2, 9)) - 1.0
    listeners = generator.integers(11, 40, size=TRACKS)
    votes = generator.binomial(listeners[:, None], 1 / (1 + np.exp(-logits)))
    return Examples(
        features=features,
        rows=np.arange(len(track)),
        track_index=track,
        unit=track,
        group=track % 20,
        label=votes.argmax(axis=1)[track],
        vote_fractions=(votes / listeners[:, None]).astype(np.float32)[track],
        listeners=listeners[track],
        genre=track % 4,
    )

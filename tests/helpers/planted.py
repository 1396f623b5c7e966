"""Small synthetic examples whose emotion can be read off the features."""

from __future__ import annotations

import numpy as np

from music_emotion.models.base import Examples


def planted_examples(
    tracks: int = 30, segments: int = 4, classes: int = 3, seed: int = 0
) -> Examples:
    """Tracks of ``classes`` emotions in turn; feature number = label stands out in every frame."""
    generator = np.random.default_rng(seed)
    track = np.repeat(np.arange(tracks), segments)
    label = track % classes
    n = len(track)
    advanced = generator.normal(size=(n, 130, 45)).astype(np.float32)
    advanced[np.arange(n), :, label] += 3
    log_mel = generator.normal(-40, 5, size=(n, 128, 130)).astype(np.float32)
    for row, number in enumerate(label):
        log_mel[row, 30 * number : 30 * number + 20] += 20
    fractions = np.full((n, 9), 0.1, dtype=np.float32)
    fractions[np.arange(n), label] = 0.8
    return Examples(
        features={
            "advanced": advanced,
            "basic": advanced[:, :, :27],
            "log_mel": log_mel,
            "statistics": advanced.mean(axis=1),
        },
        rows=np.arange(n),
        track_index=track,
        unit=np.arange(n),
        group=track,
        label=label.astype(np.int64),
        vote_fractions=fractions,
        listeners=10 + track % 7,
        genre=track % 2,
    )

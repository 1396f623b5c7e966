"""Tiny corpora made of numbers, for tests that need no sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from music_emotion.datasets.corpus import Corpus, Track

N_EMOTIONS = 9

LABELS = [label for label in range(9) for _ in range(6)]


def corpus_of(
    labels: list[int],
    *,
    groups: list[str] | None = None,
    recordings: list[str] | None = None,
    votes: bool = True,
) -> Corpus:
    """A corpus with the given labels; votes are most for the label, some for its neighbour."""
    tracks = []
    for index, label in enumerate(labels):
        ticks = [1] * N_EMOTIONS
        ticks[label], ticks[(label + 1) % N_EMOTIONS] = 8, 4
        tracks.append(
            Track(
                id=str(index + 1),
                path=Path(f"{index + 1}.wav"),
                label=label,
                genre=("classical", "rock")[index % 2],
                group=groups[index] if groups else f"artist {index // 2}",
                recording=recordings[index] if recordings else "",
                votes=tuple(ticks) if votes else None,
                listeners=12 if votes else 0,
            )
        )
    fingerprint = hashlib.sha256(repr(tracks).encode()).hexdigest()
    return Corpus("tiny", tuple(tracks), fingerprint)


def segments(corpus: Corpus, per_track: int) -> np.ndarray:
    """The track of each segment when every track has the same number of them."""
    return np.repeat(np.arange(len(corpus), dtype=np.int64), per_track)


def points(corpus: Corpus, track: np.ndarray, *, spread: float = 0.4) -> np.ndarray:
    """A feature that tells the emotion fairly well."""
    rng = np.random.default_rng(0)
    centres = np.eye(N_EMOTIONS)[corpus.labels]
    of_track = centres + spread * rng.normal(size=centres.shape)
    return (of_track[track] + 0.1 * rng.normal(size=(len(track), N_EMOTIONS))).astype(np.float32)

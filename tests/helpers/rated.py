"""A corpus whose ratings follow a planted rule of its features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from helpers.corpora import corpus_of, segments
from music_emotion.datasets.corpus import NO_LABEL, Corpus, corpus_fingerprint
from music_emotion.datasets.ratings import Rating, Scale

SCALES = (Scale("valence", -1, 1), Scale("arousal", 1, 9))
RATERS = 16
SCATTER = (0.4, 2.0)
"""Standard deviation of single raters on each scale."""


def rated_corpus(
    tracks: int = 60, *, labels: bool = False, per_track: int = 3, seed: int = 0
) -> tuple[Corpus, np.ndarray, dict[str, np.ndarray]]:
    """Return tracks by artists of three, each segment's track, and features that tell the ratings.

    Valence follows one hidden direction of the features and arousal another.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(tracks, 2))
    means = np.column_stack([0.5 * np.tanh(hidden[:, 0]), 5 + 2 * np.tanh(hidden[:, 1])])
    plain = corpus_of([index % 9 for index in range(tracks)], votes=labels)
    rated = [
        replace(
            track,
            label=track.label if labels else NO_LABEL,
            group=f"artist {index // 3}",
            ratings=tuple(
                Rating(float(mean), spread, RATERS)
                for mean, spread in zip(means[index], SCATTER, strict=True)
            ),
        )
        for index, track in enumerate(plain.tracks)
    ]
    corpus = replace(
        plain,
        tracks=tuple(rated),
        scales=SCALES,
        fingerprint=corpus_fingerprint(rated, SCALES),
    )
    track = segments(corpus, per_track)
    seen = hidden[track] + 0.2 * rng.normal(size=(len(track), 2))
    features = {
        name: (seen @ rng.normal(size=(2, size))).astype(np.float32)
        for name, size in (("musicnn", 6), ("summary", 5), ("statistics", 360))
    }
    return corpus, track, features

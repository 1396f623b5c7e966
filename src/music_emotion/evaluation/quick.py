"""A small comparison that only shows that everything runs."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

from music_emotion.datasets.track import Corpus

QUICK_TRACKS = 3
"""Tracks per emotion."""

QUICK_FOLDS = 2

QUICK_SETTINGS = {"max_epochs": 1}
"""Training settings of a quick comparison."""

QUICK_NOTE = "Made with --quick: the figures show that the machinery works and nothing else."


def quick_corpus(corpus: Corpus) -> Corpus:
    """Return three tracks per emotion, of as many artists as possible."""
    chosen: list[int] = []
    for label in sorted({track.label for track in corpus.tracks}):
        taken: Counter[str] = Counter()
        candidates = [i for i, track in enumerate(corpus.tracks) if track.label == label]
        ranked = []
        for index in candidates:
            artist = corpus.tracks[index].group or corpus.tracks[index].id
            ranked.append((taken[artist], index))
            taken[artist] += 1
        chosen += [index for _, index in sorted(ranked)[:QUICK_TRACKS]]
    tracks = tuple(corpus.tracks[index] for index in sorted(chosen))
    ids = " ".join(track.id for track in tracks)
    return replace(
        corpus,
        name=f"{corpus.name}-quick",
        tracks=tracks,
        fingerprint=hashlib.sha256(f"{corpus.fingerprint} {ids}".encode()).hexdigest(),
        note=f"{QUICK_NOTE} {corpus.note}".strip(),
    )

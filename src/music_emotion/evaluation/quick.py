"""A small comparison that only shows that everything runs."""

from __future__ import annotations

from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sample import sample_corpus

QUICK_TRACKS = 3
"""Tracks per emotion."""

QUICK_FOLDS = 2

QUICK_SETTINGS = {"max_epochs": 1}
"""Training settings of a quick comparison."""

QUICK_NOTE = "Made with --quick: the figures show that the machinery works and nothing else."


def quick_corpus(corpus: Corpus) -> Corpus:
    """Return three tracks per emotion, of as many artists as possible."""
    return sample_corpus(corpus, QUICK_TRACKS, name="quick", note=QUICK_NOTE)

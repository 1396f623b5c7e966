"""A small part of a corpus, for a quick look."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

from music_emotion.datasets.corpus import Corpus


def sample_corpus(corpus: Corpus, tracks_per_emotion: int, *, name: str, note: str) -> Corpus:
    """Return a few tracks per emotion, of as many artists and genres as possible.

    Parameters
    ----------
    corpus
        The whole.
    tracks_per_emotion
        How many; all where an emotion has fewer.
    name
        Is added to the name of the corpus: ``emotify`` becomes ``emotify-name``.
    note
        What readers of results on this part must know; stands before the note of the whole.
    """
    chosen: list[int] = []
    for label in sorted({track.label for track in corpus.tracks}):
        by_artist: Counter[str] = Counter()
        by_genre: Counter[str] = Counter()
        ranked = []
        for index, track in enumerate(corpus.tracks):
            if track.label != label:
                continue
            artist = track.group or track.id
            ranked.append((by_artist[artist], by_genre[track.genre], index))
            by_artist[artist] += 1
            by_genre[track.genre] += 1
        chosen += [index for _, _, index in sorted(ranked)[:tracks_per_emotion]]
    tracks = tuple(corpus.tracks[index] for index in sorted(chosen))
    ids = " ".join(track.id for track in tracks)
    return replace(
        corpus,
        name=f"{corpus.name}-{name}",
        tracks=tracks,
        fingerprint=hashlib.sha256(f"{corpus.fingerprint} {ids}".encode()).hexdigest(),
        note=f"{note} {corpus.note}".strip(),
    )

"""Random panels of listeners: the draws that every question in this package starts from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.votes import VoteTable

CHUNK = 25
"""Draws held in memory at once."""


def dominance(scores: NDArray[np.generic]) -> NDArray[np.float64]:
    """Probability of each emotion to be named dominant, ties broken at random.

    Parameters
    ----------
    scores
        Votes or probabilities, shape (…, 9).

    Returns
    -------
    NDArray[np.float64]
        Shape (…, 9), rows sum to 1: 1 for a single highest score, 1/m for each of m that tie.
    """
    highest = scores == scores.max(axis=-1, keepdims=True)
    return np.asarray(highest / highest.sum(axis=-1, keepdims=True), dtype=np.float64)


def halves(
    table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Split each track's listeners into two random halves of equal size, many times.

    Yields
    ------
    tuple of NDArray[np.int64]
        Votes of the first halves, of the second halves, and of the one listener who is left over
        where a track's listeners are odd in number (zeros elsewhere), each of shape
        (≤ CHUNK, tracks, 9).
    """
    listeners = table.listeners
    first = np.cumsum(listeners) - listeners
    size = listeners // 2
    for shuffled in _shuffled_ticks(table, draws, rng):
        total = np.cumsum(shuffled, axis=1, dtype=np.int32)
        total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
        start, middle, end = total[:, first], total[:, first + size], total[:, first + 2 * size]
        rest = total[:, first + listeners] - end
        yield (
            (middle - start).astype(np.int64),
            (end - middle).astype(np.int64),
            rest.astype(np.int64),
        )


def panels(
    table: VoteTable, held_out: int, largest: int, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Hold listeners out at random and let panels of the others grow one by one, many times.

    Parameters
    ----------
    table
        Every track has at least ``held_out + largest`` listeners.
    held_out
        Listeners held out per track.
    largest
        Size of the largest panel.
    draws
        How often.
    rng
        Source of randomness.

    Yields
    ------
    tuple of NDArray[np.float64]
        Vote fractions of the held-out listeners, shape (≤ CHUNK, tracks, 9), and of the panels of
        1 … ``largest`` of the others, shape (≤ CHUNK, tracks, largest, 9).
    """
    listeners = table.listeners
    first = np.cumsum(listeners) - listeners
    rows = first[:, None] + np.arange(held_out + largest)
    for shuffled in _shuffled_ticks(table, draws, rng):
        drawn = shuffled[:, rows]
        votes = np.cumsum(drawn[:, :, held_out:], axis=2, dtype=np.float64)
        yield drawn[:, :, :held_out].mean(axis=2), votes / np.arange(1, largest + 1)[:, None]


def _shuffled_ticks(
    table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int8]]:
    """Yield the ticks, shape (≤ CHUNK, rows, 9), listeners in random order within their track."""
    for done in range(0, draws, CHUNK):
        key = table.track + rng.random((min(CHUNK, draws - done), len(table)))
        yield table.ticks[np.argsort(key, axis=1)]

"""Simulated listeners whose true vote probabilities are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.votes import VoteTable


@dataclass(frozen=True)
class Simulation:
    """Votes drawn from known probabilities, shape (tracks, 9)."""

    table: VoteTable
    truth: NDArray[np.float64]


def simulate(tracks: int, listeners: int, seed: int) -> Simulation:
    """Let listeners tick each emotion with the track's own probability."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(0.8, 3.0, size=(tracks, 9))
    track = np.repeat(np.arange(tracks), listeners)
    ticks = (rng.random((len(track), 9)) < truth[track]).astype(np.int8)
    return Simulation(VoteTable(track, ticks, tuple(str(t) for t in range(tracks))), truth)


def unanimous(tracks: int, listeners: int) -> VoteTable:
    """Let all listeners of a track tick the same one emotion, which differs between tracks."""
    track = np.repeat(np.arange(tracks), listeners)
    ticks = np.eye(9, dtype=np.int8)[track % 9]
    return VoteTable(track, ticks, tuple(str(t) for t in range(tracks)))

"""The emotions that people confuse: what one half of a track's listeners says against the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.votes import VoteTable
from music_emotion.evaluation.agreement.draws import dominance, halves

DRAWS = 400
"""Random halvings to average over."""


@dataclass(frozen=True, slots=True)
class PeopleConfuse:
    """Where listeners of the same track differ.

    Attributes
    ----------
    halves
        Expected number of tracks by what one random half of the listeners names dominant (rows)
        and what the other half names (columns), shape (9, 9), symmetric, summing to the number of
        tracks; ties at random.
    together
        Share of the ticks on the row's emotion whose listener also ticked the column's, shape
        (9, 9), 0–1, diagonal 1; rows of NaN where nobody ticked the emotion.
    """

    halves: NDArray[np.float64]
    together: NDArray[np.float64]


def people_confuse(table: VoteTable, *, seed: int = 0, draws: int = DRAWS) -> PeopleConfuse:
    """Measure which emotions listeners of the same track confuse.

    Parameters
    ----------
    table
        Votes; tracks with fewer than two listeners are left out of ``halves``.
    seed
        The same seed gives the same figures.
    draws
        Random halvings to average over.

    Returns
    -------
    PeopleConfuse
        Half against half, and ticks given together.
    """
    shared = table.take(np.flatnonzero(table.listeners >= 2))
    total = np.zeros((table.ticks.shape[1],) * 2)
    for first, second, _ in halves(shared, draws, np.random.default_rng(seed)):
        total += np.einsum("dti,dtj->ij", dominance(first), dominance(second))
    both = table.ticks.T.astype(np.int64) @ table.ticks.astype(np.int64)
    alone = np.diag(both)[:, None]
    return PeopleConfuse(
        halves=(total + total.T) / (2 * draws),
        together=np.where(alone > 0, both / np.maximum(alone, 1), np.nan),
    )

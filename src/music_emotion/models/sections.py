"""Sections of a track: where one music ends and another begins.

A span that holds two pieces, or two parts of one piece that have little in common, is like neither
of them. Spans therefore end where a section does. Boundaries are peaks of *novelty*: how far the
mean of the segments before a place is from that of the segments after it, as J. Foote proposed
(*Automatic audio segmentation using a measure of audio novelty*, ICME 2000), here without a
checkerboard kernel: the squared distance less what the scatter of so few segments makes of it, so
that a steady track has a novelty of 0 in the mean, however restless it is. The distance is measured
in deviations between the tracks that a model learned from (:class:`Position`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

NOVELTY = 0.9  # squared deviations between tracks; two tracks of one genre differ by about 1
CONTEXT = 4  # segments on each side that novelty is measured from
SHORTEST = 5  # segments of a section
POSITION = "position"  # the output of a graph that gives positions
LEAST_DEVIATION = 1e-9  # a column that varies less between tracks tells no sections


@dataclass(frozen=True, slots=True)
class Position:
    """Where a segment stands among the tracks that a model learned from.

    Attributes
    ----------
    factor
        By feature what its columns are multiplied by, shape (size,): the squared distance of two
        positions is the mean over the features of the mean over their columns of the squared
        difference in deviations between tracks.
    """

    factor: Mapping[str, Floats]

    @classmethod
    def fit(cls, means: Mapping[str, Floats]) -> Position:
        """Take the deviations between tracks from their mean features, each (tracks, size).

        Examples
        --------
        >>> Position.fit({"summary": np.array([[0.0, 5.0], [4.0, 5.0]])}).factor["summary"]
        array([0.35355339, 0.        ])
        """
        factor = {}
        for name, values in means.items():
            deviation = values.std(axis=0)
            root = np.sqrt(len(deviation) * len(means))
            varies = deviation > LEAST_DEVIATION
            factor[name] = np.divide(
                1 / root, deviation, out=np.zeros(len(deviation)), where=varies
            )
        return cls(factor)

    def __call__(self, segments: Mapping[str, NDArray[np.floating]]) -> Floats:
        """Return the positions of n segments, shape (n, all sizes), from features (n, size)."""
        scaled = [segments[name] * factor for name, factor in self.factor.items()]
        return np.concatenate(scaled, axis=1, dtype=np.float64)


def novelty(positions: NDArray[np.floating], place: int) -> float:
    """Return how new what begins with segment ``place`` is; about 0 where the music goes on.

    Parameters
    ----------
    positions
        Of the segments of a track, shape (n, d).
    place
        At least 2 segments lie before it, and 2 from it on.

    Examples
    --------
    >>> novelty(np.array([[0.0], [0.0], [3.0], [3.0]]), 2)
    9.0
    >>> novelty(np.array([[0.0], [2.0], [0.0], [2.0]]), 2)
    -2.0
    """
    before = positions[max(0, place - CONTEXT) : place]
    after = positions[place : place + CONTEXT]
    distance = np.square(before.mean(axis=0) - after.mean(axis=0)).sum()
    scatter = (before.var(axis=0, ddof=1).sum() + after.var(axis=0, ddof=1).sum()) / 2
    return float(distance - scatter * (1 / len(before) + 1 / len(after)))


def number_sections(positions: NDArray[np.floating]) -> Numbers:
    """Return the section of each segment, shape (n,), numbered from 0.

    The newest place becomes a boundary first, then the next, down to a novelty of `NOVELTY`; no
    section is shorter than `SHORTEST` segments.

    Parameters
    ----------
    positions
        Of the segments of a track in their order, shape (n, d).

    Examples
    --------
    >>> number_sections(np.repeat([0.0, 2.0], 6)[:, None])
    array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    """
    count = len(positions)
    values = {at: novelty(positions, at) for at in range(SHORTEST, count - SHORTEST + 1)}
    new = [at for at, value in values.items() if value >= NOVELTY]
    boundaries: list[int] = []
    for at in sorted(new, key=lambda at: -values[at]):
        if all(abs(at - other) >= SHORTEST for other in boundaries):
            boundaries.append(at)
    return np.searchsorted(np.sort(boundaries), np.arange(count), side="right").astype(np.int64)

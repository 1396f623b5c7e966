"""How like the music behind a model a sound is: a linear discriminant, music against other sound.

It looks at a feature pooled over the whole sound, mean and deviation, and was fitted to tell the
music that the model learned from, which is familiar, from sounds that are no music at all: speech,
noise, machines, signals. Music of other kinds is mostly familiar; what is not is told by a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.pooling import pool

UNFAMILIAR = 0.5
"""Familiarity below which an answer means little."""
CLIP = 6.0  # standard deviations; a column further out says no more
STATISTICS = ("mean", "std")

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Discriminant:
    """What tells familiar sound from other.

    Attributes
    ----------
    feature: what it looks at, with one vector of k columns per segment
    mean, scale: that standardise the means and deviations of its columns, shape (2k,)
    weights: of these, shape (2k,)
    offset: added to the weighted sum, whose logistic function is the familiarity
    """

    feature: str
    mean: Array
    scale: Array
    weights: Array
    offset: float

    def __post_init__(self) -> None:
        """Raise ``ValueError`` naming what does not fit together."""
        if self.mean.ndim != 1 or not self.mean.shape == self.scale.shape == self.weights.shape:
            raise ValueError("the weights of familiarity do not fit their columns")

    @property
    def columns(self) -> int:
        """Of the feature."""
        return len(self.mean) // len(STATISTICS)

    def familiarity(self, rows: Array, audible: NDArray[np.bool_]) -> float:
        """Return how familiar a sound is, 0–1; silence is not at all.

        Parameters
        ----------
        rows
            The feature of the sound's segments, shape (n, k).
        audible
            Which of them are more than silence, shape (n,).

        Examples
        --------
        >>> one = np.ones(2, np.float32)
        >>> higher = Discriminant("own", 0 * one, one, np.array([1.0, 0.0]), 0.0)
        >>> higher.familiarity(np.array([[-1.0], [1.0]]), np.array([True, True]))
        0.5
        >>> round(higher.familiarity(np.array([[3.0], [3.0]]), np.array([True, True])), 3)
        0.953
        """
        if not audible.any():
            return 0.0
        inside = standardised(pool(rows[audible], STATISTICS), self.mean, self.scale)
        odds = float(inside @ self.weights.astype(np.float64)) + self.offset
        return 0.5 * (1.0 + math.tanh(odds / 2))  # the logistic function, without overflow


def standardised(
    pooled: NDArray[np.float64], mean: NDArray[np.floating], scale: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return pooled features, shape (…, 2k), in standard deviations.

    Examples
    --------
    >>> standardised(np.array([5.0, 99.0]), np.array([1.0, 1.0]), np.array([0.5, 0.5])).tolist()
    [2.0, 6.0]
    """
    inside: NDArray[np.float64] = np.clip((pooled - mean) * scale, -CLIP, CLIP)
    return inside


def doubted(confidence: float, familiarity: float, *, guess: float) -> float:
    """Return a confidence that falls to that of a guess as a sound becomes unfamiliar.

    Familiar sound keeps its own, and so does one whose familiarity is not known (NaN); below
    :data:`UNFAMILIAR` the two are mixed in proportion. It never rises.

    Examples
    --------
    >>> [round(doubted(0.5, familiarity, guess=0.1), 2) for familiarity in (0.9, 0.5, 0.25, 0.0)]
    [0.5, 0.5, 0.3, 0.1]
    """
    if math.isnan(familiarity) or confidence <= guess:
        return confidence
    share = min(1.0, familiarity / UNFAMILIAR)
    return share * confidence + (1.0 - share) * guess

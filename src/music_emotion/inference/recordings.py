"""Whether a model learned from this very recording: fingerprints of its training tracks.

A fingerprint is the course of a feature over a recording's first minute, segment by segment, in a
few directions in which music differs much and copies of a recording little. Another coding, level
or number of channels moves it hardly, other music far. Sound that begins elsewhere in the recording
is not recognised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_SEGMENTS = 10
"""Audible segments (30 s) that have to agree, or all of a shorter recording: less sound is never
called known."""
STEP = 1 / 16
"""Of the stored numbers, in standard deviations over the recordings' segments."""
CLIP = 5.0  # standard deviations; a column further out says no more

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recordings:
    """Fingerprints of recordings, and how near one has to come.

    Attributes
    ----------
    feature: what they are made of, a feature with one vector of k columns per segment
    mean, scale: that standardise its columns, shape (k,)
    axes: directions that are compared, shape (k, d)
    prints: of r recordings, in steps of :data:`STEP`, shape (r, segments, d), int8
    lengths: segments that each recording has, shape (r,)
    nearest: root mean square distance below which a recording is the same
    """

    feature: str
    mean: Array
    scale: Array
    axes: Array
    prints: NDArray[np.int8]
    lengths: NDArray[np.int16]
    nearest: float

    def __post_init__(self) -> None:
        """Raise ``ValueError`` naming what does not fit together."""
        recordings, segments, directions = self.prints.shape
        columns = len(self.mean)
        if self.mean.shape != self.scale.shape or self.axes.shape != (columns, directions):
            raise ValueError("the directions of recordings do not fit their columns")
        if self.lengths.shape != (recordings,) or self.lengths.max(initial=0) > segments:
            raise ValueError("the lengths of recordings do not fit their fingerprints")

    @property
    def columns(self) -> int:
        """Of the feature."""
        return len(self.mean)

    def __len__(self) -> int:
        return len(self.prints)

    def distances(self, rows: Array, audible: NDArray[np.bool_]) -> Array:
        """Return how far each recording is from a sound, shape (r,); infinite where too short.

        Parameters
        ----------
        rows
            The feature of the sound's segments from its beginning on, shape (n, k).
        audible
            Which of them are more than silence, shape (n,).
        """
        heard = audible[: self.prints.shape[1]]
        points = projected(rows[: len(heard)], self.mean, self.scale, self.axes)
        stored = self.prints[:, : len(heard)] * np.float32(STEP)
        square = np.square(stored - points).mean(axis=2)
        shared = heard & (np.arange(len(heard)) < self.lengths[:, None])
        count = shared.sum(axis=1)
        mean = (square * shared).sum(axis=1) / np.maximum(count, 1)
        enough = (count > 0) & (count >= np.minimum(FEWEST_SEGMENTS, self.lengths))
        distances: Array = np.where(enough, np.sqrt(mean), np.inf)
        return distances

    def hold(self, rows: Array, audible: NDArray[np.bool_]) -> bool:
        """Whether one of the recordings is this sound; see :meth:`distances`."""
        return bool((self.distances(rows, audible) < self.nearest).any())


def projected(rows: Array, mean: Array, scale: Array, axes: Array) -> Array:
    """Return segments (n, k) in the directions ``axes``, shape (n, d).

    Examples
    --------
    >>> one = np.ones(1, np.float32)
    >>> projected(np.array([[3.0], [90.0]]), one, one / 2, one[:, None]).tolist()
    [[1.0], [5.0]]
    """
    inside = np.clip((rows - mean) * scale, -CLIP, CLIP)
    points: Array = (inside @ axes).astype(np.float32)
    return points

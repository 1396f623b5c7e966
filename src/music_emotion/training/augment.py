"""New training segments from those that are there: splicing within a track, and mixing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SYNTHETIC = -1
"""Track index of a row that no track contains."""


class Splicer:
    """Continue a segment with the frames of another training segment of the same track.

    The cut is uniform over the frames, the other segment uniform over the track's (the segment
    itself included). A spliced segment sounds like one more segment of its track, and holds
    nothing but training audio.

    Parameters
    ----------
    track_index
        Track of each training row, shape (n,); rows of :data:`SYNTHETIC` are left alone.
    """

    def __init__(self, track_index: NDArray[np.int64]) -> None:
        self._order = np.argsort(track_index, kind="stable")
        _, self._number, counts = np.unique(track_index, return_inverse=True, return_counts=True)
        self._count = counts
        self._first = np.cumsum(counts) - counts
        self._alone = track_index == SYNTHETIC

    def partners(
        self, index: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw for each row of ``index`` a row of the same track, shape (batch,)."""
        number = self._number[index]
        drawn = (generator.random(len(index)) * self._count[number]).astype(np.int64)
        partner: NDArray[np.int64] = self._order[self._first[number] + drawn]
        return np.where(self._alone[index], index, partner)


def splice(
    inputs: NDArray[np.float32],
    partners: NDArray[np.float32],
    frame_axis: int,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Take each segment's frames up to a random cut, and its partner's from there.

    Parameters
    ----------
    inputs, partners
        Shape (batch, frames, features) or (batch, bands, frames).
    frame_axis
        The axis of time: 1 or 2.
    """
    frames = inputs.shape[frame_axis]
    cut = generator.integers(0, frames, size=len(inputs))
    kept = np.arange(frames) < cut[:, None]
    shape = (len(inputs), frames, 1) if frame_axis == 1 else (len(inputs), 1, frames)
    return np.where(kept.reshape(shape), inputs, partners)

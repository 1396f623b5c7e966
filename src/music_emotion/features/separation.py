"""Harmonic and percussive energy.

Median filtering after Fitzgerald, *Harmonic/percussive separation using median filtering*, DAFx
2010: sustained tones are ridges along time, strokes are ridges along frequency. Medians over 31
frames and over 31 bins give soft masks of power 2, as ``librosa.decompose.hpss`` has them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.median import RunningMedian
from music_emotion.features.spectrum import BINS, FRAMES

WINDOW = 31  # frames for the harmonic part, bins for the percussive

Array = NDArray[np.float32]


class Separator:
    """Splits magnitude spectra of one segment at a time; holds the working memory."""

    def __init__(self) -> None:
        self._along_time = RunningMedian(FRAMES, BINS, WINDOW)
        self._along_frequency = RunningMedian(BINS, FRAMES, WINDOW)

    def medians(self, magnitude: Array) -> tuple[Array, Array]:
        """Return the medians along time and along frequency, each (frames, bins).

        Parameters
        ----------
        magnitude
            Shape (frames, bins).
        """
        harmonic = self._along_time(magnitude)
        percussive = self._along_frequency(np.ascontiguousarray(magnitude.T))
        return harmonic, percussive.T

    def energies(self, magnitude: Array) -> Array:
        """Return the harmonic and the percussive energy of each frame.

        Parameters
        ----------
        magnitude
            Shape (frames, bins).

        Returns
        -------
        ndarray of shape (frames, 2), float32
            Sum of the squared magnitudes over the bins of each part.
        """
        harmonic, percussive = self.medians(magnitude)
        # The mask of a part is its square over the sum of both squares.
        harmonic = np.square(harmonic)
        percussive = np.square(percussive)
        total = harmonic + percussive
        empty = total < np.finfo(np.float32).tiny
        if empty.any():  # both medians 0: the bin is shared
            harmonic[empty] = percussive[empty] = 0.5
            total[empty] = 1.0
        share = np.divide(magnitude, total, out=total)
        harmonic *= share
        percussive *= share
        return np.stack(
            [
                np.einsum("tf,tf->t", harmonic, harmonic),
                np.einsum("tf,tf->t", percussive, percussive),
            ],
            axis=1,
        )

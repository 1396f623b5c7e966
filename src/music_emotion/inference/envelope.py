"""The shape of a waveform, taken while it streams by, for pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

STEPS_PER_SECOND = 20

Array = NDArray[np.float32]


class Envelope:
    """Largest absolute sample in each 1/20 s of the blocks that pass."""

    def __init__(self, sample_rate: int) -> None:
        self._step = max(1, round(sample_rate / STEPS_PER_SECOND))
        self._rest: Array = np.zeros(0, dtype=np.float32)
        self._peaks: list[Array] = []

    def watch(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Pass blocks of mono sound on, unchanged."""
        for block in blocks:
            sound = np.concatenate([self._rest, np.abs(block)])
            whole = len(sound) // self._step * self._step
            self._peaks.append(sound[:whole].reshape(-1, self._step).max(axis=1))
            self._rest = sound[whole:]
            yield block

    def values(self) -> Array:
        """Return what was seen, shape (n,)."""
        rest = [self._rest.max(keepdims=True)] if len(self._rest) else []
        return np.concatenate([*self._peaks, *rest])

"""How many files may be in the server at once, and how many of one client."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from music_emotion.web.responses import BUSY, SHARE_USED, APIError

FIRST_GUESS = 5.0  # seconds per file before any was measured
MEMORY = 0.9  # weight of the past in the mean time per file
LONGEST_RETRY = 60  # seconds


class Limiter:
    """Counts the files in the server, from the first byte of an upload to the end of its analysis.

    At most ``slots`` at once, ``share`` of one client; ``workers`` of them are being analysed,
    from which it estimates when to try again.
    """

    def __init__(self, slots: int, share: int, workers: int) -> None:
        self._slots = slots
        self._share = share
        self._workers = workers
        self._inside: Counter[str] = Counter()
        self._seconds = FIRST_GUESS

    @property
    def inside(self) -> int:
        """Files in the server now."""
        return self._inside.total()

    @contextmanager
    def slot(self, client: str) -> Iterator[None]:
        """Hold a slot for a file of a client while the block runs.

        Raises
        ------
        APIError
            The client has its share already, or the server is full.
        """
        if self._inside[client] >= self._share:
            message = f"your files here are as many as may be ({self._share}); wait for one of them"
            raise APIError(SHARE_USED, message, retry_after=self._retry_after(self._share))
        if self.inside >= self._slots:
            message = "the server has no room for another file now; try again soon"
            raise APIError(BUSY, message, retry_after=self._retry_after(self._slots))
        self._inside[client] += 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]

    def record(self, seconds: float) -> None:
        """Take into account how long an analysis took, in the mean that :data:`MEMORY` weighs."""
        self._seconds = MEMORY * self._seconds + (1 - MEMORY) * seconds

    def _retry_after(self, files: int) -> int:
        """Return in how many seconds one of so many files is likely done."""
        return min(LONGEST_RETRY, math.ceil(self._seconds * max(1, files / 4) / self._workers))

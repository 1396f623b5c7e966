"""The end of a server: no new files, what is inside is finished for a while, the rest refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from music_emotion.web.responses import STOPPING, APIError

RETRY_SECONDS = 10  # until another server may have taken the place of this one


class Stopping:
    """How far a server's end is: not begun, begun for ``seconds`` at most, over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None  # of the monotonic clock
        self._deadlines: set[asyncio.Timeout] = set()
        self.over = False

    def begin(self) -> None:
        """Take no more files; may be called by the handler of a signal."""
        if self._end is None:
            self._end = time.monotonic() + self._seconds

    @property
    def begun(self) -> bool:
        """Whether no more files are taken."""
        return self._end is not None

    @property
    def late(self) -> bool:
        """Whether what is inside has had its time."""
        return self._end is not None and time.monotonic() >= self._end

    def finish(self) -> None:
        """Refuse what is inside :meth:`cutting_off`."""
        self.begin()
        self.over = True
        for deadline in tuple(self._deadlines):
            deadline.reschedule(asyncio.get_running_loop().time())

    def check(self) -> None:
        """Let a request pass that brings a file.

        Raises
        ------
        APIError
            No more are taken.
        """
        if self.begun:
            raise self.refusal()

    @asynccontextmanager
    async def cutting_off(self) -> AsyncIterator[None]:
        """Run the block until :meth:`finish` at most.

        Raises
        ------
        APIError
            The block was cut off, or nothing may follow it.
        """
        try:
            async with asyncio.timeout(None) as deadline:
                self._deadlines.add(deadline)
                try:
                    yield
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
        if self.over:
            raise self.refusal()

    def refusal(self) -> APIError:
        """Return what is answered to what is not finished, and to all that comes."""
        message = "the server is being stopped; send the file again soon"
        return APIError(STOPPING, message, retry_after=RETRY_SECONDS)

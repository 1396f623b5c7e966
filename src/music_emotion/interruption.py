"""Ending work that runs in other processes, however this one is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

EXIT_INTERRUPTED = 128 + signal.SIGINT
"""What a command that was stopped by Ctrl-C exits with, as shells have it."""


def sigterm_interrupts() -> AbstractContextManager[None]:
    """Treat SIGTERM as Ctrl-C inside the block."""
    return _handled([signal.SIGTERM], signal.default_int_handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is done, for steps that must not be parted."""
    came: list[int] = []
    with _handled([signal.SIGINT, signal.SIGTERM], lambda number, _: came.append(number)):
        yield
    for late in came:
        signal.raise_signal(late)


@contextmanager
def _handled(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Handle signals inside the block; only the main thread can, others change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

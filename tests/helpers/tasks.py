"""What workers of tests do; they import this module by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from music_emotion.errors import AudioError, MissingExtraError

Order = tuple[str, Any]


def begin(report: Callable[[Any], None]) -> Callable[[Order], Any]:
    """Perform orders: what to do, and with what."""
    numbers: list[int] = []  # of the orders this process was given

    def perform(order: Order) -> Any:
        numbers.append(len(numbers))
        what, value = order
        if what == "await":
            report(os.getpid())
            while not Path(value).exists():
                time.sleep(0.01)
        elif what == "touch":
            Path(value).touch()
        elif what == "report":
            for number in range(value):
                report(number)
        elif what == "exit":
            os._exit(value)
        elif what == "kill":
            os.kill(os.getpid(), value)
        elif what == "die once":
            if not Path(value).exists():
                Path(value).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        elif what == "raise":
            raise AudioError(value)
        elif what == "raise what cannot travel":
            raise MissingExtraError(value, "web")
        elif what == "environment":
            return {name: os.environ.get(name) for name in value}
        elif what == "process":
            return os.getpid(), numbers[-1]
        elif what == "unpicklable":
            return lambda: None
        return value

    return perform


def begin_in_vain(report: Callable[[Any], None]) -> Callable[[Order], Any]:
    """Fail as a worker does that finds no model."""
    raise AudioError("there is no model")


def begin_features(report: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Compute features of files; stands in for a decoder that crashes on the second one."""
    from music_emotion.features.extract import run_task

    def perform(task: Any) -> Any:
        if task.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return run_task(task)

    return perform

"""The order in which cells are trained, and how long the rest of them will take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable

from music_emotion.evaluation.cells import CellName

# Seconds that a fold of 320 one-minute tracks took on one core of a server, by what the model
# sees. Only their proportions count, and only until times have been measured.
FEATURE_COST = {
    "log_mel": 120.0,
    "advanced": 80.0,
    "basic": 50.0,
    "musicnn": 3.0,
    "statistics": 0.2,
}
OTHER_COST = 5.0
LEAST_COST = 0.01


class Schedule:
    """Knows how long cells took, and estimates how long the others will.

    ``feature_names`` are what each model sees, by model name.
    """

    def __init__(self, feature_names: dict[str, tuple[str, ...]]) -> None:
        self._hints = {
            model: sum(FEATURE_COST.get(name, OTHER_COST) for name in names) + LEAST_COST
            for model, names in feature_names.items()
        }
        self._measured: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._running: dict[CellName, tuple[float, float]] = {}

    def longest_first(self, names: Iterable[CellName]) -> list[CellName]:
        """Order cells so that no long one is left to the end; equal ones keep their order."""

        def cost(name: CellName) -> float:
            expected = self.expected(name)
            return self._hint(name) if expected is None else expected

        return sorted(names, key=lambda name: (-cost(name), name.run.seed, name.fold))

    def measured(self, name: CellName, seconds: float) -> None:
        """Take note of how long a cell took."""
        self._running.pop(name, None)
        for key in self._keys(name):
            self._measured[key].append(seconds)

    def started(self, name: CellName) -> None:
        """Take note that a cell is being trained."""
        self._running[name] = (time.monotonic(), 0.0)

    def progressed(self, name: CellName, fraction: float) -> None:
        """Take note of how much of a cell is done, 0–1."""
        if name in self._running:
            self._running[name] = (self._running[name][0], fraction)

    def stopped(self, name: CellName) -> None:
        """Take note that a cell will not be finished."""
        self._running.pop(name, None)

    def expected(self, name: CellName) -> float | None:
        """Return the seconds a cell should take, ``None`` where nothing is known yet."""
        for key in self._keys(name):
            if times := self._measured.get(key):
                return sum(times) / len(times)
        if name in self._running:
            started, fraction = self._running[name]
            if fraction > 0:
                return (time.monotonic() - started) / fraction
        rate = self._seconds_per_cost()
        return None if rate is None else rate * self._hint(name)

    def seconds_left(self, pending: Iterable[CellName], jobs: int) -> float | None:
        """Return the expected time until all cells are done, ``None`` where nothing is known."""
        now, running, total = time.monotonic(), [], 0.0
        for name, (started, _) in self._running.items():
            expected = self.expected(name)
            if expected is None:
                return None
            running.append(max(0.0, expected - (now - started)))
        for name in pending:
            expected = self.expected(name)
            if expected is None:
                return None
            total += expected
        return max([(sum(running) + total) / max(jobs, 1), *running])

    def _seconds_per_cost(self) -> float | None:
        """Seconds per unit of the rough cost, from measured cells and from those under way."""
        seconds, cost = 0.0, 0.0
        for key, times in self._measured.items():
            if len(key) == 1 and key[0] in self._hints:
                seconds += sum(times)
                cost += len(times) * self._hints[key[0]]
        now = time.monotonic()
        for name, (started, fraction) in self._running.items():
            if fraction > 0:
                seconds += (now - started) / fraction
                cost += self._hint(name)
        return seconds / cost if cost else None

    def _hint(self, name: CellName) -> float:
        return self._hints.get(name.run.model, LEAST_COST)

    @staticmethod
    def _keys(name: CellName) -> tuple[tuple[str, ...], ...]:
        run = name.run
        return (
            (run.model, run.protocol, run.target),
            (run.model, run.protocol),
            (run.model,),
        )

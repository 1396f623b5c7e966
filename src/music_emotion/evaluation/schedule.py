"""The order in which cells are trained, and how long the rest of them will take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from music_emotion.evaluation.cells import CellName

# Seconds that a fold of 320 one-minute tracks took on one core of a server, by what the model
# sees. Only their proportions count, and only until times have been measured.
FEATURE_COST = {
    "log_mel": 120.0,
    "advanced": 50.0,
    "basic": 40.0,
    "musicnn": 3.0,
    "statistics": 0.2,
}
OTHER_COST = 5.0
LEAST_COST = 0.01
# Networks stop early: what share of their longest training, with as long a second one, they usually
# take. Others take it all.
USUAL_SHARE = {"log_mel": 0.4, "advanced": 0.3, "basic": 0.3}
OBSERVED_SECONDS = 5.0
"""How long a training is watched before anything is said of how long it takes."""


@dataclass(slots=True)
class Running:
    """What is known of a cell that is being trained; times are those of the monotonic clock.

    From its start to the first report processes start, packages load and synthetic rows are made:
    its pace is told from the reports alone.
    """

    started: float
    first: tuple[float, float] | None = None  #: time and share done of the first report
    last: tuple[float, float] | None = None

    def expected(self, usual_share: float) -> float | None:
        """Return the seconds it should take from start to end, ``None`` as long as none can say."""
        if self.first is None or self.last is None:
            return None
        (began, some), (now, more) = self.first, self.last
        if now - began < OBSERVED_SECONDS or more <= some:
            return None
        pace = (now - began) / (more - some)
        share = usual_share if more < usual_share else (1.0 + more) / 2.0
        return max(0.0, began - self.started - pace * some) + pace * min(share, 1.0)


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
        self._shares = {
            model: max((USUAL_SHARE[name] for name in names if name in USUAL_SHARE), default=1.0)
            for model, names in feature_names.items()
        }
        self._running: dict[CellName, Running] = {}

    def longest_first(self, names: Iterable[CellName]) -> list[CellName]:
        """Order cells by fold seed, within one so that no long one is left to the end.

        What is stopped half-way has whole fold seeds to show.
        """

        def cost(name: CellName) -> float:
            expected = self.expected(name)
            return self._hint(name) if expected is None else expected

        return sorted(names, key=lambda name: (name.run.seed, -cost(name), name.fold))

    def measured(self, name: CellName, seconds: float) -> None:
        """Take note of how long a cell took."""
        self._running.pop(name, None)
        for key in self._keys(name):
            self._measured[key].append(seconds)

    def started(self, name: CellName) -> None:
        """Take note that a cell is being trained."""
        self._running[name] = Running(time.monotonic())

    def progressed(self, name: CellName, fraction: float) -> None:
        """Take note of how much of a cell is done, 0–1."""
        if (running := self._running.get(name)) is not None:
            running.last = (time.monotonic(), fraction)
            running.first = running.first or running.last

    def stopped(self, name: CellName) -> None:
        """Take note that a cell will not be finished."""
        self._running.pop(name, None)

    def expected(self, name: CellName) -> float | None:
        """Return the seconds a cell should take, ``None`` where nothing is known yet."""
        for key in self._keys(name):
            if times := self._measured.get(key):
                return sum(times) / len(times)
        if (seconds := self._by_progress(name)) is not None:
            return seconds
        rate = self._seconds_per_cost()
        return None if rate is None else rate * self._hint(name)

    def seconds_left(self, pending: Iterable[CellName], jobs: int) -> float | None:
        """Return the expected time until all cells are done, ``None`` where nothing is known."""
        now, running, total = time.monotonic(), [], 0.0
        for name, one in self._running.items():
            expected = self.expected(name)
            if expected is None:
                return None
            running.append(max(0.0, expected - (now - one.started)))
        for name in pending:
            expected = self.expected(name)
            if expected is None:
                return None
            total += expected
        return max([(sum(running) + total) / max(jobs, 1), *running])

    def _by_progress(self, name: CellName) -> float | None:
        """Return what a cell under way tells by its progress."""
        running = self._running.get(name)
        share = self._shares.get(name.run.model, 1.0)
        return None if running is None else running.expected(share)

    def _seconds_per_cost(self) -> float | None:
        """Seconds per unit of the rough cost, from measured cells and from those under way."""
        seconds, cost = 0.0, 0.0
        for key, times in self._measured.items():
            if len(key) == 1 and key[0] in self._hints:
                seconds += sum(times)
                cost += len(times) * self._hints[key[0]]
        for name in self._running:
            if (expected := self._by_progress(name)) is not None:
                seconds += expected
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

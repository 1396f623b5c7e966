"""Analyses on their way: each a job that can be watched and cancelled, and frees what it holds."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from music_emotion.web import responses
from music_emotion.web.limits import Limiter
from music_emotion.web.logs import LOGGER
from music_emotion.web.metrics import Metrics
from music_emotion.web.responses import APIError
from music_emotion.web.settings import ServerSettings
from music_emotion.web.worker import Analysis, AnalysisProgress, AnalysisRequest, Failure
from music_emotion.web.workers import AnalysisWorker, Workers

SWEEP_SECONDS = 1.0
ID_BYTES = 18
COLLECT_SECONDS = 5.0  # after its end the result of a job may be fetched from a server that stops

FAILURES = {
    "unreadable": responses.UNREADABLE,
    "unsupported": responses.UNSUPPORTED,
    "too_long": responses.TOO_LONG,
    "memory": responses.TOO_LARGE,
    "broken": responses.INTERNAL,
}
"""What a worker's reasons are to a client."""


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Job:
    """One file on its way; times are seconds of the monotonic clock."""

    request: AnalysisRequest
    id: str = field(default_factory=lambda: secrets.token_urlsafe(ID_BYTES))  # cannot be guessed
    state: State = State.QUEUED
    progress: AnalysisProgress | None = None
    analysis: Analysis | None = None
    error: APIError | None = None  # why there is no analysis
    seen: float = field(default_factory=time.monotonic)  # when someone last asked
    collected: bool = False  # whether its result was fetched
    watchers: int = 0  # open streams of events, and requests that wait for the answer
    ended: float | None = None  # when it ended
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def result(self) -> Analysis:
        """Return what came of it.

        Raises
        ------
        APIError
            Nothing did.
        """
        if self.analysis is not None:
            return self.analysis
        if self.error is not None:
            raise self.error
        if self.ended is not None:
            raise APIError(responses.CANCELLED, "the job was cancelled")
        raise APIError(responses.NOT_FINISHED, "the job is not finished; watch its events")

    def change(self, state: State, progress: AnalysisProgress | None = None) -> None:
        """Note where it is and wake those who watch."""
        self.state, self.progress = state, progress
        if state not in (State.QUEUED, State.RUNNING):
            self.ended = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()

    def progressed(self, progress: AnalysisProgress) -> None:
        """Note how far it is; what is told after its end comes too late."""
        if self.ended is None:
            self.change(State.RUNNING, progress)

    def cut_off(self) -> None:
        """Note that it came to nothing: refused, where it was told why, else cancelled."""
        self.change(State.CANCELLED if self.error is None else State.FAILED)

    def is_awaited(self, now: float) -> bool:
        """Whether it is not done, or its result was not fetched and may be, in a moment."""
        if self.ended is None:
            return True
        fresh = now - max(self.ended, self.seen) < COLLECT_SECONDS
        return self.analysis is not None and not self.collected and fresh

    def is_stale(self, now: float, limits: ServerSettings) -> bool:
        """Whether its result is old, or nobody waits for it."""
        if self.ended is not None:
            return now - self.ended > limits.result_seconds
        return not self.watchers and now - self.seen > limits.abandoned_seconds

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count as asked for while the block runs."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1
            self.seen = time.monotonic()

    async def changes(self, pause: float) -> AsyncIterator[bool]:
        """Yield whenever something may be new, ``False`` where nothing was for ``pause`` seconds.

        The last is yielded after the end.
        """
        with self.watched():
            is_new = True
            while True:
                changed = self._changed
                yield is_new
                if self.ended is not None:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await changed.wait()
                is_new = changed.is_set()


class Jobs:
    """All jobs of a server, done by its workers; the limiter learns how long they take."""

    def __init__(
        self,
        settings: ServerSettings,
        workers: Workers,
        limiter: Limiter,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._limiter = limiter
        self._metrics = metrics
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """Return the number of jobs that can be asked for."""
        return len(self._jobs)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a worker."""
        return sum(job.state is State.QUEUED for job in self._jobs.values())

    @property
    def running(self) -> int:
        """Jobs that a worker is at."""
        return sum(job.state is State.RUNNING for job in self._jobs.values())

    def ahead(self, job: Job) -> int:
        """Return how many jobs wait in front of one that waits, 0 otherwise."""
        waiting = [other.id for other in self._jobs.values() if other.state is State.QUEUED]
        return waiting.index(job.id) if job.id in waiting else 0

    async def _perform(self, job: Job, file: BinaryIO) -> None:
        """Carry a job out; how it ends is noted in the job."""
        try:
            await self._attempt(job, file)
        except APIError as error:
            self._fail(job, error)
        except asyncio.CancelledError:
            job.cut_off()
            raise
        except Exception:  # the boundary of a task nobody awaits
            LOGGER.exception("an analysis failed")
            message = "the server made a mistake; the file was not analysed"
            self._fail(job, APIError(responses.INTERNAL, message))

    def _fail(self, job: Job, error: APIError) -> None:
        job.error = error
        job.change(State.FAILED)
        if self._metrics is not None:
            self._metrics.failed(error.code)

    async def _attempt(self, job: Job, file: BinaryIO) -> None:
        worker = await self._taken()
        try:
            async with asyncio.timeout(self._settings.analysis_seconds):
                began = time.monotonic()
                job.change(State.RUNNING)
                answer = await self._workers.run(worker, job.request, file, job.progressed)
        except TimeoutError:
            limit = self._settings.analysis_seconds
            message = f"the analysis took more than {limit:g} s; send a shorter file"
            raise APIError(responses.TIMED_OUT, message) from None
        seconds = time.monotonic() - began
        self._limiter.record(seconds)
        if isinstance(answer, Failure):
            if answer.trace:
                LOGGER.error("an analysis failed\n%s", answer.trace)
            raise APIError(FAILURES[answer.reason], answer.message)
        if self._metrics is not None:
            self._metrics.predicted(job.request.model, seconds)
        job.analysis = answer
        job.change(State.DONE)

    async def _taken(self) -> AnalysisWorker:
        try:
            async with asyncio.timeout(self._settings.wait_seconds):
                return await self._workers.take()
        except TimeoutError:
            message = "the server was busy for too long; try again soon"
            raise APIError(responses.BUSY, message, retry_after=10) from None

    def begin(self, job: Job, file: BinaryIO, release: Callable[[], None]) -> asyncio.Task[None]:
        """Start and keep the job of a file; ``release`` is called at its end, however it comes."""
        task = asyncio.get_running_loop().create_task(self._perform(job, file))
        self._jobs[job.id] = job
        self._tasks[job.id] = task

        def finish(_: object) -> None:
            # Also where the task was cancelled before its first step.
            release()
            self._tasks.pop(job.id, None)
            if job.ended is None:
                job.cut_off()

        task.add_done_callback(finish)
        return task

    def find(self, number: str) -> Job:
        """Return a job someone asks for.

        Raises
        ------
        APIError
            There is none of that name, or it is forgotten.
        """
        job = self._jobs.get(number)
        if job is None:
            message = "there is no such job; results are kept for a few minutes"
            raise APIError(responses.NOT_FOUND, message)
        job.seen = time.monotonic()
        return job

    async def drop(self, job: Job) -> None:
        """Cancel a job that has not ended, and forget it."""
        self._jobs.pop(job.id, None)
        task = self._tasks.get(job.id)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])

    @property
    def awaited(self) -> bool:
        """Whether a server that is to stop should wait for a job."""
        now = time.monotonic()
        return any(job.is_awaited(now) for job in self._jobs.values())

    async def refuse(self, error: APIError) -> None:
        """End what has not ended; those who ask for it are told ``error``."""
        tasks = dict(self._tasks)
        for number, task in tasks.items():
            job = self._jobs.get(number)
            if job is not None and job.ended is None:
                job.error = error
            task.cancel()
        if tasks:
            await asyncio.wait(tasks.values())

    async def sweep(self) -> None:
        """Forget old results and cancel what nobody waits for, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for job in self._stale(time.monotonic()):
                await self.drop(job)

    def _stale(self, now: float) -> list[Job]:
        limits, jobs = self._settings, self._jobs.values()
        finished = [job for job in jobs if job.ended is not None]
        surplus = finished[: max(0, len(finished) - limits.results)]
        return [job for job in jobs if job in surplus or job.is_stale(now, limits)]

    async def close(self) -> None:
        """Cancel everything."""
        for job in tuple(self._jobs.values()):
            await self.drop(job)

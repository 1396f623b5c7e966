"""Analyses on their way: each a job that can be watched and cancelled, and frees what it holds."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from music_emotion.web.limits import Limiter
from music_emotion.web.responses import (
    BUSY,
    CANCELLED,
    INTERNAL,
    NOT_FINISHED,
    NOT_FOUND,
    TIMED_OUT,
    TOO_LARGE,
    TOO_LONG,
    UNREADABLE,
    UNSUPPORTED,
    APIError,
)
from music_emotion.web.settings import ServerSettings
from music_emotion.web.uploads import Upload
from music_emotion.web.worker import Analysis, AnalysisRequest, Failure, Progress
from music_emotion.web.workers import AnalysisWorker, Workers

SWEEP_SECONDS = 1.0
ID_BYTES = 18

FAILURES = {
    "unreadable": UNREADABLE,
    "unsupported": UNSUPPORTED,
    "too_long": TOO_LONG,
    "memory": TOO_LARGE,
    "broken": INTERNAL,
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
    """One file on its way.

    Attributes
    ----------
    id
        Cannot be guessed.
    request
        What is wanted.
    state, progress
        Where it is.
    analysis, error
        What came of it.
    seen
        When someone last asked, in seconds of the monotonic clock.
    watchers
        Clients on the line: open streams of events, and requests that wait for the answer.
    ended
        When it ended, ``None`` before.
    """

    request: AnalysisRequest
    id: str = field(default_factory=lambda: secrets.token_urlsafe(ID_BYTES))
    state: State = State.QUEUED
    progress: Progress | None = None
    analysis: Analysis | None = None
    error: APIError | None = None
    seen: float = field(default_factory=time.monotonic)
    watchers: int = 0
    ended: float | None = None
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
            raise APIError(CANCELLED, "the job was cancelled")
        raise APIError(NOT_FINISHED, "the job is not finished; watch its events")

    def change(self, state: State, progress: Progress | None = None) -> None:
        """Note where it is and wake those who watch."""
        self.state, self.progress = state, progress
        if state not in (State.QUEUED, State.RUNNING):
            self.ended = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()

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
                is_new = True
                try:
                    async with asyncio.timeout(pause):
                        await changed.wait()
                except TimeoutError:
                    is_new = False


class Jobs:
    """All jobs of a server.

    Parameters
    ----------
    settings
        Their limits.
    workers
        Who does them.
    limiter
        Learns how long they take.
    """

    def __init__(self, settings: ServerSettings, workers: Workers, limiter: Limiter) -> None:
        self._settings = settings
        self._workers = workers
        self._limiter = limiter
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """Return the number of jobs that can be asked for."""
        return len(self._jobs)

    def ahead(self, job: Job) -> int:
        """Return how many jobs wait in front of one that waits, 0 otherwise."""
        waiting = [other.id for other in self._jobs.values() if other.state is State.QUEUED]
        return waiting.index(job.id) if job.id in waiting else 0

    async def _perform(self, job: Job, upload: Upload) -> None:
        """Carry a job out; how it ends is noted in the job."""
        try:
            await self._attempt(job, upload)
        except APIError as error:
            job.error = error
            job.change(State.FAILED)
        except asyncio.CancelledError:
            job.change(State.CANCELLED)
            raise
        except Exception:  # the boundary of a task nobody awaits
            logging.getLogger(__name__).exception("a job failed")
            job.error = APIError(INTERNAL, "the server made a mistake; the file was not analysed")
            job.change(State.FAILED)

    async def _attempt(self, job: Job, upload: Upload) -> None:
        worker = await self._taken()
        try:
            async with asyncio.timeout(self._settings.analysis_seconds):
                began = time.monotonic()
                running = self._workers.run(
                    worker,
                    job.request,
                    upload.file,
                    lambda progress: _note_progress(job, progress),
                )
                job.change(State.RUNNING)
                answer = await running
        except TimeoutError:
            limit = self._settings.analysis_seconds
            message = f"the analysis took more than {limit:g} s; send a shorter file"
            raise APIError(TIMED_OUT, message) from None
        self._limiter.record(time.monotonic() - began)
        if isinstance(answer, Failure):
            raise APIError(FAILURES[answer.reason], answer.message)
        job.analysis = answer
        job.change(State.DONE)

    async def _taken(self) -> AnalysisWorker:
        try:
            async with asyncio.timeout(self._settings.wait_seconds):
                return await self._workers.take()
        except TimeoutError:
            message = "the server was busy for too long; try again soon"
            raise APIError(BUSY, message, retry_after=10) from None

    def begin(self, job: Job, upload: Upload, release: Callable[[], None]) -> asyncio.Task[None]:
        """Start a job and keep it.

        Parameters
        ----------
        job, upload
            What is done; the upload is closed at the end.
        release
            Called at the end, however it comes.
        """
        task = asyncio.get_running_loop().create_task(self._perform(job, upload))
        self._jobs[job.id] = job
        self._tasks[job.id] = task

        def finish(_: object) -> None:
            # Also where the task was cancelled before its first step.
            upload.close()
            release()
            self._tasks.pop(job.id, None)
            if job.ended is None:
                job.change(State.CANCELLED)

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
            raise APIError(NOT_FOUND, "there is no such job; results are kept for a few minutes")
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

    async def sweep(self) -> None:
        """Forget old results and cancel what nobody waits for, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for job in self._stale(time.monotonic()):
                await self.drop(job)

    def _stale(self, now: float) -> list[Job]:
        limits = self._settings
        finished = [job for job in self._jobs.values() if job.ended is not None]
        surplus = finished[: max(0, len(finished) - limits.results)]
        old = [j for j in finished if j.ended is not None and now - j.ended > limits.result_seconds]
        left = [
            job
            for job in self._jobs.values()
            if job.ended is None and not job.watchers and now - job.seen > limits.abandoned_seconds
        ]
        return list({job.id: job for job in (*surplus, *old, *left)}.values())

    async def close(self) -> None:
        """Cancel everything."""
        for job in tuple(self._jobs.values()):
            await self.drop(job)


def _note_progress(job: Job, progress: Progress) -> None:
    if job.ended is None:
        job.change(State.RUNNING, progress)

"""What is kept of jobs, and for how long, by a clock that the test sets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from music_emotion.web.jobs import Job, Jobs, State
from music_emotion.web.limits import Limiter
from music_emotion.web.responses import STOPPING, APIError
from music_emotion.web.settings import ServerSettings
from music_emotion.web.worker import Analysis, AnalysisRequest


def stale(arrange: Callable[[Jobs, list[Job]], Any], now: float) -> list[int]:
    """Return which of four waiting jobs, seen at 0 s, are to be dropped after ``now`` seconds.

    What ``arrange`` returns is held until then.
    """

    async def look() -> list[int]:
        settings = ServerSettings(abandoned_seconds=60.0, result_seconds=600.0, results=2)
        jobs = Jobs(settings, None, Limiter(4, 4, 1))  # type: ignore[arg-type]  # nothing is done
        waiting = [Job(AnalysisRequest("a", "tones"), id=str(number)) for number in range(4)]
        for job in waiting:
            job.seen = 0.0
            jobs._jobs[job.id] = job
        held = arrange(jobs, waiting)
        found = sorted(int(job.id) for job in jobs._stale(now))
        del held
        return found

    return asyncio.run(look())


def end(job: Job, at: float) -> None:
    job.change(State.DONE)
    job.ended = at


def test_a_job_is_abandoned_a_while_after_someone_last_asked() -> None:
    assert stale(lambda jobs, waiting: None, 60.0) == []
    assert stale(lambda jobs, waiting: None, 60.1) == [0, 1, 2, 3]

    def ask(jobs: Jobs, waiting: list[Job]) -> None:
        jobs.find("1")
        waiting[1].seen -= time.monotonic() - 30.0

    assert stale(ask, 80.0) == [0, 2, 3]


def test_a_watched_job_is_not_abandoned() -> None:
    def watch(jobs: Jobs, waiting: list[Job]) -> Any:
        watched = waiting[2].watched()
        watched.__enter__()
        return watched

    assert stale(watch, 1e6) == [0, 1, 3]


@pytest.mark.parametrize(("now", "expected"), [(50.0, []), (601.0, [1]), (606.0, [0, 1])])
def test_a_result_is_kept_for_some_minutes(now: float, expected: list[int]) -> None:
    def finish(jobs: Jobs, waiting: list[Job]) -> None:
        end(waiting[1], 0.0)
        end(waiting[0], 5.0)
        for job in waiting[2:]:
            job.watchers = 1

    assert stale(finish, now) == expected


def test_of_too_many_results_the_oldest_go_first() -> None:
    def finish(jobs: Jobs, waiting: list[Job]) -> None:
        for job in waiting[:3]:
            end(job, 10.0)

    assert stale(finish, 20.0) == [0]


def test_a_server_that_stops_waits_for_results_a_moment() -> None:
    job = Job(AnalysisRequest("a", "tones"))
    assert job.is_awaited(1e9)
    job.analysis = Analysis({}, [])
    end(job, 10.0)
    job.seen = 12.0
    assert job.is_awaited(16.9)
    assert not job.is_awaited(17.0)
    job.collected = True
    assert not job.is_awaited(12.0)
    failed = Job(AnalysisRequest("a", "tones"))
    end(failed, 10.0)
    assert not failed.is_awaited(10.0)


def test_a_job_that_is_cut_off_says_why_where_it_knows() -> None:
    cancelled, refused = (Job(AnalysisRequest("a", "tones")) for _ in range(2))
    cancelled.cut_off()
    refused.error = APIError(STOPPING, "the server is being stopped")
    refused.cut_off()
    assert (cancelled.state, refused.state) == (State.CANCELLED, State.FAILED)
    with pytest.raises(APIError, match="cancelled"):
        cancelled.result()
    with pytest.raises(APIError, match="being stopped"):
        refused.result()

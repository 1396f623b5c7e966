from __future__ import annotations

import asyncio

import pytest

from music_emotion.web import responses
from music_emotion.web.responses import APIError
from music_emotion.web.stopping import Stopping


def test_once_begun_no_file_is_taken_and_time_runs() -> None:
    for seconds, late in ((600.0, False), (0.0, True)):
        stopping = Stopping(seconds)
        stopping.check()
        assert (stopping.begun, stopping.late) == (False, False)
        stopping.begin()
        assert (stopping.begun, stopping.late) == (True, late)
        with pytest.raises(APIError) as refused:
            stopping.check()
        assert refused.value.problem is responses.STOPPING
        assert refused.value.retry_after >= 1


def test_beginning_twice_gives_no_more_time() -> None:
    stopping = Stopping(600.0)
    stopping.begin()
    end = stopping._end
    stopping.begin()
    assert stopping._end == end


def test_what_is_inside_is_cut_off_at_the_end_and_nothing_follows() -> None:
    async def ways() -> list[str]:
        stopping, seen = Stopping(600.0), []

        async def wait(seconds: float) -> None:
            try:
                async with stopping.cutting_off():
                    await asyncio.sleep(seconds)
                seen.append("done")
            except APIError as error:
                seen.append(error.code)

        waiting = [asyncio.create_task(wait(seconds)) for seconds in (0.0, 3_600.0)]
        await asyncio.sleep(0.05)
        stopping.finish()
        stopping.finish()
        await asyncio.gather(*waiting)
        await wait(0.0)
        return seen

    assert asyncio.run(ways()) == ["done", "stopping", "stopping"]


def test_errors_inside_and_being_cancelled_stay_what_they_are() -> None:
    async def raised(error: BaseException) -> BaseException | None:
        with pytest.raises(type(error)) as found:
            async with Stopping(1.0).cutting_off():
                raise error
        return found.value

    for error in (TimeoutError("another"), asyncio.CancelledError(), ValueError()):
        assert asyncio.run(raised(error)) is error

from __future__ import annotations

from contextlib import ExitStack

import pytest

from music_emotion.web.limits import LONGEST_RETRY, Limiter
from music_emotion.web.responses import APIError


def test_a_full_server_says_when_to_come_back() -> None:
    limiter = Limiter(slots=2, share=2, workers=1)
    with ExitStack() as held:
        held.enter_context(limiter.slot("a"))
        held.enter_context(limiter.slot("b"))
        with pytest.raises(APIError) as refused, limiter.slot("c"):
            pass
        assert refused.value.problem.status == 503
        assert 1 <= refused.value.retry_after <= LONGEST_RETRY
        assert limiter.inside == 2
    assert limiter.inside == 0
    with limiter.slot("c"):
        assert limiter.inside == 1


def test_one_client_cannot_take_all_places() -> None:
    limiter = Limiter(slots=10, share=2, workers=1)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(limiter.slot("greedy"))
        with pytest.raises(APIError) as refused, limiter.slot("greedy"):
            pass
        assert refused.value.problem.status == 429
        with limiter.slot("other"):
            assert limiter.inside == 3


def test_a_failure_gives_the_place_back() -> None:
    limiter = Limiter(slots=1, share=1, workers=1)
    with pytest.raises(OSError, match="disk"), limiter.slot("a"):
        raise OSError("disk")
    assert limiter.inside == 0


def test_slow_analyses_make_the_advised_pause_longer() -> None:
    pauses = []
    for seconds in (0.1, 200.0):
        limiter = Limiter(slots=1, share=5, workers=1)
        for _ in range(60):
            limiter.record(seconds)
        with (
            limiter.slot("a"),
            pytest.raises(APIError) as refused,
            limiter.slot("b"),
        ):
            pass
        pauses.append(refused.value.retry_after)
    assert pauses[0] < pauses[1] <= LONGEST_RETRY

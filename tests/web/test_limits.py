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
    limiter = Limiter(slots=40, share=8, workers=1)
    with ExitStack() as held:
        for _ in range(8):
            held.enter_context(limiter.slot("greedy"))
        with pytest.raises(APIError) as refused, limiter.slot("greedy"):
            pass
        assert refused.value.problem.status == 429
        assert "as many as may be (8)" in refused.value.message
        assert refused.value.retry_after == 10  # two rounds of 5 s for a quarter of the share
        with limiter.slot("other"):
            assert limiter.inside == 9


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


@pytest.mark.parametrize(
    ("measured", "slots", "workers", "advised"),
    [
        ([], 1, 1, 5),  # the first guess
        ([], 16, 2, 10),  # four rounds of two for a quarter of the files
        ([55.0], 1, 1, 10),  # .9 * 5 + .1 * 55
        ([55.0, 5.0], 1, 1, 10),  # .9 * 10 + .1 * 5 = 9.5
        ([5.0, 55.0], 4, 1, 10),
        ([0.0] * 60, 1, 1, 1),
        ([1_000.0], 1, 1, LONGEST_RETRY),
    ],
)
def test_the_advised_pause_follows_the_mean_of_what_analyses_took(
    measured: list[float], slots: int, workers: int, advised: int
) -> None:
    limiter = Limiter(slots=slots, share=slots + 1, workers=workers)
    for seconds in measured:
        limiter.record(seconds)
    with ExitStack() as held:
        for _ in range(slots):
            held.enter_context(limiter.slot("a"))
        with pytest.raises(APIError) as refused, limiter.slot("b"):
            pass
    assert refused.value.retry_after == advised

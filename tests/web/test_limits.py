from __future__ import annotations

from contextlib import ExitStack

import pytest

from music_emotion.web.limits import LONGEST_RETRY, Admission
from music_emotion.web.responses import RefusedError


def test_a_full_server_says_when_to_come_back() -> None:
    admission = Admission(slots=2, share=2, workers=1)
    with ExitStack() as held:
        held.enter_context(admission.admitted("a"))
        held.enter_context(admission.admitted("b"))
        with pytest.raises(RefusedError) as refused, admission.admitted("c"):
            pass
        assert refused.value.kind.status == 503
        assert 1 <= refused.value.retry_after <= LONGEST_RETRY
        assert admission.inside == 2
    assert admission.inside == 0
    with admission.admitted("c"):
        assert admission.inside == 1


def test_one_client_cannot_take_all_places() -> None:
    admission = Admission(slots=10, share=2, workers=1)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(admission.admitted("greedy"))
        with pytest.raises(RefusedError) as refused, admission.admitted("greedy"):
            pass
        assert refused.value.kind.status == 429
        with admission.admitted("other"):
            assert admission.inside == 3


def test_a_failure_gives_the_place_back() -> None:
    admission = Admission(slots=1, share=1, workers=1)
    with pytest.raises(OSError, match="disk"), admission.admitted("a"):
        raise OSError("disk")
    assert admission.inside == 0


def test_slow_analyses_make_the_advised_pause_longer() -> None:
    pauses = []
    for seconds in (0.1, 200.0):
        admission = Admission(slots=1, share=5, workers=1)
        for _ in range(60):
            admission.note(seconds)
        with (
            admission.admitted("a"),
            pytest.raises(RefusedError) as refused,
            admission.admitted("b"),
        ):
            pass
        pauses.append(refused.value.retry_after)
    assert pauses[0] < pauses[1] <= LONGEST_RETRY

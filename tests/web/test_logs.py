from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from music_emotion.web.logs import LOGGER, REQUEST_ID, logging_to, request_id

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(autouse=True)
def loud_server() -> Iterator[None]:
    """A logger of the server's that was given a level of its own."""
    logger = logging.getLogger("uvicorn.error")
    former = logger.level
    logger.setLevel("DEBUG")
    yield
    logger.setLevel(former)


def lines(form: str, level: str = "info") -> list[str]:
    """What three events are written as."""
    stream = io.StringIO()
    named = REQUEST_ID.set("r-1")
    with logging_to(stream, level, form):
        LOGGER.info("GET %s", "/", extra={"fields": {"status": 200, "seconds": 0.5}})
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            LOGGER.exception("an analysis failed")
    REQUEST_ID.reset(named)
    return stream.getvalue().splitlines()


def test_text_is_a_line_per_event() -> None:
    request, warning, error, *trace = lines("text")
    assert re.fullmatch(rf"{TIME} info GET / status=200 seconds=0.5 id=r-1", request)
    assert re.fullmatch(rf"{TIME} warning Invalid HTTP request received\. id=r-1", warning)
    assert re.fullmatch(rf"{TIME} error an analysis failed id=r-1", error)
    assert trace[0].startswith("Traceback")
    assert trace[-2:] == ["ValueError: two", "lines"]


def test_json_is_an_object_per_event() -> None:
    request, warning, error = map(json.loads, lines("json"))
    assert re.fullmatch(TIME, request.pop("time"))
    assert request == {
        "level": "info",
        "message": "GET /",
        "status": 200,
        "seconds": 0.5,
        "id": "r-1",
    }
    assert warning["level"] == "warning"
    assert "exception" not in warning
    assert error["exception"].endswith("ValueError: two\nlines")


@pytest.mark.parametrize(("level", "expected"), [("debug", 3), ("warning", 2), ("error", 1)])
def test_a_level_leaves_out_what_is_below(level: str, expected: int) -> None:
    assert len(lines("json", level)) == expected


def test_afterwards_logging_is_as_it_was() -> None:
    before = (LOGGER.getEffectiveLevel(), logging.getLogger("music_emotion").handlers)
    lines("text")
    assert (LOGGER.getEffectiveLevel(), logging.getLogger("music_emotion").handlers) == before


def test_an_event_outside_requests_has_no_id() -> None:
    stream = io.StringIO()
    with logging_to(stream, "info", "text"):
        LOGGER.info("stopped")
    assert stream.getvalue().endswith(" info stopped\n")


@pytest.mark.parametrize(
    "sent", ["a", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "Root=1-67-ab", "x" * 128]
)
def test_a_sane_id_is_kept(sent: str) -> None:
    assert request_id([sent]) == sent


@pytest.mark.parametrize(
    "sent",
    [[], [""], ["two words"], ["a", "b"], ["x" * 129], ["a\n"], ["schlüssel"], ['"'], ["a\x00"]],
)
def test_another_is_replaced(sent: list[str]) -> None:
    made = request_id(sent)
    assert re.fullmatch("[0-9a-f]{24}", made)
    assert made != request_id(sent)

"""What the server says while it runs: a line per event, for people or for programs.

Files' names and the addresses of jobs are in none of them.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO, Any, Final

LOGGER: Final = logging.getLogger("music_emotion.web")
LOUD = ("music_emotion", "uvicorn")
"""Loggers whose lines a server writes, all below them included."""

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""What the request is called that is being answered; what is begun for it inherits that."""

SANE_ID = re.compile(r"[\w.:+/=@-]{1,128}", re.ASCII)
ID_BYTES = 12


def request_id(sent: list[str]) -> str:
    """Return what a request is called: as its client does where that is one word, else a new word.

    >>> request_id(["3f2a-77"])
    '3f2a-77'
    >>> len(request_id(["two words"]))
    24
    """
    if len(sent) == 1 and SANE_ID.fullmatch(sent[0]):
        return sent[0]
    return secrets.token_hex(ID_BYTES)


@contextmanager
def logging_to(stream: IO[str], level: str, form: str) -> Iterator[None]:
    """Write what the server says inside the block to a stream, from ``level`` up.

    ``form`` is ``text`` or ``json``.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(level.upper())  # loggers below may have a level of their own
    handler.setFormatter({"text": TextFormatter, "json": JSONFormatter}[form]())
    loggers = [logging.getLogger(name) for name in LOUD]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
    try:
        yield
    finally:
        for logger, (handlers, propagate, former) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(former)


class LineFormatter(logging.Formatter):
    """Gives a line for an event; ``fields`` of a record are what there is to know beside words."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        fields: dict[str, Any] = getattr(record, "fields", {})
        named = REQUEST_ID.get()
        if named and "id" not in fields:
            fields = {**fields, "id": named}
        trace = ""
        if record.exc_info and record.exc_info[1] is not None:
            trace = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        return self.line(event, record.getMessage(), fields, trace)

    def line(self, event: dict[str, str], message: str, fields: dict[str, Any], trace: str) -> str:
        """Put the parts together."""
        raise NotImplementedError


class TextFormatter(LineFormatter):
    """``2026-05-01T12:00:00.000Z info the message seconds=0.71 id=3f2a``, and any traceback."""

    def line(self, event: dict[str, str], message: str, fields: dict[str, Any], trace: str) -> str:
        """Put the parts together."""
        words = [*event.values(), message, *(f"{name}={fields[name]}" for name in fields)]
        return "\n".join([" ".join(words), *([trace] if trace else [])])


class JSONFormatter(LineFormatter):
    """One JSON object a line; a traceback is its ``exception``."""

    def line(self, event: dict[str, str], message: str, fields: dict[str, Any], trace: str) -> str:
        """Put the parts together."""
        told = {"exception": trace} if trace else {}
        return json.dumps({**event, "message": message, **fields, **told})

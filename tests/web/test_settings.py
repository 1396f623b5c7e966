from __future__ import annotations

from typing import Any

import pytest

from music_emotion.errors import ServerError
from music_emotion.web.settings import ServerSettings


def test_the_defaults_can_be_served_and_stay_on_this_machine() -> None:
    settings = ServerSettings().checked()
    assert settings.is_loopback
    assert settings.slots == settings.workers + settings.queue


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0),
        ("queue", -1),
        ("share", 0),
        ("upload_bytes", 0),
        ("audio_seconds", 0.0),
        ("audio_samples", 0.0),
        ("audio_seconds", float("nan")),
        ("analysis_seconds", float("inf")),
        ("port", 70_000),
        ("token", "with\nbreak"),
        ("token", "schlüssel"),
    ],
)
def test_what_makes_no_sense_is_named(name: str, value: Any) -> None:
    with pytest.raises(ServerError, match=name):
        ServerSettings(**{name: value}).checked()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
        ("192.168.1.2", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert ServerSettings(host=host).is_loopback is expected


def test_the_token_shows_in_no_log() -> None:
    assert "secret" not in repr(ServerSettings(token="secret"))

"""What requests leave behind: a line each, numbers for Prometheus, and an id in the answer."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from helpers.live import Live, answer_of, music, running, until
from music_emotion.web.app import create_app
from music_emotion.web.logs import LOGGER
from music_emotion.web.settings import ServerSettings

SECRET = "my secret song.wav"


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    with live.client() as opened:
        yield opened


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER.name)
    return caplog


def numbers(client: httpx.Client) -> dict[str, float]:
    """What is told under /metrics, by name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = "".join(f" {name}={value}" for name, value in sorted(sample.labels.items()))
            found[sample.name.removeprefix("music_emotion_") + labels] = sample.value
    return found


def test_every_request_is_one_line_without_names(
    client: httpx.Client, live: Live, logged: pytest.LogCaptureFixture
) -> None:
    sound = music()
    job = client.post("/api/jobs", files={"file": (SECRET, sound)}).json()["id"]
    client.get(f"/api/jobs/{job}/events")
    client.get("/static/style.css")
    client.get(f"/{SECRET}?{SECRET}")
    client.post("/api/predict", files={"file": (SECRET, b"no music")})
    lines = [record for record in logged.records if record.name == LOGGER.name]
    assert [record.getMessage() for record in lines] == [
        "POST /api/jobs",
        "GET /api/jobs/{job_id}/events",
        "GET /static",
        "GET other",
        "POST /api/predict",
    ]
    fields: list[dict[str, Any]] = [record.fields for record in lines]  # type: ignore[attr-defined]
    assert [each["status"] for each in fields] == [202, 200, 200, 404, 422]
    assert fields[0]["received"] > len(sound)
    assert fields[2]["sent"] == len(client.get("/static/style.css").content)
    assert all(0 <= each["seconds"] < 120 and each["queue"] == 0 for each in fields[1:])
    told = repr([vars(record) for record in logged.records])
    for secret in (SECRET, "secret", job):
        assert secret not in told


def test_an_id_is_taken_or_made_and_returned(client: httpx.Client) -> None:
    assert client.get("/", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    refused = client.get("/api/nothing", headers={"X-Request-Id": "two words"})
    assert len(refused.headers["x-request-id"]) == 24
    assert len({client.get("/").headers["x-request-id"] for _ in range(3)}) == 3


def test_the_numbers_follow_what_happens(client: httpx.Client) -> None:
    before = numbers(client)
    client.post("/api/predict", files={"file": music()})
    client.post("/api/predict", files={"file": music()}, data={"model": "second"})
    client.post("/api/predict", files={"file": b"no music"})
    client.get("/api/jobs/none")
    client.get("/api/jobs/none/other")
    client.request("BREW", "/api/jobs/none")
    after = numbers(client)
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    assert grown["requests_total method=POST route=/api/predict status=200"] == 2
    assert grown["requests_total method=POST route=/api/predict status=422"] == 1
    assert grown["requests_total method=GET route=/api/jobs/{job_id} status=404"] == 1
    assert grown["requests_total method=other route=/api/jobs/{job_id} status=405"] == 1
    assert grown["request_seconds_count route=/api/predict"] == 3
    assert 0 < grown["request_seconds_sum route=/api/predict"] < 360
    assert grown["request_seconds_bucket le=+Inf route=/api/predict"] == 3
    assert grown["predictions_total model=tones"] == 1
    assert grown["predictions_total model=second"] == 1
    assert grown["analysis_seconds_count model=second"] == 1
    assert grown["requests_total method=GET route=other status=404"] == 1
    assert grown["failures_total code=unreadable_audio"] == 1
    assert grown["refusals_total code=unreadable_audio"] == 1
    assert grown["refusals_total code=not_found"] == 2
    assert after["queue"] == after["files"] == 0
    assert after["process_resident_memory_bytes"] > 1e6


def test_the_numbers_tell_who_works_and_who_waits(client: httpx.Client, live: Live) -> None:
    until(lambda: live.app.state.service.workers.ready == 1)
    assert numbers(client)["workers state=idle"] == 1
    endless = {"files": {"file": music()}, "data": {"model": "endless"}}
    places = [client.post("/api/jobs", **endless).headers["location"] for _ in range(3)]
    until(lambda: numbers(client)["workers state=busy"] == 1)
    found = numbers(client)
    assert (found["queue"], found["files"], found["workers state=idle"]) == (2, 3, 0)
    for place in places:
        client.delete(place)
    assert numbers(client)["files"] == 0


def test_the_numbers_are_asked_for_the_token_and_can_be_left_out(
    plain_settings: ServerSettings,
) -> None:
    asking = create_app(replace(plain_settings, token="secret", root_path="/music"))
    for path in ("/metrics", "/music/metrics"):
        assert answer_of(asking, path).status_code == 401
        head = {"Authorization": "Bearer secret"}
        assert answer_of(asking, path, headers=head).status_code == 200
    without = create_app(replace(plain_settings, metrics=False))
    assert answer_of(without, "/metrics").status_code == 404
    assert "/metrics" not in answer_of(without, "/api/openapi.json").json()["paths"]


def test_a_mistake_of_the_servers_is_an_answer_and_a_line(
    plain_settings: ServerSettings, logged: pytest.LogCaptureFixture
) -> None:
    app = create_app(plain_settings)

    async def broken() -> None:
        raise ZeroDivisionError("oh")

    app.add_api_route("/broken", broken)
    answer = answer_of(app, "/broken", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.headers["x-request-id"] == "mine"
    error, line = logged.records[-2:]
    assert error.exc_info is not None
    assert isinstance(error.exc_info[1], ZeroDivisionError)
    assert line.fields["status"] == 500  # type: ignore[attr-defined]


def test_a_workers_mistake_is_told_in_the_log_alone(
    model_folders: tuple[str, ...], tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(model_folders[1], tmp_path / "second")
    settings = ServerSettings(port=0, models=(model_folders[0], str(folder)), workers=1)
    with running(replace(settings, metrics=False)) as server, server.client() as client:
        shutil.rmtree(folder)  # before its first use
        files = {"file": (SECRET, music())}
        head = {"X-Request-Id": "mine"}
        answer = client.post("/api/predict", files=files, data={"model": "second"}, headers=head)
    assert answer.json()["code"] == "internal_error"
    assert str(folder) not in answer.text
    (error,) = (record for record in logged.records if record.levelname == "ERROR")
    assert "an analysis failed\nTraceback" in error.getMessage()
    assert str(folder) in error.getMessage()
    assert SECRET not in logged.text

"""What clients can do to a server, over real connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h11
import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from helpers.command_line import run
from helpers.live import (
    BOUNDARY,
    Live,
    form_head,
    music,
    part_head,
    running,
    status_line,
    until,
)
from helpers.processes import children_of, needs_proc
from music_emotion.errors import ModelError, ServerError
from music_emotion.web import jobs
from music_emotion.web.server import listen, patient_protocol
from music_emotion.web.settings import ServerSettings

FILE = {"file": ("a.wav", music())}
CHUNKED = "Transfer-Encoding: chunked"


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture(scope="module")
def strict(model_folders: tuple[str, ...]):
    """A server with small limits: one file at a time, one waiting, little patience."""
    settings = ServerSettings(
        port=0,
        models=model_folders,
        workers=1,
        queue=1,
        share=2,
        upload_bytes=100_000,
        idle_seconds=1.0,
        upload_seconds=3.0,
        analysis_seconds=600.0,
        wait_seconds=600.0,
        abandoned_seconds=600.0,
        connections=20,
    )
    with running(settings) as server:
        yield server


def test_a_claim_of_twenty_gigabytes_is_refused_at_once(live: Live) -> None:
    with live.connect() as connection:
        connection.sendall(form_head("Content-Length: 20000000000"))
        assert status_line(connection) == 413
    until(lambda: live.inside == 0)


def test_a_body_without_end_is_cut_off(strict: Live) -> None:
    with strict.connect() as connection:
        connection.sendall(form_head(CHUNKED))
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        head = part_head()
        connection.sendall(f"{len(head):x}\r\n".encode() + head + b"\r\n" + 4 * chunk)
        assert status_line(connection) == 413
    until(lambda: strict.inside == 0)


def test_a_client_that_pauses_is_told_and_freed(strict: Live) -> None:
    with strict.connect() as connection:
        connection.sendall(form_head("Content-Length: 50000") + part_head())
        assert status_line(connection) == 408
    until(lambda: strict.inside == 0)


def test_a_client_that_never_asks_is_hung_up_on(strict: Live) -> None:
    with strict.connect() as silent, strict.connect() as halting:
        halting.sendall(b"GET / HTTP/1.1\r\nHost")
        assert silent.recv(100) == b""
        assert halting.recv(100) == b""


def test_uvicorns_protocol_is_the_one_that_is_extended() -> None:
    """A canary: where it fails, uvicorn keeps the state of a request elsewhere.

    Then ``server.patient_protocol`` hangs up on nobody, and clients that never ask hold their
    connection for ever.
    """
    protocol = patient_protocol(ServerSettings())
    assert issubclass(protocol, asyncio.Protocol)
    loop = asyncio.new_event_loop()
    made = protocol(uvicorn.Config(lambda: None), ServerState(), {}, loop)
    loop.close()
    assert isinstance(made.conn, h11.Connection)
    assert made.conn.their_state is h11.IDLE


def test_no_more_connections_than_allowed(strict: Live) -> None:
    held = [strict.connect() for _ in range(20)]
    with strict.connect() as connection:
        assert connection.recv(100) == b""
    for connection in held:
        connection.close()
    until(lambda: strict.client().get("/api/health").status_code == 200)


def test_a_client_that_leaves_while_it_sends_frees_its_place(strict: Live) -> None:
    with strict.connect() as connection:
        connection.sendall(form_head("Content-Length: 50000") + part_head())
        until(lambda: strict.inside == 1)
    until(lambda: strict.inside == 0)


def test_a_client_that_leaves_ends_the_analysis(strict: Live, uploads_folder: Path) -> None:
    sound = FILE["file"][1][:90_000]
    model = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\nendless'
    body = part_head() + sound + model.encode() + f"\r\n--{BOUNDARY}--\r\n".encode()
    with strict.connect() as connection:
        connection.sendall(form_head(f"Content-Length: {len(body)}") + body)
        jobs = strict.app.state.service.jobs
        until(lambda: any(job.state == "running" for job in list(jobs._jobs.values())))
        assert list(uploads_folder.iterdir()) == []
    until(lambda: strict.inside == 0)
    with strict.client() as client:
        until(lambda: client.get("/api/ready").status_code == 200)


def test_a_full_server_refuses_politely_and_recovers(model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(port=0, models=model_folders, workers=1, queue=1, share=1)
    with running(settings) as server, server.client() as client:
        elsewhere = {"X-Forwarded-For": "192.0.2.7"}  # believed from loopback, as a proxy's
        third = {"X-Forwarded-For": "192.0.2.8"}
        first = client.post("/api/jobs", files=FILE, data={"model": "endless"})
        refused = client.post("/api/jobs", files=FILE)
        assert code(refused) == (429, "too_many_requests")
        second = client.post("/api/jobs", files=FILE, headers=elsewhere)
        assert second.status_code == 202
        assert second.json()["state"] == "queued"
        for path in ("/api/jobs", "/api/predict"):
            full = client.post(path, files=FILE, headers=third)
            assert code(full) == (503, "busy")
            assert int(full.headers["retry-after"]) >= 1
        assert code(client.get("/api/ready")) == (503, "busy")
        client.delete(first.headers["location"])
        place = second.headers["location"]
        assert "event: done" in client.get(f"{place}/events").text
        until(lambda: server.inside == 0)


def test_time_limits(model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(
        port=0, models=model_folders, workers=1, analysis_seconds=1.0, wait_seconds=0.2
    )
    with running(settings) as server, server.client() as client:
        job = client.post("/api/jobs", files=FILE, data={"model": "endless"})
        late = client.post("/api/predict", files=FILE, data={"model": "endless"})
        assert code(late) == (503, "busy")
        assert '"analysis_too_long"' in client.get(f"{job.headers['location']}/events").text
        result = client.get(f"{job.headers['location']}/result")
        assert code(result) == (504, "analysis_too_long")
        until(lambda: client.get("/api/ready").status_code == 200)
        until(lambda: client.post("/api/predict", files=FILE).status_code == 200)


def test_jobs_nobody_asks_for_are_cancelled_and_results_forgotten(
    model_folders: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.05)
    settings = ServerSettings(
        port=0, models=model_folders, workers=1, abandoned_seconds=0.5, result_seconds=0.5
    )
    with running(settings) as server, server.client() as client:
        place = client.post("/api/jobs", files=FILE).headers["location"]
        client.post("/api/jobs", files=FILE, data={"model": "endless"})
        until(lambda: server.inside == 0)
        until(lambda: len(server.app.state.service.jobs) == 0)
        assert code(client.get(place)) == (404, "not_found")


def test_a_client_that_waits_for_its_answer_has_not_abandoned_it(
    model_folders: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.05)
    settings = ServerSettings(
        port=0, models=model_folders, workers=1, abandoned_seconds=0.1, analysis_seconds=1.0
    )
    with running(settings) as server, server.client() as client:
        late = client.post("/api/predict", files=FILE, data={"model": "endless"})
        assert code(late) == (504, "analysis_too_long")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (signal.SIGKILL, (500, "internal_error")),  # from outside: not the file's fault
        (signal.SIGSEGV, (422, "unreadable_audio")),
    ],
)
def test_a_worker_that_dies_is_one_files_failure(
    live: Live, end: signal.Signals, expected: tuple[int, str]
) -> None:
    answers: list[httpx.Response] = []

    def ask() -> None:
        with live.client() as client:
            answers.append(client.post("/api/predict", files=FILE, data={"model": "endless"}))

    asking = threading.Thread(target=ask)
    asking.start()
    jobs = live.app.state.service.jobs
    until(lambda: any(job.state == "running" for job in list(jobs._jobs.values())))
    for process in live.app.state.service.workers.processes:
        os.kill(process, end)
    asking.join()
    assert code(answers[0]) == expected
    with live.client() as client:
        assert client.post("/api/predict", files=FILE).status_code == 200


def test_an_address_that_is_taken_is_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1, port {port}"):
            listen("127.0.0.1", port)


def test_a_missing_model_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run("serve", "--model", "nothing", "--port", "0")
    assert isinstance(result.exception, ModelError)
    monkeypatch.setattr("music_emotion.inference.package.SHIPPED", tmp_path)
    result = run("serve", "--port", "0")
    assert "no model is installed" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-mb", "inf"),
        ("--max-mb", "nan"),
        ("--max-mb", "0"),
        ("--max-minutes", "nan"),
        ("--max-seconds", "-1"),
        ("--worker-memory", "inf"),
        ("--min-rate", "-1"),
        ("--port", "70000"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told_by_its_options_name(option: str, value: str) -> None:
    result = run("serve", option, value)
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {option}")


def test_workers_that_cannot_work_are_one_line(model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(port=0, models=model_folders, workers=1, worker_bytes=50_000_000)
    from music_emotion.web.app import create_app
    from music_emotion.web.server import run

    with pytest.raises(ServerError, match="no file can be analysed"):
        run(create_app(settings), settings)


def test_the_command_serves_until_it_is_told_to_stop(model_folders: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "music_emotion", "serve", "--port", "0", "--workers", "1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "MUSIC_EMOTION_TOKEN": "secret"}
    server = subprocess.Popen(
        [*command, "--model", model_folders[0]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    address = server.stdout.readline().split()[1]
    assert address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{address}/api/models", trust_env=False).status_code == 401
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    assert server.returncode == 0
    request, stopping = errors.splitlines()
    assert " info GET /api/models status=401 " in request
    assert stopping.endswith(" info stopped")


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server as a process of its own, with one worker, and a client of it."""
    command = [sys.executable, "-m", "music_emotion", "serve", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[1]
        with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def in_thread(threads: ThreadPoolExecutor, client: httpx.Client, **options: Any) -> Any:
    """A request for a prediction on its way."""
    return threads.submit(client.post, "/api/predict", **options)


def stopped(process: subprocess.Popen[str]) -> str:
    """What a process said on its error stream until its end, which has to be a good one."""
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "Error" not in errors
    assert errors.endswith("stopped\n")
    return errors


def test_a_server_that_is_told_to_stop_refuses_what_it_does_not_finish(
    model_folders: tuple[str, ...],
) -> None:
    folders = [option for folder in model_folders for option in ("--model", folder)]
    endless = {"files": FILE, "data": {"model": "endless"}}
    with (
        serving(*folders, "--drain", "2") as (process, client),
        ThreadPoolExecutor() as threads,
    ):
        place = client.post("/api/jobs", **endless).headers["location"]
        asked = [in_thread(threads, client, **endless) for _ in range(3)]
        until(lambda: client.get("/api/ready").json()["inside"] == 4)
        with client.stream("GET", f"{place}/events") as events:
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            until(lambda: code(client.get("/api/ready")) == (503, "stopping"))
            assert client.get("/api/health").status_code == 200
            refused = client.post("/api/predict", files=FILE)
            for answer in (refused, *(one.result() for one in asked)):
                assert code(answer) == (503, "stopping")
                assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - told >= 2
            last = events.read().decode().split("event: ")[-1]
            assert last.startswith("failed")
            assert '"stopping"' in last
        stopped(process)


@needs_proc
def test_a_server_that_is_told_to_stop_finishes_what_is_inside(
    model_folders: tuple[str, ...],
) -> None:
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    head = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    told = threading.Event()

    def body() -> Iterator[bytes]:
        """A form whose second half comes when the server is being stopped."""
        yield part_head() + FILE["file"][1][:1_000]
        told.wait(120)
        yield FILE["file"][1][1_000:] + end

    with (
        serving("--model", model_folders[0]) as (process, client),
        ThreadPoolExecutor() as threads,
    ):
        place = client.post("/api/jobs", files=FILE).headers["location"]
        until(lambda: client.get(place).json()["state"] == "done")
        asked = [in_thread(threads, client, content=body(), headers=head) for _ in range(3)]
        until(lambda: client.get("/api/ready").json()["inside"] == 3)
        os.kill(process.pid, signal.SIGTERM)
        for worker in children_of(process.pid):  # as service managers tell all of a service
            os.kill(worker, signal.SIGTERM)
        until(lambda: code(client.get("/api/ready")) == (503, "stopping"))
        told.set()
        for one in asked:
            assert one.result().status_code == 200
        assert client.get(f"{place}/result").json()["prediction"]["path"] == "a.wav"
        stopped(process)


def test_a_server_that_is_told_twice_stops_at_once(model_folders: tuple[str, ...]) -> None:
    folders = [option for folder in model_folders for option in ("--model", folder)]
    with (
        serving(*folders, "--drain", "600") as (process, client),
        ThreadPoolExecutor() as threads,
        client.stream("GET", "/api/health"),
        httpx.Client(base_url=client.base_url, timeout=120, trust_env=False) as other,
    ):
        asked = in_thread(threads, other, files=FILE, data={"model": "endless"})
        until(lambda: client.get("/api/ready").json()["inside"] == 1)
        process.send_signal(signal.SIGINT)
        until(lambda: code(client.get("/api/ready")) == (503, "stopping"))
        process.send_signal(signal.SIGINT)
        assert code(asked.result()) == (503, "stopping")
        assert " finishing; files inside: 1; told again" in stopped(process)


def test_who_takes_no_answer_does_not_hold_up_a_server_that_stops(
    model_folders: tuple[str, ...],
) -> None:
    with serving("--model", model_folders[0], "--drain", "0") as (process, client):
        port = client.base_url.port
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(form_head("Content-Length: 50000") + part_head())
            until(lambda: client.get("/api/ready").json()["inside"] == 1)
            process.send_signal(signal.SIGTERM)
            stopped(process)
            assert b" 503 " in idle.recv(100)

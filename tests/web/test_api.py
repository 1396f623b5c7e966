"""The API as clients meet it, against a running server."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.live import Live, calm_then_tense, music, running, wav
from music_emotion import __version__
from music_emotion.audio.kinds import AUDIO_SUFFIXES
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.web.api import _job_out
from music_emotion.web.jobs import Job
from music_emotion.web.schemas import PredictionOut, ResultOut
from music_emotion.web.settings import ServerSettings
from music_emotion.web.worker import AnalysisProgress, AnalysisRequest


@pytest.fixture(scope="module")
def client(live: Live) -> httpx.Client:
    with live.client() as opened:
        yield opened


def send(
    client: httpx.Client,
    sound: bytes,
    name: str = "a.wav",
    path: str = "/api/predict",
    **fields: Any,
) -> httpx.Response:
    return client.post(path, files={"file": (name, sound)}, data=fields)


def problem(response: httpx.Response) -> tuple[int, str]:
    assert set(response.json()) == {"code", "message"}
    assert len(response.json()["message"].splitlines()) == 1
    return response.status_code, response.json()["code"]


def by_command_line(
    sound: bytes, model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str
) -> dict[str, Any]:
    (folder / "a.wav").write_bytes(sound)
    monkeypatch.chdir(folder)
    return json.loads(run("predict", "a.wav", "-m", model, "-f", "json", *options).stdout)[0]


def events(response: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in response.text.split("\n\n") if block]
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: ")))
        for lines in blocks
        if lines[0].startswith("event: ")
    ]


def test_the_answer_is_the_command_lines(
    client: httpx.Client,
    model_folders: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = calm_then_tense()
    answer = send(client, sound)
    assert answer.status_code == 200
    expected = by_command_line(sound, model_folders[0], tmp_path, monkeypatch)
    assert answer.json() == expected
    assert list(answer.json()) == list(expected)
    PredictionOut.model_validate(answer.json())
    explained = send(client, sound, explain="true", emotion="tension")
    assert explained.json()["explanation"]["emotion"] == "tension"
    default = send(client, sound, explain="true").json()
    assert default == by_command_line(sound, model_folders[0], tmp_path, monkeypatch, "--explain")
    PredictionOut.model_validate(default)


def test_another_model_can_be_chosen(client: httpx.Client) -> None:
    assert send(client, music(), model="second").json()["version"] == "2"
    assert send(client, music(), model="").json()["model"] == "tones"


def test_a_job_from_beginning_to_end(client: httpx.Client, live: Live) -> None:
    begun = send(client, calm_then_tense(), "my song.wav", "/api/jobs")
    assert begun.status_code == 202
    place = begun.headers["location"]
    assert place == f"/api/jobs/{begun.json()['id']}"
    seen = events(client.get(f"{place}/events"))
    assert [name for name, _ in seen][-1] == "done"
    assert all(name == data["state"] for name, data in seen)
    result = client.get(f"{place}/result").json()
    ResultOut.model_validate(result)
    assert result["prediction"]["path"] == "my song.wav"
    assert len(result["peaks"]) == pytest.approx(12 * 20, abs=2)
    assert result["peaks"][:240] == pytest.approx([0.5] * 240, abs=0.01)
    assert client.get(place).json()["state"] == "done"
    assert client.delete(place).status_code == 204
    assert problem(client.get(f"{place}/result")) == (404, "not_found")
    assert live.inside == 0


def test_a_job_that_fails_says_why(client: httpx.Client) -> None:
    place = send(client, b"dear listener", "letter.mp3", "/api/jobs").headers["location"]
    name, data = events(client.get(f"{place}/events"))[-1]
    assert (name, data["problem"]["code"]) == ("failed", "unreadable_audio")
    assert "'letter.mp3' is not audio" in data["problem"]["message"]
    assert problem(client.get(f"{place}/result")) == (422, "unreadable_audio")


def test_a_running_job_is_cancelled_and_its_place_freed(client: httpx.Client, live: Live) -> None:
    place = send(client, music(), path="/api/jobs", model="endless").headers["location"]
    assert client.get(place).json()["state"] in ("queued", "running")
    assert problem(client.get(f"{place}/result")) == (409, "not_finished")
    assert live.inside == 1
    assert client.delete(place).status_code == 204
    assert live.inside == 0
    assert problem(client.get(place)) == (404, "not_found")
    # A new process does the next file.
    assert send(client, music()).status_code == 200


def silence_that_unfolds() -> bytes:
    """A FLAC file of 70 minutes in some kilobytes."""
    return wav(np.zeros(4_000 * 60 * 70, np.int16), 4_000, "FLAC")


def wav_that_claims_hours() -> bytes:
    sound = bytearray(music(1.0))
    sound[4:8] = (1_900_000_036).to_bytes(4, "little")
    sound[40:44] = (1_900_000_000).to_bytes(4, "little")
    return bytes(sound)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("song.wav", bytes(1_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: b"", (422, "unreadable_audio")),
        (lambda: b"dear listener" * 100, (422, "unreadable_audio")),
        (lambda: music(0.1), (422, "unreadable_audio")),
        (lambda: wav(np.zeros(0, np.float32)), (422, "unreadable_audio")),
        (lambda: music(2.0)[:30], (422, "unreadable_audio")),
        (zipped, (422, "unreadable_audio")),
        (silence_that_unfolds, (413, "too_long")),
        (wav_that_claims_hours, (413, "too_long")),
    ],
    ids=["empty", "a letter", "too short", "no sound", "cut off", "an archive", "a bomb", "a lie"],
)
def test_bad_uploads_are_told_and_freed(
    client: httpx.Client, live: Live, make: Any, expected: tuple[int, str]
) -> None:
    sound = make()
    assert len(sound) < 100_000
    assert problem(send(client, sound)) == expected
    assert live.inside == 0


def test_bad_forms_are_told_and_freed(client: httpx.Client, live: Live) -> None:
    assert problem(client.post("/api/predict")) == (400, "bad_request")
    assert problem(client.post("/api/predict", json={"file": "a.wav"})) == (400, "bad_request")
    assert problem(client.post("/api/jobs", files={"song": b"x"})) == (422, "invalid_field")
    assert problem(send(client, music(), model="nothing")) == (422, "invalid_field")
    assert problem(send(client, music(), emotion="boredom")) == (422, "invalid_field")
    assert problem(send(client, music(), explain="perhaps")) == (422, "invalid_field")
    mistyped = send(client, music(), modle="light")
    assert problem(mistyped) == (422, "invalid_field")
    assert "no field 'modle'; choose from model, explain, emotion" in mistyped.json()["message"]
    assert live.inside == 0


def test_a_name_from_outside_is_only_a_label(client: httpx.Client) -> None:
    for name in ("../../etc/passwd", "..\\..\\etc\\passwd", "/etc/passwd"):
        assert send(client, music(), name).json()["path"] == "passwd"


def test_models_emotions_and_limits(client: httpx.Client, plain_settings: ServerSettings) -> None:
    offer = client.get("/api/models").json()
    assert offer["default"] == "tones"
    assert [model["name"] for model in offer["models"]][:3] == ["tones", "second", "endless"]
    assert offer["models"][0]["figures"] == {"accuracy": 0.5}
    assert [emotion["colour"] for emotion in offer["emotions"]] == [e.colour for e in GEMS]
    assert offer["limits"]["upload_bytes"] == plain_settings.upload_bytes


def test_the_examples_are_music(client: httpx.Client) -> None:
    offered = client.get("/api/examples").json()
    assert {example["name"] for example in offered} == {"journey", *EMOTIONS}
    for example in offered[:2]:
        sound = client.get(f"/api/examples/{example['name']}")
        assert sound.headers["content-type"] == "audio/flac"
        assert sf.info(io.BytesIO(sound.content)).duration == pytest.approx(example["seconds"])
    assert problem(client.get("/api/examples/silence")) == (404, "not_found")


def test_health_and_readiness(client: httpx.Client) -> None:
    assert client.get("/api/health").json() == {"status": "ok", "version": __version__}
    ready = client.get("/api/ready").json()
    assert ready["status"] == "ready"
    assert ready["workers"] == 1


def test_addresses_and_methods_that_do_not_exist(client: httpx.Client) -> None:
    missing = client.get("/api/nothing")
    assert problem(missing) == (404, "not_found")
    assert missing.json()["message"].startswith("there is no such address")
    assert problem(client.get("/static/../app.py")) == (404, "not_found")
    assert problem(client.get("/static/%2e%2e/app.py")) == (404, "not_found")
    answer = client.get("/api/predict")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert answer.json()["message"] == "this address does not take the method GET"


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/ready"])
def test_monitors_that_ask_for_heads_alone_are_answered(client: httpx.Client, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_what_a_browser_may_do_with_the_page(client: httpx.Client) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'content="{nonce}"' in page.text
    assert nonce not in client.get("/").text
    for answer in (page, client.get("/api/nothing"), client.get("/static/style.css")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


def test_the_page_offers_to_choose_what_is_read(client: httpx.Client) -> None:
    pytest.importorskip("av", reason="needs the extra [formats]")
    offered = client.get("/").text.split('accept="')[1].split('"')[0].split(",")
    assert offered[:2] == ["audio/*", "video/*"]
    assert set(offered[2:]) == AUDIO_SUFFIXES


def test_pages_of_other_sites_cannot_use_the_server(client: httpx.Client) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        answer = client.post(
            "/api/predict", files={"file": music()}, headers={"Sec-Fetch-Site": site}
        )
        assert answer.status_code == status


def test_the_schema_documents_every_problem(client: httpx.Client) -> None:
    schema = client.get("/api/openapi.json").json()
    documented = schema["paths"]["/api/predict"]["post"]["responses"]
    assert {"200", "400", "401", "403", "408", "413", "415", "422", "429", "503", "504"} <= set(
        documented
    )
    assert list(documented) == sorted(documented)
    assert "Retry-After" in documented["503"]["headers"]
    for status in ("400", "413", "422", "503"):
        content = documented[status]["content"]["application/json"]["schema"]
        assert content == {"$ref": "#/components/schemas/Problem"}


def test_the_schema_documents_token_job_address_and_unfinished_results(
    client: httpx.Client,
) -> None:
    schema = client.get("/api/openapi.json").json()
    scheme = schema["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    paths = schema["paths"]
    assert paths["/api/predict"]["post"]["security"] == [{}, {"token": []}]
    assert "security" not in paths["/api/health"]["get"]
    assert "Location" in paths["/api/jobs"]["post"]["responses"]["202"]["headers"]
    result = paths["/api/jobs/{job_id}/result"]["get"]["responses"]
    assert "`not_finished`" in result["409"]["description"]
    assert "422" not in paths["/api/jobs/{job_id}"]["get"]["responses"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_progress_is_told_in_tenths_of_a_second() -> None:
    job = Job(AnalysisRequest("a", "tones"))
    job.progress = AnalysisProgress("listening", 9.98765, 12.3456789)
    progress = _job_out(job, Mock(jobs=Mock(ahead=lambda _: 0))).progress
    assert progress is not None
    assert (progress.heard, progress.total) == (10.0, 12.3)


def test_a_token_opens_the_api(model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(port=0, models=model_folders[:1], workers=1, token="open sesame")
    with running(settings) as server, server.client() as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/health").status_code == 200
        answer = client.get("/api/models")
        assert problem(answer) == (401, "unauthorised")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert problem(send(client, music())) == (401, "unauthorised")
        for wrong in ("Bearer nonsense", "Basic open sesame", "open sesame", "Bearer"):
            refused = client.get("/api/models", headers={"Authorization": wrong})
            assert refused.status_code == 401
        client.headers["Authorization"] = "Bearer open sesame"
        assert send(client, music()).status_code == 200

"""The page about the API: its examples work, and are those of the documentation."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from html5lib import HTMLParser

from helpers.code_blocks import ROOT
from helpers.live import Live, answer_of, music, running
from music_emotion.web.app import create_app
from music_emotion.web.guide import EXAMPLES, SERVED_AT, Example, problems
from music_emotion.web.settings import ServerSettings

PAGE = ROOT / "docs" / "http-api.md"


@pytest.fixture(scope="module")
def served(model_folders: tuple[str, ...]) -> Iterator[Live]:
    """A server with its own models, as the examples name one."""
    with running(ServerSettings(port=0, models=model_folders[:1], workers=1)) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where somebody has music."""
    (tmp_path / "song.mp3").write_bytes(music())
    (tmp_path / "my-music").mkdir()
    for name in ("one", "two and a half", "ünf;,'"):
        (tmp_path / "my-music" / f"{name}.wav").write_bytes(music(3.0))
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.title}, {one.kind}")
def test_an_example_works(example: Example, served: Live, folder: Path) -> None:
    shells = [shutil.which(name) for name in ("bash", "curl", "python3", "xargs")]
    if example.kind == "sh" and None in shells:
        pytest.skip("needs bash, curl, python3 and xargs")
    text = example.text.replace(SERVED_AT, served.address)
    assert SERVED_AT not in text
    text = text.replace("curl ", "curl --noproxy '*' --fail-with-body -sS ")
    command = ["bash", "-euo", "pipefail", "-c", text]
    if example.kind == "python":
        command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    expected = {
        "One file, one answer, sh": '"explanation"',
        "The same in Python, python": "",
        "A job that tells how far it is, sh": "event: done",
        "Many files, four at a time, sh": "",
    }[f"{example.title}, {example.kind}"]
    assert expected in said
    if "my-music" in text and example.kind == "sh":
        assert len(list(folder.glob("my-music/*.wav.json"))) == 3
    if example.kind == "python":
        assert any(words in said for words in ("% feel calmness", "'calmness': ", "3 answers"))
    assert served.inside == 0


def test_the_documentation_has_the_same_examples() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks == [(example.kind, example.text) for example in EXAMPLES]


def test_the_page_is_whole_and_has_the_readers_address(served: Live) -> None:
    with served.client() as client:
        page = client.get("/api/docs")
        assert page.status_code == 200
        paths = client.get("/api/openapi.json").json()["paths"]
        for address in re.findall(r'(?:href|src)="([^"#]+)"', page.text):
            assert client.get(str(page.url.join(address))).status_code == 200, address
    parser = HTMLParser(strict=True)
    parser.parse(page.text)
    assert "$" not in re.sub(r"<pre.*?</pre>", "", page.text, flags=re.DOTALL)
    assert SERVED_AT not in page.text.replace(served.address, "")
    shown = html.unescape(page.text)
    for example in EXAMPLES:
        assert example.text.replace(SERVED_AT, served.address) in shown
    for path in paths:
        assert f"{path}</code>" in page.text
    for problem in problems():
        assert f"<td>{problem.status}</td><td><code>{problem.code}</code></td>" in page.text
    assert "1,200 million" in page.text
    assert "60 minutes" in page.text


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"host": "127.0.0.1:8000"}, "http://127.0.0.1:8000/music"),
        ({"host": "localhost", "x-forwarded-proto": "https"}, "https://localhost/music"),
    ],
)
def test_the_address_is_the_one_that_was_asked(
    plain_settings: ServerSettings, headers: dict[str, str], address: str
) -> None:
    settings = replace(plain_settings, root_path="/music", token="secret")
    page = answer_of(create_app(settings), "/music/api/docs", headers=headers)
    assert page.status_code == 200
    assert f"This server is at <code>{address}</code>" in page.text
    assert "asks for none" not in page.text
    assert f"song.mp3 {address}/api/predict" in page.text


def test_the_page_refers_to_it(served: Live) -> None:
    with served.client() as client:
        assert 'href="api/docs"' in client.get("/").text


def test_nothing_is_loaded_but_the_servers_own(served: Live) -> None:
    answer = httpx.get(f"{served.address}/api/docs", trust_env=False)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)

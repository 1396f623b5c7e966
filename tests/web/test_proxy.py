"""The page and the API below a path of somebody else's host, behind a reverse proxy."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from helpers.browser import CHROMIUM, launched, visit
from helpers.code_blocks import ROOT
from helpers.live import Live, answer_of, music, running
from helpers.proxies import CADDY, NGINX, caddy, nginx, stripping_proxy
from music_emotion.errors import ServerError
from music_emotion.web.app import create_app
from music_emotion.web.settings import ServerSettings

PREFIX = "/music"
FILE = {"file": ("a.wav", music())}
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
UPSTREAM = "127.0.0.1:8000"  # on the page


def documented(kind: str, words: str, port: int) -> str:
    """The one block of the page with these words, for a server on another port."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if words in block)
    assert UPSTREAM in block
    return str(block.replace(UPSTREAM, f"127.0.0.1:{port}"))


def caddys(port: int, path: str = "") -> str:
    """The inside of the documented site of Caddy, its proxy below a path as the page says."""
    site = documented("text", "reverse_proxy", port)
    start = site.index("{") + 1
    before, proxy = site[start : site.rindex("}")].split("    reverse_proxy", 1)
    if not path:
        return f"{before} reverse_proxy{proxy}"
    assert f"put `reverse_proxy` into `handle_path {path}/* {{ … }}`" in PAGE
    return f"{before} handle_path {path}/* {{\n reverse_proxy{proxy} }}"


@pytest.fixture(scope="module")
def below(plain_settings: ServerSettings) -> Iterator[Live]:
    with running(replace(plain_settings, root_path=PREFIX)) as server:
        yield server


@pytest.fixture(scope="module", params=["a proxy of a few lines", "nginx", "caddy"])
def proxied(
    below: Live, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client that knows the proxy alone; its addresses begin below the path."""
    folder = tmp_path_factory.mktemp("proxy")
    proxy: AbstractContextManager[str]
    if request.param == "nginx":
        needed(NGINX, "nginx (apt install nginx-light)")
        proxy = nginx(documented("nginx", f"location {PREFIX}/", below.port), folder)
    elif request.param == "caddy":
        needed(CADDY, "Caddy (apt install caddy)")
        proxy = caddy(caddys(below.port, PREFIX), folder)
    else:
        proxy = stripping_proxy(below.port, PREFIX)
    with proxy as address, httpx.Client(timeout=120, trust_env=False) as client:
        client.base_url = f"{address}{PREFIX}/"
        yield client


def needed(program: str | None, name: str) -> None:
    if program is None:
        pytest.skip(f"needs {name}")


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_the_root_of_a_host_leads_to_the_server(kind: str, live: Live, tmp_path: Path) -> None:
    proxy: AbstractContextManager[str]
    if kind == "nginx":
        needed(NGINX, "nginx (apt install nginx-light)")
        proxy = nginx(documented("nginx", "location / {", live.port), tmp_path)
    else:
        needed(CADDY, "Caddy (apt install caddy)")
        proxy = caddy(caddys(live.port), tmp_path)
    with proxy as address, httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
        assert client.get("/").status_code == 200
        origin = {"Origin": address}
        assert client.post("/api/predict", files=FILE, headers=origin).status_code == 200
        elsewhere = {"Origin": "http://evil.example.org"}
        assert client.get("/api/health", headers=elsewhere).json()["code"] == "cross_site"
        guide = client.get("/api/docs")
        assert f"This server is at <code>{address}</code>" in guide.text


def test_visitors_cannot_see_the_numbers_through_nginx(below: Live, tmp_path: Path) -> None:
    needed(NGINX, "nginx (apt install nginx-light)")
    config = documented("nginx", f"location {PREFIX}/", below.port)
    with nginx(config, tmp_path) as address:
        assert httpx.get(f"{address}{PREFIX}/metrics", trust_env=False).status_code == 403


def test_every_address_on_the_page_lies_below_the_path(proxied: httpx.Client) -> None:
    page = proxied.get("")
    assert page.status_code == 200
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', page.text)
    assert len(addresses) > 4
    for address in addresses:
        found = proxied.get(str(page.url.join(address)))
        assert found.status_code == 200, address
    module = proxied.get("static/js/main.js")
    for name in re.findall(r'from "([^"]+)"', module.text):
        assert proxied.get(str(module.url.join(name))).status_code == 200, name


def test_uploads_events_and_downloads_pass(proxied: httpx.Client) -> None:
    begun = proxied.post("api/jobs", files=FILE)
    assert begun.status_code == 202
    place = begun.headers["location"]
    assert place.startswith(f"{PREFIX}/api/jobs/")
    place = str(begun.url.join(place))
    assert "event: done" in proxied.get(f"{place}/events").text
    assert proxied.get(f"{place}/result").json()["prediction"]["path"] == "a.wav"
    assert proxied.delete(place).status_code == 204
    assert proxied.get(place).json()["code"] == "not_found"
    assert proxied.get("api/examples/power").content[:4] == b"fLaC"
    assert proxied.post("api/predict", files=FILE).status_code == 200


def test_events_arrive_as_they_happen(proxied: httpx.Client) -> None:
    place = proxied.post("api/jobs", files=FILE, data={"model": "endless"}).headers["location"]
    place = str(proxied.base_url.join(place))
    with proxied.stream("GET", f"{place}/events") as stream:
        lines = stream.iter_lines()
        while not next(lines).startswith("event: running"):
            pass
        told = time.monotonic()
        assert proxied.delete(place).status_code == 204
        assert any(line == "event: cancelled" for line in lines)
        assert time.monotonic() - told < 60


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
def test_the_page_hears_a_file_through_the_proxy(proxied: httpx.Client) -> None:
    with (
        sync_playwright() as playwright,
        launched(playwright) as browser,
        visit(browser, str(proxied.base_url)) as seen,
    ):
        seen.drop(song__wav=FILE["file"][1])
        expect(seen.outcome("song.wav").locator(".confidence")).to_be_visible()
        seen.page.locator("#examples button").first.click()
        expect(seen.page.locator(".track")).to_have_count(2)
        asked = [url for url in seen.requests if url.startswith("http")]
        assert seen.complaints == []
    assert len(asked) > 10
    assert all(url.startswith(str(proxied.base_url)) for url in asked)


def test_the_document_names_the_path(proxied: httpx.Client) -> None:
    document = proxied.get("api/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]
    assert "/api/predict" in document["paths"]


def test_the_path_may_be_passed_on_as_well(below: Live, plain_settings: ServerSettings) -> None:
    with below.client() as client:
        for path in ("/api/health", "/static/style.css", "/"):
            assert client.get(path).status_code == 200
            assert client.get(PREFIX + path).status_code == 200
        bare = client.get(f"{PREFIX}?theme=dark")
        assert (bare.status_code, bare.headers["location"]) == (308, f"{PREFIX}/")
        assert client.get(f"{PREFIX}/nothing").json()["code"] == "not_found"
        assert client.get("/musical/api/health").status_code == 404
        assert client.get("/api/health/").status_code == 404
    document = answer_of(create_app(plain_settings), "/api/openapi.json").json()
    assert "servers" not in document


def test_the_token_is_asked_for_below_the_path(model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(models=model_folders[:1], token="secret", root_path=PREFIX)
    app = create_app(settings)
    for path in ("/api/models", f"{PREFIX}/api/models"):
        assert answer_of(app, path).status_code == 401
    for path in ("/api/health", f"{PREFIX}/api/health", f"{PREFIX}/static/style.css"):
        answer = answer_of(app, path)
        assert answer.status_code == 200
        assert ("no-store" in answer.headers.get("cache-control", "")) is ("/api/" in path)


@pytest.mark.parametrize("path", ["music", "/music/", "/", "/a b", "/a//b", "//evil", "/ä", "/a\n"])
def test_a_root_path_is_one(path: str) -> None:
    with pytest.raises(ServerError, match=r"root path '.*' is none; give one such as /music"):
        ServerSettings(root_path=path).checked()


@pytest.mark.parametrize("path", ["/api", "/api/music", "/static"])
def test_the_servers_own_addresses_cannot_be_its_root_path(path: str) -> None:
    with pytest.raises(ServerError, match=f"{path} is the server's own"):
        ServerSettings(root_path=path).checked()

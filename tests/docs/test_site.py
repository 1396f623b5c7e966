"""The documentation site builds without a warning, is whole, asks no server for anything, and leads
readers to the pages that were written for them, on a phone, too.
"""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from helpers.accessibility import THEMES, needs_axe, serious_problems
from helpers.browser import CHROMIUM, PATIENCE, launched
from helpers.code_blocks import PAGES, ROOT
from helpers.markdown import STRAY, code_of

LOADS = re.compile(r"""<(?:script|link|img|iframe|audio|source)\b[^>]*?(?:src|href)="([^"]+)\"""")

LINK = re.compile(r"""<a\b[^>]*?href="([^"]+)\"""")
CODE = re.compile(r"<(pre|code|script|style)\b.*?</\1>", re.DOTALL)
ANCHOR = re.compile(r"""\b(?:id|name)="([^"]+)\"""")
VERSION = re.compile(r"\d\.\d\.\d-[0-9a-f]{7}")
PHONE = {"width": 390, "height": 844}
SOUGHT = {
    "predict": "predict.html",
    "playlist": "library.html",
    "tag": "tagging.html",
    "docker": "deploy.html",
    "confidence": "predict.html",
    "timeline": "predict.html",
    "catalogue": "catalogue.html",
    "metrics": "serve.html",
    "serve": "serve.html",
    "install": "start.html",
    "ratings": "ratings.html",
    "onnx": "onnx.html",
}
"""Where a search leads first."""
LOOKED_AT = (
    *("index", "predict", "map", "science", "http-api"),
    *("search", "py-modindex", "api/music_emotion.library.distributed", "models/default"),
)
"""A page of each kind, with the widest tables and code among them."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the site needs music-emotion[docs]")
    out = tmp_path_factory.mktemp("site")
    call = [
        "-m",
        "sphinx",
        "--fail-on-warning",
        "--keep-going",
        "--quiet",
        "-j",
        "auto",
        "-d",
        f"{out}.cache",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    built = subprocess.run(
        [sys.executable, *call, str(ROOT / "docs"), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return out


@pytest.mark.slow
def test_every_page_and_every_public_module_has_its_place(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file(), page.name
    package = ROOT / "src" / "music_emotion"
    reference = {path.stem: path.read_text("utf-8") for path in (site / "api").glob("*.html")}
    assert "music_emotion.cli" not in reference  # commands explain themselves: --help
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if "cli" in parts or any(part.startswith("_") for part in parts):
            continue
        assert f'id="module-{".".join(parts)}"' in reference[".".join(parts[:-1])], path.name
    assert 'id="music_emotion.evaluation.metrics.macro_f1"' in reference["music_emotion.evaluation"]


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in LOADS.findall(page.read_text("utf-8")):
            assert not re.match(r"(?:https?:)?//", address), f"{page.name} loads {address}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", sheet.read_text("utf-8"))


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html")}
    anchors = {page: set(ANCHOR.findall(text)) for page, text in pages.items()}
    dead = []
    for page, text in pages.items():
        for address in LINK.findall(text):
            parts = urlsplit(unescape(address))
            if parts.scheme or parts.netloc or address == "#":
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = anchors.get(target, set())
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in known):
                dead.append(f"{page.relative_to(site)}: {address}")
    assert dead == []


@pytest.mark.slow
def test_the_sidebar_names_models_without_their_versions(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")
    sidebar = visible(page[page.index("sidebar-tree") : page.index("</aside>")])
    assert " Models default light transfer " in sidebar
    assert not VERSION.search(sidebar)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served, since a browser searches no files."""
    handler = partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def phone(address: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page(viewport=PHONE)
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@needs_chromium
@pytest.mark.slow
def test_no_page_is_wider_than_a_phone(site: Path, address: str, phone: Page) -> None:
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        phone.goto(f"{address}/{name}")
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name


@needs_chromium
@pytest.mark.slow
def test_a_folded_table_opens_and_the_page_stays_as_wide(address: str, phone: Page) -> None:
    phone.goto(f"{address}/science.html")
    table = phone.locator("details table").first
    assert not table.is_visible()
    phone.locator("details summary").first.click()
    assert table.is_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("words", SOUGHT)
def test_a_search_leads_to_the_guide_first(words: str, address: str, phone: Page) -> None:
    phone.goto(f"{address}/search.html?q={words}")
    phone.get_by_text("Search finished").wait_for()
    found = phone.locator("#search-results li > a")
    places = [link.get_attribute("href") or "" for link in found.all()]
    pages = [place.split("?")[0].split("#")[0] for place in places]
    assert pages[0] == SOUGHT[words]
    insides = [page.startswith("api/") for page in pages]
    assert insides == sorted(insides)  # all that was written for readers, then Python's insides


@needs_axe
@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_keeps_people_from_using_it(theme: str, address: str, phone: Page) -> None:
    context = phone.context.browser.new_context(color_scheme=theme)
    page = context.new_page()
    for name in LOOKED_AT:
        page.goto(f"{address}/{name}.html")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert serious_problems(page) == [], name
    context.close()


def visible(html: str) -> str:
    """What a reader sees of HTML, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


@pytest.mark.slow
def test_no_mark_is_left_over_and_no_command_is_changed(site: Path) -> None:
    for page in PAGES:
        if not page.is_relative_to(ROOT / "docs"):
            continue
        html = (site / page.relative_to(ROOT / "docs")).with_suffix(".html").read_text("utf-8")
        article = html[html.index("<article") : html.index("</article>")]
        assert not STRAY.search(visible(CODE.sub(" ", article))), page.name
        seen = visible(article)
        changed = [code for code in code_of(page.read_text("utf-8")) if code not in seen]
        assert changed == [], page.name

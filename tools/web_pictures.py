"""Take the pictures of the web page for the documentation, from synthesised pieces.

``python tools/web_pictures.py [--model FOLDER] [--out docs/pictures]`` starts the server, opens the
page in headless Chromium through Playwright, and writes ``web-light.png``, ``web-dark.png``,
``web-phone.png``, ``web-several.png`` and ``web-empty.png``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

OUT = Path(__file__).resolve().parents[1] / "docs" / "pictures"
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
EMPTY = {"width": 1280, "height": 890}
DESKTOP = {"width": 1280, "height": 790}
SEVERAL = {"width": 1440, "height": 790}
PHONE = {"width": 390, "height": 1080}
PIECES = ("power", "calmness", "sadness", "tension", "tenderness", "joyful activation")
BELOW = 16  # pixels shown below the last card
PLACE = 33.0  # seconds: where the playhead stands
PATIENCE = 120_000  # milliseconds
SETTLING = 400  # milliseconds until nothing moves


@contextmanager
def served(model: str | None) -> Iterator[str]:
    command = [sys.executable, "-m", "music_emotion", "serve", "--port", "0"]
    command += ["--model", model] if model else []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        if not line.startswith("open "):
            raise SystemExit("the server did not start")
        yield line.split()[1]
    finally:
        server.terminate()
        server.wait()


@contextmanager
def opened(browser: Browser, address: str, size: dict[str, int], theme: str) -> Iterator[Page]:
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=1.5)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator("body.started").wait_for()
    yield page
    context.close()


def put_in_list(page: Page, *examples: str) -> None:
    for name in examples:
        page.locator("#example-list button", has_text=name).click()
    page.locator('#list-table tr[data-state="done"]').nth(len(examples) - 1).wait_for()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(SETTLING)


def play(page: Page, example: str) -> None:
    page.locator("#example-list button", has_text=example).click()
    page.locator(".track .outcome:visible").wait_for()
    for stage in page.locator(".track .stage").all():
        box = stage.bounding_box()
        duration = float(stage.get_attribute("aria-valuemax") or 0)
        assert box is not None
        place = PLACE if duration > PLACE else 0.55 * duration
        stage.click(position={"x": box["width"] * place / duration, "y": box["height"] / 2})
        page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(SETTLING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or folder of the model")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> None:
        page.screenshot(path=chosen.out / f"web-{name}.png")

    def shoot_down_to(page: Page, name: str, last: str = "#tracks") -> None:
        size = page.viewport_size
        box = page.locator(last).bounding_box()
        assert size is not None
        assert box is not None
        shown = {"x": 0, "y": 0, "width": size["width"], "height": box["y"] + box["height"] + BELOW}
        page.screenshot(path=chosen.out / f"web-{name}.png", clip=shown, full_page=True)

    with served(chosen.model) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chosen.chromium, headless=True, args=CHROMIUM_FLAGS
        )
        with opened(browser, address, EMPTY, "light") as page:
            shoot(page, "empty")
        with opened(browser, address, DESKTOP, "light") as page:
            play(page, "a journey")
            shoot_down_to(page, "light")
        with opened(browser, address, DESKTOP, "dark") as page:
            play(page, "a journey")
            page.get_by_role("button", name="Why?").click()
            page.locator(".why canvas").wait_for()
            page.evaluate("document.activeElement.blur()")
            page.mouse.move(0, 0)
            page.wait_for_timeout(SETTLING)
            shoot_down_to(page, "dark")
        with opened(browser, address, PHONE, "light") as page:
            play(page, "a journey")
            shoot(page, "phone")
        with opened(browser, address, SEVERAL, "light") as page:
            put_in_list(page, *PIECES)
            shoot_down_to(page, "several", "#list")
        browser.close()


if __name__ == "__main__":
    main()

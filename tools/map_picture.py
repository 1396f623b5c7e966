"""Take the picture of a library's map for the documentation.

``python tools/map_picture.py PAGE [--out docs/pictures]`` opens a page of ``music-emotion map``
(for the committed picture of EMOTIFY, by the default model) in headless Chromium, draws a lasso and
writes ``map.png``.
"""

from __future__ import annotations

import argparse
import math
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from web_pictures import CHROMIUM_FLAGS, OUT, SETTLING

SIZE = {"width": 1280, "height": 840}
MIDDLE, RADIUS = (0.68, 0.34), (0.16, 0.2)  # of the lasso, as shares of the map
POINTS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
        page.goto(chosen.page.resolve().as_uri())
        page.locator("body.started").wait_for()
        box = page.locator("#dots").bounding_box()
        assert box is not None
        page.locator("#lassoes").click()
        for turn in range(POINTS):
            angle = 2 * math.pi * turn / POINTS
            share = MIDDLE[0] + RADIUS[0] * math.cos(angle), MIDDLE[1] + RADIUS[1] * math.sin(angle)
            page.mouse.move(box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"])
            if turn == 0:
                page.mouse.down()
        page.mouse.up()
        page.locator("#list button").first.click()
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.wait_for_timeout(SETTLING)
        page.screenshot(path=chosen.out / "map.png")
        browser.close()


if __name__ == "__main__":
    main()

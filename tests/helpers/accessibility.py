"""What axe-core finds on a page that keeps people from using it."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from helpers.browser import CHROMIUM, launched

PACKAGE = find_spec("axe_playwright_python")  # which brings axe-core
SERIOUS = ("serious", "critical")
# What a page does where sizes change comes with the frame after.
RUN = """async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return JSON.stringify(violations.map(({ id, impact, help, nodes }) => ({
    id, impact, help,
    where: nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`),
  })));
}"""
THEMES = ("light", "dark")

needs_axe = pytest.mark.skipif(
    CHROMIUM is None or PACKAGE is None,
    reason="needs Chromium and axe-core (pip install axe-playwright-python)",
)


@cache
def _engine() -> str:
    assert PACKAGE is not None and PACKAGE.origin is not None
    return Path(PACKAGE.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def serious_problems(page: Page) -> list[str]:
    """What of a page is a serious problem or worse, a line for each place.

    The engine is evaluated, not loaded, which no policy of the page's forbids.
    """
    page.evaluate(_engine())
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: {place}"
        for found in json.loads(page.evaluate(RUN))
        if found["impact"] in SERIOUS
        for place in found["where"]
    ]


def serious_problems_of_file(path: Path, theme: str) -> list[str]:
    """The same of a page on the disk in one of the themes, with all that can be opened open."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page(color_scheme=theme)
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        found = serious_problems(page)
        browser.close()
    return found

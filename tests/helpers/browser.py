"""Headless Chromium from the system's packages, and what a page in it did."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

from web_pictures import CHROMIUM_FLAGS

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
FLAGS = (*CHROMIUM_FLAGS, "--autoplay-policy=no-user-gesture-required")
PATIENCE = 90_000  # milliseconds that something may take on a busy machine
DONE_CARD = '.track[aria-label="%s"]:not([aria-busy]) .outcome:visible'
DONE_ROW = '#list-table tr[data-state="done"]'
DROP = """(files) => {
  const transfer = new DataTransfer();
  for (const { name, data } of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(
      new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }),
    );
  }
}"""


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))


@dataclass
class Visit:
    """A page and what happened on it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def drop(self, **files: bytes) -> None:
        """Drop files, their names with two underscores for the point."""
        sent = [
            {"name": name.replace("__", "."), "data": base64.b64encode(data).decode()}
            for name, data in files.items()
        ]
        self.page.evaluate(DROP, sent)

    def track(self, name: str) -> Any:
        return self.page.locator(f'.track[aria-label="{name}"]')

    def row(self, name: str) -> Any:
        """Return a file's row of the list, which is there where files are several."""
        named = self.page.get_by_title(name, exact=True)
        return self.page.locator("#list-table tbody tr", has=named)

    def outcome(self, name: str) -> Any:
        """Wait for a track's result, open its card where it is closed, and return the track."""
        track = self.track(name)
        self.page.locator(f'{DONE_CARD % name}, {DONE_ROW}:has([title="{name}"])').first.wait_for()
        if not track.is_visible():
            self.row(name).get_by_role("button", name=name, exact=True).click()
        track.locator(".outcome").wait_for()
        track.locator(".pending").wait_for(state="hidden")
        return track


@contextmanager
def visit(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """Open the page in an empty profile of its own."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        seen = Visit(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: seen.complaints.append(line.text) if line.type == "error" else None,
        )
        page.goto(address)
        page.locator("body.started").wait_for()
        yield seen
    finally:
        context.close()

"""Headless Firefox from the system's packages, driven by the W3C's WebDriver BiDi.

Firefox speaks the protocol itself, so that no driver beside it is needed, nor a browser that was
changed for the purpose.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import websocket

FIREFOX = next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)
needs_firefox = pytest.mark.skipif(
    FIREFOX is None, reason="needs Firefox (apt install firefox-esr)"
)
PATIENCE = 90.0  # seconds that something may take on a busy machine
PAUSE = 0.05  # seconds between looks
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
SETTINGS = """
user_pref("media.autoplay.default", 0);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.download.folderList", 2);
user_pref("browser.download.dir", "%s");
"""


class Firefox:
    """A window of Firefox."""

    def __init__(self, connection: websocket.WebSocket, downloads: Path) -> None:
        self.connection, self.downloads = connection, downloads
        self.complaints: list[str] = []
        self._numbers = count(1)
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])
        self.window = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv())
            if answer.get("method") == "log.entryAdded":
                entry = answer["params"]
                if entry["level"] == "error":
                    self.complaints.append(entry["text"])
            elif answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])

    def goto(self, address: str) -> None:
        """Open a page."""
        self.send("browsingContext.navigate", context=self.window, url=address, wait="complete")

    def reload(self) -> None:
        """Load the page again."""
        self.send("browsingContext.reload", context=self.window, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Return what an expression, or the promise that it gives, comes to, as JSON holds it."""
        result = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
            target={"context": self.window},
            awaitPromise=True,
            userActivation=True,
        )
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return json.loads(result["result"]["value"])

    def until(self, expression: str) -> Any:
        """Wait until an expression is true of the page, and return what it comes to."""
        end = time.monotonic() + PATIENCE
        while not (found := self.evaluate(expression)):
            assert time.monotonic() < end, f"never came true: {expression}"
            time.sleep(PAUSE)
        return found

    def text(self, selector: str) -> str:
        """Return what is read of an element that is there."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def element(self, selector: str) -> dict[str, str]:
        locator = {"type": "css", "value": selector}
        found = self.send("browsingContext.locateNodes", context=self.window, locator=locator)
        return {"sharedId": found["nodes"][0]["sharedId"]}

    def choose(self, selector: str, *paths: Path) -> None:
        """Choose files in a field for them."""
        names = [str(path) for path in paths]
        self.send(
            "input.setFiles", context=self.window, element=self.element(selector), files=names
        )

    def box(self, selector: str) -> dict[str, float]:
        """Bring an element into view and return its place there: x, y, width, height."""
        return dict(
            self.evaluate(
                f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
                "one.scrollIntoView({ block: 'center', behavior: 'instant' });"
                "return one.getBoundingClientRect(); })()"
            )
        )

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        box = self.box(selector)
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.drag(middle)

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point and let it go at the last: of one, a click."""
        self.pointer(points[:1], [{"type": "pointerDown", "button": 0}])
        self.pointer(points[1:], [{"type": "pointerUp", "button": 0}])

    def pointer(
        self, points: Sequence[tuple[float, float]], after: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Move the mouse from point to point."""
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0} for x, y in points
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": [*moves, *after]}
        self.send("input.performActions", context=self.window, actions=[mouse])

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        steps = [{"type": step, "value": key} for key in keys for step in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": steps}
        self.send("input.performActions", context=self.window, actions=[keyboard])

    def saved(self, name: str) -> bytes:
        """Wait for a download and return it."""
        end, path = time.monotonic() + PATIENCE, self.downloads / name
        while not (path.exists() and path.stat().st_size and not list(path.parent.glob("*.part"))):
            assert time.monotonic() < end, f"{name} never came"
            time.sleep(PAUSE)
        return path.read_bytes()


@contextmanager
def running_firefox(folder: Path) -> Iterator[Firefox]:
    """Start Firefox with an empty profile in a folder, and end it."""
    assert FIREFOX is not None
    profile, downloads = folder / "profile", folder / "downloads"
    for each in (profile, downloads):
        each.mkdir(parents=True)
    (profile / "user.js").write_text(SETTINGS % downloads, encoding="utf-8")
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile)]
    command += ["--remote-debugging-port", "0", "--width", "1280", "--height", "900"]
    browser = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert browser.stderr is not None
        address = next(found[1] for line in browser.stderr if (found := LISTENING.search(line)))
        connection = websocket.create_connection(
            f"{address}/session", timeout=PATIENCE, suppress_origin=True
        )
        yield Firefox(connection, downloads)
        connection.close()
    finally:
        browser.terminate()
        browser.wait()

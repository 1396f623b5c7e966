"""Time the map of a library: ``python benchmarks/map.py [--count 100000]``.

A catalogue of made tracks (random numbers; names of random words, so that they compress no better
than real ones) is written as a page, which Chromium opens from the disk. Printed are the seconds of
the command, the size of the file, and of several visits, each in a browser of its own: seconds from
the beginning of the navigation until the first picture is drawn and until all works; milliseconds
of drawing everything anew, which is what moving the map takes; and of a search.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from library import fill

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from web_pictures import CHROMIUM_FLAGS

SYLLABLES = re.findall("..", "bacodifegulamenioporasutivaxoduchylizu")
GENRES = ("Rock", "Jazz", "Classical", "Electronic", "Pop", "Folk", "Metal", "Blues", "Soul")
ARTISTS = 10  # tracks of each artist
WORDS = 30_000
SIZE = {"width": 1440, "height": 900}
NAMED = """
UPDATE track SET artist = ?, album = ?, title = ?, genre = ?, year = ? WHERE id = ?
"""
FELT = """
UPDATE prediction SET top = ?, valence = ?, arousal = ? WHERE track = ?
"""
PICTURE = "performance.getEntriesByName('picture')[0]?.startTime"
FRAMES = """async () => {
  const stage = document.getElementById("stage");
  const box = stage.getBoundingClientRect();
  const [clientX, clientY] = [box.x + box.width / 2, box.y + box.height / 2];
  const taken = [];
  for (let turn = 0; turn < 30; turn += 1) {
    const deltaY = turn % 2 ? 40 : -40;
    stage.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX, clientY, cancelable: true }));
    // Asked for after the drawing, and called after it in the same frame.
    const began = await new Promise((resolve) => requestAnimationFrame(resolve));
    taken.push(performance.now() - began);
  }
  return taken;
}"""
POINTING = """() => {
  const stage = document.getElementById("stage");
  const box = stage.getBoundingClientRect();
  const began = performance.now();
  for (let turn = 0; turn < 100; turn += 1) {
    const [clientX, clientY] = [box.x + box.width / 2 + turn, box.y + box.height / 2 + turn];
    stage.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1 }));
  }
  return (performance.now() - began) / 100;
}"""
SEARCH = """async () => {
  const field = document.getElementById("text");
  field.value = "ba";
  const began = performance.now();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const count = document.getElementById("count");
  await new Promise((resolve) => new MutationObserver(resolve).observe(count, { childList: true }));
  return performance.now() - began;
}"""


def words(rng: np.random.Generator) -> list[str]:
    return ["".join(rng.choice(SYLLABLES, rng.integers(1, 5))).capitalize() for _ in range(WORDS)]


def named(count: int, rng: np.random.Generator) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield artist, album, title, genre and year of tracks."""
    known = words(rng)

    def some(least: int, most: int) -> str:
        return " ".join(known[place] for place in rng.integers(0, WORDS, rng.integers(least, most)))

    for number in range(count):
        if number % ARTISTS == 0:
            artist, album = some(1, 4), some(1, 4)
            genre, year = GENRES[rng.integers(len(GENRES))], int(rng.integers(1950, 2026))
        yield artist, album, some(1, 6), genre, year


def make(database: Path, count: int) -> None:
    from music_emotion.emotions import EMOTIONS
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.search import refresh_index

    rng = np.random.default_rng(0)
    tags = list(named(count, rng))
    fill(
        database,
        [
            f"/home/someone/Music/{artist}/{album} ({year})/{number % ARTISTS:02d} - {title}.mp3"
            for number, (artist, album, title, _, year) in enumerate(tags)
        ],
    )
    moods = np.clip(rng.normal(0, 0.25, (count, 2)), -1, 1).tolist()
    tops = rng.choice(EMOTIONS, count).tolist()
    with Catalogue.open(database, write=True) as catalogue:
        with catalogue.writing():
            rows = ((*tag, number) for number, tag in enumerate(tags, 1))
            catalogue.connection.executemany(NAMED, rows)
            felt = (
                (top, *mood, number)
                for number, (top, mood) in enumerate(zip(tops, moods, strict=True), 1)
            )
            catalogue.connection.executemany(FELT, felt)
        refresh_index(catalogue)


def visit(page: Page, address: str) -> dict[str, float]:
    """Return seconds until the picture and until all works, milliseconds of what is done then."""
    page.goto(address, wait_until="commit")
    page.locator("body.started").wait_for(timeout=120_000)
    started = page.evaluate("performance.now()")
    frames = page.evaluate(FRAMES)
    return {
        "seconds to the first picture": page.evaluate(PICTURE) / 1000,
        "seconds until all works": started / 1000,
        "ms of drawing anew, median": statistics.median(frames),
        "ms of drawing anew, most": max(frames),
        "ms of pointing": page.evaluate(POINTING),
        "ms of a search, its wait for more letters included": page.evaluate(SEARCH),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="of tracks")
    parser.add_argument("--repeats", type=int, default=5, help="visits")
    parser.add_argument("--keep", type=Path, help="keep catalogue and page in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        database, page = folder / "c.sqlite", folder / "map.html"
        if not database.exists():
            make(database, options.count)
        command = [sys.executable, "-m", "music_emotion", "map", "-o", str(page)]
        started = time.perf_counter()
        subprocess.run([*command, "--catalogue", str(database)], check=True)
        print(f"{time.perf_counter() - started:6.2f} s to write it")
        print(f"{page.stat().st_size / 1e6:6.2f} MB")
        taken = []
        with sync_playwright() as playwright:
            for _ in range(options.repeats):
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
                )
                taken.append(visit(browser.new_page(viewport=SIZE), page.resolve().as_uri()))
                browser.close()
    for what in taken[0]:
        values = [each[what] for each in taken]
        print(f"{statistics.median(values):6.2f} {what} ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()

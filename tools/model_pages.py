"""Write what documentation says of the models in the wheel, from the models themselves.

    python tools/model_pages.py           # docs/models/*.md, the example of README.md, its picture
    python tools/model_pages.py --check   # change nothing; exit 1 and name the pages that differ

The example is what ``music-emotion example`` writes, predicted by the model ``default`` through the
command line; nothing in it is typed by hand. What stands between ``<!-- shipped: NAME -->`` and
``<!-- /shipped -->`` in README.md and docs/*.md is replaced.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from music_emotion.atomic import write_output
from music_emotion.datasets.example import write_example
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import find_package, read_cards, shipped_names
from music_emotion.report.cards import card_page, card_table
from update_docs import ROOT, replaced
from update_docs import pages as marked_pages

SONG = "example.wav"
MADE_BY = "<!-- Written by tools/model_pages.py from the model's card. -->"
MEANINGS = (
    "[Which figure says what](../predict.md#which-model), and [what they are worth](../science.md)."
)


def predicted(folder: Path, *options: str) -> str:
    """Return what ``music-emotion predict example.wav …`` prints in a folder with the example."""
    command = [sys.executable, "-m", "music_emotion", "predict", SONG, *options]
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout.rstrip()


def places(cards: Sequence[tuple[Card, int]]) -> dict[str, str]:
    """Return the content of the marked places by name; each card with its graph's bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_example(folder / SONG)
        example = predicted(folder)
        reasons = predicted(folder, "--explain", "--top", "1")
    return {
        "example": _console(f"predict {SONG}", example),
        "explained": _console(f"predict {SONG} --explain --top 1", reasons),
        "pages": ", ".join(f"[`{card.name}`](models/{card.name}.md)" for card, _ in cards),
        "models": _console("models", card_table(cards)),
    }


def _console(arguments: str, output: str) -> str:
    return f"```console\n$ music-emotion {arguments}\n{output}\n```"


def pages() -> dict[Path, str]:
    """Return every page's path and what it should hold."""
    cards = read_cards(map(find_package, shipped_names()))
    wanted = {
        ROOT / "docs" / "models" / f"{card.name}.md": explained_page(card) for card, _ in cards
    }
    found = places(cards)
    for page in marked_pages(ROOT):
        text = page.read_text(encoding="utf-8")
        if "<!-- shipped:" in text:
            wanted[page] = replaced(text, "shipped", lambda name: f"\n\n{found[name]}\n\n")
    return wanted


def explained_page(card: Card) -> str:
    """Return a model's page of the site, which leads to what its figures mean."""
    head = "## What it is worth\n\n"
    page = card_page(card).replace(head, head + MEANINGS + "\n\n", 1)
    return f"{MADE_BY}\n\n{page}\n"


def draw_picture() -> None:
    """Draw the example for the README."""
    with tempfile.TemporaryDirectory() as folder:
        write_example(Path(folder, SONG))
        predicted(Path(folder), "--plot", "predict.png")
        predicted(Path(folder), "--plot", "explain.png", "--explain")
        for name in ("predict.png", "explain.png"):
            write_output(ROOT / "docs" / "pictures" / name, Path(folder, name).read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if outdated")
    options = parser.parse_args()
    wanted = pages()
    stale = [
        path
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    kept = set((ROOT / "docs" / "models").glob("*.md"))
    orphans = sorted(kept - set(wanted))
    if options.check:
        for path in (*stale, *orphans):
            print(f"out of date: {path.relative_to(ROOT)}; run python tools/model_pages.py")
        return int(bool(stale or orphans))
    for path in stale:
        write_output(path, wanted[path].encode())
    for path in orphans:
        path.unlink()
    draw_picture()
    print(f"{len(stale) + len(orphans)} pages changed" if stale or orphans else "all up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fill the marked places of the documentation with the figures in ``results/``.

A place is marked by two comments, which Markdown does not show::

    <!-- figures: NAME -->…<!-- /figures -->

What stands between them is replaced by what ``tools/doc_figures.py`` computes for NAME from
``results/results.json`` (written by ``music-emotion compare``), ``results/listeners.json``
(``music-emotion listeners``) and ``results/leak.json`` (``music-emotion leak``). Where a file or a
model is not there yet, the place says so. Nothing is typed by hand::

    python tools/update_docs.py           # rewrite the places and draw the pictures
    python tools/update_docs.py --check   # change nothing; exit 1 and name the places that differ
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

import numpy as np

from doc_figures import PLACES, TABLES, Figures, NotMeasuredError, panel_size
from music_emotion.evaluation.agreement import PanelCurve, Worth
from music_emotion.evaluation.cells import write_atomically

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PLACE = re.compile(r"(<!-- figures: ([\w-]+) -->)(.*?)(<!-- /figures -->)", re.DOTALL)
DRAWN_MODELS = 4
"""Models in the picture of the panels."""


def filled(text: str, figures: Figures) -> str:
    """Return a page with every marked place filled.

    Raises
    ------
    KeyError
        If a place has a name that is not in :data:`doc_figures.PLACES`.
    """

    def fill(match: re.Match[str]) -> str:
        opening, name, _, closing = match.groups()
        try:
            content = PLACES[name](figures)
        except NotMeasuredError as reason:
            content = "*not measured yet*"
            if name in TABLES:
                content = f"*Not measured yet: {reason}.*"
        around = "\n\n" if name in TABLES else ""
        return f"{opening}{around}{content}{around}{closing}"

    return PLACE.sub(fill, text)


def pages(root: Path) -> list[Path]:
    """Return the pages that may hold places."""
    return [path for path in (root / "README.md", *sorted((root / "docs").rglob("*.md")))
            if path.is_file()]  # fmt: skip


def outdated(root: Path, figures: Figures) -> list[str]:
    """Return ``page: place`` for every place that differs from the figures."""
    found = []
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        current, wanted = PLACE.findall(text), PLACE.findall(filled(text, figures))
        found += [
            f"{page.relative_to(root)}: {old[1]}"
            for old, new in zip(current, wanted, strict=True)
            if old[2] != new[2]
        ]
    return found


# --- Pictures ------------------------------------------------------------------------------------


def draw_pictures(results: Path, figures: Figures) -> None:
    """Draw or copy the pictures of the science page whose figures are there."""
    from music_emotion.report.plots import draw_confusions, draw_panels, png_bytes

    PICTURES.mkdir(parents=True, exist_ok=True)
    if (results / "leak.png").is_file():
        shutil.copyfile(results / "leak.png", PICTURES / "leak.png")
    if figures.listeners is None:
        return
    panels = {name: np.array(value) for name, value in figures.listeners["panels"].items()}
    curve = PanelCurve(**{**panels, "tracks": int(panels["tracks"]),
                          "held_out": int(panels["held_out"])})  # fmt: skip
    (PICTURES / "panels.png").write_bytes(png_bytes(draw_panels(curve, drawn_models(figures))))
    if figures.results is not None:
        best = figures.best()
        people = np.array(figures.listeners["confusions"]["halves"])
        figure = draw_confusions(people, np.array(best["confusion"]), best["model"])
        (PICTURES / "confusions.png").write_bytes(png_bytes(figure))


def drawn_models(figures: Figures) -> dict[str, Worth]:
    """Return the worth of the models that the picture of the panels shows, the best by r."""
    if figures.results is None:
        return {}
    rows = [row for row in figures.rows("artist") if row["worth"] is not None]
    rows.sort(key=lambda row: -row["worth"]["mean_r"])
    chosen = {row["model"]: row for row in reversed(rows)}
    best = sorted(chosen.values(), key=lambda row: -row["worth"]["mean_r"])[:DRAWN_MODELS]
    return {
        row["model"]: Worth(
            by_accuracy=panel_size(row["worth"]["by_accuracy"]),
            by_r=panel_size(row["worth"]["by_r"]),
            accuracy=row["worth"]["accuracy"],
            mean_r=row["worth"]["mean_r"],
            tracks=row["worth"]["tracks"],
        )
        for row in best
    }


def main() -> int:
    """Fill the places, or with ``--check`` name those that are out of date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if outdated")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="results folder")
    options = parser.parse_args()
    figures = Figures.read(options.results)
    stale = outdated(ROOT, figures)
    if options.check:
        for line in stale:
            print(f"out of date: {line}; run python tools/update_docs.py")
        return 1 if stale else 0
    for page in pages(ROOT):
        text = page.read_text(encoding="utf-8")
        new = filled(text, figures)
        if new != text:
            write_atomically(page, new.encode())
    draw_pictures(options.results, figures)
    print(f"{len(stale)} places changed" if stale else "everything was up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())

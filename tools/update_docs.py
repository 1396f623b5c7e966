"""Fill the marked places of the documentation with the figures in ``results/``.

A place is marked by two comments, which Markdown does not show::

    <!-- figures: NAME -->…<!-- /figures -->

What stands between them is replaced by what ``tools/doc_figures.py`` computes for NAME from
``results/results.json`` (written by ``music-emotion compare``), ``results/listeners.json``
(``music-emotion listeners``), ``results/leak.json`` (``music-emotion leak``),
``results/elsewhere.json`` (``benchmarks/vgmidi.py``) and ``results/one_answer.json``
(``benchmarks/one_answer.py``). Where a file or a model is not there yet, the place says so. Nothing
is typed by hand::

    python tools/update_docs.py           # rewrite the places and draw the pictures
    python tools/update_docs.py --check   # change nothing; exit 1 and name the places that differ
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import project_address
from doc_figures import PLACES, TABLES, Figures, NotMeasuredError
from doc_pictures import draw_shipped_models
from music_emotion.atomic import write_output
from music_emotion.report.leak import PICTURE

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PLACE = re.compile(r"(<!-- (figures|shipped|project): ([\w-]+) -->)(.*?)(<!-- /\2 -->)", re.DOTALL)
"""Opening mark, kind, name, content, closing mark; ``model_pages.py`` fills those shipped."""
CITATION = "CITATION.cff"


def replaced(text: str, kind: str, content: Callable[[str], str]) -> str:
    """Return a page with the places of one kind filled with the content of their name."""

    def fill(match: re.Match[str]) -> str:
        opening, found, name, _, closing = match.groups()
        return f"{opening}{content(name)}{closing}" if found == kind else match[0]

    return PLACE.sub(fill, text)


def filled(text: str, figures: Figures, address: str = "") -> str:
    """Return a page with every marked place of a figure, and of the project, filled.

    Raises
    ------
    KeyError
        If a place has a name that is not in :data:`doc_figures.PLACES`.
    """

    def content(name: str) -> str:
        try:
            text = PLACES[name](figures)
        except NotMeasuredError as reason:
            text = "*not measured yet*"
            if name in TABLES:
                text = f"*Not measured yet: {reason}.*"
        return f"\n\n{text}\n\n" if name in TABLES else text

    text = replaced(text, "figures", content)
    return replaced(text, "project", lambda name: project_address.PLACES[name](address))


def pages(root: Path) -> list[Path]:
    """Return the pages that may hold places."""
    return [path for path in (root / "README.md", *sorted((root / "docs").rglob("*.md")))
            if path.is_file()]  # fmt: skip


def outdated(root: Path, figures: Figures, address: str = "") -> list[str]:
    """Return ``page: place`` for every place that differs from figures and address."""
    found = []
    citation = root / CITATION
    if citation.is_file():
        text = citation.read_text(encoding="utf-8")
        found += [f"{CITATION}: address"] * (text != project_address.cited(text, address))
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        current, wanted = PLACE.findall(text), PLACE.findall(filled(text, figures, address))
        found += [
            f"{page.relative_to(root)}: {old[2]}"
            for old, new in zip(current, wanted, strict=True)
            if old[3] != new[3]
        ]
    return found


# --- Pictures ------------------------------------------------------------------------------------


def draw_pictures(results: Path, figures: Figures) -> None:
    """Draw or copy the pictures of the science page whose figures are there."""
    from music_emotion.report.plots import draw_confusions, draw_panels, listener_panels, png_bytes

    PICTURES.mkdir(parents=True, exist_ok=True)
    if (results / PICTURE).is_file():
        shutil.copyfile(results / PICTURE, PICTURES / PICTURE)
    document, listeners = figures.known_document, figures.known_listeners
    if listeners is None:
        return
    panels = document and listener_panels(document)
    panels = panels or draw_panels(listeners.panels)
    (PICTURES / "panels.png").write_bytes(png_bytes(panels))
    if document is not None and (models := draw_shipped_models(figures)):
        (PICTURES / "models.png").write_bytes(png_bytes(models))
    if document is not None:
        best = figures.best()
        confusions = draw_confusions(listeners.confusions.halves, best.confusion, best.model)
        (PICTURES / "confusions.png").write_bytes(png_bytes(confusions))


def main() -> int:
    """Fill the places, or with ``--check`` name those that are out of date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if outdated")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="results folder")
    options = parser.parse_args()
    figures = Figures.read(options.results)
    address = project_address.read_address(ROOT)
    stale = outdated(ROOT, figures, address)
    if options.check:
        for line in stale:
            print(f"out of date: {line}; run python tools/update_docs.py")
        return 1 if stale else 0
    for page in pages(ROOT):
        text = page.read_text(encoding="utf-8")
        if (new := filled(text, figures, address)) != text:
            write_output(page, new.encode())
    if (citation := ROOT / CITATION).is_file():
        cited = project_address.cited(citation.read_text(encoding="utf-8"), address)
        write_output(citation, cited.encode())
    draw_pictures(options.results, figures)
    print(f"{len(stale)} places changed" if stale else "everything was up to date")
    if stale:
        print("the notebook shows figures, too: python tools/run_notebook.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())

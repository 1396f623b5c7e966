"""Damage catalogues and have them mended: ``python tools/damage_catalogue.py MODEL``.

A library of short tones is made and scanned. Of its catalogue one copy after another gets 512 bytes
flipped at a random place of its vectors and timelines, or of other tables (``--tables``). Then
``catalogue check``, ``find`` and ``scan`` are asked, each of a copy of its own, and ``catalogue
repair`` mends another. Check must name the damage, find and scan must answer as of the undamaged
catalogue or say what is wrong, and after the repair every row must be what it was. A place that
nothing is kept in is not damaged, and another is drawn.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import killing
from kill_scan import make_library

BYTES = 512
TABLES = ("vector", "timeline")
KEPT = ("track", "prediction", "timeline", "model", "tag_write")


def flip(path: Path, tables: Sequence[str], chance: random.Random) -> int:
    """Flip 512 bytes on a page of one of the tables; return where they begin."""
    before = content(path)
    whole = path.read_bytes()
    spans = {table: pages(path, table) for table in tables}
    while True:
        start, length = chance.choice(spans[chance.choice(list(tables))])
        place = start + chance.randrange(max(1, length - BYTES))
        flipped = bytes(byte ^ 0xFF for byte in whole[place : place + BYTES])
        path.write_bytes(whole[:place] + flipped + whole[place + BYTES :])
        if content(path) != before:
            return place


def pages(path: Path, table: str) -> list[tuple[int, int]]:
    """Return where the pages of a table lie in the file, and how long they are."""
    opened = sqlite3.connect(path)
    found = opened.execute("SELECT pgoffset, pgsize FROM dbstat WHERE name = ?", (table,))
    spans = [(int(place), int(size)) for place, size in found]
    opened.close()
    return spans


def content(path: Path) -> object:
    """Return all that the tables hold, as far as it can be read."""
    opened = sqlite3.connect(path)
    try:
        return [
            opened.execute(f"SELECT * FROM {table}").fetchall()
            for table in (*KEPT, "vector", "text")
        ]
    except sqlite3.Error as error:
        return str(error)
    finally:
        opened.close()


def kept(path: Path) -> list[list[tuple[object, ...]]]:
    """Return the rows of all tables that follow from no other."""
    opened = sqlite3.connect(path)
    try:
        return [opened.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in KEPT]
    finally:
        opened.close()


def ask(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(killing.command(*arguments), capture_output=True, text=True, check=False)


def try_out(library: Path, whole: Path, model: str, tables: Sequence[str], seed: int) -> list[str]:
    """Damage a catalogue and have it mended; return what was wrong, one line each."""
    wrong, folder = [], whole.parent / f"damage {seed}"
    folder.mkdir()
    hurt = folder / "hurt.sqlite"
    shutil.copyfile(whole, hurt)
    place = flip(hurt, tables, random.Random(seed))

    def copy(name: str) -> Path:
        return Path(shutil.copyfile(hurt, folder / name))

    checked = ask("catalogue", "check", "--catalogue", copy("checked.sqlite"))
    if checked.returncode != 1 or not checked.stderr.startswith("damaged: "):
        wrong.append(f"check says {checked.stdout}{checked.stderr}")
    looked = ("find", "--feels", "tension", "--min", "0", "-f", "csv", "--catalogue")
    was, now = ask(*looked, whole), ask(*looked, copy("found.sqlite"))
    if (now.returncode == 0) != (now.stdout == was.stdout):
        wrong.append(f"find gives another answer: {now.stderr}")
    again = ask("scan", library, "-m", model, "--catalogue", copy("scanned.sqlite"))
    if not ("mended: " in again.stderr or "catalogue repair" in again.stderr):
        wrong.append(f"scan says {again.stdout}{again.stderr}")
    repaired = ask("catalogue", "repair", "-m", model, "--catalogue", hurt)
    if repaired.returncode:
        wrong.append(f"repair says {repaired.stderr}")
    if kept(hurt) != kept(whole):
        wrong.append("the mended rows are not what they were")
    if ask("catalogue", "check", "--catalogue", hurt).returncode:
        wrong.append("what is mended is damaged")
    said = checked.stderr.splitlines()
    print(
        f"{seed:2d}: at {place}: {said[0]} ({len(said) - 1}); find {now.returncode}, "
        f"scan {again.returncode}: {'WRONG' if wrong else 'noticed and mended'}",
        flush=True,
    )
    return [f"{seed}: {line}" for line in wrong]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model's name or folder")
    parser.add_argument("--catalogues", type=int, default=14)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = make_library(Path(folder, "music"), options.files)
        whole = Path(folder, "whole.sqlite")
        ask("scan", library, "-m", options.model, "--catalogue", whole)
        wrong = [
            line
            for seed in range(options.seed, options.seed + options.catalogues)
            for line in try_out(library, whole, options.model, options.tables, seed)
        ]
    for line in wrong:
        print(f"wrong: {line}")
    bad = len({line.partition(":")[0] for line in wrong})
    print(f"{options.catalogues - bad} of {options.catalogues} noticed and mended")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""Kill repairs at random moments and look: ``python tools/kill_repair.py MODEL``.

A library of short tones is scanned. Of its catalogue copies are damaged: a third of the timelines
differ from their checksums, and of every other copy 512 bytes of their pages are flipped, too, so
that its file is made anew. ``catalogue repair`` is killed with SIGKILL at a random moment of its
work, again and again, and begun anew where it was; where it came to its end, with another copy.
After each kill nothing may be lost that was not damaged: every file, every whole prediction; no
lock and no process may stay. In the end one undisturbed repair must give the catalogue of before.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import killing
from damage_catalogue import flip, kept
from kill_scan import make_library, still_alive, still_locked
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.health import damaged_rows, examine

DAMAGED = 3  # every so many timelines
SECONDS = 2.0  # from the beginning of the work to the kill, at most
STARTS_PER_KILL = 4  # at most


def damage(whole: Path, path: Path, chance: random.Random, *, pages: bool) -> None:
    """Make a damaged copy of a catalogue."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copyfile(whole, path)
    opened = sqlite3.connect(path, isolation_level=None)
    question = "SELECT sql FROM sqlite_master WHERE name = 'timeline_unsealed'"
    (trigger,) = opened.execute(question).fetchone()
    opened.execute("DROP TRIGGER timeline_unsealed")
    opened.execute(f"UPDATE timeline SET first = first + 1 WHERE track % {DAMAGED} = 0")
    opened.execute(trigger)
    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    if pages:
        flip(path, ("timeline",), chance)


def losses(path: Path, whole: Path) -> list[str]:
    """Return what a catalogue lacks that was not damaged, in lines."""
    wrong = []
    (files, *others), (now, *rest) = kept(whole), _readable(path)
    if files != now:
        wrong.append("rows of files are lost or changed")
    for rows, left in zip(others, rest, strict=True):
        known = set(rows)
        with Catalogue.open(path) as opened:
            hurt = damaged_rows(opened) if not examine(opened).structure else None
        strange = [row for row in left if row not in known]
        if hurt is not None and any(row[0] not in hurt for row in strange):
            wrong.append(f"row {strange[0][0]} is another's or changed")
    return wrong


def _readable(path: Path) -> list[list[tuple[object, ...]]]:
    """Return the rows of all tables that follow from no other, as far as they can be read."""
    try:
        return kept(path)
    except sqlite3.DatabaseError:  # before the file is made anew
        opened = sqlite3.connect(path)
        files = opened.execute("SELECT * FROM track ORDER BY 1").fetchall()
        opened.close()
        return [files, [], [], [], []]


def main() -> None:
    """Run the kills and say what was wrong; exit code 1 if anything was."""
    parser = killing.options(__doc__, files=120)
    parser.add_argument("model", help="a model's name or folder")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        library = make_library(Path(folder, "music"), options.files)
        whole, path = Path(folder, "whole.sqlite"), Path(folder, "hurt.sqlite")
        scan = killing.command("scan", library, "-m", options.model, "--catalogue", whole)
        subprocess.run(scan, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        command = killing.command("catalogue", "repair", "-m", options.model, "--catalogue", path)
        wrong, killed, started, copies = list[str](), 0, 0, 0
        while killed < options.kills and started < STARTS_PER_KILL * options.kills:
            if not path.exists():
                damage(whole, path, chance, pages=bool(copies % 2))
                copies += 1
            started += 1
            wal, before = Path(f"{path}-wal"), path.stat().st_mtime_ns
            process = killing.start(
                command,
                lambda wal=wal, before=before: (
                    (wal.exists() and wal.stat().st_size > 0) or path.stat().st_mtime_ns != before
                ),
            )
            ended = not killing.kill(process, chance.uniform(0.0, SECONDS))
            killed += not ended
            problems = [*losses(path, whole), still_alive(process.pid), still_locked(path)]
            problem = "; ".join(filter(None, problems))
            wrong += [f"repair {started}: {problem}"] if problem else []
            left = "a damaged file"
            with Catalogue.open(path) as opened:
                health = examine(opened)
                left = left if health.structure else f"{len(health.rows)} rows to mend"
            print(
                f"{started:2d}: {'had ended' if ended else 'killed'}, {left} {problem}", flush=True
            )
            if ended:
                wrong += _compare(path, whole)
                path.unlink()
        if not path.exists():
            damage(whole, path, chance, pages=True)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        wrong += _compare(path, whole)
    if killed < options.kills:
        wrong.append(f"only {killed} repairs could be killed at work: more --files?")
    killing.end(wrong, kills=killed, files=options.files)


def _compare(path: Path, whole: Path) -> list[str]:
    with Catalogue.open(path) as opened:
        sound = examine(opened).is_sound
    if kept(path) != kept(whole):
        return ["what is mended is not what was"]
    return [] if sound else ["what is mended is damaged"]


if __name__ == "__main__":
    main()

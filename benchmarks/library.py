"""Time a library's commands: ``python benchmarks/library.py scan|again|find|export``.

``scan FOLDER``
    A scan of real tracks in two processes against the bare predict loop: the same model, files and
    processes, without a catalogue. They run by turns in processes of their own; printed are the
    seconds of each and the median of the ratios. By default the folder is EMOTIFY_ROOT's.
``again``
    A second scan with nothing new over 50,000 catalogued files, without and with patterns and
    lengths that are left out. The files are empty and their rows written without predicting,
    because such a scan opens none.
``find``
    ``music-emotion find`` on a catalogue of 1,000,000 rows made of random numbers and words, the
    start of the process included: by emotion, likeness, artist, path, and without a filter.

``export``
    The same command on 200,000 rows, all of them into a file of each format, with the most memory.

Given are medians, by the clock and of the processor; the latter tells how much is to be done also
where other programs keep the machine busy.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODEL = "1" * 64
PIECE = 50_000  # rows per transaction
CACHE_KIB = 1 << 20
BARE = """
import sys
from music_emotion.inference.batch import predict_files, silence_native_libraries
from music_emotion.audio.discover import find_files
silence_native_libraries()
files = find_files([sys.argv[1]], recursive=True)
print(sum(1 for _ in predict_files(files, sys.argv[2], jobs=int(sys.argv[3]))))
"""
FIND = (
    ("--feels nostalgia --min .4 --not tension", "by emotion"),
    ("--feels nostalgia --not tension", "by emotion, in order by standing"),
    ("--feels power --by probability -n 1000 -f csv", "1,000 rows of CSV"),
    ("--valence .5: --arousal :0", "by two ranges"),
    ("--like LIKE", "like a catalogued file"),
    ("--like LIKE --not tension", "like it, not tense"),
    ("--artist 'artist 123'", "by artist"),
    ("--text 'song 777'", "by any text"),
    ("--path /music/ --feels calmness", "path of all, by emotion"),
    ("", "without a filter"),
)


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock, and of the processor in all processes."""

    clock: float
    processor: float


def timed(command: list[str]) -> Taken:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(clock, used)


MEMORY = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000)
"""


def memory(command: list[str]) -> int:
    """Return the most memory that a command took, MB on Linux."""
    return int(subprocess.check_output([sys.executable, "-c", MEMORY, *command]).split()[-1])


def middle(taken: list[Taken]) -> str:
    clock = statistics.median(t.clock for t in taken)
    return f"{clock:6.3f} s, processor {statistics.median(t.processor for t in taken):6.3f} s"


def scan(folder: str, model: str, jobs: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        ratios = []
        for turn in range(repeats):
            bare = timed([sys.executable, "-c", BARE, folder, model, str(jobs)])
            command = [sys.executable, "-m", "music_emotion", "scan", folder, "-m", model]
            database = str(Path(place, f"{turn}.sqlite"))
            scanned = timed([*command, "-j", str(jobs), "--catalogue", database])
            ratios.append((scanned.clock / bare.clock, scanned.processor / bare.processor))
            print(f"bare loop {middle([bare])}; scan {middle([scanned])}", flush=True)
        clock, processor = (statistics.median(both) for both in zip(*ratios, strict=True))
        print(f"scan against the bare loop: {clock:.3f} ×, processor {processor:.3f} ×")


def fill(database: Path, paths: list[str], sha256: str = MODEL, version: str = "1") -> None:
    """Make a catalogue of files with random numbers, by plain SQL, which is faster than row by row.

    Triggers fill the index of words as they do in a scan.
    """
    from music_emotion.emotions import EMOTIONS
    from music_emotion.inference.prediction import (
        FLAGS,
        INTENSITY_COLUMNS,
        NUMBERS,
        STANDING_COLUMNS,
    )
    from music_emotion.library.catalogue import PREDICTION_COLUMNS, Catalogue
    from music_emotion.library.database import transaction
    from music_emotion.library.health import seal
    from music_emotion.library.search import refresh_index
    from music_emotion.library.timeline import NINE, POINTS, packed

    rng, count = np.random.default_rng(0), len(paths)
    points = packed(  # of one minute
        {
            name: rng.integers(0, 30, 20 * (9 if name in NINE else 1), np.uint8).tobytes()
            for name in POINTS
        }
    )
    columns = ("track", "model", *PREDICTION_COLUMNS)
    marks = ", ".join("?" * len(columns))
    with Catalogue.open(database, write=True) as catalogue:
        write = catalogue.connection
        write.execute("PRAGMA synchronous = OFF")  # it may be made again
        write.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
        write.execute("INSERT INTO model VALUES (1, 'made', ?, ?)", (version, sha256))
        for first in range(0, count, PIECE):
            numbers = range(first, min(first + PIECE, count))
            emotions = rng.dirichlet(np.ones(9), len(numbers)).astype(np.float32)
            intensities = rng.beta(1.2, 3.0, (len(numbers), 9)).astype(np.float32)
            made = {
                "duration": np.full(len(numbers), 180.0),
                "top": np.full(len(numbers), "power"),
                "confidence": np.full(len(numbers), 0.5),
                **dict(zip(NUMBERS, rng.random((len(NUMBERS), len(numbers))), strict=True)),
                **dict.fromkeys(FLAGS, np.zeros(len(numbers), bool)),
                **dict(zip(EMOTIONS, emotions.T, strict=True)),
                **dict(zip(INTENSITY_COLUMNS, intensities.T, strict=True)),
                **dict(zip(STANDING_COLUMNS, np.round(intensities.T, 3), strict=True)),
                "warnings": np.full(len(numbers), ""),
            }
            rows = zip(*(made[name].tolist() for name in PREDICTION_COLUMNS), strict=True)
            with transaction(write):
                write.executemany(
                    "INSERT INTO track VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', NULL, '', 0, NULL)",
                    (track_values(number, paths[number]) for number in numbers),
                )
                write.executemany(
                    f"INSERT INTO prediction ({', '.join(columns)}) VALUES ({marks})",
                    ((number + 1, 1, *row) for number, row in zip(numbers, rows, strict=True)),
                )
                write.executemany(
                    "INSERT INTO timeline VALUES (?, 1.5, 3.0, 3.0, x'', ?, NULL)",
                    ((number + 1, points) for number in numbers),
                )
        seal(catalogue)  # as a scan does, which outdates what is derived
        refresh_index(catalogue)


def track_values(number: int, path: str) -> tuple[object, ...]:
    """Return number, path, stamp, digest, artist, album and title of a made track."""
    status = Path(path).stat() if os.path.lexists(path) else None
    stamp = (status.st_size, status.st_mtime_ns, status.st_ino) if status else (0, 0, 0)
    audio = number.to_bytes(16, "little")
    names = f"Artist {number // 100}", f"Album {number // 10}", f"Song {number}"
    return (number + 1, path, *stamp, audio, *names)


def again(count: int, model: str, repeats: int) -> None:
    from music_emotion.inference.model_card import read_card
    from music_emotion.inference.package import find_package

    with tempfile.TemporaryDirectory() as place:
        music, names = Path(place, "music"), []
        for number in range(count):
            folder = music / f"artist {number // 100}" / f"album {number // 10}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.mp3").write_bytes(b"")
            names.append(str(folder / f"{number}.mp3"))
        database = Path(place, "c.sqlite")
        card = read_card(find_package(model))
        fill(database, names, card.sha256, card.version)
        command = [sys.executable, "-m", "music_emotion", "scan", str(music), "-m", model]
        command += ["--catalogue", str(database)]
        print(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        excluding = ["--exclude", "Podcasts", "--exclude", "*.wav", "--exclude", "*/live/*"]
        excluding += ["--max-length", "1h", "--min-length", "10s"]
        for more, what in (([], "nothing new"), (excluding, "nothing new and exclusions")):
            taken = [timed([*command, *more]) for _ in range(repeats)]
            print(f"a scan with {what}, {count:,} files: {middle(taken)}")


def made(count: int, place: str, keep: Path | None) -> Path:
    """Return the catalogue of so many made tracks, which is made where there is none."""
    database = keep or Path(place, "c.sqlite")
    if not database.exists():
        names = [
            f"/music/Artist {n // 100}/Album {n // 10}/{n % 10:02d} - Song {n}.mp3"
            for n in range(count)
        ]
        started = time.perf_counter()
        fill(database, names)
        size = database.stat().st_size / 1e6
        print(f"made in {time.perf_counter() - started:.0f} s, {size:.0f} MB", flush=True)
    return database


def find(count: int, repeats: int, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        database = made(count, place, keep)
        like = "'/music/Artist 5/Album 55/05 - Song 555.mp3'"
        for arguments, what in FIND:
            words = f"find {arguments.replace('LIKE', like)} --catalogue '{database}'"
            command = ["sh", "-c", f"exec '{sys.executable}' -m music_emotion {words}"]
            print(f"{middle([timed(command) for _ in range(repeats)])}: {what}", flush=True)
        command = [sys.executable, "-m", "music_emotion", "--help"]
        print(f"{middle([timed(command) for _ in range(repeats)])}: --help alone")


def export(count: int, repeats: int, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        database = made(count, place, keep)
        for ending in ("json", "csv", "parquet", "m3u8"):
            command = [sys.executable, "-m", "music_emotion", "find", "--catalogue", str(database)]
            command += ["-o", str(Path(place, f"list.{ending}"))]
            taken = middle([timed(command) for _ in range(repeats)])
            print(f"{taken}, {memory(command)} MB: {count:,} rows of {ending}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("scan", "again", "find", "export"))
    parser.add_argument("folder", nargs="?", help="of scan")
    parser.add_argument("--model", default="default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--count", type=int, help="of catalogued files")
    parser.add_argument("--keep", type=Path, help="make the catalogue here, or use the one there")
    options = parser.parse_intermixed_args()  # the folder may also come last
    if options.what == "scan":
        root = os.environ.get("EMOTIFY_ROOT")
        folder = options.folder or (root and f"{root}/emotifymusic")
        if not folder or not Path(folder).is_dir():
            parser.error("name a folder, or set EMOTIFY_ROOT")
        scan(folder, options.model, options.jobs, options.repeats)
    elif options.what == "again":
        again(options.count or 50_000, options.model, options.repeats)
    elif options.what == "find":
        find(options.count or 1_000_000, options.repeats, options.keep)
    else:
        export(options.count or 200_000, options.repeats, options.keep)


if __name__ == "__main__":
    main()

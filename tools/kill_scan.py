"""Kill scans at random moments and check the catalogue: ``python tools/kill_scan.py MODEL``.

A library of short tones is made, among them files that are no audio. A scan of it is started and
killed by SIGKILL at a random moment, again and again, then one is let through. Every third is
killed in its first seconds, the others a random moment after a random number of files. Afterwards
every file must have exactly one row, right in every column that can be checked, and SQLite must
find the file sound; between the kills, no worker process and no lock may outlive its scan.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import killing
from music_emotion.errors import CatalogueError
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import scan_lock
from music_emotion.library.vectors import load_vectors

RATE = 44_100
BAD = 7  # every so many files is no audio
WORKER_SECONDS = 10.0  # in which workers must notice the end of their parent
POLL_SECONDS = 0.02
LATER_SECONDS = 0.2  # from the chosen file to the kill, at most
STARTING_SECONDS = 3.0
STARTS_PER_KILL = 4  # at most


def make_library(folder: Path, files: int, seconds: float = 6.0) -> Path:
    """Write tones of different pitch into subfolders, and some files that are no audio."""
    time_axis = np.arange(round(seconds * RATE)) / RATE
    for number in range(files):
        place = folder / f"album {number // 10}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{number:04d}.wav"
        if number % BAD == BAD - 1:
            path.write_text(f"letter {number}")
        else:
            tone = 0.5 * np.sin(2 * np.pi * (200 + number) * time_axis)
            soundfile.write(path, tone.astype(np.float32), RATE)
    return folder


def kill_scans(
    library: Path, database: Path, model: str, *, kills: int, jobs: int, seed: int
) -> list[str]:
    """Kill scans until so many were killed at work, then let one through; return what was wrong.

    Whenever a scan ended before its moment came, its catalogue is checked and a new one is begun.
    """
    moments = random.Random(seed)
    command = killing.command("scan", library, "--model", model)
    command += ["--catalogue", str(database), "--jobs", str(jobs)]
    share = 1.5 * sum(1 for _ in library.rglob("*.wav")) / kills
    wrong, killed, started = list[str](), 0, 0
    while killed < kills and started < STARTS_PER_KILL * kills:
        before = _rows(database)
        target = before + 1 + moments.randrange(max(1, round(share))) if started % 3 else 0
        started += 1
        process = killing.start(
            command, lambda target=target: _rows(database) >= target, POLL_SECONDS
        )
        moment = moments.uniform(0.0, LATER_SECONDS if target else STARTING_SECONDS)
        ended = not killing.kill(process, moment)
        killed += not ended
        problem = _damage(database) or still_alive(process.pid) or still_locked(database)
        wrong += [f"scan {started}: {problem}"] if problem else []
        how = "had ended" if ended else "killed"
        print(f"{started:2d}: {how} at {before} + {_rows(database) - before} rows {problem}")
        if ended:
            wrong += check_catalogue(library, database)
            for file in database.parent.glob(f"{database.name}*"):
                file.unlink()
    if killed < kills:
        wrong.append(f"only {killed} scans could be killed at work: more --files?")
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return wrong + check_catalogue(library, database)


def check_catalogue(library: Path, database: Path) -> list[str]:
    """Return what is wrong with a catalogue of the library, one line each."""
    files = {str(path): path for path in library.rglob("*.wav")}
    wrong = []
    with Catalogue.open(database) as catalogue:
        wrong += catalogue.check()
        if len(catalogue) != len(files):
            wrong.append(f"{len(catalogue)} rows for {len(files)} files")
        for name, path in files.items():
            row = catalogue.track(name)
            if row is None:
                wrong.append(f"{name}: no row")
            elif row.audio != audio_digest(path) or row.missing_since is not None:
                wrong.append(f"{name}: another file's row")
            elif (row.prediction is None) != (path.read_bytes()[:4] != b"RIFF"):
                wrong.append(f"{name}: prediction or error is missing")
        predicted = sum(path.read_bytes()[:4] == b"RIFF" for path in files.values())
        if len(load_vectors(catalogue)) != predicted:
            wrong.append(f"{len(load_vectors(catalogue))} vectors for {predicted} predictions")
    return wrong


def _rows(database: Path) -> int:
    """Return the number of rows, 0 while the catalogue is not made yet."""
    try:
        with Catalogue.open(database) as catalogue:
            return len(catalogue)
    except CatalogueError:
        return 0


def _damage(database: Path) -> str:
    with Catalogue.open(database, write=True) as catalogue:
        return "; ".join(catalogue.check())


def still_alive(session: int) -> str:
    """Wait until no process of a session is left; return a line if some stay."""
    until = time.monotonic() + WORKER_SECONDS
    while time.monotonic() < until:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return ""
        time.sleep(POLL_SECONDS)
    return f"processes of session {session} outlived their parent by {WORKER_SECONDS:.0f} s"


def still_locked(database: Path) -> str:
    """Return a line if somebody holds the right to write into a catalogue."""
    try:
        with scan_lock(database):
            return ""
    except CatalogueError as error:
        return str(error)


def main() -> None:
    """Run the kills and say what was wrong; exit code 1 if anything was."""
    parser = killing.options(__doc__, files=200)
    parser.add_argument("model", help="a model's name or folder")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = make_library(Path(folder, "music"), options.files)
        database = Path(folder, "catalogue.sqlite")
        chosen = {name: getattr(options, name) for name in ("kills", "jobs", "seed")}
        wrong = kill_scans(library, database, options.model, **chosen)
    killing.end(wrong, kills=options.kills, files=options.files)


if __name__ == "__main__":
    main()

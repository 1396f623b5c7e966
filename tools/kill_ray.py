"""Kill the process that hands out work on Ray, and look: ``python tools/kill_ray.py MODEL``.

A cluster of two processors is started on this machine, as its owner would, and a library of short
tones made. ``scan --engine ray --address …`` of it is killed with SIGKILL at a random moment, again
and again, and begun anew; where one came to its end, with an empty folder. After each kill every
shard that is there must be whole, no worker may go on for long, and the catalogue must be sound. In
the end an undisturbed run must give every track exactly once, in shards and in the catalogue.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import killing
from kill_scan import check_catalogue, make_library, still_locked
from music_emotion.atomic import TEMPORARY_SUFFIX
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.distributed.shards import ShardFolder
from music_emotion.library.track import ModelId

WORKER_SECONDS = 60.0  # in which workers must notice the end of who asked for them
STARTING_SECONDS = 8.0  # from the start of a command to the kill, at most, of every third
LATER_SECONDS = 1.0  # from a new shard to the kill, at most, of the others
STARTS_PER_KILL = 4  # at most
POLL_SECONDS = 0.05


@contextmanager
def ray_head(cpus: int = 2) -> Iterator[tuple[str, int]]:
    """Start a cluster on this machine; give its address and its process, until the block ends."""
    folder = tempfile.mkdtemp(prefix="me-")  # short, because names of sockets may not be long
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    options = {
        "node-ip-address": "127.0.0.1",
        "port": address.partition(":")[2],
        "num-cpus": str(cpus),
        "include-dashboard": "false",
        "object-store-memory": str(10**8),
        "temp-dir": folder,
    }
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere) as process:
        try:
            yield address, process.pid
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def workers() -> list[int]:
    """Return the numbers of the processes on this machine that are at a shard."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if (place / "cmdline").read_bytes().startswith(b"ray::ShardScanner"):
                found.append(int(place.name))
    return found


def damage(out: Path, model: str) -> list[str]:
    """Return what is wrong with the results after a kill, in lines."""
    if not out.exists():
        return []
    folder, identity = ShardFolder(str(out)), ModelId.of(read_card(find_package(model)))
    shards = {shard.file: shard for shard in folder.known(identity)}
    there = {path.name for path in out.iterdir() if not path.name.startswith((".", "_"))}
    strange = there.difference(shards)
    broken = [name for name in there & set(shards) if not folder.done(shards[name], identity)]
    left = [path.name for path in out.glob(".*") if not path.name.endswith(TEMPORARY_SUFFIX)]
    return [f"{name} is no whole shard" for name in (*strange, *broken, *left)]


def workers_left() -> str:
    """Wait until no worker is left; return a line if some stay."""
    until = time.monotonic() + WORKER_SECONDS
    while workers() and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return "workers outlived who asked for them" if workers() else ""


def compare(library: Path, out: Path, database: Path) -> list[str]:
    """Return what is wrong with finished results, in lines."""
    files = Counter(str(path) for path in library.rglob("*.wav"))
    wrong = check_catalogue(library, database)
    if Counter(row.path for row in ShardFolder(str(out)).read()) != files:
        wrong.append("tracks are lost or double in the shards")
    if list(out.glob(".*")):
        wrong.append("something was left behind")
    return wrong


def main() -> None:
    """Run the kills and say what was wrong; exit code 1 if anything was."""
    parser = killing.options(__doc__, files=120)
    parser.add_argument("model", help="a model's name or folder")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    os.environ["RAY_AUTH_MODE"] = "disabled"
    wrong, killed, started = list[str](), 0, 0
    with tempfile.TemporaryDirectory() as folder, ray_head() as (address, _):
        library = make_library(Path(folder, "music"), options.files)
        out, database = Path(folder, "out"), Path(folder, "c.sqlite")
        command = killing.command("scan", library, "--engine", "ray", "--address", address)
        command += ["-o", str(out), "-m", options.model, "--catalogue", str(database)]

        def shards() -> int:
            return len(list(out.glob("shard-*")))

        while killed < options.kills and started < STARTS_PER_KILL * options.kills:
            before, early = shards(), started % 3 == 0
            started += 1
            process = killing.start(
                command, lambda n=before, early=early: early or shards() > n, POLL_SECONDS
            )
            moment = chance.uniform(0.0, STARTING_SECONDS if early else LATER_SECONDS)
            ended = not killing.kill(process, moment)
            killed += not ended
            problems = [*damage(out, options.model), workers_left(), still_locked(database)]
            with Catalogue.open(database, write=True) as catalogue:
                problems += catalogue.check()
            problem = "; ".join(filter(None, problems))
            wrong += [f"scan {started}: {problem}"] if problem else []
            how = "had ended" if ended else "killed"
            print(
                f"{started:2d}: {how} at {before} + {shards() - before} shards {problem}",
                flush=True,
            )
            if ended:
                wrong += compare(library, out, database)
                shutil.rmtree(out)
                database.unlink()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        wrong += compare(library, out, database)
    if killed < options.kills:
        wrong.append(f"only {killed} scans could be killed at work: more --files?")
    killing.end(wrong, kills=killed, files=options.files)


if __name__ == "__main__":
    main()

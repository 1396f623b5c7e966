"""Fifty clients at one server: ``python benchmarks/serve_load.py [--model NAME_OR_FOLDER]``.

The server runs as ``music-emotion serve`` with its default limits on loopback. Each client has an
address of its own (127.0.0.2 and on), so that the share of one client is not what holds them up,
and sends one synthesised piece after the other for a minute; where it is told 429 or 503 it waits
as long as ``Retry-After`` says. Printed: answers by status, how long the good ones took, whether
each is the object ``music-emotion predict -f json`` gives for the file, and the memory of all the
server's processes (proportional set size) before, at most, and after. Ends with code 1 where an
answer differs, a status is not one of 200, 429 and 503, or memory does not come back. Linux only.

With ``--watched`` two servers are loaded in turn instead, one with metrics and a line for each
request, one without; ends with code 1 where the first does less than 95 % of the second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from music_emotion.web.examples import example_flac

PIECES = ("calmness", "power", "tension")  # 15 s each
EXPECTED = (200, 429, 503)
WARM_UP = 8  # requests before memory is measured first
SETTLING = 5.0  # seconds between the load and the last measurement
MEASURE_SECONDS = 1.0
MAY_GROW = 0.10  # share of the memory before

ON, OFF = "on", "off"  # metrics and the log
TURNS = (ON, OFF, OFF, ON)  # so that what else the machine does meets both
UNWATCHED = ("--no-metrics", "--log-level", "error")
LEAST_SHARE = 0.95  # of the files analysed without


@dataclass
class Tally:
    """What the clients met."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    different: int = 0
    broken: Counter[str] = field(default_factory=Counter)


def by_command_line(folder: Path, model: str | None) -> dict[str, Any]:
    names = [f"{piece}.flac" for piece in PIECES]
    command = [sys.executable, "-m", "music_emotion", "predict", *names, "-f", "json", "-j", "1"]
    command += ["-m", model] if model else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {answer["path"]: answer for answer in json.loads(done.stdout)}


def memory(parent: int) -> float:
    """Return the megabytes that a process and its children hold."""
    threads = Path(f"/proc/{parent}/task").glob("*/children")
    children = " ".join(file.read_text() for file in threads).split()
    total = 0
    for process in (parent, *map(int, children)):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1_000


async def client(
    number: int, address: str, files: dict[str, bytes], expected: dict[str, Any], end: float
) -> Tally:
    tally = Tally()
    transport = httpx.AsyncHTTPTransport(local_address=f"127.0.0.{number + 2}")
    async with httpx.AsyncClient(base_url=address, transport=transport, timeout=300) as http:
        turn = number
        while time.monotonic() < end:
            name = list(files)[turn % len(files)]
            began = time.monotonic()
            try:
                answer = await http.post("/api/predict", files={"file": (name, files[name])})
            except httpx.HTTPError as error:
                tally.broken[type(error).__name__] += 1
                continue
            tally.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                tally.seconds.append(time.monotonic() - began)
                tally.different += answer.json() != expected[name]
                turn += 1
            elif answer.status_code in EXPECTED:
                wait = float(answer.headers["Retry-After"])
                await asyncio.sleep(min(wait, max(0.0, end - time.monotonic())))
    return tally


async def load(
    clients: int, seconds: float, address: str, files: dict[str, bytes], expected: dict[str, Any]
) -> Tally:
    end = time.monotonic() + seconds
    tallies = await asyncio.gather(
        *(client(number, address, files, expected, end) for number in range(clients))
    )
    whole = Tally()
    for tally in tallies:
        whole.statuses += tally.statuses
        whole.seconds += tally.seconds
        whole.different += tally.different
        whole.broken += tally.broken
    return whole


async def measured(process: int, work: asyncio.Task[Tally]) -> tuple[Tally, float]:
    largest = 0.0
    while not work.done():
        largest = max(largest, memory(process))
        await asyncio.wait([work], timeout=MEASURE_SECONDS)
    return work.result(), largest


def pieces(chosen: argparse.Namespace) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files that are sent, and what the command line says of each."""
    files = {f"{piece}.flac": example_flac(piece) for piece in PIECES}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        return files, by_command_line(Path(folder), chosen.model)


async def run(chosen: argparse.Namespace, server: subprocess.Popen[str], address: str) -> bool:
    files, expected = pieces(chosen)
    async with httpx.AsyncClient(base_url=address, timeout=300) as http:
        for number in range(WARM_UP):
            name = list(files)[number % len(files)]
            (
                await http.post("/api/predict", files={"file": (name, files[name])})
            ).raise_for_status()
    before = memory(server.pid)
    work = asyncio.create_task(load(chosen.clients, chosen.seconds, address, files, expected))
    tally, largest = await measured(server.pid, work)
    await asyncio.sleep(SETTLING)
    after = memory(server.pid)
    async with httpx.AsyncClient(base_url=address) as http:
        inside = (await http.get("/api/ready")).json()["inside"]
    return report(chosen, tally, (before, largest, after), inside)


def report(
    chosen: argparse.Namespace, tally: Tally, megabytes: tuple[float, float, float], inside: int
) -> bool:
    before, largest, after = megabytes
    took = sorted(tally.seconds) or [float("nan")]
    late = took[min(len(took) - 1, round(0.95 * len(took)))]
    print(f"{chosen.clients} clients, {chosen.seconds:g} s, {os.cpu_count()} cores")
    print("answers by status: " + ", ".join(f"{s}: {n}" for s, n in sorted(tally.statuses.items())))
    print(f"connections broken: {dict(tally.broken) or 'none'}")
    print(f"analysed: {len(tally.seconds) / chosen.seconds:.2f} files per second")
    print(f"time to an answer: median {statistics.median(took):.1f} s, 95 % within {late:.1f} s")
    print(f"answers unlike the command line's: {tally.different} of {len(tally.seconds)}")
    print(f"memory: {before:.0f} MB before, {largest:.0f} MB at most, {after:.0f} MB after")
    print(f"files left in the server: {inside}")
    return (
        bool(tally.seconds)
        and set(tally.statuses) <= set(EXPECTED)
        and not tally.broken
        and not tally.different
        and after <= before * (1 + MAY_GROW)
        and inside == 0
    )


async def watched(
    chosen: argparse.Namespace, addresses: dict[str, str], files: dict[str, bytes], expected: Any
) -> bool:
    """Load two servers in turn, and say what watching over one of them costs."""
    analysed = dict.fromkeys(addresses, 0)
    seconds = chosen.seconds / len(TURNS) * len(addresses)
    for name in TURNS:
        tally = await load(chosen.clients, seconds, addresses[name], files, expected)
        analysed[name] += len(tally.seconds)
        print(f"{name}: {len(tally.seconds) / seconds:.2f} files per second", flush=True)
        if tally.different or tally.broken:
            return False
    share = analysed[ON] / analysed[OFF]
    print(f"with metrics and a line for each request: {share:.1%} of the files without")
    return share >= LEAST_SHARE


@contextmanager
def serving(chosen: argparse.Namespace, *options: str) -> Iterator[tuple[Any, str]]:
    """Run a server on a free port; yield its process and its address."""
    command = [sys.executable, "-m", "music_emotion", "serve", "--port", "0", *options]
    command += ["--model", chosen.model] if chosen.model else []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line.startswith("open "):
                log.seek(0)
                sys.exit(f"the server did not start: {log.read().decode()}")
            yield server, line.split()[1]
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or folder of the model")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load for each server")
    parser.add_argument("--watched", action="store_true", help="what metrics and the log cost")
    chosen = parser.parse_args()
    if not chosen.watched:
        with serving(chosen) as (server, address):
            sys.exit(not asyncio.run(run(chosen, server, address)))
    files, expected = pieces(chosen)
    with serving(chosen) as (_, on), serving(chosen, *UNWATCHED) as (_, off):
        sys.exit(not asyncio.run(watched(chosen, {ON: on, OFF: off}, files, expected)))


if __name__ == "__main__":
    main()

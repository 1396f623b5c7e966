"""How a scan on Ray grows with workers: ``python benchmarks/ray_scaling.py [FOLDER]``.

In turns, so that a busy moment hits all alike, the same tracks are predicted by one and by two
plain processes (``music_emotion.inference.batch``) and by one and by two actors on a Ray cluster
that is started once. Timed is the work, from handing out the first track until the last is done,
the start of the worker processes included, the start of the cluster not. Printed: the best rate of
each, the gain of the second worker, and Ray's gain as a share of the plain processes'; then what a
million tracks cost at the rate of one worker. Without a folder, tracks of EMOTIFY_ROOT are taken.

``--cost`` measures the processor time of a track in this process instead, without Ray: a figure
that other programs on the machine hardly change.
"""

# ruff: noqa: E402 - the number of threads must be set before numpy loads

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy loads

from music_emotion.cluster import ray_cluster
from music_emotion.inference import batch
from music_emotion.inference.batch import predict_file, predict_stream
from music_emotion.inference.model import load_model
from music_emotion.library.distributed.scan import scan_on_ray, scanned_location
from music_emotion.library.distributed.urls import find_locations

MILLION = 1_000_000
WORKERS = (1, 2)
Subject = tuple[str, int]


def plain(paths: list[str], model: str, workers: int) -> None:
    # One process is a worker, too, as on Ray: jobs=1 would work in this one.
    if workers == 1:
        outcomes = batch._in_processes(paths, model, False, 1)
    else:
        outcomes = predict_stream(paths, model, jobs=workers)
    for outcome in outcomes:
        if outcome.error:
            sys.exit(outcome.error)


def on_ray(paths: list[str], model: str, workers: int) -> None:
    out = tempfile.mkdtemp()
    try:
        told = scan_on_ray(paths, out, model=model, jobs=workers)
        if told.failures or told.predicted != len(paths):
            sys.exit(f"{told}")
    finally:
        shutil.rmtree(out)


def measure(paths: list[str], model: str, repeats: int) -> dict[Subject, list[float]]:
    subjects: dict[Subject, Callable[[list[str], str, int], None]] = {
        (name, workers): run
        for workers in WORKERS
        for name, run in (("plain", plain), ("ray", on_ray))
    }
    seconds: dict[Subject, list[float]] = {subject: [] for subject in subjects}
    with ray_cluster(cpus=max(WORKERS)):
        on_ray(paths[:2], model, 2)  # the first actors pay for Ray's own start
        for _ in range(repeats):
            for (name, workers), run in subjects.items():
                started = time.perf_counter()
                run(paths, model, workers)
                seconds[name, workers].append(time.perf_counter() - started)
                load = os.getloadavg()[0]
                print(
                    f"{name} {workers}: {seconds[name, workers][-1]:.1f} s (load {load:.1f})",
                    file=sys.stderr,
                )
    return seconds


def cost(paths: list[str], model: str) -> None:
    network = load_model(model)
    predict = partial(predict_file, model=network)
    scanned_location(paths[0], predict, network.card.sha256)  # loads what is loaded once
    seconds = []
    for path in paths:
        started = time.process_time()
        row = scanned_location(path, predict, network.card.sha256)
        seconds.append(time.process_time() - started)
        if row.error:
            sys.exit(row.error)
    middle = statistics.median(seconds)
    print(f"{len(paths)} tracks, model {model}: {middle:.3f} processor seconds each (median)")
    print(f"a million such tracks: {MILLION * middle / 3600:.0f} processor hours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--model", default="default")
    parser.add_argument("--tracks", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--cost", action="store_true", help="only the processor time of a track")
    options = parser.parse_args()
    root = os.environ.get("EMOTIFY_ROOT")
    if not options.folder and not root:
        parser.error("name a folder, or set EMOTIFY_ROOT")
    found = find_locations([options.folder or str(Path(root or "") / "emotifymusic")])
    paths = found[:: max(1, len(found) // options.tracks)][: options.tracks]
    if options.cost:
        cost(paths, options.model)
        return
    seconds = measure(paths, options.model, options.repeats)
    rate = {subject: len(paths) / min(taken) for subject, taken in seconds.items()}
    gain = {name: rate[name, 2] / rate[name, 1] for name in ("plain", "ray")}
    print(f"{len(paths)} tracks, model {options.model}, best of {options.repeats}")
    for name in ("plain", "ray"):
        one, two = (rate[name, workers] for workers in WORKERS)
        print(f"{name:<6} 1 worker {one:6.2f}/s   2 workers {two:6.2f}/s   gain {gain[name]:.2f}")
    print(f"Ray's gain is {gain['ray'] / gain['plain']:.2f} of the plain processes'")
    hours = MILLION / rate["ray", 1] / 3600
    print(f"a million tracks: {hours:.0f} processor hours at the rate of one worker")


if __name__ == "__main__":
    main()

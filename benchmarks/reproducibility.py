"""Whether a comparison gives the same figures when it is done again from nothing.

    python benchmarks/reproducibility.py
    python benchmarks/reproducibility.py --models baselines,light --protocol artist
    python benchmarks/reproducibility.py --models blend --target votes --protocol track,artist

Runs ``music-emotion compare`` twice with the options given (by default the six networks and the
baselines under every protocol, fold seed 42), each time in processes, with a cache of features and
with results of its own that are empty at first, and compares every figure and every end of an
interval in both ``summary.csv``. The exit code is 1 where some differ by half of the third digit or
more. ``--out`` keeps both runs, and goes on with them.

Weights are trained in the short type of the processor where it has one, and libraries add in the
order that suits it: figures are those of one kind of machine, and differ a little on another.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from music_emotion.evaluation.provenance import machine
from music_emotion.features.cache import VARIABLE
from music_emotion.report.tables import markdown_table

DEFAULTS = ("--models", "six,baselines")
RUNS = ("first", "second")
THIRD_DIGIT = 5e-4  # half of a unit of it
KEY = ("protocol", "target", "model", "metric", "seed", "repeats")
FIGURES = ("value", "low", "high")

Figures = Mapping[tuple[str, ...], tuple[float, ...]]


def compare(folder: Path, arguments: Sequence[str]) -> Figures:
    """Run a comparison in a folder of its own, and read its figures."""
    results = folder / "results"
    command = [sys.executable, "-m", "music_emotion", "compare", *arguments, "--out", str(results)]
    environment = {**os.environ, VARIABLE: str(folder / "cache")}
    subprocess.run(command, env=environment, check=True)
    with (results / "summary.csv").open(encoding="utf-8", newline="") as file:
        return {
            tuple(row[name] for name in KEY): tuple(float(row[name] or 0.0) for name in FIGURES)
            for row in csv.DictReader(file)
        }


def largest_differences(first: Figures, second: Figures) -> dict[tuple[str, ...], float]:
    """Return by how much each metric differs at most: in its value and the ends of its interval.

    Examples
    --------
    >>> key = ("artist", "label", "svm", "accuracy", "42", "1")
    >>> found = largest_differences({key: (0.5, 0.25, 1.0)}, {key: (0.5, 0.75, 1.0)})
    >>> found[key]
    0.5
    """
    assert first.keys() == second.keys(), "both runs have the same rows"
    return {
        key: max(abs(a - b) for a, b in zip(values, second[key], strict=True))
        for key, values in first.items()
    }


def difference_table(found: Mapping[tuple[str, ...], float]) -> str:
    """Return a row for each protocol, target and model, in Markdown."""
    rows: dict[tuple[str, ...], list[float]] = {}
    for key, difference in found.items():
        rows.setdefault(key[:3], []).append(difference)
    body = [
        [*(f"`{name}`" for name in key), str(len(values)), f"{max(values):.1e}"]
        for key, values in rows.items()
    ]
    return markdown_table(["protocol", "target", "model", "metrics", "largest difference"], body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/twice"), help="keeps both runs")
    options, arguments = parser.parse_known_args()
    first, second = (compare(options.out / run, arguments or DEFAULTS) for run in RUNS)
    found = largest_differences(first, second)
    print(difference_table(found))
    differ = sum(difference >= THIRD_DIGIT for difference in found.values())
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    print(f"\n{differ} of {len(found)} metrics differ in the third digit ({about})")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())

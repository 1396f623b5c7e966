"""Measure what a user gets: ``python benchmarks/install.py [--write docs/speed.md]``.

The package is installed with pip into a new, empty environment, without extras. Printed: the size
of its site-packages without pip and setuptools and the largest parts, whether torch or numba came
along, the size of the wheel, and for ``music-emotion --help`` and ``import music_emotion`` the
median seconds of the processor, and with the waiting where others use it as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = ("pip", "setuptools", "_distutils_hack", "distutils-precedence")
UNWANTED = ("torch", "numba", "tensorflow", "pandas", "matplotlib", "librosa")
LARGEST = 6  # parts that are named
REPEATS = 15


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def median_seconds(command: list[str]) -> tuple[float, float]:
    """Return the median seconds of a command after one run to warm the disk: worked, and waited."""
    worked, waited = [], []
    for _ in range(REPEATS + 1):
        before, started = os.times(), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        waited.append(time.perf_counter() - started)
        after = os.times()
        worked.append(
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system
        )
    return statistics.median(worked[1:]), statistics.median(waited[1:])


def measure(folder: Path) -> list[str]:
    """Install into ``folder`` and return the lines of the table."""
    venv.create(folder / "env", with_pip=True)
    python = str(folder / "env" / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True
    )
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    sizes = {
        path.name: size_of(path) for path in site.iterdir() if not path.name.startswith(NOT_OURS)
    }
    largest = sorted(sizes, key=lambda name: -sizes[name])[:LARGEST]
    parts = ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in largest)
    found = [name for name in UNWANTED if (site / name).exists()]
    command = str(folder / "env" / "bin" / "music-emotion")
    rows = [
        ("site-packages", f"{sum(sizes.values()) / 1e6:.0f} MB ({parts})"),
        ("heavy packages among them", ", ".join(found) or "none"),
        ("wheel", f"{wheel.stat().st_size / 1e6:.1f} MB"),
    ]
    for name, what in (
        ("`music-emotion --help`", [command, "--help"]),
        ("`import music_emotion`", [python, "-c", "import music_emotion"]),
        ("Python alone", [python, "-c", "pass"]),
    ):
        worked, waited = median_seconds(what)
        rows.append((name, f"{worked:.3f} s (waiting included {waited:.3f} s)"))
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="append the table to this page")
    options = parser.parse_args()
    os.environ["PIP_NO_INPUT"] = "1"
    os.environ.pop("PYTHONPATH", None)  # the environment must stand on its own
    folder = Path(tempfile.mkdtemp(prefix="music-emotion-install-"))
    try:
        lines = measure(folder)
    finally:
        shutil.rmtree(folder)
    print("\n".join(lines))
    if options.write is not None:
        with options.write.open("a", encoding="utf-8") as page:
            page.write("\n".join(["", "## Installed", "", *lines, ""]))


if __name__ == "__main__":
    sys.exit(main())

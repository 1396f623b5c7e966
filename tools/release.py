"""Build a release and try it out as somebody else would: ``make release`` leaves it in ``dist/``.

1. Source archive and wheel are built twice; their bytes must be the same.
2. Sizes, metadata, names and licences are checked.
3. The wheel is installed into an empty environment and predicts the example there.
4. The tests that need nothing but the archive run in the unpacked source archive.

    python tools/release.py [--tests PATH …]    # another choice of tests; none with --tests ''
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

from project_address import read_address

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
LARGEST = {".whl": 16 * MEGABYTE, ".gz": 20 * MEGABYTE}
TESTS = (
    "tests/audio",
    "tests/cli",
    "tests/datasets",
    "tests/inference",
    "tests/tools",
    "tests/docs/test_links.py",
    "tests/docs/test_metadata.py",
    "tests/docs/test_pages.py",
)
"""What is tried in the source archive; ``make test`` is for all of it."""


class ReleaseError(Exception):
    """What stands against the release, in one line."""


def say(line: str) -> None:
    print(line, flush=True)


def run(*command: object, cwd: Path = ROOT, **variables: str) -> str:
    """Run a command; what it printed is shown if it fails."""
    words = list(map(str, command))
    environment = {**os.environ, **variables}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def check_tree() -> None:
    """Refuse a working tree whose files are not those of a commit."""
    changed = run("git", "status", "--porcelain").strip()
    if changed:
        raise ReleaseError(f"commit or remove what is not committed:\n{changed}")


def source_date() -> str:
    """Return the time that archives carry: SOURCE_DATE_EPOCH, else that of the last commit."""
    return os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()


def build(out: Path, date: str) -> dict[str, Path]:
    """Build source archive and wheel; return them by their suffix."""
    run(sys.executable, "-m", "build", "--outdir", out, ROOT, SOURCE_DATE_EPOCH=date)
    return {path.suffix: path for path in sorted(out.iterdir())}


def check_same(first: Mapping[str, Path], second: Mapping[str, Path]) -> None:
    """Refuse two builds whose bytes differ."""
    for suffix, path in first.items():
        if path.read_bytes() != second[suffix].read_bytes():
            raise ReleaseError(f"two builds of {path.name} differ; is a date or an order in it?")


def check_sizes(built: Mapping[str, Path]) -> None:
    """Refuse what is larger than a release may be."""
    for suffix, path in built.items():
        size = path.stat().st_size
        if size > LARGEST[suffix]:
            raise ReleaseError(
                f"{path.name} has {size / MEGABYTE:.1f} MB, more than {LARGEST[suffix] // MEGABYTE}"
            )
        say(f"{path.name}: {size / MEGABYTE:.1f} MB")


def metadata_faults(wheel: Path, project: Mapping[str, object], address: str) -> Iterator[str]:
    """Yield what the wheel's metadata say and is not so, or do not say."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [place] = [name for name in names if name.endswith(".dist-info/METADATA")]
        said = message_from_bytes(archive.read(place))
        texts = [archive.read(name) for name in names if "/licenses/" in name]
    if said["Version"] != project["version"]:
        yield f"the wheel is of version {said['Version']}, pyproject.toml of {project['version']}"
    if said["License-Expression"] != project["license"]:
        yield f"the licence is {said['License-Expression']}, not {project['license']}"
    for licence, words in (
        ("MIT", b"Permission is hereby granted, free of charge"),
        ("ISC", b"Permission to use, copy, modify, and/or distribute"),
        ("BSD-3-Clause", b"Redistributions in binary form"),
    ):
        if not any(words in b" ".join(text.split()) for text in texts):
            yield f"the text of the {licence} licence is missing"
    if bool(address) != bool(said.get_all("Project-URL")):
        yield "the links do not follow the project's address"
    relative = re.findall(r"!?\[[^\]]*\]\((?![a-z]+:|#)[^)]*\)", str(said.get_payload()))
    if relative:
        yield f"the README leads to files that a package index has not: {relative[0]}"


def check_metadata(built: Mapping[str, Path]) -> None:
    """Refuse false metadata, and what indexes and installers stumble over."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = read_address(ROOT)
    if faults := list(metadata_faults(built[".whl"], project, address)):
        raise ReleaseError("; ".join(faults))
    run(sys.executable, "-m", "twine", "check", "--strict", *built.values())
    run(sys.executable, "-m", "check_wheel_contents", built[".whl"])
    if not address:
        say("no address is filled in: metadata have no links, and the README no pictures")


@contextmanager
def empty_environment(wheel: Path) -> Iterator[Path]:
    """Install the wheel where nothing else is; yield the folder of its programs."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        place = Path(folder, "environment")
        venv.create(place, with_pip=True)
        programs = place / ("Scripts" if os.name == "nt" else "bin")
        run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
        yield programs


def check_wheel(wheel: Path, version: str) -> None:
    """Predict with the installed wheel, away from its sources."""
    with empty_environment(wheel) as programs, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = programs / "music-emotion"
        if run(command, "--version", cwd=folder, PYTHONPATH="").strip() != version:
            raise ReleaseError(f"the installed command is not of version {version}")
        run(command, "example", cwd=folder, PYTHONPATH="")
        answer = run(command, "predict", "example.wav", "-f", "json", cwd=folder, PYTHONPATH="")
        [prediction] = json.loads(answer)
        total = sum(prediction["emotions"].values())
        if abs(total - 1) > 1e-6:
            raise ReleaseError(f"the probabilities of the example add up to {total}")
        say(f"the wheel predicts: {max(prediction['emotions'], key=prediction['emotions'].get)}")


def check_sources(archive: Path, tests: list[str]) -> None:
    """Run tests in the unpacked source archive, on its own code."""
    if not tests:
        return
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        [root] = Path(folder).iterdir()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        said = run(*command, cwd=root, PYTHONPATH=str(root / "src"), OMP_NUM_THREADS="1")
    say(f"the source archive's tests: {said.strip().splitlines()[-1]}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tests", nargs="*", default=list(TESTS), help="tests of the archive")
    options = parser.parse_args()
    out = ROOT / "dist"
    try:
        check_tree()
        date = source_date()
        if out.is_dir() and any(out.iterdir()):
            raise ReleaseError(f"{out} is not empty: move what it holds, or make clean")
        built = build(out, date)
        with tempfile.TemporaryDirectory() as again:
            check_same(built, build(Path(again), date))
        check_sizes(built)
        check_metadata(built)
        version = built[".whl"].name.split("-")[1]
        check_wheel(built[".whl"], version)
        check_sources(built[".gz"], [test for test in options.tests if test])
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"{version} is in {out}; publish it: docs/releasing.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where a result comes from: versions, machine, command, date."""

from __future__ import annotations

import ast
import hashlib
import platform
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from music_emotion.parallel import available_cores, memory_bytes

PACKAGES = (
    "music-emotion",
    "numpy",
    "scipy",
    "scikit-learn",
    "imbalanced-learn",
    "torch",
    "onnxruntime",
    "soundfile",
    "soxr",
)
"""Packages that figures depend on."""

CODE = ("models", "training")
"""Folders of this package whose code decides what a trained model predicts."""


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def code_digest() -> str:
    """Return the SHA-256 of the code that models are made of and trained by.

    It is that of the syntax trees, docstrings left out: what neither computes nor decides anything
    may be reworded.
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for folder in CODE for path in (package / folder).glob("*.py")):
        digest.update(path.name.encode())
        for word in meaning(path.read_text(encoding="utf-8")):
            digest.update(b"\0" + word.encode())
    return digest.hexdigest()


def meaning(source: str) -> Iterator[str]:
    """Yield what a source text says as a sequence of words: no layout, comment or docstring.

    Empty fields are left out, because versions of Python differ in those that they have.
    """
    yield from _words(ast.parse(source))


def _words(part: object) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            is_docstring = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            if not is_docstring:
                yield from _words(one)
        yield "end"
    elif isinstance(part, ast.AST):
        yield type(part).__name__
        for name, value in ast.iter_fields(part):
            if value is not None and value != []:
                yield name
                yield from _words(value)
        yield "end"
    else:
        yield repr(part)


def machine() -> dict[str, str | int]:
    """Return the kind of machine: processor, cores, memory, system; nothing that identifies it."""
    described: dict[str, str | int] = {
        "processor": _processor(),
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    memory = memory_bytes()
    return described if memory is None else {**described, "memory_gb": round(memory / 1e9)}


@dataclass(frozen=True, slots=True)
class Command:
    """One command that contributed to an output folder."""

    command: str  #: as it was given, absolute paths shortened to their last part
    date: str  #: of its end, YYYY-MM-DD, UTC
    cells_trained: int  #: cells that were trained by it
    seconds: float  #: how long they took
    machine: dict[str, str | int]  #: as :func:`machine` describes it
    versions: dict[str, str]  #: of Python and of the packages that figures depend on


def record_command(arguments: Sequence[str], trained: int, seconds: float) -> Command:
    """Describe the command that is being run."""
    return Command(
        command=command_line(arguments),
        date=today(),
        cells_trained=trained,
        seconds=round(seconds, 1),
        machine=machine(),
        versions=versions(),
    )


def command_line(arguments: Sequence[str]) -> str:
    """Return the command that was given, absolute paths shortened to their last part."""
    return shlex.join(["music-emotion", *(_without_folders(argument) for argument in arguments)])


def today() -> str:
    """Return the date of today, UTC, as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()


def _without_folders(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    if Path(value).expanduser().is_absolute():
        value = Path(value).name
    return f"{option}{equals}{value}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

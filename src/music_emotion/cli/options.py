"""What several commands share: their options, and how failures end them."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError, check_extra, choose_from, printable

if TYPE_CHECKING:
    from music_emotion.library.exclusions import Exclusions

EXIT_FAILURES = 1


class EngineName(StrEnum):
    """Where work is done."""

    LOCAL = "local"
    RAY = "ray"


class DeviceName(StrEnum):
    """The devices as the command line takes them."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class TargetName(StrEnum):
    """The targets as the command line takes them."""

    LABEL = "label"
    VOTES = "votes"
    RATINGS = "ratings"
    RATINGS_OVER_TIME = "ratings-over-time"


def choice(kind: type[StrEnum], *names: str, help: str) -> Any:
    """Return an option that takes the values of an enumeration, and says what may be meant.

    Its parameter is annotated ``str``, and is given the value of ``kind``.
    """

    def chosen(value: str | None) -> str | None:
        if value is None:
            return None
        if value not in list(kind):
            given = f"{names[0]} {printable(value)}"
            raise typer.BadParameter(choose_from(value, kind), param_hint=given)
        return kind(value)

    return Option(
        *names,
        metavar="|".join(kind),
        callback=chosen,
        autocompletion=lambda: list(kind),
        help=help,
    )


def no_music(path: Path | None) -> Path | None:
    """Refuse, before anything is done, an output or a catalogue that is music.

    Raises
    ------
    MusicEmotionError
        See :func:`music_emotion.audio.guard.refuse_music`.
    """
    from music_emotion.audio.guard import refuse_music

    if path is not None:
        refuse_music(path)
    return path


DataOption = Annotated[
    Path | None,
    Option(
        "--data",
        metavar="FOLDER",
        help="Folder of EMOTIFY or of a data set that `dataset list` names, or with --csv of your "
        "own audio; by default EMOTIFY is looked "
        "for in EMOTIFY_ROOT, data/emotify and the user's cache.",
    ),
]
CsvOption = Annotated[
    Path | None,
    Option(
        "--csv",
        metavar="FILE",
        help="Table of your own tracks: path, and label, the nine votes or ratings; optionally "
        "listeners, group, artist, genre, id.",
    ),
]
RatingsOption = Annotated[
    list[str] | None,
    Option(
        "--ratings",
        metavar="NAME[=LOW..HIGH]",
        help="With --csv: its columns of ratings, separated by commas or repeated, such as "
        "valence=-1..1; by default those that it shows to be ratings.",
    ),
]
DemoOption = Annotated[
    bool, Option("--demo", help="Work on a small corpus synthesised for the purpose.")
]
DeviceOption = Annotated[str, choice(DeviceName, "--device", help="Where networks are trained.")]
ModelOption = Annotated[
    str,
    Option("--model", "-m", metavar="MODEL", help="A model's name (see: models), or its folder."),
]


TRAINING = ("torch", "sklearn", "imblearn", "onnx", "safetensors")
"""What models are trained and kept with, and the base installation does not bring."""


def check_training(purpose: str) -> None:
    """Refuse to begin where the packages of training are not installed."""
    check_extra(purpose, "train", *TRAINING)


def jobs_option(help: str) -> Any:
    """Return the option that says how much is done at once; 0 is as much as is sensible."""
    return Option("--jobs", "-j", min=0, metavar="N", help=help)


JobsOption = Annotated[
    int,
    jobs_option(
        "Processes; 0: as many as there are cores. With 1, a file that kills its reader ends the "
        "command."
    ),
]
CatalogueOption = Annotated[
    Path | None,
    Option(
        "--catalogue",
        metavar="FILE",
        callback=no_music,
        help="By default MUSIC_EMOTION_CATALOGUE, or a file in the user's data folder.",
    ),
]
LongestOption = Annotated[
    str | None, Option("--max-length", metavar="TIME", help="Leave out what lasts longer: 10min.")
]
ShortestOption = Annotated[
    str | None, Option("--min-length", metavar="TIME", help="Leave out what lasts less: 30s.")
]
FORMAT_HELP = "By default a table, or what the name after -o ends in."
EngineOption = Annotated[
    str, choice(EngineName, "--engine", help="Work in processes of this machine, or on Ray.")
]
AddressOption = Annotated[
    str | None,
    Option(
        "--address",
        metavar="HOST:PORT",
        help="With --engine ray: a cluster that is there (auto: this machine's); by default one is "
        "started here.",
    ),
]


def program() -> str:
    """Return how this command line was called, for commands that can be copied."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name) if called.exists() else None
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m music_emotion"
    return called.name if found and Path(found).samefile(called) else shlex.quote(str(called))


def emotion_names() -> list[str]:
    """Return what a shell completes an emotion by."""
    return list(EMOTIONS)


def check_address(engine: str, address: str | None) -> None:
    """Refuse an address that nobody would use.

    Raises
    ------
    MusicEmotionError
        It is given without ``--engine ray``.
    """
    if address is not None and engine is not EngineName.RAY:
        raise MusicEmotionError("--address is for --engine ray; add that, or leave it out")


def format_of(output: Path | None, aliases: Mapping[str, str]) -> str:
    """Return which format a file's name ends in, ``""`` for none; ``aliases`` are other endings.

    >>> format_of(Path("calm.M3U"), {"m3u": "m3u8"})
    'm3u8'
    """
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    return aliases.get(suffix, suffix)


def say_waiting(holder: str) -> None:
    """Say on the error stream whom a command waits for before it writes into its catalogue."""
    typer.echo(f"waiting for {holder}", err=True)


def say_left_out(paths: Iterable[str]) -> None:
    """Count on the error stream what folders hold and is no music."""
    from music_emotion.audio.discover import left_out_line

    if line := left_out_line(paths):
        typer.echo(line, err=True)


def say_excluded(excluded: Mapping[str, str], asked: Exclusions) -> None:
    """Count on the error stream what was asked to be left out, and name what was not found."""
    from music_emotion.library.exclusions import excluded_line

    if line := excluded_line(excluded):
        typer.echo(line, err=True)
    for line in asked.unused(excluded):
        typer.echo(line, err=True)


def say_damage(parts: Iterable[str]) -> None:
    """Say on the error stream what was met in a catalogue that is damaged, and the remedy."""
    for part in sorted(parts):
        passed = "passed over, and the tracks asked instead"
        then = {"predictions": "are among these", "text": f"was {passed}"}.get(
            part, f"were {passed}"
        )
        typer.echo(
            f"damaged {part} in the catalogue {then}; mend it: music-emotion catalogue repair",
            err=True,
        )


def end_with(failures: Iterable[str], word: str = "error") -> None:
    """Name every failure on the error stream and end with their exit code; go on without any."""
    failures = list(failures)
    for failure in failures:
        typer.echo(f"{word}: {failure}", err=True)
    if failures:
        raise typer.Exit(EXIT_FAILURES)

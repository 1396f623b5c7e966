"""What is installed, whether it works, and what each extra would add."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from music_emotion.errors import MusicEmotionError, printable

DISTRIBUTION = "music-emotion"
PURPOSES = {
    "plot": "pictures (predict --plot)",
    "formats": "m4a, aac, wma, wv, ac3 … and the sound of videos",
    "report": "the page of a comparison",
    "library": "tags of music files (scan, tag)",
    "parquet": "catalogues as Parquet (find -f parquet)",
    "beets": "the plug-in for beets",
    "onnx": "models for other programs (export)",
    "train": "training, comparison, export",
    "notebook": "the notebook",
    "web": "the web page and its server",
    "distributed": "libraries over several machines",
    "docs": "the documentation as a web site",
    "test": "the tests alone",
    "release": "what a release is built and checked with",
    "dev": "tests and checks",
}
EXTRA_OF_REQUIREMENT = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
NAME_OF_REQUIREMENT = re.compile(r"^[\w.-]+")


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of the package: what it is for, and which of its packages are missing."""

    name: str
    purpose: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What :func:`examine` found."""

    #: (name, version) of Python and the packages prediction needs; version ``""`` is missing
    versions: tuple[tuple[str, str], ...]
    formats: tuple[str, ...]  #: audio formats that the installed libsndfile reads
    models: tuple[tuple[str, str], ...]  #: (name, fault) of those shipped; fault ``""``: it loads
    extras: tuple[Extra, ...]

    @property
    def well(self) -> bool:
        """Whether prediction works."""
        complete = all(version for _, version in self.versions)
        return complete and bool(self.formats) and not any(fault for _, fault in self.models)


def examine() -> Health:
    """Look at the installation; loads every model of the wheel."""
    base, extras = _requirements()
    versions = [(DISTRIBUTION, _version(DISTRIBUTION)), ("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in base]
    found = [
        Extra(name, PURPOSES.get(name, ""), tuple(n for n in names if not _version(n)))
        for name, names in extras.items()
    ]
    return Health(tuple(versions), _formats(), tuple(_models()), tuple(found))


def render(health: Health) -> str:
    """Describe an installation for people."""
    lines = [f"{name:<16}{version or 'MISSING'}" for name, version in health.versions]
    lines += ["", f"reads: {', '.join(health.formats) or 'nothing'}", ""]
    lines += [
        f"model {name:<20}{f'DAMAGED: {fault}' if fault else 'ready'}"
        for name, fault in health.models
    ] or ["no model is in this installation; name a folder with --model"]
    lines.append("")
    for extra in health.extras:
        state = "installed" if not extra.missing else f"pip install '{DISTRIBUTION}[{extra.name}]'"
        lines.append(f"[{extra.name}]".ljust(16) + f"{extra.purpose:<50}{state}".rstrip())
    return "\n".join(lines)


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Return the base packages, and the packages of each extra, as the metadata lists them."""
    base: list[str] = []
    extras: dict[str, list[str]] = {}
    try:
        requirements = metadata.requires(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        requirements = ()
    for requirement in requirements:
        name = NAME_OF_REQUIREMENT.match(requirement)
        extra = EXTRA_OF_REQUIREMENT.search(requirement)
        if name is None or name[0] == DISTRIBUTION:
            continue
        if extra is None:
            base.append(name[0])
        else:
            extras.setdefault(extra[1], []).append(name[0])
    return base, extras


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _formats() -> tuple[str, ...]:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the wheel came without libsndfile
        return ()
    known = ("MP3", "WAV", "FLAC", "Ogg", "AIFF")
    formats = [name for name in known if name.upper() in soundfile.available_formats()]
    if "OPUS" in soundfile.available_subtypes("OGG"):
        formats.append("Opus")
    return tuple(formats)


def _models() -> Iterable[tuple[str, str]]:
    from music_emotion.inference.package import find_package, open_package, shipped_names

    for name in shipped_names():
        try:
            open_package(find_package(name))
        except (MusicEmotionError, ImportError, OSError) as error:
            yield name, printable(error)
        else:
            yield name, ""

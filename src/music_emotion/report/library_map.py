"""A catalogue as a picture: one HTML file with every track as a dot, which needs nothing else.

What the page knows of the tracks is in it twice over as little as can be: numbers as columns of two
bytes, names as lists of which each is there once, both compressed and written as base64. Its
scripts (``templates/map``) are modules that are joined into one.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion import __version__
from music_emotion.atomic import write_output
from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import CatalogueError
from music_emotion.inference.prediction import COLUMNS, INTENSITY_COLUMNS
from music_emotion.inference.valence_arousal import ENDS
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.missed import why_nothing
from music_emotion.library.playlist_files import UNKNOWN_SECONDS, Naming, line_of, one_line
from music_emotion.library.search import Query, find
from music_emotion.library.selection import MUSIC
from music_emotion.library.track import TEXT_TAGS

TEMPLATES = Path(__file__).parent / "templates" / "map"
SCRIPTS = ("data", "plane", "dots", "filters", "playlist", "panel", "main")
"""Modules of the page, each after those that it imports."""

STEPS = 65_534  # of a stored number, from the low end of its axis to the high one
UNKNOWN = STEPS + 1
SEPARATOR = re.compile(r"[/\\](?=[^/\\]*$)")  # the last of a path
_COLUMNS = ("path", *TEXT_TAGS, "year", *COLUMNS)  # all of the prediction, which is then checked


@dataclass(frozen=True, slots=True)
class Axis:
    """A number of tracks that the page has an axis for: from ``low`` to ``high``.

    ``ends`` say in words what both mean; ``meaning``, what the number is.
    """

    name: str
    label: str
    low: float
    high: float
    ends: tuple[str, str]
    meaning: str


AXES = (
    *(Axis(name, name, -1.0, 1.0, ends, "from −1 to 1") for name, ends in ENDS.items()),
    *(
        Axis(one.name, one.label, 0.0, 1.0, ("nobody", "everybody"), "share of listeners")
        for one in GEMS
    ),
)


@dataclass(slots=True)
class Names:
    """Texts that many tracks have, each once, in the order in which they came."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        """Return the number of a text."""
        return self.places.setdefault(text, len(self.places))


@dataclass(frozen=True, slots=True)
class MapData:
    """What the page is told of n tracks.

    Attributes
    ----------
    axes
        Places on the :data:`AXES`, shape (axes, n): 0 is the low end, :data:`STEPS` the high one,
        :data:`UNKNOWN` is not known.
    numbers
        Columns (n,) by name: ``seconds`` (-1: not known), the numbers of ``artist``, ``album``,
        ``genre`` and ``folder`` in ``lists``, ``year`` (0: not known), ``top``, the number of the
        leading emotion, and ``music``, 0 for what playlists leave out.
    lists
        The texts that are there once, and the ``title`` and the ``file`` of each track. With its
        folder in front, a file is a line of an M3U8.
    """

    axes: NDArray[np.uint16]
    numbers: dict[str, NDArray[Any]]
    lists: dict[str, list[str]]

    def __len__(self) -> int:
        return int(self.axes.shape[1])


def write_map(catalogue: Catalogue, path: Path, naming: Naming | None = None) -> int:
    """Write the tracks of a catalogue that are there and whole as one page; return how many.

    Parameters
    ----------
    naming
        How the page, and the playlists that it saves, call the files; by default as they are.

    Raises
    ------
    CatalogueError
        It cannot be read, or there is nothing to show; nothing is written.
    WriteError
        The file cannot be written.
    """
    data = read_data(catalogue, naming or Naming())
    if not len(data):
        raise CatalogueError(why_nothing(catalogue, Query()))
    write_output(path, page_of(data).encode())
    return len(data)


def read_data(catalogue: Catalogue, naming: Naming) -> MapData:
    """Return what the page is told of the tracks, in the order in which they were catalogued."""
    shared = {name: Names({"": 0}) for name in ("artist", "album", "genre", "folder")}
    each: dict[str, list[str]] = {"title": [], "file": []}
    numbers: dict[str, list[Any]] = {
        name: [] for name in ("seconds", *shared, "year", "top", "music")
    }
    axes: list[list[list[float | None]]] = []
    ids = find(catalogue, Query()).ids.tolist()
    for _, columns in catalogue.columns(ids, _COLUMNS):
        axes.append([columns[name] for name in ("valence", "arousal", *INTENSITY_COLUMNS)])
        for name in ("artist", "album", "genre"):
            numbers[name] += map(shared[name].place, map(one_line, columns[name]))
        for folder, file in map(_parted, map(line_of, map(naming.path, columns["path"]))):
            numbers["folder"].append(shared["folder"].place(folder))
            each["file"].append(file)
        titles = zip(columns["title"], columns["path"], strict=True)
        each["title"] += (
            one_line(title or Path(written_name(path)).stem) for title, path in titles
        )
        numbers["seconds"] += map(_seconds, columns["duration"])
        numbers["year"] += [year if year and 0 < year <= UNKNOWN else 0 for year in columns["year"]]
        numbers["top"] += map(EMOTIONS.index, columns["top"])
        lengths = zip(columns["genre"], columns["duration"], strict=True)
        numbers["music"] += [MUSIC.takes(genre, seconds) for genre, seconds in lengths]
    return MapData(
        np.stack([_steps(axis, place, axes) for place, axis in enumerate(AXES)]),
        {name: np.array(values, _TYPES[name]) for name, values in numbers.items()},
        {**{name: list(names.places) for name, names in shared.items()}, **each},
    )


_TYPES = {
    **dict.fromkeys(("seconds", "artist", "album", "genre", "folder"), "<i4"),
    "year": "<u2",
    **dict.fromkeys(("top", "music"), "u1"),
}


def _seconds(duration: float | None) -> int:
    return UNKNOWN_SECONDS if duration is None else round(duration)


def _parted(line: str) -> tuple[str, str]:
    """Return the folder of a path or address, with what parts it from the file, and the file."""
    found = SEPARATOR.search(line)
    return ("", line) if found is None else (line[: found.end()], line[found.end() :])


def _steps(
    axis: Axis, place: int, pieces: Sequence[Sequence[Sequence[float | None]]]
) -> NDArray[np.uint16]:
    """Return the places on an axis of the values that stand at ``place`` in each piece."""
    values = np.array([value for piece in pieces for value in piece[place]], np.float64)
    share = np.clip((values - axis.low) / (axis.high - axis.low), 0.0, 1.0)
    return np.where(np.isnan(share), UNKNOWN, np.round(share * STEPS)).astype("<u2")


def page_of(data: MapData) -> str:
    """Return the page of some tracks as HTML."""
    about = {
        "count": len(data),
        "steps": STEPS,
        "axes": [{name: getattr(axis, name) for name in Axis.__slots__} for axis in AXES],
        "emotions": [{"label": one.label, "colour": one.colour} for one in GEMS],
        "numbers": [[name, values.dtype.str[1:]] for name, values in data.numbers.items()],
        "lists": [[name, len(texts)] for name, texts in data.lists.items()],
        "longest": int(MUSIC.longest // 60),
    }
    numbers = (data.axes, *data.numbers.values())
    filled = {
        "version": __version__,
        "count": f"{len(data):,}",
        "style": (TEMPLATES / "map.css").read_text(encoding="utf-8"),
        "script": joined(SCRIPTS),
        "about": json.dumps(about, ensure_ascii=False).replace("<", "\\u003c"),
        "places": _blob(array.tobytes() for array in _aligned(numbers)),
        "names": _blob("\n".join(texts).encode() + b"\n" for texts in data.lists.values()),
    }
    page = (TEMPLATES / "map.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: filled[mark[1]], page)


def _aligned(arrays: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield arrays in their order, each filled up to whole numbers of four bytes."""
    for array in arrays:
        flat = array.ravel()
        yield np.pad(flat, (0, -flat.nbytes % 4 // flat.itemsize))


def _blob(parts: Iterable[bytes]) -> str:
    return base64.b64encode(gzip.compress(b"".join(parts), mtime=0)).decode()


def joined(modules: Iterable[str]) -> str:
    """Return modules as one script, without their imports and exports.

    Each name at their top is there once; imports and exports are single lines.
    """
    texts = ((TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in modules)
    lines = (line for text in texts for line in text.splitlines())
    return "\n".join(line.removeprefix("export ") for line in lines if line[:7] != "import ")

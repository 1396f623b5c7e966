"""What a loader of a published data set says of it, and what loaders share."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.datasets.corpus import LEFT_OUT, Corpus, Track
from music_emotion.datasets.folder import build_corpus, identified
from music_emotion.datasets.ratings import Rating, Scale
from music_emotion.errors import DatasetError, printable


@dataclass(frozen=True, slots=True)
class Loader:
    """A published data set: what it is, how it is laid out, and how it is read."""

    name: str
    about: str  #: one sentence
    layout: str  #: the files that are read, below the folder
    licence: str
    citation: str
    is_there: Callable[[Path], bool]  #: whether a folder holds it
    load: Callable[[Path], Corpus]


def rated_corpus(
    name: str,
    tracks: Sequence[Track],
    scales: Sequence[Scale],
    *,
    note: str,
    source: Path,
    remarks: Sequence[str] = (),
) -> Corpus:
    """Return a corpus of the tracks whose audio is there, each other one being remarked on.

    Ratings outside their scale are remarked on, too, and their tracks left out. A track without a
    group belongs to those of its artist.

    Raises
    ------
    DatasetError
        If no audio is there, or an audio file cannot be read.
    """
    kept, lines = list[Track](), list(remarks)
    for track in tracks:
        outside = [
            f"{scale.name} is {one.mean:g}, outside its range {scale.low:g} to {scale.high:g}"
            for scale, one in zip(scales, track.ratings, strict=True)
            if not (math.isnan(one.mean) or scale.holds(one.mean))
        ]
        if outside:
            lines.append(f"{LEFT_OUT}{source}: {printable(track.id)}: {outside[0]}")
        elif not track.path.is_file():
            lines.append(f"{LEFT_OUT}{source}: {printable(track.id)}: no audio at {track.path}")
        else:
            kept.append(track)
    if not kept:
        raise DatasetError(
            lines[0].removeprefix(LEFT_OUT) if lines else f"{source}: holds no track"
        )
    found = identified(kept, has_groups=all(track.group for track in kept))
    return build_corpus(name, found, note, scales, lines, str(source))


def first_folder(root: Path, *names: str) -> Path:
    """Return the first of the folders that is there, else the first."""
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])


def table_rows(path: Path, columns: Sequence[str], separator: str = ",") -> Iterator[list[str]]:
    """Yield the wanted cells of each row of a table, spaces around them removed.

    Raises
    ------
    DatasetError
        If the file cannot be read or a column is missing.
    """
    rows = all_rows(path, separator)
    head = next(rows, [])
    missing = [name for name in columns if name not in head]
    if missing:
        raise DatasetError(
            f"{path}: column {missing[0]!r} is missing (found: {printable(', '.join(head))}); use "
            "the file as it is published"
        )
    places = [head.index(name) for name in columns]
    for row in rows:
        if any(row):
            yield [row[place] if place < len(row) else "" for place in places]


def all_rows(path: Path, separator: str = ",") -> Iterator[list[str]]:
    """Yield all cells of each row of a table, the header too, spaces around them removed.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            yield [cell.strip() for cell in row]
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read ({error.strerror}); name the folder of the data set"
        ) from error
    except csv.Error as error:
        raise DatasetError(f"{path}: is no proper table ({error}); fetch it anew") from error


def rating_of(path: Path, mean: str, deviation: str = "") -> Rating:
    """Return a rating from cells; an empty one is not known.

    Raises
    ------
    DatasetError
        If a cell is no number.
    """
    try:
        value, spread = (float(text) if text else math.nan for text in (mean, deviation))
        return Rating(value, spread)
    except ValueError:
        raise DatasetError(f"{path}: {printable(mean)!r} is no rating; fetch it anew") from None


def number_of(path: Path, text: str) -> float:
    """Return the number in a cell, NaN for an empty one.

    Raises
    ------
    DatasetError
        If it is no number.
    """
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise DatasetError(f"{path}: {printable(text)!r} is no number; fetch it anew") from None


def by_id(rows: Iterable[list[str]]) -> dict[str, list[str]]:
    """Return rows by their first cell, the first of each."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row[0], row[1:])
    return found

"""A user's table of labelled tracks: a CSV file with one row per track.

Columns, in any order; case and surrounding spaces do not matter:

``path``
    The audio file, relative to the folder or absolute, or its ``file:`` address. Required.
``label``
    The dominant emotion, one of the nine, and/or
``amazement`` … ``sadness``
    how many listeners ticked each of the nine emotions; the label is then the emotion with most
    votes, ties going to the ``label`` column where there is one, else to the earlier emotion.
``listeners``
    How many people heard the track, those who ticked nothing included. Optional beside votes;
    without it every tick counts as one listener.
``valence``, ``arousal``, ``mood [1..9]``, …
    Ratings: the mean of several raters, on any scales, beside labels or votes or instead of them.
    ``valence_sd`` is their standard deviation over the raters and ``valence_raters`` (or
    ``raters``, for all scales) how many they were; :mod:`.rating_columns` tells what counts as one.
    A row whose rating cannot be used is left out; an empty cell is no rating.
``group``
    What an honest split keeps together (``game`` in its place is understood). Optional; a row
    without it is a group of its own.
``artist``, ``genre``, ``id``
    Optional. Where there is no ``group`` column, groups are formed from the artists' names.

The separator is a comma, a semicolon or a tab; the text is UTF-8.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.audio.names import local_path
from music_emotion.datasets.corpus import NO_LABEL, Track
from music_emotion.datasets.courses import beside
from music_emotion.datasets.moods import QUADRANT_OF, are_quadrants
from music_emotion.datasets.rating_columns import RatingColumns, RowError, find_ratings
from music_emotion.datasets.ratings import Scale, read_scale
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError, printable

SEPARATORS = ",;\t"
LABEL = "label"
GROUPS = ("group", "game")
"""Columns that tell what an honest split keeps together; the first that is there counts."""

LARGEST_COUNT = 10_000_000
CLOSE = 0.75
"""How alike (0–1) a misspelt emotion must be to be suggested; happiness is not sadness."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled track as the table describes it.

    Attributes
    ----------
    number, path
        Row in the file, the header being row 1, and its cell that names the audio file.
    track
        What the other cells say; its ``id`` is the path where there is no such column.
    """

    number: int
    path: str
    track: Track


@dataclass(frozen=True, slots=True)
class Manifest:
    """A table of labelled tracks.

    Attributes
    ----------
    rows, problems
        The rows that make sense, and a line for each other, naming file, row and remedy.
    has_groups
        Whether there is a ``group`` column.
    scales
        What the ratings are on, in the order of the tracks' ratings.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    has_groups: bool
    scales: tuple[Scale, ...] = ()


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the columns of a table are."""

    names: list[str]
    has_votes: bool
    has_labels: bool  #: whether a row needs a label, or votes to have it from
    ratings: list[RatingColumns]


def read_manifest(path: Path, ratings: Sequence[Scale] = ()) -> Manifest:
    """Read a table of labelled tracks; mistakes within rows are collected, not raised.

    ``ratings`` are the columns of ratings where the table itself does not show them.

    Raises
    ------
    DatasetError
        If the file cannot be read, is not UTF-8, is empty or lacks a column.
    """
    text = _read_text(path)
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        heads = [read_scale(name) for name in next(reader, [])]
        names = [head.name for head in heads]
        _check_names(path, names)
        written = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise DatasetError(
            f"{path}: row {reader.line_num} is not proper CSV ({error}); check its quotes"
        ) from error
    if not written:
        raise DatasetError(f"{path}: holds no track; add a row per audio file")
    heads, written = _without_quadrants(heads, written)
    names = [head.name for head in heads]
    columns, missing = _columns(
        path, heads, [_by_name(names, cells) for _, cells in written], ratings
    )
    rows: list[Row] = []
    problems = [f"{path}: {line}" for line in missing]
    for number, cells in written:
        try:
            rows.append(_row(number, columns, cells))
        except RowError as error:
            problems.append(f"{path}: row {number}: {error}")
    return Manifest(
        tuple(rows),
        tuple(problems),
        any(name in names for name in GROUPS),
        tuple(one.scale for one in columns.ratings),
    )


def _without_quadrants(
    heads: list[Scale], rows: list[tuple[int, list[str]]]
) -> tuple[list[Scale], list[tuple[int, list[str]]]]:
    """Turn labels that name quadrants into valence and arousal, each 0 or 1."""
    names = [head.name for head in heads]
    place = names.index(LABEL) if LABEL in names else -1
    labels = [cells[place] for _, cells in rows if place < len(cells)] if place >= 0 else []
    if not are_quadrants(labels) or {"valence", "arousal"} & set(names):
        return heads, rows
    scales = [Scale("valence", 0.0, 1.0), Scale("arousal", 0.0, 1.0)]

    def rated(cells: list[str]) -> list[str]:
        ends = QUADRANT_OF.get(cells[place].strip().casefold(), ("", ""))
        return [*cells[:place], *map(str, ends), *cells[place + 1 :]]

    changed = [(n, rated(cells) if place < len(cells) else cells) for n, cells in rows]
    return [*heads[:place], *scales, *heads[place + 1 :]], changed


def _by_name(names: list[str], cells: list[str]) -> dict[str, str]:
    return {name: value.strip() for name, value in zip(names, cells, strict=False)}


def _columns(
    path: Path,
    heads: Sequence[Scale],
    rows: Sequence[Mapping[str, str]],
    wanted: Sequence[Scale],
) -> tuple[_Columns, list[str]]:
    """Tell ratings from votes and see that what is needed is there; name what is missing."""
    names = [head.name for head in heads]
    try:
        ratings, missing = find_ratings(heads, rows, wanted)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from None
    rated = {one.mean for one in ratings}
    voted = [emotion for emotion in EMOTIONS if emotion in names and emotion not in rated]
    if wanted and len(voted) < len(EMOTIONS):  # nobody asked for the others
        voted = []
    _check_votes(path, names, voted, has_ratings=bool(ratings) or beside(path).is_file())
    has_labels = bool(voted) or LABEL in names
    return _Columns(names, bool(voted), has_labels, ratings), missing


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path}: cannot be read ({reason}); check the path") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path}: row {row} is not UTF-8 text; save the table as 'CSV UTF-8'"
        ) from error
    if not text.strip():
        raise DatasetError(f"{path}: is empty; give it a header and a row per audio file")
    return text


def _check_names(path: Path, columns: list[str]) -> None:
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(f"{path}: column {twice!r} is there twice; remove one")
    if "path" not in columns:
        raise DatasetError(
            f"{path}: column 'path' is missing (found: {printable(', '.join(columns))}); name the "
            "audio files in it"
        )


def _check_votes(path: Path, columns: list[str], voted: list[str], *, has_ratings: bool) -> None:
    missing = [emotion for emotion in EMOTIONS if emotion not in voted]
    if 0 < len(missing) < len(EMOTIONS):
        raise DatasetError(
            f"{path}: votes need a column for each of the nine emotions, {missing[0]!r} is "
            "missing; add it, with zeros where nobody ticked it"
        )
    if missing and LABEL not in columns and not has_ratings:
        raise DatasetError(
            f"{path}: neither column 'label' nor the nine votes are there (found: "
            f"{printable(', '.join(columns))}); add one of the two, or a column of ratings such as "
            "'valence [-1..1]'"
        )


def _row(number: int, columns: _Columns, cells: list[str]) -> Row:
    if len(cells) > len(columns.names):
        raise RowError(
            f"{len(cells)} cells for {len(columns.names)} columns; put cells that hold the "
            "separator in double quotes"
        )
    cell = _by_name(columns.names, cells)
    name = cell.get("path", "")
    path = local_path(name)
    if not path:
        raise RowError("no path; name the audio file")
    named = _emotion(cell["label"]) if cell.get("label") else None
    votes = _votes(cell, path) if columns.has_votes else None
    if votes is None:
        if named is None and columns.has_labels:
            raise RowError(f"{printable(path)} has no label; name one of the nine emotions")
        label, listeners = NO_LABEL if named is None else named, 0
    else:
        label, listeners = _most_votes(votes, named), _listeners(cell, votes)
    track = Track(
        id=cell.get("id", "") or name,
        path=Path(path),
        label=label,
        genre=cell.get("genre", ""),
        artist=cell.get("artist", ""),
        group=next((cell[name] for name in GROUPS if name in cell), ""),
        votes=votes,
        listeners=listeners,
        ratings=tuple(one.read(cell) for one in columns.ratings),
    )
    return Row(number, path, track)


def _emotion(name: str) -> int:
    wanted = name.casefold().replace(" ", "_").replace("-", "_")
    if wanted in EMOTIONS:
        return EMOTIONS.index(wanted)
    close = difflib.get_close_matches(wanted, EMOTIONS, n=1, cutoff=CLOSE)
    hint = f"did you mean {close[0]!r}?" if close else f"choose among {', '.join(EMOTIONS)}"
    raise RowError(f"no emotion {printable(name)!r}; {hint}")


def _votes(cell: Mapping[str, str], path: str) -> tuple[int, ...]:
    votes = tuple(_count(cell, emotion) for emotion in EMOTIONS)
    if not any(votes):
        raise RowError(f"{printable(path)} has no votes; add them or remove the row")
    return votes


def _count(cell: Mapping[str, str], column: str) -> int:
    text = cell.get(column, "") or "0"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value.is_integer():  # false for NaN and infinities too
        raise RowError(f"{column} is {printable(text)!r}; give a whole number")
    if not 0 <= value <= LARGEST_COUNT:
        raise RowError(f"{column} is {printable(text)}; give a number from 0 to {LARGEST_COUNT:,}")
    return int(value)


def _most_votes(votes: tuple[int, ...], named: int | None) -> int:
    first = votes.index(max(votes))
    if named is not None and votes[named] < votes[first]:
        raise RowError(
            f"the label is {EMOTIONS[named]!r} but {EMOTIONS[first]!r} has more votes; correct one"
        )
    return first if named is None else named


def _listeners(cell: Mapping[str, str], votes: tuple[int, ...]) -> int:
    if not cell.get("listeners"):
        return sum(votes)
    listeners = _count(cell, "listeners")
    if listeners < max(votes):
        raise RowError(
            f"{max(votes)} votes for one emotion by {listeners} listeners; correct one of them"
        )
    return listeners

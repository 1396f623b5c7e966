"""Catalogued tracks as a table for people, JSON, CSV, Parquet or a playlist.

They are read and written some thousand at a time, as columns: no more of a file is read than the
format writes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MissingExtraError, MusicEmotionError, printable
from music_emotion.inference.output import opened_output, replacing
from music_emotion.inference.prediction import (
    COLUMNS,
    DIGITS,
    FLAGS,
    INTENSITY_COLUMNS,
    NUMBERS,
    STANDING_COLUMNS,
    rounded_shares,
)
from music_emotion.inference.writers import clock
from music_emotion.library import playlist_files
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.playlist_files import Naming
from music_emotion.library.search import Found
from music_emotion.library.track import TEXT_TAGS, fault

TOP_EMOTIONS = 3  # in the table for people
DURATION_DIGITS = 3

ROW_COLUMNS: Mapping[str, type] = {
    "path": str,
    **dict.fromkeys(TEXT_TAGS, str),
    "year": int,
    **COLUMNS,
    "error": str,
    "scanned_at": int,
    "distance": float,
}
"""Columns of a found track as CSV and Parquet have them, in order, and what each holds."""

_NAMES = tuple(name for name in ROW_COLUMNS if name != "distance")  # that the catalogue has
_ROUNDED = ("duration", "confidence", *NUMBERS, *INTENSITY_COLUMNS, *STANDING_COLUMNS)
_TABLE = ("path", "error", *COLUMNS)  # all of the prediction, which is then checked

Columns = dict[str, list[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Listing:
    """Tracks to be written: what was found in a catalogue, and how paths are named."""

    catalogue: Catalogue
    found: Found
    naming: Naming = field(default_factory=Naming)

    def pieces(self, names: Sequence[str]) -> Iterator[Columns]:
        """Yield columns of the catalogue, some thousand tracks at a time, and their distances.

        Paths are as they are written, an ``error`` tells of silence and damage, too; distances are
        rounded, ``None`` where nothing was compared.
        """
        distances = dict(zip(self.found.ids.tolist(), self.found.distances.tolist(), strict=False))
        for ids, columns in self.catalogue.columns(self.found.ids.tolist(), names):
            columns["path"] = [written_name(self.naming.path(path)) for path in columns["path"]]
            if "error" in columns:
                told = (columns[name] for name in ("error", "top", "warnings"))
                columns["error"] = list(map(fault, *told))
            known = (distances.get(number) for number in ids)
            columns["distance"] = [None if far is None else round(far, DIGITS) for far in known]
            yield columns

    def rows(self) -> Iterator[Columns]:
        """Yield the columns of :data:`ROW_COLUMNS` as people read them, ``None``: not known."""
        for columns in self.pieces(_NAMES):
            columns |= {name: _listed(values) for name, values in _numbers(columns).items()}
            unpredicted = [model is None for model in columns["model"]]
            for name in FLAGS:
                pairs = zip(columns[name], unpredicted, strict=True)
                columns[name] = [None if nothing else bool(flag) for flag, nothing in pairs]
            yield {name: columns[name] for name in ROW_COLUMNS}

    def entries(self) -> Iterator[playlist_files.Entry]:
        """Yield the tracks as a playlist has them."""
        for _, columns in self.catalogue.columns(self.found.ids.tolist(), playlist_files.COLUMNS):
            yield from playlist_files.entries_of(list(columns.values()), self.naming)


def _numbers(columns: Columns) -> dict[str, Floats]:
    """Return the numbers of predictions, rounded; NaN where they are not known."""
    numbers = {name: np.array(columns[name], np.float64) for name in (*_ROUNDED, *EMOTIONS)}
    for name in _ROUNDED:
        digits = DURATION_DIGITS if name == "duration" else DIGITS
        numbers[name] = numbers[name].round(digits) + 0.0  # 0 has no sign
    shares = rounded_shares(np.stack([numbers[name] for name in EMOTIONS], axis=1))
    return numbers | dict(zip(EMOTIONS, shares.T, strict=True))


def _listed(values: Floats) -> list[float | None]:
    listed: list[float | None] = values.tolist()
    if np.isnan(values).any():
        return [None if value != value else value for value in listed]
    return listed


def write_json(listing: Listing, stream: TextIO) -> None:
    """Write one list of objects, each as ``music-emotion predict`` writes it, with its tags.

    The timeline is left out. What could not be predicted has an ``error``, and so has what is
    silent or damaged.
    """
    opening = "["
    for columns in listing.rows():
        columns["warnings"] = [text.split("\n") if text else [] for text in columns["warnings"]]
        for line in _objects(columns):
            stream.write(f"{opening}\n{line}")
            opening = ","
    stream.write("[]\n" if opening == "[" else "\n]\n")


_FILE = ("path", *TEXT_TAGS, "year")
_NINE = {"emotions": EMOTIONS, "intensities": INTENSITY_COLUMNS, "standing": STANDING_COLUMNS}
_NUMBERS = ("confidence", *NUMBERS, *FLAGS)
_PREDICTION = ("duration", "model", "version", *_NINE, *_NUMBERS, "warnings", "top")


def _objects(columns: Columns) -> Iterator[str]:
    """Yield each row as an object; column by column, which is faster than row by row."""
    written = {name: _texts(values, ROW_COLUMNS[name]) for name, values in columns.items()}
    error = [f', "error": {text}' if text != '""' else "" for text in written["error"]]
    distance = [f', "distance": {text}' if text != "null" else "" for text in written["distance"]]
    files = map(_form(_FILE).__mod__, zip(*(written[name] for name in _FILE), strict=True))
    for name, parts in _NINE.items():
        rows = zip(*(written[part] for part in parts), strict=True)
        written[name] = list(map(f"{{{_form(EMOTIONS)}}}".__mod__, rows))
    parts_of_all = zip(*(written[name] for name in _PREDICTION), strict=True)
    predictions = map(f", {_form(_PREDICTION)}".__mod__, parts_of_all)
    rows_of_all = zip(columns["model"], files, predictions, error, distance, strict=True)
    for model, file, prediction, fault_of, far in rows_of_all:
        yield f"{{{file}{prediction if model is not None else ''}{fault_of}{far}}}"


def _form(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}": %s' for name in names)


def _texts(values: list[Any], held: type) -> list[str]:
    """Return each value of a column as JSON; ``held`` is what it holds."""
    if held is str:
        return list(map(_ENCODE, values))
    return _ENCODE(values)[1:-1].split(", ")  # all at once, which is faster


_ENCODE = json.JSONEncoder(allow_nan=False).encode


def write_csv(listing: Listing, stream: TextIO) -> None:
    """Write one row per track."""
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(ROW_COLUMNS)
    for columns in listing.rows():
        columns["warnings"] = _in_one_line(columns["warnings"])
        rows.writerows(zip(*columns.values(), strict=True))


def _in_one_line(warnings: Iterable[str | None]) -> list[str | None]:
    return [text and text.replace("\n", "; ") for text in warnings]


def write_table(listing: Listing, stream: TextIO) -> None:
    """Write a line per track for people: what is felt most, the length, the path."""
    for columns in listing.pieces(_TABLE):
        felt = list(zip(*(columns[name] for name in INTENSITY_COLUMNS), strict=True))
        others = (columns[name] for name in ("path", "error", "top", "duration", "distance"))
        stream.writelines(map(_table_line, felt, *others))


def _table_line(
    felt: Sequence[float | None],
    path: str,
    error: str,
    top: str | None,
    duration: float | None,
    distance: float | None,
) -> str:
    shown = printable(path)
    if error:
        what = "not predicted" if duration is None else "silent" if top is None else "damaged"
        return f"{what:<60} {shown}  ({error})\n"
    known = [(name, value or 0.0) for name, value in zip(EMOTIONS, felt, strict=True)]
    strongest = sorted(known, key=lambda pair: -pair[1])[:TOP_EMOTIONS]
    words = " ".join(f"{name} {value:.2f}" for name, value in strongest)
    far = "" if distance is None else f"{distance:.3f}  "
    return f"{far}{words:<60} {clock(round(duration or 0.0)):>7}  {shown}\n"


def write_parquet(listing: Listing, path: Path) -> None:
    """Write one row per track with the columns of the CSV, in pieces.

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("writing Parquet", "parquet") from None
    schema = arrow_schema(ROW_COLUMNS)
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for columns in listing.rows():
            columns["warnings"] = _in_one_line(columns["warnings"])
            writer.write_table(pyarrow.table(columns, schema))


def arrow_schema(columns: Mapping[str, type], types: dict[str, Any] | None = None) -> Any:
    """Return columns as Arrow names them; ``types`` are those that differ from the usual ones."""
    import pyarrow

    usual = {str: "string", int: "int64", float: "float64", bytes: "binary", bool: "bool"}
    return pyarrow.schema({name: usual[held] for name, held in columns.items()} | (types or {}))


TEXT_WRITERS: Mapping[str, Callable[[Listing, TextIO], None]] = {
    "table": write_table,
    "json": write_json,
    "csv": write_csv,
}


def export(listing: Listing, format: str, path: Path | None) -> None:
    """Write tracks into a file, which appears when it is whole, or to standard output.

    Parameters
    ----------
    format
        A name in :data:`TEXT_WRITERS`, in :data:`.playlist_files.WRITERS`, or ``parquet``.

    Raises
    ------
    MusicEmotionError
        The file cannot be written.
    """
    if format == "parquet":
        if path is None:
            raise MusicEmotionError("Parquet is no text for a terminal; name a file with -o")
        write_parquet(listing, path)
        return
    with opened_output(path) as stream:
        if format in playlist_files.WRITERS:
            playlist_files.WRITERS[format](listing.entries(), stream)
        else:
            TEXT_WRITERS[format](listing, stream)

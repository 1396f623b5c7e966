"""Catalogued tracks as a table for people, JSON, CSV, Parquet or a playlist."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MissingExtraError, MusicEmotionError, printable
from music_emotion.inference.output import opened_output, replacing
from music_emotion.inference.prediction import COLUMNS, DIGITS
from music_emotion.inference.writers import clock
from music_emotion.library.search import Hit
from music_emotion.library.track import TEXT_TAGS, CatalogueTrack

PARQUET_ROWS = 10_000  # in memory at once
TOP_EMOTIONS = 3  # in the table for people

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


def row_of(hit: Hit) -> dict[str, Any]:
    """Return a track as one flat row with the names in :data:`ROW_COLUMNS`; ``None``: not known."""
    file = hit.track.file_row()
    row = {name: file.get(name) for name in ROW_COLUMNS}
    if hit.track.prediction is not None:
        row |= hit.track.prediction.to_row()
    distance = None if hit.distance is None else round(hit.distance, DIGITS)
    return row | {"path": written_name(hit.track.path), "distance": distance}


def object_of(hit: Hit) -> dict[str, Any]:
    """Return a track as ``music-emotion predict`` writes it, with its tags and no timeline."""
    row = row_of(hit)
    data = {name: row[name] for name in ("path", *TEXT_TAGS, "year")}
    if hit.track.prediction is None:
        return data | {"error": hit.track.error}
    prediction = hit.track.prediction.to_dict()
    del prediction["timeline"]
    data |= {**prediction, "path": row["path"], "top": row["top"]}
    return data if hit.distance is None else data | {"distance": row["distance"]}


def write_json(hits: Iterable[Hit], stream: TextIO) -> None:
    """Write one list of objects."""
    opening = "["
    for hit in hits:
        stream.write(f"{opening}\n{json.dumps(object_of(hit), allow_nan=False)}")
        opening = ","
    stream.write("[]\n" if opening == "[" else "\n]\n")


def write_csv(hits: Iterable[Hit], stream: TextIO) -> None:
    """Write one row per track."""
    rows = csv.DictWriter(stream, ROW_COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerows(map(row_of, hits))


def write_table(hits: Iterable[Hit], stream: TextIO) -> None:
    """Write a line per track for people: what is felt most, the length, the path."""
    stream.writelines(f"{table_line(hit)}\n" for hit in hits)


def table_line(hit: Hit) -> str:
    """Return a track as a line."""
    track, prediction = hit.track, hit.track.prediction
    shown = printable(written_name(track.path))
    if prediction is None:
        return f"{'not predicted':<60} {shown}  ({track.error})"
    strongest = sorted(
        zip(EMOTIONS, prediction.intensities.tolist(), strict=True), key=lambda pair: -pair[1]
    )
    felt = " ".join(f"{name} {value:.2f}" for name, value in strongest[:TOP_EMOTIONS])
    distance = "" if hit.distance is None else f"{hit.distance:.3f}  "
    return f"{distance}{felt:<60} {clock(round(prediction.duration)):>7}  {shown}"


def write_playlist(hits: Iterable[Hit], stream: TextIO, *, folder: Path | None = None) -> None:
    """Write an extended M3U in UTF-8, as most players read it.

    Paths are relative to ``folder``, or in full. A name that a line of text cannot hold (line
    breaks, bytes that are no UTF-8) is written as a ``file:`` address.
    """
    stream.write("#EXTM3U\n")
    for hit in hits:
        track, prediction = hit.track, hit.track.prediction
        seconds = -1 if prediction is None else round(prediction.duration)
        stream.write(f"#EXTINF:{seconds},{track_name(track)}\n{_entry(track.path, folder)}\n")


def _entry(path: str, folder: Path | None) -> str:
    if written_name(path) != path or len(path.splitlines()) != 1 or path != path.strip():
        return Path(path).as_uri()
    if folder is None:
        return path
    relative = os.path.relpath(path, folder)
    return f".{os.sep}{relative}" if relative.startswith("#") else relative


def track_name(track: CatalogueTrack) -> str:
    """Return ``artist - title`` as one line, from the tags or the name of the file."""
    tags = track.tags
    title = tags.title or Path(track.path).stem
    return printable(f"{tags.artist} - {title}" if tags.artist else title)


def write_parquet(hits: Iterable[Hit], path: Path) -> None:
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
    rows = map(row_of, hits)
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        while piece := list(islice(rows, PARQUET_ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(piece, schema))


def arrow_schema(columns: Mapping[str, type], types: dict[str, Any] | None = None) -> Any:
    """Return columns as Arrow names them; ``types`` are those that differ from the usual ones."""
    import pyarrow

    usual = {str: "string", int: "int64", float: "float64", bytes: "binary", bool: "bool"}
    return pyarrow.schema({name: usual[held] for name, held in columns.items()} | (types or {}))


TEXT_WRITERS: Mapping[str, Callable[[Iterable[Hit], TextIO], None]] = {
    "table": write_table,
    "json": write_json,
    "csv": write_csv,
}


def export(hits: Iterable[Hit], format: str, path: Path | None, *, relative: bool = False) -> None:
    """Write tracks into a file, which appears when it is whole, or to standard output.

    Parameters
    ----------
    format
        A name in :data:`TEXT_WRITERS`, ``m3u8`` or ``parquet``.
    relative
        In a playlist, write paths relative to its folder.

    Raises
    ------
    MusicEmotionError
        The file cannot be written.
    """
    if format == "parquet":
        if path is None:
            raise MusicEmotionError("Parquet is no text for a terminal; name a file with -o")
        write_parquet(hits, path)
        return
    with opened_output(path) as stream:
        if format == "m3u8":
            # Where the folder really is: ".." of a link leads out of what it points to.
            folder = (Path() if path is None else path.parent).resolve() if relative else None
            write_playlist(hits, stream, folder=folder)
        else:
            TEXT_WRITERS[format](hits, stream)

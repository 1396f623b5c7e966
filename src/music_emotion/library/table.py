"""Rows of the catalogue as an Arrow table, and back: what Parquet files hold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MissingExtraError
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.schema import INTENSITIES
from music_emotion.library.track import (
    CatalogueTrack,
    FileStamp,
    Tags,
    pack_timeline,
    unpack_timeline,
)


def track_table(tracks: Iterable[CatalogueTrack]) -> Any:
    """Return rows as an Arrow table, with the values the catalogue would keep.

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
    except ImportError:
        raise MissingExtraError("Parquet", "distributed") from None
    schema = track_schema(arrow)
    return arrow.Table.from_pylist([_row(track) for track in tracks], schema=schema)


def tracks_of(table: Any) -> Iterator[CatalogueTrack]:
    """Yield the rows of an Arrow table that :func:`track_table` made."""
    yield from map(_track, table.to_pylist())


def track_schema(arrow: Any) -> Any:
    """Return the columns; what follows ``scanned_at`` is null where there is no prediction.

    ``raw_path`` is there for a path that is no UTF-8, whose ``path`` shows escapes; ``timeline``
    holds 255 · p of the nine emotions at each point in turn, the first at ``timeline_first``
    seconds, ``timeline_step`` seconds apart, each of ``timeline_window`` seconds.
    """
    text, whole, real = arrow.string(), arrow.int64(), arrow.float64()
    return arrow.schema(
        [
            ("path", text),
            ("raw_path", arrow.binary()),
            ("size", whole),
            ("mtime_ns", whole),
            ("inode", whole),
            ("audio", arrow.binary()),
            ("artist", text),
            ("album", text),
            ("title", text),
            ("genre", text),
            ("year", whole),
            ("error", text),
            ("scanned_at", whole),
            ("model", text),
            ("version", text),
            ("model_sha256", text),
            ("duration", real),
            ("top", text),
            ("confidence", real),
            *((name, arrow.float32()) for name in (*EMOTIONS, *INTENSITIES)),
            ("warnings", arrow.list_(text)),
            ("timeline_first", real),
            ("timeline_step", real),
            ("timeline_window", real),
            ("timeline", arrow.list_(arrow.uint8())),
        ]
    )


def _row(track: CatalogueTrack) -> dict[str, Any]:
    raw = os.fsencode(track.path)
    shown = raw.decode("utf-8", "backslashreplace")
    row: dict[str, Any] = {
        "path": shown,
        "raw_path": None if shown == track.path else raw,
        "size": track.stamp.size,
        "mtime_ns": track.stamp.mtime_ns,
        "inode": track.stamp.inode,
        "audio": track.audio,
        "year": track.tags.year,
        "error": _text(track.error),
        "scanned_at": track.scanned_at,
    }
    row |= {
        name: _text(getattr(track.tags, name)) for name in ("artist", "album", "title", "genre")
    }
    told = track.prediction
    if told is None:
        return row
    first, step, packed = pack_timeline(told.timeline)
    return row | {
        "model": told.model,
        "version": told.version,
        "model_sha256": track.model_sha256,
        "duration": told.duration,
        "top": told.top,
        "confidence": told.confidence,
        **dict(zip(EMOTIONS, told.emotions.tolist(), strict=True)),
        **dict(zip(INTENSITIES, told.intensities.tolist(), strict=True)),
        "warnings": list(told.warnings),
        "timeline_first": first,
        "timeline_step": step,
        "timeline_window": told.timeline.window,
        "timeline": list(packed),
    }


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _track(row: dict[str, Any]) -> CatalogueTrack:
    path = row["path"] if row["raw_path"] is None else os.fsdecode(row["raw_path"])
    return CatalogueTrack(
        path=path,
        stamp=FileStamp(row["size"], row["mtime_ns"], row["inode"]),
        audio=row["audio"],
        tags=Tags(row["artist"], row["album"], row["title"], row["genre"], row["year"]),
        prediction=None if row["model"] is None else _prediction(path, row),
        model_sha256=row["model_sha256"] or "",
        error=row["error"],
        scanned_at=row["scanned_at"],
    )


def _prediction(path: str, row: dict[str, Any]) -> TrackPrediction:
    first, step, window = (row[f"timeline_{name}"] for name in ("first", "step", "window"))
    return TrackPrediction(
        path=path,
        duration=row["duration"],
        model=row["model"],
        version=row["version"],
        emotions=np.array([row[name] for name in EMOTIONS], np.float32),
        intensities=np.array([row[name] for name in INTENSITIES], np.float32),
        confidence=row["confidence"],
        timeline=unpack_timeline(first, step, window, bytes(row["timeline"])),
        warnings=tuple(row["warnings"]),
    )

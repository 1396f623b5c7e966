"""A timeline in bytes: in the flat row of a track, in Parquet, and packed in the catalogue."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import Timeline, point_spans, segment_seconds

SHARE_STEPS = 255  # of a stored share or probability
MOOD_STEPS = 127  # of a stored valence or arousal, from 0 to 1
UNKNOWN_MOOD = -128

POINTS: Mapping[str, type[np.uint8] | type[np.int8]] = {
    "timeline": np.uint8,
    "timeline_intensities": np.uint8,
    "timeline_valence": np.int8,
    "timeline_arousal": np.int8,
    "timeline_weight": np.uint8,
}
"""Columns of a flat row that hold bytes of all points, and what a byte is."""

TIMELINE_COLUMNS: Mapping[str, type[float] | type[bytes]] = {
    "timeline_first": float,
    "timeline_step": float,
    "timeline_window": float,
    **dict.fromkeys(POINTS, bytes),
}
"""Columns of a flat row that hold the timeline; see :func:`timeline_row`."""

NINE = ("timeline", "timeline_intensities")  # of POINTS, with a byte for each emotion
LATER = tuple(POINTS)[1:]  # what the first versions did not keep
PACKED_BYTES = len(EMOTIONS) * len(NINE) + len(POINTS) - len(NINE)  # of a point

Bytes = NDArray[np.uint8]


def timeline_row(timeline: Timeline, duration: float) -> dict[str, float | bytes | None]:
    """Return a timeline as columns of a flat row, with the names in :data:`TIMELINE_COLUMNS`.

    ``timeline`` and ``timeline_intensities`` have nine bytes per point, 255 is 1;
    ``timeline_valence`` and ``timeline_arousal`` one with a sign, 127 is 1 and -128 not known;
    ``timeline_weight`` one, of which 255 is a whole segment. They are off by half a step at most.
    ``timeline_first`` is the middle of the first point's segment and ``timeline_step`` the seconds
    from one to the next. Of a timeline without intensities or weights, as the first versions kept
    it, only the emotions are stored and the others are ``None``.

    Parameters
    ----------
    timeline
        Its spans are not stored: :func:`~music_emotion.inference.prediction.point_spans` has them.
    duration
        Of the track in seconds.
    """
    seconds = segment_seconds(duration)
    row: dict[str, float | bytes | None] = {
        "timeline_first": seconds / 2 if len(timeline) else 0.0,
        "timeline_step": seconds if len(timeline) > 1 else 0.0,
        "timeline_window": timeline.window,
        "timeline": _shares(timeline.emotions),
    }
    if np.isnan(timeline.weight).any() or np.isnan(timeline.intensities).any():
        return row | dict.fromkeys(LATER)
    return row | {
        "timeline_intensities": _shares(timeline.intensities),
        "timeline_valence": _moods(timeline.valence),
        "timeline_arousal": _moods(timeline.arousal),
        "timeline_weight": _shares(timeline.weight / seconds),
    }


def timeline_of(row: Mapping[str, Any]) -> Timeline:
    """Return the timeline that :func:`timeline_row` made columns of; what is ``None`` is NaN.

    Raises
    ------
    ValueError
        The columns are no whole number of points, or of different numbers.
    """
    duration, window = row["duration"], row["timeline_window"]
    points = {name: row.get(name) for name in POINTS}
    emotions = _bytes(points["timeline"]).reshape(-1, len(EMOTIONS))
    start, end = point_spans(len(emotions), window, duration)
    unknown = np.full(emotions.shape, np.nan, np.float32)
    if any(points[name] is None for name in LATER):
        intensities, weight, valence, arousal = unknown, unknown[:, 0], unknown[:, 0], unknown[:, 0]
    else:
        intensities = _from_shares(points["timeline_intensities"]).reshape(emotions.shape)
        weight = _from_shares(points["timeline_weight"])
        valence = _from_moods(points["timeline_valence"])
        arousal = _from_moods(points["timeline_arousal"])
    if not len(emotions) == len(weight) == len(valence) == len(arousal):
        raise ValueError("a timeline's columns are of different lengths")
    return Timeline(
        start=start,
        end=end,
        weight=weight.astype(np.float64) * segment_seconds(duration),
        emotions=_from_shares(points["timeline"]).reshape(emotions.shape),
        intensities=intensities,
        valence=valence,
        arousal=arousal,
        window=window,
    )


def _shares(values: NDArray[np.floating]) -> bytes:
    steps: Bytes = np.rint(np.clip(values, 0.0, 1.0) * SHARE_STEPS).astype(np.uint8)
    return steps.tobytes()


def _moods(values: NDArray[np.floating]) -> bytes:
    steps = np.rint(np.clip(values, -1.0, 1.0) * MOOD_STEPS)
    return np.where(np.isnan(steps), UNKNOWN_MOOD, steps).astype(np.int8).tobytes()


def _from_shares(stored: bytes | None) -> NDArray[np.float32]:
    return (_bytes(stored) / np.float32(SHARE_STEPS)).astype(np.float32)


def _from_moods(stored: bytes | None) -> NDArray[np.float32]:
    steps = _bytes(stored).view(np.int8)
    values = (steps / np.float32(MOOD_STEPS)).astype(np.float32)
    return np.where(steps == UNKNOWN_MOOD, np.float32(np.nan), values)


def _bytes(stored: bytes | None) -> Bytes:
    return np.frombuffer(stored or b"", np.uint8)


# Packed


def packed(row: Mapping[str, Any]) -> bytes | None:
    """Return all points of a flat row in one; ``None`` where it knows only the emotions.

    zlib's format, of 21 rows of bytes: each column of :data:`POINTS`, of which those with nine
    bytes per point are nine rows. In each row stand the differences from point to point, modulo
    256, from 0 on: a timeline is smooth, so that most of them are small.

    Examples
    --------
    >>> columns = {name: bytes(range(2 * (9 if name in NINE else 1))) for name in POINTS}
    >>> len(packed(columns)), unpacked(packed(columns)) == columns
    (27, True)
    """
    if any(row[name] is None for name in LATER):
        return None
    rows = [_bytes(row[name]).reshape(-1, _width(name)).T for name in POINTS]
    levels = np.concatenate(rows)
    steps = np.diff(levels, axis=1, prepend=np.zeros((len(levels), 1), np.uint8))
    return zlib.compress(steps.tobytes(), zlib.Z_BEST_COMPRESSION)


def unpacked(stored: bytes | None) -> dict[str, bytes | None]:
    """Return the columns of :data:`POINTS` that :func:`packed` was given; ``None`` of ``None``.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    if stored is None:
        return dict.fromkeys(POINTS)
    try:
        steps = np.frombuffer(zlib.decompress(stored), np.uint8).reshape(PACKED_BYTES, -1)
    except zlib.error:
        raise ValueError("a timeline cannot be unpacked") from None
    levels: Bytes = np.cumsum(steps, axis=1, dtype=np.uint8)
    ends = np.cumsum([_width(name) for name in POINTS])[:-1]
    return {
        name: rows.T.tobytes()
        for name, rows in zip(POINTS, np.split(levels, ends.tolist()), strict=True)
    }


def _width(name: str) -> int:
    """Return the bytes per point of a column."""
    return len(EMOTIONS) if name in NINE else 1

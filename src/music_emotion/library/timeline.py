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
    "timeline_section": np.uint8,
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
SECTION = "timeline_section"
LATER = tuple(name for name in POINTS if name not in ("timeline", SECTION))
"""What the first versions did not keep; later ones did not know sections."""

WITH_SECTIONS = b"\x01"  # before what is packed; zlib's own first byte is another
PACKED_BYTES = len(EMOTIONS) * len(NINE) + len(LATER) - 1  # of a point, without its section

Bytes = NDArray[np.uint8]


def timeline_row(timeline: Timeline, duration: float) -> dict[str, float | bytes | None]:
    """Return a timeline as columns of a flat row, with the names in :data:`TIMELINE_COLUMNS`.

    ``timeline`` and ``timeline_intensities`` have nine bytes per point, 255 is 1;
    ``timeline_valence`` and ``timeline_arousal`` one with a sign, 127 is 1 and -128 not known;
    ``timeline_weight`` one, of which 255 is a whole segment; ``timeline_section`` one, the number
    of the section modulo 256. All but the last are off by half a step at most.
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
        return row | dict.fromkeys((*LATER, SECTION))
    return row | {
        "timeline_intensities": _shares(timeline.intensities),
        "timeline_valence": _moods(timeline.valence),
        "timeline_arousal": _moods(timeline.arousal),
        "timeline_weight": _shares(timeline.weight / seconds),
        SECTION: timeline.section.astype(np.uint8).tobytes(),
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
    section = _sections(points[SECTION], len(emotions))
    unknown = np.full(emotions.shape, np.nan, np.float32)
    if any(points[name] is None for name in LATER):
        intensities, weight, valence, arousal = unknown, unknown[:, 0], unknown[:, 0], unknown[:, 0]
    else:
        intensities = _from_shares(points["timeline_intensities"]).reshape(emotions.shape)
        weight = _from_shares(points["timeline_weight"])
        valence = _from_moods(points["timeline_valence"])
        arousal = _from_moods(points["timeline_arousal"])
    if not len(emotions) == len(section) == len(weight) == len(valence) == len(arousal):
        raise ValueError("a timeline's columns are of different lengths")
    start, end = point_spans(section, window, duration)
    return Timeline(
        start=start,
        end=end,
        section=section,
        weight=weight.astype(np.float64) * segment_seconds(duration),
        emotions=_from_shares(points["timeline"]).reshape(emotions.shape),
        intensities=intensities,
        valence=valence,
        arousal=arousal,
        window=window,
    )


def _sections(stored: bytes | None, count: int) -> NDArray[np.int64]:
    """Return the section of each point; all in one where the writer did not know sections."""
    if stored is None:
        return np.zeros(count, np.int64)
    numbers = _bytes(stored)
    return np.cumsum(np.diff(numbers, prepend=numbers[:1]) != 0, dtype=np.int64)


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

    A byte of 1, then zlib's format, of 22 rows of bytes: each column of :data:`POINTS`, of which
    those with nine bytes per point are nine rows. Without sections the first byte is missing, and
    the last row. In each row stand the differences from point to point, modulo
    256, from 0 on: a timeline is smooth, so that most of them are small.

    Examples
    --------
    >>> columns = {name: bytes(range(2 * (9 if name in NINE else 1))) for name in POINTS}
    >>> len(packed(columns)), unpacked(packed(columns)) == columns
    (32, True)
    """
    if any(row[name] is None for name in LATER):
        return None
    names, before = list(POINTS), WITH_SECTIONS
    if row.get(SECTION) is None:
        names, before = names[:-1], b""
    rows = [_bytes(row[name]).reshape(-1, _width(name)).T for name in names]
    levels = np.concatenate(rows)
    steps = np.diff(levels, axis=1, prepend=np.zeros((len(levels), 1), np.uint8))
    return before + zlib.compress(steps.tobytes(), zlib.Z_BEST_COMPRESSION)


def unpacked(stored: bytes | None) -> dict[str, bytes | None]:
    """Return the columns of :data:`POINTS` that :func:`packed` was given; ``None`` of ``None``.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    if stored is None:
        return dict.fromkeys(POINTS)
    names, height = list(POINTS), PACKED_BYTES + 1
    if not stored.startswith(WITH_SECTIONS):
        names, height = names[:-1], PACKED_BYTES
    try:
        steps = np.frombuffer(zlib.decompress(stored.removeprefix(WITH_SECTIONS)), np.uint8)
        steps = steps.reshape(height, -1)
    except zlib.error:
        raise ValueError("a timeline cannot be unpacked") from None
    levels: Bytes = np.cumsum(steps, axis=1, dtype=np.uint8)
    ends = np.cumsum([_width(name) for name in names])[:-1]
    rows = zip(names, np.split(levels, ends.tolist()), strict=True)
    return dict.fromkeys(POINTS) | {name: values.T.tobytes() for name, values in rows}


def _width(name: str) -> int:
    """Return the bytes per point of a column."""
    return len(EMOTIONS) if name in NINE else 1

"""One file of a library, as the catalogue keeps it: the row that every engine writes.

Paths are text as Python gives them (bytes that are no UTF-8 as surrogates, see
:func:`os.fsdecode`); the catalogue stores them without loss.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import Timeline, TrackPrediction

STEPS = 255  # of a stored probability, so that it is one byte


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells in a glance whether a file may have changed.

    Attributes
    ----------
    size
        Bytes.
    mtime_ns
        Time of the last change, nanoseconds since 1970.
    inode
        Number of the file on its disk; 0 where there is none.
    """

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """Return the stamp in a file's status."""
        # SQLite's integers are signed, and some file systems use all 64 bits.
        return cls(status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Return the stamp of a file, links followed.

        Raises
        ------
        OSError
            There is no such file, or its folder may not be searched.
        """
        return cls.of(Path(path).stat())


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of itself; ``""`` and ``None`` where it says nothing."""

    artist: str = ""
    album: str = ""
    title: str = ""
    genre: str = ""
    year: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogueTrack:
    """A file and what is known of it.

    Attributes
    ----------
    path
        Absolute.
    stamp
        Its status when it was read.
    audio
        Digest of its sound without its tags: :func:`music_emotion.library.audio_hash.audio_digest`;
        ``b""`` where it could not be read.
    tags
        Artist, album, title, genre, year.
    prediction
        What the model said; ``None`` where it failed. From the catalogue, its timeline is rounded
        to 1/255 and it has no envelope.
    model_sha256
        Of the graph of the model that predicted; ``""`` without a prediction.
    error
        Why there is no prediction, in one line; ``""`` where there is one.
    scanned_at
        Seconds since 1970.
    missing_since
        When the file was first found to be gone, seconds since 1970; ``None`` while it is there.
    id
        Number of its row; ``None`` before it is written.
    """

    path: str
    stamp: FileStamp
    audio: bytes
    tags: Tags = field(default_factory=Tags)
    prediction: TrackPrediction | None = None
    model_sha256: str = ""
    error: str = ""
    scanned_at: int = 0
    missing_since: int | None = None
    id: int | None = None


def pack_timeline(timeline: Timeline) -> tuple[float, float, bytes]:
    """Return (time of the first point, seconds between points, probabilities as bytes).

    One byte per probability, 255 · p rounded, points in order and nine emotions each; the error is
    at most 1/510.
    """
    times = timeline.time
    first = float(times[0]) if len(times) else 0.0
    step = float(times[1] - times[0]) if len(times) > 1 else 0.0
    return first, step, np.rint(timeline.emotions * STEPS).astype(np.uint8).tobytes()


def unpack_timeline(first: float, step: float, window: float, packed: bytes) -> Timeline:
    """Return the timeline that :func:`pack_timeline` made smaller.

    Raises
    ------
    ValueError
        The bytes are no whole number of points.
    """
    emotions = np.frombuffer(packed, np.uint8).reshape(-1, len(EMOTIONS))
    time: NDArray[np.float64] = first + step * np.arange(len(emotions), dtype=np.float64)
    return Timeline(time, (emotions / np.float32(STEPS)).astype(np.float32), window)


def stored_path(path: str) -> str | bytes:
    """Return a path as the catalogue stores it: text where it is UTF-8, else its bytes."""
    raw = os.fsencode(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def restored_path(stored: str | bytes) -> str:
    """Return the path that :func:`stored_path` was given."""
    return os.fsdecode(stored.encode() if isinstance(stored, str) else stored)

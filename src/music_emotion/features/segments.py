"""Cut sound into the segments every feature is computed on.

A segment is 3 s of mono sound, full scale ±1, at 22,050 Hz where nothing else is said; segments do
not overlap, and a remainder shorter than one segment is dropped. A segment's features depend on
that segment alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import resample
from music_emotion.errors import AudioError

SAMPLE_RATE = 22_050  # Hz
SEGMENT_SECONDS = 3.0  # s
SEGMENT_LENGTH = 66_150  # samples: SEGMENT_SECONDS at SAMPLE_RATE
EXCERPT_SECONDS = 60.0  # s: how much of the beginning of a track is used
LOUDEST_SAMPLE = 1e4  # full scale is 1; louder samples are clipped here, so that nothing overflows

Array = NDArray[np.float32]


def segment_length(sr: int) -> int:
    """Return the samples of a segment at a rate in Hz.

    Examples
    --------
    >>> segment_length(16_000)
    48000
    """
    return round(SEGMENT_SECONDS * sr)


def segment_count(seconds: float) -> int:
    """Return how many segments last as long as a window of so many seconds.

    Examples
    --------
    >>> segment_count(27.0)
    9
    """
    return round(seconds / SEGMENT_SECONDS)


def cut_segments(samples: Array, *, sr: int = SAMPLE_RATE) -> Array:
    """Cut mono sound, shape (samples,), into consecutive segments, (n, segment_length(sr)).

    n = samples // segment_length(sr), 0 for less than a segment; a view where possible. ValueError
    for another shape.

    Examples
    --------
    >>> cut_segments(np.zeros(100_000, np.float32), sr=16_000).shape
    (2, 48000)
    """
    length = segment_length(sr)
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ValueError(f"sound must be mono, shape (samples,); got {samples.shape}")
    count = len(samples) // length
    return samples[: count * length].reshape(count, length)


def checked_segments(segments: NDArray[Any], *, sr: int = SAMPLE_RATE) -> Array:
    """Return segments as contiguous float32 within ±`LOUDEST_SAMPLE`.

    Raises
    ------
    ValueError
        The shape is not (n, segment_length(sr)).
    AudioError
        A sample is NaN or infinite.

    Examples
    --------
    >>> checked_segments(np.ones((1, 66_150), np.int16)).dtype
    dtype('float32')
    """
    segments = np.asarray(segments)
    length = segment_length(sr)
    if segments.ndim != 2 or segments.shape[1] != length:
        raise ValueError(
            f"segments must have shape (n, {length}), "
            f"{SEGMENT_SECONDS:g} s at {sr} Hz; got {segments.shape}"
        )
    if segments.size == 0:
        return np.ascontiguousarray(segments, dtype=np.float32)
    lowest, highest = float(segments.min()), float(segments.max())  # NaN survives min and max
    if not np.isfinite(lowest) or not np.isfinite(highest):
        raise AudioError("a segment holds NaN or infinite samples; decode the file again")
    if lowest < -LOUDEST_SAMPLE or highest > LOUDEST_SAMPLE:
        segments = np.clip(segments, -LOUDEST_SAMPLE, LOUDEST_SAMPLE)
    return np.ascontiguousarray(segments, dtype=np.float32)


def sound_segments(samples: Array, from_rate: int, *, sr: int = SAMPLE_RATE) -> Array:
    """Bring mono sound to another rate (Hz) and cut it into segments, as `cut_segments` does.

    The number of segments follows from the sound alone, not from the rate: where rounding leaves
    the last segment a sample short, it ends in a zero.

    Examples
    --------
    >>> sound_segments(np.zeros(7 * 44_100, np.float32), 44_100).shape
    (2, 66150)
    """
    length = segment_length(sr)
    count = int(len(samples) // (SEGMENT_SECONDS * from_rate))
    resampled = resample(samples, from_rate, sr)[: count * length]
    missing = count * length - len(resampled)
    if missing:
        resampled = np.pad(resampled, (0, missing))
    return cut_segments(resampled, sr=sr)

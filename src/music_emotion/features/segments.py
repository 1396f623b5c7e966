"""Cut sound into the segments every feature is computed on.

A segment is 3 s of mono sound at 22,050 Hz, full scale ±1; segments do not overlap, and a remainder
shorter than one segment is dropped. A segment's features depend on that segment alone.
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


def cut_segments(samples: NDArray[np.float32], length: int = SEGMENT_LENGTH) -> NDArray[np.float32]:
    """Cut mono sound into consecutive segments.

    Parameters
    ----------
    samples
        Mono sound at `SAMPLE_RATE`, shape (samples,).
    length
        Samples per segment; another value serves another sample rate.

    Returns
    -------
    ndarray of shape (n, length), float32
        n = samples // length, 0 for sound shorter than a segment; a view where possible.
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ValueError(f"sound must be mono, shape (samples,); got {samples.shape}")
    count = len(samples) // length
    return samples[: count * length].reshape(count, length)


def checked_segments(segments: NDArray[Any]) -> NDArray[np.float32]:
    """Return segments as contiguous float32 within ±`LOUDEST_SAMPLE`.

    Raises
    ------
    ValueError
        The shape is not (n, `SEGMENT_LENGTH`).
    AudioError
        A sample is NaN or infinite.
    """
    segments = np.asarray(segments)
    if segments.ndim != 2 or segments.shape[1] != SEGMENT_LENGTH:
        raise ValueError(
            f"segments must have shape (n, {SEGMENT_LENGTH}), "
            f"{SEGMENT_SECONDS:g} s at {SAMPLE_RATE} Hz; got {segments.shape}"
        )
    if segments.size == 0:
        return np.ascontiguousarray(segments, dtype=np.float32)
    lowest, highest = float(segments.min()), float(segments.max())  # NaN survives min and max
    if not np.isfinite(lowest) or not np.isfinite(highest):
        raise AudioError("a segment holds NaN or infinite samples; decode the file again")
    if lowest < -LOUDEST_SAMPLE or highest > LOUDEST_SAMPLE:
        segments = np.clip(segments, -LOUDEST_SAMPLE, LOUDEST_SAMPLE)
    return np.ascontiguousarray(segments, dtype=np.float32)


def sound_segments(
    samples: NDArray[np.float32],
    from_rate: int,
    to_rate: int = SAMPLE_RATE,
    length: int = SEGMENT_LENGTH,
) -> NDArray[np.float32]:
    """Bring mono sound to another rate and cut it into segments.

    The number of segments follows from the sound alone, not from the rate: where rounding leaves
    the last segment a sample short, it ends in a zero.

    Parameters
    ----------
    samples
        Mono sound, shape (samples,).
    from_rate, to_rate
        Hz.
    length
        Samples per segment at `to_rate`, `SEGMENT_SECONDS` long.

    Returns
    -------
    ndarray of shape (n, length), float32
    """
    count = int(len(samples) // (SEGMENT_SECONDS * from_rate))
    resampled = resample(samples, from_rate, to_rate)[: count * length]
    missing = count * length - len(resampled)
    if missing:
        resampled = np.pad(resampled, (0, missing))
    return cut_segments(resampled, length)

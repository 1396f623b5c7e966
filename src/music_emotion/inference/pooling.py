"""Segments' features → one vector per span, for models of scope ``track``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

STATISTICS: Mapping[str, Callable[[Array], Array]] = {
    "mean": lambda rows: rows.mean(axis=0, dtype=np.float64),
    "std": lambda rows: rows.std(axis=0, dtype=np.float64),
    "max": lambda rows: rows.max(axis=0),
    "min": lambda rows: rows.min(axis=0),
}


def pool(rows: Array, statistics: tuple[str, ...]) -> Array:
    """Pool the segments of one span.

    Parameters
    ----------
    rows
        One feature vector per segment, shape (segments, d), at least one segment.
    statistics
        Names in :data:`STATISTICS`; ``std`` divides by the number of segments and is 0 for one.

    Returns
    -------
    ndarray of shape (len(statistics) · d,), float32
    """
    return np.concatenate([STATISTICS[name](rows) for name in statistics]).astype(np.float32)


def spans_around(count: int, width: int) -> list[slice]:
    """Return for each of ``count`` segments the span of about ``width`` segments around it.

    Spans are cut at the ends of the track.
    """
    before = (width - 1) // 2
    after = width - 1 - before
    return [slice(max(0, at - before), min(count, at + after + 1)) for at in range(count)]

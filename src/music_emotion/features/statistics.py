"""Statistics of a segment's descriptors over its frames, for models that see no time.

Eight per descriptor, 360 in all, ordered statistic by statistic (`STATISTIC_NAMES`):

- mean and standard deviation;
- the 10 %, 50 % and 90 % quantiles, which an onset or a pause moves less;
- the standard deviation of the difference between neighbouring frames: how fast it moves;
- the standard deviation over four frames' means (93 ms): how it moves on the scale of notes;
- the mean of the last third minus that of the first: where it goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.descriptors import ADVANCED_NAMES

STATISTICS = (
    "mean",
    "standard_deviation",
    "quantile_10",
    "median",
    "quantile_90",
    "delta_standard_deviation",
    "slow_standard_deviation",
    "trend",
)
QUANTILES = (0.1, 0.5, 0.9)
SLOW_FRAMES = 4  # frames averaged before the slow standard deviation

STATISTIC_NAMES: tuple[str, ...] = tuple(
    f"{name}_{statistic}" for statistic in STATISTICS for name in ADVANCED_NAMES
)
"""Names of the columns of `statistics`."""


def statistics(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Summarise descriptors over time, (n, frames, d) → (n, 8 d); it takes `SLOW_FRAMES` at least.

    d columns for each of `STATISTICS`; for advanced descriptors named by `STATISTIC_NAMES`.
    ValueError for fewer frames or another shape.

    Examples
    --------
    >>> rising = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    >>> dict(zip(STATISTICS, statistics(rising)[0].round(2).tolist()))["mean"]
    3.5
    """
    if frames.ndim != 3 or frames.shape[1] < SLOW_FRAMES:
        raise ValueError(f"expected (n, frames, descriptors), got {frames.shape}")
    count = frames.shape[1]
    # float64: the variance of a descriptor in Hz is small beside its square.
    values = frames.astype(np.float64)
    ordered = np.sort(frames, axis=1)
    whole = count // SLOW_FRAMES * SLOW_FRAMES
    notes = values[:, :whole].reshape(len(values), -1, SLOW_FRAMES, values.shape[2]).mean(axis=2)
    third = count // 3
    columns = [
        values.mean(axis=1),
        values.std(axis=1),
        *(_quantile(ordered, share) for share in QUANTILES),
        np.diff(values, axis=1).std(axis=1),
        notes.std(axis=1),
        values[:, -third:].mean(axis=1) - values[:, :third].mean(axis=1),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _quantile(ordered: NDArray[np.float32], share: float) -> NDArray[np.float64]:
    """Return a quantile of values sorted along axis 1, linearly interpolated."""
    position = share * (ordered.shape[1] - 1)
    below = int(position)
    above = min(below + 1, ordered.shape[1] - 1)
    weight = position - below
    return np.asarray((1.0 - weight) * ordered[:, below] + weight * ordered[:, above])

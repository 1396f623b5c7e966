"""Views of pooled features: which columns a kernel compares, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.lowlevel import column_groups
from music_emotion.features.musicnn import channel_groups

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

CLIP = 5.0  # standard deviations; a feature further out says no more
CONSTANT = 1e-6  # a column that varies less, relative to its size, is left out


@dataclass(frozen=True, slots=True)
class View:
    """Pooled features as points whose squared distances a kernel takes.

    Attributes
    ----------
    sizes
        (feature, its pooled size) pairs, in the order of concatenation.
    columns
        Columns of the concatenation that are looked at, shape (k,).
    mean, scale
        Standardise these columns, shape (k,).
    factor
        What the standardised and clipped columns are multiplied by, shape (k,).
    """

    sizes: tuple[tuple[str, int], ...]
    columns: Numbers
    mean: Floats
    scale: Floats
    factor: Floats

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Return items as points, shape (n, k)."""
        values = np.concatenate([features[name] for name, _ in self.sizes], axis=1)
        inside = np.clip((values[:, self.columns] - self.mean) * self.scale, -CLIP, CLIP)
        points: Floats = inside * self.factor
        return points


def fit_view(
    features: Mapping[str, Floats], shares: Mapping[str, float], weights: Floats | None = None
) -> View:
    """Standardise features and give each its share of the mean squared distance.

    Parameters
    ----------
    features
        Pooled features of the training items, each (n, size).
    shares
        The features to look at, and what each counts for.
    weights
        Per group of columns (`group_numbers`), what its distances are multiplied by; without
        them every column of a feature counts the same.
    """
    sizes = tuple((name, features[name].shape[1]) for name in shares)
    values = np.concatenate([features[name] for name in shares], axis=1)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    varies = deviation > CONSTANT * (1.0 + np.abs(mean))
    columns = np.flatnonzero(varies)
    mean, scale = mean[columns], 1.0 / deviation[columns]
    # The mean squared distance of two items is twice the variance.
    distance = 2.0 * np.clip((values[:, columns] - mean) * scale, -CLIP, CLIP).var(axis=0)
    feature = np.repeat(np.arange(len(sizes)), [size for _, size in sizes])[columns]
    square = np.zeros(len(columns))
    for number, share in enumerate(shares.values()):
        square[feature == number] = share / max(distance[feature == number].sum(), CONSTANT)
    if weights is not None:
        square *= weights[group_numbers(sizes)[columns]]
    return View(sizes, columns, mean, scale, np.sqrt(square))


def group_numbers(sizes: Sequence[tuple[str, int]]) -> Numbers:
    """Return the group of each column of concatenated pooled features, numbered from 0.

    Columns that say the same kind of thing make a group: one branch of the network, one kind of
    descriptor; its means over a track and its deviations apart.
    """
    numbers, start = [], 0
    for name, size in sizes:
        half = _feature_groups(name, size // 2)
        count = int(half.max(initial=-1)) + 1
        numbers.append(np.concatenate([half, half + count]) + start)
        start += 2 * count
    return np.concatenate(numbers)


def _feature_groups(name: str, size: int) -> Numbers:
    known = {"musicnn": channel_groups, "summary": column_groups}
    groups = known[name]() if name in known else np.zeros(size, dtype=np.int64)
    return groups if len(groups) == size else np.zeros(size, dtype=np.int64)

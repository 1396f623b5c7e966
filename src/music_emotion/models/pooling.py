"""Segments pooled over time, so that each scored item is one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.base import Examples

Floats = NDArray[np.float64]

POOLING = ("mean", "std")
"""Statistics over an item's segments, concatenated in this order; ``std`` divides by n."""


@dataclass(frozen=True, slots=True)
class Items:
    """Examples pooled by unit: u items.

    Attributes
    ----------
    features
        For each feature its mean and standard deviation over the item's segments, (u, 2 k).
    label, group, listeners
        Shape (u,).
    vote_fractions
        Shape (u, 9), 0–1.
    item_of_row
        Each row's item, shape (n,).
    """

    features: Mapping[str, Floats]
    label: NDArray[np.int64]
    group: NDArray[np.int64]
    listeners: NDArray[np.int64]
    vote_fractions: Floats
    item_of_row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)


def take_items(items: Items, mask: NDArray[np.bool_]) -> Items:
    """Return the items of a mask, each as a row of its own."""
    return Items(
        features={name: values[mask] for name, values in items.features.items()},
        label=items.label[mask],
        group=items.group[mask],
        listeners=items.listeners[mask],
        vote_fractions=items.vote_fractions[mask],
        item_of_row=np.arange(int(mask.sum())),
    )


def pool(examples: Examples, names: tuple[str, ...]) -> Items:
    """Pool the rows of each unit; ``names`` are features with one vector per segment."""
    _, first, item_of_row = np.unique(examples.unit, return_index=True, return_inverse=True)
    return Items(
        features={name: _mean_and_std(examples.gather(name), item_of_row) for name in names},
        label=examples.label[first],
        group=examples.group[first],
        listeners=examples.listeners[first],
        vote_fractions=examples.vote_fractions[first].astype(np.float64),
        item_of_row=item_of_row,
    )


def _mean_and_std(rows: NDArray[np.float32], item_of_row: NDArray[np.int64]) -> Floats:
    count = np.bincount(item_of_row)[:, None]
    values = rows.astype(np.float64)
    mean = np.zeros((len(count), values.shape[1]))
    np.add.at(mean, item_of_row, values)
    mean /= count
    square = np.zeros_like(mean)
    np.add.at(square, item_of_row, np.square(values - mean[item_of_row]))
    return np.concatenate([mean, np.sqrt(square / count)], axis=1)

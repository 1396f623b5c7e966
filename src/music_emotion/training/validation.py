"""The validation part that early stopping watches, cut from the training part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINIMUM_GROUPS = 5
"""A class that dominates fewer groups than this stays in training."""


@dataclass(frozen=True, slots=True)
class ValidationCut:
    """Row numbers of the two parts, each in ascending order.

    Attributes
    ----------
    training
        Shape (n_training,).
    validation
        Shape (n_validation,); empty where every class has too few groups.
    """

    training: NDArray[np.int64]
    validation: NDArray[np.int64]


def cut_validation(
    label: NDArray[np.int64], group: NDArray[np.int64], fraction: float, *, seed: int
) -> ValidationCut:
    """Cut about ``fraction`` of each class's rows, whole groups at a time.

    A group belongs to the class most of its rows have. Classes with fewer than
    :data:`MINIMUM_GROUPS` groups stay in training.

    Parameters
    ----------
    label
        Dominant emotion per row, shape (n,).
    group
        What must not be divided, shape (n,).
    fraction
        Wanted share of validation rows, 0–1.
    seed
        Seed of the draw.
    """
    groups, member = np.unique(group, return_inverse=True)
    counts = np.zeros((len(groups), int(label.max()) + 1), dtype=np.int64)
    np.add.at(counts, (member, label), 1)
    size = counts.sum(axis=1)
    class_of_group = counts.argmax(axis=1)
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(groups), dtype=bool)
    for number in np.unique(class_of_group):
        candidates = np.flatnonzero(class_of_group == number)
        if len(candidates) < MINIMUM_GROUPS:
            continue
        candidates = generator.permutation(candidates)
        chosen[_take_until(candidates, size, fraction * size[candidates].sum())] = True
    in_validation = chosen[member]
    return ValidationCut(np.flatnonzero(~in_validation), np.flatnonzero(in_validation))


def _take_until(
    candidates: NDArray[np.int64], size: NDArray[np.int64], wanted: float
) -> NDArray[np.int64]:
    """Return the groups, in the given order, that bring their rows closest to ``wanted``."""
    taken: list[int] = []
    rows = 0
    for candidate in candidates.tolist():
        if rows + size[candidate] / 2 <= wanted:
            taken.append(candidate)
            rows += int(size[candidate])
    if not taken:
        taken.append(int(candidates[np.argmin(size[candidates])]))
    return np.array(taken, dtype=np.int64)

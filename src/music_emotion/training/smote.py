"""SMOTE that copes with classes smaller than its neighbourhood, and says what it did.

Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority over-sampling technique*, Journal
of Artificial Intelligence Research 16, 2002; the implementation is imbalanced-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
"""Neighbours SMOTE interpolates towards where a class is large enough."""


@dataclass(frozen=True, slots=True)
class Oversampled:
    """Real rows first, synthetic rows after them.

    Attributes
    ----------
    features
        Shape (n, …), in the dtype of the input.
    label
        Shape (n,).
    real
        Number of real rows; those beyond it are synthetic.
    notes
        One sentence per thing a reader should know.
    """

    features: NDArray[np.float32]
    label: NDArray[np.int64]
    real: int
    notes: tuple[str, ...]


def oversample(
    features: NDArray[np.float32], label: NDArray[np.int64], *, seed: int
) -> Oversampled:
    """Fill every class up to the size of the largest one.

    A class of m members uses min(5, m − 1) neighbours; a class with a single member has nobody to
    be interpolated with and is left alone.

    Parameters
    ----------
    features
        Standardised features, shape (n, …); everything after axis 0 is flattened for SMOTE.
    label
        Class numbers, shape (n,).
    seed
        Seed of the neighbour and position drawn for each synthetic row.
    """
    classes, counts = np.unique(label, return_counts=True)
    largest = int(counts.max())
    rows, labels = [features], [label]
    shrunk: list[str] = []
    alone: list[str] = []
    for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
        if count == largest:
            continue
        if count == 1:
            alone.append(str(number))
            continue
        if count <= NEIGHBOURS:
            shrunk.append(f"class {number} ({count} members, {count - 1} neighbours)")
        synthetic = _synthesise(features[label == number], largest - count, seed + number)
        rows.append(synthetic)
        labels.append(np.full(len(synthetic), number, dtype=label.dtype))
    filled = Oversampled(np.concatenate(rows), np.concatenate(labels), len(features), ())
    return Oversampled(
        filled.features,
        filled.label,
        filled.real,
        _notes(len(filled.label) - filled.real, filled.real, largest, shrunk, alone),
    )


def _synthesise(members: NDArray[np.float32], wanted: int, seed: int) -> NDArray[np.float32]:
    """Return ``wanted`` rows interpolated between the members of one class."""
    from imblearn.over_sampling import SMOTE

    count = len(members)
    flat = members.reshape(count, -1)
    # imbalanced-learn wants to see a second class; it is told to leave this row alone.
    other = np.zeros((1, flat.shape[1]), dtype=flat.dtype)
    classes = np.concatenate([np.zeros(count, dtype=np.int64), [1]])
    smote = SMOTE(
        sampling_strategy={0: count + wanted},
        k_neighbors=min(NEIGHBOURS, count - 1),
        random_state=seed,
    )
    resampled, _ = smote.fit_resample(np.concatenate([flat, other]), classes)
    synthetic: NDArray[np.float32] = resampled[count + 1 :].astype(members.dtype, copy=False)
    return synthetic.reshape(wanted, *members.shape[1:])


def _notes(
    synthetic: int, real: int, largest: int, shrunk: list[str], alone: list[str]
) -> tuple[str, ...]:
    if synthetic == 0 and not alone:
        return ("SMOTE had nothing to do: the classes are equally large",)
    notes = [f"SMOTE added {synthetic} synthetic rows to {real} real ones, {largest} per class"]
    if shrunk:
        notes.append("SMOTE used fewer than 5 neighbours for " + ", ".join(shrunk))
    if alone:
        notes.append("SMOTE left alone the classes with a single member: " + ", ".join(alone))
    return tuple(notes)

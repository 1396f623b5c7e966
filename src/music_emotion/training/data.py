"""From a training part to what the fit loop sees: validation cut, scaling, SMOTE.

SMOTE is that of Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority over-sampling
technique*, Journal of Artificial Intelligence Research 16, 2002, in imbalanced-learn's
implementation; here it copes with classes smaller than its neighbourhood, and says what it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS

MINIMUM_GROUPS = 5
"""A class that dominates fewer groups than this stays in training."""

_CHUNK = 256
"""Segments looked at together."""

_FLAT = 1e-8
"""A feature whose deviation is smaller than this is constant and is left unscaled."""

NEIGHBOURS = 5
"""Neighbours SMOTE interpolates towards where a class is large enough."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a network learns from: n segments, a view of a larger array.

    Attributes
    ----------
    array
        Features, segments on axis 0; may be memory-mapped.
    rows
        The segments' positions in ``array``, shape (n,).
    emotions
        Target distribution, shape (n, 9), rows sum to 1; mean ratings, shape (n, k), where ratings
        are learned.
    weight
        Weight of each segment in the loss of these, shape (n,), mean about 1.
    intensities
        Target vote fractions, shape (n, 9), 0–1; shape (n, 0) where ratings are learned.
    intensity_weight
        Weight of each segment in the intensities' loss, shape (n,); 0 where nothing is known.
    track_index
        Track of each segment, shape (n,); -1 for a synthetic one.
    spread
        Standard deviation of the ratings on each scale, shape (k,); (0,) where emotions are
        learned.
    """

    array: NDArray[np.float32]
    rows: NDArray[np.int64]
    emotions: NDArray[np.float32]
    weight: NDArray[np.float32]
    intensities: NDArray[np.float32]
    intensity_weight: NDArray[np.float32]
    track_index: NDArray[np.int64]
    spread: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def holds_ratings(self) -> bool:
        """Whether ratings are learned, and not emotions."""
        return len(self.spread) > 0


@dataclass(frozen=True, slots=True)
class ValidationCut:
    """Row numbers of the two parts, each ascending, shape (n_training,) and (n_validation,)."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]


def cut_validation(
    label: NDArray[np.int64], group: NDArray[np.int64], fraction: float, *, seed: int
) -> ValidationCut:
    """Cut about ``fraction`` of each class's rows, whole groups at a time.

    A group belongs to the class most of its rows have. Classes with fewer than
    :data:`MINIMUM_GROUPS` groups stay in training; the validation part may be empty.

    Parameters
    ----------
    label
        Dominant emotion per row, shape (n,).
    group
        What must not be divided, shape (n,).
    fraction
        Wanted share of validation rows, 0–1; with 0 all rows are learned from.
    seed
        Seed of the draw.
    """
    if fraction == 0:
        return ValidationCut(np.arange(len(label)), np.arange(0))
    groups, member = np.unique(group, return_inverse=True)
    counts = np.zeros((len(groups), len(EMOTIONS)), dtype=np.int64)
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
    return np.array(taken)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and population standard deviation of each feature, 1 for a constant one, (features,)."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def fit_scaling(array: NDArray[np.float32], rows: NDArray[np.int64], *, axis: int) -> Scaling:
    """Fit scikit-learn's ``StandardScaler`` over all segments and frames, chunk by chunk.

    Parameters
    ----------
    array
        Features of a whole corpus, segments on axis 0; may be memory-mapped.
    rows
        The segments that may be seen, shape (n,).
    axis
        The axis of ``array`` that holds the features; all others are frames.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for start in range(0, len(rows), _CHUNK):
        chunk = np.moveaxis(array[rows[start : start + _CHUNK]], axis, -1)
        scaler.partial_fit(chunk.reshape(-1, chunk.shape[-1]).astype(np.float64))
    deviation = np.sqrt(scaler.var_)
    return Scaling(
        mean=scaler.mean_.astype(np.float32),
        deviation=np.where(deviation < _FLAT, 1.0, deviation).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class Oversampled:
    """Features (n, …) and labels (n,), real rows first; ``notes`` say what was done."""

    features: NDArray[np.float32]
    label: NDArray[np.int64]
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
    shrunk, alone = list[str](), list[str]()
    for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
        if count == 1 < largest:
            alone.append(str(number))
        elif count < largest:
            if count <= NEIGHBOURS:
                shrunk.append(f"class {number} ({count} members, {count - 1} neighbours)")
            rows.append(_synthesise(features[label == number], largest - count, seed + number))
            labels.append(np.full(largest - count, number))
    filled, real = np.concatenate(labels), len(features)
    notes = [
        f"SMOTE added {len(filled) - real} synthetic rows to {real} real ones, {largest} per class"
    ]
    if shrunk:
        notes.append("SMOTE used fewer than 5 neighbours for " + ", ".join(shrunk))
    if alone:
        notes.append("SMOTE left alone the classes with a single member: " + ", ".join(alone))
    elif len(filled) == real:
        notes = ["SMOTE had nothing to do: the classes are equally large"]
    return Oversampled(np.concatenate(rows), filled, tuple(notes))


def _synthesise(members: NDArray[np.float32], wanted: int, seed: int) -> NDArray[np.float32]:
    """Return ``wanted`` rows interpolated between the members of one class."""
    from imblearn.over_sampling import SMOTE

    count = len(members)
    flat = members.reshape(count, -1)
    # imbalanced-learn wants to see a second class; it is told to leave this row alone.
    other = np.zeros_like(flat[:1])
    classes = np.arange(count + 1) // count
    smote = SMOTE(
        sampling_strategy={0: count + wanted},
        k_neighbors=min(NEIGHBOURS, count - 1),
        random_state=seed,
    )
    resampled, _ = smote.fit_resample(np.concatenate([flat, other]), classes)
    synthetic: NDArray[np.float32] = resampled[count + 1 :].reshape(wanted, *members.shape[1:])
    return synthetic

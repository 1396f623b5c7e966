"""Segments pooled over time, so that each unit (a segment or a track) is one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from music_emotion.models.base import Examples, Prediction, Target, one_hot, tick_shares
from music_emotion.models.sections import number_sections

Floats = NDArray[np.float64]

POOLING = ("mean", "std")
"""Statistics over a unit's segments, concatenated in this order; ``std`` divides by n."""

MOMENT_SEGMENTS = 3
"""Segments whose mean says what is heard at a moment: 9 s."""


def pool(rows: NDArray[np.floating], statistics: tuple[str, ...]) -> Floats:
    """Pool the segments of one unit or span, shape (len(statistics) · d,).

    Parameters
    ----------
    rows
        One vector per segment, shape (segments, d), at least one segment.
    statistics
        Of ``mean``, ``std`` (which divides by the number of segments), ``max`` and ``min``.

    Examples
    --------
    >>> pool(np.array([[1, 10], [3, 10]]), ("mean", "std", "max"))
    array([ 2., 10.,  1.,  0.,  3., 10.])
    """
    values = rows.astype(np.float64)
    return np.concatenate([getattr(values, statistic)(axis=0) for statistic in statistics])


def pool_alone(rows: NDArray[np.floating], statistics: tuple[str, ...]) -> NDArray[np.floating]:
    """Pool each row by itself, shape (n, len(statistics) · d).

    Examples
    --------
    >>> pool_alone(np.array([[1.0, 10.0]]), ("mean", "std"))
    array([[ 1., 10.,  0.,  0.]])
    """
    return np.concatenate([rows * (name != "std") for name in statistics], axis=1)


def pool_rows(
    rows: NDArray[np.floating], unit_of_row: NDArray[np.int64], statistics: tuple[str, ...]
) -> Floats:
    """Pool the rows of each unit, shape (units, len(statistics) · d).

    Parameters
    ----------
    rows
        Shape (n, d).
    unit_of_row
        Each row's unit, shape (n,): every number from 0 to the largest.
    statistics
        See :func:`pool`.

    Examples
    --------
    >>> pool_rows(np.array([[1.0], [5.0], [3.0]]), np.array([1, 0, 1]), ("mean",))
    array([[5.],
           [2.]])
    """
    counts = np.bincount(unit_of_row)
    order = np.argsort(unit_of_row, kind="stable")
    pooled = np.empty((len(counts), len(statistics) * rows.shape[1]))
    for unit, end in enumerate(counts.cumsum()):
        pooled[unit] = pool(rows[order[end - counts[unit] : end]], statistics)
    return pooled


def spans_around(section: NDArray[np.int64], width: int) -> list[slice]:
    """Return for each segment the span of ``width`` segments around it.

    Spans are cut at the ends of their section; an even width reaches one further after than before.

    Parameters
    ----------
    section
        Of each segment, shape (n,), rising.
    width
        In segments.

    Examples
    --------
    >>> [(span.start, span.stop) for span in spans_around(np.zeros(4, int), 2)]
    [(0, 2), (1, 3), (2, 4), (3, 4)]
    >>> [(span.start, span.stop) for span in spans_around(np.array([0, 0, 1, 1]), 3)]
    [(0, 2), (0, 2), (2, 4), (2, 4)]
    """
    before = (width - 1) // 2
    after = width - 1 - before
    first = np.searchsorted(section, section, side="left")
    end = np.searchsorted(section, section, side="right")
    at = np.arange(len(section))
    starts, stops = np.maximum(first, at - before), np.minimum(end, at + after + 1)
    return [slice(*pair) for pair in zip(starts.tolist(), stops.tolist(), strict=True)]


def moment_features(
    values: NDArray[np.float32], track_index: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return what a model of ratings over time sees of a feature, shape as ``values``.

    Of vectors, (n, d), by how much the mean over :data:`MOMENT_SEGMENTS` around each segment
    differs from that over its track; which track is higher is no matter of its course. Frames, of
    networks, (n, …, d), stay as they are.

    Parameters
    ----------
    values
        The feature of n segments.
    track_index
        Each segment's track, shape (n,); those of a track follow one another.

    Examples
    --------
    >>> values = np.array([[0.0], [6.0], [9.0], [7.0]], np.float32)
    >>> moment_features(values, np.array([0, 0, 0, 1])).ravel().tolist()
    [-2.5, -0.5, 2.0, 0.0]
    """
    if values.ndim != 2:
        return values
    around = means_around(values, track_index)
    return differences(around, track_index).astype(np.float32)


def means_around(
    values: NDArray[np.float32], track_index: NDArray[np.int64], width: int = MOMENT_SEGMENTS
) -> NDArray[np.float32]:
    """Return the mean over the segments of a track around each, shape as ``values`` (n, d).

    Examples
    --------
    >>> values = np.array([[0.0], [3.0], [9.0], [7.0]], np.float32)
    >>> means_around(values, np.array([0, 0, 0, 1]), 3).ravel().tolist()
    [1.5, 4.0, 6.0, 7.0]
    """
    means = np.empty(values.shape, np.float32)
    order = np.argsort(track_index, kind="stable")
    counts = np.bincount(track_index)
    for rows in np.split(order, counts.cumsum()[:-1]):
        some, one = np.asarray(values[rows]), np.zeros(len(rows), np.int64)
        for row, span in zip(rows.tolist(), spans_around(one, width), strict=True):
            means[row] = some[span].mean(axis=0)
    return means


def differences(values: NDArray[np.floating], track_index: NDArray[np.int64]) -> Floats:
    """Return by how much each segment differs from its track's mean; NaN takes no part in it.

    Examples
    --------
    >>> differences(np.array([[1.0], [3.0], [np.nan], [7.0]]), np.array([0, 0, 0, 1])).ravel()
    array([-1.,  1., nan,  0.])
    """
    known = np.isfinite(values)
    sums = np.zeros((int(track_index.max()) + 1, values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, track_index, np.where(known, values, 0.0))
    np.add.at(counts, track_index, known)
    means = sums / np.maximum(counts, 1)
    return np.asarray(values - means[track_index], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Units:
    """Examples pooled by unit: u units, in increasing order of ``Examples.unit``.

    Attributes
    ----------
    features
        Pooled feature vectors by name, each (u, k).
    label, genre, group, listeners
        Shape (u,).
    vote_fractions
        Shape (u, 9), 0–1.
    ratings
        Shape (u, k), NaN where nobody rated the unit; k is 0 where the corpus has no ratings.
    raters
        Shape (u,), at least 1.
    """

    features: Mapping[str, Floats]
    label: NDArray[np.int64]
    genre: NDArray[np.int64]
    group: NDArray[np.int64]
    listeners: NDArray[np.int64]
    vote_fractions: Floats
    ratings: Floats
    raters: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: NDArray[np.bool_]) -> Units:
        """Return the units of a mask."""
        others = (getattr(self, each.name)[index] for each in fields(self)[1:])
        return Units({name: values[index] for name, values in self.features.items()}, *others)

    @property
    def mean_features(self) -> dict[str, Floats]:
        """The means over the segments of each unit by feature, each (u, k / 2), of `POOLING`."""
        pairs = self.features.items()
        return {name: values[:, : values.shape[1] // len(POOLING)] for name, values in pairs}

    @property
    def tick_shares(self) -> Floats:
        """Ticks / all ticks, shape (u, 9); the label where nobody ticked anything."""
        return tick_shares(self.vote_fractions, self.label)

    def target(self, target: Target) -> tuple[Floats, Floats]:
        """Return the emotions' distribution, shape (u, 9), and each unit's weight, shape (u,).

        Of ``label`` and ``votes``.
        """
        if target == "votes":
            return self.tick_shares, self.listeners.astype(np.float64)
        return one_hot(self.label), np.ones(len(self))


def pool_units(
    examples: Examples, names: tuple[str, ...], statistics: tuple[str, ...] = POOLING
) -> tuple[Units, NDArray[np.int64]]:
    """Pool the features ``names`` by unit; return the units, and each row's unit, shape (n,).

    The features have one vector per segment; for ``statistics`` see :func:`pool`.
    """
    _, first, unit_of_row = np.unique(examples.unit, return_index=True, return_inverse=True)
    ratings, raters = examples.ratings, examples.raters
    units = Units(
        {name: pool_rows(examples.gather(name), unit_of_row, statistics) for name in names},
        label=examples.label[first],
        genre=examples.genre[first],
        group=examples.group[first],
        listeners=examples.listeners[first],
        vote_fractions=examples.vote_fractions[first].astype(np.float64),
        ratings=np.zeros((len(first), 0)) if ratings is None else ratings[first].astype(float),
        raters=np.ones(len(first), np.int64) if raters is None else raters[first],
    )
    return units, unit_of_row


@dataclass(frozen=True, slots=True)
class Spans:
    """Examples pooled over the span around each row: n spans, unit by unit.

    Attributes
    ----------
    features
        Pooled feature vectors by name, each (n, k).
    unit
        The unit of each span, numbered from 0, rising, shape (n,).
    """

    features: Mapping[str, Floats]
    unit: NDArray[np.int64]

    def take(self, index: NDArray[np.bool_]) -> Spans:
        """Return the spans of a mask; their units keep their numbers."""
        features = {name: values[index] for name, values in self.features.items()}
        return Spans(features, self.unit[index])


Positions = Callable[[Mapping[str, NDArray[np.floating]]], NDArray[np.floating]]
"""From features of n segments, each (n, size), to where they stand, shape (n, d)."""


def pool_spans(
    examples: Examples,
    names: tuple[str, ...],
    width: int,
    positions: Positions,
    statistics: tuple[str, ...] = POOLING,
) -> tuple[Spans, NDArray[np.int64]]:
    """Pool the features ``names`` over ``width`` rows around each row, within its section.

    Sections are those of its unit (`models.sections`), told by ``positions``. Returned is each
    row's unit, too, shape (n,).
    """
    unit_of_row = np.unique(examples.unit, return_inverse=True)[1]
    order = np.argsort(unit_of_row, kind="stable")
    rows = {name: examples.gather(name) for name in names}
    spans = [
        unit[span]
        for unit in np.split(order, np.bincount(unit_of_row).cumsum()[:-1])
        for span in spans_around(
            number_sections(positions({name: rows[name][unit] for name in names})), width
        )
    ]
    pooled = {
        name: np.stack([pool(values[span], statistics) for span in spans])
        for name, values in rows.items()
    }
    return Spans(pooled, unit_of_row[order]), unit_of_row


def predict_by_spans(
    answer: Callable[[Mapping[str, Floats]], tuple[NDArray[np.floating], NDArray[np.floating]]],
    examples: Examples,
    names: tuple[str, ...],
    width: int,
    positions: Positions,
) -> Prediction:
    """Predict each unit as the mean over its spans; all its rows share the prediction.

    Parameters
    ----------
    answer
        Gives emotions and intensities, each (n, 9), of n spans' pooled features by name.
    examples, names, width, positions
        As `pool_spans` takes them.
    """
    spans, unit_of_row = pool_spans(examples, names, width, positions)
    means = (pool_rows(said, spans.unit, ("mean",)) for said in answer(spans.features))
    return Prediction(*(values[unit_of_row].astype(np.float32) for values in means))


def span_ratios(units: Units, spans: Spans) -> dict[str, Floats]:
    """Return for each feature what makes pooled values of spans comparable with those of units.

    A few segments that follow one another differ less than all those of a unit. The deviations of
    spans, the second half of the columns of `POOLING`, are to be multiplied by this ratio of the
    means; the means, the first half, by 1.

    Parameters
    ----------
    units, spans
        The same examples, pooled by unit and by span with `POOLING`.

    Returns
    -------
    dict
        Shape (k,) by feature.
    """
    ratios = {}
    unit = np.unique(spans.unit, return_inverse=True)[1]
    for name, values in units.features.items():
        of_spans = pool_rows(spans.features[name], unit, ("mean",)).mean(axis=0)
        of_units = values.mean(axis=0)
        ratio = np.divide(of_units, of_spans, out=np.ones_like(of_units), where=of_spans > 0)
        ratio[: len(ratio) // 2] = 1.0
        ratio[ratio <= 0] = 1.0
        ratios[name] = ratio
    return ratios

"""Ratings of whole tracks: what raters said, on scales such as valence and arousal.

A rating is the mean of several raters. How far they scatter around it (their standard deviation and
their number) says how reliable it is, and so what any model can reach
(:mod:`music_emotion.evaluation.agreement.raters`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import DatasetError, printable

CONSTANT = 1e-9
"""Ratings whose standard deviation, relative to their size, is below this are all the same."""

_NUMBER = r"[-+−]?\d+(?:\.\d+)?"
_RANGE = rf"(?P<low>{_NUMBER})\s*(?:\.\.+|…|,|–|-|\bto\b)\s*(?P<high>{_NUMBER})"
_IN_BRACKETS = re.compile(rf"(?P<name>.+?)\s*[\[(]\s*{_RANGE}\s*[\])]")
_AFTER_EQUALS = re.compile(rf"(?P<name>[^=]+?)\s*=\s*{_RANGE}")


@dataclass(frozen=True, slots=True)
class Scale:
    """What is rated: its name, and the ends between which raters could choose.

    ``low`` and ``high`` are infinite where nobody said them.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: float) -> bool:
        """Whether a value lies between the ends, both included."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return self.name if math.isinf(self.low) else f"{self.name} [{self.low:g}..{self.high:g}]"


@dataclass(frozen=True, slots=True)
class Rating:
    """What raters said of one track on one scale.

    Attributes
    ----------
    mean
        Their mean; NaN where nobody rated the track.
    deviation
        Standard deviation over the raters (with n - 1); NaN where that is not known.
    raters
        How many they were; 0 where that is not known.
    """

    mean: float
    deviation: float = math.nan
    raters: int = 0


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings of a corpus as arrays, in the order of its tracks and of its k scales."""

    scales: tuple[Scale, ...]
    mean: NDArray[np.float64]  #: shape (tracks, k); NaN where nobody rated the track
    deviation: NDArray[np.float64]  #: over raters, shape (tracks, k); NaN where not known
    raters: NDArray[np.int64]  #: shape (tracks, k); 0 where not known

    @classmethod
    def of(cls, scales: Sequence[Scale], rows: Sequence[Sequence[Rating]]) -> Ratings:
        """Return arrays of rows of ratings, each in the order of the scales."""
        shape = (len(rows), len(scales))

        def array(values: list[float]) -> NDArray[np.float64]:
            return np.array(values, dtype=np.float64).reshape(shape)

        return cls(
            tuple(scales),
            mean=array([one.mean for row in rows for one in row]),
            deviation=array([one.deviation for row in rows for one in row]),
            raters=array([one.raters for row in rows for one in row]).astype(np.int64),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The scales' names."""
        return tuple(scale.name for scale in self.scales)


def read_scale(text: str) -> Scale:
    """Return the scale that a text names, with its range where one is given.

    Raises
    ------
    DatasetError
        If the range is empty.

    Examples
    --------
    >>> read_scale("valence")
    Scale(name='valence', low=-inf, high=inf)
    >>> print(read_scale("Valence [1..9]"), read_scale("mood = -1..1"), read_scale("joy (0 to 10)"))
    valence [1..9] mood [-1..1] joy [0..10]
    """
    found = _IN_BRACKETS.fullmatch(text.strip()) or _AFTER_EQUALS.fullmatch(text.strip())
    if found is None:
        return Scale(column_name(text))
    low, high = (float(found[end].replace("−", "-")) for end in ("low", "high"))
    if low >= high:
        raise DatasetError(
            f"the range of {printable(text.strip())!r} is empty; write the lower end first, as in "
            "'valence [-1..1]'"
        )
    return Scale(column_name(found["name"]), low, high)


def scale_rows(scales: Sequence[Scale]) -> list[list[str | float | None]]:
    """Return scales as they are written to JSON, which has no infinity: name, low and high.

    >>> scale_rows([Scale("mood", 1.0, 9.0), Scale("joy")])
    [['mood', 1.0, 9.0], ['joy', None, None]]
    """
    return [
        [one.name, *(end if math.isfinite(end) else None for end in (one.low, one.high))]
        for one in scales
    ]


def scales_of(rows: Iterable[Sequence[Any]]) -> tuple[Scale, ...]:
    """Return the scales that :func:`scale_rows` wrote.

    Raises
    ------
    ValueError
        If that is not what the rows are.

    >>> scales_of([["mood", 1.0, 9.0], ["joy", None, None]])[1]
    Scale(name='joy', low=-inf, high=inf)
    """
    scales = []
    for name, low, high in rows:
        scale = Scale(str(name), *(() if low is None else (float(low), float(high))))
        if not scale.low < scale.high:
            raise ValueError(f"the range of {name} is empty")
        scales.append(scale)
    return tuple(scales)


def column_name(text: str) -> str:
    """Return a column's name as it is compared: case and surrounding spaces do not matter.

    >>> column_name(" Joyful Activation")
    'joyful_activation'
    """
    return text.strip().casefold().replace(" ", "_")


def check_ratings(ratings: Ratings, source: str) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which scales can be learned, shape (k,), and a line for each thing to be known.

    A scale that nobody was asked about or on which every track has the same rating cannot.
    """
    usable = np.ones(len(ratings.scales), dtype=bool)
    lines = []
    for number, name in enumerate(ratings.names):
        known = np.isfinite(ratings.mean[:, number])
        values = ratings.mean[known, number]
        shown = f"{source}: {printable(name)}"
        if len(values) == 0:
            lines.append(f"{shown} rates no track; it is left out")
            usable[number] = False
        elif values.std() <= CONSTANT * (1.0 + abs(float(values.mean()))):
            lines.append(
                f"{shown} is {values[0]:g} for every track, which cannot be learned; it is left out"
            )
            usable[number] = False
        elif (alone := int((ratings.raters[known, number] == 1).sum())) > 0:
            lines.append(
                f"{shown} is one rater's on {alone} of {len(values)} tracks, which says nothing of "
                "how far raters agree; give the mean of several where you have it"
            )
    return usable, lines

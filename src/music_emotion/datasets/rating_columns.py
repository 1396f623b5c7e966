"""Which columns of a table are ratings, and what its rows say in them.

A column is a rating if its head gives a range (``mood [1..9]``), if another column tells how its
raters scatter (``mood_sd``) or how many they were (``mood_raters``), or if it is one of
:data:`DIMENSIONS`. A caller may name the columns instead. Beside other ratings, some of the nine
emotions without the rest are ratings too; so are all nine where most of their cells are no whole
numbers, as votes are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from music_emotion.datasets.ratings import Rating, Scale, read_scale
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError, printable

DIMENSIONS = ("valence", "arousal", "dominance", "energy", "energetic_arousal", "tense_arousal")
"""Names that are ratings without more."""

MEAN = "_mean"
DEVIATIONS = ("_sd", "_std", "_standard_deviation")
RATERS = ("_raters", "_n")
ALL_RATERS = ("raters", "listeners")
"""Columns that tell the number of raters for every scale, the first that is there."""

MOST_RATERS = 10_000_000


class RowError(Exception):
    """What is wrong with a row, and the remedy."""


@dataclass(frozen=True, slots=True)
class RatingColumns:
    """The columns of one scale: the mean, and where they are there the scatter and the number."""

    scale: Scale
    mean: str
    deviation: str | None
    raters: str | None

    def read(self, cell: Mapping[str, str]) -> Rating:
        """Return what a row says; a row without a mean rates nothing.

        Raises
        ------
        RowError
            If a cell is no number or lies outside the range.
        """
        if not cell.get(self.mean):
            return Rating(math.nan)
        mean = _number(cell, self.mean)
        if not self.scale.holds(mean):
            raise RowError(
                f"{printable(self.mean)} is {mean:g}, outside its range "
                f"{self.scale.low:g} to {self.scale.high:g}; correct the rating or the range"
            )
        deviation = math.nan
        if self.deviation is not None and cell.get(self.deviation):
            deviation = _number(cell, self.deviation)
            if deviation < 0:
                raise RowError(f"{printable(self.deviation)} is {deviation:g}; give 0 or more")
        raters = 0
        if self.raters is not None and cell.get(self.raters):
            count = _number(cell, self.raters)
            if not (count.is_integer() and 1 <= count <= MOST_RATERS):
                raise RowError(
                    f"{printable(self.raters)} is {printable(cell[self.raters])}; give a whole "
                    "number from 1"
                )
            raters = int(count)
        return Rating(mean, deviation if raters != 1 else math.nan, raters)


def find_ratings(
    heads: Sequence[Scale], rows: Sequence[Mapping[str, str]], wanted: Sequence[Scale] = ()
) -> tuple[list[RatingColumns], list[str]]:
    """Return the columns of ratings, and a line for each that is missing.

    Parameters
    ----------
    heads
        What the columns' heads say, in order: their names, and ranges where they give any.
    rows
        The cells of each row by the columns' names.
    wanted
        The scales to look for; a range goes before the head's. Without them, those that are there.

    Raises
    ------
    DatasetError
        If none of those that are wanted is there.
    """
    names = [head.name for head in heads]
    known = {head.name: head for head in heads}
    found, lines = [], []
    for scale in wanted or _rated(heads, rows):
        mean = scale.name if scale.name in known else scale.name + MEAN
        if mean not in known:
            lines.append(
                f"column {printable(scale.name)!r} is missing (found: "
                f"{printable(', '.join(names))}); correct the name, or add the column"
            )
            continue
        ranged = known[mean] if math.isinf(scale.low) else scale
        base = mean.removesuffix(MEAN)
        found.append(
            RatingColumns(
                Scale(base, ranged.low, ranged.high),
                mean,
                next((base + end for end in DEVIATIONS if base + end in known), None),
                next(
                    (n for n in (*(base + end for end in RATERS), *ALL_RATERS) if n in known), None
                ),
            )
        )
    if lines and not found:
        raise DatasetError(lines[0])
    for name in () if wanted else names:
        base = next((name.removesuffix(end) for end in DEVIATIONS if name.endswith(end)), "")
        if base and base not in known and base + MEAN not in known:
            lines.append(
                f"column {printable(base)!r} is missing: {printable(name)!r} is the scatter of "
                "ratings that are not there; add them"
            )
    return found, lines


def _rated(heads: Sequence[Scale], rows: Sequence[Mapping[str, str]]) -> list[Scale]:
    """Return the scales that a table itself shows to be ratings."""
    names = {head.name for head in heads}
    explicit = [
        head
        for head in heads
        if not math.isinf(head.low)
        or head.name.removesuffix(MEAN) in DIMENSIONS
        or any(head.name.removesuffix(MEAN) + end in names for end in (*DEVIATIONS, RATERS[0]))
    ]
    emotions = [head for head in heads if head.name in EMOTIONS and head not in explicit]
    if not emotions:
        return explicit
    all_nine = len(emotions) == len(EMOTIONS)
    if (all_nine and _are_fractions(rows)) or (not all_nine and explicit):
        chosen = {*explicit, *emotions}
        return [head for head in heads if head in chosen]
    return explicit


def _are_fractions(rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether most cells of the nine emotions that say anything are no whole numbers."""
    cells = [cell for row in rows for name in EMOTIONS if (cell := row.get(name, ""))]
    fractional = 0
    for cell in cells:
        try:
            value = float(cell)
        except ValueError:
            continue
        fractional += math.isfinite(value) and not value.is_integer()
    return 2 * fractional > len(cells)


def _number(cell: Mapping[str, str], column: str) -> float:
    try:
        value = float(cell[column].replace("−", "-"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RowError(
            f"{printable(column)} is {printable(cell[column])!r}; give a number, with a point "
            "before its decimals"
        )
    return value


def read_scales(texts: Sequence[str]) -> tuple[Scale, ...]:
    """Return the scales that words name, apart or with commas, each with its range if it has one.

    Raises
    ------
    DatasetError
        If a range is empty or a scale is named twice.

    Examples
    --------
    >>> [str(scale) for scale in read_scales(["valence=-1..1,arousal"])]
    ['valence [-1..1]', 'arousal']
    """
    words = [word for text in texts for word in text.split(",") if word.strip()]
    scales = tuple(read_scale(word) for word in words)
    for scale in scales:
        if [one.name for one in scales].count(scale.name) > 1:
            raise DatasetError(f"rating {printable(scale.name)!r} is named twice; name it once")
    return scales

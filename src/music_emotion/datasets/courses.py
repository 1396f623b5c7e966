"""Ratings over time: what raters said of a track from moment to moment.

Beside a table ``tracks.csv`` may lie ``tracks-over-time.csv``, a row per track and moment::

    path,time,valence [-1..1],valence_sd,arousal [-1..1],arousal_sd,raters
    one.mp3,15.0,0.31,0.40,-0.22,0.35,30
    one.mp3,16.0,0.33,0.41,-0.20,0.36,30

``path`` is the track's as in the table, ``time`` in seconds; the other columns are as there.
``valence_half_1`` and ``valence_half_2`` may hold the means of two halves of the raters, the same
people throughout, which tell how far raters agree on the course of a track.

What raters say at a moment is about the sound :data:`REACTION_SECONDS` before.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.rating_columns import MEAN, RatingColumns, RowError, find_ratings
from music_emotion.datasets.ratings import Rating, Scale, read_scale
from music_emotion.errors import DatasetError, printable

Floats = NDArray[np.float64]

SUFFIX = "-over-time"
"""Ends the name of the table of moments, before its ``.csv``."""

REACTION_SECONDS = 2.0
"""Between sound and answer; about what studies of continuous ratings find."""

FEWEST_MOMENTS = 4
"""Rated segments of a piece whose course can be followed."""

HALVES = ("_half_1", "_half_2")
"""End the names of columns with the means of two halves of the raters."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What raters said of one track at m moments, on k scales; NaN where they said nothing."""

    time: Floats  #: seconds from the beginning, rising, shape (m,)
    mean: Floats  #: shape (m, k)
    deviation: Floats  #: standard deviation over raters, shape (m, k); NaN where not known
    raters: NDArray[np.int64]  #: shape (m, k); 0 where not known
    halves: Floats  #: means of two halves of the raters, shape (2, m, k); NaN where not known

    def take(self, kept: NDArray[np.bool_]) -> Course:
        """Return it on some of the scales; ``kept`` says of each whether."""
        return Course(
            self.time,
            self.mean[:, kept],
            self.deviation[:, kept],
            self.raters[:, kept],
            self.halves[:, :, kept],
        )

    @property
    def digest(self) -> str:
        """SHA-256 of everything in it."""
        total = hashlib.sha256()
        for values in (self.time, self.mean, self.deviation, self.raters, self.halves):
            total.update(np.ascontiguousarray(values).tobytes())
        return total.hexdigest()

    @property
    def whole(self) -> list[Rating]:
        """The mean over the moments on each scale, as a rating of the whole track."""
        known = np.isfinite(self.mean)
        sums = np.where(known, self.mean, 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        return [
            Rating(float(total / count) if count else math.nan)
            for total, count in zip(sums, counts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Moments:
    """Ratings over time of n segments on k scales; NaN where nobody rated."""

    scales: tuple[Scale, ...]
    track_index: NDArray[np.int64]  #: each segment's track, shape (n,)
    mean: Floats  #: shape (n, k)
    deviation: Floats  #: shape (n, k)
    raters: NDArray[np.int64]  #: shape (n, k)
    halves: Floats  #: shape (2, n, k)


def course_of_means(moments: Iterable[tuple[float, Sequence[float]]]) -> Course | None:
    """Return a course of which the means alone are known, ``None`` where no moment is rated.

    Parameters
    ----------
    moments
        Seconds from the beginning, and a mean per scale, NaN where nobody rated.

    Examples
    --------
    >>> course = course_of_means([(15.5, [0.2, 0.1]), (15.0, [0.3, float("nan")])])
    >>> course.time.tolist(), course.mean.tolist()
    ([15.0, 15.5], [[0.3, nan], [0.2, 0.1]])
    """
    rated = sorted((one for one in moments if np.isfinite(one[1]).any()), key=lambda one: one[0])
    if not rated:
        return None
    mean = np.array([values for _, values in rated], dtype=np.float64)
    unknown = np.full(mean.shape, np.nan)
    return Course(
        np.array([time for time, _ in rated], dtype=np.float64),
        mean,
        unknown,
        np.zeros(mean.shape, np.int64),
        np.stack([unknown, unknown]),
    )


def segment_moments(
    courses: Sequence[Course | None],
    scales: Sequence[Scale],
    track_index: NDArray[np.int64],
    seconds: float,
) -> Moments:
    """Return what raters said of each segment: the mean of their answers to its seconds.

    Where no moment lies in these, it lies on the line between the moments before and after.

    Parameters
    ----------
    courses, scales
        Of each track, and what they are on.
    track_index
        Each segment's track, shape (n,); those of a track follow one another from its beginning.
    seconds
        How long a segment is.

    Examples
    --------
    >>> one = np.arange(10.0)[:, None]
    >>> course = Course(np.arange(10.0), one, one, one.astype(int), np.stack([one, one]))
    >>> segment_moments([course], [Scale("mood")], np.zeros(3, int), 3.0).mean.ravel()
    array([3. , 6. , 8.5])
    """
    n, k = len(track_index), len(scales)
    found = {name: np.full((n, k), np.nan) for name in ("mean", "deviation", "first", "second")}
    raters = np.zeros((n, k), dtype=np.int64)
    order = np.argsort(track_index, kind="stable")
    counts = np.bincount(track_index, minlength=len(courses))
    for course, rows in zip(courses, np.split(order, counts.cumsum()[:-1]), strict=True):
        if course is None or not len(rows):
            continue
        start: Floats = np.arange(len(rows), dtype=np.float64) * seconds + REACTION_SECONDS
        columns: tuple[Floats, ...] = (course.mean, course.deviation, *course.halves)
        for values, name in zip(columns, found, strict=True):
            found[name][rows] = _over(course.time, values, start, seconds)
        raters[rows] = np.where(course.raters > 0, course.raters, 0).max(axis=0, initial=0)
    halves = np.stack([found["first"], found["second"]])
    return Moments(tuple(scales), track_index, found["mean"], found["deviation"], raters, halves)


def _over(time: Floats, values: Floats, start: Floats, seconds: float) -> Floats:
    """Return the mean of values within some seconds of each start, shape (len(start), k)."""
    means = np.full((len(start), values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        times, said = time[known], values[known, column]
        for place, first in enumerate(start.tolist()):
            inside = (times >= first) & (times < first + seconds)
            middle = first + seconds / 2
            if inside.any():
                means[place, column] = said[inside].mean()
            elif len(times) and times[0] <= middle <= times[-1]:
                means[place, column] = np.interp(middle, times, said)
    return means


# --- Their table ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CourseTable:
    """A table of moments: a course by each track's path, and a line for each problem."""

    scales: tuple[Scale, ...] = ()
    courses: Mapping[str, Course] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def beside(table: Path) -> Path:
    """Return where the table of moments lies that belongs to a table of tracks.

    >>> beside(Path("music/tracks.csv")).name
    'tracks-over-time.csv'
    """
    return table.with_name(f"{table.stem}{SUFFIX}{table.suffix}")


def divided(table: Path, wanted: Sequence[Scale]) -> tuple[tuple[Scale, ...], tuple[Scale, ...]]:
    """Return which of the wanted scales are for a table of tracks, and which for that of moments.

    A scale is looked for where it is; one that is nowhere in the table of tracks.
    """
    moments = beside(table)
    if not wanted or not moments.is_file():
        return tuple(wanted), ()
    whole, over_time = (_column_names(path) for path in (table, moments))

    def is_in(names: set[str], scale: Scale) -> bool:
        return scale.name in names or scale.name + MEAN in names

    for_moments = tuple(scale for scale in wanted if is_in(over_time, scale))
    for_tracks = tuple(one for one in wanted if is_in(whole, one) or one not in for_moments)
    return for_tracks, for_moments


def _column_names(path: Path) -> set[str]:
    try:
        return {head.name for head in _rows(path)[0]}
    except DatasetError:
        return set()  # what is wrong with it is said where it is read


def read_courses(
    path: Path, paths: Iterable[str], rated: Sequence[Scale] = (), wanted: Sequence[Scale] = ()
) -> CourseTable:
    """Read a table of moments; mistakes within rows are collected, not raised.

    Parameters
    ----------
    path
        The table; where there is none, there are no courses.
    paths
        The tracks, as their own table names them.
    rated
        The scales of that table, whose ends hold here, too.
    wanted
        The scales to look for; without them, those that the table shows to be ratings.

    Raises
    ------
    DatasetError
        If the table as a whole cannot be read, or has no column ``path`` or ``time``.
    """
    if not path.is_file():
        return CourseTable()
    heads, rows = _rows(path)
    ends = {scale.name: scale for scale in rated}
    heads = [ends.get(head.name, head) if math.isinf(head.low) else head for head in heads]
    names = [head.name for head in heads]
    for name in ("path", "time"):
        if name not in names:
            raise DatasetError(
                f"{path}: column {name!r} is missing (found: {printable(', '.join(names))}); give "
                "a row per track and moment, with its path and its time in seconds"
            )
    try:
        columns, missing = find_ratings(heads, [cell for _, cell in rows], wanted)
    except DatasetError as error:
        return CourseTable(problems=(f"{path}: {error}",))
    if not columns:
        raise DatasetError(f"{path}: holds no ratings; add a column such as 'valence [-1..1]'")
    problems = [f"{path}: {line}" for line in missing]
    known, strange = set(paths), set[str]()
    moments: dict[str, list[_Moment]] = {}
    for number, cell in rows:
        name = cell["path"]
        if name not in known:
            if name not in strange:
                problems.append(
                    f"{path}: row {number}: no track {printable(name)!r} in the table of tracks; "
                    "correct the path"
                )
            strange.add(name)
            continue
        try:
            moments.setdefault(name, []).append(_moment(cell, columns))
        except RowError as error:
            problems.append(f"{path}: row {number}: {error}")
    courses = {name: _course(found) for name, found in moments.items()}
    return CourseTable(tuple(one.scale for one in columns), courses, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Moment:
    time: float
    ratings: tuple[Rating, ...]
    halves: tuple[tuple[float, ...], ...]


def _rows(path: Path) -> tuple[list[Scale], list[tuple[int, dict[str, str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DatasetError(f"{path}: cannot be read ({reason}); save it as 'CSV UTF-8'") from error
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        heads = [read_scale(name) for name in next(reader, [])]
        names = [head.name for head in heads]
        rows = [
            (reader.line_num, {n: c.strip() for n, c in zip(names, cells, strict=False)})
            for cells in reader
            if any(map(str.strip, cells))
        ]
    except csv.Error as error:
        raise DatasetError(
            f"{path}: row {reader.line_num} is not proper CSV ({error}); check its quotes"
        ) from error
    return heads, [(n, {**dict.fromkeys(names, ""), **cell}) for n, cell in rows]


def _moment(cell: Mapping[str, str], columns: Sequence[RatingColumns]) -> _Moment:
    time = _seconds(cell["time"])
    halves = tuple(
        tuple(_number(cell.get(f"{one.scale.name}{half}", "")) for one in columns)
        for half in HALVES
    )
    return _Moment(time, tuple(one.read(cell) for one in columns), halves)


def _seconds(text: str) -> float:
    time = _number(text)
    if not time >= 0:
        raise RowError(f"time is {printable(text)!r}; give seconds from the beginning, 0 or more")
    return time


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _course(moments: Sequence[_Moment]) -> Course:
    ordered = sorted(moments, key=lambda one: one.time)

    def array(name: str) -> Floats:
        values = [[float(getattr(r, name)) for r in one.ratings] for one in ordered]
        return np.array(values, dtype=np.float64)

    return Course(
        np.array([one.time for one in ordered]),
        array("mean"),
        array("deviation"),
        array("raters").astype(np.int64),
        np.array([[one.halves[half] for one in ordered] for half in range(2)], dtype=np.float64),
    )


def on_scales(course: Course, own: Sequence[Scale], scales: Sequence[Scale]) -> Course:
    """Return a course on other scales, in their order; NaN on those that it is not on."""
    names = [scale.name for scale in own]
    places = [names.index(scale.name) if scale.name in names else -1 for scale in scales]
    absent = np.array([place < 0 for place in places])

    def chosen(values: Floats) -> Floats:
        return np.where(absent, np.nan, values[..., places])

    return replace(
        course,
        mean=chosen(course.mean),
        deviation=chosen(course.deviation),
        raters=np.where(absent, 0, course.raters[:, places]),
        halves=chosen(course.halves),
    )

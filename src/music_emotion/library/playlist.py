"""A path through a library from one emotion to another.

Tracks are points: their nine intensities, the distance between two is Euclidean. With *from* and
*to* as the two emotions, the rules of a playlist are

1. it begins with one of the tenth of the tracks that feel most like *from*, and ends with one of
   the tenth that feel most like *to* (of fewer than ten tracks, with the one);
2. no artist comes twice in a row; a track without an artist is by nobody else's;
3. it has no jump: no step is larger than the median distance between neighbours, where the
   neighbours of a track are the ten tracks nearest to it, and the median is over all tracks that
   the playlist chooses from and all their neighbours;
4. it lasts as long as asked, give or take half the median length of a track.

From track to track, the intensity of *to* less that of *from* never falls, and no sound comes
twice: these two always hold. From an emotion to itself, the intensity of that emotion never rises.
Where the library is too small for all rules at once, the playlist says which it broke. It is the
path that costs least, found among those of every length, told apart by the second (of long
playlists from many tracks more coarsely): each breach of the rules 2 and 3 the same, so that one
large jump is preferred to two small ones; of rule 1 twice that; and a track's length too little or
too much three times that, so that the length gives way last.

Of a library with more than 1,200 tracks, the playlist chooses from that many, drawn at random.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MusicEmotionError, printable
from music_emotion.inference.writers import clock
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import Query, Vectors, emotion_index, find, load_vectors
from music_emotion.library.track import CatalogueTrack

CANDIDATES = 1200  # tracks that a playlist chooses from, so that all pairs can be looked at
NEIGHBOURS = 10
ENDS_SHARE = 0.1  # of the tracks: those that a playlist may begin or end with

BREACH = 4000.0  # cost of each breach of the rules 2 and 3: more than all that is no breach
WRONG_END = 2 * BREACH  # of rule 1
TOO_LONG = 4  # tolerances; paths that are longer than that are not followed
FINEST_UNIT = 1.0  # seconds; lengths that differ by less are one
COMPARISONS = 2e9  # twice the number of steps that are compared at most, which take 2 s or so
NO_TRACK = -1  # comes before the first

EXCESS = 10.0  # cost of a jump per threshold's length beyond it
LARGEST_STEP = 10.0  # thresholds; what is larger costs no more
TARDINESS = 3 * BREACH  # cost per track's length of being too short or too long
ROUNDING = 1e-5  # of a distance, which does not make it a jump
STEP = 1.0  # cost of a step as long as the threshold
MILDNESS = 1.0  # cost of feeling like neither emotion

Matrix = NDArray[np.float32]
LENGTH = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)(?:m(?:in)?|$))?(?:(\d+(?:\.\d+)?)s)?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a playlist should be.

    Attributes
    ----------
    start, end
        Names of emotions.
    seconds
        How long.
    words
        What paths and tags must contain; see :class:`music_emotion.library.search.Query`.
    seed
        Of the choice among very many tracks.
    """

    start: str
    end: str
    seconds: float
    words: tuple[tuple[str, str], ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Points:
    """What a playlist chooses from, one entry per track.

    Attributes
    ----------
    intensities
        Shape (n, 9).
    seconds
        Length of each, shape (n,).
    artists
        Names; ``""`` where there is none.
    """

    intensities: Matrix
    seconds: NDArray[np.float64]
    artists: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True, slots=True)
class Route:
    """A path through points.

    Attributes
    ----------
    order
        Numbers of the points, in the order they are played.
    broken
        The rules that are broken, one line each.
    """

    order: tuple[int, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Playlist:
    """Tracks in order, the rules they break, and a line about them."""

    tracks: tuple[CatalogueTrack, ...]
    broken: tuple[str, ...]
    summary: str


def parse_length(text: str) -> float:
    """Return a length in seconds: ``60min``, ``1h30``, ``1.5h``, ``90s``; a number is minutes.

    Raises
    ------
    MusicEmotionError
        It cannot be understood, or is not above 0.
    """
    match = LENGTH.fullmatch(text.strip().lower().replace(" ", ""))
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise MusicEmotionError(
            f"'{printable(text)}' is no length; write for example 60min, 1h30 or 90s"
        )
    return total


def make_playlist(catalogue: Catalogue, wish: Wish) -> Playlist:
    """Make a playlist from what is catalogued and there.

    Raises
    ------
    CatalogueError
        There is no such emotion, or no track to choose from.
    """
    start, end = emotion_index(wish.start), emotion_index(wish.end)
    vectors = load_vectors(catalogue)
    if wish.words:
        vectors = vectors.of(find(catalogue, Query(words=wish.words)).ids)
    chosen = _choose(vectors, wish.seed)
    tracks = _distinct(list(catalogue.tracks(chosen.tolist())))
    if not tracks:
        raise CatalogueError(
            f"'{printable(catalogue.path)}' holds no track for a playlist; scan a folder, or ask "
            "for less"
        )
    route = find_route(points_of(tracks), start, end, wish.seconds)
    played = tuple(tracks[number] for number in route.order)
    total = clock(round(sum(t.prediction.duration for t in played if t.prediction)))
    count = "1 track" if len(played) == 1 else f"{len(played)} tracks"
    summary = f"{count}, {total}, from {EMOTIONS[start]} to {EMOTIONS[end]}"
    return Playlist(played, route.broken, summary)


def points_of(tracks: list[CatalogueTrack]) -> Points:
    """Return predicted tracks as points."""
    predictions = [track.prediction for track in tracks if track.prediction is not None]
    return Points(
        np.stack([prediction.intensities for prediction in predictions]),
        np.array([prediction.duration for prediction in predictions]),
        tuple(track.tags.artist for track in tracks if track.prediction is not None),
    )


def find_route(points: Points, start: int, end: int, seconds: float) -> Route:
    """Find the path that breaks the fewest rules; the rules are in the module's description.

    Parameters
    ----------
    points
        What to choose from, one at least.
    start, end
        Numbers of the emotions.
    seconds
        How long it should last.
    """
    order = _progress(points, start, end)
    points = Points(
        points.intensities[order],
        points.seconds[order],
        tuple(points.artists[number] for number in order),
    )
    rules = _Rules(points, start, end, seconds)
    route = rules.best_route()
    return Route(tuple(int(order[number]) for number in route), tuple(rules.broken(route)))


def jump_threshold(distances: Matrix) -> float:
    """Return the median distance between neighbours, given those of all pairs, shape (n, n).

    The neighbours of a point are the ten nearest to it, all others where they are fewer; of a
    single point there are none, and any step is a jump.
    """
    count = min(NEIGHBOURS, len(distances) - 1)
    if count < 1:
        return 0.0
    others = distances + np.diag(np.full(len(distances), np.inf, np.float32))
    return float(np.median(np.partition(others, count - 1, axis=1)[:, :count]))


def pair_distances(values: Matrix) -> Matrix:
    """Return the Euclidean distances of all pairs of rows, shape (n, n)."""
    total = np.zeros((len(values), len(values)), np.float32)
    for column in values.T:
        total += (column[:, None] - column[None, :]) ** 2
    return np.sqrt(total)


def _choose(vectors: Vectors, seed: int) -> NDArray[np.int64]:
    """Return the tracks that a playlist chooses from."""
    if len(vectors) <= CANDIDATES:
        return vectors.ids
    return np.sort(np.random.default_rng(seed).choice(vectors.ids, CANDIDATES, replace=False))


def _distinct(tracks: list[CatalogueTrack]) -> list[CatalogueTrack]:
    """Return the predicted tracks, each sound once."""
    first: dict[bytes, CatalogueTrack] = {}
    for track in tracks:
        if track.prediction is not None and track.prediction.duration > 0:
            first.setdefault(track.audio, track)
    return list(first.values())


def _progress(points: Points, start: int, end: int) -> NDArray[np.intp]:
    """Return the order in which points may follow each other."""
    towards = points.intensities[:, end].astype(np.float64)
    away = points.intensities[:, start].astype(np.float64)
    progress = -away if start == end else towards - away
    order: NDArray[np.intp] = np.argsort(progress, kind="stable")
    return order


class _Rules:
    """The rules for one set of points, which are in the order they may follow each other."""

    def __init__(self, points: Points, start: int, end: int, seconds: float) -> None:
        self._points = points
        self._names = EMOTIONS[start], EMOTIONS[end]
        self._wanted = seconds
        self._distances = pair_distances(points.intensities)
        self._threshold = jump_threshold(self._distances)
        self._limit = self._threshold * (1 + ROUNDING)
        self._tolerance = float(np.median(points.seconds)) / 2
        self._starts = self._among_most(start)
        self._ends = self._among_most(end)
        artists = np.unique(
            [name.casefold().strip() for name in points.artists], return_inverse=True
        )
        named = np.array([bool(name.strip()) for name in points.artists])
        number = artists[1]
        self._same_artist = (number[:, None] == number[None, :]) & named[:, None]
        self._strength = points.intensities[:, start] + points.intensities[:, end]

    def _among_most(self, emotion: int) -> NDArray[np.bool_]:
        """Whether each point is one of the tenth that feel most like an emotion."""
        values = self._points.intensities[:, emotion]
        count = max(1, int(len(values) * ENDS_SHARE))
        edge = np.partition(values, len(values) - count)[len(values) - count]
        return np.asarray(values >= edge)

    def best_route(self) -> list[int]:
        """Return the cheapest path of any number of tracks.

        Dynamic programming: the cheapest path that ends in j and is so long, among paths whose
        numbers rise. Lengths are told apart in units, a second where the playlist is not too long
        for that; what a path costs in the end is told from its real length.
        """
        count = len(self._points)
        ceiling = self._wanted + TOO_LONG * self._tolerance
        unit = max(FINEST_UNIT, ceiling * count**2 / COMPARISONS)
        last_row = int(ceiling / unit)
        units = np.minimum(np.rint(self._points.seconds / unit), last_row + 1).astype(int).tolist()
        steps = self._step_costs()
        # Rows are lengths, so that all tracks that may come before lie side by side.
        cost = np.full((last_row + 1, count), np.inf, np.float32)
        before = np.full((last_row + 1, count), NO_TRACK, np.int32)
        seconds = np.zeros((last_row + 1, count))
        begins = self._own_costs() + np.where(self._starts, 0, WRONG_END)
        for track, added in enumerate(units):
            if track and added <= last_row:
                through = cost[: last_row + 1 - added, :track] + steps[track, :track]
                nearest = np.argmin(through, axis=1)
                rows = np.arange(len(through))
                cost[added:, track] = through[rows, nearest] + self._own_costs()[track]
                before[added:, track] = nearest
                seconds[added:, track] = seconds[rows, nearest] + self._points.seconds[track]
            row = min(added, last_row)  # a track may be too long, and yet the best there is
            if begins[track] <= cost[row, track]:
                cost[row, track], before[row, track] = begins[track], NO_TRACK
                seconds[row, track] = self._points.seconds[track]
        whole = cost + np.where(self._ends, 0, WRONG_END) + self._length_costs(seconds)
        row, track = (int(at) for at in np.unravel_index(np.argmin(whole), whole.shape))
        route = [track]
        while before[row, track] != NO_TRACK:
            row, track = row - units[track], int(before[row, track])
            route.append(track)
        return route[::-1]

    def _own_costs(self) -> Matrix:
        """Return what each track costs wherever it comes, shape (n,)."""
        return np.asarray(MILDNESS * (self._strength.max(initial=0.0) - self._strength))

    def _step_costs(self) -> Matrix:
        """Return what it costs to come to a track (row) from an earlier one (column)."""
        scale = self._threshold or 1.0
        relative = np.minimum(self._distances / np.float32(scale), np.float32(LARGEST_STEP))
        jumps = self._distances > self._limit
        cost: Matrix = (STEP * relative).astype(np.float32)
        cost[jumps] += BREACH + EXCESS * np.maximum(0, relative[jumps] - 1)
        cost[self._same_artist] += BREACH
        return cost

    def _length_costs(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        off = np.abs(seconds - self._wanted)
        beyond = np.maximum(0.0, off - self._tolerance) / (2 * self._tolerance)
        return TARDINESS * beyond + off / (2 * self._tolerance)

    def broken(self, route: list[int]) -> list[str]:
        """Return what a path breaks, one line per rule."""
        lines = []
        start, end = self._names
        if not self._starts[route[0]]:
            lines.append(f"the first track is not among the tenth that feel most like {start}")
        if not self._ends[route[-1]]:
            lines.append(f"the last track is not among the tenth that feel most like {end}")
        pairs = list(pairwise(route))
        repeated = sum(1 for pair in pairs if self._same_artist[pair])
        if repeated:
            lines.append(f"an artist comes twice in a row ({_times(repeated)})")
        jumps = [float(self._distances[pair]) for pair in pairs]
        jumps = [step for step in jumps if step > self._limit]
        if jumps:
            lines.append(
                f"a step is a jump ({_times(len(jumps))}; the largest is {max(jumps):.3f}, the "
                f"median distance between neighbours {self._threshold:.3f})"
            )
        seconds = float(self._points.seconds[route].sum())
        if abs(seconds - self._wanted) > self._tolerance:
            lines.append(f"it lasts {clock(round(seconds))}, not {clock(round(self._wanted))}")
        return lines


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

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

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.writers import clock
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import Found, Query, emotion_index, find
from music_emotion.library.selection import EVERYTHING, MUSIC, select
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


@dataclass(frozen=True, slots=True)
class Points:
    """What a playlist chooses from: n tracks.

    Attributes
    ----------
    intensities, seconds
        What each feels like, shape (n, 9), and lasts, shape (n,).
    artists
        Names; ``""`` where there is none.
    """

    intensities: Matrix
    seconds: NDArray[np.float64]
    artists: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True, slots=True)
class Playlist:
    """Tracks in order, the rules they break, and a line about them."""

    tracks: tuple[CatalogueTrack, ...]
    broken: tuple[str, ...]
    summary: str

    def found(self) -> Found:
        """Return the tracks as they are found in the catalogue."""
        return Found(np.array([track.id for track in self.tracks], np.int64))


def make_playlist(
    catalogue: Catalogue,
    start: str,
    end: str,
    seconds: float,
    query: Query | None = None,
    seed: int = 0,
) -> Playlist:
    """Make a playlist from what is catalogued and there.

    Parameters
    ----------
    start, end, seconds
        Names of emotions, and how long it should last.
    query
        What it chooses from; ``None`` is all music.
    seed
        Of the choice among very many tracks.

    Raises
    ------
    CatalogueError
        There is no such emotion, or no track to choose from.
    """
    emotions = emotion_index(start), emotion_index(end)
    query = query or Query(taken=MUSIC)
    chosen = find(catalogue, replace(query, taken=EVERYTHING)).ids
    drawn = np.random.default_rng(seed).permutation(chosen).tolist()
    chosen = np.sort(select(catalogue, drawn, query.taken, CANDIDATES)[0])
    sounds: dict[bytes, tuple[CatalogueTrack, TrackPrediction]] = {}
    for track in catalogue.tracks(chosen.tolist()):
        if track.prediction is not None and track.prediction.duration > 0:
            sounds.setdefault(track.audio, (track, track.prediction))
    if not sounds:
        raise CatalogueError(
            f"'{printable(catalogue.path)}' holds no track for a playlist; scan a folder, or ask "
            "for less"
        )
    tracks, predictions = zip(*sounds.values(), strict=True)
    points = Points(
        np.stack([prediction.intensities for prediction in predictions]),
        np.array([prediction.duration for prediction in predictions]),
        tuple(track.tags.artist for track in tracks),
    )
    order, broken = find_route(points, *emotions, seconds)
    total = clock(round(sum(predictions[number].duration for number in order)))
    count = "1 track" if len(order) == 1 else f"{len(order)} tracks"
    names = " to ".join(EMOTIONS[index] for index in emotions)
    played = tuple(tracks[number] for number in order)
    return Playlist(played, tuple(broken), f"{count}, {total}, from {names}")


def find_route(points: Points, start: int, end: int, seconds: float) -> tuple[list[int], list[str]]:
    """Find the path that breaks the fewest rules; the rules are in the module's description.

    Parameters
    ----------
    points
        What to choose from, one at least.
    start, end, seconds
        Numbers of the emotions, and how long it should last.

    Returns
    -------
    order
        Numbers of the points, in the order they are played.
    broken
        The rules that are broken, one line each.
    """
    towards, away = points.intensities.T[[end, start]].astype(np.float64)
    order = np.argsort(-away if start == end else towards - away, kind="stable")
    artists = tuple(points.artists[number] for number in order)
    points = Points(points.intensities[order], points.seconds[order], artists)
    rules = _Rules(points, start, end, seconds)
    route = rules.best_route()
    return order[route].tolist(), rules.broken(route)


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
        names = np.array([name.casefold().strip() for name in points.artists])
        self._same_artist = (names[:, None] == names[None, :]) & (names != "")[:, None]
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
        if repeated := sum(bool(self._same_artist[pair]) for pair in pairs):
            lines.append(f"an artist comes twice in a row ({_times(repeated)})")
        steps = [float(self._distances[pair]) for pair in pairs]
        if jumps := [step for step in steps if step > self._limit]:
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

"""The order in which a playlist plays: from one end of a course to the other, or staying at one.

Tracks are points: their nine intensities, the distance between two is Euclidean. How close each is
to the two ends of a course is given. The rules are

1. it begins with one of the tenth of the tracks that are closest to the one end, and ends with one
   of the tenth that are closest to the other (of fewer than ten tracks, with the one); where an end
   is a track itself, with that;
2. no artist comes twice in a row, and none more often than allowed; a track without an artist is by
   nobody else's;
3. it has no jump: no step is larger than the median distance between neighbours, where the
   neighbours of a track are the ten tracks nearest to it, and the median is over all tracks that
   the playlist chooses from and all their neighbours (where it stays, it chooses from the closest,
   a quarter more than it takes);
4. it lasts as long as asked, give or take half the median length of a track.

On the way from one end to another, closeness to the far end less that to the near one never falls;
where both ends are one, no track is less close to it than half of all tracks are, and no quarter is
much less close than the first. No track comes twice, and no artist more often than allowed: these
always hold. Where there are too few tracks for all rules at once, the rules that are broken are
said.

A way is the one that costs least, found among those of every length, told apart by the second (of
long playlists from many tracks more coarsely): each jump the same, so that one large one is
preferred to two small ones; a wrong end twice that; an artist twice in a row three times that; and
a track's length too little or too much seven times that, so that the length gives way last.
Playlists that stay are made of the closest tracks there are, which are then put in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from music_emotion.inference.writers import clock
from music_emotion.library.folding import folded
from music_emotion.library.track import DIVIDER

NEIGHBOURS = 10
ENDS_SHARE = 0.1  # of the tracks: those that a playlist may begin or end with

BREACH = 4000.0  # cost of each jump: more than all that is no breach of a rule
WRONG_END = 2 * BREACH  # of rule 1
REPETITION = 3 * BREACH  # of an artist twice in a row
TOO_LONG = 4  # tolerances; paths that are longer than that are not followed
FINEST_UNIT = 1.0  # seconds; lengths that differ by less are one
COMPARISONS = 2e9  # twice the number of steps that are compared at most, which take 2 s or so
NO_TRACK = -1  # comes before the first

EXCESS = 10.0  # cost of a jump per threshold's length beyond it
LARGEST_STEP = 10.0  # thresholds; what is larger costs no more
TARDINESS = 7 * BREACH  # cost per track's length of being too short or too long
ROUNDING = 1e-5  # of a distance, which does not make it a jump
STEP = 1.0  # cost of a step as long as the threshold
MILDNESS = 1.0  # cost of being a standard deviation less close to both ends than another
VARIETY = 1.5  # most that chance adds to a track's cost
ROUNDS = 4  # ways that are looked for before artists are thinned out

SPARE = 1.25  # lengths of a playlist that stays: the tracks that its jumps are told by
CHANCE = 0.1  # standard deviations of closeness by which chance moves a track that stays
QUARTERS = 4
TREND = 20.0  # cost of a quarter that is a standard deviation closer than the whole
FARNESS = 4.0  # cost of a track that is a standard deviation less close than another
RISE = np.array((-0.3, 0.1, 0.1, 0.1))
"""How much closer the quarters are than the whole, in standard deviations.

What is predicted is a little off; a playlist that begins with its best would fade.
"""
OTHER_LENGTH = 10.0  # cost of half a median track that the playlist is too short or too long
NEARNESS = 0.2  # cost of a step as long as the threshold
REPEATED, WRONG = 20.0, 10.0  # cost of an artist twice in a row, of a wrong end; of a jump 2
LEAST_OF_FIRST = 0.8  # a quarter is as close as the first if it has this share of its closeness
TRIES_PER_TRACK, MOST_TRIES = 400, 40_000  # of putting tracks in another order
HEAT = 3.0  # cost of a change for the worse that is made now and then at first

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """What a playlist chooses from: n tracks.

    Attributes
    ----------
    intensities, seconds
        What each feels like, shape (n, 9), and lasts, shape (n,).
    artists
        Names, of several divided as tags are; ``""`` where there is none.
    """

    intensities: Matrix
    seconds: Floats
    artists: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.seconds)

    def of(self, numbers: Iterable[int]) -> Points:
        """Return some of them, in this order."""
        some = np.fromiter(numbers, np.intp)
        artists = tuple(self.artists[number] for number in some)
        return Points(self.intensities[some], self.seconds[some], artists)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a playlist leads.

    Attributes
    ----------
    start, end
        How close each track is to the two ends, shape (n,); larger is closer.
    names
        Of the ends, as they are said.
    first, last
        Numbers of the tracks that are the ends themselves; ``None`` where they are none.
    stays
        Whether both ends are one.
    """

    start: Floats
    end: Floats
    names: tuple[str, str]
    first: int | None = None
    last: int | None = None
    stays: bool = False

    def of(self, numbers: Iterable[int]) -> Course:
        """Return the course through some of the tracks, in this order."""
        some = np.fromiter(numbers, np.intp)
        place = {number: at for at, number in enumerate(some.tolist())}
        first, last = (None if end is None else place.get(end) for end in (self.first, self.last))
        return replace(self, start=self.start[some], end=self.end[some], first=first, last=last)


def find_route(
    points: Points,
    course: Course,
    seconds: float,
    *,
    per_artist: int | None = None,
    seed: int = 0,
) -> tuple[list[int], list[str]]:
    """Find the playlist that breaks the fewest rules; they are in the module's description.

    Parameters
    ----------
    points
        What to choose from, one at least.
    course, seconds
        Where it leads, and how long it should last.
    per_artist
        How many tracks of an artist are allowed; ``None`` is all.
    seed
        Of the choice among tracks that are as good.

    Returns
    -------
    order
        Numbers of the points, in the order they are played.
    broken
        The rules that are broken, one line each.
    """
    rng = np.random.default_rng(seed)
    if course.stays:
        return _stay(points, course, seconds, per_artist, rng)
    order = np.argsort(course.end - course.start, kind="stable")
    rules = _Rules(points.of(order), course.of(order), seconds)
    route = _Way(rules, rng).best(per_artist)
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


def artists_of(tag: str) -> tuple[str, ...]:
    """Return the artists that a tag names, as they are compared.

    Examples
    --------
    >>> artists_of("Miles Davis; John COLTRANE"), artists_of("")
    (('miles davis', 'john coltrane'), ())
    """
    names = (folded(name).strip() for name in tag.split(DIVIDER))
    return tuple(dict.fromkeys(filter(None, names)))


def _places_by_artist(artists: Sequence[Iterable[str]]) -> dict[str, list[int]]:
    """Return the numbers of the tracks by each artist."""
    places: dict[str, list[int]] = {}
    for number, names in enumerate(artists):
        for name in names:
            places.setdefault(name, []).append(number)
    return places


class _Rules:
    """The rules for one set of points."""

    def __init__(self, points: Points, course: Course, seconds: float) -> None:
        self.points, self.course, self.wanted = points, course, seconds
        self.distances = pair_distances(points.intensities)
        self.threshold = jump_threshold(self.distances)
        self.limit = self.threshold * (1 + ROUNDING)
        self.tolerance = float(np.median(points.seconds)) / 2
        self.starts = _closest(course.start, course.first)
        self.ends = _closest(course.end, course.last)
        self.artists = [artists_of(name) for name in points.artists]
        self.by_artist = _places_by_artist(self.artists)
        self.same_artist = np.zeros((len(points), len(points)), bool)
        for places in self.by_artist.values():
            self.same_artist[np.ix_(places, places)] = True

    def step_costs(self) -> Matrix:
        """Return what it costs to come to a track (row) from an earlier one (column)."""
        scale = self.threshold or 1.0
        relative = np.minimum(self.distances / np.float32(scale), np.float32(LARGEST_STEP))
        jumps = self.distances > self.limit
        cost: Matrix = (STEP * relative).astype(np.float32)
        cost[jumps] += BREACH + EXCESS * np.maximum(0, relative[jumps] - 1)
        cost[self.same_artist] += REPETITION
        return cost

    def length_costs(self, seconds: Floats) -> Floats:
        """Return what it costs to last so long."""
        off = np.abs(seconds - self.wanted)
        beyond = np.maximum(0.0, off - self.tolerance) / (2 * self.tolerance)
        return TARDINESS * beyond + off / (2 * self.tolerance)

    def broken(self, route: list[int]) -> list[str]:
        """Return what a path breaks, one line per rule."""
        lines = []
        for which, number, fitting, name, end in (
            ("first", route[0], self.starts, self.course.names[0], self.course.first),
            ("last", route[-1], self.ends, self.course.names[1], self.course.last),
        ):
            if not fitting[number]:
                what = f"among the tenth that are closest to {name}" if end is None else name
                lines.append(f"the {which} track is not {what}")
        pairs = list(pairwise(route))
        if repeated := sum(bool(self.same_artist[pair]) for pair in pairs):
            lines.append(f"an artist comes twice in a row ({_times(repeated)})")
        steps = [float(self.distances[pair]) for pair in pairs]
        if jumps := [step for step in steps if step > self.limit]:
            lines.append(
                f"a step is a jump ({_times(len(jumps))}; the largest is {max(jumps):.3f}, the "
                f"median distance between neighbours {self.threshold:.3f})"
            )
        seconds = float(self.points.seconds[route].sum())
        if abs(seconds - self.wanted) > self.tolerance:
            lines.append(f"it lasts {clock(round(seconds))}, not {clock(round(self.wanted))}")
        return lines


def _closest(closeness: Floats, end: int | None) -> NDArray[np.bool_]:
    """Whether each track is an end, or one of the tenth that are closest to it."""
    count = max(1, int(len(closeness) * ENDS_SHARE))
    edge = np.partition(closeness, len(closeness) - count)[len(closeness) - count]
    closest: NDArray[np.bool_] = closeness >= edge
    return closest if end is None else np.arange(len(closeness)) == end


class _Way:
    """The cheapest way from end to end through points that are in the order they may follow."""

    def __init__(self, rules: _Rules, rng: np.random.Generator) -> None:
        self._rules = rules
        course, count = rules.course, len(rules.points)
        closeness = course.start + course.end
        missing = (closeness.max() - closeness) / (float(np.std(closeness)) or 1.0)
        self._own_costs = MILDNESS * missing + VARIETY * rng.random(count)
        self._kept = {number for number in (course.first, course.last) if number is not None}
        ceiling = rules.wanted + TOO_LONG * rules.tolerance
        self._unit = max(FINEST_UNIT, ceiling * count**2 / COMPARISONS)
        self._last_row = int(ceiling / self._unit)
        self._steps = rules.step_costs()

    def best(self, per_artist: int | None) -> list[int]:
        """Return the way with no more tracks of an artist than allowed."""
        without = np.zeros(len(self._rules.points), bool)
        for _ in range(ROUNDS):
            route = self._cheapest(without)
            surplus = self._surplus(route, per_artist)
            if not surplus:
                return route
            without[surplus] = True
        return self._cheapest(self._thinned(per_artist or 1))

    def _surplus(self, tracks: list[int], per_artist: int | None) -> list[int]:
        """Return which tracks are too many of their artist: those that cost most."""
        if per_artist is None:
            return []
        artists = self._rules.artists
        seen: Counter[str] = Counter()
        surplus = []
        for track in sorted(tracks, key=lambda n: (n not in self._kept, self._own_costs[n])):
            seen.update(artists[track])
            too_many = any(seen[artist] > per_artist for artist in artists[track])
            if too_many and track not in self._kept:
                surplus.append(track)
        return surplus

    def _thinned(self, per_artist: int) -> NDArray[np.bool_]:
        """Return which tracks are left out so that of each artist as many as allowed are spread."""
        artists = self._rules.artists
        without = np.array([bool(names) for names in artists])
        for places in self._rules.by_artist.values():
            spread = np.linspace(0, len(places) - 1, min(per_artist, len(places)))
            without[np.array(places)[spread.round().astype(int)]] = False
        seen: Counter[str] = Counter()
        for track in np.flatnonzero(~without).tolist():  # by several, it is there for each
            without[track] = any(seen[artist] >= per_artist for artist in artists[track])
            seen.update(() if without[track] else artists[track])
        without[sorted(self._kept)] = False
        return without

    def _cheapest(self, without: NDArray[np.bool_]) -> list[int]:
        """Return the cheapest path of any number of tracks, but for some tracks.

        Dynamic programming: the cheapest path that ends in j and is so long, among paths whose
        numbers rise. Lengths are told apart in units, a second where the playlist is not too long
        for that; what a path costs in the end is told from its real length.
        """
        rules, count, last_row = self._rules, len(self._rules.points), self._last_row
        durations = rules.points.seconds
        units = np.minimum(np.rint(durations / self._unit), last_row + 1).astype(int).tolist()
        # Rows are lengths, so that all tracks that may come before lie side by side.
        cost = np.full((last_row + 1, count), np.inf, np.float32)
        before = np.full((last_row + 1, count), NO_TRACK, np.int32)
        seconds = np.zeros((last_row + 1, count))
        begins = self._own_costs + np.where(rules.starts, 0, WRONG_END)
        for track, added in enumerate(units):
            if without[track]:
                continue
            if track and added <= last_row:
                through = cost[: last_row + 1 - added, :track] + self._steps[track, :track]
                nearest = np.argmin(through, axis=1)
                rows = np.arange(len(through))
                cost[added:, track] = through[rows, nearest] + self._own_costs[track]
                before[added:, track] = nearest
                seconds[added:, track] = seconds[rows, nearest] + durations[track]
            row = min(added, last_row)  # a track may be too long, and yet the best there is
            if begins[track] <= cost[row, track]:
                cost[row, track], before[row, track] = begins[track], NO_TRACK
                seconds[row, track] = durations[track]
        whole = cost + np.where(rules.ends, 0, WRONG_END) + rules.length_costs(seconds)
        row, track = (int(at) for at in np.unravel_index(np.argmin(whole), whole.shape))
        route = [track]
        while before[row, track] != NO_TRACK:
            row, track = row - units[track], int(before[row, track])
            route.append(track)
        return route[::-1]


# Staying


def _stay(
    points: Points,
    course: Course,
    seconds: float,
    per_artist: int | None,
    rng: np.random.Generator,
) -> tuple[list[int], list[str]]:
    """Take the closest tracks and put them in an order without jumps and without a trend."""
    deviation = float(np.std(course.start))
    ranked = np.argsort(-course.start - CHANCE * deviation * rng.standard_normal(len(points)))
    order = ranked.tolist()
    if course.first is not None:
        order = [course.first, *(number for number in order if number != course.first)]
    floor = float(np.median(course.start))
    close = [number for number in order if course.start[number] >= floor]
    pool = _until(points, close, SPARE * seconds, per_artist)
    rules = _Rules(points.of(pool), course.of(pool), seconds)
    rules.tolerance = float(np.median(points.seconds)) / 2
    rules.starts = _closest(course.start, course.first)[pool]
    rules.ends = _closest(course.start, None)[pool]
    taken = len(_until(rules.points, range(len(pool)), seconds, None))
    route = _Arrangement(rules, taken, deviation).best(rng)
    return [pool[number] for number in route], rules.broken(route) + _trend(rules, route)


def _trend(rules: _Rules, route: list[int]) -> list[str]:
    """Say that a quarter is much less close than the first; distances and moods have no share."""
    closeness = rules.course.start[route]
    quarters = [float(part.mean()) for part in np.array_split(closeness, QUARTERS) if len(part)]
    if min(quarters) >= LEAST_OF_FIRST * quarters[0] or min(quarters) < 0:
        return []
    return [f"a quarter is less close to {rules.course.names[0]} than the first"]


class _Arrangement:
    """The tracks that are played and their order: close, without jumps, repetitions and a trend.

    It begins with any order of the closest, in which pieces are turned round and tracks put
    elsewhere or exchanged, also for such as are to spare; what makes it worse is now and then kept,
    and ever more rarely.
    """

    def __init__(self, rules: _Rules, count: int, deviation: float) -> None:
        self._rules, self._count = rules, count
        relative = rules.distances / np.float32(rules.threshold or 1.0)
        jumps = relative > 1 + ROUNDING
        self._steps = NEARNESS * relative + jumps * (1 + relative)
        self._steps[rules.same_artist] += REPEATED
        self._starts = np.where(rules.starts, 0.0, WRONG)
        self._ends = np.where(rules.ends, 0.0, WRONG)
        self._closeness = rules.course.start / (deviation or 1.0)
        self._quarters = np.linspace(0, count, QUARTERS + 1).round().astype(int)
        self._fixed = int(rules.course.first is not None)  # at the beginning

    def cost(self, order: NDArray[np.intp]) -> float:
        """Return what an order of all tracks costs, of which the first are played."""
        played = order[: self._count]
        closeness = self._closeness[played]
        cost = self._steps[played[:-1], played[1:]].sum() - FARNESS * closeness.sum()
        cost += self._starts[played[0]] + self._ends[played[-1]]
        off = abs(float(self._rules.points.seconds[played].sum()) - self._rules.wanted)
        cost += OTHER_LENGTH * max(0.0, off / self._rules.tolerance - 1)
        if self._count >= QUARTERS:
            sums = np.add.reduceat(closeness, self._quarters[:-1])
            trend = sums / np.diff(self._quarters) - closeness.mean() - RISE
            cost += TREND * np.square(trend).sum()
        return float(cost)

    def best(self, rng: np.random.Generator) -> list[int]:
        """Return the tracks that are played in the best order that was met."""
        start, total = self._fixed, len(self._closeness)
        order = np.arange(total)
        order[start : self._count] = start + rng.permutation(self._count - start)
        best, least = order, self.cost(order)
        now, tries = least, min(MOST_TRIES, TRIES_PER_TRACK * total)
        if total - start < 2:
            return list(range(self._count))
        moves = rng.integers(0, 3, tries)
        places = np.sort(start + rng.integers(0, total - start, (tries, 2)), axis=1)
        luck = -np.log(rng.random(tries)) * HEAT * np.linspace(1, 0, tries) ** 2
        for move, (first, last), more in zip(moves, places, luck, strict=True):
            if first >= self._count:
                continue
            other = order.copy()
            if move == 0 or last >= self._count:
                other[[first, last]] = order[[last, first]]
            elif move == 1:
                other[first : last + 1] = order[first : last + 1][::-1]
            else:
                other[first:last], other[last] = order[first + 1 : last + 1], order[first]
            cost = self.cost(other)
            if cost < now + more:
                order, now = other, cost
                if now < least:
                    best, least = order, now
        played: list[int] = best[: self._count].tolist()
        return played


def _until(
    points: Points, order: Iterable[int], seconds: float, per_artist: int | None
) -> list[int]:
    """Return the first tracks that last so long, as nearly as may be, and no more of an artist."""
    taken, total = list[int](), 0.0
    seen: Counter[str] = Counter()
    for number in order:
        artists = artists_of(points.artists[number])
        if per_artist is not None and any(seen[artist] >= per_artist for artist in artists):
            continue
        length = float(points.seconds[number])
        if taken and abs(total + length - seconds) > abs(total - seconds):
            break
        seen.update(artists)
        taken.append(number)
        total += length
    return taken


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

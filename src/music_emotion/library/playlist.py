"""A playlist from a library: what it chooses from, and what it is made of.

See :mod:`.course` for where it leads and :mod:`.route` for the rules of its order. Of a library
with more than 1,200 tracks it chooses from that many, drawn at random; where it stays at one end,
from the tenth of all tracks that are closest to it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.writers import clock
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.course import End, Floats, scaled
from music_emotion.library.missed import why_empty
from music_emotion.library.route import Course, Points, artists_of, find_route
from music_emotion.library.search import Found, Query, find
from music_emotion.library.selection import EVERYTHING, MUSIC, select
from music_emotion.library.vectors import Array, Ids, load_moods, load_vectors

CANDIDATES = 1200  # tracks that a playlist chooses from, so that all pairs can be looked at
CLOSE_SHARE = 0.1  # of the tracks: those that one that stays is drawn from
PER_ARTIST = 3  # tracks of an artist, where there are enough by others
ENOUGH = 1.5  # lengths of a playlist that are enough


@dataclass(frozen=True, slots=True)
class Playlist:
    """The numbers of the tracks' rows in order, the rules they break, and a line about them."""

    ids: tuple[int, ...]
    broken: tuple[str, ...]
    summary: str

    def found(self) -> Found:
        """Return the tracks as they are found in the catalogue."""
        return Found(np.array(self.ids, np.int64))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What a playlist chooses from: rows, intensities, valence and arousal, and more of each."""

    ids: Ids
    intensities: Array
    moods: Floats
    seconds: Floats
    artists: tuple[str, ...]


def make_playlist(
    catalogue: Catalogue,
    start: End,
    end: End,
    seconds: float,
    query: Query | None = None,
    *,
    per_artist: int | None = None,
    seed: int = 0,
) -> Playlist:
    """Make a playlist from what is catalogued and there.

    Parameters
    ----------
    start, end, seconds
        Where it begins and ends, and how long it should last.
    query
        What it chooses from; ``None`` is all music.
    per_artist
        How many tracks of an artist there may be; ``None`` is three, or as many as it takes where
        there is too little by others.
    seed
        Of the choice among very many tracks, and among such as are as good.

    Raises
    ------
    CatalogueError
        There is no track to choose from.
    """
    query = query or Query(taken=MUSIC)
    candidates = _candidates(catalogue, start, end, query, seed)
    if not len(candidates.ids):
        why = why_empty(catalogue, query) or "scan a folder, or ask for less"
        raise CatalogueError(f"'{printable(catalogue.path)}' holds no track for a playlist; {why}")
    course = _course(start, end, candidates)
    points = Points(candidates.intensities, candidates.seconds, candidates.artists)
    allowed = _allowed(points, seconds) if per_artist is None else per_artist
    order, broken = find_route(points, course, seconds, per_artist=allowed, seed=seed)
    total = clock(round(float(points.seconds[order].sum())))
    count = "1 track" if len(order) == 1 else f"{len(order)} tracks"
    ids = tuple(candidates.ids[order].tolist())
    return Playlist(ids, tuple(broken), f"{count}, {total}, from {start.name} to {end.name}")


def _course(start: End, end: End, candidates: _Candidates) -> Course:
    near, far = (each.closeness(candidates.intensities, candidates.moods) for each in (start, end))
    if start.kind != end.kind:
        near, far = scaled(near), scaled(far)
    first, last = (_place(each.row, candidates.ids) for each in (start, end))
    return Course(near, far, (start.name, end.name), first, last, start.is_as(end))


def _place(row: int | None, ids: Ids) -> int | None:
    found = np.flatnonzero(ids == (-1 if row is None else row))
    return int(found[0]) if len(found) else None


def _candidates(catalogue: Catalogue, start: End, end: End, query: Query, seed: int) -> _Candidates:
    """Read what a playlist chooses from: each sound once, the ends first."""
    ids = np.sort(find(catalogue, replace(query, taken=EVERYTHING, limit=None)).ids)
    moods = np.full((0, 2), np.nan)
    if start.is_mood or end.is_mood:
        known = load_moods(catalogue, ids)
        counts = ~(np.isnan(start.mood) & np.isnan(end.mood))
        kept = ~np.isnan(known.values[:, counts]).any(axis=1)
        ids, moods = known.ids[kept], known.values[kept]
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(ids)
    if start.is_as(end) and len(ids) > CANDIDATES:
        vectors = load_vectors(catalogue, among=ids)
        closeness = start.closeness(vectors.values, moods)
        count = max(CANDIDATES, math.ceil(CLOSE_SHARE * len(ids)))
        drawn = rng.permutation(vectors.ids[np.argpartition(-closeness, count - 1)[:count]])
    ends = [end.row for end in (start, end) if end.row is not None and end.row in ids]
    taken, _ = select(catalogue, drawn.tolist(), query.taken, CANDIDATES)
    return _read(catalogue, [*dict.fromkeys([*ends, *np.sort(taken).tolist()])], ids, moods)


def _read(catalogue: Catalogue, wanted: list[int], ids: Ids, moods: Floats) -> _Candidates:
    """Read tracks, of several that sound the same the first; ``moods`` are of ``ids``, or none."""
    sounds: dict[bytes, tuple[int, str, float]] = {}
    for numbers, columns in catalogue.columns(wanted, ("audio", "artist", "duration")):
        for number, audio, artist, seconds in zip(numbers, *columns.values(), strict=True):
            if seconds:
                sounds.setdefault(audio, (number, artist, seconds))
    rows = sorted(sounds.values())
    chosen = np.array([number for number, _, _ in rows], np.int64)
    vectors = load_vectors(catalogue, among=chosen)
    return _Candidates(
        ids=chosen,
        intensities=vectors.values,
        moods=moods[np.searchsorted(ids, chosen)] if len(moods) else moods,
        seconds=np.array([seconds for _, _, seconds in rows], np.float64),
        artists=tuple(artist for _, artist, _ in rows),
    )


def _allowed(points: Points, seconds: float) -> int | None:
    """Return how many tracks of an artist are enough: three, or as many as it takes."""
    counts: Counter[str] = Counter()
    lengths = [0.0]  # of the tracks that are each artist's first, second, third …
    for artist, length in zip(points.artists, points.seconds.tolist(), strict=True):
        names = artists_of(artist)
        place = max((counts[name] for name in names), default=0)
        counts.update(names)
        lengths += [0.0] * (place + 1 - len(lengths))
        lengths[place] += length
    together = np.cumsum(lengths)
    enough = np.flatnonzero(together >= min(ENOUGH * seconds, together[-1]))
    return max(PER_ARTIST, int(enough[0]) + 1)

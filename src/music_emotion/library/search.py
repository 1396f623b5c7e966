"""Find tracks in a catalogue: by emotion, by similarity, by words in path and tags."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import local_path
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MusicEmotionError, choose_from, printable
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.selection import EVERYTHING, Selection, select
from music_emotion.library.track import DIVIDER, CatalogueTrack
from music_emotion.library.vectors import (
    Array,
    Ids,
    Kind,
    Vectors,
    load_vectors,
    refresh_vectors,
    tracks_within,
)
from music_emotion.library.walk import absolute
from music_emotion.library.words import refresh_text, tracks_by, tracks_with

SCALES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0), "familiarity": (0.0, 1.0)}
"""Numbers by which :class:`Range` finds, and what each lies between."""


@dataclass(frozen=True, slots=True)
class Range:
    """That a number of :data:`SCALES` is known and lies between two, which belong to it."""

    name: str
    low: float
    high: float

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read ``LOW:HIGH``, of which one may be left out: ``.2:.6``, ``.5:``, ``:-.2``.

        Raises
        ------
        MusicEmotionError
            It cannot be understood, or is not within the scale.

        Examples
        --------
        >>> Range.parse("valence", ":-.2")
        Range(name='valence', low=-1.0, high=-0.2)
        """
        least, most = SCALES[name]
        first, colon, last = text.partition(":")
        try:
            low, high = (
                float(part) if part.strip() else default
                for part, default in ((first, least), (last, most))
            )
        except ValueError:
            low = high = math.nan
        if not (colon and (first.strip() or last.strip()) and least <= low <= high <= most):
            raise MusicEmotionError(
                f"'{printable(text)}' is no range of {name}, which lies between {least:g} and "
                f"{most:g}; write LOW:HIGH, or one of them: .2:.6, .5:, :.4"
            )
        return cls(name, low, high)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; everything that is given must hold.

    Attributes
    ----------
    feels, unfelt
        Emotions that are felt, each at least ``at_least``; that are not, each at most ``at_most``.
    at_least, at_most
        0–1; ``None`` is the emotion's median over all tracks of the catalogue, so that a track
        feels like it if at least half of the others do so less.
    by
        What is compared: intensities (the share of listeners who feel an emotion), probabilities
        (that it is the one most of them name) or standing (the share of the reference tracks that
        are felt to have less of it; tracks without are not found). ``None`` compares intensities
        and, without ``at_least``, puts in order by standing where all that are found have one.
    within
        Ranges in which numbers lie.
    like
        Intensities of m tracks, shape (m, 9): those come first that are most similar to the one of
        them that they are least similar to.
    words
        Pairs of a field of :data:`.words.FIELDS` and a part of its text, whatever its case;
        ``""`` as the field is any of them.
    not_by
        Artists whose tracks are left out.
    accents
        Whether they count in words and artists.
    broken
        Files that could not be read, are silent or damaged, instead of all others.
    taken
        Which tracks are taken for their length and genre.
    limit
        How many at most; ``None`` is all.
    """

    feels: tuple[str, ...] = ()
    unfelt: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    by: Kind | None = None
    within: tuple[Range, ...] = ()
    like: Array | None = None
    words: tuple[tuple[str, str], ...] = ()
    not_by: tuple[str, ...] = ()
    accents: bool = True
    broken: bool = False
    taken: Selection = EVERYTHING
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes
    ----------
    ids
        Numbers of the tracks' rows, shape (n,): with ``like`` the most similar first, with
        ``feels`` those that feel it most, with ``unfelt`` least, else as they were catalogued. Of
        equal standing, those come first that more listeners feel.
    distances
        Euclidean, of their intensities from ``like``, the largest of several, shape (n,); empty
        without ``like``.
    refused
        How many are not taken that would come before the last of these.
    """

    ids: Ids
    distances: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    refused: int = 0

    def __len__(self) -> int:
        return len(self.ids)


def find(catalogue: Catalogue, query: Query) -> Found:
    """Find tracks that are there; see :class:`Query`.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    MusicEmotionError
        There is no such emotion.
    """
    if query.taken == EVERYTHING:
        return _find(catalogue, query)
    found = _find(catalogue, replace(query, limit=None))
    ids, refused = select(catalogue, found.ids.tolist(), query.taken, query.limit)
    kept = np.isin(found.ids, ids) if len(found.distances) else slice(0)
    return Found(ids, found.distances[kept], refused)


def _find(catalogue: Catalogue, query: Query) -> Found:
    """Find tracks of any length and genre."""
    among = _among(catalogue, query)
    if query.broken:
        broken = catalogue.broken()
        return Found((broken if among is None else np.intersect1d(broken, among))[: query.limit])
    by_emotion = bool(query.feels or query.unfelt)
    if not by_emotion and query.like is None:
        return Found(load_vectors(catalogue, among=among, most=query.limit).ids)
    if by_emotion:
        chosen = _feeling(load_vectors(catalogue, query.by or "intensities"), query, among)
        if query.like is None:
            scores, ties = _scores(catalogue, query, chosen)
            return Found(chosen.ids[_first(-scores, query.limit, None if ties is None else -ties)])
        among = chosen.ids
    vectors = load_vectors(catalogue, among=among)
    likes = np.atleast_2d(np.asarray(query.like, np.float32))
    distances = reduce(np.maximum, (distances_to(vectors.values, like) for like in likes))
    best = _first(distances, query.limit)
    return Found(vectors.ids[best], distances[best])


def refresh_index(catalogue: Catalogue) -> None:
    """Bring the derived tables that are searched in up to date."""
    refresh_vectors(catalogue)
    refresh_text(catalogue)


def find_similar(
    catalogue: Catalogue,
    query: Query,
    paths: Sequence[str],
    model: str | None = None,
    *,
    other_artists: bool = False,
) -> Found:
    """Find the tracks most similar to all of some files, which are left out; the query holds, too.

    With ``other_artists`` all that is by theirs is left out. See :func:`intensities_of` for a path
    and ``model``, and with :func:`find` for what is raised.
    """
    likes, rows = zip(*(intensities_of(catalogue, path, model) for path in paths), strict=True)
    known = [row for row in rows if row is not None]
    if other_artists:
        theirs = (name for row in known for name in row.tags.artist.split(DIVIDER))
        query = replace(query, not_by=(*query.not_by, *theirs))
    limit = None if query.limit is None else query.limit + len(known)
    found = find(catalogue, replace(query, like=np.stack(likes), limit=limit))
    others = np.isin(found.ids, [row.id for row in known], invert=True)
    ids, distances = found.ids[others][: query.limit], found.distances[others][: query.limit]
    return Found(ids, distances, found.refused)


def words_of(path: str = "", artist: str = "", text: str = "") -> tuple[tuple[str, str], ...]:
    """Return the words of a query from parts of the path, the artist, and any text.

    A path may be an address.
    """
    pairs = (("path", local_path(path)), ("artist", artist), ("", text))
    return tuple((field, words) for field, words in pairs if words)


def emotion_index(name: str) -> int:
    """Return the number of an emotion; spaces and hyphens may stand for underscores.

    Raises
    ------
    CatalogueError
        There is none of this name.
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    if plain not in EMOTIONS:
        raise CatalogueError(
            f"there is no emotion '{printable(name)}'; {choose_from(plain, EMOTIONS)}"
        )
    return EMOTIONS.index(plain)


def distances_to(values: Array, target: Array) -> Array:
    """Return the Euclidean distance of each row of (n, 9) from a row (9,), shape (n,)."""
    # As sums of columns, because a copy of the whole would take longer than the arithmetic.
    total = np.zeros(len(values), np.float32)
    for column, wanted in zip(values.T, target, strict=True):
        difference = column - wanted
        total += difference * difference
    return np.sqrt(total)


def _feeling(vectors: Vectors, query: Query, among: Ids | None) -> Vectors:
    """Return the tracks that feel as asked."""
    kept = np.ones(len(vectors), bool) if among is None else np.isin(vectors.ids, among)
    for name in query.feels:
        column = vectors.values[:, emotion_index(name)]
        kept &= column >= _threshold(column, query.at_least)
    for name in query.unfelt:
        column = vectors.values[:, emotion_index(name)]
        kept &= column <= _threshold(column, query.at_most)
    return vectors.where(kept)


def _scores(catalogue: Catalogue, query: Query, chosen: Vectors) -> tuple[Array, Array | None]:
    """Return how much tracks feel as asked and, where that is a standing, their intensities.

    ``chosen`` are the tracks, with what they were compared by.
    """
    scores = _total(chosen, query)
    if query.by == "standing":
        return scores, _total(load_vectors(catalogue, among=chosen.ids), query)
    if query.by is None and query.feels and query.at_least is None:
        standing = load_vectors(catalogue, "standing", chosen.ids)
        if len(standing) == len(chosen):
            return _total(standing, query), scores
    return scores, None


def _total(vectors: Vectors, query: Query) -> Array:
    """Return how much tracks feel what is felt or, where nothing is, how little what is not."""
    sign = 1 if query.feels else -1
    columns = [vectors.values[:, emotion_index(name)] for name in query.feels or query.unfelt]
    return np.asarray(sign * sum(columns), np.float32)


def _threshold(column: Array, given: float | None) -> np.float32:
    if given is not None:
        return np.float32(given)
    return np.float32(np.median(column)) if len(column) else np.float32(0.0)


def _first(scores: Array, limit: int | None, ties: Array | None = None) -> NDArray[np.intp]:
    """Return the places of the smallest scores in order, ``limit`` at most.

    Of equal scores the smaller in ``ties`` comes first, of equal ones there the first.
    """
    places = np.arange(len(scores))
    if limit == 0:
        return places[:0]
    if limit is not None and limit < len(scores):
        places = np.flatnonzero(scores <= np.partition(scores, limit - 1)[limit - 1])
    if ties is None:
        return places[np.argsort(scores[places], kind="stable")][:limit]
    return places[np.lexsort((ties[places], scores[places]))][:limit]


def _among(catalogue: Catalogue, query: Query) -> Ids | None:
    """Return the tracks with a query's words and numbers, also missing ones; ``None`` is all."""
    found = []
    if query.words:
        found.append(tracks_with(catalogue, query.words, accents=query.accents))
    if query.within:
        ranges = ((each.name, each.low, each.high) for each in query.within)
        found.append(tracks_within(catalogue, ranges))
    among = reduce(np.intersect1d, found) if found else None
    if query.not_by:
        among = load_vectors(catalogue).ids if among is None else among
        by = tracks_by(catalogue, query.not_by, accents=query.accents)
        among = np.setdiff1d(among, by, assume_unique=True)
    return among


def intensities_of(
    catalogue: Catalogue, path: str, model: str | None = None
) -> tuple[Array, CatalogueTrack | None]:
    """Return the intensities of any audio file, shape (9,), and its row if it is catalogued.

    A file that sounds the same as a catalogued one (a copy, a moved or retagged file) is not
    predicted; others are, by the model of this name or folder, by default the shipped one with the
    name of the catalogue's.

    Raises
    ------
    AudioError
        The file cannot be heard.
    ModelError
        There is no such model.
    MusicEmotionError
        The file is silent.
    CatalogueError
        The model is not the one that predicted the catalogue, so that nothing can be compared.
    """
    path = local_path(path)
    row = catalogue.track(absolute(path)) or catalogue.track(os.path.realpath(path))
    if row is not None and row.prediction is not None:
        return _audible(row.prediction, path), row
    with suppress(OSError):  # the model says what is wrong with the file
        for copy in catalogue.with_audio(audio_digest(path)):
            if copy.prediction is not None:
                return _audible(copy.prediction, path), None
    from music_emotion.inference.model import DEFAULT_MODEL, load_model

    names = catalogue.models()
    chosen = load_model(model or next(iter(names.values()), DEFAULT_MODEL))
    card = chosen.card
    if names and card.sha256 not in names:
        raise CatalogueError(
            f"the catalogue was predicted by {printable(', '.join(names.values()))}, not by "
            f"'{card.name}' version {card.version}; name its folder with --model, or scan again"
        )
    return _audible(chosen.predict(path), path), None


def _audible(prediction: TrackPrediction, path: str) -> Array:
    """Return the intensities of a track; of silence there are none to compare."""
    if prediction.top is None:
        raise MusicEmotionError(f"'{printable(path)}' is silent; name a file that can be heard")
    return prediction.intensities

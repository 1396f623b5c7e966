"""Find tracks in a catalogue: by emotion, by similarity, by words in path and tags."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import local_path
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MusicEmotionError, choose_from, printable
from music_emotion.inference.prediction import DIGITS, INTENSITY_COLUMNS, STANDING_COLUMNS
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.schema import BLOCK_TRACKS
from music_emotion.library.track import CatalogueTrack
from music_emotion.library.walk import absolute

NO_UTF8 = re.compile("[\udc80-\udcff]+")  # bytes of a path, as Python has them
TRIGRAM = 3  # characters; the index of words knows none that are shorter
WORD_COLUMNS = ("path", "artist", "album", "title", "genre")

Kind = Literal["intensities", "probabilities", "standing"]
KINDS: Mapping[Kind, tuple[str, ...]] = {
    "intensities": INTENSITY_COLUMNS,
    "probabilities": EMOTIONS,
    "standing": STANDING_COLUMNS,
}
"""What tracks are compared by, a column of the table "vector", and those of "prediction" in it."""

SCALES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0), "familiarity": (0.0, 1.0)}
"""Numbers by which :class:`Range` finds, and what each lies between."""

Array = NDArray[np.float32]


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
        Intensities of a track, shape (9,): the most similar come first.
    words
        Pairs of a column of :data:`WORD_COLUMNS` and a part of its text, upper or lower case;
        ``""`` as the column is any of them.
    failed
        Files that could not be predicted, instead of those that could or could not.
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
    failed: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A track that was found, and how far it is from the one it should be like."""

    track: CatalogueTrack
    distance: float | None = None


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
        Euclidean, of their intensities from ``like``, shape (n,); empty without ``like``.
    """

    ids: NDArray[np.int64]
    distances: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def hits(self, catalogue: Catalogue) -> Iterator[Hit]:
        """Yield the tracks, each read from the catalogue as it is asked for."""
        distance = dict(zip(self.ids.tolist(), self.distances.tolist(), strict=False))
        for track in catalogue.tracks(self.ids.tolist()):
            yield Hit(track, distance.get(track.id or 0))


def find(catalogue: Catalogue, query: Query) -> Found:
    """Find tracks that are there; see :class:`Query`.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    MusicEmotionError
        There is no such emotion.
    """
    by_emotion = bool(query.feels or query.unfelt)
    if not by_emotion and query.like is None:
        everything = -1 if query.limit is None else query.limit
        return Found(_matching(catalogue, query, everything))
    among = None
    if query.words or query.within or query.failed:
        among = _matching(catalogue, query, None)
    if by_emotion:
        chosen = _feeling(load_vectors(catalogue, query.by or "intensities"), query, among)
        if query.like is None:
            scores, ties = _scores(catalogue, query, chosen)
            return Found(chosen.ids[_first(-scores, query.limit, None if ties is None else -ties)])
        among = chosen.ids
    vectors = load_vectors(catalogue)
    if among is not None:
        vectors = vectors.of(among)
    distances = distances_to(vectors.values, np.asarray(query.like, np.float32))
    best = _first(distances, query.limit)
    return Found(vectors.ids[best], distances[best])


def find_similar(catalogue: Catalogue, query: Query, path: str, model: str | None = None) -> Found:
    """Find the tracks most similar to a file, which itself is left out; the query holds, too.

    See :func:`intensities_of` for ``path`` and ``model``, and with :func:`find` for what is raised.
    """
    intensities, row = intensities_of(catalogue, path, model)
    limit = query.limit if query.limit is None or row is None else query.limit + 1
    found = find(catalogue, replace(query, like=intensities, limit=limit))
    others = found.ids != (-1 if row is None else row.id)
    return Found(found.ids[others][: query.limit], found.distances[others][: query.limit])


def words_of(path: str = "", artist: str = "", text: str = "") -> tuple[tuple[str, str], ...]:
    """Return the words of a query from parts of the path, the artist, and any text.

    A path may be an address; of one that is no UTF-8, what lies between such bytes is looked for.
    """
    parts = NO_UTF8.split(local_path(path))
    pairs = (*(("path", part) for part in parts), ("artist", artist), ("", text))
    return tuple((column, words) for column, words in pairs if words)


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


def distances_to(values: Array, target: Array) -> NDArray[np.float32]:
    """Return the Euclidean distance of each row of (n, 9) from a row (9,), shape (n,)."""
    # As sums of columns, because a copy of the whole would take longer than the arithmetic.
    total = np.zeros(len(values), np.float32)
    for column, wanted in zip(values.T, target, strict=True):
        difference = column - wanted
        total += difference * difference
    return np.sqrt(total)


def _feeling(vectors: Vectors, query: Query, among: NDArray[np.int64] | None) -> Vectors:
    """Return the tracks that feel as asked."""
    kept = np.ones(len(vectors), bool) if among is None else np.isin(vectors.ids, among)
    for name in query.feels:
        column = vectors.values[:, emotion_index(name)]
        kept &= column >= _threshold(column, query.at_least)
    for name in query.unfelt:
        column = vectors.values[:, emotion_index(name)]
        kept &= column <= _threshold(column, query.at_most)
    return Vectors(vectors.ids[kept], vectors.values[kept])


def _scores(catalogue: Catalogue, query: Query, chosen: Vectors) -> tuple[Array, Array | None]:
    """Return how much tracks feel as asked and, where that is a standing, their intensities.

    ``chosen`` are the tracks, with what they were compared by.
    """
    scores = _total(chosen, query)
    if query.by == "standing":
        return scores, _total(load_vectors(catalogue).of(chosen.ids), query)
    if query.by is None and query.feels and query.at_least is None:
        standing = load_vectors(catalogue, "standing").of(chosen.ids)
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


def _matching(catalogue: Catalogue, query: Query, limit: int | None) -> NDArray[np.int64]:
    """Return the tracks with a query's words and numbers, as they were catalogued.

    Without a limit, words alone may also give tracks that are missing.
    """
    conditions, values = ["missing_since IS NULL"], list[str | float]()
    if query.failed:
        conditions.append("error <> ''")
    if query.within:
        # As they are shown; a bound that was read off a list finds what it was read from.
        between = (f"round({each.name}, {DIGITS}) BETWEEN ? AND ?" for each in query.within)
        numbers = " AND ".join(between)
        conditions.append(f"id IN (SELECT track FROM prediction WHERE {numbers})")
        values += [bound for each in query.within for bound in (each.low, each.high)]
    indexed = [pair for pair in query.words if len(pair[1]) >= TRIGRAM]
    if indexed:
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" AND ".join(_phrase(column, text) for column, text in indexed))
    for column, text in query.words:
        if text and len(text) < TRIGRAM:
            columns = (column,) if column else WORD_COLUMNS
            anywhere = " OR ".join(f"instr(lower({name}), lower(?)) > 0" for name in columns)
            conditions.append(f"({anywhere})")
            values += [_unicode(text)] * len(columns)
    question = f"SELECT id FROM track WHERE {' AND '.join(conditions)} ORDER BY id"
    if limit is None and len(conditions) == 2 and indexed:
        # All matches are compared with the vectors, which leave out what is missing.
        question = "SELECT rowid FROM words WHERE words MATCH ?"
    with catalogue.faults():
        rows = catalogue.connection.execute(
            f"{question} LIMIT ?", (*values, -1 if limit is None else limit)
        )
        return np.fromiter((number for (number,) in rows), np.int64)


def _phrase(column: str, text: str) -> str:
    """Return a part of a text as FTS5 asks for it."""
    quoted = '"' + _unicode(text).replace('"', '""') + '"'
    return f"{column} : {quoted}" if column else quoted


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


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
    CatalogueError
        The model is not the one that predicted the catalogue, so that nothing can be compared.
    """
    path = local_path(path)
    row = catalogue.track(absolute(path)) or catalogue.track(os.path.realpath(path))
    if row is not None and row.prediction is not None:
        return row.prediction.intensities, row
    with suppress(OSError):  # the model says what is wrong with the file
        for copy in catalogue.with_audio(audio_digest(path)):
            if copy.prediction is not None:
                return copy.prediction.intensities, None
    from music_emotion.inference.model import DEFAULT_MODEL, load_model

    names = catalogue.models()
    chosen = load_model(model or next(iter(names.values()), DEFAULT_MODEL))
    card = chosen.card
    if names and card.sha256 not in names:
        raise CatalogueError(
            f"the catalogue was predicted by {printable(', '.join(names.values()))}, not by "
            f"'{card.name}' version {card.version}; name its folder with --model, or scan again"
        )
    return chosen.predict(path).intensities, None


# The numbers of all tracks as one array


@dataclass(frozen=True, slots=True)
class Vectors:
    """Nine numbers of each track that is there and has them; see :data:`KINDS`.

    ``ids`` are the numbers of the tracks' rows, rising, shape (n,); ``values`` are 0–1, (n, 9).
    """

    ids: NDArray[np.int64]
    values: Array

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        """Return those of some tracks."""
        kept = np.isin(self.ids, ids)
        return Vectors(self.ids[kept], self.values[kept])


def load_vectors(catalogue: Catalogue, kind: Kind = "intensities") -> Vectors:
    """Read the numbers of all tracks.

    Blocks that are out of date are read from the predictions and not written;
    :func:`refresh_vectors` does.
    """
    with catalogue.faults():
        stored = dict(catalogue.connection.execute(f"SELECT block, {kind} FROM vector"))
        blocks = [
            _block_of(stored[block]) if block in stored else _read_block(catalogue, block)[kind]
            for block in _blocks(catalogue)
        ]
    if not blocks:
        return Vectors(np.zeros(0, np.int64), np.zeros((0, len(EMOTIONS)), np.float32))
    values = np.concatenate(blocks)
    there = np.flatnonzero(~np.isnan(values[:, 0]))
    return Vectors(there, values if len(there) == len(values) else values[there])


def refresh_vectors(catalogue: Catalogue) -> None:
    """Bring the table of vectors up to date, block by block."""
    with catalogue.faults():
        stored = {block for (block,) in catalogue.connection.execute("SELECT block FROM vector")}
        for block in _blocks(catalogue):
            if block in stored:
                continue
            with catalogue.writing():
                arrays = _read_block(catalogue, block)
                catalogue.connection.execute(
                    f"INSERT OR REPLACE INTO vector (block, {', '.join(arrays)}) "
                    f"VALUES (?{', ?' * len(arrays)})",
                    (block, *map(_stored_block, arrays.values())),
                )


def _stored_block(values: Array) -> bytes:
    """Return a block as it is stored: little-endian, or nothing where nothing is known."""
    return b"" if np.isnan(values).all() else values.astype("<f4").tobytes()


def _block_of(stored: bytes) -> Array:
    if not stored:
        return np.full((BLOCK_TRACKS, len(EMOTIONS)), np.nan, np.float32)
    return np.frombuffer(stored, "<f4").reshape(-1, len(EMOTIONS))


def _blocks(catalogue: Catalogue) -> range:
    (last,) = catalogue.connection.execute("SELECT max(id) FROM track").fetchone()
    return range(0 if last is None else last // BLOCK_TRACKS + 1)


def _read_block(catalogue: Catalogue, block: int) -> dict[Kind, Array]:
    columns = [name for names in KINDS.values() for name in names]
    rows = catalogue.connection.execute(
        f"SELECT p.track, {', '.join(columns)} FROM prediction AS p "
        "JOIN track AS t ON t.id = p.track "
        "WHERE p.track >= ? AND p.track < ? AND t.missing_since IS NULL",
        (block * BLOCK_TRACKS, (block + 1) * BLOCK_TRACKS),
    ).fetchall()
    values = np.full((BLOCK_TRACKS, len(columns)), np.nan, np.float32)
    if rows:
        table = np.array(rows, np.float64)  # None is NaN
        values[table[:, 0].astype(np.int64) - block * BLOCK_TRACKS] = table[:, 1:]
    return dict(zip(KINDS, np.hsplit(values, len(KINDS)), strict=True))

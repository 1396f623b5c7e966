"""Find tracks in a catalogue: by emotion, by similarity, by words in path and tags."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import local_path
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.prediction import INTENSITY_COLUMNS
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import BLOCK_TRACKS, Catalogue
from music_emotion.library.track import CatalogueTrack
from music_emotion.library.walk import absolute

NO_UTF8 = re.compile("[\udc80-\udcff]+")  # bytes of a path, as Python has them
TRIGRAM = 3  # characters; the index of words knows none that are shorter
WORD_COLUMNS = ("path", "artist", "album", "title", "genre")

Kind = Literal["intensities", "probabilities"]
KINDS: tuple[Kind, ...] = ("intensities", "probabilities")
Array = NDArray[np.float32]


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
        What is compared: intensities (the share of listeners who feel an emotion) or
        probabilities (that it is the one most of them name).
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
    by: Kind = "intensities"
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
        ``feels`` those that feel it most, with ``unfelt`` least, else as they were catalogued.
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
        return Found(_matching(catalogue, query.words, query.failed, everything))
    among = None
    if query.words or query.failed:
        among = _matching(catalogue, query.words, query.failed, None)
    if by_emotion:
        chosen, scores = _feeling(load_vectors(catalogue, query.by), query, among)
        if query.like is None:
            return Found(chosen[_first(-scores, query.limit)])
        among = np.sort(chosen)
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
            f"there is no emotion '{printable(name)}'; choose from: {', '.join(EMOTIONS)}"
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


def _feeling(
    vectors: Vectors, query: Query, among: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], Array]:
    """Return the tracks that feel as asked, and how much."""
    felt = [vectors.values[:, emotion_index(name)] for name in query.feels]
    unfelt = [vectors.values[:, emotion_index(name)] for name in query.unfelt]
    kept = np.ones(len(vectors), bool) if among is None else np.isin(vectors.ids, among)
    for column in felt:
        kept &= column >= _threshold(column, query.at_least)
    for column in unfelt:
        kept &= column <= _threshold(column, query.at_most)
    scores = sum(felt) if felt else -sum(unfelt)
    return vectors.ids[kept], np.asarray(scores, np.float32)[kept]


def _threshold(column: Array, given: float | None) -> np.float32:
    if given is not None:
        return np.float32(given)
    return np.float32(np.median(column)) if len(column) else np.float32(0.0)


def _first(scores: Array, limit: int | None) -> NDArray[np.intp]:
    """Return the places of the smallest scores in order, ``limit`` at most; equal ones as given."""
    if limit is None or limit >= len(scores):
        return np.argsort(scores, kind="stable")
    if limit == 0:
        return np.zeros(0, np.intp)
    edge = np.partition(scores, limit - 1)[limit - 1]
    places = np.flatnonzero(scores <= edge)
    return places[np.argsort(scores[places], kind="stable")][:limit]


def _matching(
    catalogue: Catalogue, words: Sequence[tuple[str, str]], failed: bool, limit: int | None
) -> NDArray[np.int64]:
    """Return the tracks with these words, as they were catalogued.

    Without a limit, words alone may also give tracks that are missing.
    """
    conditions, values = ["missing_since IS NULL"], list[str]()
    if failed:
        conditions.append("error <> ''")
    indexed = [pair for pair in words if len(pair[1]) >= TRIGRAM]
    if indexed:
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" AND ".join(_phrase(column, text) for column, text in indexed))
    for column, text in words:
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
    """Nine intensities or probabilities of each track that is there and has a prediction.

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
            np.frombuffer(stored[block], "<f4").reshape(-1, len(EMOTIONS))
            if block in stored
            else _read_block(catalogue, block)[kind]
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
                    f"INSERT OR REPLACE INTO vector (block, {', '.join(KINDS)}) VALUES (?, ?, ?)",
                    (block, *(arrays[kind].astype("<f4").tobytes() for kind in KINDS)),
                )


def _blocks(catalogue: Catalogue) -> range:
    (last,) = catalogue.connection.execute("SELECT max(id) FROM track").fetchone()
    return range(0 if last is None else last // BLOCK_TRACKS + 1)


def _read_block(catalogue: Catalogue, block: int) -> dict[Kind, Array]:
    rows = catalogue.connection.execute(
        f"SELECT p.track, {', '.join((*INTENSITY_COLUMNS, *EMOTIONS))} FROM prediction AS p "
        "JOIN track AS t ON t.id = p.track "
        "WHERE p.track >= ? AND p.track < ? AND t.missing_since IS NULL",
        (block * BLOCK_TRACKS, (block + 1) * BLOCK_TRACKS),
    ).fetchall()
    values = np.full((BLOCK_TRACKS, 2 * len(EMOTIONS)), np.nan, np.float32)
    if rows:
        table = np.array(rows, np.float64)
        values[table[:, 0].astype(np.int64) - block * BLOCK_TRACKS] = table[:, 1:]
    return dict(zip(KINDS, np.hsplit(values, 2), strict=True))

"""What is to be said of an answer: why it is empty, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import printable
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import Found, Query, Range, emotion_index, find
from music_emotion.library.track import count_of, file_count
from music_emotion.library.vectors import load_vectors
from music_emotion.library.words import tracks_with

NOTHING = "nothing is found: "


def remarks(catalogue: Catalogue, query: Query, found: Found) -> list[str]:
    """Return what is to be said of what a query found, in lines.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    if not len(found):
        return [
            f"{NOTHING}{_refused(found, query)}" if found.refused else why_nothing(catalogue, query)
        ]
    lines = [_refused(found, query)] if found.refused else []
    compared = query.feels or query.unfelt or query.within or len(found.distances)
    if not (query.broken or compared) and (count := broken_among(catalogue, query)):
        lines.append(f"left out {count_of(count, 'broken file')}; --broken shows which")
    return lines


def why_empty(catalogue: Catalogue, query: Query) -> str:
    """Return in words why a query finds nothing; ``""`` where it finds something.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    found = find(catalogue, query)
    return "" if len(found) else remarks(catalogue, query, found)[0].removeprefix(NOTHING)


def _refused(found: Found, query: Query) -> str:
    """Say how many tracks were not taken, and which options take them."""
    tracks = "1 track that is" if found.refused == 1 else f"{found.refused:,} tracks that are"
    *others, last = query.taken.options()
    options = f"{', '.join(others)} and {last} say" if others else f"{last} says"
    return f"left out {tracks} {query.taken}; {options} otherwise"


def why_nothing(catalogue: Catalogue, query: Query) -> str:
    """Return in a line why a query that found nothing did so.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    if query.limit == 0:
        return "nothing is shown, as was asked for"
    if not len(catalogue):
        return "the catalogue is empty; fill it: music-emotion scan FOLDER"
    if query.broken:
        return _no_broken(catalogue)
    if not len(find(catalogue, Query(limit=1))):
        return f"{NOTHING}of {file_count(len(catalogue))} {_away(catalogue)}"
    conditions = list(_conditions(query))
    for alone, what in conditions:
        if not len(find(catalogue, replace(alone, limit=1))):
            return f"{NOTHING}{_why_none(catalogue, alone, what)}"
    if len(conditions) < 2:
        return f"{NOTHING}there is no other track"
    counts = (f"{what}: {len(find(catalogue, alone)):,}" for alone, what in conditions)
    return f"{NOTHING}no track is all of it ({'; '.join(counts)})"


def broken_among(catalogue: Catalogue, query: Query) -> int:
    """Return how many broken files have a query's words, and are left out for being broken."""
    return len(find(catalogue, Query(words=query.words, accents=query.accents, broken=True)))


def _conditions(query: Query) -> Iterator[tuple[Query, str]]:
    """Yield each of a query's conditions as a query of its own, and in words."""
    bare = Query(accents=query.accents, by=query.by)
    for field, text in query.words:
        shown = f"'{printable(text)}' in its {field or 'path and tags'}"
        yield replace(bare, words=((field, text),)), shown
    if query.not_by:
        yield replace(bare, not_by=query.not_by), "by other artists"
    for within in query.within:
        yield replace(bare, within=(within,)), f"{within.name} {within.low:g} to {within.high:g}"
    for name in query.feels:
        least = "its median" if query.at_least is None else f"{query.at_least:g}"
        alone = replace(bare, feels=(name,), at_least=query.at_least)
        yield alone, f"{EMOTIONS[emotion_index(name)]} at least {least}"
    for name in query.unfelt:
        most = "its median" if query.at_most is None else f"{query.at_most:g}"
        alone = replace(bare, unfelt=(name,), at_most=query.at_most)
        yield alone, f"{EMOTIONS[emotion_index(name)]} at most {most}"


def _why_none(catalogue: Catalogue, query: Query, what: str) -> str:
    """Say why a single condition is true of no track."""
    if query.words:
        return f"no track has {what}{_other_words(catalogue, query)}"
    if query.not_by:
        return "no track is by other artists than those of --not-artist"
    if query.within:
        return _out_of_range(catalogue, query.within[0])
    values = load_vectors(catalogue, query.by or "intensities").values
    if not len(values):
        return "no track's standing is known; predict anew: music-emotion scan --again"
    column = values[:, emotion_index((query.feels or query.unfelt)[0])]
    bound, which = (column.max(), "most") if query.feels else (column.min(), "least")
    return f"no track has {what}; the {which} is {bound:.3g}"


def _other_words(catalogue: Catalogue, query: Query) -> str:
    """Say where the words are that no sound track has."""
    ids = tracks_with(catalogue, query.words, accents=query.accents)
    if broken := len(np.intersect1d(ids, catalogue.broken())):
        return f", but {file_count(broken)} that --broken lists"
    if len(ids):
        return f", but {file_count(len(ids))} that {_are(len(ids))} missing"
    if query.accents and len(tracks_with(catalogue, query.words, accents=False)):
        return "; with --ignore-accents there is something"
    return ""


def _out_of_range(catalogue: Catalogue, within: Range) -> str:
    name = within.name
    question = f"SELECT min({name}), max({name}) FROM prediction"
    with catalogue.faults():
        least, most = catalogue.connection.execute(question).fetchone()
    if least is None:
        return f"no track's {name} is known; predict anew: music-emotion scan --again"
    return (
        f"no track's {name} is between {within.low:g} and {within.high:g}; they are from "
        f"{least:.3g} to {most:.3g}"
    )


def _no_broken(catalogue: Catalogue) -> str:
    count = len(catalogue.broken())
    return (
        f"none of {file_count(count)} that {_are(count)} broken has these words"
        if count
        else ("no file is broken")
    )


def _away(catalogue: Catalogue) -> str:
    broken = len(catalogue.broken())
    with catalogue.faults():
        (missing,) = catalogue.connection.execute(
            "SELECT count(*) FROM track WHERE missing_since IS NOT NULL"
        ).fetchone()
    parts = [f"{missing:,} {_are(missing)} missing"] if missing else []
    parts += [f"{broken:,} {_are(broken)} broken (--broken lists them)"] if broken else []
    return " and ".join(parts) or "none is predicted"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"

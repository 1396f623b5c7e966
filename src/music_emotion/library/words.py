"""Find words in paths and tags, whatever their case and the way their accents are written.

Text is compared as :mod:`.folding` has it. That of all tracks lies in blocks in the catalogue's
table "text", which is derived: triggers delete a block when the text of one of its tracks changes,
and what is gone is read from the tracks themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from music_emotion.library.catalogue import Catalogue
from music_emotion.library.folding import folded, plain
from music_emotion.library.schema import BLOCK_TRACKS
from music_emotion.library.track import TEXT_TAGS, restored_path

FIELDS = ("path", *TEXT_TAGS)
BETWEEN = "\0"  # two tracks of a block; no path holds it

Texts = Mapping[str, tuple[bytes, bytes]]
"""Folded and plain text of a block's tracks by field; nothing for plain where it is the same."""


def tracks_with(
    catalogue: Catalogue, words: tuple[tuple[str, str], ...], *, accents: bool = True
) -> NDArray[np.int64]:
    """Return the numbers of the rows whose text has all words, rising; also of missing files.

    Parameters
    ----------
    words
        Pairs of a field of :data:`FIELDS`, or ``""`` for any of them, and what it must hold.
    accents
        Whether they count.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    wanted = [(FIELDS if not field else (field,), _sought(text, accents)) for field, text in words]
    fields = tuple(dict.fromkeys(field for some, _ in wanted for field in some))
    found = [np.zeros(0, np.int64)]
    with catalogue.faults():
        for block, texts in _blocks(catalogue, fields):
            lines = {field: _lines(texts[field], accents) for field in fields}
            each = [_any([lines[field] for field in some], sought) for some, sought in wanted]
            here = np.flatnonzero(reduce(np.logical_and, each))
            found.append(here + block * BLOCK_TRACKS)
    return np.concatenate(found)


def tracks_by(
    catalogue: Catalogue, artists: Iterable[str], *, accents: bool = True
) -> NDArray[np.int64]:
    """Return the numbers of the rows by artists, rising; also of missing files.

    A name must stand among the artists in whole words: of ``M``, a track by ``M & Friends`` is
    one, by ``Madonna`` it is none.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    found = [np.zeros(0, np.int64)]
    for artist in artists:
        compared = folded(artist) if accents else plain(folded(artist))
        whole = re.compile(rf"(?<!\w){re.escape(compared.strip())}(?!\w)")
        some = tracks_with(catalogue, (("artist", artist.strip()),), accents=accents)
        for numbers, columns in catalogue.columns(some.tolist(), ("artist",)):
            names = (folded(name) for name in columns["artist"])
            texts = names if accents else map(plain, names)
            by = [bool(whole.search(text)) for text in texts]
            found.append(np.array(numbers, np.int64)[by])
    return np.unique(np.concatenate(found))


def _sought(text: str, accents: bool) -> bytes:
    text = folded(text.replace(BETWEEN, " "))
    return _bytes(text if accents else plain(text))


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, which nothing holds
        return text.encode("utf-8", "surrogatepass")


def _lines(texts: tuple[bytes, bytes], accents: bool) -> bytes:
    """Return the text to look into; plain text is stored only where it differs."""
    exact, bare = texts
    return exact if accents or not bare else bare


def _any(texts: list[bytes], sought: bytes) -> NDArray[np.bool_]:
    """Whether each track of a block has a text in one of its fields."""
    found = np.zeros(BLOCK_TRACKS, bool)
    for text in texts:
        if sought in text:
            found |= np.array([sought in line for line in text.split(_BETWEEN)])
    return found


_BETWEEN = BETWEEN.encode()


# Blocks


def refresh_text(catalogue: Catalogue) -> None:
    """Bring the table of text up to date, block by block."""
    with catalogue.faults():
        stored = {n for (n,) in catalogue.connection.execute("SELECT DISTINCT block FROM text")}
        for block in catalogue.blocks():
            if block not in stored:
                with catalogue.writing():
                    texts = _read_block(catalogue, block)
                    catalogue.connection.executemany(
                        "INSERT OR REPLACE INTO text (block, field, folded, plain) "
                        "VALUES (?, ?, ?, ?)",
                        ((block, field, *pair) for field, pair in texts.items()),
                    )


def _blocks(catalogue: Catalogue, fields: tuple[str, ...]) -> Iterator[tuple[int, Texts]]:
    marks = ", ".join("?" * len(fields))
    question = f"SELECT field, folded, plain FROM text WHERE block = ? AND field IN ({marks})"
    for block in catalogue.blocks():
        rows = catalogue.connection.execute(question, (block, *fields))
        texts = {field: (exact, bare) for field, exact, bare in rows}
        yield block, texts if len(texts) == len(fields) else _read_block(catalogue, block)


def _read_block(catalogue: Catalogue, block: int) -> Texts:
    """Make a block's text from its tracks."""
    lines = {field: [""] * BLOCK_TRACKS for field in FIELDS}
    rows = catalogue.connection.execute(
        f"SELECT id, {', '.join(FIELDS)} FROM track WHERE id >= ? AND id < ?",
        (block * BLOCK_TRACKS, (block + 1) * BLOCK_TRACKS),
    )
    for number, path, *tags in rows:
        texts = (restored_path(path), *(tag.replace(BETWEEN, " ") for tag in tags))
        for field, text in zip(FIELDS, texts, strict=True):
            lines[field][number - block * BLOCK_TRACKS] = text
    return {field: _folded_lines(BETWEEN.join(lines[field])) for field in FIELDS}


def _folded_lines(text: str) -> tuple[bytes, bytes]:
    exact = folded(text)
    bare = plain(exact)
    return _bytes(exact), b"" if bare == exact else _bytes(bare)

"""Find words in paths and tags, whatever their case and the way their accents are written.

Text is compared as :mod:`.folding` has it. That of all tracks lies in blocks in the catalogue's
table "text", which is derived: triggers delete a block when the text of one of its tracks changes,
and what is gone or damaged is read from the tracks themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from music_emotion.library.catalogue import Catalogue
from music_emotion.library.checksums import block_checksum, pack_checksums, unpack_checksums
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
    for artist in filter(str.strip, artists):
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
    """Bring the table of text up to date, block by block; what is damaged is made anew."""
    with catalogue.faults():
        for block in catalogue.blocks():
            if len(_stored(catalogue, block, FIELDS, sealed=True)) == len(FIELDS):
                continue
            with catalogue.writing():
                texts = _read_block(catalogue, block)
                catalogue.connection.execute("DELETE FROM text WHERE block = ?", (block,))
                catalogue.connection.executemany(
                    "INSERT INTO text (block, field, folded, plain, checksums) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (
                        (block, field, *pair, pack_checksums(_checksums(block, field, *pair)))
                        for field, pair in texts.items()
                    ),
                )


def damaged_text(catalogue: Catalogue) -> list[int]:
    """Return the numbers of the blocks of text that are damaged."""
    with catalogue.faults():
        return [block for block in catalogue.blocks() if _is_damaged(catalogue, block)]


def _is_damaged(catalogue: Catalogue, block: int) -> bool:
    question = "SELECT count(*) FROM text WHERE block = ?"
    (count,) = catalogue.connection.execute(question, (block,)).fetchone()
    return bool(count) and len(_stored(catalogue, block, FIELDS)) != len(FIELDS)


def _blocks(catalogue: Catalogue, fields: tuple[str, ...]) -> Iterator[tuple[int, Texts]]:
    for block in catalogue.blocks():
        texts = _stored(catalogue, block, fields)
        yield block, texts if len(texts) == len(fields) else _read_block(catalogue, block)


def _stored(
    catalogue: Catalogue, block: int, fields: tuple[str, ...], *, sealed: bool = False
) -> Texts:
    """Return the fields of a block that are stored and whole; only ``sealed`` ones, if asked."""
    marks = ", ".join("?" * len(fields))
    rows = catalogue.connection.execute(
        f"SELECT field, folded, plain, checksums FROM text WHERE block = ? AND field IN ({marks})",
        (block, *fields),
    )
    texts = {}
    for field, exact, bare, stored in rows:
        is_text = isinstance(exact, bytes) and isinstance(bare, bytes)
        if is_text and stored is None:
            is_text = exact.count(_BETWEEN) == BLOCK_TRACKS - 1
        elif is_text:
            is_text = unpack_checksums(stored) == _checksums(block, field, exact, bare)
        if not is_text:
            catalogue.damaged.add("text")
        elif stored is not None or not sealed:
            texts[field] = exact, bare
    return texts


def _checksums(block: int, field: str, exact: bytes, bare: bytes) -> tuple[int, ...]:
    pair = (("folded", exact), ("plain", bare))
    return tuple(block_checksum(block, f"{field} {name}", text) for name, text in pair)


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

"""What files say of themselves in tags that mutagen does not read.

``LIST INFO`` of WAV, text chunks of AIFF, the ``info`` chunk of CAF, tags of Matroska and WebM, and
APEv2 or ID3 tags around sound of other kinds, MP3 with ID3v1 or nothing else among them. Damaged
ones say what is whole.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from music_emotion.audio.lengths import LARGEST_32, chunks
from music_emotion.audio.tags_around import ReadAt

Words = dict[str, list[str]]
"""Values of artist, album, title, genre and date."""

TEXT_BYTES = 1 << 16  # of one value; what is longer is no name

_INFO = {b"IART": "artist", b"IPRD": "album", b"INAM": "title", b"IGNR": "genre", b"ICRD": "date"}
_AIFF = {b"NAME": "title", b"AUTH": "artist"}
_NAMED = {
    "ARTIST": "artist",
    "ALBUM": "album",
    "TITLE": "title",
    "GENRE": "genre",
    "DATE": "date",
    "DATE_RELEASED": "date",
    "DATE_RECORDED": "date",
    "RECORDED DATE": "date",
    "YEAR": "date",
}
"""Names that APEv2, Matroska and CAF have for words."""


def other_words(path: str) -> Words:
    """Return what a file says of itself where mutagen does not look; nothing where it does not.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        read = partial(_at, file)
        head = read(0, 12)
        words: Words = {}
        with suppress(struct.error, ValueError):
            if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:] == b"WAVE":
                _add(words, _riff(read, ">" if head[:4] == b"RIFX" else "<"))
            elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
                _add(words, _aiff(read))
            elif head[:4] == b"caff":
                _add(words, _caf(read))
            elif head[:4] == _ID["EBML"]:
                return _matroska(read, size)
    return words or _around(path)


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(max(0, offset))
    return file.read(length)


def _add(words: Words, found: Iterable[tuple[str, str]]) -> None:
    for name, text in found:
        if text := text.strip():
            words.setdefault(name, []).append(text)


def _text(data: bytes) -> str:
    """Return text that says not how it is written: UTF-8, else as Windows in the West has it."""
    data = data.split(b"\0", 1)[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _riff(read: ReadAt, order: str) -> Iterator[tuple[str, str]]:
    form, long, after = f"{order}4sI", 0, 0
    for position, name, size in chunks(read, 12, form):
        if name == b"ds64":
            (long,) = struct.unpack("<Q", read(position + 8, 8))
        if name == b"data" and size == LARGEST_32:
            after = position + long + long % 2 if long else 0
        yield from _info(read, position, name, size, form)
    if after:
        for position, name, size in chunks(read, after, form):
            yield from _info(read, position, name, size, form)


def _info(
    read: ReadAt, position: int, name: bytes, size: int, form: str
) -> Iterator[tuple[str, str]]:
    if name != b"LIST" or read(position, 4) != b"INFO":
        return
    for start, key, length in chunks(read, position + 4, form):
        if start + length > position + size:
            return
        if key in _INFO:
            yield _INFO[key], _text(read(start, min(length, TEXT_BYTES)))


def _aiff(read: ReadAt) -> Iterator[tuple[str, str]]:
    for position, name, size in chunks(read, 12, ">4sI"):
        if name in _AIFF:
            yield _AIFF[name], _text(read(position, min(size, TEXT_BYTES)))


def _caf(read: ReadAt) -> Iterator[tuple[str, str]]:
    for position, name, size in chunks(read, 8, ">4sQ", padding=1):
        if name == b"info":
            texts = read(position + 4, min(size - 4, TEXT_BYTES)).split(b"\0")
            for key, value in zip(texts[::2], texts[1::2], strict=False):
                if (known := _NAMED.get(_text(key).upper())) is not None:
                    yield known, _text(value)


# Matroska: elements of a number, a length, and contents that may be elements again

_ID = {
    name: bytes.fromhex(number)
    for name, number in {
        "EBML": "1A45DFA3",
        "Segment": "18538067",
        "Cluster": "1F43B675",
        "Info": "1549A966",
        "Title": "7BA9",
        "Tags": "1254C367",
        "Tag": "7373",
        "Targets": "63C0",
        "TargetTypeValue": "68CA",
        "TagEditionUID": "63C9",
        "TagChapterUID": "63C4",
        "TagAttachmentUID": "63C6",
        "SimpleTag": "67C8",
        "TagName": "45A3",
        "TagString": "4487",
    }.items()
}
_PARTS = (_ID["TagEditionUID"], _ID["TagChapterUID"], _ID["TagAttachmentUID"])
_ALBUM, _TRACK = 50, 30  # what a tag is about

Element = tuple[bytes, int, int]
"""Number, and where the contents begin and end."""


def _matroska(read: ReadAt, size: int) -> Words:
    """Return what is said of the track; then of the album; then the file's own title."""
    levels: dict[int, Words] = {_TRACK: {}, _ALBUM: {}, 0: {}}
    for number, start, end in _elements(read, 0, size, into=(_ID["Segment"],)):
        if number == _ID["Info"]:
            for inner, first, last in _elements(read, start, end):
                if inner == _ID["Title"]:
                    _add(levels[0], [("title", _utf8(read, first, last))])
        if number == _ID["Tags"]:
            for inner, first, last in _elements(read, start, end):
                if inner == _ID["Tag"]:
                    level, found = _tag(read, first, last)
                    _add(levels[level], found)
    words: Words = {}
    for level in (_TRACK, _ALBUM, 0):
        words = {**levels[level], **words}
    return words


def _tag(read: ReadAt, start: int, end: int) -> tuple[int, list[tuple[str, str]]]:
    level, found, is_part = _TRACK, [], False
    for number, first, last in _elements(read, start, end):
        if number == _ID["Targets"]:
            for inner, at, until in _elements(read, first, last):
                is_part |= inner in _PARTS
                if inner == _ID["TargetTypeValue"]:
                    value = int.from_bytes(read(at, min(8, until - at)), "big")
                    level = _ALBUM if value >= _ALBUM else _TRACK
        if number == _ID["SimpleTag"]:
            parts = {
                inner: _utf8(read, at, until) for inner, at, until in _elements(read, first, last)
            }
            known = _NAMED.get(parts.get(_ID["TagName"], "").upper())
            if known is not None:
                found.append((known, parts.get(_ID["TagString"], "")))
    if level == _ALBUM:  # whose title is the album's
        found = [("album" if known == "title" else known, text) for known, text in found]
    return level, [] if is_part else found


def _elements(
    read: ReadAt, position: int, end: int, into: tuple[bytes, ...] = ()
) -> Iterator[Element]:
    """Yield elements one after the other; those of ``into``, and endless ones, are gone into."""
    while position < end:
        head = read(position, 12)
        width = _width(head[:1])
        number, rest = head[:width], head[width:]
        length_width = _width(rest[:1])
        if len(rest) < length_width:  # cut off
            return
        length = int.from_bytes(rest[:length_width], "big") - (1 << 7 * length_width)
        position += width + length_width
        endless = length == (1 << 7 * length_width) - 1
        if number in into or endless:
            continue
        yield number, position, min(end, position + length)
        position += length


def _width(first: bytes) -> int:
    """Return the bytes of a number that says itself how long it is."""
    if not first or not first[0]:
        raise ValueError("no element")
    return 9 - first[0].bit_length()


def _utf8(read: ReadAt, start: int, end: int) -> str:
    return read(start, min(end - start, TEXT_BYTES)).split(b"\0", 1)[0].decode("utf-8", "replace")


# APEv2 and ID3 around sound of any kind


def _around(path: str) -> Words:
    words: Words = {}
    for name, values in _ape(path).items():
        if (known := _NAMED.get(str(name).upper())) is not None:
            _add(words, ((known, text) for text in str(values).split("\0")))
    for known, frame in {} if words else _ID3.items():
        _add(words, ((known, str(text)) for text in getattr(_id3(path).get(frame), "text", ())))
    return words


_ID3 = {"artist": "TPE1", "album": "TALB", "title": "TIT2", "genre": "TCON", "date": "TDRC"}


def _ape(path: str) -> Mapping[str, Any]:
    from mutagen.apev2 import APEv2

    return _read(APEv2, path)


def _id3(path: str) -> Mapping[str, Any]:
    from mutagen.id3 import ID3

    return _read(ID3, path)


def _read(kind: Any, path: str) -> Mapping[str, Any]:
    try:
        tags: Mapping[str, Any] = kind(path)
    except Exception:  # there is none, or it is damaged
        return {}
    return tags

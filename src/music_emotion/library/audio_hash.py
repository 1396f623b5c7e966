"""What a file sounds like, told from its bytes: a digest that tags, names and places do not change.

Only the container is read, nothing is decoded; ``docs/catalogue.md`` says what is left out of which
kind of file. A digest is BLAKE2b of 16 bytes: two different files among 10¹² have the same one with
a probability of about 10⁻¹⁵.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from music_emotion.audio.tags_around import after_tags, before_tags

DIGEST_BYTES = 16
BLOCK_BYTES = 1 << 20

OGG_HEADER = 27  # bytes
UNKNOWN_LENGTH = (0, 0xFFFF_FFFF)  # of a WAV's data, written before the end was known

Span = tuple[int, int]
"""Offset and length of bytes that belong to the sound."""
Finder = Callable[[BinaryIO, int, int], Iterator[Span]]
"""Gives the spans of a file that begins and ends there, but for tags around it."""


class _UnexpectedError(Exception):
    """The file is not built as its opening bytes promise."""


def audio_digest(path: str | os.PathLike[str]) -> bytes:
    """Return the digest of a file's sound, 16 bytes.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        kind, spans = _sound(file, size)
        digest = hashlib.blake2b(kind, digest_size=DIGEST_BYTES)
        for offset, length in spans:
            file.seek(offset)
            while length > 0 and (block := file.read(min(length, BLOCK_BYTES))):
                digest.update(block)
                length -= len(block)
        return digest.digest()


def _sound(file: BinaryIO, size: int) -> tuple[bytes, list[Span]]:
    """Return the kind of a file and where its sound lies."""
    start = after_tags(partial(_at, file), size)
    head = _at(file, start, 12)
    kind, find = next((kind, find) for kind, opening, find in _KINDS if opening.match(head))
    with suppress(_UnexpectedError, struct.error):
        spans = list(find(file, start, size))
        if any(length > 0 for _, length in spans):
            return kind, spans
    return b"whole", [(0, size)]


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    if offset < 0:
        return b""
    file.seek(offset)
    return file.read(length)


def _stream(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """All between the tags."""
    yield start, before_tags(partial(_at, file), start, end) - start


def _flac(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """STREAMINFO and the frames."""
    position, last = start + 4, False
    while not last:
        head = _at(file, position, 4)
        if len(head) < 4:
            raise _UnexpectedError
        last, kind = bool(head[0] & 0x80), head[0] & 0x7F
        length = int.from_bytes(head[1:], "big")
        if kind == 0:
            yield position + 4, length
        position += 4 + length
    if position >= end:
        raise _UnexpectedError
    yield position, before_tags(partial(_at, file), position, end) - position


def _ogg(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """What the pages hold, without the packets of comments."""
    headers: dict[bytes, _OggHeaders] = {}
    position = start
    while position < end:
        page = _at(file, position, OGG_HEADER)
        if page[:4] != b"OggS" or len(page) < OGG_HEADER:
            raise _UnexpectedError
        lacing = file.read(page[26])
        position += OGG_HEADER + page[26]
        stream = page[14:18]
        if page[5] & 0x02:  # begins a stream
            headers[stream] = _OggHeaders(file.read(5) == b"\x7fFLAC")
        packets = headers.get(stream)
        if packets is None:
            raise _UnexpectedError
        yield from packets.kept(file, position, lacing)
        position += sum(lacing)


class _OggHeaders:
    """Where the packets of comments are in one stream of an Ogg file.

    In Ogg FLAC they are all those between the first and the first frame, elsewhere the second.
    """

    def __init__(self, flac: bool) -> None:
        self._flac = flac
        self._number = 0
        self._open = False  # whether the last packet goes on in the next page
        self._keep = True

    def kept(self, file: BinaryIO, position: int, lacing: bytes) -> Iterator[Span]:
        """Yield what to keep of a page's contents, which begin at ``position``."""
        if self._number >= 2 and not self._flac:  # no headers are left
            yield position, sum(lacing)
            return
        for length in lacing:
            if not self._open:
                self._keep = self._wanted(file, position)
            if self._keep:
                yield position, length
            self._open = length == 255
            self._number += not self._open
            position += length

    def _wanted(self, file: BinaryIO, position: int) -> bool:
        if not self._flac:
            return self._number != 1
        if self._number == 0:
            return True
        frame = _at(file, position, 1) == b"\xff"
        self._flac = not frame  # after the first frame there are no more headers
        return frame


def _mp4(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """The contents of all mdat boxes."""
    position = start
    while position + 8 <= end:
        length, kind = struct.unpack(">I4s", _at(file, position, 8))
        header = 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            header = 16
        elif length == 0:  # to the end
            length = end - position
        if length < header:
            raise _UnexpectedError
        if kind == b"mdat":
            yield position + header, length - header
        position += length


def _chunks(order: str, *wanted: bytes) -> Finder:
    """Return a function that finds chunks of a WAV or AIFF by their names."""

    def find(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
        position, long = start + 12, 0
        while position + 8 <= end:
            name, length = struct.unpack(f"{order}4sI", _at(file, position, 8))
            if name == b"ds64":
                (long,) = struct.unpack("<8xQ", file.read(16))
            if name == b"data" and length in UNKNOWN_LENGTH:
                length = long or end - position - 8
            if name in wanted:
                yield position + 8, length
            position += 8 + length + length % 2

    return find


# Kinds of files by the bytes they open with, and what finds their sound.
_KINDS: tuple[tuple[bytes, re.Pattern[bytes], Finder], ...] = (
    (b"flac", re.compile(rb"fLaC"), _flac),
    (b"ogg", re.compile(rb"OggS"), _ogg),
    (b"mp4", re.compile(rb".{4}ftyp", re.DOTALL), _mp4),
    (b"wav", re.compile(rb"(RIFF|RF64).{4}WAVE", re.DOTALL), _chunks("<", b"fmt ", b"data")),
    (b"aiff", re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL), _chunks(">", b"COMM", b"SSND")),
    (b"stream", re.compile(rb""), _stream),
)

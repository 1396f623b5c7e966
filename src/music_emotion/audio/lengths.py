"""What the header of uncompressed sound claims, against the data that follow.

WAV, RF64, Wave64, AIFF, AU and CAF write how many bytes of sound follow before it. A recorder that
was cut off leaves a zero there, a pipe a number that means *unknown*, other programs what is wrong.
What follows decides: another chunk ends the sound, more sound does not.

The decoder (libsndfile) takes what an *extensible* format of Wave64 describes for integers, floats
too, and refuses that of RIFX; it is shown the plain format that the extension names.
"""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from music_emotion.audio.pieces import Insert, Listed, Part, Piece, Span, bytes_within, is_zero
from music_emotion.audio.tags_around import ReadAt, before_tags

UNKNOWN_BYTES = 0x7FFF0000  # a 32-bit length from here on was written before the end was known
LARGEST_32 = 0xFFFF_FFFF
SLACK_BYTES = 1 << 12  # behind the sound that are not worth a word: 23 ms of a CD
TAIL_BYTES = 1 << 16  # at the end of a file, where chunks behind the sound are looked for
MOST_CHUNKS = 1_000  # before the sound; more are no header
W64_NAME_BYTES, W64_HEADER_BYTES = 16, 24  # of a chunk
W64_PADDING = 8  # bytes to a multiple of which a chunk is filled
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
RF64_SIZES = struct.Struct("<8sQQQI")  # a chunk: sizes of the file, the sound, its samples; a table
EXTENSIBLE = 0xFFFE  # a format whose number stands behind its other fields, where a GUID begins
FORMAT_NAMES = (b"fmt ", bytes.fromhex("666d7420f3acd3118cd100c04f8edb8a"))  # of WAV, of Wave64
EXTENSION_AT, EXTENSIBLE_BYTES = 24, 40  # within a chunk
TAIL_CHUNKS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"_PMX", b"PEAK")


@dataclass(frozen=True, slots=True)
class _Field:
    """A number in a header: where, and how it is written."""

    at: int
    form: str

    def read(self, read: ReadAt) -> int:
        """Read it; 0 where the file ends before."""
        size = struct.calcsize(self.form)
        return int(struct.unpack(self.form, read(self.at, size).ljust(size, b"\0"))[0])


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a header claims.

    Attributes
    ----------
    data, size
        Where the sound begins, and its bytes; ``None`` says itself that it does not know.
    numbers
        Where the size is written, with what to add to that of the sound.
    whole
        Bytes of the whole file that the header claims, ``None`` where it does not.
    chunk
        How the header of a chunk is written, its name first, and to what its length is padded.
    is_understood
        Whether the decoder makes do with a size that is unknown or too large.
    codec
        Another number of the format, to be written in its place.
    """

    data: int
    size: int | None
    numbers: tuple[tuple[_Field, int], ...]
    whole: int | None = None
    chunk: str = ""
    padding: int = 2
    is_understood: bool = True
    codec: tuple[_Field, int] | None = None


def chunks(
    read: ReadAt, position: int, form: str, padding: int = 2, own: int = 0
) -> Iterator[tuple[int, bytes, int]]:
    """Yield where each chunk's contents begin, its name, and the length in its header.

    ``form`` is how the header is written, ``own`` the bytes of it that the length counts too;
    contents are padded to a multiple of ``padding``.
    """
    header = struct.calcsize(form)
    for _ in range(MOST_CHUNKS):
        head = read(position, header)
        if len(head) < header:
            return
        name, size = struct.unpack(form, head)
        position += header
        yield position, name, size
        length = max(0, size - own)
        position += length + -length % padding


def _riff(read: ReadAt) -> _Claim | None:
    order = ">" if read(0, 4) == b"RIFX" else "<"
    form = f"{order}4sI"
    whole: int | None = _Field(4, f"{order}I").read(read) + 8
    long = codec = None
    for position, name, size in chunks(read, 12, form):
        if order == ">" and name in FORMAT_NAMES:
            codec = _plain(read, position, size, order)
        if name == b"ds64":
            long = position
        if name == b"data":
            number = _Field(position - 4, f"{order}I")
            if size == LARGEST_32 and long is not None:
                number = _Field(long + 8, "<Q")
                size = number.read(read)
                whole = _Field(long, "<Q").read(read) + 8
            is_unknown = size >= UNKNOWN_BYTES and (long is None or size >= 1 << 62)
            given = None if is_unknown else size
            is_understood = number.form != "<Q"
            numbers = ((number, 0),)
            return _Claim(position, given, numbers, whole, form, 2, is_understood, codec)
    return None


def _w64(read: ReadAt) -> _Claim | None:
    form, whole, codec = "<16sQ", _Field(16, "<Q"), None
    for position, name, size in chunks(read, 40, form, W64_PADDING, W64_HEADER_BYTES):
        if name in FORMAT_NAMES:
            codec = _plain(read, position, size - W64_HEADER_BYTES, "<")
        if name == W64_DATA:
            number = _Field(position - 8, "<Q")
            given = None if size >= 1 << 62 else max(0, size - W64_HEADER_BYTES)
            numbers = ((number, W64_HEADER_BYTES), (whole, position))
            return _Claim(
                position, given, numbers, whole.read(read), form, W64_PADDING, False, codec
            )
    return None


def _plain(read: ReadAt, position: int, size: int, order: str) -> tuple[_Field, int] | None:
    """Return where the number of an extensible format stands, and what it should be."""
    number = _Field(position, f"{order}H")
    if size < EXTENSIBLE_BYTES or number.read(read) != EXTENSIBLE:
        return None
    # Of RIFX, its first four bytes are one number, or two of which the first is meant.
    halves = (_Field(position + EXTENSION_AT + at, f"{order}H").read(read) for at in (0, 2))
    return number, next((half for half in halves if half), EXTENSIBLE)


def _aiff(read: ReadAt) -> _Claim | None:
    for position, name, size in chunks(read, 12, ">4sI"):
        if name == b"SSND":  # begins with an offset and a block size
            number = _Field(position - 4, ">I")
            given = None if size >= UNKNOWN_BYTES else max(0, size - 8)
            whole = _Field(4, ">I").read(read) + 8
            return _Claim(position + 8, given, ((number, 8),), whole, ">4sI")
    return None


def _au(read: ReadAt) -> _Claim | None:
    order = ">" if read(0, 4) == b".snd" else "<"
    head = read(4, 8)
    if len(head) < 8:
        return None
    data, size = struct.unpack(f"{order}II", head)
    given = None if size >= UNKNOWN_BYTES else int(size)
    return _Claim(data, given, ((_Field(8, f"{order}I"), 0),))


def _caf(read: ReadAt) -> _Claim | None:
    for position, name, size in chunks(read, 8, ">4sq", 1):
        if name == b"data":  # begins with a count of edits
            number = _Field(position - 8, ">q")
            given = None if size < 0 or size >= 1 << 62 else max(0, size - 4)
            return _Claim(position + 4, given, ((number, 4),), None, ">4sq", 1, False)
    return None


# By the bytes that a file opens with.
_HEADERS: tuple[tuple[bytes, Callable[[ReadAt], _Claim | None]], ...] = (
    (b"RIFF", _riff),
    (b"RIFX", _riff),
    (b"RF64", _riff),
    (W64_RIFF, _w64),
    (b"FORM", _aiff),
    (b".snd", _au),
    (b"dns.", _au),
    (b"caff", _caf),
)


def layout(descriptor: int) -> Listed | None:
    """Lay out uncompressed sound; ``None`` where it is not, or is as its header claims."""
    read = functools.partial(bytes_within, descriptor)
    opening = read(0, W64_NAME_BYTES)
    find = next((find for mark, find in _HEADERS if opening.startswith(mark)), None)
    claim = find(read) if find is not None else None
    size = os.fstat(descriptor).st_size
    if claim is None or claim.data >= size:
        return None
    there, share = _length(descriptor, claim, size)
    if there is not None:
        return _corrected(claim, there, share)
    if claim.codec is not None:
        return Listed((Piece(tuple(_rewritten([claim.codec], size))),), share=share)
    return Listed(share=share) if share != 1.0 else None


def _length(descriptor: int, claim: _Claim, size: int) -> tuple[int | None, float]:
    """Return the bytes of sound to be claimed instead, and how many are for each that is there.

    ``None``: what is claimed may stay.
    """
    read = functools.partial(bytes_within, descriptor)
    there = size - claim.data
    if claim.size is None:
        return (None if claim.is_understood else there), 1.0
    if claim.size > there:
        # Where the header knows the size of the whole file, only its other number is wrong.
        share = 1.0 if claim.whole is not None and claim.whole <= size else claim.size / there
        return (None if claim.is_understood else there), share
    if _is_end(read, claim, size) or is_zero(descriptor, claim.data + claim.size, size):
        # Of Wave64, the decoder hears all that follows.
        goes_on = claim.padding == W64_PADDING and claim.size < there
        return (claim.size if goes_on else None), 1.0
    there = _end_of_sound(read, claim, size) - claim.data
    return there, claim.size / there


def _is_end(read: ReadAt, claim: _Claim, size: int) -> bool:
    """Whether the sound ends where the header says: with chunks behind it, or a tag, or little."""
    assert claim.size is not None
    position = claim.data + claim.size
    end = before_tags(read, position, size)
    if end - position < min(SLACK_BYTES, claim.size):
        return True
    return any(_chunks_reach(read, claim, at, end) for at in (position + -position % 2, position))


def _chunks_reach(read: ReadAt, claim: _Claim, position: int, end: int) -> bool:
    """Whether there are chunks from here to the end of the file."""
    if not claim.chunk:
        return False
    header = struct.calcsize(claim.chunk)
    for _ in range(MOST_CHUNKS):
        if position >= end - 1:
            return True
        head = read(position, header)
        if len(head) < header:
            return not any(head)
        name, size = struct.unpack(claim.chunk, head)
        if not name[:4].isascii() or not name[:4].decode("ascii").isprintable() or size < 0:
            return False
        position += size + -size % claim.padding + (0 if header == W64_HEADER_BYTES else header)
        if position > end + 1:
            return name in TAIL_CHUNKS
    return False


def _end_of_sound(read: ReadAt, claim: _Claim, size: int) -> int:
    """Return where chunks at the end of a file begin, or its end."""
    end = before_tags(read, claim.data, size)
    start = max(claim.data, end - TAIL_BYTES)
    tail = read(start, end - start)
    if claim.chunk:
        for name in TAIL_CHUNKS:
            found = tail.find(name)
            if found >= 0 and _chunks_reach(read, claim, start + found, end):
                return start + found
    return end


def _corrected(claim: _Claim, there: int, share: float) -> Listed:
    """Lay out a file whose header tells the bytes of sound that are there."""
    numbers = [(field, there + more) for field, more in claim.numbers]
    codec = [] if claim.codec is None else [claim.codec]
    end = claim.data + there
    if claim.chunk == "<4sI" and there > UNKNOWN_BYTES and numbers[0][0].form == "<I":
        # More than a WAV can tell: as RF64.
        sizes = RF64_SIZES.pack(b"ds64\x1c\0\0\0", end, there, 0, 0)
        parts: list[Part] = [Insert(b"RF64\xff\xff\xff\xffWAVE" + sizes)]
        parts += _rewritten([*codec, (numbers[0][0], LARGEST_32)], end, 12)
    else:
        parts = _rewritten([*codec, *numbers], end)
    return Listed((Piece(tuple(parts)),), share=share)


def _rewritten(numbers: Sequence[tuple[_Field, int]], end: int, start: int = 0) -> list[Part]:
    """Return a stretch of the file with other numbers in it."""
    parts: list[Part] = []
    for field, number in sorted(numbers, key=lambda one: one[0].at):
        form = field.form
        largest = (1 << 8 * struct.calcsize(form) - form[1].islower()) - 1
        parts += [Span(start, field.at), Insert(struct.pack(form, min(number, largest)))]
        start = field.at + struct.calcsize(form)
    return [*parts, Span(start, end)]

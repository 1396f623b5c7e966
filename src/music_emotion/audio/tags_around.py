"""Tags in front of the sound of a file and behind it: how long they are, without reading them.

And zeros behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

ID3V2 = b"ID3"
ID3V2_HEADER = 10  # bytes, of a footer too
ID3V1, ID3V1_EXTENDED, APE_FOOTER = 128, 227, 32  # bytes
PADDING_BYTES = 256  # zeros behind the sound
PADDING_BLOCK = 1 << 16
LYRICS3_END = 15  # bytes: six digits and LYRICS200
APE_HAS_HEADER = 1 << 31
APE_IS_HEADER = 1 << 29

ReadAt = Callable[[int, int], bytes]
"""Gives as many bytes of a file from an offset, or fewer where it ends; none before its start."""


def id3_length(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that begins with these ten or more, 0 where none does."""
    if head[:3] != ID3V2 or len(head) < ID3V2_HEADER or max(head[6:10]) >= 0x80:
        return 0
    length = 0
    for byte in head[6:10]:  # seven bits each
        length = length << 7 | byte
    footer = ID3V2_HEADER if head[5] & 0x10 else 0
    return ID3V2_HEADER + length + footer


def tag_length(head: bytes) -> int:
    """Return the bytes of the tag that begins with these 32 or more, 0 where none does."""
    if head[:8] == b"APETAGEX" and len(head) >= APE_FOOTER:
        length, _, flags = struct.unpack("<III", head[12:24])
        return APE_FOOTER + (int(length) if flags & APE_IS_HEADER else 0)
    if head[:3] == b"TAG":
        return ID3V1_EXTENDED if head[3:4] == b"+" else ID3V1
    return id3_length(head)


def after_tags(read: ReadAt, size: int) -> int:
    """Return where a file of ``size`` bytes begins after the ID3v2 and APE tags in front of it."""
    start = 0
    while start < size:
        head = read(start, APE_FOOTER)
        if length := id3_length(head):
            start += length
        elif head[:8] == b"APETAGEX" and len(head) == APE_FOOTER:
            start += APE_FOOTER + int.from_bytes(head[12:16], "little")
        else:
            break
    return min(start, size)


def before_padding(read: ReadAt, start: int, end: int, kept: int = 0) -> int:
    """Return where a file ends before the zeros behind it, if they are many.

    ``kept`` are those that may be the end of the sound.
    """
    sound = end
    while sound > start:
        count = min(PADDING_BLOCK, sound - start)
        filled = len(read(sound - count, count).rstrip(b"\0"))
        sound -= count - filled
        if filled:
            break
    return end if end - sound < PADDING_BYTES else sound + kept


def before_tags(read: ReadAt, start: int, end: int) -> int:
    """Return where a file ends before the ID3v1, ID3v2, Lyrics3 and APE tags behind it."""
    while True:
        length = _tag_behind(read, end)
        if not length or end - length < start:
            return end
        end -= length


def _tag_behind(read: ReadAt, end: int) -> int:
    """Return the length of the tag that ends here, 0 where there is none."""
    # An APE tag's own mark holds the three letters too.
    if read(end - ID3V1, 3) == b"TAG" and read(end - ID3V1 - 3, 8) != b"APETAGEX":
        extended = read(end - ID3V1 - ID3V1_EXTENDED, 4) == b"TAG+"
        return ID3V1 + ID3V1_EXTENDED if extended else ID3V1
    footer = read(end - APE_FOOTER, APE_FOOTER)
    if footer[:8] == b"APETAGEX":
        length, _, flags = struct.unpack("<III", footer[12:24])
        return int(length) + (APE_FOOTER if flags & APE_HAS_HEADER else 0)
    footer = read(end - ID3V2_HEADER, ID3V2_HEADER)
    if footer[:3] == ID3V2[::-1]:
        length = id3_length(ID3V2 + footer[3:])
        return length if read(end - length, 3) == ID3V2 else 0
    lyrics = read(end - LYRICS3_END, LYRICS3_END)
    if lyrics[6:] == b"LYRICS200" and lyrics[:6].isdigit():
        return int(lyrics[:6]) + LYRICS3_END
    return 0

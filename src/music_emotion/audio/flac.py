"""FLAC: find the next whole frame, and the last, so that one bad frame costs itself only.

The decoder (libFLAC through libsndfile) stops at the first frame that fails its checksum. Every
frame begins with a sync code, its number and a checksum of both (RFC 9639, section 9.1), so the
decoder can be started anew at any frame that is whole, and what is missing between is known to the
sample. Nothing is searched in a file without fault but its last frame, which tells its true length.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from music_emotion.audio.pieces import Insert, JoinedParts, Loss, Part, Piece, contradicted
from music_emotion.audio.tags_around import id3_length

MARK = b"fLaC"
STREAMINFO_BYTES = 34
TOTAL_AT, TOTAL_BITS = 10, 36  # where STREAMINFO's last numbers begin; of them the length
LONGEST_HEADER = 16  # bytes of a frame's header, checksum included
WINDOW_BYTES = 1 << 18
LAST_BYTES = 1 << 16  # at the end of a file, where its last frame is looked for first
SYNC = re.compile(rb"\xff[\xf8\xf9]")
BLOCK_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608} | {n: 1 << n for n in range(8, 16)}
EXTRA_RATE_BYTES = {12: 1, 13: 2, 14: 2}


@functools.cache
def _crc8_table() -> bytes:
    table = bytearray()
    for value in range(256):
        for _ in range(8):
            value = (value << 1 ^ (0x107 if value & 0x80 else 0)) & 0x1FF
        table.append(value & 0xFF)
    return bytes(table)


def _crc8(data: bytes) -> int:
    table, value = _crc8_table(), 0
    for byte in data:
        value = table[value ^ byte]
    return value


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: where it is in the file, its first sample, and how many it holds."""

    offset: int
    sample: int
    size: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a file says about itself, and where its frames begin."""

    raw: bytes
    frames_at: int

    @property
    def smallest_block(self) -> int:
        """Samples of the smallest block but the last."""
        return int.from_bytes(self.raw[:2], "big")

    @property
    def largest_block(self) -> int:
        """Samples of the largest block."""
        return int.from_bytes(self.raw[2:4], "big")

    @property
    def largest_frame(self) -> int:
        """Bytes of the largest frame, 0 where that is not known."""
        return int.from_bytes(self.raw[7:10], "big")

    @property
    def rate(self) -> int:
        """Samples per second."""
        return int.from_bytes(self.raw[10:13], "big") >> 4

    @property
    def channels(self) -> int:
        """Channels."""
        return (self.raw[12] >> 1 & 7) + 1

    @property
    def total(self) -> int:
        """Samples per channel, 0 where that is not known."""
        return int.from_bytes(self.raw[TOTAL_AT : TOTAL_AT + 8], "big") & (1 << TOTAL_BITS) - 1

    def header(self, total: int) -> bytes:
        """Return the beginning of a file of so many samples; no checksum of all its sound."""
        numbers = int.from_bytes(self.raw[TOTAL_AT : TOTAL_AT + 8], "big")
        numbers = numbers >> TOTAL_BITS << TOTAL_BITS | total
        raw = self.raw[:TOTAL_AT] + numbers.to_bytes(8, "big") + bytes(16)
        return MARK + b"\x80" + STREAMINFO_BYTES.to_bytes(3, "big") + raw

    @classmethod
    def read(cls, file: JoinedParts) -> StreamInfo | None:
        """Read the metadata of a file; ``None`` where it does not begin as it should."""
        position = id3_length(file.at(0, 10))
        if file.at(position, 4) != MARK:
            return None
        position, raw, is_last = position + 4, b"", False
        while not is_last:
            head = file.at(position, 4)
            if len(head) < 4:
                return None
            is_last, kind, length = head[0] >= 0x80, head[0] & 0x7F, int.from_bytes(head[1:], "big")
            if kind == 0:
                raw = file.at(position + 4, length)
            position += 4 + length
        return cls(raw, position) if len(raw) == STREAMINFO_BYTES else None


class Frames:
    """The frames of one file, told from bytes that only look like one."""

    def __init__(self, file: JoinedParts, info: StreamInfo) -> None:
        self._file = file
        self._info = info
        self.size = file.seek(0, os.SEEK_END)
        self._same: tuple[int, int, int] | None = None
        head = file.at(info.frames_at, LONGEST_HEADER)
        if self._header(head, 0) is not None:
            self._same = _unchanging(head)

    def between(self, start: int, end: int) -> Iterator[Frame]:
        """Yield the frames that begin in a stretch of the file."""
        for at in range(start, end, WINDOW_BYTES):
            data = self._file.at(at, WINDOW_BYTES + LONGEST_HEADER)
            for match in SYNC.finditer(data, 0, min(WINDOW_BYTES + 1, end - at + 1)):
                head = data[match.start() : match.start() + LONGEST_HEADER]
                frame = self._header(head, at + match.start())
                if frame is not None:
                    yield frame

    def last(self) -> Frame | None:
        """Return the last frame of the file; ``None`` where none is near its end."""
        start = max(self._info.frames_at, self.size - max(LAST_BYTES, 2 * self._info.largest_frame))
        while True:
            found = list(self.between(start, self.size))
            if found:
                return found[-1]
            # Only where the header knows no length the rest is worth looking through.
            if start == self._info.frames_at or self._info.total:
                return None
            start = max(self._info.frames_at, 4 * start - 3 * self.size)

    def _header(self, head: bytes, offset: int) -> Frame | None:
        """Read a frame's header; ``None`` where it is none of this file."""
        if len(head) < 6 or head[3] & 1 or head[1] & 0xFE != 0xF8 or head[0] != 0xFF:
            return None
        if self._same not in (None, _unchanging(head)):
            return None
        code, number = head[2] >> 4, _coded_number(head[4:])
        if number is None or code == 0 or not self._has_channels(head[3] >> 4):
            return None
        value, length = number
        at = 4 + length
        size = BLOCK_SIZES.get(code, 0)
        if code in (6, 7):
            size = int.from_bytes(head[at : at + code - 5], "big") + 1
            at += code - 5
        at += EXTRA_RATE_BYTES.get(head[2] & 0x0F, 0)
        if at >= len(head) or _crc8(head[:at]) != head[at] or size > self._info.largest_block:
            return None
        by_sample = head[1] & 1
        return Frame(offset, value if by_sample else value * self._info.smallest_block, size)

    def _has_channels(self, code: int) -> bool:
        return code + 1 == self._info.channels or (8 <= code <= 10 and self._info.channels == 2)


def _unchanging(head: bytes) -> tuple[int, int, int]:
    """Return what no frame of a file changes in its header: sync and blocking, rate, depth."""
    return head[1], head[2] & 0x0F, head[3] & 0x0F


def _coded_number(data: bytes) -> tuple[int, int] | None:
    """Read a number coded as UTF-8 does, up to 36 bits; return it and its bytes."""
    first = data[0]
    if first < 0x80:
        return first, 1
    length = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= length <= 7 or len(data) < length:
        return None
    value = first & (0x7F >> length)
    for byte in data[1:length]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, length


class FlacLayout:
    """The whole file, then, after each fault, what follows the next whole frame."""

    estimated = False
    share = 1.0
    losses: tuple[Loss, ...] = ()

    def __init__(self, file: JoinedParts, info: StreamInfo) -> None:
        self._file = file
        self._info = info
        self._frames = Frames(file, info)
        self._offset = info.frames_at  # behind it no frame has been tried
        self._begun = False
        self._total = info.total
        self.remarks: tuple[str, ...] = ()
        self._as_it_is = file.is_whole
        last = self._frames.last()
        if last is not None:
            self._check(last.sample + last.size, last.size < info.smallest_block)
        self.duration = self._total / info.rate if self._total else None

    def _check(self, found: int, is_end: bool) -> None:
        """Compare the length that is claimed with the last frame; only the end is a short one."""
        claimed = self._info.total
        if claimed == found or (found < claimed and not is_end):
            return
        self._total = found
        self._as_it_is = False
        if 0 < claimed < found:  # zero is how one says that it is not known
            self.remarks = (contradicted(claimed / self._info.rate, found / self._info.rate),)

    def next_piece(self, position: float) -> Piece | None:
        """Return the file from the first whole frame at a second or later."""
        if not self._begun:
            self._begun = True
            return Piece(None if self._as_it_is else self._parts(self._info.frames_at, 0))
        sample, total = round(position * self._info.rate), self._total or 1 << TOTAL_BITS
        if sample >= total:
            return None
        for frame in self._frames.between(self._offset, self._frames.size):
            if sample <= frame.sample < total:
                self._offset = frame.offset + 1
                start = frame.sample / self._info.rate
                return Piece(self._parts(frame.offset, frame.sample), start)
        return None

    def _parts(self, offset: int, sample: int) -> tuple[Part, ...]:
        total = max(0, self._total - sample)
        rest = self._file.between(offset, self._frames.size)
        return (Insert(self._info.header(total)), *rest)


def layout(file: JoinedParts) -> FlacLayout | None:
    """Lay out a FLAC file; ``None`` where its metadata cannot be read."""
    info = StreamInfo.read(file)
    return None if info is None or not info.rate else FlacLayout(file, info)

"""Ogg: read the pages, keep those that can be kept, and tell the time of the rest.

The decoder drops every page whose checksum fails, a second of sound and more, without a word and
without leaving time for it. Here every page is checked before. A file whose pages are whole is left
to the decoder as it is; links of a chain are decoded one by one. A page that is damaged inside is
kept (its packets fail one by one), and a new piece begins behind it, at the time that its number
tells; what is gone between is silence.

The format: RFC 3533; Vorbis I; RFC 7845 (Opus).
"""

from __future__ import annotations

import functools
import itertools
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from music_emotion.audio import flac
from music_emotion.audio.ogg_packets import OPUS_RATE, OpusPackets, VorbisPackets
from music_emotion.audio.pieces import (
    Insert,
    JoinedParts,
    Layout,
    Listed,
    Loss,
    Part,
    Piece,
    Span,
    bytes_at,
    contradicted,
)

MARK = b"OggS"
HEADER_BYTES = 27
WINDOW_BYTES = 1 << 20
POSITION_AT, CRC_AT = 6, 22
CONTINUED, FIRST, LAST = 1, 2, 4  # flags
NO_POSITION = -1  # of a page on which no packet ends
VORBIS, OPUS = b"\x01vorbis", b"OpusHead"  # how their first packets begin
FLAC = b"\x7fFLAC"
NO_FRAME_BYTES = 64
FLAC_MAPPING = 9  # bytes before what a FLAC file begins with
HEADER_PACKETS = {VORBIS: 3, OPUS: 2, FLAC: 1}  # of FLAC the others are read by its own decoder
VORBIS_RATE, VORBIS_BYTES = slice(12, 16), 30  # of the first packet
LONGEST_PACKET = 8_192  # samples; of Vorbis, and more than Opus has
OPUS_PRESKIP, OPUS_INPUT_RATE = slice(10, 12), slice(12, 16)
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def checksum(page: bytes) -> int:
    """Return a page's CRC-32, which goes through the bits the other way round than zlib's."""
    value = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(value.to_bytes(4, "little").translate(REVERSED), "big")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: where it is, and what its header says; ``is_whole`` by its checksum."""

    start: int
    end: int
    flags: int
    position: int
    stream: int
    number: int
    packets: int  # that end on it
    is_whole: bool
    data: bytes = b""  # instead of what is in the file


@dataclass(slots=True)
class Link:
    """One stream of a chain: its pages, headers apart."""

    kind: bytes
    headers: list[Page] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


class Pages:
    """The pages of a file, one after the other, found again behind what is none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._start, self._data = 0, b""
        self.gaps = False  # whether there was anything but pages in between

    def _bytes(self, start: int, count: int) -> bytes:
        if not self._start <= start or start + count > self._start + len(self._data):
            self._start, self._data = start, bytes_at(self._descriptor, start, WINDOW_BYTES)
        return self._data[start - self._start : start - self._start + count]

    def __iter__(self) -> Iterator[Page]:
        position, before = 0, None
        while position < self._size:
            page = self._page(position)
            if page is not None and (page.is_whole or _follows(page, before)):
                end = page.end
                if not page.is_whole and not self._is_page(end):
                    self.gaps = True
                    end = self._next(position + 1)
                if end < page.end:  # bytes of it are gone, or its length is damaged
                    page = self._shortened(page, end)
                if page is not None:
                    yield page
                    before = page
                position = end
                continue
            self.gaps = True
            position = self._next(position + 1)

    def _shortened(self, page: Page, end: int) -> Page | None:
        """Return a page that ends early, filled up; ``None`` where another may be gone with it."""
        following = self._page(end)
        if following is None or following.number != page.number + 1:
            return None
        data = self._bytes(page.start, end - page.start)
        return replace(page, end=end, data=_resealed(data + bytes(page.end - end)))

    def _next(self, position: int) -> int:
        """Return the place of the next page whose checksum is right, or the end."""
        while position < self._size:
            data = self._bytes(position, min(WINDOW_BYTES, self._size - position))
            found = data.find(MARK)
            if found < 0:
                position += max(1, len(data) - len(MARK) + 1)
                continue
            page = self._page(position + found)
            if page is not None and page.is_whole:
                return position + found
            position += found + 1
        return self._size

    def _page(self, start: int) -> Page | None:
        head = self._bytes(start, HEADER_BYTES)
        if len(head) < HEADER_BYTES or head[:4] != MARK or head[4]:
            return None
        flags, position, stream, number, crc, count = struct.unpack("<BqIIIB", head[5:])
        lacing = self._bytes(start + HEADER_BYTES, count)
        length = HEADER_BYTES + count + sum(lacing)
        page = self._bytes(start, length)
        if len(page) < length:
            return None
        is_whole = checksum(page[:CRC_AT] + bytes(4) + page[CRC_AT + 4 :]) == crc
        packets = sum(size < 255 for size in lacing)
        return Page(start, start + length, flags, position, stream, number, packets, is_whole)

    def _is_page(self, start: int) -> bool:
        """Whether a page seems to begin here, or the file ends."""
        return start == self._size or self._bytes(start, 4) == MARK


def _follows(page: Page, before: Page | None) -> bool:
    """Whether the header of a page whose checksum fails can be believed."""
    most = LONGEST_PACKET * (page.packets + 1)
    return (
        before is not None
        and page.stream == before.stream
        and page.number == before.number + 1
        and not page.flags & ~(CONTINUED | LAST)
        and (page.position == NO_POSITION or 0 <= page.position - before.position <= most)
    )


def links(descriptor: int) -> tuple[list[Link], bool] | None:
    """Return the streams of sound, and whether all pages are there and whole.

    ``None``: there is a kind of sound whose pages cannot be told apart here.
    """
    found: list[Link] = []
    pages = Pages(descriptor)
    is_whole, others = True, set[int]()
    for page in pages:
        if page.flags & FIRST and page.is_whole:
            head = bytes_at(descriptor, page.start, HEADER_BYTES + 255 + 8)
            opening = head[HEADER_BYTES + head[HEADER_BYTES - 1] :]
            kind = next((name for name in HEADER_PACKETS if opening.startswith(name)), None)
            if kind is None:
                others.add(page.stream)
                continue
            if found and not found[-1].pages:
                others.add(page.stream)  # beside another that has just begun
                continue
            found.append(Link(kind, [page]))
            continue
        if page.stream in others and (not found or page.stream != found[-1].headers[0].stream):
            continue
        if not found:
            return None
        link = found[-1]
        if page.stream != link.headers[0].stream:
            is_whole = False
            continue
        expected = (link.pages or link.headers)[-1].number + 1
        is_whole &= page.is_whole and page.number == expected
        headers = sum(header.packets for header in link.headers)
        (link.headers if headers < HEADER_PACKETS[link.kind] else link.pages).append(page)
    if not found or (others and len(found) > 1):
        return None
    return found, is_whole and not pages.gaps


class _LinkLayout:
    """One link as pieces."""

    def __init__(self, descriptor: int, link: Link) -> None:
        self._descriptor = descriptor
        self._link = link
        self._preskip, self._rate = 0, OPUS_RATE
        first = link.headers[0]
        data = self._begin = bytes_at(descriptor, first.start, first.end - first.start)
        body = HEADER_BYTES + data[HEADER_BYTES - 1]
        if link.kind == VORBIS:
            self._rate = int.from_bytes(data[body:][VORBIS_RATE], "little") or 1
        else:
            at = slice(body + OPUS_PRESKIP.start, body + OPUS_PRESKIP.stop)
            self._preskip = int.from_bytes(data[at], "little")
            data = _at_full_rate(data, body)
            self._begin = _resealed(data)
            data = data[: at.start] + bytes(2) + data[at.stop :]
        self._first = _resealed(data)
        self.remarks: tuple[str, ...] = ()
        self.is_corrected = False  # whether the last page claims what cannot be
        self._correct()

    @property
    def duration(self) -> float:
        """Seconds up to the last page."""
        ends = _positions(self._link.pages)
        return self._seconds(ends[-1]) if ends else 0.0

    @property
    def is_cut(self) -> bool:
        """Whether the end is missing."""
        return not (self._link.pages and self._link.pages[-1].flags & LAST)

    def whole(self) -> Piece:
        """Return the file, of which this is the only link, with the first page that is wanted."""
        first = self._link.headers[0]
        size = os.fstat(self._descriptor).st_size
        begin = bytes_at(self._descriptor, first.start, first.end - first.start)
        if begin == self._begin:
            return Piece()
        return Piece((Span(0, first.start), Insert(self._begin), Span(first.end, size)))

    def _correct(self) -> None:
        """Give the last page the position of its packets, where its own cannot be."""
        pages = self._link.pages
        last = pages[-1] if pages else None
        before = ([0, *_positions(pages[:-1])])[-1]
        if last is None or not last.packets:
            return
        most = before + LONGEST_PACKET * (last.packets + 1)
        if before <= last.position <= most and last.position:
            return
        judge = self._judge(len(pages) - 1)
        heads = [head for _, head in self._packets(last)]
        previous = [None, *(head for page in pages[-2:-1] for _, head in self._packets(page))][-1]
        if judge is None or not heads:
            return
        lasting = judge.duration(previous, heads[0]) + sum(
            judge.duration(one, two) for one, two in itertools.pairwise(heads)
        )
        data = bytes_at(self._descriptor, last.start, last.end - last.start)
        position = before + lasting
        data = data[:POSITION_AT] + position.to_bytes(8, "little") + data[POSITION_AT + 8 :]
        pages[-1] = replace(last, position=position, data=_resealed(data))
        self.is_corrected = True
        if last.position < position:
            claimed = self._seconds(max(0, last.position))
            self.remarks = (contradicted(claimed, self._seconds(position)),)

    def _seconds(self, position: int) -> float:
        return max(0, position - self._preskip) / self._rate

    def losses(self, offset: float) -> Iterator[Loss]:
        """Yield where pages are damaged; ``offset`` seconds of other links come before."""
        position = 0
        for page in self._link.pages:
            if not page.is_whole:
                yield Loss(offset + self._seconds(position))
            position = max(position, page.position)
        if self.is_cut:
            yield Loss(offset + self._seconds(position))

    def pieces(self, offset: float) -> Iterator[Piece]:
        """Yield what decodes by itself; ``offset`` seconds of other links come before."""
        for number, run in enumerate(self._runs()):
            ends = _positions(run)
            if not ends:
                continue
            is_start = number == 0 and run[0].number == self._link.headers[-1].number + 1
            start = offset if is_start else None
            yield Piece(tuple(self._parts(run, is_start)), start, offset + self._seconds(ends[-1]))

    def _runs(self) -> Iterator[list[Page]]:
        """Yield pages that follow each other; damaged ones without what was overwritten."""
        run: list[Page] = []
        before: Page | None = None
        for index, page in enumerate(self._link.pages):
            if run and before is not None and page.number != before.number + 1:
                yield run
                run = []
            if page.is_whole:
                run.append(page)
            else:
                head, tail = self._carved(index)
                run += [head] if head is not None else []
                if run:  # ends here, as the decoder may leave out a packet and not tell
                    yield run
                if tail is not None and tail is not head:
                    yield [tail]
                run = []
            before = page
        if run:
            yield run

    def _carved(self, index: int) -> tuple[Page | None, Page | None]:
        """Return a damaged page's beginning and end, without the packets that are no sound.

        Both are the same page where no packet is in doubt.
        """
        page = self._link.pages[index]
        packets = self._packets(page)
        judge = self._judge(index)
        before = self._link.pages[index - 1] if index else None
        if judge is None or before is None or not packets:
            return None, page
        heads = [head for _, head in packets]
        first = int(bool(page.flags & CONTINUED))  # which is judged by its beginning only
        doubtful = judge.doubtful(heads[first:])
        previous = [None, *(head for _, head in self._packets(before))][-1]
        lasting = [
            judge.duration(one, two) for one, two in zip([previous, *heads], heads, strict=False)
        ]
        if doubtful is None:
            right = page.position - before.position == sum(lasting) or page.flags & LAST
            return (page, page) if right else (None, page)
        # The end of the packet before is likely to be overwritten too.
        begin, end = max(0, doubtful[0] + first - 1), doubtful[1] + first
        reached = before.position + sum(lasting[:begin])
        head = self._rebuilt(page, packets[:begin], reached, page.flags & CONTINUED)
        tail = self._rebuilt(page, packets[end:], page.position, page.flags & LAST)
        return head, tail

    def _packets(self, page: Page) -> list[tuple[bytes, bytes]]:
        """Return the lacing of each packet that begins or goes on in a page, and its contents."""
        data = page.data or bytes_at(self._descriptor, page.start, page.end - page.start)
        count = data[HEADER_BYTES - 1]
        position, begin, found = HEADER_BYTES + count, 0, []
        for index, size in enumerate(data[HEADER_BYTES:position]):
            if size < 255 or index == count - 1:
                lacing = data[HEADER_BYTES + begin : HEADER_BYTES + index + 1]
                found.append((lacing, data[position : position + sum(lacing)]))
                position += sum(lacing)
                begin = index + 1
        return [packet for packet in found if packet[1]]

    def _judge(self, index: int) -> OpusPackets | VorbisPackets | None:
        """Return what tells sound from what was overwritten near a page."""
        if self._link.kind == VORBIS:
            return self._vorbis
        pages = self._link.pages
        near = [page for page in pages[max(0, index - 2) : index + 3] if page.is_whole]
        heads = {packet[0] for page in near for _, packet in self._packets(page)}
        return OpusPackets(frozenset(heads)) if heads else None

    @functools.cached_property
    def _vorbis(self) -> VorbisPackets | None:
        """What the headers tell of the packets; they are the first, the second and the third."""
        pages = [self._packets(page) for page in self._link.headers]
        packets = [packet for page in pages for _, packet in page]
        contents = b"".join(packets)
        setup = contents.rfind(b"\x05vorbis")
        if setup < 0 or len(packets[0]) < VORBIS_BYTES:
            return None
        return VorbisPackets.read(packets[0], contents[setup:])

    def _rebuilt(
        self, page: Page, packets: Sequence[tuple[bytes, bytes]], position: int, flags: int
    ) -> Page | None:
        """Return a page of some packets of another; ``None`` where there are none."""
        if not packets:
            return None
        lacing = b"".join(lacing for lacing, _ in packets)
        head = struct.pack(
            "<4sxBqIIIB", MARK, flags, position, page.stream, page.number, 0, len(lacing)
        )
        data = head + lacing + b"".join(contents for _, contents in packets)
        return replace(page, data=_resealed(data), position=position)

    def _parts(self, run: Sequence[Page], is_start: bool) -> Iterator[Part]:
        _, *others = self._link.headers
        yield Insert(self._begin if is_start else self._first)
        for page in others:
            yield self._part(page)
        for page in run:
            yield self._part(page)

    def _part(self, page: Page) -> Part:
        if page.data:
            return Insert(page.data)
        if page.is_whole:
            return Span(page.start, page.end)
        return Insert(_resealed(bytes_at(self._descriptor, page.start, page.end - page.start)))


def _at_full_rate(page: bytes, body: int) -> bytes:
    """Return the first page of an Opus stream whose encoder is said to have been given 48 kHz.

    The decoder would give the rate that stands there, and less exactly.
    """
    at = slice(body + OPUS_INPUT_RATE.start, body + OPUS_INPUT_RATE.stop)
    return page[: at.start] + OPUS_RATE.to_bytes(4, "little") + page[at.stop :]


def _positions(pages: Sequence[Page]) -> list[int]:
    """Return the samples at which packets end, by the pages that tell."""
    return [page.position for page in pages if page.position != NO_POSITION]


def _resealed(page: bytes) -> bytes:
    """Return a page with the checksum it should have."""
    value = checksum(page[:CRC_AT] + bytes(4) + page[CRC_AT + 4 :])
    return page[:CRC_AT] + value.to_bytes(4, "little") + page[CRC_AT + 4 :]


def layout(descriptor: int) -> Layout | None:
    """Lay out an Ogg file; ``None`` where the decoder does all there is."""
    found = links(descriptor)
    if found is None:
        return None
    chain, is_whole = found
    if any(link.kind == FLAC for link in chain):
        return None if is_whole or len(chain) > 1 else _as_flac(descriptor, chain[0])
    layouts = [_LinkLayout(descriptor, link) for link in chain]
    if len(layouts) == 1 and is_whole and not layouts[0].is_corrected:
        # Where its last page is there, nothing is cut off, whatever it claims.
        return Listed((layouts[0].whole(),), estimated=not layouts[0].is_cut)
    pieces, losses, position = list[Piece](), list[Loss](), 0.0
    for link in layouts:
        pieces += link.pieces(position)
        losses += link.losses(position)
        position += link.duration
    remarks = [line for link in layouts for line in link.remarks]
    return Listed(pieces, duration=position, estimated=True, losses=losses, remarks=remarks)


def _as_flac(descriptor: int, link: Link) -> Layout | None:
    """Lay out FLAC in Ogg as FLAC, whose decoder is helped past damage; pages are left out."""
    parts: list[Part] = []
    number = 0
    for page in [*link.headers, *link.pages]:
        if page.number != number:  # so that the decoder notices that frames are gone
            parts.append(Insert(bytes(NO_FRAME_BYTES)))
        number = page.number + 1
        head = bytes_at(descriptor, page.start, HEADER_BYTES)
        start = page.start + HEADER_BYTES + head[-1]
        parts.append(Span(start + FLAC_MAPPING * (not parts), page.end))
    return flac.layout(JoinedParts(descriptor, parts))

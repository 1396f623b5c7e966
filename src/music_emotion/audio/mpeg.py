"""MP3: find the frames, cut out what is none, fill what is missing, and keep links apart.

The decoder (mpg123) gives up after 1,024 bytes of junk, says nothing of frames that are gone, and
believes what the first frame claims. So all headers are followed once, in a fraction of the time
that decoding takes. A file without fault is left to the decoder as it is. In any other, frames that
are gone are replaced by silent ones, so that time stays in step; each of several files that were
joined (each *link*) is decoded by itself.

The format: ISO/IEC 11172-3 and 13818-3; the first frame's count: Xing's, LAME's and Fraunhofer's.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.pieces import (
    Insert,
    Listed,
    Loss,
    Part,
    Piece,
    Span,
    bytes_at,
    bytes_within,
    contradicted,
    is_zero,
)
from music_emotion.audio.tags_around import after_tags, before_tags, tag_length

WINDOW_BYTES = 1 << 20
HEADER_BYTES = 4
FIRST_BYTES = 2_048  # of a link; a frame of layer III, which alone makes claims, is shorter
LONGEST_TAG_HEAD = 32  # bytes that tell a tag's length
SURE_FRAMES = 3  # in a row are no accident
SURE_FRAMES_OF_ANOTHER_KIND = 8  # which could be a picture's bytes in damaged ones
NEIGHBOURS = 64  # frames on each side of a gap that tell how long one is
FEW_FRAMES = 10  # of junk in front or behind, a quarter of a second: no loss worth a word
LARGEST_BITRATE = 14  # index
PLAUSIBLE = 0.3  # of the frames that a gap's bytes hold; a count that differs more is not of them
SEARCH_BYTES = 1_024  # of junk that the decoder passes over
SLACK_BYTES, SLACK_SHARE = 1_024, 0.005  # by which encoders and taggers misstate a file's length

BITRATES = {  # kbit/s by MPEG 1 or not, and layer
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True, slots=True)
class _Header:
    """The four bytes before a frame."""

    raw: bytes

    @property
    def version(self) -> int:
        return self.raw[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5

    @property
    def layer(self) -> int:
        return 4 - (self.raw[1] >> 1 & 3)

    @property
    def rate(self) -> int:
        return RATES[self.version][self.raw[2] >> 2 & 3]

    @property
    def samples(self) -> int:
        """Samples per channel of a frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1_152

    @property
    def side_bytes(self) -> int:
        """Bytes of side information of a layer-III frame."""
        mono = self.raw[3] >> 6 == 3
        if self.version == 3:
            return 17 if mono else 32
        return 9 if mono else 17

    @property
    def length(self) -> int:
        return int(_lengths()[self.raw[1], self.raw[2]])

    def silent(self) -> bytes:
        """Return a frame of the same kind and rate that holds silence."""
        raw = bytes([self.raw[0], self.raw[1] | 1, self.raw[2] & ~2, self.raw[3]])
        return raw + bytes(_Header(raw).length - HEADER_BYTES)


@functools.cache
def _lengths() -> NDArray[np.int32]:
    """Return the bytes of a frame by the second and third byte of its header; 0: no frame."""
    table = np.zeros((256, 256), dtype=np.int32)
    for second, third in itertools.product(range(0xE0, 0x100), range(256)):
        version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
        bitrate, rate, padding = third >> 4, third >> 2 & 3, third >> 1 & 1
        if version == 1 or layer == 4 or rate == 3 or not 1 <= bitrate <= LARGEST_BITRATE:
            continue
        bits = 1_000 * BITRATES[version == 3, layer][bitrate]
        hertz = RATES[version][rate]
        if layer == 1:
            table[second, third] = 4 * (12 * bits // hertz + padding)
        else:
            slots = 72 if layer == 3 and version != 3 else 144
            table[second, third] = slots * bits // hertz + padding
    return table


def is_header(raw: bytes) -> bool:
    """Whether a frame may begin here, one of a free format, which does not tell its length, too.

    >>> is_header(bytes.fromhex("fffb9064")), is_header(bytes.fromhex("ffd8ffe0"))
    (True, False)
    """
    if len(raw) < HEADER_BYTES or raw[0] != 0xFF:
        return False
    as_if_rated = raw[2] if raw[2] >> 4 else raw[2] | 0x10
    return bool(_lengths()[raw[1], as_if_rated])


BEYOND = -2  # the next frame begins behind the window


class _Window:
    """The headers in one window of the file, and which follows which."""

    def __init__(self, data: bytes, start: int) -> None:
        self.start = start
        raw = np.frombuffer(data, dtype=np.uint8)
        at = np.flatnonzero(raw[: min(WINDOW_BYTES, max(0, len(raw) - 3))] == 0xFF)
        lengths = _lengths()[raw[at + 1], raw[at + 2]]
        at, lengths = at[lengths > 0], lengths[lengths > 0]
        second, third = raw[at + 1].astype(np.int32), raw[at + 2].astype(np.int32)
        # Version, layer, rate, and whether it is mono: what no frame of a stream changes.
        kinds = (second & 0xFE) | (raw[at + 3] >> 6 == 3) | (third & 0x0C) << 8
        ends = at + lengths
        after = np.minimum(np.searchsorted(at, ends), max(len(at) - 1, 0))
        follows = (at[after] == ends) & (kinds[after] == kinds) if len(at) else np.zeros(0, bool)
        after = np.where(ends >= WINDOW_BYTES, BEYOND, np.where(follows, after, -1))
        self.at, self.lengths, self.kinds = at, lengths, kinds
        self.tagged = self._tagged(data, raw) if len(at) else set()
        if self.tagged:  # begins a link, so nothing goes on there
            after[np.isin(after, list(self.tagged))] = -1
        self.after: list[int] = after.tolist()

    def _tagged(self, data: bytes, raw: NDArray[np.uint8]) -> set[int]:
        """Return which headers are of a frame that tells how many follow."""
        found = set()
        for side in (9, 17, 32):
            first = raw[np.minimum(self.at + HEADER_BYTES + side, len(raw) - 1)]
            for index in np.flatnonzero(
                (first == ord("X")) | (first == ord("I")) | (first == ord("V"))
            ):
                at = int(self.at[index])
                header = _Header(data[at : at + HEADER_BYTES])
                name = data[at + HEADER_BYTES + side : at + 2 * HEADER_BYTES + side]
                is_xing = name in (b"Xing", b"Info") and header.side_bytes == side
                if header.layer == 3 and (is_xing or (name == b"VBRI" and side == 32)):
                    found.add(int(index))
        return found

    def index(self, position: int) -> int:
        """Return the number of the header at a place of the file, -1 where there is none."""
        local = position - self.start
        index = int(np.searchsorted(self.at, local))
        return index if index < len(self.at) and self.at[index] == local else -1


@dataclass(slots=True)
class _Run:
    """Frames in a row: where they begin and end, how many, and where the last begins."""

    start: int
    end: int
    frames: int
    last: int
    kind: int
    mean_length: float  # of those near the end


@dataclass(slots=True)
class _Link:
    """One MP3 of a file."""

    runs: list[_Run] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # frames missing before each run
    behind: int = 0  # frames missing behind the last run
    junk: int = 0  # bytes behind it up to the end of the file


class _Frames:
    """All links of a file."""

    def __init__(self, descriptor: int, start: int, end: int) -> None:
        self._descriptor = descriptor
        self._end = end
        self._window = _Window(b"", -WINDOW_BYTES)
        self.links: list[_Link] = []
        self.start = self._sure(start, min(end, start + WINDOW_BYTES), None)
        if self.start is not None:
            self._follow(self.start)

    def _at(self, position: int) -> tuple[_Window, int]:
        """Return the window of a place, and the number of the header there or -1."""
        if not 0 <= position - self._window.start < WINDOW_BYTES:
            start = position // WINDOW_BYTES * WINDOW_BYTES
            data = bytes_at(self._descriptor, start, WINDOW_BYTES + LONGEST_TAG_HEAD + 32)
            self._window = _Window(data[: max(0, self._end - start)], start)
        return self._window, self._window.index(position)

    def _follow(self, position: int) -> None:
        link, gap = _Link(), 0
        while position < self._end:
            run = self._run(position)
            link.runs.append(run)
            link.gaps.append(gap)
            position, gap, begins = self._go_on(run, link)
            if begins:
                link.behind, gap = gap, 0
                self.links.append(link)
                link = _Link()
        self.links.append(link)

    def _run(self, start: int) -> _Run:
        """Follow the headers from a frame on."""
        window, index = self._at(start)
        kind = int(window.kinds[index])
        position, count, last, mean = start, 0, start, 0.0
        while position < self._end:
            window, index = self._at(position)
            if index < 0 or window.kinds[index] != kind or (count and index in window.tagged):
                break
            trail, after = [index], window.after
            while (following := after[index]) >= 0:
                index = following
                trail.append(index)
            count += len(trail)
            mean = float(window.lengths[trail[-NEIGHBOURS:]].mean())
            last = window.start + int(window.at[index])
            position = last + int(window.lengths[index])
        return _Run(start, position, count, last, kind, mean)

    def _go_on(self, run: _Run, link: _Link) -> tuple[int, int, bool]:
        """Return where frames go on behind a run, how many are missing, if a link begins there."""
        position = run.end
        if position > self._end - HEADER_BYTES:
            if position > self._end:  # cut off
                run.end, run.frames = run.last, run.frames - 1
            return self._end, 0, False
        window, index = self._at(position)
        if index in window.tagged:
            return position, 0, True
        while length := tag_length(bytes_at(self._descriptor, position, LONGEST_TAG_HEAD)):
            position += length
        if position != run.end and position < self._end and self._is_sure(position, SURE_FRAMES):
            window, index = self._at(position)
            other = window.kinds[index] != run.kind or index in window.tagged
            return position, 0, bool(other)
        found = self._sure(run.last + 1, self._end, run.kind)
        if found is None:
            link.junk = self._end - position
            return self._end, 0, False
        window, index = self._at(found)
        begins = index in window.tagged or bool(window.kinds[index] != run.kind)
        return found, self._missing(run, found), begins

    def _missing(self, run: _Run, found: int) -> int:
        """Return the frames between the end of a run and the next; drop its last if it is none."""
        window, index = self._at(found)
        ahead = [index]
        while (index := window.after[index]) >= 0 and len(ahead) < NEIGHBOURS:
            ahead.append(index)
        mean = (run.mean_length + float(window.lengths[ahead].mean())) / 2
        frames = max(1, round((found - run.last) / mean))
        if found < run.end or (frames == 1 and found != run.end):
            run.end, run.frames = run.last, run.frames - 1
            return frames
        return frames - 1

    def _sure(self, start: int, end: int, kind: int | None) -> int | None:
        """Return the first place from ``start`` on where frames begin without a doubt."""
        position = start
        while position < end:
            window, _ = self._at(position)
            first = int(np.searchsorted(window.at, position - window.start))
            for index in range(first, len(window.at)):
                if window.after[index] == -1 and index not in window.tagged:
                    place = window.start + int(window.at[index])
                    if place + int(window.lengths[index]) != self._end:
                        continue
                place = window.start + int(window.at[index])
                same = kind is None or int(window.kinds[index]) == kind
                if self._is_sure(place, SURE_FRAMES if same else SURE_FRAMES_OF_ANOTHER_KIND):
                    return place if place < end else None
                window, _ = self._at(position)
            position = window.start + WINDOW_BYTES
        return None

    def _is_sure(self, position: int, needed: int) -> bool:
        """Whether so many frames follow each other from here, or all to the end."""
        kind = None
        for _ in range(needed):
            window, index = self._at(position)
            if index < 0 or (kind is not None and window.kinds[index] != kind):
                return False
            kind = int(window.kinds[index])
            position += int(window.lengths[index])
            if position >= self._end - HEADER_BYTES:
                return position <= self._end
        return True


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a link's first frame claims: where its numbers stand, frames and bytes that follow."""

    frames_at: int | None
    bytes_at: int | None
    frames: int
    size: int

    @classmethod
    def read(cls, frame: bytes) -> _Claim | None:
        """Read the claim of a frame; ``None`` where it holds sound."""
        header = _Header(frame[:HEADER_BYTES])
        tag = HEADER_BYTES + header.side_bytes
        if header.layer != 3:
            return None
        if frame[36:40] == b"VBRI":
            places: tuple[int | None, int | None] = (36 + 14, 36 + 10)
        elif frame[tag : tag + 4] in (b"Xing", b"Info") and len(frame) >= tag + 16:
            flags = frame[tag + 7]
            places = (
                tag + 8 if flags & 1 else None,
                tag + 8 + 4 * (flags & 1) if flags & 2 else None,
            )
        else:
            return None
        frames, size = (
            0 if at is None else int.from_bytes(frame[at : at + 4], "big") for at in places
        )
        return cls(*places, frames, size)

    def corrected(self, frame: bytes, frames: int, size: int) -> bytes:
        """Return the frame with other numbers."""
        data = bytearray(frame)
        for at, number in ((self.frames_at, frames), (self.bytes_at, size)):
            if at is not None:
                data[at : at + 4] = min(number, 0xFFFF_FFFF).to_bytes(4, "big")
        return bytes(data)


class _LinkLayout:
    """One link as a piece, and what is wrong with it."""

    def __init__(self, descriptor: int, link: _Link, end: int) -> None:
        self._descriptor = descriptor
        self.runs = link.runs
        first = link.runs[0]
        head = bytes_at(descriptor, first.start, FIRST_BYTES)
        self.header = _Header(head[:HEADER_BYTES])
        self._first = head[: self.header.length]
        self.claim = _Claim.read(self._first)
        found = sum(run.frames for run in self.runs) - (self.claim is not None)
        claimed = self.claim.frames if self.claim is not None else 0
        self.has_claim = self.claim is not None and self.claim.frames_at is not None
        lacking = claimed - found
        is_sure = lacking <= found and self._has_bytes_for(lacking - sum(link.gaps), end)
        self.gaps = _counted(link.gaps, lacking, is_sure)
        missing = sum(self.gaps)
        self.tail = self._tail(link, claimed - found - missing, end)
        self.frames = found + missing + self.tail
        self.is_cut = claimed > self.frames + 1 and not self._is_whole(end, link.junk)
        self.claimed = claimed if self.is_cut else self.frames
        self.is_contradicted = self.has_claim and claimed < self.frames - 1
        self.is_plain = (
            len(self.runs) == 1
            and not self.tail
            and (not self.has_claim or self.is_cut or abs(claimed - self.frames) <= 1)
        )

    def _tail(self, link: _Link, lacking: int, end: int) -> int:
        """Return the frames that are missing behind the last run."""
        if link.behind:
            return link.behind
        frames = int(link.junk / self.runs[-1].mean_length)
        if self.claim is not None and self.has_claim:
            return min(frames, max(0, lacking)) if lacking > 1 else 0
        is_padding = frames < FEW_FRAMES or is_zero(self._descriptor, end - link.junk, end)
        return 0 if is_padding else frames

    def _is_whole(self, end: int, junk: int) -> bool:
        """Whether a file that has fewer frames than it claims ends where it should all the same."""
        assert self.claim is not None
        here = end - self.runs[0].start
        if self.claim.size:
            return self.claim.size <= here * (1 + SLACK_SHARE) + SLACK_BYTES
        return self.runs[-1].end == end - junk  # else the last frame is cut

    def lead(self, start: int) -> None:
        """Count the frames that junk from ``start`` on in front of the first run stands for."""
        first = self.runs[0]
        frames = int((first.start - start) / first.mean_length)
        if frames < FEW_FRAMES or self.claim is not None:
            return
        if not is_zero(self._descriptor, start, first.start):
            self.gaps[0] += frames
            self.frames += frames

    def remarks(self) -> list[str]:
        """Say what its header claims though the data contradict it."""
        if not self.is_contradicted or self.claim is None:
            return []
        seconds = self.header.samples / self.header.rate
        return [contradicted(self.claim.frames * seconds, self.frames * seconds)]

    def _has_bytes_for(self, lacking: int, end: int) -> bool:
        """Whether as many bytes are gone as so many frames have, and not from the end."""
        here, last = end - self.runs[0].start, self.runs[-1]
        gone = lacking * last.mean_length
        slack = here * SLACK_SHARE + SLACK_BYTES
        is_there = last.end == end or abs(gone) < slack  # else the last frame was cut
        return self.claim is not None and is_there and abs(self.claim.size - here - gone) <= slack

    @property
    def duration(self) -> float:
        """Seconds that this link claims, delays of the encoder included."""
        return self.claimed * self.header.samples / self.header.rate

    def piece(self) -> tuple[Piece, list[Loss]]:
        """Return the link as its decoder should see it, and what is lost, by its own time."""
        seconds = self.header.samples / self.header.rate  # of a frame
        parts: list[Part] = []
        losses: list[Loss] = []
        frames = 0
        size = sum(run.end - run.start for run in self.runs)
        start = self.runs[0].start
        if self.claim is not None and self.has_claim:
            parts.append(Insert(self.claim.corrected(self._first, self.claimed, size)))
            start += len(self._first)
            frames -= 1
        for run, gap in zip(self.runs, self.gaps, strict=True):
            muted = 0
            if gap:
                header = _Header(bytes_at(self._descriptor, run.start, HEADER_BYTES))
                parts.append(Insert(header.silent(), gap))
                replaced = list(self._muted(run))
                muted = len(replaced)
                parts += replaced
                start = run.start + sum(map(len, replaced))
                lost = (gap + muted) * seconds
                losses.append(Loss(max(0, frames) * seconds, lost))
            parts.append(Span(max(start, run.start), run.end))
            frames += gap + run.frames
        if self.tail:
            losses.append(Loss(frames * seconds, self.tail * seconds))
        filling, limit = self._filling(sum(map(len, parts)))
        if filling:
            parts.append(Insert(self.header.silent(), filling))
        return Piece(tuple(parts), frames=limit), losses

    def _filling(self, size: int) -> tuple[int, int | None]:
        """Return silent frames to put behind, and the frames of sound to take of it all.

        Without a claim the decoder guesses the length from the first frame, and stops there.
        """
        if self.claim is not None and self.has_claim:
            return self.tail, None
        length = len(self.header.silent())
        enough = (self.frames + FEW_FRAMES) * self.header.length
        return self.tail + max(0, -(-(enough - size) // length)), self.frames * self.header.samples

    def _muted(self, run: _Run) -> Iterator[Insert]:
        """Yield the first frames of a run without their sound, while it needs bytes that are gone.

        A frame's sound may begin up to 511 bytes before it (the reservoir); its own bytes stay, for
        the frames behind it.
        """
        position, reservoir = run.start, 0
        while position < run.last and self.header.layer == 3:
            raw = bytes_at(self._descriptor, position, HEADER_BYTES + 4)
            header = _Header(raw[:HEADER_BYTES])
            side = HEADER_BYTES + (0 if raw[1] & 1 else 2)
            begin = int.from_bytes(raw[side : side + 2], "big") >> (7 if header.version == 3 else 8)
            if begin <= reservoir:
                return
            frame = bytes_at(self._descriptor, position, header.length)
            silence = bytes(header.side_bytes)
            kept = frame[HEADER_BYTES + header.side_bytes :]
            yield Insert(bytes([raw[0], raw[1] | 1, raw[2], raw[3]]) + silence + kept)
            reservoir += header.length - side - header.side_bytes
            position += header.length


def _counted(gaps: Sequence[int], lacking: int, is_sure: bool) -> list[int]:
    """Correct the frames of gaps, guessed from bytes, by those that a file lacks in all."""
    guessed = sum(gaps)
    differs = abs(lacking - guessed) > max(4 * len(gaps), PLAUSIBLE * guessed)
    if not guessed or lacking < 0 or (differs and not is_sure):
        return list(gaps)
    bounds = np.round(np.cumsum([0, *gaps]) * (lacking / guessed)).astype(int)
    return [int(count) for count in np.diff(bounds)]


def layout(descriptor: int, expected: int) -> Listed:
    """Lay out an MP3, of which the decoder expects so many samples per channel."""
    size = os.fstat(descriptor).st_size
    read = functools.partial(bytes_within, descriptor)
    start = after_tags(read, size)
    end = before_tags(read, start, size)
    found = _Frames(descriptor, start, end)
    if not found.links:  # of a free format, whose frames do not tell their length
        return Listed(estimated=True)
    links = [_LinkLayout(descriptor, link, end) for link in found.links]
    only, run = links[0], links[0].runs[0]
    links[0].lead(start)
    fits = only.has_claim or only.frames * only.header.samples <= expected
    around = max(run.start - start, size - run.end)
    if len(links) == 1 and only.is_plain and fits and around < SEARCH_BYTES:
        duration = None if only.has_claim else only.duration
        return Listed(duration=duration, estimated=not only.has_claim)
    return _joined(links)


def _joined(links: Sequence[_LinkLayout]) -> Listed:
    """Lay out links one behind the other."""
    pieces, losses, remarks, position = list[Piece](), list[Loss](), list[str](), 0.0
    for link in links:
        piece, lost = link.piece()
        pieces.append(piece)
        losses += [Loss(position + loss.at, loss.seconds) for loss in lost]
        position += link.duration
        remarks += link.remarks()
    is_cut = any(link.is_cut for link in links)
    return Listed(pieces, duration=position, estimated=not is_cut, losses=losses, remarks=remarks)

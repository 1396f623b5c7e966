"""A file as its decoder should see it: pieces that decode by themselves, put together from parts.

A sound file is decoded as it is. One that is damaged, joined from several or wrong about its length
is laid out as :class:`Piece`, each a whole file to the decoder: parts of the file, and bytes that
stand in for what is wrong. Nothing is copied; parts are read when the decoder asks for them.
"""

from __future__ import annotations

import bisect
import io
import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the file, from ``start`` to before ``end``."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Insert:
    """Bytes that are not in the file, ``count`` times."""

    data: bytes
    count: int = 1

    def __len__(self) -> int:
        return len(self.data) * self.count


Part = Span | Insert


@dataclass(frozen=True, slots=True)
class Piece:
    """What decodes by itself.

    Attributes
    ----------
    parts
        What the decoder reads; ``None`` is the file as it is.
    start, end
        Seconds of the whole at which its sound begins and ends, where the file tells; without
        ``start`` it begins so long before ``end`` as it lasts, without both behind the last piece.
    frames
        Frames to take of it, ``None`` for all there are.
    """

    parts: tuple[Part, ...] | None = None
    start: float | None = None
    end: float | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Where sound is damaged, in seconds of the whole, and how many are silence instead."""

    at: float
    seconds: float = 0.0


class Layout(Protocol):
    """How a file is to be decoded.

    Attributes
    ----------
    duration
        Seconds in all, where they are known better than by the header.
    share
        Frames that the header claims for each that is there, where it is wrong: more than one where
        the file was cut off.
    estimated
        Whether that is a guess, or says nothing of what should be there.
    losses
        What is known to be damaged before anything is decoded.
    remarks
        What else a user should know, one line each.
    """

    duration: float | None
    share: float
    estimated: bool
    losses: tuple[Loss, ...]
    remarks: tuple[str, ...]

    def next_piece(self, position: float) -> Piece | None:
        """Return what goes on at a second of the whole or later; ``None`` at the end."""
        ...


class Listed:
    """A layout whose pieces are all known."""

    def __init__(
        self,
        pieces: Sequence[Piece] = (Piece(),),
        *,
        duration: float | None = None,
        share: float = 1.0,
        estimated: bool = False,
        losses: Sequence[Loss] = (),
        remarks: Sequence[str] = (),
    ) -> None:
        self._pieces = iter(pieces)
        self.duration = duration
        self.share = share
        self.estimated = estimated
        self.losses = tuple(losses)
        self.remarks = tuple(remarks)

    def next_piece(self, position: float) -> Piece | None:
        """Return the piece after the last that was asked for."""
        return next(self._pieces, None)


class JoinedParts(io.RawIOBase):
    """Parts, one behind the other, as a file that can be read; the descriptor stays open."""

    def __init__(self, descriptor: int, parts: Iterable[Part], *, is_whole: bool = False) -> None:
        self.is_whole = is_whole  # whether the parts are the file as it is
        self._descriptor = descriptor
        self._parts = [part for part in parts if len(part)]
        self._starts = [0, *itertools.accumulate(map(len, self._parts))]
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, counted from the beginning, here or the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there are bytes, and return how many."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._position < self._starts[-1]:
            index = bisect.bisect_right(self._starts, self._position) - 1
            offset = self._position - self._starts[index]
            found = self._bytes(self._parts[index], offset, len(view) - filled)
            if not found:
                break
            view[filled : filled + len(found)] = found
            filled += len(found)
            self._position += len(found)
        return filled

    def at(self, start: int, count: int) -> bytes:
        """Read from a place and leave the position there."""
        self.seek(start)
        return self.read(count)

    def between(self, start: int, end: int) -> list[Part]:
        """Return what lies in a stretch, as parts."""
        found: list[Part] = []
        for part, begin in zip(self._parts, self._starts, strict=False):
            first, last = max(start - begin, 0), min(end - begin, len(part))
            if first >= last:
                continue
            if isinstance(part, Span):
                found.append(Span(part.start + first, part.start + last))
            else:
                found.append(Insert((part.data * part.count)[first:last]))
        return found

    def _bytes(self, part: Part, offset: int, count: int) -> bytes:
        """Return not more than ``count`` bytes of a part."""
        if isinstance(part, Span):
            return bytes_at(self._descriptor, part.start + offset, min(count, len(part) - offset))
        offset %= len(part.data)
        return part.data[offset : offset + count]


def whole_file(descriptor: int) -> JoinedParts:
    """Return a file as it is."""
    return JoinedParts(descriptor, [Span(0, os.fstat(descriptor).st_size)], is_whole=True)


def bytes_at(descriptor: int, start: int, count: int) -> bytes:
    """Read from a place of a file and leave its position (``os.pread`` is not everywhere)."""
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, start, os.SEEK_SET)
    found = os.read(descriptor, count)
    os.lseek(descriptor, position, os.SEEK_SET)
    return found


def bytes_within(descriptor: int, start: int, count: int) -> bytes:
    """Read from a place of a file; nothing where that is not in it, however far."""
    is_inside = 0 <= start < os.fstat(descriptor).st_size
    return bytes_at(descriptor, start, count) if is_inside else b""


def is_zero(descriptor: int, start: int, end: int) -> bool:
    """Whether all bytes of a stretch of a file are zero."""
    starts = range(start, end, BLOCK_BYTES)
    blocks = (bytes_at(descriptor, at, min(BLOCK_BYTES, end - at)) for at in starts)
    return not any(block.strip(b"\0") for block in blocks)


def contradicted(claimed: float, found: float) -> str:
    """Say that a header's length is wrong, in seconds."""
    return f"its header claims {claimed:.1f} s; all {found:.1f} s that follow were heard"

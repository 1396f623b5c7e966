"""Checksums over what the catalogue keeps in bytes and numbers, so that damage on a disk is seen.

CRC-32, as a number with a sign, which SQLite keeps in four bytes: one damage in four billion passes
unseen. What a value belongs to is part of it, so that a row in another's place is damage, too.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import cache

_TIMELINE = struct.Struct("<q3d")
_BLOCK = struct.Struct("<q")


def prediction_checksum(
    numbers: Sequence[float | None], top: str | bytes | None, warnings: str | bytes | None
) -> int | None:
    """Return the checksum of a row of the table "prediction".

    Parameters
    ----------
    numbers
        Numbers of the rows of track and model that it belongs to, then what is in the columns of
        ``catalogue.PREDICTION_NUMBERS``, as SQLite gives it.
    top, warnings
        The rest of it; text may be UTF-8.

    Returns
    -------
    int or None
        ``None`` where a value is of a kind that no such row holds.

    Examples
    --------
    >>> whole = prediction_checksum((1, 1, 180.0, 0.5, None, True), "power", "")
    >>> whole == prediction_checksum((1, 1, 180.0, 0.5, None, 1), b"power", b"")
    True
    >>> whole == prediction_checksum((2, 1, 180.0, 0.5, None, True), "power", "")
    False
    """
    try:
        packed = _numbers(len(numbers)).pack(*numbers)
    except (struct.error, OverflowError):
        try:
            known = (math.nan if value is None else value for value in numbers)
            packed = _numbers(len(numbers)).pack(*known)
        except (struct.error, OverflowError):
            return None
    try:
        return _signed(zlib.crc32(_text(warnings), zlib.crc32(_text(top), zlib.crc32(packed))))
    except TypeError:
        return None


@cache
def _numbers(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


def _text(text: str | bytes | None) -> bytes:
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    return b"\0" if text is None else text + b"\1"


def timeline_checksum(
    track: int, times: Sequence[float], probabilities: bytes, points: bytes | None
) -> int | None:
    """Return the checksum of a row of the table "timeline"; ``None``: no such row.

    ``times`` are its three numbers: ``first``, ``step`` and ``window``.
    """
    try:
        parts = [_TIMELINE.pack(track, *times), probabilities, b"" if points is None else points]
        return _crc(parts)
    except (struct.error, TypeError):
        return None


def block_checksum(block: int, column: str, content: bytes) -> int:
    """Return the checksum of a column of a block of a derived table."""
    return _crc([_BLOCK.pack(block) + column.encode(), content])


def pack_checksums(checksums: Iterable[int]) -> bytes:
    """Return several checksums in one, little-endian int32.

    >>> unpack_checksums(pack_checksums([1, -2])), unpack_checksums(b"abc")
    ((1, -2), ())
    """
    numbers = tuple(checksums)
    return struct.pack(f"<{len(numbers)}i", *numbers)


def unpack_checksums(stored: bytes) -> tuple[int, ...]:
    """Return what :func:`pack_checksums` was given; nothing where that cannot be."""
    whole = isinstance(stored, bytes) and len(stored) % 4 == 0
    return struct.unpack(f"<{len(stored) // 4}i", stored) if whole else ()


def _crc(parts: Iterable[bytes]) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return _signed(checksum)


def _signed(checksum: int) -> int:
    return checksum - ((checksum & 0x8000_0000) << 1)

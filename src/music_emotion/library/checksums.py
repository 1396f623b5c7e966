"""Checksums over what the catalogue keeps in bytes and numbers, so that damage on a disk is seen.

CRC-32, as a number with a sign, which SQLite keeps in four bytes: one damage in four billion passes
unseen. What a value belongs to is part of it, so that a row in another's place is damage, too.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Sequence

_TIMELINE = struct.Struct("<q3d")
_BLOCK = struct.Struct("<q")


def prediction_checksum(
    track: int, model: int, values: Sequence[float | str | bytes | None]
) -> int | None:
    """Return the checksum of a row of the table "prediction".

    Parameters
    ----------
    track, model
        Numbers of the rows that it belongs to.
    values
        All that it holds but these, in the order of ``catalogue.PREDICTION_COLUMNS``; text may be
        given as UTF-8.

    Returns
    -------
    int or None
        ``None`` where a value is of a kind that no such row holds.

    Examples
    --------
    >>> whole = prediction_checksum(1, 1, (180.0, "power", 0.5, None, True))
    >>> whole == prediction_checksum(1, 1, (180.0, b"power", 0.5, math.nan, 1))
    True
    >>> whole == prediction_checksum(2, 1, (180.0, "power", 0.5, None, True))
    False
    """
    numbers: list[float] = [track, model]
    texts: list[bytes] = []
    for value in values:
        if isinstance(value, str):
            texts.append(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, bytes):
            texts.append(value)
        elif value is None or value != value:
            numbers.append(math.nan)
        else:
            numbers.append(value + 0.0)  # 0 has no sign in a database
    try:
        packed = struct.pack(f"<{len(numbers)}d", *numbers)
    except (struct.error, OverflowError):
        return None
    return _crc([packed, b"\0".join(texts)])


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
    return checksum - ((checksum & 0x8000_0000) << 1)

from __future__ import annotations

import os
from pathlib import Path

from music_emotion.audio.pieces import Insert, JoinedParts, Span, contradicted, is_zero


def test_parts_are_read_as_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDONLY)
    joined = JoinedParts(descriptor, [Insert(b"ab", 3), Span(2, 5), Span(5, 5), Insert(b"z")])
    assert joined.read() == b"ababab234z"
    assert joined.seek(-3, os.SEEK_END) == 7
    assert joined.read(2) == b"34"
    assert joined.seek(-6, os.SEEK_CUR) == joined.tell() == 3
    assert joined.read(5) == b"bab23"
    assert joined.seek(100) == 100
    assert joined.read(1) == b""
    os.close(descriptor)


def test_zeros_are_told_from_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" + bytes(100) + b"b")
    descriptor = os.open(path, os.O_RDONLY)
    assert is_zero(descriptor, 1, 101)
    assert not is_zero(descriptor, 1, 102)
    os.close(descriptor)


def test_a_wrong_length_is_said_in_seconds() -> None:
    line = "its header claims 0.0 s; all 60.0 s that follow were heard"
    assert contradicted(0.0, 60.0) == line

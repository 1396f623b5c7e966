from __future__ import annotations

import struct

import pytest

from music_emotion.audio.tags_around import after_tags, before_padding, before_tags, tag_length

ID3V2 = b"ID3\3\0\0\0\0\1\0" + bytes(128)
ID3V2_FOOTER = b"ID3\4\0\x10\0\0\1\0" + bytes(128) + b"3DI\4\0\x10\0\0\1\0"
ID3V1 = b"TAG" + bytes(125)
APE_HEADER, APE_FOOTER = (
    b"APETAGEX" + struct.pack("<IIII", 2_000, 32 + 100, 1, flags) + bytes(8)
    for flags in (0xA0000000, 0x80000000)
)
APE = APE_HEADER + bytes(100) + APE_FOOTER
LYRICS = b"LYRICSBEGIN" + bytes(89) + b"000100LYRICS200"


@pytest.mark.parametrize(
    "tag", [ID3V2, ID3V2_FOOTER, ID3V1, APE], ids=["ID3v2", "with a footer", "ID3v1", "APE"]
)
def test_the_length_of_a_tag(tag: bytes) -> None:
    assert tag_length(tag + b"sound" * 20) == len(tag)
    assert tag_length(b"sound" * 20) == 0


def test_what_lies_between_tags() -> None:
    data = ID3V2 + APE + b"sound" * 20 + ID3V2_FOOTER + APE + LYRICS + ID3V1

    def read(start: int, count: int) -> bytes:
        return data[start : start + count] if start >= 0 else b""

    start = after_tags(read, len(data))
    assert data[start : before_tags(read, start, len(data))] == b"sound" * 20


def test_many_zeros_are_padding_and_few_are_sound() -> None:
    for zeros, kept, end in ((100, 0, 200), (300, 0, 100), (300, 64, 164), (200_000, 0, 100)):
        data = b"sound" * 20 + bytes(zeros)
        found = before_padding(lambda at, n, data=data: data[at : at + n], 0, len(data), kept)
        assert found == end
    assert before_padding(lambda at, n: bytes(n), 0, 100_000) == 0

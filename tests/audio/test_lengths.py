from __future__ import annotations

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from music_emotion.audio import decode
from music_emotion.errors import AudioError

SECONDS = 3.0
BYTES = round(SECONDS * RATE) * 2
# By format: where the chunk of sound is, how its size is written, what that counts more than sound.
SIZES = {
    "WAV": (b"data", 4, "<I", 0),
    "RF64": (b"ds64", 16, "<Q", 0),
    "W64": (b"data\xf3\xac\xd3\x11", 16, "<Q", 24),
    "AIFF": (b"SSND", 4, ">I", 8),
    "AU": (b".snd", 8, ">I", 0),
    "CAF": (b"data", 4, ">q", 4),
}


def _file(kind: str, size: int | None = None) -> bytes:
    """A file of a format, with another number of bytes in its header."""
    buffer = io.BytesIO()
    sf.write(buffer, tone(SECONDS), RATE, format=kind, subtype="PCM_16")
    data = buffer.getvalue()
    mark, offset, form, more = SIZES[kind]
    at = data.index(mark) + offset
    (written,) = struct.unpack_from(form, data, at)
    assert written == BYTES + more
    if size is None:
        return data
    return data[:at] + struct.pack(form, size + more) + data[at + struct.calcsize(form) :]


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("size", [0, 200, BYTES // 2])
def test_a_length_that_is_too_small_hides_nothing(kind: str, size: int) -> None:
    sound = decode(io.BytesIO(_file(kind, size)))
    assert sound.duration == pytest.approx(SECONDS, abs=0.001)
    assert np.abs(sound.samples[-RATE:] - tone(SECONDS)[-RATE:]).max() < 1e-4
    claimed = size / BYTES * SECONDS
    line = f"its header claims {claimed:.1f} s; all 3.0 s that follow were heard"
    assert sound.warnings == (line,)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF"])
def test_a_whole_file_of_a_length_that_is_too_large_is_not_called_cut(kind: str) -> None:
    sound = decode(io.BytesIO(_file(kind, 2 * BYTES)))
    assert sound.duration == SECONDS
    assert sound.warnings == ()


@pytest.mark.parametrize("kind", SIZES)
def test_a_file_that_is_cut_off_says_so(kind: str) -> None:
    sound = decode(io.BytesIO(_file(kind)[: -BYTES // 2]))
    assert sound.duration == pytest.approx(SECONDS / 2, abs=0.1)
    (line,) = sound.warnings
    assert line.startswith("only 1.5 of 3.0 s")


@pytest.mark.parametrize(
    ("kind", "number"),
    [("WAV", 0xFFFFFFFF), ("AU", 0xFFFFFFFF), ("CAF", -5), ("W64", (1 << 63) - 25)],
)
def test_a_length_that_is_not_known_is_no_fault(kind: str, number: int) -> None:
    sound = decode(io.BytesIO(_file(kind, number)))
    assert sound.duration == SECONDS
    assert sound.warnings == ()


@pytest.mark.parametrize(
    "behind",
    [
        b"LIST" + struct.pack("<I", 9_000) + b"INFO" + bytes(8_996),
        bytes(20_000),
        b"TAG" + bytes(125),
    ],
    ids=["chunk", "padding", "ID3v1"],
)
def test_what_is_behind_the_sound_of_a_wav_is_not_heard(behind: bytes) -> None:
    sound = decode(io.BytesIO(_file("WAV") + behind))
    assert sound.duration == SECONDS
    assert sound.warnings == ()


def test_a_chunk_behind_is_found_where_the_length_is_wrong() -> None:
    chunk = b"LIST" + struct.pack("<I", 9_000) + b"INFO" + bytes(8_996)
    assert decode(io.BytesIO(_file("WAV", 0) + chunk)).duration == SECONDS


@pytest.mark.parametrize(("more", "heard"), [(4_000, 0), (6_000, 6_000)])
def test_a_little_behind_the_sound_is_not_heard_and_more_is(more: int, heard: int) -> None:
    """4 kB, which are 46 ms of this sound, are the limit."""
    sound = decode(io.BytesIO(_file("WAV", BYTES - more)))
    assert len(sound.samples) == (BYTES - more + heard) // 2
    assert len(sound.warnings) == (heard > 0)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_a_chunk_of_odd_length_before_the_sound_is_padded(kind: str) -> None:
    data, mark = _file(kind, 0), SIZES[kind][0]
    length = (5).to_bytes(4, "little" if kind == "WAV" else "big")
    at = data.index(mark)
    sound = decode(io.BytesIO(data[:at] + b"NAME" + length + b"above\0" + data[at:]))
    assert sound.duration == pytest.approx(SECONDS, abs=0.001)
    assert np.abs(sound.samples[-RATE:] - tone(SECONDS)[-RATE:]).max() < 1e-4


def _extensible(data: bytes, order: str, number: int) -> bytes:
    """A WAV or Wave64 in whose extensible format another format's number is named."""
    at = data.index(b"fmt ") + (24 if data[:4] == b"riff" else 8)
    fields = struct.unpack_from(f"{order}HHIIHH", data, at)
    guid = struct.pack(f"{order}IHH", number, 0, 0x10) + bytes.fromhex("800000aa00389b71")
    extension = struct.pack(f"{order}HHI", 22, fields[-1], 0) + guid
    chunk = struct.pack(f"{order}HHIIHH", 0xFFFE, *fields[1:]) + extension
    form, more = ("<Q", 24) if data[:4] == b"riff" else (f"{order}I", 0)
    size = struct.calcsize(form)
    (length,) = struct.unpack_from(form, data, at - size)
    end = at + length - more
    return data[: at - size] + struct.pack(form, len(chunk) + more) + chunk + data[end:]


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_an_extensible_wave64_holds_what_its_extension_says(subtype: str) -> None:
    """The decoder once took floats for integers, and gave noise."""
    buffer = io.BytesIO()
    sf.write(buffer, tone(SECONDS), RATE, format="W64", subtype=subtype)
    data = _extensible(buffer.getvalue(), "<", 3 if subtype == "FLOAT" else 1)
    for changed in (data, data + bytes(4_000)):
        sound = decode(io.BytesIO(changed))
        assert sound.duration == SECONDS
        assert np.abs(sound.samples - tone(SECONDS)).max() < 1e-4
        assert sound.warnings == ()


@pytest.mark.parametrize("written", [1, 0x10000], ids=["as one number", "as two"])
def test_an_extensible_rifx_is_read(written: int) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, tone(SECONDS), RATE, format="WAV", subtype="PCM_24", endian="BIG")
    data = _extensible(buffer.getvalue(), ">", written)
    assert np.abs(decode(io.BytesIO(data)).samples - tone(SECONDS)).max() < 1e-4


def test_what_follows_the_sound_of_a_wave64_is_not_heard() -> None:
    marker = b"marker\0\0" + bytes(8) + struct.pack("<Q", 24 + 6_000) + bytes(range(250)) * 24
    for behind in (marker, bytes(50_000)):
        sound = decode(io.BytesIO(_file("W64") + behind))
        assert (sound.duration, sound.warnings) == (SECONDS, ())


@pytest.mark.parametrize("length", [1 << 45, 1 << 63])
def test_a_chunk_that_no_file_can_hold_is_read_or_refused(length: int) -> None:
    data = _file("W64")
    at = data.index(b"fmt ") + 16
    with suppress(AudioError):
        decode(io.BytesIO(data[:at] + struct.pack("<Q", length) + data[at + 8 :]))

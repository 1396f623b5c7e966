from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from helpers.sounds import encoded, frequency, heard_share, music, overwritten, tone
from music_emotion.audio import decode
from music_emotion.audio.ogg import CRC_AT, checksum

SECONDS = 12.0
RATE = 48_000


@pytest.fixture(scope="module", params=["ogg", "opus"])
def whole(request: pytest.FixtureRequest) -> bytes:
    return encoded(np.stack([music(SECONDS, RATE)] * 2, axis=1), request.param, RATE)


def _pages(data: bytes) -> list[bytes]:
    pages, position = [], 0
    while position < len(data):
        count = data[position + 26]
        length = 27 + count + sum(data[position + 27 : position + 27 + count])
        pages.append(data[position : position + length])
        position += length
    return pages


def _moved(page: bytes, position: int) -> bytes:
    """Give a page another position, and the checksum that goes with it."""
    page = page[:6] + struct.pack("<q", position) + page[14:CRC_AT] + bytes(4) + page[CRC_AT + 4 :]
    return page[:CRC_AT] + checksum(page).to_bytes(4, "little") + page[CRC_AT + 4 :]


def test_the_checksum_is_that_of_pages(whole: bytes) -> None:
    for page in _pages(whole):
        told = int.from_bytes(page[CRC_AT : CRC_AT + 4], "little")
        assert checksum(page[:CRC_AT] + bytes(4) + page[CRC_AT + 4 :]) == told


@pytest.mark.parametrize("place", [0.3, 0.5, 0.77])
@pytest.mark.parametrize("count", [1, 512, 4_096])
def test_damage_costs_its_packets(whole: bytes, place: float, count: int) -> None:
    expected = decode(io.BytesIO(whole))
    sound = decode(io.BytesIO(overwritten(whole, int(place * len(whole)), count)))
    longest = max(map(len, _pages(whole))) / len(whole)  # a page is gone whose header was hit
    gone = count / len(whole) + longest * (count > 1)
    assert sound.duration == pytest.approx(SECONDS, abs=0.01)
    assert heard_share(expected.samples, sound.samples, RATE) > 1 - gone - 0.02
    assert sum(line.startswith("damaged at") for line in sound.warnings) == 1


def test_a_page_that_is_gone_is_silence(whole: bytes) -> None:
    pages = _pages(whole)
    middle = len(pages) // 2
    expected = decode(io.BytesIO(whole)).samples
    sound = decode(io.BytesIO(b"".join(pages[:middle] + pages[middle + 1 :])))
    assert sound.duration == pytest.approx(SECONDS, abs=0.01)
    assert np.abs(sound.samples[-RATE:] - expected[-RATE:]).max() < 1e-3
    assert any(line.endswith("are missing, taken as silence") for line in sound.warnings)


def test_all_links_of_a_chain_are_heard(whole: bytes) -> None:
    other = encoded(tone(4.0, 44_100, 880.0), "ogg", 44_100)
    sound = decode(io.BytesIO(whole + other))
    assert sound.duration == pytest.approx(SECONDS + 4.0, abs=0.01)
    assert sound.sample_rate == RATE
    assert frequency(sound.samples[-3 * RATE :], RATE) == pytest.approx(880.0, abs=1.0)
    assert sound.warnings == ()


@pytest.mark.parametrize("position", [-1, 100, RATE * 6, RATE * 24, 1 << 62])
def test_a_wrong_last_position_hides_nothing_and_cuts_nothing(whole: bytes, position: int) -> None:
    pages = _pages(whole)
    data = b"".join([*pages[:-1], _moved(pages[-1], position)])
    sound = decode(io.BytesIO(data))
    assert sound.duration == pytest.approx(SECONDS, abs=0.05)
    assert len(sound.warnings) == (position < RATE * SECONDS)
    assert all("its header claims" in line for line in sound.warnings)


@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), bytes(30_000)], ids=["ID3v1", "padding"])
def test_what_is_behind_the_last_page_is_no_damage(whole: bytes, behind: bytes) -> None:
    sound = decode(io.BytesIO(whole + behind))
    assert sound.duration == pytest.approx(SECONDS, abs=0.01)
    assert sound.warnings == ()


@pytest.mark.parametrize("inserted", [-1, 1, 2_000])
def test_bytes_that_are_gone_or_added_move_nothing_behind(whole: bytes, inserted: int) -> None:
    at = len(whole) // 2
    added = bytes(max(0, inserted))
    sound = decode(io.BytesIO(whole[:at] + added + whole[at + max(0, -inserted) :]))
    expected = decode(io.BytesIO(whole))
    assert sound.duration == pytest.approx(SECONDS, abs=0.01)
    assert np.abs(sound.samples[-RATE:] - expected.samples[-RATE:]).max() < 1e-3
    assert heard_share(expected.samples, sound.samples, RATE) > 0.8


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_opus_is_heard_at_its_own_rate(rate: int) -> None:
    """Not at the one that its encoder was given, at which the decoder works less exactly."""
    data = encoded(tone(3.0, rate), "opus", rate)
    sound = decode(io.BytesIO(data))
    assert (sound.sample_rate, sound.warnings) == (RATE, ())
    assert sound.duration == pytest.approx(3.0, abs=0.001)
    assert frequency(sound.samples, RATE) == pytest.approx(440.0, abs=1.0)
    cut = decode(io.BytesIO(data[: len(data) // 2]))
    assert cut.sample_rate == RATE

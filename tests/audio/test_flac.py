from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.sounds import RATE, encoded, heard_share, music, overwritten
from helpers.tagged_files import needs_ffmpeg
from music_emotion.audio import decode
from music_emotion.audio.flac import Frames, StreamInfo
from music_emotion.audio.pieces import whole_file

SECONDS = 12.0
TOTAL = slice(18, 26)  # bytes of the file whose lowest 36 bits tell its length


@pytest.fixture(scope="module")
def whole() -> bytes:
    return encoded(np.stack([music(SECONDS), 0.5 * music(SECONDS, seed=1)], axis=1), "flac")


def _claim(data: bytes, total: int) -> bytes:
    number = int.from_bytes(data[TOTAL], "big") >> 36 << 36 | total
    return data[: TOTAL.start] + number.to_bytes(8, "big") + data[TOTAL.stop :]


@pytest.mark.parametrize("place", [0.1, 0.37, 0.61, 0.9])
@pytest.mark.parametrize("count", [1, 512, 30_000])
def test_damage_costs_its_frames(whole: bytes, place: float, count: int) -> None:
    expected = decode(io.BytesIO(whole))
    sound = decode(io.BytesIO(overwritten(whole, int(place * len(whole)), count)))
    assert sound.duration == expected.duration == SECONDS
    lost = 2 * 4_608 / RATE / SECONDS  # a frame is gone, and another where two are hit
    gone = count / len(whole)
    assert heard_share(expected.samples, sound.samples, RATE) > 1 - gone - lost - 0.005
    (line,) = sound.warnings
    assert line.startswith(f"damaged at {place * SECONDS:.0f}"[:12])
    assert line.endswith("s are missing, taken as silence")


def test_what_was_decoded_before_an_error_is_kept(whole: bytes) -> None:
    expected, sound = (
        decode(io.BytesIO(data)).samples for data in (whole, overwritten(whole, len(whole) // 2, 1))
    )
    different = np.flatnonzero(expected != sound)
    assert different[-1] - different[0] < 4_608


@pytest.mark.parametrize("total", [0, 1_000, 6 * RATE, 24 * RATE, (1 << 36) - 1])
def test_a_wrong_length_hides_nothing_and_cuts_nothing(whole: bytes, total: int) -> None:
    sound = decode(io.BytesIO(_claim(whole, total)))
    assert np.array_equal(sound.samples, decode(io.BytesIO(whole)).samples)
    assert len(sound.warnings) == (0 < total < SECONDS * RATE)
    assert all("its header claims" in line for line in sound.warnings)


@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), bytes(100_000)], ids=["ID3v1", "padding"])
def test_tags_and_padding_behind_are_no_damage(whole: bytes, behind: bytes) -> None:
    sound = decode(io.BytesIO(whole + behind))
    assert sound.duration == SECONDS
    assert sound.warnings == ()


def test_a_wrong_length_and_damage_together(whole: bytes) -> None:
    data = overwritten(_claim(whole, 1_000), len(whole) // 2, 100)
    sound = decode(io.BytesIO(data))
    assert sound.duration == SECONDS
    assert len(sound.warnings) == 2


def test_a_file_that_is_cut_off_gives_all_that_is_there(whole: bytes) -> None:
    sound = decode(io.BytesIO(whole[: len(whole) // 2]))
    assert sound.duration == pytest.approx(SECONDS / 2, abs=0.5)
    assert any("could be read" in line for line in sound.warnings)


def test_junk_between_frames_costs_no_sound(whole: bytes, tmp_path: Path) -> None:
    """The next frame begins at the very sample that was reached."""
    path = tmp_path / "whole.flac"
    path.write_bytes(whole)
    with path.open("rb") as opened:
        file = whole_file(opened.fileno())
        info = StreamInfo.read(file)
        assert info is not None
        frames = list(Frames(file, info).between(info.frames_at, len(whole)))
    at = frames[len(frames) // 2].offset
    sound = decode(io.BytesIO(whole[:at] + b"\x55" * 500 + whole[at:]))
    assert np.array_equal(sound.samples, decode(io.BytesIO(whole)).samples)


@needs_ffmpeg
@pytest.mark.parametrize("removed", [0, 1, 3_000])
def test_flac_in_ogg_is_helped_past_damage_too(whole: bytes, removed: int) -> None:
    command = ["ffmpeg", "-v", "error", "-i", "-", "-c:a", "copy", "-f", "ogg", "-"]
    data = subprocess.run(command, input=whole, capture_output=True, check=True).stdout
    at = len(data) // 2
    expected = decode(io.BytesIO(data))
    sound = decode(io.BytesIO(overwritten(data, at, 100)[: at + 100] + data[at + 100 + removed :]))
    assert sound.duration == SECONDS
    assert heard_share(expected.samples, sound.samples, RATE) > 0.93
    assert sound.warnings[0].endswith("s are missing, taken as silence")

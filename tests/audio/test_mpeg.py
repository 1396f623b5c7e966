from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.sounds import RATE, encoded, frequency, heard_share, music, overwritten, tone
from music_emotion.audio import decode
from music_emotion.audio.mpeg import layout

SECONDS = 12.0


@pytest.fixture(scope="module")
def counted() -> bytes:
    """An MP3 whose first frame tells how many follow."""
    return encoded(np.stack([music(SECONDS)] * 2, axis=1), "mp3")


@pytest.fixture(scope="module")
def uncounted(counted: bytes) -> bytes:
    return counted[_second_frame(counted) :]


def _second_frame(data: bytes) -> int:
    return data.index(data[:2], 200)


def _claim(data: bytes, frames: float, size: float = 1.0) -> bytes:
    """Change the frames and bytes that the first frame claims by factors."""
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    numbers = (int.from_bytes(data[at + 4 * n :][:4], "big") for n in range(2))
    changed = (round(n * by) for n, by in zip(numbers, (frames, size), strict=True))
    return data[:at] + b"".join(n.to_bytes(4, "big") for n in changed) + data[at + 8 :]


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("count", [1, 600, 5_000, 20_000])
def test_junk_costs_what_it_covers_and_time_stays(counted: bytes, place: float, count: int) -> None:
    whole = decode(io.BytesIO(counted))
    sound = decode(io.BytesIO(overwritten(counted, int(place * len(counted)), count)))
    gone = count / len(counted)
    assert sound.duration == whole.duration
    # Frames behind the junk need bytes that are gone with it.
    assert heard_share(whole.samples, sound.samples, RATE) > 1 - gone - 0.035
    if count > 600:
        line = sound.warnings[0]
        assert line.startswith("damaged at")
        assert line.endswith("are missing, taken as silence")


@pytest.mark.parametrize("place", [0.2, 0.9])
def test_junk_is_passed_over_where_no_number_of_frames_is_known(
    uncounted: bytes, place: float
) -> None:
    whole = decode(io.BytesIO(uncounted))
    sound = decode(io.BytesIO(overwritten(uncounted, int(place * len(uncounted)), 5_000)))
    assert sound.duration == pytest.approx(whole.duration, abs=0.2)
    assert any(line.startswith("damaged at") for line in sound.warnings)
    assert whole.warnings == ()


def test_bytes_that_are_gone_are_counted_by_the_first_frame(counted: bytes) -> None:
    at = len(counted) // 2
    whole = decode(io.BytesIO(counted))
    sound = decode(io.BytesIO(counted[:at] + counted[at + 300 :]))
    assert sound.duration == whole.duration
    assert heard_share(whole.samples, sound.samples, RATE) > 0.98


@pytest.mark.parametrize("frames", [0.0, 0.1, 0.5, 2.0, 100.0])
def test_a_wrong_number_of_frames_hides_nothing(counted: bytes, frames: float) -> None:
    sound = decode(io.BytesIO(_claim(counted, frames)))
    assert sound.duration == pytest.approx(SECONDS, abs=0.1)
    assert len(sound.warnings) == (frames < 1.0)
    assert all("its header claims" in line for line in sound.warnings)


def test_a_file_is_cut_off_where_both_numbers_say_so(counted: bytes) -> None:
    half = decode(io.BytesIO(counted[: len(counted) // 2]))
    assert half.duration == pytest.approx(SECONDS / 2, abs=1.0)
    (line,) = half.warnings
    assert line.startswith("only") and line.endswith("12.0 s could be read")


def test_a_loud_first_frame_does_not_shorten_what_tells_no_length() -> None:
    """The decoder guesses the length from the first frame, and would stop there."""
    quiet = np.zeros(8 * RATE, np.float32)
    loud = 0.3 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    data = encoded(np.concatenate([loud, quiet, tone(2.0)]), "mp3")
    start = _second_frame(data)
    for _ in range(20):  # past the first frames, to where a rate is high
        start = data.index(data[:2], start + 200)
    sound = decode(io.BytesIO(data[start:]))
    assert sound.duration == pytest.approx(12.0, abs=0.8)
    assert frequency(sound.samples[-RATE:], RATE) == pytest.approx(440.0, abs=1.0)


@pytest.mark.parametrize(
    "between", [b"", b"TAG" + bytes(125), b"ID3\3\0\0\0\0\7\x76" + bytes(1014)]
)
def test_joined_files_are_heard_one_after_the_other(counted: bytes, between: bytes) -> None:
    other = encoded(tone(4.0, 22_050, 880.0), "mp3", 22_050)
    sound = decode(io.BytesIO(counted + between + other))
    assert sound.duration == pytest.approx(SECONDS + 4.0, abs=0.2)
    assert sound.sample_rate == RATE
    assert frequency(sound.samples[-3 * RATE :], RATE) == pytest.approx(880.0, abs=1.0)
    assert sound.warnings == ()


@pytest.mark.parametrize(
    "behind",
    [
        b"TAG" + bytes(125),
        bytes(50_000),
        bytes(3_000) + b"APETAGEX" + (2_000).to_bytes(4, "little") + (3_032).to_bytes(4, "little")
        + bytes(16),
    ],
    ids=["ID3v1", "padding", "APE"],
)  # fmt: skip
def test_tags_and_padding_behind_are_no_damage(counted: bytes, behind: bytes) -> None:
    whole, sound = decode(io.BytesIO(counted)), decode(io.BytesIO(counted + behind))
    assert np.array_equal(whole.samples, sound.samples)
    assert sound.warnings == ()


def _silenced(data: bytes, starts: list[int], first: int, count: int) -> bytes:
    """Overwrite whole frames with zeros."""
    at, end = starts[first], starts[first + count]
    return data[:at] + bytes(end - at) + data[end:]


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("is_counted", [True, False])
def test_frames_that_are_gone_are_counted_to_the_frame(
    count: int, is_counted: bool, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    soundfile.write(
        buffer, music(6.0), 32_000, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6
    )
    data = buffer.getvalue()
    length = _second_frame(data)  # of every frame: at 32 kHz none is padded
    starts = list(range(0, len(data), length))
    assert all(data[at : at + 2] == data[:2] for at in starts)
    data = data if is_counted else data[length:]
    path = tmp_path / "damaged.mp3"
    path.write_bytes(_silenced(data, starts, 60, count))
    with path.open("rb") as file:
        found = layout(file.fileno(), 0)
    (loss,) = found.losses
    seconds = 1_152 / 32_000
    assert found.duration == pytest.approx((len(starts) - 1) * seconds)
    assert loss.at == pytest.approx((60 - is_counted) * seconds)  # the first holds no sound
    assert count <= round(loss.seconds / seconds) <= count + 2  # which need bytes that are gone

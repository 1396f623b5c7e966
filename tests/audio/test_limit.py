"""Small files that hold much sound are refused, by what they claim or by what is read."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import encoded, tone
from music_emotion.audio import AudioStream
from music_emotion.audio.limit import ReadingLimit, TooMuchError
from music_emotion.errors import AudioError

RATE = 8_000


def silence(seconds: float, channels: int, kind: str = "FLAC", subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    samples = np.zeros((round(seconds * RATE), channels), np.float32)
    sf.write(buffer, samples, RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


def heard(data: bytes, limit: ReadingLimit) -> float:
    with AudioStream(io.BytesIO(data), limit=limit) as stream:
        for _ in stream:
            pass
        return stream.duration


@pytest.mark.parametrize("kind", ["FLAC", "WAV", "OGG"])
@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        (ReadingLimit(), True),
        (ReadingLimit(seconds=3.0, samples=3.0 * RATE * 4), True),
        (ReadingLimit(seconds=2.9), False),
        (ReadingLimit(samples=2.9 * RATE * 4), False),
    ],
)
def test_time_and_samples_of_all_channels_count(
    kind: str, limit: ReadingLimit, allowed: bool
) -> None:
    data = silence(3.0, 4, kind)
    if allowed:
        assert heard(data, limit) == 3.0
        return
    with pytest.raises(TooMuchError, match="the stream holds more sound") as refused:
        heard(data, limit)
    assert isinstance(refused.value, AudioError)
    assert refused.value.seconds == 3.0
    assert refused.value.samples == 3 * RATE * 4


class Endless:
    """A file that never ends, and does not say so."""

    sample_rate, channels = RATE, 2
    estimated = False
    decoded = 0

    def __init__(self, frames: int | None = None, ratio: int = 1) -> None:
        self.frames = frames
        self._ratio = ratio

    def blocks(self, limit: int | None) -> Any:
        while True:
            self.decoded += self._ratio * 1_000 * self.channels
            yield np.zeros((1_000, self.channels), np.float32)


@pytest.mark.parametrize(
    ("limit", "blocks"),
    [
        (ReadingLimit(seconds=1.0), 8),
        (ReadingLimit(samples=16_000), 8),
        (ReadingLimit(samples=15_999), 7),
    ],
)
def test_what_does_not_say_is_counted_as_it_is_read(limit: ReadingLimit, blocks: int) -> None:
    read = 0
    with pytest.raises(TooMuchError):
        for _ in limit.watched(Endless(), "a"):
            read += 1
    assert read == blocks


def test_samples_that_are_decoded_and_not_used_count() -> None:
    with pytest.raises(TooMuchError) as refused:
        next(ReadingLimit(samples=100_000).watched(Endless(ratio=64), "a"))
    assert refused.value.samples == 128_000


def test_a_length_that_is_a_guess_must_be_far_beyond() -> None:
    guessed: Any = SimpleNamespace(
        frames=10 * RATE, estimated=True, sample_rate=RATE, channels=1, decoded=0
    )
    ReadingLimit(seconds=5.0).check(guessed, "a")
    with pytest.raises(TooMuchError) as refused:
        ReadingLimit(seconds=4.9).check(guessed, "a")
    assert refused.value.seconds == 5.0
    guessed.estimated = False
    with pytest.raises(TooMuchError):
        ReadingLimit(seconds=9.9).check(guessed, "a")


def test_floats_are_refused_before_they_are_read_for_their_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("music_emotion.audio.files.scale_of", lambda blocks: pytest.fail("read"))
    with pytest.raises(TooMuchError):
        heard(silence(3.0, 4, "WAV", "FLOAT"), ReadingLimit(samples=90_000))


def test_many_channels_behind_one_count_as_many() -> None:
    """A chained Ogg is heard with the channels and at the rate of its first link."""
    buffer = io.BytesIO()
    wide = np.zeros((4 * 48_000, 32), np.float32)
    sf.write(buffer, wide, 48_000, format="OGG", subtype="VORBIS")
    chained = encoded(tone(1.0, RATE), "ogg", RATE) + buffer.getvalue()
    assert heard(chained, ReadingLimit()) == pytest.approx(5.0, abs=0.1)
    with pytest.raises(TooMuchError) as refused:
        heard(chained, ReadingLimit(samples=1e6))
    assert refused.value.samples > 4 * 48_000 * 32


def test_containers_count_too(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra [formats]")
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs FFmpeg")
    path = tmp_path / "silence.m4a"
    source = f"anullsrc=r={RATE}:cl=5.1"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-t", "3", "-c:a", "alac"]
    subprocess.run([*command, str(path)], check=True)
    assert heard(path.read_bytes(), ReadingLimit(samples=6 * 3 * RATE)) == pytest.approx(3.0)
    with pytest.raises(TooMuchError) as refused:
        heard(path.read_bytes(), ReadingLimit(samples=6 * 3 * RATE - 1))
    assert refused.value.samples == 6 * 3 * RATE

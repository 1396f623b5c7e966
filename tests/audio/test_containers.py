"""Containers that FFmpeg reads, through PyAV."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from music_emotion.audio import decode
from music_emotion.audio.files import BLOCK_FRAMES
from sounds import RATE, frequency, tone

av = pytest.importorskip("av", reason="needs the extra [formats]")

from music_emotion.audio.containers import ContainerAudio  # noqa: E402


def container(path: Path, sound: np.ndarray, codec: str, rate: int = RATE) -> Path:
    """Write sound of shape (n, channels) with FFmpeg."""
    layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32).reshape(1, -1), "flt", layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format.name, layout, rate, frame_size=1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            file.mux(stream.encode(piece))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("song.m4a", "aac", RATE),
        ("song.webm", "libopus", 48_000),
        ("song.wma", "wmav2", RATE),
        ("film.mkv", "aac", RATE),
        ("film.mp4", "aac", RATE),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_containers_give_the_tone_that_was_written(
    name: str, codec: str, rate: int, channels: int, tmp_path: Path
) -> None:
    written = tone(rate=rate)[:, None].repeat(channels, axis=1)
    sound = decode(container(tmp_path / name, written, codec, rate))
    assert sound.sample_rate == rate
    assert sound.duration == pytest.approx(2.0, abs=0.1)
    assert frequency(sound.samples, rate) == pytest.approx(440.0, abs=1.0)
    assert np.sqrt(np.mean(sound.samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_more_channels_than_ffmpeg_has_planes_for(tmp_path: Path) -> None:
    """Nine to 28 channels in a container once read memory that was not theirs."""
    channels = 28
    gains = np.linspace(0.1, 1.0, channels)
    samples = np.round(tone()[:, None] * gains * 32_767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    path = tmp_path / "many.wav"
    path.write_bytes(buffer.getvalue())
    with path.open("rb") as file:
        audio = ContainerAudio.attempt(os.dup(file.fileno()))
    assert audio is not None
    blocks = list(audio.blocks(None))
    audio.close()
    assert all(len(block) <= 2 * BLOCK_FRAMES for block in blocks)
    heard = np.concatenate(blocks)
    assert heard.shape == samples.shape
    assert np.abs(heard - samples / 32_768).max() < 1e-4

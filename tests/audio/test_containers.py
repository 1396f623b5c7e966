from __future__ import annotations

import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the extra [formats]")

from music_emotion.audio.containers import ContainerAudio
from sounds import RATE, tone


@pytest.mark.parametrize("channels", [8, 9, 28])
def test_more_channels_than_ffmpeg_has_planes_for(channels: int, tmp_path: Path) -> None:
    """Nine channels and more in a container once read memory that was not theirs."""
    gains = np.linspace(0.1, 1.0, channels)
    samples = np.round(tone()[:, None] * gains * 32_767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    path = tmp_path / "many.wav"
    path.write_bytes(buffer.getvalue())
    audio = ContainerAudio.attempt(os.open(path, os.O_RDONLY))
    assert audio is not None
    heard = np.concatenate(list(audio.blocks(None)))
    audio.close()
    assert heard.shape == samples.shape
    assert np.abs(heard - samples / 32_768).max() < 1e-4

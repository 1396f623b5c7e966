"""Any file or array → mono float32 at a wanted rate, whole or in blocks."""

from __future__ import annotations

from music_emotion.audio.files import AudioSource
from music_emotion.audio.reading import (
    AudioStream,
    Resampler,
    Sound,
    decode,
    read_audio,
    resample,
    sound_from_array,
)

__all__ = [
    "AudioSource",
    "AudioStream",
    "Resampler",
    "Sound",
    "decode",
    "read_audio",
    "resample",
    "sound_from_array",
]

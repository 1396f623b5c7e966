from __future__ import annotations

import numpy as np
import pytest

from music_emotion.audio import sound_from_array
from music_emotion.errors import AudioError
from sounds import RATE, tone


def test_clean_sound_is_not_touched() -> None:
    sound = sound_from_array(tone(), RATE)
    assert np.array_equal(sound.samples, tone())
    assert sound.warnings == ()


def test_samples_that_are_not_finite_become_silence() -> None:
    damaged = tone()
    damaged[[5, 6, 7]] = [np.nan, np.inf, -np.inf]
    sound = sound_from_array(damaged, RATE)
    assert not sound.samples[5:8].any()
    assert np.array_equal(np.delete(sound.samples, [5, 6, 7]), np.delete(tone(), [5, 6, 7]))
    assert sound.warnings == ("3 samples were not finite numbers; taken as silence",)


def test_an_offset_is_removed() -> None:
    sound = sound_from_array(tone() + np.float32(0.3), RATE)
    assert np.allclose(sound.samples, tone(), atol=1e-3)
    assert sound.warnings == ("a constant offset of 0.30 was removed",)


@pytest.mark.parametrize("scale", [2**15, 2**23, 2**31])
def test_integers_in_a_float_array_are_brought_to_scale(scale: int) -> None:
    sound = sound_from_array(tone() * np.float32(scale), RATE)
    assert np.allclose(sound.samples, tone(), atol=1e-6)
    assert "divided by" in sound.warnings[0]


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8])
def test_integer_arrays_are_scaled_by_their_type(kind: type) -> None:
    limits = np.iinfo(kind)
    half = limits.max if limits.min < 0 else limits.max / 2
    middle = 0 if limits.min < 0 else 128
    sound = sound_from_array((tone() * half + middle).astype(kind), RATE)
    assert np.allclose(sound.samples, tone(), atol=0.01)


def test_clipping_silence_and_cancelling_channels_are_said() -> None:
    clipped = np.clip(tone() * 10, -1, 1)
    assert "clipped" in sound_from_array(clipped, RATE).warnings[0]
    assert sound_from_array(np.zeros(RATE), RATE).warnings == ("silent: there is nothing to hear",)
    opposed = sound_from_array(np.stack([tone(), -tone()]), RATE)
    assert any("cancel" in line for line in opposed.warnings)


def test_both_orders_of_channels_are_understood() -> None:
    pair = np.stack([tone(), 0.5 * tone()])
    assert np.allclose(sound_from_array(pair, RATE).samples, 0.75 * tone(), atol=1e-6)
    assert np.allclose(sound_from_array(pair.T, RATE).samples, 0.75 * tone(), atol=1e-6)


@pytest.mark.parametrize(
    ("array", "rate"),
    [
        (np.zeros(0), RATE),
        (np.zeros((10, 10, 10)), RATE),
        (np.zeros(100, complex), RATE),
        (np.zeros((200, 300)), RATE),
        (np.zeros(100), 0),
        (np.zeros(100), -1),
        (np.array("song.mp3"), RATE),
    ],
)
def test_what_is_not_sound_is_refused(array: np.ndarray, rate: int) -> None:
    with pytest.raises(AudioError):
        sound_from_array(array, rate)

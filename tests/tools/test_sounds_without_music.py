"""Sounds that are no music: every kind sounds, the same seed sounds the same, another differs."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import sounds_without_music as sounds
from music_emotion.errors import MusicEmotionError
from sounds_without_music import FAINT, FAMILIES, KINDS, RATE, make_sound

SPOKEN = {"espeak": "espeak-ng", "spoken_list": "espeak-ng", "babble": "flite", "flite": "flite"}


def make(kind: str, seed: int, seconds: float = 2.0) -> np.ndarray:
    if kind in SPOKEN and not (shutil.which(SPOKEN[kind]) and shutil.which("espeak-ng")):
        pytest.skip("espeak-ng or flite is missing: apt-get install espeak-ng flite")
    return make_sound(kind, np.random.default_rng(seed), seconds)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_is_there_and_drawn_from_its_seed(kind: str) -> None:
    sound = make(kind, 3)
    assert sound.shape == (2 * RATE,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert 1e-4 < np.abs(sound).max() <= 1.0
    assert np.array_equal(sound, make(kind, 3))
    assert not np.allclose(sound, make(kind, 4))


def test_every_kind_is_of_one_family() -> None:
    assert sorted(kind for family in FAMILIES.values() for kind in family) == sorted(KINDS)
    assert set(FAINT) <= set(KINDS)


@pytest.mark.parametrize(("slope", "octave"), [(0.0, 0.0), (1.0, -3.01), (2.0, -6.02)])
def test_the_colour_of_noise_is_its_fall_per_octave(slope: float, octave: float) -> None:
    noise = sounds._noise(np.random.default_rng(0), 20.0, slope)
    power = np.square(np.abs(np.fft.rfft(noise)))
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE)
    low, high = (power[(frequency > f) & (frequency < 1.2 * f)].mean() for f in (1_000, 2_000))
    assert 10 * np.log10(high / low) == pytest.approx(octave, abs=0.3)


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MusicEmotionError, match=r"espeak-ng is missing: apt-get install"):
        make_sound("espeak", np.random.default_rng(0), 1.0)


def test_the_length_of_what_came_through_a_pipe_is_put_right() -> None:
    wave = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + bytes(16) + b"data\0\xf0\xff\x7f" + bytes(6)
    mended = sounds._with_length(wave)
    assert mended[4:8] == (len(wave) - 8).to_bytes(4, "little")
    assert mended[-10:-6] == (6).to_bytes(4, "little")
    assert len(mended) == len(wave)

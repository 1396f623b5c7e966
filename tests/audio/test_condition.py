from __future__ import annotations

import numpy as np
import pytest

from helpers.sounds import RATE, tone
from music_emotion.audio import sound_from_array
from music_emotion.audio.condition import Conditioner
from music_emotion.audio.scale import Scale
from music_emotion.errors import AudioError


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


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8])
def test_integer_arrays_are_scaled_by_their_type(kind: type) -> None:
    limits = np.iinfo(kind)
    half = limits.max if limits.min < 0 else limits.max / 2
    middle = 0 if limits.min < 0 else 128
    sound = sound_from_array((tone() * half + middle).astype(kind), RATE)
    assert np.allclose(sound.samples, tone(), atol=0.01)


def test_clipping_and_cancelling_channels_are_said() -> None:
    clipped = np.clip(tone() * 10, -1, 1)
    assert "clipped" in sound_from_array(clipped, RATE).warnings[0]
    opposed = sound_from_array(np.stack([tone(), -tone()]), RATE)
    assert any("cancel" in line for line in opposed.warnings)


@pytest.mark.parametrize(("share", "is_said"), [(1.3e-3, False), (0.7e-3, True)])
def test_channels_cancel_where_the_mix_has_a_thousandth_of_their_power(
    share: float, is_said: bool
) -> None:
    # Of x and g·x the mix has the power (1 + g)² / 4, the channels (1 + g²) / 2 of that of x.
    gains = np.linspace(-1.0, -0.5, 200_001)
    gain = gains[np.argmin(abs((1 + gains) ** 2 / 4 / ((1 + gains**2) / 2) - share))]
    sound = sound_from_array(np.stack([tone(), np.float32(gain) * tone()]), RATE)
    assert any("cancel" in line for line in sound.warnings) == is_said


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


@pytest.mark.parametrize("wild", [8.5, 1e10, -3e38])
def test_one_wild_sample_is_damage_and_not_the_scale(wild: float) -> None:
    damaged = tone()
    damaged[1_000] = wild
    sound = sound_from_array(damaged, RATE)
    assert sound.samples[1_000] == 0.0
    assert np.array_equal(np.delete(sound.samples, 1_000), np.delete(tone(), 1_000))
    assert sound.warnings == ("1 sample was far beyond full scale; taken as silence",)


def test_a_wild_sample_in_a_short_last_block_is_damage_too() -> None:
    conditioner = Conditioner(RATE)
    conditioner.mono(tone()[:, None])
    end = tone()[:400, None].copy()
    end[7] = 100.0
    assert np.abs(conditioner.mono(end)).max() <= 0.5
    assert conditioner.warnings() == ("1 sample was far beyond full scale; taken as silence",)


def test_samples_are_brought_to_scale_and_what_is_beyond_it_is_damage() -> None:
    conditioner = Conditioner(RATE, Scale(100.0, offset=50.0, limit=400.0))
    block = tone()[:, None] * 100 + np.float32(50.0)
    block[5:7, 0] = 1e12, np.nan
    mono = conditioner.mono(block)
    assert np.allclose(np.delete(mono, [5, 6]), np.delete(tone(), [5, 6]), atol=1e-6)
    assert mono[5] == mono[6] == 0.0
    assert conditioner.warnings() == (
        "1 sample was no finite number; taken as silence",
        "1 sample was far beyond full scale; taken as silence",
    )


def test_a_bass_at_the_end_is_no_offset() -> None:
    conditioner = Conditioner(RATE)
    conditioner.mono(tone()[:, None])
    crest = np.full((400, 1), 0.7, np.float32)  # of a wave of 20 Hz
    assert np.array_equal(conditioner.mono(crest), crest[:, 0])
    assert conditioner.warnings() == ()


def test_the_offset_of_a_file_is_removed_to_its_end() -> None:
    conditioner = Conditioner(RATE)
    conditioner.mono(tone()[:, None] + np.float32(0.3))
    end = conditioner.mono(np.full((400, 1), 0.3, np.float32))
    assert np.abs(end).max() < 1e-3


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32, np.uint64])
@pytest.mark.parametrize("bits", [8, 16, 24])
def test_sound_of_fewer_bits_in_wide_integers_is_heard(kind: type, bits: int) -> None:
    full = 2 ** (bits - 1)
    middle = 0 if np.iinfo(kind).min < 0 else full
    samples = (np.round(tone().astype(np.float64) * full) + middle).astype(kind)
    sound = sound_from_array(samples, RATE)
    assert np.allclose(sound.samples, tone(), atol=1 / full)
    (line,) = sound.warnings
    assert line.startswith(f"{np.dtype(kind)} samples of a smaller range; ")
    assert line.endswith(f"divided by {full:,}")


def test_a_list_of_16_bit_samples_is_heard() -> None:
    sound = sound_from_array(np.asarray((tone() * 32_767).astype(np.int16).tolist()), RATE)
    assert np.allclose(sound.samples, tone(), atol=1e-4)


def test_integers_of_their_whole_range_and_zeros_are_taken_by_type() -> None:
    whole = sound_from_array((tone().astype(np.float64) * 2**31).astype(np.int32), RATE)
    assert np.allclose(whole.samples, tone(), atol=1e-6)
    assert whole.warnings == sound_from_array(np.zeros(RATE, np.int64), RATE).warnings == ()


@pytest.mark.parametrize("channels", [2, 3, 6, 8])
def test_the_mix_is_the_mean_of_all_channels(channels: int) -> None:
    block = np.random.default_rng(channels).uniform(-0.9, 0.9, (1_000, channels))
    mix = Conditioner(RATE).mono(block.astype(np.float32))
    assert mix.dtype == np.float32
    np.testing.assert_allclose(mix, block.mean(axis=1), atol=2e-7)

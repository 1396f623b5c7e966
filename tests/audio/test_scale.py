from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.sounds import RATE, music
from music_emotion.audio import Sound, decode, sound_from_array
from music_emotion.audio.scale import FULL_SCALE, Scale, scale_of

SOUND = music(20.0)  # several blocks
SOUND = SOUND / np.abs(SOUND).max()


def from_file(samples: np.ndarray, rate: int) -> Sound:
    """The sound of a WAV of floats."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return decode(file)


both_ways = pytest.mark.parametrize("hear", [sound_from_array, from_file])
Hear = Callable[[np.ndarray, int], Sound]


@both_ways
@pytest.mark.parametrize("gain", [2.0, 20.0, 100.0, 1_000.0, 1e5])
def test_sound_of_any_scale_is_heard_as_at_full_scale(hear: Hear, gain: float) -> None:
    sound = hear(SOUND * np.float32(gain), RATE)
    assert np.allclose(sound.samples, SOUND, atol=1e-5)
    assert sound.warnings == (f"samples beyond full scale; divided by {gain:,.0f}",)


@both_ways
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("is_whole", [False, True])
def test_the_numbers_of_integers_are_divided_by_their_scale(
    hear: Hear, bits: int, is_whole: bool
) -> None:
    full = 2.0 ** (bits - 1)
    samples = SOUND.astype(np.float64) * 0.5 * full
    sound = hear((np.round(samples) if is_whole else samples).astype(np.float32), RATE)
    level = (
        0.5 if is_whole or bits > 8 else 1.0
    )  # of numbers that are not whole, 8 bits do not tell
    assert np.allclose(sound.samples, level * SOUND, atol=0.5 / full + 1e-6)
    assert len(sound.warnings) == 1


@pytest.mark.parametrize("bits", [8, 16])
def test_unsigned_integers_are_centred(bits: int) -> None:
    full = 2 ** (bits - 1)
    samples = np.round(SOUND * 0.5 * full) + full
    sound = sound_from_array(samples.astype(np.float32), RATE)
    assert np.allclose(sound.samples, 0.5 * SOUND, atol=0.5 / full + 1e-6)
    assert sound.warnings == (
        f"samples beyond full scale; {full:,} subtracted, divided by {full:,}",
    )


@both_ways
def test_a_quiet_beginning_has_the_scale_of_the_whole(hear: Hear) -> None:
    dither = np.random.default_rng(0).integers(-1, 2, 9 * RATE)
    sound = hear(np.concatenate([dither, SOUND * 20_000]).astype(np.float32), RATE)
    assert np.array_equal(sound.samples[: len(dither)], dither / np.float32(32_768))
    assert np.allclose(sound.samples[len(dither) :], SOUND * (20_000 / 32_768), atol=1e-6)
    assert len(sound.warnings) == 1


@both_ways
def test_z_scored_sound_has_one_scale_and_is_not_clipped(hear: Hear) -> None:
    sound = hear(((SOUND - SOUND.mean()) / SOUND.std()).astype(np.float32), RATE)
    assert np.abs(sound.samples).max() == pytest.approx(1.0)
    assert np.corrcoef(sound.samples, SOUND)[0, 1] > 0.99999
    (line,) = sound.warnings
    assert line.startswith("samples beyond full scale; divided by ")


def test_a_range_of_ones_own_is_centred() -> None:
    sound = sound_from_array(50 + 50 * SOUND, RATE)
    assert np.abs(sound.samples).max() == pytest.approx(1.0)
    assert np.corrcoef(sound.samples, SOUND)[0, 1] > 0.99999
    assert len(sound.warnings) == 1


@both_ways
@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_sound_at_full_scale_is_not_touched(hear: Hear, gain: float) -> None:
    sound = hear(SOUND * np.float32(gain), RATE)
    assert np.array_equal(sound.samples, SOUND * np.float32(gain))
    assert sound.warnings == ()


def test_overshoots_of_a_loud_master_stay() -> None:
    loud = SOUND.copy()
    loud[::100] *= 3  # one in a hundred
    sound = sound_from_array(loud, RATE)
    assert np.array_equal(sound.samples, loud)
    assert sound.warnings == ()


def test_clipped_sound_is_clipped_at_any_scale() -> None:
    clipped = np.clip(4 * SOUND, -1, 1)
    whole = sound_from_array(clipped, RATE)
    assert "clipped" in whole.warnings[0]
    assert np.array_equal(whole.samples, clipped)
    scaled = sound_from_array(clipped * np.float32(32), RATE)
    assert np.array_equal(scaled.samples, clipped)
    assert scaled.warnings == ("samples beyond full scale; divided by 32", *whole.warnings)


def test_a_pure_tone_at_full_scale_is_not_clipped() -> None:
    tone = np.sin(np.arange(5 * RATE) / 16)
    assert sound_from_array(tone, RATE).warnings == ()
    assert len(sound_from_array(1.5 * tone, RATE).warnings) == 1


@pytest.mark.parametrize("gain", [1.0, 20.0, 30_000.0])
def test_damage_does_not_change_the_scale(gain: float) -> None:
    damaged = SOUND * np.float32(gain)
    at = np.arange(1_000, 1_400)
    damaged[at] = 1e12
    damaged[at[0]] = np.nan
    sound = sound_from_array(damaged, RATE)
    clean = sound_from_array(SOUND * np.float32(gain), RATE)
    assert not sound.samples[at].any()
    assert np.array_equal(np.delete(sound.samples, at), np.delete(clean.samples, at))
    assert sound.warnings[-2:] == (
        "1 sample was no finite number; taken as silence",
        "399 samples were far beyond full scale; taken as silence",
    )


def test_noise_of_damaged_bytes_is_no_scale() -> None:
    noise = np.random.default_rng(0).bytes(4 * RATE)
    damaged = np.concatenate([SOUND, np.frombuffer(noise, "<f4"), SOUND])
    assert scale_of([damaged]) == FULL_SCALE


def test_scale_does_not_depend_on_blocks() -> None:
    samples = np.concatenate([0.0001 * SOUND, 20 * SOUND]).astype(np.float32)
    pieces = np.array_split(samples, [3, 3, 100_000, 900_000])
    assert scale_of(pieces) == scale_of([samples[:, None]])
    assert scale_of([samples]).divisor == pytest.approx(20)


@pytest.mark.parametrize("samples", [[], [0.0] * 9, [np.nan, np.inf], [5.0] * 9, [-3e38, 3e38]])
def test_strange_arrays_have_a_scale(samples: list[float]) -> None:
    assert np.isfinite(scale_of([np.array(samples, np.float32)]).divisor)


def test_whole_numbers_of_small_integers_are_told_from_full_scale() -> None:
    ones = np.array([-1, 0, 1, 0] * 9, np.float32)
    assert scale_of([ones]) == FULL_SCALE  # a square wave
    assert scale_of([ones], are_integers=True).divisor == 128


def test_a_scale_is_said_with_the_digits_that_matter() -> None:
    assert Scale(4.583).warning("sound") == "sound; divided by 4.58"
    assert Scale(12_345.6, 0.5).warning("it") == "it; 0.5 subtracted, divided by 12,346"


@pytest.mark.parametrize(("suffix", "codec"), [("mka", "pcm_f32le"), ("wv", "wavpack")])
def test_floats_in_containers_have_a_scale(suffix: str, codec: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / f"song.{suffix}"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        stream.format = "flt" if codec.startswith("pcm") else "fltp"
        frame = av.AudioFrame.from_ndarray(
            20 * SOUND[None], format=stream.format.name, layout="mono"
        )
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = decode(path)
    assert np.allclose(sound.samples, SOUND, atol=1e-5)
    assert sound.warnings == ("samples beyond full scale; divided by 20",)

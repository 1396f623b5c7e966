from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import lowlevel_oracle
from helpers.sounds import music
from music_emotion.audio import read_audio
from music_emotion.features.compute import segment_features
from music_emotion.features.lowlevel import LOWLEVEL_NAMES, LOWLEVEL_SIZE, lowlevel
from music_emotion.features.musicnn import levelled_segments, musicnn
from music_emotion.features.segments import cut_segments

Array = NDArray[np.float32]

TIME = np.arange(48_000) / 16_000


def tone(hertz: float, seconds: Array | None = None) -> Array:
    time = TIME if seconds is None else seconds
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def column(values: Array, name: str) -> float:
    return float(values[0, LOWLEVEL_NAMES.index(name)])


def chord(*semitones: int) -> Array:
    return sum(tone(220 * 2 ** (semitone / 12)) for semitone in semitones)[None]


def clicks(every: int) -> Array:
    generator = np.random.default_rng(1)
    sound = 0.01 * generator.standard_normal(48_000)
    for start in range(0, 48_000, every):
        sound[start : start + 400] += generator.standard_normal(400)[: 48_000 - start]
    return sound.astype(np.float32)[None]


def assert_as_the_oracle(segments: Array) -> None:
    """Within 1e-4 of the size of each descriptor; a roll-off may land one bin further."""
    values, oracle = lowlevel(segments), lowlevel_oracle.lowlevel(segments)
    difference, size = np.abs(values - oracle), np.abs(oracle).max(axis=0)
    one_bin = [name in ("shape_2", "shape_3") for name in LOWLEVEL_NAMES]
    one_bin_deviation = [name.startswith("shape_deviation") for name in LOWLEVEL_NAMES]
    allowed = 1e-4 * size + 1e-5 + np.where(one_bin, 5e-3, 0.0)
    allowed += np.where(one_bin_deviation, 5e-3, 0.0)
    worst = int((difference - allowed).max(axis=0).argmax())
    assert (difference <= allowed).all(), (LOWLEVEL_NAMES[worst], difference[:, worst].max())


def test_the_graph_is_what_plain_numpy_computes() -> None:
    generator = np.random.default_rng(5)
    swelling = music(3.0, 16_000, seed=3) * np.linspace(0.0, 1.0, 48_000, dtype=np.float32)
    bursts = generator.standard_normal(48_000) * (TIME % 0.7 < 0.2) * np.exp(-2.0 * (TIME % 0.7))
    segments = [
        *music(9.0, 16_000, seed=1).reshape(3, -1),
        swelling,
        *(0.1 * generator.standard_normal((2, 48_000))),
        bursts,
        np.cumsum(generator.standard_normal(48_000)) / 500.0 + 0.2,  # all but a constant
        clicks(8_000)[0],
        *(
            chord(key, key + 4, key + 7)[0] + 0.001 * generator.standard_normal(48_000)
            for key in (0, 5)
        ),
    ]
    assert_as_the_oracle(np.stack(segments).astype(np.float32))


def test_the_graph_is_what_plain_numpy_computes_of_music(emotify_root: Path) -> None:
    tracks = [
        read_audio(emotify_root / "emotifymusic" / genre / "5.mp3", 16_000, duration=12.0)
        for genre in ("classical", "rock", "electronic", "pop")
    ]
    assert_as_the_oracle(np.concatenate([cut_segments(track, sr=16_000) for track in tracks]))


def test_the_spectra_are_what_plain_numpy_computes() -> None:
    segments = np.stack([tone(440), clicks(8_000)[0], 1e-4 * tone(300)])
    (few,) = levelled_segments(segments)
    levelled = lowlevel_oracle.normalise_level(segments)
    np.testing.assert_allclose(few.waveform, levelled, atol=1e-6)
    assert np.abs(few.waveform).max(axis=1) == pytest.approx([0.9, 0.9, 0.027], rel=1e-3)
    power = np.sort(lowlevel_oracle.power_spectra(levelled), axis=2)
    np.testing.assert_allclose(np.sort(few.power, axis=2), power, rtol=1e-3, atol=1e-5)


def test_shape_names_and_level() -> None:
    sounds = np.stack([tone(440), clicks(8_000)[0]])
    values = lowlevel(sounds)
    assert values.shape == (2, LOWLEVEL_SIZE)
    assert values.dtype == np.float32
    assert len(set(LOWLEVEL_NAMES)) == LOWLEVEL_SIZE
    np.testing.assert_allclose(lowlevel(sounds * np.float32(0.25)), values, atol=2e-3)


def test_centroid_of_a_tone_is_its_frequency() -> None:
    octaves = column(lowlevel(tone(1_000)[None]), "shape_0")
    assert octaves == pytest.approx(np.log2(1_020), abs=0.02)


def test_zero_crossings_of_a_tone() -> None:
    assert column(lowlevel(tone(800)[None]), "shape_5") == pytest.approx(0.1, abs=0.002)


def test_crest_of_a_sine_is_the_square_root_of_two() -> None:
    assert column(lowlevel(tone(440)[None]), "dynamics_6") == pytest.approx(np.log10(2**0.5), 0.01)


def test_noise_is_flatter_than_a_tone() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 48_000)).astype(np.float32)
    assert column(lowlevel(noise), "shape_4") > column(lowlevel(tone(440)[None]), "shape_4") + 3


def test_mode_separates_major_from_minor_in_any_key() -> None:
    major_over_minor = "harmony_20"  # best major fit minus best minor fit
    for key in (0, 3, 8):
        major = chord(key, key + 4, key + 7, key + 12)
        minor = chord(key, key + 3, key + 7, key + 12)
        difference = column(lowlevel(major), major_over_minor) - column(
            lowlevel(minor), major_over_minor
        )
        assert difference > 0.05


def test_clicks_are_periodic_at_their_distance() -> None:
    values = lowlevel(clicks(8_000))[0]  # every 0.5 s = 31.25 frames: lags 28–34
    ranges = values[[LOWLEVEL_NAMES.index(f"periodicity_{number}") for number in range(12)]]
    assert ranges.argmax() == 4
    assert ranges[4] > 0.7


def test_shared_spectra_give_the_same_numbers() -> None:
    sounds = np.concatenate([clicks(4_000), chord(0, 4, 7), *[tone(300)[None]] * 20])
    both = segment_features({16_000: sounds}, ("musicnn", "summary"))
    np.testing.assert_allclose(both["summary"], lowlevel(sounds), atol=1e-5)
    np.testing.assert_allclose(both["musicnn"], musicnn(sounds), atol=1e-4)
    assert segment_features({16_000: sounds[:0]}, ("summary",))["summary"].shape == (
        0,
        LOWLEVEL_SIZE,
    )


def test_silence_is_finite() -> None:
    assert np.isfinite(lowlevel(np.zeros((1, 48_000), dtype=np.float32))).all()

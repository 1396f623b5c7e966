from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import librosa_oracle
from helpers.synthetic import LENGTH, SILENCE, SOUNDS, chord, clicks, noise, tone
from music_emotion.features.descriptors import (
    ADVANCED_NAMES,
    BASIC_NAMES,
    advanced,
    basic,
    estimate_tuning,
    rms,
    spectral_contrast,
)
from music_emotion.features.filterbanks import banded_mel, chroma_filters, mel
from music_emotion.features.spectrum import Spectrum

# The table in the docstring of music_emotion.features.descriptors.
TOLERANCES = {
    "mfcc": 0.005,
    "spectral_centroid": 0.01,
    "chroma": 1e-5,
    "zero_crossing_rate": 0.0,
    "tonnetz": 1e-5,
    "spectral_contrast": 0.001,
    "harmonic_energy": 0.001,
    "percussive_energy": 0.001,
    "spectral_rolloff": 0.0,
    "spectral_bandwidth": 0.01,
    "rms": 1e-6,
}


def tolerance(name: str) -> float:
    return next(value for prefix, value in TOLERANCES.items() if name.startswith(prefix))


def assert_equal_librosa(segment: np.ndarray, **settings: int) -> None:
    ours = advanced(segment[None], **settings)[0]
    difference = np.abs(ours - librosa_oracle.advanced(segment, **settings)).max(axis=0)
    beyond = {
        name: float(largest)
        for name, largest in zip(ADVANCED_NAMES, difference, strict=True)
        if not largest <= tolerance(name)
    }
    assert beyond == {}


def column(name: str, segment: np.ndarray) -> np.ndarray:
    return advanced(segment[None])[0][:, ADVANCED_NAMES.index(name)]


@pytest.mark.parametrize("name", SOUNDS)
def test_synthetic_sounds_equal_librosa(name):
    assert_equal_librosa(SOUNDS[name].astype(np.float32))


OTHER_RATE = {"sr": 16_000, "n_fft": 1_024, "hop_length": 256, "n_mels": 64}


@pytest.mark.parametrize(
    ("hertz", "settings"),
    [
        ((226.0, 284.7, 338.6), OTHER_RATE),
        ((440.0,), {"sr": 44_100, "n_fft": 4_096, "hop_length": 1_024, "n_mels": 96}),
    ],
)
def test_other_rates_and_sizes_equal_librosa(hertz, settings):
    time = np.arange(3 * settings["sr"]) / settings["sr"]
    segment = sum(0.2 * np.sin(2 * np.pi * f * k * time) / k for f in hertz for k in (1, 2, 3))
    segment += 0.01 * np.random.default_rng(0).standard_normal(len(time))
    assert_equal_librosa(segment.astype(np.float32), **settings)


def test_basic_descriptors_are_the_first_advanced_ones_at_any_rate():
    segments = np.random.default_rng(1).standard_normal((3, 48_000)).astype(np.float32)
    both = basic(segments, **OTHER_RATE), advanced(segments, **OTHER_RATE)
    assert both[0].shape == (3, 188, 27) and np.array_equal(both[0], both[1][:, :, :27])


def test_settings_without_an_answer_are_refused():
    with pytest.raises(ValueError, match="48000"):
        basic(np.zeros((1, 66_150)), sr=16_000)
    with pytest.raises(ValueError, match="no whole number of hops"):
        rms(np.zeros((1, 66_150), np.float32), hop_length=500)
    with pytest.raises(ValueError, match="raise sr"):
        spectral_contrast(np.ones((1, 2, 513), np.float32), sr=8_000)


@pytest.mark.emotify
def test_real_segments_equal_librosa(real_segments):
    for segment in real_segments:
        assert_equal_librosa(segment)


def test_names_and_shapes():
    segments = np.stack([noise(), tone(440.0), SILENCE])
    assert len(ADVANCED_NAMES) == 45 and len(set(ADVANCED_NAMES)) == 45
    assert ADVANCED_NAMES[:27] == BASIC_NAMES
    result = advanced(segments)
    assert result.shape == (3, 130, 45) and result.dtype == np.float32
    assert np.array_equal(basic(segments), result[:, :, :27])
    assert advanced(segments[:0]).shape == (0, 130, 45)


def test_a_segment_depends_on_itself_alone():
    segments = np.stack([noise(1), tone(300.0), clicks(), noise(2), SILENCE])
    together = advanced(segments)
    for number, segment in enumerate(segments):
        assert np.array_equal(advanced(segment[None])[0], together[number])


def test_the_input_is_left_alone():
    segments = np.stack([noise(), tone(440.0)])
    before = segments.copy()
    advanced(segments)
    assert np.array_equal(segments, before)


def test_a_tone_has_its_own_centroid_pitch_class_and_crossings():
    a = tone(440.0)
    inner = slice(4, -4)  # frames that do not touch the ends
    assert column("spectral_centroid", a)[inner] == pytest.approx(440.0, abs=3.0)
    assert column("chroma_A", a)[inner] == pytest.approx(1.0)
    assert column("zero_crossing_rate", a)[inner] == pytest.approx(2 * 440 / 22_050, abs=1e-3)
    assert column("rms", a)[inner] == pytest.approx(0.5 / np.sqrt(2), rel=1e-2)
    assert column("spectral_rolloff", a)[inner] == pytest.approx(440.0, abs=22.0)


def test_chroma_follows_the_tuning():
    quarter_sharp = 440.0 * 2 ** (0.4 / 12)
    chroma = advanced(tone(quarter_sharp)[None])[0][10:-10, 14:26]
    assert (chroma.argmax(axis=1) == 9).all()
    assert np.median(np.sort(chroma, axis=1)[:, -2]) < 0.75  # neighbours stay small


def test_tones_are_harmonic_and_clicks_percussive():
    def lead(segment: np.ndarray) -> np.ndarray:
        return column("harmonic_energy", segment) - column("percussive_energy", segment)

    assert np.median(lead(chord(220.0, 277.2, 329.6))) > 20.0  # dB
    loud = column("rms", clicks()) > 0
    assert np.median(lead(clicks())[loud]) < -20.0


def test_silence_has_defined_values():
    values = advanced(SILENCE[None])[0]
    expected = dict.fromkeys(ADVANCED_NAMES, 0.0)
    expected["mfcc_1"] = -100.0 * np.sqrt(128)  # -100 dB in every band
    expected["harmonic_energy"] = expected["percussive_energy"] = -100.0
    assert np.allclose(values, list(expected.values()), atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(
    pattern=arrays(
        np.float32,
        st.integers(1, 40),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    stretch=st.sampled_from([1, 37, 5_000]),
)
def test_finite_sound_gives_finite_descriptors(pattern, stretch):
    segment = np.resize(np.repeat(pattern, stretch), LENGTH)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(advanced(segment[None])).all()


@pytest.mark.parametrize("highest", [8_000.0, 11_025.0])
def test_banded_filters_are_the_dense_ones(highest):
    power = np.random.default_rng(0).random((2, 26, 1025), dtype=np.float32)
    expected = power.astype(np.float64) @ mel(fmax=highest).astype(np.float64)
    assert np.allclose(banded_mel(fmax=highest).apply(power), expected, rtol=1e-5)


def test_bands_without_a_bin_are_zero():
    power = np.random.default_rng(0).random((1, 4, 65), dtype=np.float32)
    expected = power @ mel(n_fft=128, n_mels=256)
    assert np.allclose(banded_mel(n_fft=128, n_mels=256).apply(power), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"sr": 22_050, "n_fft": 2_048, "n_mels": 128, "fmax": 8_000.0},
        {"sr": 16_000, "n_fft": 512, "n_mels": 96},
        {"sr": 48_000, "n_fft": 1_024, "n_mels": 40, "fmax": 20_000.0},
    ],
)
def test_mel_filters_equal_librosa(settings):
    assert np.allclose(mel(**settings), librosa.filters.mel(**settings).T, atol=1e-9)


@pytest.mark.parametrize("tuning", [-0.5, 0.0, 0.23])
@pytest.mark.parametrize(("sr", "n_fft"), [(22_050, 2_048), (16_000, 1_024)])
def test_chroma_filters_equal_librosa(tuning, sr, n_fft):
    expected = librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning).T
    assert np.allclose(chroma_filters(tuning, sr=sr, n_fft=n_fft), expected, atol=1e-7)


@pytest.mark.parametrize("deviation", [-0.31, 0.0, 0.17, 0.42])
def test_the_tuning_of_a_chord_is_found(deviation):
    scale = 2 ** (deviation / 12)
    segment = chord(*(scale * hertz for hertz in (440.0, 880.0, 1_046.5, 1_318.5)))
    power = Spectrum(segment[None].astype(np.float32)).power[0]
    assert estimate_tuning(power) == pytest.approx(deviation, abs=0.03)
    with_librosa = librosa.estimate_tuning(S=power.T, sr=22_050)
    assert estimate_tuning(power) == pytest.approx(with_librosa, abs=1e-12)

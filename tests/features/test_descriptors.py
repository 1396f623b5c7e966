from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import median_filter

from helpers import librosa_oracle
from helpers.synthetic import LENGTH, SILENCE, SOUNDS, chord, clicks, noise, tone
from music_emotion.features.descriptors import ADVANCED_NAMES, BASIC_NAMES, advanced, basic
from music_emotion.features.filterbanks import chroma_filters, mel_filters, mel_weights
from music_emotion.features.separation import Separator
from music_emotion.features.spectrum import transform
from music_emotion.features.tuning import estimate_tuning

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


def assert_equal_librosa(segment: np.ndarray) -> None:
    difference = np.abs(advanced(segment[None])[0] - librosa_oracle.advanced(segment)).max(axis=0)
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
    expected = power.astype(np.float64) @ mel_weights(highest).astype(np.float64)
    assert np.allclose(mel_filters(highest).apply(power), expected, rtol=1e-5)


def test_filters_equal_librosa():
    mel = librosa.filters.mel(sr=22_050, n_fft=2048, n_mels=128, fmax=8_000)
    assert np.allclose(mel_weights(8_000.0), mel.T, atol=1e-9)
    for tuning in (-0.5, 0.0, 0.23):
        chroma = librosa.filters.chroma(sr=22_050, n_fft=2048, tuning=tuning)
        assert np.allclose(chroma_filters(tuning), chroma.T, atol=1e-7)


@pytest.mark.parametrize("deviation", [-0.31, 0.0, 0.17, 0.42])
def test_the_tuning_of_a_chord_is_found(deviation):
    scale = 2 ** (deviation / 12)
    segment = chord(*(scale * hertz for hertz in (440.0, 880.0, 1_046.5, 1_318.5)))
    power = np.square(np.abs(transform(segment[None].astype(np.float32))))[0]
    assert estimate_tuning(power) == pytest.approx(deviation, abs=0.03)
    with_librosa = librosa.estimate_tuning(S=power.T, sr=22_050)
    assert estimate_tuning(power) == pytest.approx(with_librosa, abs=1e-12)


@pytest.mark.emotify
def test_medians_are_librosas_to_the_bit(real_segments):
    magnitude = np.abs(librosa.stft(real_segments[2])).T
    harmonic, percussive = Separator().medians(np.ascontiguousarray(magnitude))
    assert np.array_equal(harmonic, median_filter(magnitude, size=(31, 1), mode="reflect"))
    assert np.array_equal(percussive, median_filter(magnitude, size=(1, 31), mode="reflect"))

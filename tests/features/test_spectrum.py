from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import librosa_oracle
from helpers.synthetic import LENGTH, SILENCE, SOUNDS, noise, tone
from music_emotion.features.spectrum import log_mel

TOLERANCE = 1e-4  # dB


@pytest.mark.parametrize("name", SOUNDS)
def test_synthetic_sounds_equal_librosa(name):
    segment = SOUNDS[name].astype(np.float32)
    assert np.abs(log_mel(segment[None])[0] - librosa_oracle.log_mel(segment)).max() <= TOLERANCE


def test_another_rate_and_size_equals_librosa():
    settings = {"sr": 16_000, "n_fft": 1_024, "hop_length": 200, "n_mels": 64, "fmax": 6_000.0}
    segment = 0.1 * np.random.default_rng(4).standard_normal(48_000).astype(np.float32)
    ours = log_mel(segment[None], **settings)[0]
    assert ours.shape == (64, 241)
    assert np.abs(ours - librosa_oracle.log_mel(segment, **settings)).max() <= TOLERANCE


@pytest.mark.emotify
def test_real_segments_equal_librosa(real_segments):
    for segment, ours in zip(real_segments, log_mel(real_segments), strict=True):
        assert np.abs(ours - librosa_oracle.log_mel(segment)).max() <= TOLERANCE


def test_shape_range_and_silence():
    result = log_mel(np.stack([noise(), tone(1_000.0), SILENCE]))
    assert result.shape == (3, 128, 130) and result.dtype == np.float32
    assert result.max(axis=(1, 2)).tolist() == [0.0, 0.0, 0.0]
    assert result.min() >= -80.0
    assert not result[2].any()


def test_loudness_does_not_matter():
    assert np.allclose(log_mel(noise(3, 0.1)[None]), log_mel(noise(3, 0.001)[None]), atol=1e-3)


def test_a_tone_lies_in_its_band():
    # 1 kHz is mel 15 on Slaney's scale, 8 kHz mel 45.2: band 15 / 45.2 × 129 − 1 of 128.
    strongest = log_mel(tone(1_000.0)[None])[0].mean(axis=1).argmax()
    assert abs(int(strongest) - (15 / 45.245 * 129 - 1)) <= 1


def test_a_segment_depends_on_itself_alone():
    segments = np.stack([noise(1), SILENCE, tone(300.0)])
    together = log_mel(segments)
    for number, segment in enumerate(segments):
        assert np.array_equal(log_mel(segment[None])[0], together[number])


@settings(max_examples=25, deadline=None)
@given(
    pattern=arrays(
        np.float32,
        st.integers(1, 40),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    stretch=st.sampled_from([1, 37, 5_000]),
)
def test_finite_sound_gives_decibels_between_minus_80_and_0(pattern, stretch):
    segment = np.resize(np.repeat(pattern, stretch), LENGTH)
    result = log_mel(segment[None])
    assert np.isfinite(result).all()
    assert result.min() >= -80.0 and result.max() == 0.0

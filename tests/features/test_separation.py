from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from music_emotion.features.separation import RunningMedian, Separator


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 90),
    width=st.integers(1, 5),
    window=st.sampled_from([3, 7, 15, 31]),
    levels=st.sampled_from([2, 5, 1_000_000]),
    seed=st.integers(0, 2**16),
)
def test_medians_are_scipys_to_the_bit(length, width, window, levels, seed):
    length = max(length, (window - 1) // 2)
    generator = np.random.default_rng(seed)
    values = (generator.integers(0, levels, (length, width)) / levels).astype(np.float32)
    expected = median_filter(values, size=(window, 1), mode="reflect")
    assert np.array_equal(RunningMedian(length, width, window)(values), expected)


def test_working_memory_carries_nothing_over():
    generator = np.random.default_rng(3)
    first, second = generator.random((2, 130, 4), dtype=np.float32)
    median = RunningMedian(130, 4, 31)
    expected = median(second).copy()
    median(first)
    assert np.array_equal(median(second), expected)


@pytest.mark.parametrize("window", [1, 2, 5, 30, 33])
def test_other_windows_are_refused(window):
    with pytest.raises(ValueError, match="power of two"):
        RunningMedian(100, 1, window)


def test_a_window_longer_than_its_mirror_is_refused():
    with pytest.raises(ValueError, match="too long"):
        RunningMedian(14, 1, 31)


@pytest.mark.emotify
def test_medians_are_librosas_to_the_bit(real_segments):
    magnitude = np.abs(librosa.stft(real_segments[2])).T
    harmonic, percussive = Separator().medians(np.ascontiguousarray(magnitude))
    assert np.array_equal(harmonic, median_filter(magnitude, size=(31, 1), mode="reflect"))
    assert np.array_equal(percussive, median_filter(magnitude, size=(1, 31), mode="reflect"))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from music_emotion.errors import AudioError
from music_emotion.features.segments import (
    LOUDEST_SAMPLE,
    SAMPLE_RATE,
    SEGMENT_LENGTH,
    SEGMENT_SECONDS,
    checked_segments,
    cut_segments,
    sound_segments,
)


def test_a_segment_is_three_seconds():
    assert SEGMENT_LENGTH == SEGMENT_SECONDS * SAMPLE_RATE


def test_segments_follow_each_other_and_the_remainder_is_dropped():
    samples = np.arange(25, dtype=np.float32)
    assert cut_segments(samples, sr=4).tolist() == [list(range(12)), list(range(12, 24))]
    assert cut_segments(samples[:11], sr=4).shape == (0, 12)


def test_stereo_is_refused():
    with pytest.raises(ValueError, match="mono"):
        cut_segments(np.zeros((2, 100_000), dtype=np.float32))


@settings(max_examples=30, deadline=None)
@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    seconds=st.integers(1, 7),
    extra=st.sampled_from([-1, 0, 1]),
)
def test_the_number_of_segments_is_the_same_at_every_rate(rate, seconds, extra):
    samples = np.ones(seconds * rate + extra, dtype=np.float32)
    expected = (seconds * rate + extra) // (3 * rate)
    assert sound_segments(samples, rate).shape == (expected, SEGMENT_LENGTH)
    assert sound_segments(samples, rate, sr=16_000).shape == (expected, 48_000)


def test_segments_at_their_own_rate_are_the_samples():
    samples = np.random.default_rng(0).standard_normal(2 * SEGMENT_LENGTH + 7).astype(np.float32)
    segments = sound_segments(samples, SAMPLE_RATE)
    assert np.array_equal(segments.ravel(), samples[: 2 * SEGMENT_LENGTH])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad):
    segments = np.zeros((2, SEGMENT_LENGTH), dtype=np.float32)
    segments[1, 77] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        checked_segments(segments)


def test_absurd_loudness_is_clipped():
    segments = np.full((1, SEGMENT_LENGTH), -1e30, dtype=np.float32)
    assert checked_segments(segments).min() == -LOUDEST_SAMPLE
    assert checked_segments(segments).dtype == np.float32


def test_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"\(n, 66150\)"):
        checked_segments(np.zeros((1, 48_000)))

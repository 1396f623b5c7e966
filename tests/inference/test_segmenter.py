from __future__ import annotations

import numpy as np
import pytest

from helpers.sounds import RATE, tone
from music_emotion.errors import AudioError
from music_emotion.features.segments import SAMPLE_RATE
from music_emotion.inference.segmenter import (
    AUDIBLE_LEVELS,
    BATCH_SEGMENTS,
    LEVEL_SECONDS,
    SILENT_LEVEL,
    Envelope,
    Segments,
    audible_segments,
    fill_segment,
    relative_levels,
    segment_blocks,
    segment_levels,
)

SEGMENT = 3 * SAMPLE_RATE


def test_segments_of_a_stream_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(int(RATE * 3.1 * BATCH_SEGMENTS)).astype(np.float32)
    blocks = np.split(sound, [1_000, 70_000, 900_000])
    parts = list(segment_blocks(blocks, RATE, rates=[16_000, 22_050]))
    whole = list(segment_blocks([sound], RATE, rates=[16_000, 22_050]))
    for rate in (22_050, 16_000):
        assert np.array_equal(
            np.concatenate([part.waveforms[rate] for part in parts]),
            np.concatenate([part.waveforms[rate] for part in whole]),
        )
    assert max(len(part) for part in parts) == BATCH_SEGMENTS


@pytest.mark.parametrize("count", [1, BATCH_SEGMENTS, BATCH_SEGMENTS + 1, 2 * BATCH_SEGMENTS])
def test_segments_are_the_sound_in_order(count: int) -> None:
    sound = (np.arange(count * SEGMENT + SEGMENT // 7) / SEGMENT).astype(np.float32)
    parts = list(segment_blocks([sound], SAMPLE_RATE))
    assert all(list(part.waveforms) == [SAMPLE_RATE] for part in parts)
    waveform = np.concatenate([part.waveform for part in parts])
    assert waveform.shape == (count, SEGMENT)
    assert np.array_equal(waveform.ravel(), sound[: count * SEGMENT])


def loud_levels(count: int, size: float) -> np.ndarray:
    """A segment whose first ``count`` of 60 levels alternate around 0, each sample of one size."""
    segment = np.zeros(SEGMENT, np.float32)
    segment[: count * int(LEVEL_SECONDS * SAMPLE_RATE)] = size
    segment[1::2] *= -1
    return segment


def test_a_segment_is_audible_where_five_levels_and_the_whole_are() -> None:
    loud = 60 * SILENT_LEVEL
    rows = [
        loud_levels(60, 1.01 * SILENT_LEVEL),
        loud_levels(60, 0.99 * SILENT_LEVEL),
        loud_levels(AUDIBLE_LEVELS, loud),
        loud_levels(AUDIBLE_LEVELS - 1, loud),
        loud_levels(AUDIBLE_LEVELS, 5 * SILENT_LEVEL),  # loud enough there, not in all
        0.25 + loud_levels(60, 0.01),
        np.full(SEGMENT, 0.25, np.float32),
    ]
    audible = audible_segments(Segments({SAMPLE_RATE: np.stack(rows).astype(np.float32)}))
    assert audible.tolist() == [True, False, True, False, False, True, False]


def test_half_a_second_is_repeated_to_a_segment_and_less_refused() -> None:
    def filled(samples: int) -> tuple[np.ndarray, bool]:
        sound = np.arange(samples, dtype=np.float32)
        blocks, repeated = fill_segment(np.array_split(sound, 3), 1_000, "it")
        return np.concatenate(list(blocks)), repeated

    for samples in (500, 2_999):
        sound, repeated = filled(samples)
        assert repeated
        assert np.array_equal(sound, np.arange(3_000) % samples)
    for samples in (3_000, 3_001, 9_000):
        sound, repeated = filled(samples)
        assert not repeated
        assert np.array_equal(sound, np.arange(samples))
    with pytest.raises(AudioError, match=r"it lasts 0\.50 s; give at least 0\.5 s of sound"):
        filled(499)


def test_the_envelope_is_the_largest_sample_of_each_twentieth() -> None:
    sound = tone(1.025, 1_000, hertz=130.0)  # 20 steps of 50 samples, and a half
    envelope = Envelope(1_000)
    blocks = np.split(sound, [7, 300, 301])
    assert [len(block) for block in envelope.watch(blocks)] == [7, 293, 1, 724]
    expected = [np.abs(sound[at : at + 50]).max() for at in range(0, 1_025, 50)]
    assert np.array_equal(envelope.values(), np.array(expected))
    assert len(envelope.values()) == 21


def test_levels_are_told_against_the_audible_ones_and_gain_changes_none() -> None:
    rng = np.random.default_rng(0)
    waveform = rng.standard_normal((4, 66_150)).astype(np.float32) * 0.1
    waveform *= np.array([1.0, 0.5, 0.0, 2.0], np.float32)[:, None]
    level = segment_levels(Segments({22_050: waveform}))
    assert level[[0, 1, 3]] == pytest.approx([-20.0, -26.02, -13.98], abs=0.1)
    assert level[2] == pytest.approx(-100.0)
    audible = np.array([True, True, False, True])
    relative = relative_levels(level, audible)
    assert relative[[0, 1, 3]].mean() == pytest.approx(0.0, abs=1e-9)
    assert relative[2] == -60.0
    quieter = segment_levels(Segments({22_050: waveform / 4}))
    np.testing.assert_allclose(relative_levels(quieter, audible), relative, atol=1e-3)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_the_last_seconds_are_in_a_segment_that_reaches_back(rate: int) -> None:
    seconds = 3.0 * BATCH_SEGMENTS + 1.4
    sound = np.sin(np.linspace(0, 50 * seconds, round(seconds * rate))).astype(np.float32)
    for blocks in ([sound], np.split(sound, [7, 50_000, len(sound) - 11])):
        *parts, end = segment_blocks(blocks, rate, rates=[16_000, 22_050])
        assert [len(part) for part in parts] == [BATCH_SEGMENTS]
        for to_rate in (22_050, 16_000):
            last = end.waveforms[to_rate]
            assert last.shape == (1, 3 * to_rate)
            wanted = np.sin(50 * (seconds - 3.0 + np.arange(3 * to_rate) / to_rate))
            np.testing.assert_allclose(last[0, :-60], wanted[:-60], atol=0.02)


def test_a_remainder_of_less_than_half_a_second_is_left_out() -> None:
    for seconds, segments in ((6.49, 2), (6.5, 3), (5.99, 2), (3.0, 1), (3.4, 1)):
        parts = segment_blocks([np.ones(round(seconds * 22_050), np.float32)], 22_050)
        assert sum(map(len, parts)) == segments


def test_one_segment_and_a_remainder() -> None:
    sound = np.arange(4 * 16_000, dtype=np.float32) / 64_000
    one, end = segment_blocks([sound], 16_000, rates=[16_000])
    np.testing.assert_array_equal(one.waveforms[16_000][0], sound[:48_000])
    np.testing.assert_array_equal(end.waveforms[16_000][0], sound[16_000:])


def test_only_the_rates_that_are_wanted_are_made() -> None:
    (segments,) = segment_blocks([np.ones(132_300, np.float32)], 44_100, rates=[16_000])
    assert list(segments.waveforms) == [segments.sample_rate] == [16_000]
    assert segment_levels(segments) == pytest.approx([0.0], abs=0.05)
    assert audible_segments(Segments({16_000: np.zeros((1, 48_000), np.float32)})).tolist() == [
        False
    ]

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tracks import course
from music_emotion.inference.prediction import Timeline, point_spans
from music_emotion.library.timeline import POINTS, packed, timeline_of, timeline_row, unpacked


def invented(points: int, duration: float, window: float = 27.0) -> Timeline:
    rng = np.random.default_rng(points)
    section = np.cumsum(rng.random(points) < 0.3)
    section -= section[:1]
    start, end = point_spans(section, window, duration)
    return Timeline(
        start=start,
        end=end,
        section=section,
        weight=rng.random(points) * min(3.0, duration),
        emotions=rng.dirichlet(np.ones(9), points).astype(np.float32),
        intensities=rng.random((points, 9)).astype(np.float32),
        valence=rng.uniform(-1, 1, points).astype(np.float32),
        arousal=rng.uniform(-1, 1, points).astype(np.float32),
        window=window,
    )


@settings(max_examples=30)
@given(st.integers(0, 20), st.floats(0, 2.9))
def test_a_timeline_is_off_by_at_most_half_a_step(points: int, rest: float) -> None:
    duration = 3.0 * points + rest + 0.05
    timeline = invented(points, duration)
    row = {"duration": duration, **timeline_row(timeline, duration)}
    back = timeline_of(row)
    for name, half_step in {
        "start": 0.0,
        "end": 0.0,
        "section": 0.0,
        "emotions": 1 / 510,
        "intensities": 1 / 510,
        "valence": 1 / 254,
        "arousal": 1 / 254,
        "weight": 3 / 510,
    }.items():
        given_values, read = getattr(timeline, name), getattr(back, name)
        np.testing.assert_allclose(read, given_values, atol=half_step + 1e-6, rtol=0)
        assert (read.dtype, read.shape) == (given_values.dtype, given_values.shape)
    assert back.window == 27.0
    assert {"duration": duration, **timeline_row(back, duration)} == row
    assert unpacked(packed(row)) == {name: row[name] for name in POINTS}


def test_the_bytes_of_a_timeline() -> None:
    two = replace(
        course(np.eye(9)[:2], np.full((2, 9), 0.4)),
        valence=np.array([1.0, -0.5], np.float32),
        arousal=np.array([np.nan, -1.0], np.float32),
        weight=np.array([3.0, 1.0]),
    )
    assert timeline_row(two, 4.0) == {
        "timeline_first": 1.5,
        "timeline_step": 3.0,
        "timeline_window": 3.0,
        "timeline": bytes([255, *[0] * 9, 255, *[0] * 7]),
        "timeline_intensities": bytes([102] * 18),
        "timeline_valence": bytes([127, 256 - 64]),  # 63.5 rounds to the even 64
        "timeline_arousal": bytes([128, 256 - 127]),
        "timeline_weight": bytes([255, 85]),
        "timeline_section": bytes([0, 0]),
    }
    back = timeline_of({"duration": 4.0, **timeline_row(two, 4.0)})
    assert back.weight.tolist() == pytest.approx([3.0, 1.0])
    assert back.arousal.tolist() == pytest.approx([np.nan, -1.0], nan_ok=True)
    assert (back.start.tolist(), back.end.tolist()) == ([0.0, 1.0], [3.0, 4.0])


def test_what_the_packed_bytes_are() -> None:
    """Documented for other programs, docs/catalogue.md: this is how they read them."""
    timeline = invented(7, 21.0)
    row = timeline_row(timeline, 21.0)
    stored = packed(row)
    assert stored is not None
    assert stored[0] == 1
    differences = np.frombuffer(zlib.decompress(stored[1:]), np.uint8).reshape(22, -1)
    levels = differences.cumsum(axis=1, dtype=np.uint8)
    np.testing.assert_allclose(levels[:9].T / 255, timeline.emotions, atol=1 / 509)
    np.testing.assert_allclose(levels[9:18].T / 255, timeline.intensities, atol=1 / 509)
    valence, arousal = levels[18:20].view(np.int8) / 127
    np.testing.assert_allclose(valence, timeline.valence, atol=1 / 253)
    np.testing.assert_allclose(arousal, timeline.arousal, atol=1 / 253)
    np.testing.assert_allclose(levels[20] / 255 * 3, timeline.weight, atol=3 / 509)
    assert levels[21].tolist() == timeline.section.tolist() != [0] * 7


def test_what_was_packed_without_sections_is_one_section() -> None:
    row = {"duration": 66.0, **timeline_row(invented(22, 66.0), 66.0)}
    stored = packed(row | {"timeline_section": None})
    assert stored is not None
    assert len(zlib.decompress(stored)) == 21 * 22  # as versions before 0.2.0 wrote it
    back = timeline_of(row | unpacked(stored))
    assert back.section.tolist() == [0] * 22
    assert (back.start[13], back.end[13]) == (27.0, 54.0)
    np.testing.assert_array_equal(back.valence, timeline_of(row).valence)


def test_more_sections_than_a_byte_counts() -> None:
    many = course(np.full((700, 9), 1 / 9))
    many = replace(many, section=np.arange(700) // 2)
    row = {"duration": 2100.0, **timeline_row(many, 2100.0)}
    assert timeline_of(row).section.tolist() == many.section.tolist()


@pytest.mark.parametrize("lost", ["weight", "intensities"])
def test_of_a_timeline_that_knows_only_the_emotions(lost: str) -> None:
    full = invented(3, 9.0)
    old = replace(full, **{lost: getattr(full, lost) * np.nan})
    row = {"duration": 9.0, **timeline_row(old, 9.0)}
    assert [name for name in POINTS if row[name] is not None] == ["timeline"]
    assert packed(row) is None and unpacked(None) == dict.fromkeys(POINTS)
    back = timeline_of({name: value for name, value in row.items() if value is not None})
    np.testing.assert_allclose(back.emotions, full.emotions, atol=1 / 509)
    for name in ("intensities", "weight", "valence", "arousal"):
        assert np.isnan(getattr(back, name)).all()
        assert getattr(back, name).shape == getattr(full, name).shape


@pytest.mark.parametrize("name", POINTS)
def test_columns_of_different_lengths_are_refused(name: str) -> None:
    row = {"duration": 9.0, **timeline_row(invented(3, 9.0), 9.0)}
    with pytest.raises(ValueError, match=r"size|lengths|reshape"):
        timeline_of(row | {name: row[name][:-1]})
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpacked(b"odd")

"""Pieces that follow one another in one file are heard each for itself."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.sounds import music
from music_emotion import load_model
from music_emotion.inference.explain import explain
from music_emotion.inference.model import EmotionModel

RATE = 16_000


def bright(seconds: float) -> np.ndarray:
    """A loud chord of many partials, struck five times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in range(220, 6_000, 220))
    struck = np.exp(-8 * (time % 0.2)) * chord
    return (0.5 * struck / np.abs(struck).max()).astype(np.float32)


def dark(seconds: float) -> np.ndarray:
    """A soft low tone that swells slowly."""
    time = np.arange(round(seconds * RATE)) / RATE
    swell = 0.5 + 0.3 * np.sin(2 * np.pi * time / 7)
    return (0.3 * swell * np.sin(2 * np.pi * 130.8 * time)).astype(np.float32)


@pytest.fixture(scope="module", params=["default", "light", "transfer"])
def model(request: pytest.FixtureRequest) -> EmotionModel:
    return load_model(request.param)


def test_a_point_hears_its_own_piece_and_the_whole_is_the_mean_of_both(model: EmotionModel) -> None:
    first, second = bright(36.0), dark(24.0)
    joined = model.predict(np.concatenate([first, second]), RATE)
    course = joined.timeline
    assert course.section.tolist() == [0] * 12 + [1] * 8
    assert course.end[:12].max() == 36.0 == course.start[12:].min()
    alone = [model.predict(part, RATE) for part in (first, second)]
    np.testing.assert_allclose(course.emotions[:12], alone[0].timeline.emotions, atol=1e-5)
    np.testing.assert_allclose(course.emotions[12:], alone[1].timeline.emotions, atol=1e-5)
    mean = np.average([one.emotions for one in alone], axis=0, weights=[36.0, 24.0])
    np.testing.assert_allclose(joined.emotions, mean, atol=1e-5)


def test_silence_belongs_to_the_section_before_it(model: EmotionModel) -> None:
    pause = np.zeros(6 * RATE, np.float32)
    course = model.predict(np.concatenate([bright(18.0), pause, dark(18.0)]), RATE).timeline
    assert course.section.tolist() == [0] * 8 + [1] * 6
    assert course.weight.tolist() == [3.0] * 6 + [0.0] * 2 + [3.0] * 6


def test_music_that_goes_on_is_one_section(model: EmotionModel) -> None:
    for sound in (bright(60.0), dark(60.0), music(45.0, RATE)):
        assert set(model.predict(sound, RATE).timeline.section) == {0}


def test_the_explanation_explains_the_answer_with_its_sections(model: EmotionModel) -> None:
    sound = np.concatenate([bright(18.0), dark(18.0)])
    prediction = model.predict(sound, RATE)
    assert set(prediction.timeline.section) == {0, 1}
    why = explain(model, sound, RATE)
    assert why.probability == pytest.approx(float(prediction.emotions.max()), abs=1e-6)


def test_a_model_that_answers_for_each_segment_knows_one_section() -> None:
    sound = np.concatenate([bright(18.0), dark(18.0)])
    assert set(load_model("lstm_cnn").predict(sound, RATE).timeline.section) == {0}

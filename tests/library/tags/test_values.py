from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from helpers.tracks import prediction
from music_emotion.emotions import EMOTIONS
from music_emotion.library.tags.settings import TagSettings, settings_of
from music_emotion.library.tags.values import (
    FIELDS,
    INTENSITIES,
    energy,
    moods_of,
    number_texts,
    values_of,
    words_of,
)


def test_the_fields_of_a_prediction() -> None:
    felt = prediction(joyful_activation=0.9, power=0.25)
    shares = ["0.05"] * 9
    shares[EMOTIONS.index("joyful_activation")], shares[EMOTIONS.index("power")] = "0.90", "0.25"
    assert values_of(felt) == {
        "MOOD": ("joyful activation",),
        **{f"EMOTION_{n.upper()}": (v,) for n, v in zip(EMOTIONS, shares, strict=True)},
        "EMOTION_VALENCE": ("0.25",),
        "EMOTION_AROUSAL": ("-0.50",),
        **{f"EMOTION_STANDING_{n.upper()}": (v,) for n, v in zip(EMOTIONS, shares, strict=True)},
        "EMOTION_CONFIDENCE": ("0.50",),
        "EMOTION_MODEL": ("tones 1",),
    }
    assert tuple(values_of(felt)) == FIELDS
    assert values_of(replace(felt, arousal=-0.001))["EMOTION_AROUSAL"] == ("0.00",)
    unknown = values_of(replace(felt, valence=math.nan))
    assert unknown["EMOTION_VALENCE"] is None and unknown["MOOD"] == ("joyful activation",)


def test_the_mood_follows_from_the_intensities_beside_it_and_not_from_probabilities() -> None:
    felt = prediction(power=0.30, tension=0.29)
    likely = np.zeros(9, np.float32)
    likely[EMOTIONS.index("tension")] = 1.0
    both = replace(felt, emotions=likely)
    assert both.top == "tension" and values_of(both)["MOOD"] == ("power",)
    # What reads alike in the file is alike: of equals the first of the nine.
    equal = prediction(power=0.3044, tenderness=0.2999)
    assert values_of(equal)["MOOD"] == ("tenderness",)


@pytest.mark.parametrize(
    ("confidence", "mood"), [(0.2951, ("power",)), (0.2949, None), (0.3, ("power",)), (0.0, None)]
)
def test_in_doubt_there_is_no_word_but_numbers(
    confidence: float, mood: tuple[str, ...] | None
) -> None:
    values = values_of(replace(prediction(power=0.5), confidence=confidence))
    assert values["MOOD"] == mood
    assert values["EMOTION_POWER"] == ("0.50",)
    assert values["EMOTION_CONFIDENCE"] == (f"{confidence:.2f}",)


def test_silence_has_no_mood_whatever_the_threshold() -> None:
    silent = replace(prediction(), intensities=np.zeros(9, np.float32), confidence=0.0)
    assert values_of(silent, TagSettings(confidence=0.0))["MOOD"] is None


def test_several_moods_need_their_share() -> None:
    felt = number_texts(prediction(sadness=0.4, tenderness=0.25, nostalgia=0.24))
    some = TagSettings(most=3)
    assert moods_of(felt, some) == ["sadness", "tenderness"]
    assert moods_of(felt, TagSettings(most=3, share=0.24)) == ["sadness", "tenderness", "nostalgia"]
    assert moods_of(felt, TagSettings(most=2, share=0.0)) == ["sadness", "tenderness"]
    assert words_of(felt, some) == {"MOOD": ("sadness", "tenderness")}
    assert words_of(felt, replace(some, separator=" / ")) == {"MOOD": ("sadness / tenderness",)}
    weak = number_texts(prediction(sadness=0.1))  # the strongest needs none
    assert moods_of(weak, some) == ["sadness"]


def test_own_words_and_fields() -> None:
    settings = settings_of(
        {
            "most": 2,
            "numbers": False,
            "names": {"calmness": "ruhig", "tenderness": "zärtlich"},
            "fields": {
                "mood": "",
                "comment": "{moods} – energy {energy}",
                "Grouping": "{mood}",
                "ENERGYLEVEL": "{energy}",
                "MY CALM": "{calmness}/{confidence}/{valence}",
            },
        }
    )
    values = values_of(prediction(calmness=0.5, tenderness=0.3), settings)
    assert {field: text for field, text in values.items() if text is not None} == {
        "COMMENT": ("ruhig, zärtlich – energy 3",),
        "GROUPING": ("ruhig",),
        "ENERGYLEVEL": ("3",),
        "MY CALM": ("0.50/0.50/0.25",),
    }
    assert set(values) >= {*INTENSITIES, "EMOTION_MODEL"} and "MOOD" not in values
    unknown = values_of(replace(prediction(calmness=0.5), arousal=math.nan), settings)
    assert unknown["COMMENT"] is unknown["ENERGYLEVEL"] is None
    assert unknown["GROUPING"] == ("ruhig",)


@pytest.mark.parametrize(
    ("arousal", "expected"), [(-2.0, 1), (-1.0, 1), (-0.5, 3), (0.0, 5), (0.5, 8), (1.0, 10)]
)
def test_energy(arousal: float, expected: int) -> None:
    assert energy(arousal) == expected

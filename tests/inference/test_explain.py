from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.graphs import linear_reader, package
from helpers.sounds import RATE, tone
from music_emotion.errors import ModelError
from music_emotion.inference.explain import explain, explain_prediction
from music_emotion.inference.model import EmotionModel, load_model

# The model hears 440 Hz as calmness. Here it sounds from 6 to 9 s only, over a bass throughout.
BASS = 0.5 * tone(15.0, hertz=70.0)
CALM_IN_THE_MIDDLE = BASS.copy()
CALM_IN_THE_MIDDLE[6 * RATE : 9 * RATE] += 0.5 * tone(3.0, hertz=440.0)


def test_the_seconds_and_the_band_of_the_tone_are_found(tone_model: EmotionModel) -> None:
    why = explain(tone_model, CALM_IN_THE_MIDDLE, RATE, emotion="calmness")
    assert why.time.tolist() == [0.0, 3.0, 6.0, 9.0, 12.0]
    assert int(why.seconds.argmax()) == 2
    assert why.bands[int(why.frequencies.argmax())] == (400.0, 800.0)
    band, second = np.unravel_index(why.map.argmax(), why.map.shape)
    assert (why.bands[band], why.time[second]) == ((400.0, 800.0), 6.0)


def test_the_numbers_are_what_the_probability_loses(tone_model: EmotionModel) -> None:
    why = explain(tone_model, CALM_IN_THE_MIDDLE, RATE, emotion="calmness")
    without = np.delete(CALM_IN_THE_MIDDLE, np.s_[6 * RATE : 9 * RATE])
    calmness = tone_model.predict(without, RATE).to_dict()["emotions"]["calmness"]
    assert why.seconds[2] == pytest.approx(why.probability - calmness, abs=1e-3)
    bass = tone_model.predict(BASS, RATE).to_dict()["emotions"]["calmness"]
    assert why.frequencies.max() == pytest.approx(why.probability - bass, abs=1e-2)
    others = np.delete(why.frequencies, int(why.frequencies.argmax()))
    assert np.abs(others).max() < 0.01
    assert np.abs(np.delete(why.map, 2, axis=1)).max() < 0.01


def test_the_most_probable_emotion_is_explained_by_default(tone_model: EmotionModel) -> None:
    assert explain(tone_model, tone(6.0, hertz=3_000.0), RATE).emotion == "tension"
    with pytest.raises(ModelError, match="no emotion 'boredom'"):
        explain(tone_model, tone(6.0), RATE, emotion="boredom")


def test_a_single_segment_is_compared_with_silence(tone_model: EmotionModel) -> None:
    why = explain(tone_model, tone(3.0), RATE)
    assert why.seconds[0] == pytest.approx(why.probability - 1 / 9, abs=1e-6)


def test_scope_track_is_explained_through_its_pooling(tmp_path: Path) -> None:
    sizes = {"musicnn": 1_506, "statistics": 360}
    graph, weights = linear_reader(sizes)
    for name, values in weights.items():
        values *= 0.02  # keep the softmax away from its ends
        initializer = next(i for i in graph.graph.initializer if i.name == name)
        initializer.raw_data = values.tobytes()
    folder = package(
        tmp_path / "model",
        graph,
        features=tuple(sizes),
        scope="track",
        pooling=dict.fromkeys(sizes, ("mean",)),
    )
    model = load_model(folder)
    sound = 0.1 * np.random.default_rng(0).standard_normal(9 * 22_050)
    sound[3 * 22_050 : 6 * 22_050] *= 5
    why = explain(model, sound, 22_050)
    rest = np.delete(sound, np.s_[3 * 22_050 : 6 * 22_050])
    without = model.predict(rest, 22_050).to_dict()["emotions"][why.emotion]
    assert why.map.shape == (8, 3)
    assert why.seconds[1] == pytest.approx(why.probability - without, abs=2e-3)


def test_a_file_is_explained_and_the_numbers_are_strict_json(
    tone_model: EmotionModel, tmp_path: Path
) -> None:
    sf.write(tmp_path / "song.wav", CALM_IN_THE_MIDDLE, RATE)
    why = explain(tone_model, tmp_path / "song.wav", emotion="calmness")
    data = json.loads(json.dumps(why.to_dict(), allow_nan=False))
    assert data["seconds"].index(max(data["seconds"])) == 2
    assert len(data["map"]) == len(data["bands"]) == 8


def test_what_was_predicted_is_explained_and_not_the_beginning(
    tone_model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the longest time the whole may have another emotion than the part explained."""
    monkeypatch.setattr("music_emotion.inference.explain.LONGEST_SECONDS", 6.0)
    sound = np.concatenate([tone(6.0, hertz=440.0), tone(12.0, hertz=3_000.0)])
    data = io.BytesIO()
    sf.write(data, sound, RATE, format="WAV")
    prediction, why = explain_prediction(tone_model, data, tone_model.predict(data))
    assert why is not None
    assert explain(tone_model, data).emotion == "calmness"
    assert why.emotion == prediction.top == "tension"
    assert prediction.warnings == ("the explanation is of the first 0.1 minutes",)


def test_a_silent_prediction_is_not_explained(tone_model: EmotionModel) -> None:
    data = io.BytesIO()
    sf.write(data, np.zeros(6 * RATE), RATE, format="WAV")
    prediction = tone_model.predict(data)
    assert explain_prediction(tone_model, data, prediction) == (prediction, None)


def test_what_is_explained_is_the_answer_to_its_last_seconds(tone_model: EmotionModel) -> None:
    sound = np.concatenate([tone(6.0, hertz=440.0), tone(2.0, hertz=3_000.0)])
    why = explain(tone_model, sound, RATE, emotion="tension")
    prediction = tone_model.predict(sound, RATE)
    assert why.time.tolist() == [0.0, 3.0, 5.0]
    assert why.probability == pytest.approx(prediction.to_dict()["emotions"]["tension"], abs=1e-5)
    assert why.seconds.argmax() == 2


def test_silence_has_no_reasons(tone_model: EmotionModel) -> None:
    why = explain(tone_model, np.zeros(6 * RATE), RATE)
    assert not why.seconds.any()
    assert not why.map.any()

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.sounds import RATE, tone
from helpers.tracks import course, prediction
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.model import EmotionModel
from music_emotion.inference.prediction import (
    COLUMNS,
    INTENSITY_COLUMNS,
    TrackPrediction,
    point_spans,
)

CALM, TENSE = tone(9.0, hertz=440.0), tone(9.0, hertz=3_000.0)


def test_a_flat_row_has_the_columns_of_the_csv() -> None:
    given = prediction(12.34567, calmness=0.55)
    row = given.to_row()
    assert list(row) == list(COLUMNS)
    assert list(row)[:7] == [
        *("duration", "model", "version", "top", "confidence"),
        *("valence", "arousal"),
    ]
    assert list(row)[-2:] == [f"standing_{EMOTIONS[-1]}", "warnings"]
    assert (row["valence"], row["arousal"], row["familiarity"]) == (0.25, -0.5, 0.75)
    assert (row["unfamiliar"], row["heard_in_training"]) == (False, False)
    assert row["duration"] == 12.346
    assert row["top"] == "calmness"
    assert row["intensity_calmness"] == 0.55
    assert row["calmness"] == pytest.approx(0.55 / 0.95, abs=1e-5)
    assert sum(row[name] for name in EMOTIONS) == pytest.approx(1.0, abs=1e-12)  # type: ignore[misc]
    assert row["warnings"] == "a note"
    assert replace(given, warnings=("one", "two")).to_row()["warnings"] == "one; two"
    assert replace(given, confidence=0.0).to_row()["top"] is None
    assert replace(given, familiarity=math.nan).to_row()["familiarity"] is None


def test_an_exact_row_is_read_back_to_the_last_bit() -> None:
    given = replace(prediction(12.34567, power=1 / 3), path="song.mp3", confidence=0.123456789)
    row = {**given.to_row(rounded=False), "genre": "pop"}
    read = TrackPrediction.from_row(
        row, path="song.mp3", timeline=given.timeline, warnings=given.warnings
    )
    assert read.to_dict() == given.to_dict()
    assert np.array_equal(read.emotions, given.emotions)
    assert np.array_equal(read.intensities, given.intensities)
    assert (read.duration, read.confidence) == (12.34567, 0.123456789)


def test_a_prediction_is_equal_to_itself_and_short_when_shown(tone_model: EmotionModel) -> None:
    one, other = tone_model.predict(CALM, RATE), tone_model.predict(CALM, RATE)
    assert one == one
    assert one != other
    assert len({one, other, one.timeline, other.timeline}) == 4
    assert repr(one) == (
        "TrackPrediction('', 9.0 s, top='calmness', confidence=1.000, model='tones')"
    )


def test_a_frame_without_pandas_asks_for_pandas(
    tone_model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = tone_model.predict(CALM, RATE)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MusicEmotionError, match="pip install pandas"):
        prediction.to_frame()


def test_a_prediction_is_strict_json(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(CALM, RATE)
    data = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert list(data["emotions"]) == list(EMOTIONS)
    assert data["model"] == "tones"
    assert sum(data["emotions"].values()) == pytest.approx(1.0, abs=1e-5)
    assert len(data["timeline"]["emotions"]["calmness"]) == len(data["timeline"]["time"]) == 3
    assert prediction.ranked()[0][0] == "calmness"


def test_written_probabilities_sum_to_1(tone_model: EmotionModel) -> None:
    given = tone_model.predict(CALM, RATE)
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(9), 50).astype(np.float32)
    for row in rows:
        written = replace(given, emotions=row, timeline=course(row[None])).to_dict()
        assert sum(written["emotions"].values()) == pytest.approx(1.0, abs=1e-9)
        along = [values[0] for values in written["timeline"]["emotions"].values()]
        assert along == list(written["emotions"].values())
        assert np.allclose(along, row, atol=5e-6)


def test_the_table_of_the_timeline(tone_model: EmotionModel) -> None:
    pytest.importorskip("pandas")
    frame = tone_model.predict(CALM, RATE).to_frame()
    times = ["time", "start", "end", "valence", "arousal"]
    assert list(frame.columns) == [*times, *EMOTIONS, *INTENSITY_COLUMNS]
    assert frame["time"].tolist() == [1.5, 4.5, 7.5]
    assert frame["end"].tolist() == [3.0, 6.0, 9.0]


def test_jams_says_what_when_and_how_sure(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(np.concatenate([CALM, TENSE]), RATE)
    document = json.loads(json.dumps(prediction.to_jams(), allow_nan=False))
    whole, intensities, timeline, over_time, mood, moods = document["annotations"]
    named = [(a["namespace"], a["sandbox"]["quantity"]) for a in document["annotations"]]
    assert named == [
        ("tag_open", "emotions"),
        ("tag_open", "intensities"),
        ("tag_open", "timeline"),
        ("tag_open", "timeline of intensities"),
        ("mood_thayer", "mood"),
        ("mood_thayer", "timeline of mood"),
    ]
    assert len(over_time["data"]) == len(timeline["data"]) == 6 * 9
    (said,) = mood["data"]
    assert said["value"] == pytest.approx([prediction.valence, prediction.arousal], abs=1e-6)
    assert [span["time"] for span in moods["data"]] == prediction.timeline.start.tolist()
    assert [item["value"] for item in whole["data"]] == list(EMOTIONS)
    assert whole["data"][0]["duration"] == document["file_metadata"]["duration"] == 18.0
    assert len(intensities["data"]) == 9
    late = [d for d in timeline["data"] if d["time"] == 12.0 and d["value"] == "tension"]
    assert late[0]["confidence"] > 0.9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of jams itself
def test_the_jams_package_takes_the_document(tone_model: EmotionModel, tmp_path: Path) -> None:
    jams = pytest.importorskip("jams")
    path = tmp_path / "song.jams"
    path.write_text(json.dumps(tone_model.predict(CALM, RATE).to_jams()))
    read = jams.load(str(path), validate=True, strict=True)
    assert len(read.search(namespace="tag_open")) == 4
    assert len(read.search(namespace="mood_thayer")) == 2
    strongest = max(read.annotations[0].data, key=lambda observation: observation.confidence)
    assert strongest.value == "calmness"


@pytest.mark.parametrize(
    ("count", "window", "duration", "spans"),
    [
        (3, 3.0, 9.0, [(0, 3), (3, 6), (6, 9)]),
        (3, 3.0, 11.9, [(0, 3), (3, 6), (6, 9)]),  # a remainder that was not heard
        (4, 3.0, 10.0, [(0, 3), (3, 6), (6, 9), (7, 10)]),  # or was, back from the end
        (4, 6.0, 10.0, [(0, 6), (3, 9), (6, 10), (7, 10)]),  # an even width reaches on
        (4, 27.0, 10.0, [(0, 10)] * 4),
        (1, 27.0, 1.5, [(0, 1.5)]),
        (0, 27.0, 0.0, []),
    ],
)
def test_what_a_point_is_heard_from(count, window, duration, spans) -> None:
    start, end = point_spans(np.zeros(count, np.int64), window, duration)
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == spans


def test_what_a_point_is_heard_from_ends_with_its_section() -> None:
    start, end = point_spans(np.array([0, 0, 1, 1]), 9.0, 10.0)
    assert (start.tolist(), end.tolist()) == ([0.0, 0.0, 6.0, 6.0], [6.0, 6.0, 10.0, 10.0])


def test_the_spans_of_a_prediction_follow_from_its_length(tone_model: EmotionModel) -> None:
    course = tone_model.predict(tone(10.5), RATE).timeline
    start, end = point_spans(course.section, course.window, 10.5)
    assert course.start.tolist() == start.tolist() == [0.0, 3.0, 6.0, 7.5]
    assert course.end.tolist() == end.tolist() == [3.0, 6.0, 9.0, 10.5]
    assert course.weight.tolist() == [3.0, 3.0, 3.0, 1.5]
    assert tone_model.predict(tone(1.5), RATE).timeline.weight.tolist() == [1.5]


def test_what_is_not_known_of_a_timeline_is_null() -> None:
    known = prediction()
    unknown = replace(known.timeline, weight=np.full(2, np.nan))
    assert replace(known, timeline=unknown).to_dict()["timeline"]["weight"] == [None, None]

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import music_emotion
from helpers.graphs import card, linear_reader, package
from helpers.sounds import RATE, tone
from music_emotion.audio import Sound, read_audio
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import AudioError, MusicEmotionError
from music_emotion.features.descriptors import advanced
from music_emotion.features.segments import SAMPLE_RATE, cut_segments
from music_emotion.features.statistics import statistics
from music_emotion.inference.model import EmotionModel, load_model
from music_emotion.inference.model_card import ConfidenceCurve
from music_emotion.inference.prediction import Timeline
from music_emotion.inference.segmenter import BATCH_SEGMENTS, segment_blocks

CALM, TENSE = tone(9.0, hertz=440.0), tone(9.0, hertz=3_000.0)


def test_the_tone_decides_the_emotion(tone_model: EmotionModel) -> None:
    assert tone_model.predict(CALM, RATE).top == "calmness"
    assert tone_model.predict(TENSE, RATE).top == "tension"


def test_the_timeline_follows_the_music(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(np.concatenate([CALM, TENSE]), RATE)
    assert prediction.timeline.time.tolist() == [1.5, 4.5, 7.5, 10.5, 13.5, 16.5]
    tops = [EMOTIONS[index] for index in prediction.timeline.emotions.argmax(axis=1)]
    assert tops == ["calmness"] * 3 + ["tension"] * 3
    assert np.allclose(prediction.emotions, prediction.timeline.emotions.mean(axis=0), atol=1e-6)
    assert prediction.emotions.sum() == pytest.approx(1.0, abs=1e-5)
    assert prediction.duration == pytest.approx(18.0)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_the_sample_rate_of_an_array_does_not_matter(rate: int, tone_model: EmotionModel) -> None:
    reference = tone_model.predict(CALM, RATE)
    prediction = tone_model.predict(tone(9.0, rate), rate)
    assert np.allclose(prediction.emotions, reference.emotions, atol=0.01)
    assert len(prediction.timeline) == 3


def test_file_stream_sound_and_array_agree(tone_model: EmotionModel, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    sf.write(path, CALM, RATE, subtype="FLOAT")
    by_array = tone_model.predict(CALM, RATE)
    for source in (path, str(path), io.BytesIO(path.read_bytes()), Sound(CALM, RATE)):
        assert np.array_equal(tone_model.predict(source).emotions, by_array.emotions)
    assert tone_model.predict(path).path == str(path)
    with path.open("rb") as stream:
        assert tone_model.predict(stream).path == str(path)
    assert by_array.path == ""


def test_a_prediction_is_equal_to_itself_and_short_when_shown(tone_model: EmotionModel) -> None:
    one, other = tone_model.predict(CALM, RATE), tone_model.predict(CALM, RATE)
    assert one == one
    assert one != other
    assert len({one, other, one.timeline, other.timeline}) == 4
    assert repr(one) == (
        "TrackPrediction('', 9.0 s, top='calmness', confidence=1.000, model='tones')"
    )


@pytest.mark.parametrize(
    ("source", "rate", "reason"),
    [
        ("song.mp3", 22_050, "brings its own sample rate"),
        (Sound(CALM, RATE), RATE, "brings its own sample rate"),
        (b"RIFF", None, "bytes is no sound; give a path"),
        (None, None, "NoneType is no sound; give a path"),
        (CALM, "44100", "a sample rate of '44100' is no number"),
        (Sound(CALM.astype(np.float64), RATE), None, "a Sound of float64"),
        (Sound(CALM[:, None], RATE), None, "cannot be heard"),
    ],
)
def test_what_is_no_sound_is_said_in_a_line(
    source: object, rate: object, reason: str, tone_model: EmotionModel
) -> None:
    with pytest.raises(AudioError, match=reason):
        tone_model.predict(source, rate)  # type: ignore[arg-type]


def test_a_frame_without_pandas_asks_for_pandas(
    tone_model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = tone_model.predict(CALM, RATE)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MusicEmotionError, match="pip install pandas"):
        prediction.to_frame()


def test_the_two_functions_explain_themselves() -> None:
    for function in (music_emotion.predict, music_emotion.load_model):
        assert "Parameters\n" in str(function.__doc__)


def test_an_array_needs_its_rate(tone_model: EmotionModel) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        tone_model.predict(CALM)


def test_silence_gets_no_emotion(tone_model: EmotionModel) -> None:
    for sound in (np.zeros(5 * RATE), np.full(5 * RATE, 0.4)):
        prediction = tone_model.predict(sound, RATE)
        assert prediction.top is None
        assert prediction.confidence == 0.0
        assert np.allclose(prediction.emotions, 1 / 9)
        assert not prediction.intensities.any()
        assert any("silent" in line for line in prediction.warnings)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.eye(1, 5 * RATE, 2 * RATE)[0], id="a click"),
        pytest.param(3e-5 * np.random.default_rng(0).standard_normal(5 * RATE), id="noise"),
        pytest.param(np.zeros(5 * RATE), id="zeros"),
    ],
)
def test_no_emotion_and_the_word_silent_come_together(
    sound: np.ndarray, tone_model: EmotionModel
) -> None:
    prediction = tone_model.predict(sound, RATE)
    assert prediction.top is None
    assert prediction.warnings == ("silent: there is nothing to hear",)


def test_quiet_music_has_an_emotion_and_is_called_quiet(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(CALM * np.float32(1.8e-4), RATE)
    assert prediction.top is not None
    assert prediction.warnings == ("very quiet: the loudest sample is at -81 dB",)


def test_a_beat_in_silence_is_music(tone_model: EmotionModel) -> None:
    clicks = np.zeros(6 * RATE)
    clicks[:: RATE // 2] = 1.0
    assert tone_model.predict(clicks, RATE).top is not None


def test_silent_parts_do_not_count(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(np.concatenate([np.zeros_like(CALM), CALM]), RATE)
    assert np.allclose(prediction.emotions, tone_model.predict(CALM, RATE).emotions, atol=1e-4)
    assert np.allclose(prediction.timeline.emotions[:2], 1 / 9)


def test_short_sound_is_repeated_and_shorter_refused(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(CALM[:RATE], RATE)
    assert prediction.top == "calmness"
    assert prediction.duration == 1.0
    assert prediction.timeline.time.tolist() == [0.5]
    assert "only 1.0 s of sound" in prediction.warnings[0]
    with pytest.raises(AudioError, match=r"lasts 0\.20 s"):
        tone_model.predict(CALM[: RATE // 5], RATE)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_exactly_one_segment_is_one_segment(rate: int, tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(tone(3.0, rate), rate)
    assert len(prediction.timeline) == 1
    assert prediction.warnings == ()


def test_confidence_follows_the_card(tone_model: EmotionModel) -> None:
    plain = tone_model.predict(CALM, RATE)
    assert plain.confidence == pytest.approx(float(plain.emotions.max()))
    calibrated = EmotionModel(tone_model.network)
    calibrated.card = card(confidence=ConfidenceCurve((0.0, 1.0), (0.1, 0.5), 0.02))
    expected = 0.1 + 0.4 * float(plain.emotions.max())
    assert calibrated.predict(CALM, RATE).confidence == pytest.approx(expected, abs=1e-6)


def test_segments_of_a_stream_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(int(RATE * 3.1 * BATCH_SEGMENTS)).astype(np.float32)
    blocks = np.split(sound, [1_000, 70_000, 900_000])
    parts = list(segment_blocks(blocks, RATE, rates=[16_000]))
    whole = list(segment_blocks([sound], RATE, rates=[16_000]))
    for rate in (22_050, 16_000):
        assert np.array_equal(
            np.concatenate([part.waveforms[rate] for part in parts]),
            np.concatenate([part.waveforms[rate] for part in whole]),
        )
    assert max(len(part) for part in parts) == BATCH_SEGMENTS


def test_scope_track_pools_features_over_spans(tmp_path: Path) -> None:
    graph, weights = linear_reader({"statistics": 720})
    folder = package(
        tmp_path / "model",
        graph,
        features=("statistics",),
        scope="track",
        pooling={"statistics": ("mean", "std")},
        window_seconds=9.0,
    )
    noise = 0.1 * np.random.default_rng(3).standard_normal(15 * SAMPLE_RATE).astype(np.float32)
    noise *= np.linspace(0.2, 1.0, len(noise), dtype=np.float32)
    prediction = load_model(folder).predict(noise, SAMPLE_RATE)
    rows = statistics(advanced(cut_segments(noise)))

    def answer(part: np.ndarray) -> np.ndarray:
        logits = np.concatenate([part.mean(axis=0), part.std(axis=0)]) @ weights["w_statistics"]
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

    assert np.allclose(prediction.emotions, answer(rows), atol=1e-4)
    spans = [slice(0, 2), slice(0, 3), slice(1, 4), slice(2, 5), slice(3, 5)]
    expected = [answer(rows[span]) for span in spans]
    assert np.allclose(prediction.timeline.emotions, expected, atol=1e-4)
    assert prediction.timeline.window == 9.0


def test_all_features_reach_a_model(tmp_path: Path) -> None:
    sizes = {"musicnn": 1_506, "statistics": 360}
    graph, _ = linear_reader(sizes)
    pooling = dict.fromkeys(sizes, ("mean",))
    folder = package(
        tmp_path / "model", graph, features=tuple(sizes), scope="track", pooling=pooling
    )
    prediction = music_emotion.predict(CALM, RATE, model=folder)
    assert prediction.emotions.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_prediction_is_strict_json(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(CALM, RATE)
    data = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert list(data["emotions"]) == list(EMOTIONS)
    assert data["model"] == "tones"
    assert sum(data["emotions"].values()) == pytest.approx(1.0, abs=1e-5)
    assert len(data["timeline"]["emotions"]["calmness"]) == len(data["timeline"]["time"]) == 3
    assert prediction.ranked()[0][0] == "calmness"


def test_written_probabilities_sum_to_1(tone_model: EmotionModel) -> None:
    told = tone_model.predict(CALM, RATE)
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(9), 50).astype(np.float32)
    for row in rows:
        timeline = Timeline(told.timeline.time[:1], row[None], 3.0)
        written = replace(told, emotions=row, timeline=timeline).to_dict()
        assert sum(written["emotions"].values()) == pytest.approx(1.0, abs=1e-9)
        along = [values[0] for values in written["timeline"]["emotions"].values()]
        assert along == list(written["emotions"].values())
        assert np.allclose(along, row, atol=5e-6)


def test_the_table_of_the_timeline(tone_model: EmotionModel) -> None:
    pytest.importorskip("pandas")
    frame = tone_model.predict(CALM, RATE).to_frame()
    assert list(frame.columns) == ["time", *EMOTIONS]
    assert frame["time"].tolist() == [1.5, 4.5, 7.5]


def test_jams_says_what_when_and_how_sure(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(np.concatenate([CALM, TENSE]), RATE)
    document = json.loads(json.dumps(prediction.to_jams(), allow_nan=False))
    whole, intensities, timeline = document["annotations"]
    assert {a["namespace"] for a in document["annotations"]} == {"tag_open"}
    assert [a["sandbox"]["quantity"] for a in document["annotations"]] == [
        "emotions",
        "intensities",
        "timeline",
    ]
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
    assert len(read.search(namespace="tag_open")) == 3
    strongest = max(read.annotations[0].data, key=lambda observation: observation.confidence)
    assert strongest.value == "calmness"


def test_the_envelope_is_the_shape_of_the_sound(tone_model: EmotionModel) -> None:
    envelope = tone_model.predict(np.concatenate([CALM, 0.1 * CALM]), RATE).envelope
    assert len(envelope) == pytest.approx(18 * 20, abs=1)
    assert np.allclose(envelope[:179], 0.5, atol=0.01)
    assert np.allclose(envelope[181:], 0.05, atol=0.01)


def test_prediction_imports_nothing_beyond_the_base_install(
    tone_model_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "song.wav"
    sf.write(path, CALM, RATE)
    code = (
        "import sys, music_emotion\n"
        "assert 'numpy' not in sys.modules\n"
        f"music_emotion.predict({str(path)!r}, model={str(tone_model_folder)!r})\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'matplotlib', 'librosa', 'onnx', 'typer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.emotify
def test_a_real_track_read_whole_and_in_blocks_agrees(
    tone_model: EmotionModel, emotify_root: Path
) -> None:
    path = emotify_root / "emotifymusic" / "pop" / "1.mp3"
    by_file = tone_model.predict(path)
    by_array = tone_model.predict(read_audio(path, SAMPLE_RATE), SAMPLE_RATE)
    assert len(by_file.timeline) == 20
    assert np.allclose(by_file.emotions, by_array.emotions, atol=1e-5)

from __future__ import annotations

import array
import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import music_emotion
from fit_recordings import fit_recordings
from helpers.graphs import card, linear_reader, package, tone_detector
from helpers.sounds import RATE, tone
from music_emotion.audio import Sound, read_audio
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import AudioError
from music_emotion.features.compute import FEATURES, segment_features
from music_emotion.features.descriptors import advanced
from music_emotion.features.segments import SAMPLE_RATE, cut_segments
from music_emotion.features.statistics import statistics
from music_emotion.inference.familiarity import Discriminant
from music_emotion.inference.model import EmotionModel, load_model, spans_around
from music_emotion.inference.model_card import ConfidenceCurve
from music_emotion.inference.package import write_package
from music_emotion.inference.reference import Reference, reference_of
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
        prediction = music_emotion.predict(source, model=tone_model)
        assert np.array_equal(prediction.emotions, by_array.emotions)
    assert tone_model.predict(path).path == str(path)
    with path.open("rb") as stream:
        assert tone_model.predict(stream).path == str(path)
    assert by_array.path == ""
    assert (by_array.model, by_array.version) == ("tones", "1")


def test_a_stream_is_filed_under_its_name_where_that_is_a_path(tone_model: EmotionModel) -> None:
    data = io.BytesIO()
    sf.write(data, CALM, RATE, format="WAV")
    for name, path in (("song.wav", "song.wav"), ("<stdin>", "-"), (3, "-"), (None, "-")):
        stream = io.BytesIO(data.getvalue())
        if name is not None:
            stream.name = name  # type: ignore[attr-defined]
        assert tone_model.predict(stream).path == path


def test_the_reading_of_a_file_is_reported(tone_model: EmotionModel, tmp_path: Path) -> None:
    sf.write(tmp_path / "song.wav", np.tile(CALM, 2), RATE)
    steps: list[tuple[float, float | None]] = []
    tone_model.predict(tmp_path / "song.wav", progress=lambda *step: steps.append(step))
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert steps[-1] == (18.0, 18.0)


@pytest.mark.parametrize(
    ("source", "rate", "reason"),
    [
        ("song.mp3", 22_050, "brings its own sample rate"),
        (Sound(CALM, RATE), RATE, "brings its own sample rate"),
        (b"RIFF", None, "bytes is no sound; give a path"),
        (None, None, "NoneType is no sound; give a path"),
        (memoryview(b"RIFF"), None, "memoryview is no sound; give a path"),
        (3, None, "int is no sound; give a path"),
        ({"array": CALM}, RATE, "dict is no sound; give a path, an open binary stream or an array"),
        (CALM, None, "an array needs its sample rate"),
        (CALM, "44100", "a sample rate of '44100' is no number"),
        (CALM, True, "a sample rate of True is no number"),
        (Sound(CALM.astype(np.float64), RATE), None, "a Sound of float64"),
        (Sound(CALM[:, None], RATE), None, "cannot be heard"),
        ([[0.0], [0.0, 0.1]], RATE, r"list is no sound \(.*\); give an array of numpy"),
    ],
)
def test_what_is_no_sound_is_said_in_a_line(
    source: object, rate: object, reason: str, tone_model: EmotionModel
) -> None:
    with pytest.raises(AudioError, match=reason):
        tone_model.predict(source, rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [list, tuple, lambda samples: array.array("f", samples)])
def test_lists_and_buffers_are_arrays(
    make: Callable[[np.ndarray], object], tone_model: EmotionModel
) -> None:
    expected = tone_model.predict(CALM, RATE).to_dict()
    given = make(CALM)
    assert tone_model.predict(given, RATE).to_dict() == expected  # type: ignore[arg-type]


def test_a_tensor_that_needs_gradients_is_refused_in_a_line(tone_model: EmotionModel) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(
        AudioError, match=r"Tensor is no sound \(.*grad.*\); give an array"
    ) as caught:
        tone_model.predict(torch.zeros(5 * RATE, requires_grad=True), RATE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_can_be_copied_and_sent(
    again: Callable[[EmotionModel], EmotionModel], tone_model: EmotionModel
) -> None:
    other = again(tone_model)
    assert other.network is not tone_model.network
    expected = tone_model.predict(CALM, RATE)
    assert other.predict(CALM, RATE).to_dict() == expected.to_dict()


def test_the_two_functions_explain_themselves() -> None:
    for function in (music_emotion.predict, music_emotion.load_model):
        assert "Parameters\n" in str(function.__doc__)


def test_silence_gets_no_emotion(tone_model: EmotionModel) -> None:
    for sound in (np.zeros(5 * RATE), np.full(5 * RATE, 0.4)):
        prediction = tone_model.predict(sound, RATE)
        assert prediction.top is None
        assert prediction.confidence == 0.0
        assert np.allclose(prediction.emotions, 1 / 9)
        assert not prediction.intensities.any()
        assert prediction.emotions.dtype == prediction.intensities.dtype == np.float32
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
    just = CALM / np.abs(CALM).max() * np.float32(0.99e-3)
    assert tone_model.predict(just, RATE).warnings == (
        "very quiet: the loudest sample is at -60 dB",
    )
    assert tone_model.predict(just * np.float32(1.02), RATE).warnings == ()


def test_a_beat_in_silence_is_music(tone_model: EmotionModel) -> None:
    clicks = np.zeros(6 * RATE)
    clicks[:: RATE // 2] = 1.0
    assert tone_model.predict(clicks, RATE).top is not None


def test_silent_parts_do_not_count(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(np.concatenate([np.zeros_like(CALM), CALM]), RATE)
    assert np.allclose(prediction.emotions, tone_model.predict(CALM, RATE).emotions, atol=1e-4)
    assert np.allclose(prediction.timeline.emotions[:2], 1 / 9)


def calm(amplitude: float) -> np.ndarray:
    """A segment of the calm tone, of which a whole number of periods fits."""
    return (2 * amplitude * tone(3.0, SAMPLE_RATE)).astype(np.float32)


def shares(*amplitudes: float) -> np.ndarray:
    """The tone model's probability of calmness: its logit is 40 times the power, others 0."""
    powers = np.exp(40 * np.square(amplitudes))
    return np.asarray(powers / (powers + 8))


def windowed(model: EmotionModel, seconds: float) -> EmotionModel:
    other = EmotionModel(model.network)
    other.card = card(window_seconds=seconds)
    return other


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [
        (3.0, [[0.1], [0.2], [], [0.15]]),
        (6.0, [[0.1, 0.2], [0.2], [0.15], [0.15]]),
        (9.0, [[0.1, 0.2], [0.1, 0.2], [0.2, 0.15], [0.15]]),
        (12.0, [[0.1, 0.2], [0.1, 0.2, 0.15], [0.2, 0.15], [0.15]]),
    ],
)
def test_a_window_is_the_mean_of_its_audible_segments(
    seconds: float, windows: list[list[float]], tone_model: EmotionModel
) -> None:
    sound = np.concatenate([calm(0.1), calm(0.2), calm(0.0), calm(0.15)])
    prediction = windowed(tone_model, seconds).predict(sound, SAMPLE_RATE)
    index = EMOTIONS.index("calmness")
    expected = [shares(*window).mean() if window else 1 / 9 for window in windows]
    assert prediction.timeline.emotions[:, index] == pytest.approx(expected, abs=1e-5)
    assert prediction.timeline.window == seconds
    assert prediction.envelope[[30, 90, 150, 210]] == pytest.approx([0.1, 0.2, 0, 0.15], rel=0.01)
    assert prediction.confidence == pytest.approx(float(prediction.emotions.max()))
    # The whole is the mean of the points whose own segment is audible.
    assert prediction.emotions[index] == pytest.approx(
        np.mean([expected[at] for at in (0, 1, 3)]), abs=1e-5
    )
    felt = [np.tanh(40 * np.square(w)).mean() if w else 0.0 for w in windows]
    assert prediction.timeline.intensities[:, index] == pytest.approx(felt, abs=1e-5)
    assert prediction.intensities[index] == pytest.approx(
        np.mean([felt[at] for at in (0, 1, 3)]), abs=1e-5
    )
    assert prediction.warnings == ()


def test_the_last_seconds_count_by_what_is_new_in_them(tone_model: EmotionModel) -> None:
    sound = np.concatenate([calm(0.1), calm(0.2), calm(0.2)[: round(1.5 * SAMPLE_RATE)]])
    prediction = tone_model.predict(sound, SAMPLE_RATE)
    course, index = prediction.timeline, EMOTIONS.index("calmness")
    assert prediction.duration == 7.5
    assert course.weight.tolist() == [3.0, 3.0, 1.5]
    assert (course.start[-1], course.end[-1], course.time[-1]) == (4.5, 7.5, 6.0)
    one, two = shares(0.1, 0.2)
    assert course.emotions[:, index] == pytest.approx([one, two, two], abs=1e-5)
    assert prediction.emotions[index] == pytest.approx((3 * one + 4.5 * two) / 7.5, abs=1e-5)


def test_long_sound_is_analysed_in_parts_that_are_joined(tone_model: EmotionModel) -> None:
    amplitudes = np.linspace(0.05, 0.25, 2 * BATCH_SEGMENTS + 3)
    sound = np.concatenate([calm(amplitude) for amplitude in amplitudes])
    prediction = tone_model.predict(sound, SAMPLE_RATE)
    course = prediction.timeline.emotions[:, EMOTIONS.index("calmness")]
    assert course == pytest.approx(shares(*amplitudes), abs=1e-5)
    assert prediction.timeline.time[[0, -1]].tolist() == [1.5, 127.5]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (1, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
        (2, [(0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]),
        (3, [(0, 2), (0, 3), (1, 4), (2, 5), (3, 5)]),
        (4, [(0, 3), (0, 4), (1, 5), (2, 5), (3, 5)]),
        (5, [(0, 3), (0, 4), (0, 5), (1, 5), (2, 5)]),
        (99, [(0, 5)] * 5),
    ],
)
def test_spans_lie_around_each_segment_and_end_with_the_track(
    width: int, expected: list[tuple[int, int]]
) -> None:
    assert [(span.start, span.stop) for span in spans_around(np.zeros(5, int), width)] == expected


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_spans_are_asked_for_a_few_at_a_time(
    at_once: int, tone_model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([calm(0.1), calm(0.0), calm(0.2), calm(0.15), calm(0.05)])
    together = tone_model.predict(sound, SAMPLE_RATE).to_dict()
    monkeypatch.setattr("music_emotion.inference.model.SPANS_AT_ONCE", at_once)
    assert tone_model.predict(sound, SAMPLE_RATE).to_dict() == together


def test_short_sound_is_repeated_and_shorter_refused(tone_model: EmotionModel) -> None:
    prediction = tone_model.predict(CALM[:RATE], RATE)
    assert prediction.top == "calmness"
    assert prediction.duration == 1.0
    assert prediction.timeline.time.tolist() == [0.5]
    assert prediction.warnings == ("only 1.0 s of sound, repeated to 3 s: little to go by",)
    with pytest.raises(AudioError, match=r"the array lasts 0\.20 s"):
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


def test_confidence_is_read_off_the_curve() -> None:
    class Network:
        card = card(confidence=ConfidenceCurve((0.2, 0.4, 0.8), (0.3, 0.6, 0.7), 0.02))

    model = EmotionModel(Network())  # type: ignore[arg-type]
    for top, expected in ((0.12, 0.3), (0.2, 0.3), (0.3, 0.45), (0.6, 0.65), (0.9, 0.7)):
        emotions = np.full(9, (1 - top) / 8, np.float32)
        emotions[3] = top
        assert model.confidence(emotions) == pytest.approx(expected, abs=1e-6)


def test_the_standing_is_that_of_the_intensities(tone_model: EmotionModel) -> None:
    assert np.isnan(tone_model.predict(CALM, RATE).standing).all()
    sound = calm(0.1)
    felt = tone_model.predict(sound, SAMPLE_RATE).intensities
    tracks = np.stack([felt * 0.25, felt * 0.5, felt * 0.75, felt * 2])
    compared = EmotionModel(tone_model.network, reference_of(tracks))
    for model in (compared, pickle.loads(pickle.dumps(compared))):
        standing = model.predict(sound, SAMPLE_RATE).standing
        assert standing[EMOTIONS.index("calmness")] == 0.75
        assert model.predict(np.zeros(6 * RATE), RATE).standing.max() <= 0.5


def test_a_recording_that_was_learned_from_is_told(tone_model: EmotionModel) -> None:
    random = np.random.default_rng(0)
    sound = np.concatenate([tone(3.0, RATE, hertz=hertz) for hertz in random.uniform(200, 4e3, 20)])
    other = np.concatenate([tone(3.0, RATE, hertz=hertz) for hertz in random.uniform(200, 4e3, 20)])
    segments = next(iter(segment_blocks([sound.astype(np.float32)], RATE, rates=[16_000])))
    rows = segment_features(segments.waveforms, ["summary"])["summary"]
    known = fit_recordings("summary", [rows], 0.01 * random.standard_normal((300, 272)))
    model = EmotionModel(tone_model.network, Reference(recordings=known))
    assert model.features == ("waveform", "summary")
    for again in (sound, 0.5 * sound, np.stack([sound, sound], axis=1), np.tile(sound, 2)):
        prediction = model.predict(again, RATE)
        assert prediction.heard_in_training
        assert prediction.warnings == (
            "the model learned from this very recording; its confidence says nothing about other "
            "music",
        )
    assert not model.predict(other, RATE).heard_in_training
    assert not tone_model.predict(sound, RATE).heard_in_training


def listener(column: str, weight: float, offset: float) -> Reference:
    """Finds familiar what has a high mean in a column of `summary`."""
    columns = FEATURES["summary"].columns
    weights = np.zeros(2 * len(columns), np.float32)
    weights[columns.index(column)] = weight
    ones = np.ones_like(weights)
    return Reference(discriminant=Discriminant("summary", 0 * ones, ones / 100, weights, offset))


def test_unfamiliar_sound_is_told_and_costs_confidence(tone_model: EmotionModel) -> None:
    plain = tone_model.predict(CALM, RATE)
    assert np.isnan(plain.familiarity)
    assert not plain.unfamiliar
    # The logarithm of the centroid: 440 Hz is familiar, 3,000 Hz is not.
    model = EmotionModel(tone_model.network, listener("shape_0", -2_000.0, 200.0))
    familiar, other = model.predict(CALM, RATE), model.predict(TENSE, RATE)
    assert familiar.familiarity > 0.99
    assert not familiar.unfamiliar
    assert (familiar.warnings, familiar.confidence) == ((), plain.confidence)
    assert other.familiarity < 0.01
    assert other.unfamiliar
    assert other.warnings == (
        "unlike the music behind this model (speech, noise, …?): the answer means little",
    )
    assert other.confidence == pytest.approx(1 / 9, abs=0.02)
    assert other.top == "tension"
    assert pickle.loads(pickle.dumps(model)).predict(TENSE, RATE).to_dict() == other.to_dict()


def test_silence_is_unfamiliar_without_a_second_warning(tone_model: EmotionModel) -> None:
    silence = EmotionModel(tone_model.network, listener("shape_0", 0.0, 9.0)).predict(
        np.zeros(6 * RATE), RATE
    )
    assert (silence.familiarity, silence.unfamiliar, silence.confidence) == (0.0, True, 0.0)
    assert silence.warnings == ("silent: there is nothing to hear",)


def test_a_folder_is_opened_again_when_its_reference_changes(tmp_path: Path) -> None:
    folder = package(tmp_path / "model", tone_detector())
    assert not len(load_model(folder).reference.intensities)
    graph = (folder / "model.onnx").read_bytes()
    write_package(folder, card(), graph, reference_of(np.eye(9)))
    assert len(load_model(folder).reference.intensities) == 9


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


def test_a_folder_is_opened_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "model", tone_detector(), name="first")
    model = load_model(folder)
    monkeypatch.chdir(tmp_path)
    assert load_model("model") is load_model(folder / "model.onnx") is model
    package(folder, tone_detector(), name="second")
    assert load_model(folder).card.name == "second"


@pytest.mark.emotify
def test_a_real_track_read_whole_and_in_blocks_agrees(
    tone_model: EmotionModel, emotify_root: Path
) -> None:
    path = emotify_root / "emotifymusic" / "pop" / "1.mp3"
    by_file = tone_model.predict(path)
    by_array = tone_model.predict(read_audio(path, SAMPLE_RATE), SAMPLE_RATE)
    assert len(by_file.timeline) == 20
    assert np.allclose(by_file.emotions, by_array.emotions, atol=1e-5)

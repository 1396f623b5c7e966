"""Models that have learned ratings over time, from a table to the course of a new song."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.graphs import RATE as MODEL_RATE
from helpers.graphs import SEGMENT, card
from helpers.sounds import RATE, tone
from music_emotion.datasets.ratings import Scale
from music_emotion.datasets.sources import open_corpus
from music_emotion.errors import ModelError, MusicEmotionError
from music_emotion.evaluation.folds import examples
from music_emotion.features.cache import FeatureStore
from music_emotion.features.extract import extract_corpus
from music_emotion.inference.export import export_model
from music_emotion.inference.package import COURSE_FILE, ONNX_FILE, open_course, write_package
from music_emotion.inference.rating_model import RatingModel, load_any_model
from music_emotion.models.base import seen_features
from music_emotion.models.checkpoint import load_fitted
from music_emotion.models.fitted_blend import GraphBuilder

pytestmark = pytest.mark.filterwarnings("ignore:stft with return_complex")

SEGMENTS = 8
LOW, HIGH = 300.0, 1_200.0


def song(is_high: np.ndarray, base: float) -> np.ndarray:
    """Return 3 s of a tone for each segment, two octaves higher where it is high."""
    return np.concatenate([tone(3.0, hertz=base * (HIGH if one else LOW)) for one in is_high])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve songs: arousal is higher in what is high, the song's own level says nothing of it."""
    folder = tmp_path_factory.mktemp("courses")
    rng = np.random.default_rng(1)
    whole, moments = ["path,band,arousal [1..9]"], ["path,time,arousal [1..9]"]
    for number in range(12):
        is_high = rng.permutation(np.arange(SEGMENTS) < SEGMENTS // 2)
        sf.write(folder / f"{number}.wav", song(is_high, 1.0 + number / 20), RATE)
        level = 3.0 + number / 4
        whole.append(f"{number}.wav,band {number},{level}")
        moments += [
            f"{number}.wav,{3.5 + 3.0 * at},{level + (1.0 if high else -1.0)}"
            for at, high in enumerate(is_high)
        ]
    (folder / "songs.csv").write_text("\n".join(whole))
    (folder / "songs-over-time.csv").write_text("\n".join(moments))
    return folder / "songs.csv"


@pytest.fixture(scope="module", params=["light", "lstm_cnn"])
def trained(
    request: pytest.FixtureRequest, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("trained") / request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSIC_EMOTION_CACHE", str(out.parent / "cache"))
        options = ["--epochs", 2, "--device", "cpu", "--jobs", 1]
        result = run(
            "train",
            request.param,
            *("--csv", table, "--target", "ratings-over-time", "--out", out),
            *options,
        )
    assert result.exit_code == 0, result.output
    assert "over time: " in result.output
    return out


@pytest.fixture(scope="module")
def packaged(trained: Path) -> Path:
    folder = trained.with_name(f"{trained.name}-packaged")
    export_model(trained, folder, name="mine")
    return folder


def predicted(path: Path, model: Path) -> dict[str, object]:
    result = run("predict", path, "-m", model, "-f", "json")
    assert result.exit_code == 0, result.output
    (said,) = json.loads(result.stdout)
    return said


def test_a_course_is_what_the_model_that_was_trained_says_of_the_moments(
    trained: Path, packaged: Path, table: Path, tmp_path: Path
) -> None:
    corpus = open_corpus(None, table)
    fitted = load_fitted(trained / "course")
    names = seen_features(fitted, "ratings-over-time")
    found = extract_corpus(corpus, names, store=FeatureStore(tmp_path))
    seen = examples(corpus, found.arrays, found.track_index, "artist", over_time=True)
    moments = fitted.predict(seen).ratings
    assert moments is not None
    of_third = moments[found.track_index == 3].astype(float)
    model = load_any_model(packaged)
    assert isinstance(model, RatingModel)
    said = model.predict(table.with_name("3.wav"))
    assert said.timeline is not None
    assert len(said.timeline) == SEGMENTS
    np.testing.assert_allclose(
        said.timeline.ratings - said.ratings, of_third - of_third.mean(axis=0), atol=2e-3
    )


def test_a_planted_course_is_followed_in_a_new_song(packaged: Path, tmp_path: Path) -> None:
    is_high = np.array([0, 0, 0, 1, 1, 1, 0, 0], bool)
    sf.write(tmp_path / "new.wav", song(is_high, 1.33), RATE)
    said = predicted(tmp_path / "new.wav", packaged)
    course = np.array(said["timeline"]["ratings"]["arousal"])
    assert np.mean(course) == pytest.approx(said["ratings"]["arousal"], abs=1e-3)
    if "light" in packaged.name:  # two epochs teach a network nothing
        assert np.corrcoef(course, is_high)[0, 1] > 0.8
        assert course[4] - course[0] > 0.5
        # 9 s around each segment, cut at the ends
        assert said["timeline"]["start"][:3] == [0.0, 0.0, 3.0]
        assert said["timeline"]["end"][-2:] == [24.0, 24.0]
    else:
        assert said["timeline"]["start"][:3] == [0.0, 3.0, 6.0]
    rows = run("predict", tmp_path / "new.wav", "-m", packaged, "-f", "csv", "--timeline")
    first, *_ = lines = list(csv.DictReader(io.StringIO(rows.stdout)))
    assert [*first] == ["path", "time", "start", "end", "arousal"]
    assert [float(line["arousal"]) for line in lines] == pytest.approx(course.tolist())
    (row,) = csv.DictReader(
        io.StringIO(run("predict", tmp_path / "new.wav", "-m", packaged, "-f", "csv").stdout)
    )
    assert "timeline" not in row
    shown = run("predict", tmp_path / "new.wav", "-m", packaged, "--timeline").stdout.splitlines()
    assert len(shown) == 1 + SEGMENTS
    assert shown[1].split()[1:] == ["arousal", f"{course[0]:+.2f}"]


def test_silence_has_no_rating_and_takes_no_part(packaged: Path, tmp_path: Path) -> None:
    heard = song(np.array([0, 1, 1, 0], bool), 1.2)
    sf.write(tmp_path / "heard.wav", heard, RATE)
    sf.write(tmp_path / "ends.wav", np.concatenate([heard, np.zeros(6 * RATE)]), RATE)
    sf.write(tmp_path / "silent.wav", np.zeros(6 * RATE), RATE)
    alone, ends, silent = (
        predicted(tmp_path / f"{name}.wav", packaged) for name in ("heard", "ends", "silent")
    )
    course = ends["timeline"]["ratings"]["arousal"]
    assert course[:4] == pytest.approx(alone["timeline"]["ratings"]["arousal"])
    assert course[4:] == [None, None]
    assert silent["timeline"]["ratings"]["arousal"] == [None, None]
    table = run("predict", tmp_path / "ends.wav", "-m", packaged, "--timeline").stdout
    assert table.splitlines()[-1].split()[1:] == ["silent"]


def test_it_is_packaged_whole_or_not_at_all(packaged: Path, trained: Path, tmp_path: Path) -> None:
    page = " ".join((packaged / "model.md").read_text().split())
    assert "## Moments to ratings over time: `course.onnx`" in page
    assert "as wholes and over time" in run("models", packaged).stdout
    damaged = tmp_path / "damaged"
    shutil.copytree(packaged, damaged)
    (damaged / COURSE_FILE).write_bytes((packaged / ONNX_FILE).read_bytes())
    with pytest.raises(ModelError, match=r"course\.onnx' is damaged or not the one its card"):
        open_course(damaged)
    (damaged / COURSE_FILE).unlink()
    with pytest.raises(ModelError, match=r"course\.onnx' is missing"):
        load_any_model(damaged)


def loudness(factor: float) -> bytes:
    """Return a graph that rates a segment by its mean size, times a factor."""
    graph = GraphBuilder()
    size = graph.add("ReduceMean", graph.add("Abs", "waveform"), axes=[1], keepdims=1)
    graph.add("Mul", size, factor, name="ratings")
    shapes = {"waveform": (SEGMENT,)}, {"ratings": (1,)}
    return graph.model("loudness", *shapes).SerializeToString()


def test_moments_are_the_whole_plus_what_the_course_says_less_its_mean(tmp_path: Path) -> None:
    folder, copied = tmp_path / "model", tmp_path / "copied"
    described = card(scales=(Scale("size", 0.0, 9.0),))
    write_package(folder, described, loudness(1.0), None, loudness(-2.0))
    assert export_model(folder, copied, name="other").course_sha256
    sizes = np.array([0.1, 0.5, 0.3])
    steps = np.repeat(sizes, SEGMENT) * np.resize(np.repeat([1.0, -1.0], 25), 3 * SEGMENT)
    sf.write(tmp_path / "steps.wav", steps, MODEL_RATE, subtype="FLOAT")
    for each in (folder, copied):
        said = load_any_model(each).predict(tmp_path / "steps.wav")
        assert said.ratings == pytest.approx([0.3], abs=1e-3)
        assert said.timeline.ratings.ravel() == pytest.approx([0.7, -0.1, 0.3], abs=1e-3)
        assert said.timeline.time.tolist() == [1.5, 4.5, 7.5]
    with pytest.raises(ValueError, match="there is a course of no scales"):
        card(course_sha256="1")


def test_one_trained_on_wholes_afterwards_has_no_course(
    trained: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))
    out, packaged = tmp_path / "again", tmp_path / "packaged"
    for target in ("ratings-over-time", "ratings"):
        options = ("--csv", table, "--target", target, "--out", out, "--epochs", 1, "--jobs", 1)
        assert run("train", trained.name, *options).exit_code == 0
        export_model(out, packaged)
        assert (packaged / COURSE_FILE).is_file() == (target == "ratings-over-time")
    result = run("predict", table.with_name("1.wav"), "-m", packaged, "--timeline")
    assert isinstance(result.exception, MusicEmotionError)
    assert "leave out --timeline, or train it with --target ratings-over-time" in str(
        result.exception
    )

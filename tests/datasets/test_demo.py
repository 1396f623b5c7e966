from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from music_emotion.datasets import demo, synthesis
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.demo import DemoSize
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

SECONDS = 1.5
SMALL = DemoSize(artists=6, tracks_per_artist=3, seconds=SECONDS)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return demo.synthesise(tmp_path_factory.mktemp("demo"), 1, size=SMALL)


def test_emotions_artists_and_votes(corpus: Corpus) -> None:
    assert len(corpus) == 18
    assert Counter(corpus.labels.tolist()) == dict.fromkeys(range(9), 2)
    assert sorted(Counter(corpus.groups.tolist()).values()) == [3] * 6
    assert len({track.genre for track in corpus.tracks}) == 4
    assert corpus.has_votes
    for track in corpus.tracks:
        assert track.votes is not None
        assert demo.FEWEST_LISTENERS <= track.listeners <= demo.MOST_LISTENERS
        assert int(np.argmax(track.votes)) == track.label
    # Listeners disagree, or there would be nothing to learn from votes.
    assert np.mean(corpus.vote_fractions.max(axis=1)) < 0.85
    assert (corpus.vote_fractions > 0).sum(axis=1).mean() > 2


def test_sounds_are_finite_loud_enough_and_of_the_asked_length(corpus: Corpus) -> None:
    for track in corpus.tracks:
        samples, rate = soundfile.read(track.path)
        assert rate == synthesis.SAMPLE_RATE
        assert len(samples) == SECONDS * synthesis.SAMPLE_RATE
        assert 0.1 < np.abs(samples).max() <= 0.81
        assert np.sqrt(np.mean(samples**2)) > 0.01


def test_same_seed_same_corpus_other_seed_other_corpus(corpus: Corpus, tmp_path: Path) -> None:
    assert demo.synthesise(tmp_path, 1, size=SMALL).fingerprint == corpus.fingerprint
    assert demo.synthesise(tmp_path, 2, size=SMALL).fingerprint != corpus.fingerprint
    assert len(list(tmp_path.iterdir())) == 2


def test_complete_corpus_is_reused_and_a_damaged_one_completed(tmp_path: Path) -> None:
    size = DemoSize(artists=2, tracks_per_artist=2, seconds=0.5)
    first = demo.synthesise(tmp_path, 0, size=size)
    files = sorted(first.tracks[0].path.parent.iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    demo.synthesise(tmp_path, 0, size=size)
    assert [file.stat().st_mtime_ns for file in files] == times
    first.tracks[2].path.unlink()
    again = demo.synthesise(tmp_path, 0, size=size)
    assert again.fingerprint == first.fingerprint
    assert sorted(files[0].parent.iterdir()) == files


def test_interrupted_synthesis_leaves_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = DemoSize(artists=2, tracks_per_artist=2, seconds=0.5)
    real, played = synthesis.play, []

    def interrupted(*arguments: object) -> synthesis.Signal:
        played.append(1)
        if len(played) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(demo, "play", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.synthesise(tmp_path, 0, size=size)
    [place] = tmp_path.iterdir()
    assert {path.name for path in place.iterdir()} == {"001.flac", "002.flac"}
    assert len(demo.synthesise(tmp_path, 0, size=size)) == 4
    assert len(played) == 5  # two of the four were there


def test_styles_are_told_apart_by_plain_measures() -> None:
    """Loudness, brightness and change over time differ as the styles say."""

    def measures(emotion: str) -> tuple[float, float]:
        loudness, brightness = [], []
        for seed in range(3):
            random = np.random.default_rng(seed)
            timbre = synthesis.draw_timbre(random)
            sound = synthesis.play(synthesis.STYLES[emotion], timbre, 4.0, random)
            spectrum = np.abs(np.fft.rfft(sound)) ** 2
            frequency = np.fft.rfftfreq(len(sound), 1 / synthesis.SAMPLE_RATE)
            loudness.append(float(np.sqrt(np.mean(sound**2))))
            brightness.append(float((spectrum * frequency).sum() / spectrum.sum()))
        return float(np.mean(loudness)), float(np.mean(brightness))

    power, calm = measures("power"), measures("calmness")
    assert power[0] > 2 * calm[0]
    assert measures("amazement")[1] > 2 * measures("solemnity")[1]


def test_neighbours_are_other_emotions() -> None:
    assert set(synthesis.NEIGHBOURS) == set(EMOTIONS)
    assert all(one != other for one, other in synthesis.NEIGHBOURS.items())


def test_style_between_two() -> None:
    calm, power = synthesis.STYLES["calmness"], synthesis.STYLES["power"]
    assert calm.towards(power, 0.0) == calm
    middle = calm.towards(power, 0.5)
    assert middle.loudness == pytest.approx((calm.loudness + power.loudness) / 2)
    assert middle.scale == calm.scale


@pytest.mark.parametrize(
    "size", [DemoSize(artists=0), DemoSize(tracks_per_artist=0), DemoSize(seconds=0.0)]
)
def test_empty_sizes_are_refused(tmp_path: Path, size: DemoSize) -> None:
    with pytest.raises(DatasetError, match="ask for at least one piece"):
        demo.synthesise(tmp_path, size=size)


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match=r"cannot be written .*choose another folder"):
        demo.synthesise(tmp_path / "file", size=SMALL)


def test_the_demo_is_rated_over_time_too(tmp_path: Path) -> None:
    """Raters follow how bright and how loud each second is, and halves of them agree on it."""
    size = DemoSize(artists=2, tracks_per_artist=2, seconds=6.0)
    corpus = demo.synthesise(tmp_path, 0, size=size)
    track = corpus.tracks[0]
    course = track.course
    assert course is not None
    np.testing.assert_allclose(course.time, 0.5 + np.arange(6) + 2.0)
    samples, _ = soundfile.read(track.path)
    loudness = np.log(samples.reshape(6, -1).std(axis=1))
    assert np.corrcoef(loudness, course.mean[:, 1])[0, 1] > 0.7
    assert np.abs(course.mean.mean(axis=0) - [one.mean for one in track.ratings]).max() < 0.4
    assert (course.raters == track.ratings[0].raters).all()
    agree = np.corrcoef(course.halves[0, :, 1], course.halves[1, :, 1])[0, 1]
    assert agree > 0.4

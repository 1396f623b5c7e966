"""Ratings over time: their table, their faults, and what they say of segments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from music_emotion.datasets import folder
from music_emotion.datasets.corpus import LEFT_OUT, corpus_fingerprint
from music_emotion.datasets.courses import Course, beside, segment_moments
from music_emotion.datasets.ratings import Scale
from music_emotion.errors import DatasetError

MOOD = Scale("mood", 0.0, 1.0)


def course(time: list[float], mean: list[float]) -> Course:
    column = np.array(mean)[:, None]
    unknown = np.full(column.shape, np.nan)
    raters = np.full(column.shape, 5)
    return Course(np.array(time), column, unknown, raters, np.stack([column - 1, column + 1]))


def test_a_segment_is_rated_by_the_answers_to_its_seconds() -> None:
    """Answers come two seconds late; between sparse ones lies a line, beyond them nothing."""
    dense = course([2.0, 4.9, 5.0, 7.9, 8.0], [1.0, 3.0, 10.0, 20.0, 7.0])
    sparse = course([0.0, 8.0], [0.0, 8.0])
    track = np.array([0, 0, 0, 1, 1, 1, 2])
    found = segment_moments([dense, sparse, None], [MOOD], track, 3.0)
    np.testing.assert_allclose(found.mean.ravel(), [2.0, 15.0, 7.0, 3.5, 6.5, 8.0, np.nan])
    np.testing.assert_allclose(found.halves[:, 1, 0], [14.0, 16.0])
    assert found.raters.ravel().tolist() == [5] * 6 + [0]
    late = course([30.0, 31.0], [1.0, 1.0])
    assert np.isnan(segment_moments([late], [MOOD], np.zeros(3, int), 3.0).mean).all()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Three tracks with a table that rates valence as a whole."""
    for number in range(3):
        sf.write(tmp_path / f"{number}.wav", (1 - number / 9) * tone(6.0), RATE)
    rows = [f"{number}.wav,band {number},{number / 4}" for number in range(3)]
    (tmp_path / "own.csv").write_text("path,group,valence [0..1]\n" + "\n".join(rows))
    return tmp_path


def load(root: Path, moments: str):
    beside(root / "own.csv").write_text(moments)
    return folder.load(root, root / "own.csv")


def test_a_table_of_moments_lies_beside_the_table_of_tracks(music: Path) -> None:
    plain = folder.load(music, music / "own.csv")
    corpus = load(
        music,
        "path,time,valence,valence_sd,raters,mood,mood_half_1,mood_half_2\n"
        "1.wav,3,0.5,0.1,9,2,1,3\n"
        "1.wav,2,0.25,0.1,9,4,3,5\n"
        "0.wav,2,0.75,0.1,9,,,\n",
    )
    assert [scale.name for scale in corpus.scales] == ["valence"], "one mood for all says nothing"
    kept = corpus.tracks[1].course
    assert kept.time.tolist() == [2.0, 3.0]
    assert kept.mean.ravel().tolist() == [0.25, 0.5]
    assert corpus.tracks[2].course is None
    assert corpus.tracks[1].ratings[0].mean == 0.25, "of the whole, as its own table says"
    assert corpus.fingerprint != plain.fingerprint
    assert corpus.fingerprint == corpus_fingerprint(corpus.tracks, corpus.scales)
    other = replace(corpus.tracks[1], course=replace(kept, mean=kept.mean + 0.1))
    changed = [corpus.tracks[0], other, corpus.tracks[2]]
    assert corpus_fingerprint(changed, corpus.scales) != corpus.fingerprint


def test_where_the_whole_was_not_rated_its_mean_over_time_counts(music: Path) -> None:
    (music / "own.csv").write_text("path,group\n0.wav,a\n1.wav,b\n")
    corpus = load(music, "path,time,arousal\n0.wav,1,0.1\n0.wav,2,0.3\n1.wav,1,0.6\n1.wav,2,\n")
    assert corpus.scales == (Scale("arousal"),)
    assert [track.ratings[0].mean for track in corpus.tracks] == pytest.approx([0.2, 0.6])
    assert not corpus.has_labels


def test_where_only_what_is_rated_over_time_is_named_the_rest_is_left_alone(music: Path) -> None:
    moments = "path,time,mood [0..1]\n0.wav,1,0.1\n0.wav,2,0.3\n1.wav,1,0.6\n"
    assert [one.name for one in load(music, moments).scales] == ["valence", "mood"]
    named = folder.load(music, music / "own.csv", ratings=(MOOD,))
    assert named.scales == (MOOD,)
    assert [track.ratings[0].mean for track in named.tracks] == pytest.approx(
        [0.2, 0.6, np.nan], nan_ok=True
    )


def test_each_fault_is_a_line_and_the_rest_is_done(music: Path) -> None:
    corpus = load(
        music,
        "path,time,valence,arousal_sd\n"
        "0.wav,1,0.5,0.1\n"
        "0.wav,soon,0.5,0.1\n"
        "0.wav,-1,0.5,0.1\n"
        "0.wav,2,1.5,0.1\n"
        "0.wav,2,high,0.1\n"
        "9.wav,1,0.5,0.1\n"
        "9.wav,2,0.5,0.1\n",
    )
    table = beside(music / "own.csv")
    assert list(corpus.remarks) == [
        f"{LEFT_OUT}{table}: column 'arousal' is missing: 'arousal_sd' is the scatter of ratings "
        "that are not there; add them",
        f"{LEFT_OUT}{table}: row 3: time is 'soon'; give seconds from the beginning, 0 or more",
        f"{LEFT_OUT}{table}: row 4: time is '-1'; give seconds from the beginning, 0 or more",
        f"{LEFT_OUT}{table}: row 5: valence is 1.5, outside its range 0 to 1; correct the rating "
        "or the range",
        f"{LEFT_OUT}{table}: row 6: valence is 'high'; give a number, with a point before its "
        "decimals",
        f"{LEFT_OUT}{table}: row 7: no track '9.wav' in the table of tracks; correct the path",
    ]
    assert corpus.tracks[0].course.time.tolist() == [1.0]


@pytest.mark.parametrize(
    ("moments", "line"),
    [
        ("path,valence\n0.wav,1\n", "column 'time' is missing"),
        ("time,valence\n1,1\n", "column 'path' is missing"),
        ("path,time,liked\n0.wav,1,1\n", "holds no ratings; add a column such as"),
        ('path,time,valence\n"0.wav,1,1\n', "is not proper CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(music: Path, moments: str, line: str) -> None:
    with pytest.raises(DatasetError, match=line) as caught:
        load(music, moments)
    assert "\n" not in str(caught.value)


def test_wanted_scales_are_looked_for_where_they_are(music: Path) -> None:
    """As evaluate does, which asks for the scales that a comparison was made on."""
    plain = load(music, "path,time,arousal\n0.wav,1,0.1\n1.wav,1,0.6\n2.wav,1,0.2\n")
    assert [scale.name for scale in plain.scales] == ["valence", "arousal"]
    again = folder.load(music, music / "own.csv", ratings=plain.scales)
    assert again.fingerprint == plain.fingerprint
    assert again.remarks == ()
    some = folder.load(music, music / "own.csv", ratings=plain.scales[:1])
    assert ([scale.name for scale in some.scales], some.has_courses) == (["valence"], False)
    (music / "own.csv").write_text("path,group\n0.wav,a\n1.wav,b\n")
    alone = folder.load(music, music / "own.csv")
    assert [scale.name for scale in alone.scales] == ["arousal"]
    again = folder.load(music, music / "own.csv", ratings=alone.scales)
    assert again.fingerprint == alone.fingerprint
    with pytest.raises(DatasetError, match="column 'joy' is missing"):
        folder.load(music, music / "own.csv", ratings=[Scale("joy")])

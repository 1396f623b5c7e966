"""Ratings in a user's table: which columns they are, and one line for each thing that is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from music_emotion.datasets import demo, folder
from music_emotion.datasets.corpus import NO_LABEL, corpus_fingerprint, sample_corpus
from music_emotion.datasets.demo import DemoSize
from music_emotion.datasets.rating_columns import read_scales
from music_emotion.datasets.ratings import Rating, Scale, read_scale
from music_emotion.datasets.sources import find_source
from music_emotion.datasets.statistics import corpus_statistics, render
from music_emotion.datasets.validation import validate
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

Table = Callable[..., tuple[Path, Path]]
NINE = ",".join(EMOTIONS)


def test_ratings_without_labels(user_table: Table) -> None:
    root, table = user_table(
        "path,valence [-1..1],valence_sd,arousal [-1..1],raters\n"
        "a.wav,0.5,0.3,-0.25,30\nb.wav,-1,0.2,1,28\n",
        "a.wav",
        "b.wav",
    )
    corpus = folder.load(root, table)
    assert corpus.scales == (Scale("valence", -1, 1), Scale("arousal", -1, 1))
    first, second = corpus.tracks
    assert first.ratings[0] == Rating(0.5, 0.3, 30)
    assert (second.ratings[1].mean, second.ratings[1].raters) == (1.0, 28)
    assert math.isnan(second.ratings[1].deviation)
    assert not corpus.has_labels
    assert first.label == NO_LABEL
    assert corpus.vote_fractions.tolist() == [[0.0] * 9] * 2
    assert corpus.note.startswith("A user's own tracks with ratings;")
    assert corpus.remarks == ()
    assert corpus.ratings is not None
    np.testing.assert_array_equal(corpus.ratings.mean, [[0.5, -0.25], [-1, 1]])
    np.testing.assert_array_equal(corpus.ratings.raters, [[30, 30], [28, 28]])


def test_ratings_beside_labels(user_table: Table) -> None:
    root, table = user_table(
        "path,label,mood [1 to 9]\na.wav,power,8\nb.wav,sadness,\nc.wav,power,4\n",
        "a.wav",
        "b.wav",
        "c.wav",
    )
    corpus = folder.load(root, table)
    assert corpus.has_labels
    assert corpus.scales == (Scale("mood", 1, 9),)
    assert math.isnan(corpus.tracks[1].ratings[0].mean)
    assert "labels and ratings" in corpus.note


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("valence,arousal,tension", ["valence", "arousal", "tension"]),
        ("mood [0..1],other", ["mood"]),
        ("mood,mood_sd,other", ["mood"]),
        ("mood_mean,mood_std,other", ["mood"]),
        ("mood,mood_raters,other", ["mood"]),
    ],
)
def test_which_columns_are_ratings(user_table: Table, head: str, names: list[str]) -> None:
    columns = head.count(",") + 1
    root, table = user_table(
        f"path,{head}\na.wav{',1' * columns}\nb.wav{',0.5' + ',1' * (columns - 1)}\n",
        "a.wav",
        "b.wav",
    )
    scales = folder.read_folder(root, table)[0].scales
    assert [scale.name for scale in scales] == names


def test_nine_emotions_are_votes_unless_most_are_no_whole_numbers(user_table: Table) -> None:
    fractions = "0.5,0.25,0.1,0,0.3,0.4,0.2,0.9,0.6"
    other = "0.4,0.1,0.7,0.2,0.5,0,0.3,0.3,0.2"
    root, table = user_table(f"path,{NINE}\na.wav,{fractions}\nb.wav,{other}\n", "a.wav", "b.wav")
    assert [s.name for s in folder.load(root, table).scales] == list(EMOTIONS)
    root, table = user_table(f"path,{NINE}\na.wav,1,0,0,0,3,0,0,0,1.5\n", "a.wav")
    with pytest.raises(DatasetError, match=r"sadness is '1.5'; give a whole number"):
        folder.load(root, table)


def test_named_columns(user_table: Table) -> None:
    root, table = user_table("path,a,b\na.wav,1,2\nb.wav,3,4\n", "a.wav", "b.wav")
    source = find_source(root, table, ratings=read_scales(["a=0..10"]))
    assert source.load().scales == (Scale("a", 0, 10),)
    with pytest.raises(DatasetError, match=r"column 'mood' is missing \(found: path, a, b\)"):
        find_source(root, table, ratings=read_scales(["mood"])).load()
    root, table = user_table("path,a,b,power\na.wav,1,2,1\nb.wav,3,4,2\n", "a.wav", "b.wav")
    partly = find_source(root, table, ratings=read_scales(["mood,b"])).load()
    assert [scale.name for scale in partly.scales] == ["b"]
    assert len(partly.remarks) == 1
    assert "column 'mood' is missing" in partly.remarks[0]


def test_each_fault_has_a_line_and_the_rest_is_there(user_table: Table) -> None:
    root, table = user_table(
        "path,valence [-1..1],same,same_sd,raters,gone_sd\n"
        "a.wav,0.5,3,1,30,1\n"
        "b.wav,1.5,3,1,30,1\n"
        "c.wav,-0.5,3,1,1,1\n"
        "d.wav,loud,3,1,30,1\n"
        "e.wav,0.1,3,1,0,1\n"
        "f.wav,0.1,3,-1,2,1\n"
        "lost.wav,0.2,3,1,30,1\n"
        "a.wav,0.2,3,1,30,1\n",
        *(f"{name}.wav" for name in "abcdef"),
    )
    corpus = folder.load(root, table)
    assert [track.id for track in corpus.tracks] == ["a.wav", "c.wav"]
    assert corpus.scales == (Scale("valence", -1, 1),)
    wanted = [
        "'gone' is missing: 'gone_sd' is the scatter",
        "row 3: valence is 1.5, outside its range -1 to 1",
        "row 5: valence is 'loud'; give a number",
        "row 6: raters is 0; give a whole number from 1",
        "row 7: same_sd is -1; give 0 or more",
        "row 8: there is no file lost.wav",
        "row 9: a.wav is already in row 2",
        "valence is one rater's on 1 of 2 tracks",
        "same is 3 for every track",
    ]
    assert len(corpus.remarks) == len(wanted)
    for remark, part in zip(corpus.remarks, wanted, strict=True):
        assert part in remark
        assert "\n" not in remark


def test_where_nothing_is_left_the_reason_is_said(user_table: Table) -> None:
    root, table = user_table("path,valence [0..1]\na.wav,2\n", "a.wav")
    with pytest.raises(DatasetError, match="outside its range 0 to 1"):
        folder.load(root, table)
    root, table = user_table("path,valence\na.wav,2\nb.wav,2\n", "a.wav", "b.wav")
    with pytest.raises(DatasetError, match="valence is 2 for every track"):
        folder.load(root, table)


def test_validation_names_rows_and_columns(user_table: Table) -> None:
    root, table = user_table("path,valence [0..1],raters\na.wav,2,5\nb.wav,1,5\n", "a.wav", "b.wav")
    problems = validate(find_source(root, table)).problems
    assert any("outside its range" in problem for problem in problems)
    root, table = user_table("path,valence,raters\na.wav,2,1\nb.wav,1,5\n", "a.wav", "b.wav")
    assert any("one rater's" in line for line in validate(find_source(root, table)).warnings)


def test_the_fingerprint_holds_the_ratings(user_table: Table) -> None:
    root, table = user_table("path,label,valence\na.wav,power,2\nb.wav,power,1\n", "a.wav", "b.wav")
    corpus = folder.load(root, table)
    table.write_text("path,label,valence\na.wav,power,2\nb.wav,power,1.5\n")
    assert folder.load(root, table).fingerprint != corpus.fingerprint
    table.write_text("path,label,valence [0..3]\na.wav,power,2\nb.wav,power,1\n")
    assert folder.load(root, table).fingerprint != corpus.fingerprint
    table.write_text("path,label\na.wav,power\nb.wav,power\n")
    assert folder.load(root, table).fingerprint == corpus_fingerprint(
        folder.load(root, table).tracks
    )


def test_audio_made_from_what_the_table_names(user_table: Table) -> None:
    root, table = user_table("path,valence\na.mid,2\nb.mid,1\n", "a.wav", "b.wav")
    assert [track.path.name for track in folder.load(root, table).tracks] == ["a.wav", "b.wav"]


def test_games_are_groups(user_table: Table) -> None:
    root, table = user_table(
        "path,game,valence\na.wav,X,2\nb.wav,X,1\nc.wav,Y,0\n", "a.wav", "b.wav", "c.wav"
    )
    assert folder.load(root, table).groups.tolist() == [0, 0, 1]


def test_ranges() -> None:
    assert read_scale("Valence (−1 – 1)") == Scale("valence", -1, 1)
    assert read_scale("valence (raw)") == Scale("valence_(raw)")
    with pytest.raises(DatasetError, match="is empty; write the lower end first"):
        read_scale("valence [1..-1]")
    with pytest.raises(DatasetError, match="named twice"):
        read_scales(["a", "b,a=0..1"])


def test_a_sample_without_labels(user_table: Table) -> None:
    names = [f"{number:02d}.wav" for number in range(20)]
    root, table = user_table(
        "path,valence\n" + "".join(f"{name},{n}\n" for n, name in enumerate(names)), *names
    )
    corpus = folder.load(root, table)
    assert len(sample_corpus(corpus, 1, name="quick", note="")) == 9


def test_the_summary_says_what_was_rated(user_table: Table) -> None:
    root, table = user_table("path,valence [0..9],raters\na.wav,2,5\nb.wav,1,7\n", "a.wav", "b.wav")
    text = render(corpus_statistics(folder.load(root, table)))
    assert "rating      valence [0..9]: 1 to 2, median 1.5, 2 tracks; 5 to 7 raters" in text
    assert "Amazement" not in text


def test_the_demo_is_rated(tmp_path: Path) -> None:
    corpus = demo.synthesise(tmp_path, 0, size=DemoSize(9, 3, 0.5))
    ratings = corpus.ratings
    assert ratings is not None
    assert ratings.names == ("valence", "arousal")
    assert np.isfinite(ratings.deviation).all()
    sad = corpus.labels == EMOTIONS.index("sadness")
    joyful = corpus.labels == EMOTIONS.index("joyful_activation")
    assert ratings.mean[joyful].min() > ratings.mean[sad].max()

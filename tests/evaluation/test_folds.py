"""The three protocols: what they keep whole, against scikit-learn, and when they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.corpora import corpus_of, segments
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.folds import (
    Fold,
    assert_disjoint,
    examples,
    fold_count,
    make_folds,
    thin_training,
    track_groups,
)

BALANCED = [label for label in range(9) for _ in range(10)]


def test_segment_is_the_reference_split():
    from sklearn.model_selection import train_test_split

    corpus = corpus_of(BALANCED)
    track = segments(corpus, 4)
    (fold,) = make_folds("segment", corpus, track)
    train, test = train_test_split(
        np.arange(len(track)), test_size=0.2, stratify=corpus.labels[track], random_state=42
    )
    np.testing.assert_array_equal(fold.train, np.sort(train))
    np.testing.assert_array_equal(fold.test, np.sort(test))


def test_segment_with_folds_covers_every_segment_once():
    corpus = corpus_of(BALANCED)
    track = segments(corpus, 4)
    folds = make_folds("segment", corpus, track, n_folds=4)
    assert len(folds) == 4
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(track))
    )


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    protocol=st.sampled_from(["track", "artist"]),
    per_artist=st.integers(1, 3),
)
def test_groups_are_whole_and_every_segment_is_tested_once(seed, protocol, per_artist):
    groups = [f"artist {index // per_artist}" for index in range(len(BALANCED))]
    recordings = [f"recording {index - (index % 7 == 1)}" for index in range(len(BALANCED))]
    corpus = corpus_of(BALANCED, groups=groups, recordings=recordings)
    track = segments(corpus, 3)
    folds = make_folds(protocol, corpus, track, seed=seed)
    assert len(folds) == 5
    kept = np.array(recordings if protocol == "track" else groups)[track]
    for fold in folds:
        assert not set(kept[fold.train]) & set(kept[fold.test])
        assert len(fold.train) + len(fold.test) == len(track)
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    np.testing.assert_array_equal(tested, np.arange(len(track)))


def test_folds_follow_the_seed():
    corpus = corpus_of(BALANCED)
    track = segments(corpus, 2)
    for protocol in ("segment", "track", "artist"):
        first, again, other = (make_folds(protocol, corpus, track, seed=s)[0] for s in (1, 1, 2))
        np.testing.assert_array_equal(first.test, again.test)
        assert not np.array_equal(first.test, other.test)


def test_a_duplicate_recording_joins_two_artists():
    corpus = corpus_of(
        [0, 1, 2, 3], groups=["a", "b", "c", "c"], recordings=["same", "same", "x", "y"]
    )
    groups = track_groups("artist", corpus)
    assert groups[0] == groups[1]
    assert groups[2] == groups[3] != groups[0]
    assert len(np.unique(track_groups("track", corpus))) == 3


def test_folds_are_stratified():
    corpus = corpus_of(BALANCED, groups=[str(index) for index in range(len(BALANCED))])
    for protocol in ("track", "artist"):
        for fold in make_folds(protocol, corpus, segments(corpus, 1)):
            np.testing.assert_array_equal(np.bincount(corpus.labels[fold.test]), [2] * 9)


@pytest.mark.parametrize(
    ("protocol", "fold", "message"),
    [
        ("segment", Fold(np.array([0, 1]), np.array([1, 2])), "a segment is in"),
        ("track", Fold(np.array([0, 2]), np.array([1])), "track '1' or a relative"),
        ("artist", Fold(np.array([0, 1]), np.array([2, 3])), "track '1' or a relative"),
        ("artist", Fold(np.array([0, 1]), np.array([], dtype=int)), "empty"),
    ],
)
def test_guard_names_the_leak(protocol, fold, message):
    corpus = corpus_of([0, 1], groups=["same", "same"])
    with pytest.raises(EvaluationError, match=message):
        assert_disjoint(protocol, corpus, segments(corpus, 2), fold)


@pytest.mark.parametrize(
    ("labels", "protocol", "n_folds", "per_track", "message"),
    [
        ([0] * 20 + [1], "segment", None, 1, "solemnity has 1"),
        ([0] * 20 + [1] * 3, "segment", 5, 1, "solemnity has 3"),
        ([0, 1, 2, 3], "segment", None, 2, "too few for a stratified 80/20"),
        ([0, 0, 1, 1], "artist", None, 3, "use --folds 2"),
        ([0, 1, 2, 3, 4, 5], "track", None, 3, "no emotion has 5 tracks.*: add tracks"),
        ([0, 1, 2, 3, 4, 5], "track", 2, 3, "no emotion has 2 tracks.*: add tracks"),
        ([0, 0, 0, 1, 2, 3], "track", None, 3, "no emotion has 5 tracks.*: use --folds 3"),
        (BALANCED, "artist", 1, 1, "at least 2"),
        (BALANCED, "album", None, 1, "choose among segment, track, artist"),
        ([0], "track", None, 0, "no segments"),
    ],
)
def test_impossible_splits_say_why(labels, protocol, n_folds, per_track, message):
    corpus = corpus_of(labels)
    with pytest.raises(EvaluationError, match=message):
        make_folds(protocol, corpus, segments(corpus, per_track), n_folds=n_folds)


def test_default_number_of_folds():
    assert [fold_count(p, None) for p in ("segment", "track", "artist")] == [1, 5, 5]


def test_examples_carry_unit_and_group_of_the_protocol():
    corpus = corpus_of([0, 1, 2, 3], groups=["a", "a", "b", "b"])
    track = segments(corpus, 2)
    features = {"x": np.arange(8, dtype=np.float32)}
    by_segment = examples(corpus, features, track, "segment")
    np.testing.assert_array_equal(by_segment.unit, np.arange(8))
    np.testing.assert_array_equal(by_segment.group, np.arange(8))
    by_artist = examples(corpus, features, track, "artist")
    np.testing.assert_array_equal(by_artist.unit, track)
    np.testing.assert_array_equal(by_artist.group, [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(by_artist.label, np.repeat([0, 1, 2, 3], 2))
    np.testing.assert_array_equal(by_artist.genre, np.repeat([0, 1, 0, 1], 2))
    np.testing.assert_array_equal(by_artist.take(np.array([5])).gather("x"), [5.0])


def nearest_neighbour_accuracy(features, track, corpus, fold):
    distance = ((features[fold.test][:, None] - features[fold.train][None]) ** 2).sum(-1)
    guess = corpus.labels[track[fold.train]][distance.argmin(1)]
    return float(np.mean(guess == corpus.labels[track[fold.test]]))


def leaky_split(track, seed):
    """Deals segments out at random and calls the result a split by artist."""
    order = np.random.default_rng(seed).permutation(len(track))
    cut = len(track) // 5
    return Fold(np.sort(order[cut:]), np.sort(order[:cut]))


def test_a_leaky_splitter_scores_high_and_ours_at_chance():
    """Tracks have a fingerprint, labels are random: whatever beats chance is a leak."""
    rng = np.random.default_rng(0)
    labels = rng.permutation([label for label in range(9) for _ in range(20)]).tolist()
    # Artists have a fingerprint as well, and two tracks each.
    corpus = corpus_of(labels, groups=[f"artist {index // 2}" for index in range(len(labels))])
    track = segments(corpus, 6)
    prints = rng.normal(size=(len(corpus), 12)) + 2 * rng.normal(
        size=(len(corpus) // 2, 12)
    ).repeat(2, axis=0)
    features = prints[track] + 0.1 * rng.normal(size=(len(track), 12))

    leak = leaky_split(track, 0)
    assert nearest_neighbour_accuracy(features, track, corpus, leak) > 0.95
    with pytest.raises(EvaluationError, match="is in the training and in the test part"):
        assert_disjoint("artist", corpus, track, leak)
    for protocol in ("track", "artist"):
        folds = make_folds(protocol, corpus, track, seed=1)
        scores = [nearest_neighbour_accuracy(features, track, corpus, fold) for fold in folds]
        assert np.mean(scores) < 2 / 9, protocol
    # The reference study's protocol leaks by design: it hears the track again.
    (fold,) = make_folds("segment", corpus, track, seed=1)
    assert nearest_neighbour_accuracy(features, track, corpus, fold) > 0.95


# --- Known answers -------------------------------------------------------------------------------


def test_segment_with_folds_is_scikit_learns_stratified_split():
    from sklearn.model_selection import StratifiedKFold

    corpus = corpus_of(BALANCED)
    track = segments(corpus, 4)
    oracle = StratifiedKFold(n_splits=3, shuffle=True, random_state=7)
    folds = make_folds("segment", corpus, track, seed=7, n_folds=3)
    for fold, (train, test) in zip(folds, oracle.split(track, corpus.labels[track]), strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


def test_track_folds_are_scikit_learns_over_the_tracks_that_have_segments():
    from sklearn.model_selection import StratifiedGroupKFold

    corpus = corpus_of(BALANCED)
    heard = np.arange(0, len(BALANCED), 2)  # every other track has no segment
    track = np.repeat(heard, 2)
    oracle = StratifiedGroupKFold(n_splits=4, shuffle=True, random_state=3)
    split = oracle.split(heard, corpus.labels[heard], corpus.recordings[heard])
    folds = make_folds("track", corpus, track, seed=3, n_folds=4)
    for fold, (_, test) in zip(folds, split, strict=True):
        np.testing.assert_array_equal(fold.test, np.flatnonzero(np.isin(track, heard[test])))
        np.testing.assert_array_equal(fold.train, np.flatnonzero(~np.isin(track, heard[test])))


@pytest.mark.parametrize(
    ("labels", "protocol", "n_folds", "per_track"),
    [
        ([0] * 18 + [4] * 2, "segment", None, 1),  # two segments of an emotion; others are absent
        ([0] * 3 + [1] * 3, "segment", 3, 1),  # as many segments of each as folds
        ([0, 1, 2, 3], "segment", None, 5),  # a test part of one segment of each emotion
        ([0] * 10, "artist", None, 1),  # as many artists as folds
        ([0] * 5 + [1] * 2, "track", None, 1),  # as many tracks of an emotion as folds
        ([0] * 4, "track", 2, 1),
    ],
)
def test_splits_that_are_just_possible(labels, protocol, n_folds, per_track):
    corpus = corpus_of(labels)
    track = segments(corpus, per_track)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a class smaller than the number of folds is expected
        folds = make_folds(protocol, corpus, track, n_folds=n_folds)
    assert len(folds) == fold_count(protocol, n_folds)
    for fold in folds:
        np.testing.assert_array_equal(
            np.sort(np.concatenate([fold.train, fold.test])), np.arange(len(track))
        )


@pytest.mark.parametrize(
    ("labels", "groups", "protocol", "message"),
    [
        ([0] * 6, ["a"] * 6, "artist", r"5 folds need as many groups.* has 1: use --folds 2 or"),
        ([0] * 6, list("aabbcc"), "artist", "has 3: use --folds 3 or add tracks"),
        ([0, 0, 1, 1, 2, 2], None, "track", "no emotion has 5 tracks.*: use --folds 2 or"),
    ],
)
def test_the_remedy_names_a_number_of_folds_that_works(labels, groups, protocol, message):
    corpus = corpus_of(labels) if groups is None else corpus_of(labels, groups=groups)
    with pytest.raises(EvaluationError, match=message):
        make_folds(protocol, corpus, segments(corpus, 1))


def test_the_guard_names_the_first_track_of_the_group_and_sees_an_empty_training_part():
    corpus = corpus_of([0, 1, 2], groups=["other", "same", "same"])
    nothing, track = np.array([], dtype=np.int64), segments(corpus, 1)
    with pytest.raises(EvaluationError, match=rf"track '{corpus.tracks[1].id}' or a relative"):
        assert_disjoint("artist", corpus, track, Fold(np.array([0, 1]), np.array([2])))
    with pytest.raises(EvaluationError, match="empty training or test part"):
        assert_disjoint("segment", corpus, track, Fold(nothing, np.array([0])))
    assert_disjoint("artist", corpus, track, Fold(np.array([0]), np.array([1])))
    assert_disjoint("segment", corpus, track, Fold(np.array([1]), np.array([2])))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=7, max_size=7),
    st.lists(st.integers(0, 6), min_size=7, max_size=7),
)
def test_relatives_of_relatives_are_one_group(artists, recordings):
    corpus = corpus_of(
        [0] * 7, groups=[f"a{one}" for one in artists], recordings=[f"r{one}" for one in recordings]
    )
    expected = list(range(7))
    for _ in range(7):  # every item takes the least number among its relatives until none changes
        expected = [
            min(
                expected[other]
                for other in range(7)
                if artists[other] == artists[item] or recordings[other] == recordings[item]
            )
            for item in range(7)
        ]
    found = track_groups("artist", corpus)
    np.testing.assert_array_equal(found[:, None] == found, np.equal.outer(expected, expected))
    assert sorted(set(found.tolist())) == list(range(len(set(expected))))


def test_examples_carry_the_votes_of_their_track():
    corpus = corpus_of([3, 1, 2])
    track = np.array([2, 0, 0, 1])
    found = examples(corpus, {}, track, "track")
    np.testing.assert_array_equal(found.rows, np.arange(4))
    np.testing.assert_array_equal(found.label, [2, 3, 3, 1])
    np.testing.assert_array_equal(found.vote_fractions, corpus.vote_fractions[track])
    np.testing.assert_array_equal(found.listeners, corpus.listeners[track])
    np.testing.assert_array_equal(found.group, corpus.recordings[track])


def test_numbers_of_folds():
    assert [fold_count("segment", n) for n in (2, 3)] == [2, 3]
    for n in (-1, 0, 1):
        with pytest.raises(EvaluationError, match=f"{n} folds leave nothing to train on"):
            fold_count("artist", n)


def test_a_share_of_the_training_part_is_of_whole_groups_and_nested():
    corpus = corpus_of(BALANCED, groups=[f"artist {index // 2}" for index in range(90)])
    track = segments(corpus, 3)
    fold = make_folds("artist", corpus, track)[1]
    groups = track_groups("artist", corpus)[track]
    quarter, half, other = (
        thin_training(fold, "artist", corpus, track, share, seed=seed)
        for share, seed in ((0.25, 5), (0.5, 5), (0.5, 6))
    )
    n = len(np.unique(groups[fold.train]))
    assert len(np.unique(groups[quarter.train])) == round(n / 4)
    assert len(half.train) == 6 * round(n / 2)  # two tracks of three segments an artist
    assert set(quarter.train) < set(half.train) < set(fold.train)
    assert set(half.train) != set(other.train)
    np.testing.assert_array_equal(half.test, fold.test)
    assert thin_training(fold, "artist", corpus, track, 1.0, seed=5) is fold
    with pytest.raises(EvaluationError, match="above 0 and at most 1, not 0"):
        thin_training(fold, "artist", corpus, track, 0.0, seed=5)

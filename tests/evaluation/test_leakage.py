"""The leak experiment on corpora where the leak, or the lack of one, is planted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from helpers.corpora import corpus_of, points, segments
from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.leakage import LeakCurve, _divide, _Space, measure_leak

PER_TRACK = 8
CORPUS = corpus_of(np.random.default_rng(0).permutation(np.repeat(np.arange(9), 12)).tolist())
TRACK = segments(CORPUS, PER_TRACK)


def fingerprints(corpus: Corpus) -> NDArray[np.float64]:
    """Features that tell the track and nothing about its emotion."""
    rng = np.random.default_rng(1)
    prints = rng.normal(size=(len(corpus), 12))
    return prints[TRACK] + 0.1 * rng.normal(size=(len(TRACK), 12))


def measure(features: NDArray[np.floating], **options: object) -> LeakCurve:
    return measure_leak(
        CORPUS, TRACK, features, neighbours=(0, 1, 4), test_segments=2, folds=4, **options
    )


def test_fingerprints_are_recognised_once_a_neighbour_was_heard() -> None:
    curve = measure(fingerprints(CORPUS))
    assert curve.tracks == len(CORPUS)
    assert abs(curve.chance - 1 / 9) < 1e-12
    assert [(line.classifier, line.labels) for line in curve.lines] == [
        ("nearest_neighbour", "published"),
        ("nearest_neighbour", "shuffled"),
        ("svm", "published"),
        ("svm", "shuffled"),
    ]
    for line in curve.lines:
        assert line.accuracy[0] < 0.25, line
        assert line.accuracy[-1] > 0.95, line
        assert all(
            low <= value <= high
            for low, value, high in zip(line.low, line.accuracy, line.high, strict=True)
        )
    assert curve.lines[0].accuracy[1] > 0.95


def test_emotion_that_can_be_heard_needs_no_neighbours_but_labels_must_mean_something() -> None:
    curve = measure(points(CORPUS, TRACK, spread=0.1), classifiers=["nearest_neighbour"])
    published, shuffled = curve.lines
    assert published.accuracy[0] > 0.95
    assert shuffled.accuracy[0] < 0.25


def test_what_is_tested_is_never_trained_on_and_neighbours_are_of_the_same_track() -> None:
    rng = np.random.default_rng(0)
    divisions = _divide(CORPUS, TRACK, 4, 2, 4, 7, rng)
    assert sum(len(division.test) for division in divisions) == 2 * len(CORPUS)
    groups = CORPUS.groups
    for division in divisions:
        added = division.neighbours.ravel()
        assert not set(division.test) & (set(division.train) | set(added))
        assert not set(added) & set(division.train)
        tested = TRACK[division.test].reshape(-1, 2)
        np.testing.assert_array_equal(tested[:, 0], tested[:, 1])
        np.testing.assert_array_equal(
            TRACK[division.neighbours], np.repeat(tested[:, :1], 4, axis=1)
        )
        assert not set(groups[TRACK[division.train]]) & set(groups[tested.ravel()])


def test_the_classifiers_are_scikit_learns() -> None:
    """Distances are shared between the fits, which must not change what a fit says."""
    features = points(CORPUS, TRACK, spread=0.6)
    labels = CORPUS.labels[TRACK]
    division = _divide(CORPUS, TRACK, 4, 2, 4, 7, np.random.default_rng(0))[0]
    space = _Space.of(features, division, with_kernel=True)
    for count in (0, 3):
        train = np.concatenate([division.train, division.neighbours[:, :count].ravel()])
        scaler = StandardScaler().fit(features[division.train])
        known, tested = scaler.transform(features[train]), scaler.transform(features[division.test])
        for name, machine in (
            ("nearest_neighbour", KNeighborsClassifier(n_neighbors=1)),
            ("svm", SVC(C=10.0, gamma=1 / features.shape[1])),
        ):
            named = space.classify(name, count, labels[space.pool])
            expected = machine.fit(known, labels[train]).predict(tested)
            assert np.mean(named == expected) > 0.99, name


def test_the_seed_decides_and_progress_is_told() -> None:
    features = points(CORPUS, TRACK)
    steps: list[tuple[int, int]] = []
    one, same, other = (
        measure(
            features,
            classifiers=["nearest_neighbour"],
            seed=seed,
            progress=lambda done, total: steps.append((done, total)),
        )
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one.lines != other.lines
    assert steps[: 2 * 3 * 4] == [(step, 24) for step in range(1, 25)]


def test_tracks_that_are_too_short() -> None:
    with pytest.raises(EvaluationError, match="no track has 19 segments"):
        measure_leak(CORPUS, TRACK, points(CORPUS, TRACK), neighbours=(0, 16))


def test_by_default_as_many_neighbours_as_the_tracks_have() -> None:
    curve = measure_leak(
        CORPUS, TRACK, fingerprints(CORPUS), classifiers=["nearest_neighbour"], folds=2
    )
    assert curve.neighbours == (0, 1, 2, 4)  # of 8 segments, 3 are tested
    assert curve.tracks == len(CORPUS)

"""The leak of a split over segments, measured: accuracy against neighbours heard in training.

A split that deals out 3-s segments puts about sixteen of a test track's twenty segments into the
training part. Here that number is the variable. Each test track gives a few segments to test on,
and 0, 1, 2, … of its other segments go to the training part, beside all tracks of other artists.
With 0 this is the artist protocol; with 16 it is the reference study's split. The models are cheap:
1-nearest-neighbour and a support vector machine on descriptor statistics.

The same is done with the labels dealt out anew between the tracks. Then there is nothing to learn
about emotion, and whatever accuracy is above chance comes from recognising the track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.track import Corpus
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.intervals import percentile_interval, resample_groups, sum_by_group
from music_emotion.evaluation.protocols import make_folds, track_groups

NEIGHBOURS = (0, 1, 2, 4, 8, 16)
"""Segments of each test track that are in training."""
TEST_SEGMENTS = 3
"""Segments of each track that are tested."""
DEFAULT_SEED = 42

Classifier = Literal["nearest_neighbour", "svm"]
CLASSIFIERS: tuple[Classifier, ...] = get_args(Classifier)
Labels = Literal["published", "shuffled"]
LABELS: tuple[Labels, ...] = get_args(Labels)

SVM_COST = 10.0
"""C of the support vector machine."""
SVM_CACHE_MB = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LeakLine:
    """Accuracy of one classifier on one kind of labels.

    Attributes
    ----------
    classifier
        ``"nearest_neighbour"`` or ``"svm"``.
    labels
        ``"published"``, or ``"shuffled"`` between the tracks.
    accuracy, low, high
        Share of test segments that are labelled right, with its 95 % interval over artist groups,
        one value per number of neighbours.
    """

    classifier: Classifier
    labels: Labels
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LeakCurve:
    """Accuracy against the number of segments of the test track that were in training.

    Attributes
    ----------
    neighbours
        Segments of each test track in training.
    lines
        One per classifier and kind of labels.
    tracks
        Tracks that were tested: those long enough.
    test_segments
        Segments tested per track.
    folds, seed
        Of the division of artists.
    chance
        Accuracy of always naming the commonest emotion.
    """

    neighbours: tuple[int, ...]
    lines: tuple[LeakLine, ...]
    tracks: int
    test_segments: int
    folds: int
    seed: int
    chance: float


@dataclass(frozen=True, slots=True)
class _Division:
    """One fold: what is tested, and what may be added to training, in order."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    neighbours: NDArray[np.int64]  # shape (tracks tested, largest number of neighbours)


def measure_leak(
    corpus: Corpus,
    track: NDArray[np.int64],
    features: NDArray[np.floating],
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
    test_segments: int = TEST_SEGMENTS,
    classifiers: Sequence[Classifier] = CLASSIFIERS,
    folds: int = 5,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> LeakCurve:
    """Measure accuracy against how many segments of the test track were in training.

    Parameters
    ----------
    corpus
        The tracks.
    track
        Index of each segment's track in the corpus, shape (n,).
    features
        One vector per segment, shape (n, k).
    neighbours
        Numbers of segments to put into training.
    test_segments
        Segments of each track to test on.
    classifiers
        Which to train.
    folds, seed
        Division of the artists; the same seed gives the same curve.
    progress
        Called with (fits done, fits in all).

    Returns
    -------
    LeakCurve
        Accuracies 0–1.

    Raises
    ------
    EvaluationError
        If no track is long enough.
    """
    wanted = tuple(sorted(set(neighbours)))
    random_segments, random_labels = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)
    )
    divisions = _divide(corpus, track, wanted[-1], test_segments, folds, seed, random_segments)
    labels = {"published": corpus.labels, "shuffled": random_labels.permutation(corpus.labels)}
    total, done = len(classifiers) * len(LABELS) * len(wanted) * len(divisions), 0
    lines = []
    tested = np.concatenate([division.test for division in divisions])
    for classifier in classifiers:
        for kind in LABELS:
            of_segment = labels[kind][track]
            right = []
            for count in wanted:
                by_fold = []
                for division in divisions:
                    train = np.concatenate([division.train, division.neighbours[:, :count].ravel()])
                    named = _classify(
                        classifier, features[train], of_segment[train], features[division.test]
                    )
                    by_fold.append(named == of_segment[division.test])
                    done += 1
                    if progress is not None:
                        progress(done, total)
                right.append(np.concatenate(by_fold))
            estimates = _estimate(np.stack(right, axis=1), corpus, track[tested])
            lines.append(LeakLine(classifier, kind, *estimates))
    counts = np.bincount(corpus.labels[np.unique(track[tested])])
    return LeakCurve(
        neighbours=wanted,
        lines=tuple(lines),
        tracks=len(np.unique(track[tested])),
        test_segments=test_segments,
        folds=folds,
        seed=seed,
        chance=float(counts.max() / counts.sum()),
    )


def _divide(
    corpus: Corpus,
    track: NDArray[np.int64],
    most: int,
    test_segments: int,
    folds: int,
    seed: int,
    rng: np.random.Generator,
) -> list[_Division]:
    """Divide artists into folds, and each test track into test segments and neighbours."""
    divisions = []
    for fold in make_folds("artist", corpus, track, seed=seed, n_folds=folds):
        test, neighbours = [], []
        for number in np.unique(track[fold.test]):
            segments = rng.permutation(fold.test[track[fold.test] == number])
            if len(segments) >= test_segments + most:
                test.append(segments[:test_segments])
                neighbours.append(segments[test_segments : test_segments + most])
        if test:
            divisions.append(_Division(fold.train, np.concatenate(test), np.stack(neighbours)))
    if not divisions:
        raise EvaluationError(
            f"no track has {test_segments + most} segments: ask for fewer neighbours"
        )
    return divisions


def _classify(
    classifier: Classifier,
    train: NDArray[np.floating],
    labels: NDArray[np.int64],
    test: NDArray[np.floating],
) -> NDArray[np.int64]:
    """Return the emotion that a freshly fitted classifier names for each test segment."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if classifier == "nearest_neighbour":
        machine: Any = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
    else:
        machine = SVC(C=SVM_COST, gamma="scale", cache_size=SVM_CACHE_MB)
    named = make_pipeline(StandardScaler(), machine).fit(train, labels).predict(test)
    return np.asarray(named, dtype=np.int64)


def _estimate(
    right: NDArray[np.bool_], corpus: Corpus, track: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return accuracy, lower and upper limits per column, groups of artists resampled."""
    groups = track_groups("artist", corpus)
    n_groups = int(groups.max()) + 1
    terms = np.column_stack([right.astype(np.float64), np.ones(len(right))])
    sums = resample_groups(n_groups) @ sum_by_group(terms, groups[track], n_groups)
    with np.errstate(invalid="ignore"):
        resampled = sums[:, :-1] / sums[:, -1:]
    limits = [percentile_interval(column) for column in resampled.T]
    return (
        tuple(right.mean(axis=0).tolist()),
        tuple(low for low, _ in limits),
        tuple(high for _, high in limits),
    )

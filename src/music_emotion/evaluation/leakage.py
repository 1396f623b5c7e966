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

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.bootstrap import percentile_interval, resample_groups, sum_by_group
from music_emotion.evaluation.folds import DEFAULT_SEED, make_folds, track_groups
from music_emotion.evaluation.plan import check_target
from music_emotion.models.kernel import squared_distances
from music_emotion.progress import Progress

NEIGHBOURS = (0, 1, 2, 4, 8, 16)
"""Segments of each test track that are in training; shorter tracks take the first of these."""
TEST_SEGMENTS = 3
"""Segments of each track that are tested."""

Classifier = Literal["nearest_neighbour", "svm"]
CLASSIFIERS: tuple[Classifier, ...] = get_args(Classifier)
Labels = Literal["published", "shuffled"]
LABELS: tuple[Labels, ...] = get_args(Labels)

SVM_COST = 10.0
"""C of the support vector machine."""
SVM_CACHE_MB = 500


@dataclass(frozen=True, slots=True)
class LeakLine:
    """Accuracy of one classifier on one kind of labels."""

    classifier: Classifier  #: ``"nearest_neighbour"`` or ``"svm"``
    labels: Labels  #: ``"published"``, or ``"shuffled"`` between the tracks
    accuracy: tuple[float, ...]  #: share of test segments labelled right, by number of neighbours
    low: tuple[float, ...]  #: of its 95 % interval over artist groups
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LeakCurve:
    """Accuracy against the number of segments of the test track that were in training."""

    neighbours: tuple[int, ...]  #: segments of each test track in training
    lines: tuple[LeakLine, ...]  #: one per classifier and kind of labels
    tracks: int  #: tracks that were tested: those long enough
    test_segments: int  #: segments tested per track
    folds: int  #: of the artists
    seed: int  #: of the folds
    chance: float  #: accuracy of always naming the commonest emotion


@dataclass(frozen=True, slots=True)
class _Division:
    """One fold: what is tested, and what may be added to training, in order."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    neighbours: NDArray[np.int64]  # shape (tracks tested, largest number of neighbours)


@dataclass(frozen=True, slots=True)
class _Space:
    """Distances between the segments of a division, computed once for all fits on it.

    Features are standardised by the training tracks alone, so that the space is the same whatever
    the number of neighbours.
    """

    pool: NDArray[np.int64]  # training segments, then neighbours: first of each track, second, …
    n_train: int
    n_tracks: int
    to_test: NDArray[np.float64]  # squared distances, shape (tested, pool)
    kernel: NDArray[np.float64] | None  # radial basis function, shape (pool, pool)
    gamma: float

    @classmethod
    def of(
        cls, features: NDArray[np.floating], division: _Division, *, with_kernel: bool
    ) -> _Space:
        train = features[division.train].astype(np.float64)
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        deviation[deviation == 0] = 1.0
        pool = np.concatenate([division.train, division.neighbours.T.ravel()])
        candidates = (features[pool] - mean) / deviation
        tested = (features[division.test] - mean) / deviation
        gamma = 1.0 / features.shape[1]  # scikit-learn's "scale" for standardised features
        kernel = None
        if with_kernel:
            kernel = squared_distances(candidates, candidates)
            np.exp(-gamma * kernel, out=kernel)
        return cls(
            pool=pool,
            n_train=len(division.train),
            n_tracks=len(division.neighbours),
            to_test=squared_distances(tested, candidates),
            kernel=kernel,
            gamma=gamma,
        )

    def classify(
        self, classifier: Classifier, neighbours: int, labels: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Name the emotion of each tested segment; ``labels`` are those of the pool."""
        known = self.n_train + neighbours * self.n_tracks
        if classifier == "nearest_neighbour":
            return np.asarray(labels[self.to_test[:, :known].argmin(axis=1)], dtype=np.int64)
        from sklearn.svm import SVC

        assert self.kernel is not None, "computed where it is needed"
        fitted = SVC(C=SVM_COST, kernel="precomputed", cache_size=SVM_CACHE_MB)
        fitted.fit(self.kernel[:known, :known], labels[:known])
        named = fitted.predict(np.exp(-self.gamma * self.to_test[:, :known]))
        return np.asarray(named, dtype=np.int64)


def measure_leak(
    corpus: Corpus,
    track_index: NDArray[np.int64],
    features: NDArray[np.floating],
    *,
    neighbours: Sequence[int] | None = None,
    test_segments: int = TEST_SEGMENTS,
    classifiers: Sequence[Classifier] = CLASSIFIERS,
    folds: int = 5,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> LeakCurve:
    """Measure accuracy against how many segments of the test track were in training.

    Parameters
    ----------
    track_index, features
        Track of each segment, shape (n,), and a vector per segment, shape (n, k).
    neighbours
        Numbers of segments to put into training; by default those of :data:`NEIGHBOURS` that at
        least half of the tracks are long enough for.
    folds, seed
        Division of the artists; the same seed gives the same curve.
    progress
        Called with (fits done, fits in all).

    Raises
    ------
    EvaluationError
        If no track is long enough, or the corpus has no labels.
    """
    check_target("label", corpus)
    if neighbours is None:
        neighbours = _possible_neighbours(track_index, test_segments)
    wanted = tuple(sorted(set(neighbours)))
    random_segments, random_labels = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)
    )
    divisions = _divide(
        corpus, track_index, wanted[-1], test_segments, folds, seed, random_segments
    )
    of_track = {"published": corpus.labels, "shuffled": random_labels.permutation(corpus.labels)}
    cases = list(product(classifiers, LABELS, wanted))
    right: dict[tuple[Classifier, Labels, int], list[NDArray[np.bool_]]] = defaultdict(list)
    for fold, division in enumerate(divisions):
        space = _Space.of(features, division, with_kernel="svm" in classifiers)
        for number, (classifier, kind, count) in enumerate(cases):
            labels = of_track[kind][track_index]
            named = space.classify(classifier, count, labels[space.pool])
            right[classifier, kind, count].append(named == labels[division.test])
            if progress is not None:
                progress(fold * len(cases) + number + 1, len(divisions) * len(cases))
    tested = track_index[np.concatenate([division.test for division in divisions])]
    lines = []
    for classifier, kind in product(classifiers, LABELS):
        hits = [np.concatenate(right[classifier, kind, count]) for count in wanted]
        estimates = _estimate(np.stack(hits, axis=1), corpus, tested)
        lines.append(LeakLine(classifier, kind, *estimates))
    counts = np.bincount(corpus.labels[np.unique(tested)])
    return LeakCurve(
        neighbours=wanted,
        lines=tuple(lines),
        tracks=len(np.unique(tested)),
        test_segments=test_segments,
        folds=folds,
        seed=seed,
        chance=float(counts.max() / counts.sum()),
    )


def _possible_neighbours(track_index: NDArray[np.int64], test_segments: int) -> tuple[int, ...]:
    """Return those of the usual numbers that at least half of the tracks are long enough for."""
    spare = np.median(np.unique(track_index, return_counts=True)[1]) - test_segments
    return tuple(count for count in NEIGHBOURS if count <= spare) or NEIGHBOURS[:1]


def _divide(
    corpus: Corpus,
    track_index: NDArray[np.int64],
    most: int,
    test_segments: int,
    folds: int,
    seed: int,
    rng: np.random.Generator,
) -> list[_Division]:
    """Divide artists into folds, and each test track into test segments and neighbours."""
    divisions = []
    for fold in make_folds("artist", corpus, track_index, seed=seed, n_folds=folds):
        test, neighbours = [], []
        for number in np.unique(track_index[fold.test]):
            segments = rng.permutation(fold.test[track_index[fold.test] == number])
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


def _estimate(
    right: NDArray[np.bool_], corpus: Corpus, track_index: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return accuracy, lower and upper limits per column, groups of artists resampled."""
    groups = track_groups("artist", corpus)
    n_groups = int(groups.max()) + 1
    terms = np.column_stack([right.astype(np.float64), np.ones(len(right))])
    sums = resample_groups(n_groups) @ sum_by_group(terms, groups[track_index], n_groups)
    with np.errstate(invalid="ignore"):
        resampled = sums[:, :-1] / sums[:, -1:]
    limits = [percentile_interval(column) for column in resampled.T]
    return (
        tuple(right.mean(axis=0).tolist()),
        tuple(low for low, _ in limits),
        tuple(high for _, high in limits),
    )

"""Three ways to divide a corpus into training and test parts, from the most to the least lenient.

``segment``
    The reference study's protocol: 3-s segments are dealt out at random, stratified by label, so
    that a test segment has about sixteen neighbours of its own track in training. It measures how
    well a track is recognised again.
``track``
    Tracks stay whole, and duplicate recordings stay together. It measures how well a model does on
    unheard tracks by artists it may have heard.
``artist``
    All tracks of an artist stay together (collaborations included). It measures how well a model
    does on music that is new to it.

Where tracks have labels, folds are stratified by them, whatever the models learn.

Under ``segment`` a segment is scored as one item; under the other two a track is, and its
prediction is the mean over its segments.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import LEFT_OUT, Corpus
from music_emotion.datasets.courses import Moments, segment_moments
from music_emotion.datasets.grouping import connected_components
from music_emotion.datasets.ratings import Ratings
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError, printable
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.models.base import Examples
from music_emotion.models.pooling import differences, moment_features

Protocol = Literal["segment", "track", "artist"]
"""Which items must not be divided between training and test."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""All protocols, from the most to the least lenient."""

DEFAULT_SEED = 42
"""The reference study's ``random_state``."""

DEFAULT_FOLDS = 5
"""Folds under ``track`` and ``artist``."""

TEST_FRACTION = 0.2
"""Share of the segments in the one test part of ``segment``."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the segments of a corpus: sorted rows of per-segment arrays, disjoint."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def fold_count(protocol: Protocol, n_folds: int | None) -> int:
    """Return how many folds a protocol has: ``n_folds`` where given, else its default.

    Raises
    ------
    EvaluationError
        If fewer than two are asked for.
    """
    if n_folds is None:
        return 1 if protocol == "segment" else DEFAULT_FOLDS
    if n_folds < 2:
        raise EvaluationError(f"{n_folds} folds leave nothing to train on: ask for at least 2")
    return n_folds


def make_folds(
    protocol: Protocol,
    corpus: Corpus,
    track_index: NDArray[np.int64],
    *,
    seed: int = DEFAULT_SEED,
    n_folds: int | None = None,
) -> list[Fold]:
    """Divide the segments of a corpus into training and test parts.

    Test parts are disjoint; together they cover every segment, but for the single split.

    Parameters
    ----------
    track_index
        Index of each segment's track in the corpus, shape (n,).
    seed
        Fold seed: another seed gives other folds.
    n_folds
        Number of folds. By default 5, and for ``"segment"`` the single stratified 80/20 split of
        the reference study; with a number, ``"segment"`` is a stratified K-fold over segments.

    Raises
    ------
    EvaluationError
        If the corpus is too small for the protocol.
    """
    if protocol not in PROTOCOLS:
        raise EvaluationError(f"no protocol {protocol!r}: choose among {', '.join(PROTOCOLS)}")
    track_index = np.asarray(track_index, dtype=np.int64)
    if len(track_index) == 0:
        raise EvaluationError(f"corpus {corpus.name!r} has no segments to divide")
    if protocol == "segment":
        folds = _segment_folds(corpus, track_index, seed, n_folds)
    else:
        folds = _grouped_folds(protocol, corpus, track_index, seed, fold_count(protocol, n_folds))
    for fold in folds:
        assert_disjoint(protocol, corpus, track_index, fold)
    return folds


def thin_training(
    fold: Fold,
    protocol: Protocol,
    corpus: Corpus,
    track_index: NDArray[np.int64],
    share: float,
    *,
    seed: int,
) -> Fold:
    """Return a fold with a share of the groups of its training part.

    Whole groups are taken, in an order that the seed alone decides, so that a smaller share is part
    of a larger one. A share of 1 leaves the fold as it is.

    Raises
    ------
    EvaluationError
        If the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise EvaluationError(f"a share of the training part is above 0 and at most 1, not {share}")
    if share == 1:
        return fold
    group = track_groups(protocol, corpus)[track_index[fold.train]]
    order = np.random.default_rng(seed).permutation(np.unique(group))
    kept = order[: max(1, round(share * len(order)))]
    return Fold(fold.train[np.isin(group, kept)], fold.test)


def track_groups(protocol: Protocol, corpus: Corpus) -> NDArray[np.int64]:
    """Return what ``track`` and ``artist`` keep whole, one number per track of the corpus.

    Duplicate recordings are kept together under ``artist`` as well, even where the tags give them
    different artists.
    """
    if protocol == "track":
        return corpus.recordings
    pairs = zip(corpus.groups.tolist(), corpus.recordings.tolist(), strict=True)
    keys = [(("group", group), ("recording", recording)) for group, recording in pairs]
    return np.array(connected_components(keys), dtype=np.int64)


def assert_disjoint(
    protocol: Protocol, corpus: Corpus, track_index: NDArray[np.int64], fold: Fold
) -> None:
    """Raise unless training and test part share no segment and no group of the protocol.

    Raises
    ------
    EvaluationError
        Naming what leaks.
    """
    if len(np.intersect1d(fold.train, fold.test)):
        raise EvaluationError("a segment is in the training and in the test part")
    if len(fold.train) == 0 or len(fold.test) == 0:
        raise EvaluationError("a fold has an empty training or test part: use fewer folds")
    if protocol == "segment":
        return
    groups = track_groups(protocol, corpus)[track_index]
    shared = np.intersect1d(groups[fold.train], groups[fold.test])
    if len(shared):
        leaking = int(track_index[np.flatnonzero(groups == shared[0])[0]])
        raise EvaluationError(
            f"protocol {protocol}: track {corpus.tracks[leaking].id!r} or a relative of it is in "
            "the training and in the test part"
        )


def examples(
    corpus: Corpus,
    features: Mapping[str, NDArray[np.float32]],
    track_index: NDArray[np.int64],
    protocol: Protocol,
    *,
    over_time: bool = False,
) -> Examples:
    """Return all segments of a corpus as a model sees them under a protocol.

    Axis 0 of the features and of ``track_index``, each segment's track, are the segments. The
    protocol decides what is one item (``unit``) and what the validation cut keeps whole
    (``group``). With ``over_time`` a segment is an item, and its ratings are how much its moments
    differ from the mean of its track; features that are one vector per segment are means over the
    segments around it, by how much they differ from the track's mean. Which track is higher is
    for the ratings of wholes.
    """
    track_index = np.asarray(track_index, dtype=np.int64)
    rows = np.arange(len(track_index), dtype=np.int64)
    by_segment = protocol == "segment"
    genres = np.unique(corpus.genres, return_inverse=True)[1].astype(np.int64)
    ratings: Ratings | Moments | None = corpus.ratings
    if over_time and (moments := moments_of(corpus, track_index)) is not None:
        ratings = replace(moments, mean=differences(moments.mean, track_index))
        features = {name: moment_features(values, track_index) for name, values in features.items()}
    places = rows if over_time else track_index
    by_segment = by_segment or over_time
    return Examples(
        features=features,
        rows=rows,
        track_index=track_index,
        unit=rows if by_segment else track_index,
        group=rows if protocol == "segment" else track_groups(protocol, corpus)[track_index],
        label=corpus.labels[track_index],
        vote_fractions=corpus.vote_fractions[track_index],
        listeners=corpus.listeners[track_index],
        genre=genres[track_index],
        ratings=None if ratings is None else ratings.mean.astype(np.float32)[places],
        raters=None if ratings is None else _raters(ratings)[places],
    )


def moments_of(corpus: Corpus, track_index: NDArray[np.int64]) -> Moments | None:
    """Return ratings over time of segments, ``None`` where nobody gave any.

    ``track_index`` (n,) is each segment's track.
    """
    if not corpus.has_courses:
        return None
    courses = [track.course for track in corpus.tracks]
    return segment_moments(courses, corpus.scales, track_index, SEGMENT_SECONDS)


def unheard_courses(corpus: Corpus, track_index: NDArray[np.int64]) -> list[str]:
    """Return a line for each track with ratings over time that are of no segment.

    ``track_index`` (n,) is each segment's track.
    """
    moments = moments_of(corpus, track_index)
    if moments is None:
        return []
    rated = np.isfinite(moments.mean).any(axis=1)
    counts = np.bincount(track_index, weights=rated, minlength=len(corpus))
    heard = np.bincount(track_index, minlength=len(corpus)) > 0
    return [
        f"{LEFT_OUT}{printable(track.id)}: none of its ratings over time is of its first minute; "
        "give their times in seconds from the beginning"
        for track, count, is_heard in zip(corpus.tracks, counts, heard, strict=True)
        if track.course is not None and is_heard and not count
    ]


def _raters(ratings: Ratings | Moments) -> NDArray[np.int64]:
    """Return how many people rated each item, the mean over scales, shape (n,), 1 or more."""
    raters: NDArray[np.int64] = np.rint(ratings.raters.mean(axis=1)).astype(np.int64)
    return np.maximum(raters, 1)


def _segment_folds(
    corpus: Corpus, track_index: NDArray[np.int64], seed: int, n_folds: int | None
) -> list[Fold]:
    from sklearn.model_selection import StratifiedKFold, train_test_split

    rows = np.arange(len(track_index), dtype=np.int64)
    if not corpus.has_labels:
        raise EvaluationError(
            f"protocol segment is stratified by label, and corpus {corpus.name!r} has none: use "
            "--protocol track or artist"
        )
    labels = corpus.labels[track_index]
    counts = np.bincount(labels)
    needed = 2 if n_folds is None else fold_count("segment", n_folds)
    for label in np.flatnonzero((counts > 0) & (counts < needed)):
        raise EvaluationError(
            f"a stratified split needs {needed} segments of each emotion, and "
            f"{EMOTIONS[label]} has {counts[label]}: leave that emotion out or add tracks"
        )
    if n_folds is None:
        if len(rows) * TEST_FRACTION < np.count_nonzero(counts):
            raise EvaluationError(
                f"{len(rows)} segments are too few for a stratified 80/20 split over "
                f"{np.count_nonzero(counts)} emotions: add tracks"
            )
        train, test = train_test_split(
            rows, test_size=TEST_FRACTION, stratify=labels, random_state=seed
        )
        return [Fold(np.sort(train), np.sort(test))]
    splitter = StratifiedKFold(n_splits=needed, shuffle=True, random_state=seed)
    return [Fold(train, test) for train, test in splitter.split(rows, labels)]


def _grouped_folds(
    protocol: Protocol, corpus: Corpus, track_index: NDArray[np.int64], seed: int, n_folds: int
) -> list[Fold]:
    from sklearn.model_selection import StratifiedGroupKFold

    heard = np.unique(track_index)
    groups = track_groups(protocol, corpus)[heard]
    # Without labels all tracks are of one class: only the sizes of the folds are evened out.
    labels = corpus.labels[heard] if corpus.has_labels else np.zeros(len(heard), dtype=np.int64)
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise EvaluationError(
            f"protocol {protocol}: {n_folds} folds need as many groups, and corpus "
            f"{corpus.name!r} has {n_groups}: use --folds {max(2, n_groups)} or add tracks"
        )
    most = int(np.bincount(labels).max())
    if most < n_folds:
        remedy = f"use --folds {most} or add tracks" if most > 1 else "add tracks"
        raise EvaluationError(
            f"protocol {protocol}: no emotion has {n_folds} tracks, so {n_folds} stratified folds "
            f"are impossible: {remedy}"
        )
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = []
    with warnings.catch_warnings():
        # A class smaller than the number of folds (amazement has 3 tracks) is expected here.
        warnings.filterwarnings("ignore", message="The least populated class", append=False)
        for _, test in splitter.split(heard, labels, groups):
            in_test = np.isin(track_index, heard[test])
            folds.append(Fold(np.flatnonzero(~in_test), np.flatnonzero(in_test)))
    return folds

"""Labelled tracks, the corpus that holds them, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, replace
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.courses import Course
from music_emotion.datasets.ratings import Rating, Ratings, Scale
from music_emotion.datasets.votes import VoteTable
from music_emotion.digest import FileDigest, file_digests
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

NO_LABEL = -1
"""The label of a track that has ratings alone."""

LEFT_OUT = "left out: "
"""How a remark on a track that could not be loaded begins."""


@dataclass(frozen=True, slots=True)
class Track:
    """One labelled piece of music.

    Attributes
    ----------
    id, path
        Identifier, unique in its corpus (EMOTIFY: ``"1"`` to ``"400"``), and the audio file.
    label
        Dominant emotion as an index into the emotion order; :data:`NO_LABEL` where only ratings
        are known.
    genre, artist, album, title
        As tagged in the file (EMOTIFY: the genre by its id), ``""`` where unknown.
    group, recording
        Identifiers shared by all tracks that an honest split keeps together (those of an artist),
        and by duplicate recordings.
    votes
        Ticks per emotion, shape (9,), or ``None`` where only a label is known.
    listeners
        How many people heard the track (rows without a tick included); 0 where unknown.
    digest
        What the audio file held when the corpus was loaded; ``None`` where that is not known.
    ratings
        What raters said, in the order of the corpus' scales; empty where there are none.
    course
        What they said from moment to moment, on the same scales; ``None`` where nobody was asked.
    """

    id: str
    path: Path
    label: int
    genre: str = ""
    artist: str = ""
    album: str = ""
    title: str = ""
    group: str = ""
    recording: str = ""
    votes: tuple[int, ...] | None = None
    listeners: int = 0
    digest: FileDigest | None = None
    ratings: tuple[Rating, ...] = ()
    course: Course | None = field(default=None, compare=False, repr=False)

    @property
    def vote_fractions(self) -> NDArray[np.float32]:
        """Ticks / listeners, shape (9,), 0–1; one-hot of the label where there are no votes.

        Zeros where there is no label either.
        """
        if self.votes is None or self.listeners == 0:
            one_hot = np.zeros(len(EMOTIONS), dtype=np.float32)
            if self.label != NO_LABEL:
                one_hot[self.label] = 1.0
            return one_hot
        return (np.asarray(self.votes) / self.listeners).astype(np.float32)

    @property
    def dominant_emotion(self) -> str:
        """Name of the dominant emotion."""
        return EMOTIONS[self.label]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled tracks in a fixed order; every per-track array follows it.

    Attributes
    ----------
    name
        Short name for reports: ``"emotify"``, ``"demo"`` or the folder's name.
    fingerprint
        SHA-256 over ids, labels, votes, groups and audio checksums: equal where the data are equal.
    note
        One sentence on the provenance of the audio, for reports; may be empty.
    vote_table
        The votes listener by listener where the data have them, in the tracks' order.
    scales
        What the tracks' ratings are on; empty where there are none.
    remarks
        A line for each thing that was left out when the corpus was loaded, and why.
    """

    name: str
    tracks: tuple[Track, ...]
    fingerprint: str
    note: str = ""
    vote_table: VoteTable | None = field(default=None, compare=False, repr=False)
    scales: tuple[Scale, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def has_labels(self) -> bool:
        """Whether every track has a dominant emotion."""
        return all(track.label != NO_LABEL for track in self.tracks)

    @property
    def has_votes(self) -> bool:
        """Whether every track carries listeners' votes."""
        return all(track.votes is not None for track in self.tracks)

    @property
    def ratings(self) -> Ratings | None:
        """What raters said, ``None`` where there are no ratings."""
        if not self.scales:
            return None
        return Ratings.of(self.scales, [track.ratings for track in self.tracks])

    @property
    def has_courses(self) -> bool:
        """Whether some track was rated over time."""
        return any(track.course is not None for track in self.tracks)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Dominant emotions, shape (tracks,); :data:`NO_LABEL` where only ratings are known."""
        return np.array([track.label for track in self.tracks], dtype=np.int64)

    @property
    def vote_fractions(self) -> NDArray[np.float32]:
        """Vote fractions, shape (tracks, 9), 0–1."""
        return np.stack([track.vote_fractions for track in self.tracks])

    @property
    def listeners(self) -> NDArray[np.int64]:
        """Listeners per track, shape (tracks,); 1 where unknown, so that it serves as a weight."""
        return np.array([max(track.listeners, 1) for track in self.tracks], dtype=np.int64)

    @property
    def genres(self) -> NDArray[np.str_]:
        """Genre names, shape (tracks,)."""
        return np.array([track.genre for track in self.tracks])

    @property
    def groups(self) -> NDArray[np.int64]:
        """Artist group per track, shape (tracks,), numbered in order of appearance."""
        return _numbered([track.group or track.id for track in self.tracks])

    @property
    def recordings(self) -> NDArray[np.int64]:
        """Recording per track, shape (tracks,): duplicates share a number."""
        return _numbered([track.recording or track.id for track in self.tracks])


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    order: dict[str, int] = {}
    return np.array([order.setdefault(name, len(order)) for name in names], dtype=np.int64)


def corpus_fingerprint(tracks: Sequence[Track], scales: Sequence[Scale] = ()) -> str:
    """Return one SHA-256 over everything an evaluation depends on.

    Covers per track the id, label, genre, group, recording, votes, listeners, ratings, those over
    time and the digest of the audio file, in corpus order; neither file names nor folders.
    """
    total = hashlib.sha256()
    values = attrgetter("id", "label", "genre", "group", "recording", "votes", "listeners")
    for scale in scales:
        total.update(json.dumps(astuple(scale)).encode() + b"\n")
    for track in tracks:
        row = (*values(track), track.digest.sha256 if track.digest else "")
        ratings = [astuple(rating) for rating in track.ratings]
        total.update(json.dumps((*row, ratings) if ratings else row).encode() + b"\n")
        if track.course is not None:
            total.update(track.course.digest.encode() + b"\n")
    return total.hexdigest()


def keep_scales(tracks: Iterable[Track], kept: NDArray[np.bool_]) -> list[Track]:
    """Return tracks with their ratings on some of the scales; ``kept`` says of each whether."""
    return [
        replace(
            t,
            ratings=tuple(one for one, keep in zip(t.ratings, kept, strict=True) if keep),
            course=t.course and t.course.take(kept),
        )
        for t in tracks
    ]


def audio_digests(paths: Iterable[Path]) -> tuple[FileDigest, ...]:
    """Return what each file holds, in order; DatasetError if one cannot be read."""
    try:
        return file_digests(paths)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"{error.filename}: cannot be read ({reason}); check the file"
        ) from error


def sample_corpus(corpus: Corpus, tracks_per_emotion: int, *, name: str, note: str) -> Corpus:
    """Return a few tracks per emotion, of as many artists and genres as possible.

    Where no track has a label, as many are taken in all as there would be. The name is added to
    that of the corpus: ``emotify`` becomes ``emotify-name``. The note, what readers of results on
    this part must know, stands before the note of the whole.
    """
    chosen: list[int] = []
    for label in sorted({track.label for track in corpus.tracks}):
        by_artist: Counter[str] = Counter()
        by_genre: Counter[str] = Counter()
        ranked = []
        for index, track in enumerate(corpus.tracks):
            if track.label != label:
                continue
            artist = track.group or track.id
            ranked.append((by_artist[artist], by_genre[track.genre], index))
            by_artist[artist] += 1
            by_genre[track.genre] += 1
        count = tracks_per_emotion * (len(EMOTIONS) if label == NO_LABEL else 1)
        chosen += [index for _, _, index in sorted(ranked)[:count]]
    tracks = tuple(corpus.tracks[index] for index in sorted(chosen))
    ids = " ".join(track.id for track in tracks)
    return replace(
        corpus,
        name=f"{corpus.name}-{name}",
        tracks=tracks,
        fingerprint=hashlib.sha256(f"{corpus.fingerprint} {ids}".encode()).hexdigest(),
        note=f"{note} {corpus.note}".strip(),
        vote_table=corpus.vote_table and corpus.vote_table.aligned([t.id for t in tracks]),
    )

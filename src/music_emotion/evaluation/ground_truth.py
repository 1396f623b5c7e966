"""What predictions are scored against, kept beside them.

Beside the predictions of a comparison stands one small file with each track's identifier, dominant
emotion, group and genre, so that the predictions can be scored again anywhere. Listeners' votes
are not written down; where they are needed they come from the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.votes import VoteTable
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.cells import (
    PREDICTIONS,
    arrays_to_bytes,
    read_arrays,
    write_atomically,
)
from music_emotion.evaluation.folds import Protocol, track_groups
from music_emotion.evaluation.scores import Scored

TRUTH = "truth.npz"


@dataclass(frozen=True, slots=True)
class Truth:
    """The scored side of a corpus.

    Attributes
    ----------
    name, fingerprint, note
        The corpus's.
    ids
        Track identifiers, shape (tracks,).
    label, group, genre
        Dominant emotion, artist group and genre of each track, shape (tracks,).
    segment_track
        Track of each segment, shape (segments,).
    folds
        Number of folds of each protocol.
    votes
        Vote fractions, shape (tracks, 9); ``None`` where the corpus has none or is not at hand.
    table
        Listeners' votes one by one, in the order of the tracks, or ``None``.
    """

    name: str
    fingerprint: str
    note: str
    ids: NDArray[np.str_]
    label: NDArray[np.int64]
    group: NDArray[np.int64]
    genre: NDArray[np.str_]
    segment_track: NDArray[np.int64]
    folds: Mapping[Protocol, int]
    votes: NDArray[np.float32] | None = None
    table: VoteTable | None = None

    @property
    def n_groups(self) -> int:
        """Number of artist groups."""
        return int(self.group.max()) + 1

    def with_votes(self, corpus: Corpus, table: VoteTable | None) -> Truth:
        """Return the truth with the votes of its corpus.

        Raises
        ------
        EvaluationError
            If the corpus is another one.
        """
        if corpus.fingerprint != self.fingerprint:
            raise EvaluationError(
                f"these predictions were made on other data than corpus {corpus.name!r}: "
                f"{self.name!r} with fingerprint {self.fingerprint[:12]}"
            )
        return replace(
            self,
            votes=corpus.vote_fractions if corpus.has_votes else None,
            table=None if table is None else table.aligned([track.id for track in corpus.tracks]),
        )

    def scored(
        self,
        protocol: Protocol,
        unit: NDArray[np.int64],
        emotions: NDArray[np.float32],
        intensities: NDArray[np.float32],
    ) -> Scored:
        """Put predictions of units beside the truth."""
        track = self.segment_track[unit] if protocol == "segment" else unit
        return Scored(
            label=self.label[track],
            votes=None if self.votes is None else self.votes[track],
            group=self.group[track],
            n_groups=self.n_groups,
            genre=self.genre[track],
            emotions=emotions,
            intensities=intensities,
        )


def truth_of(
    corpus: Corpus,
    track: NDArray[np.int64],
    folds: Mapping[Protocol, int],
    table: VoteTable | None = None,
) -> Truth:
    """Return what predictions for a corpus are scored against."""
    plain = Truth(
        name=corpus.name,
        fingerprint=corpus.fingerprint,
        note=corpus.note,
        ids=np.array([one.id for one in corpus.tracks]),
        label=corpus.labels,
        group=track_groups("artist", corpus),
        genre=corpus.genres,
        segment_track=np.asarray(track, dtype=np.int64),
        folds=dict(folds),
    )
    return plain.with_votes(corpus, table)


def write_truth(out: Path, truth: Truth) -> None:
    """Write everything but the votes."""
    about = {
        "name": truth.name,
        "fingerprint": truth.fingerprint,
        "note": truth.note,
        "folds": dict(truth.folds),
    }
    arrays: dict[str, NDArray[Any]] = {
        "ids": truth.ids,
        "label": truth.label.astype(np.int8),
        "group": truth.group.astype(np.int32),
        "genre": truth.genre,
        "segment_track": truth.segment_track.astype(np.int32),
        "about": np.array(json.dumps(about)),
    }
    write_atomically(out / PREDICTIONS / TRUTH, arrays_to_bytes(arrays))


def read_truth(out: Path) -> Truth | None:
    """Read what a comparison in ``out`` was scored against; ``None`` where there is nothing."""
    path = out / PREDICTIONS / TRUTH
    if not path.is_file():
        return None
    arrays = read_arrays(path)
    try:
        about = json.loads(str(arrays["about"]))
        return Truth(
            name=about["name"],
            fingerprint=about["fingerprint"],
            note=about["note"],
            ids=arrays["ids"],
            label=arrays["label"].astype(np.int64),
            group=arrays["group"].astype(np.int64),
            genre=arrays["genre"],
            segment_track=arrays["segment_track"].astype(np.int64),
            folds=about["folds"],
        )
    except (KeyError, ValueError) as error:
        raise EvaluationError(f"{path} is damaged: run compare again to write it anew") from error

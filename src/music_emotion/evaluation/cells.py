"""Cells, the resumable units of a comparison, and the files they are kept in.

A cell is one model trained on one fold: its predictions for the test part and a record of how it
went. Every cell is written at once when it is done, atomically; when all folds of a run (a model
under a protocol with a target and a fold seed) are there, they are packed into one file::

    OUT/cells/artist-label-cnn2d-seed42-fold0.npz     while a run is incomplete
    OUT/predictions/artist-label-cnn2d-seed42.npz     when it is complete

Both kinds of file have the same form: arrays ``unit``, ``fold``, ``emotions``, ``intensities`` and
``records``, a JSON text with one entry per fold; those of models that learned ratings have
``ratings``, too, and no columns in the other two. A ``unit`` is the index of a segment under
``segment`` and of a track otherwise. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.datasets.corpus import NO_LABEL, Corpus
from music_emotion.datasets.courses import Moments
from music_emotion.datasets.ratings import Ratings, Scale, scale_rows, scales_of
from music_emotion.datasets.votes import VoteTable
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.folds import Protocol, moments_of, track_groups
from music_emotion.evaluation.scores import Scored
from music_emotion.models.base import Target

CELLS = "cells"
PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """A model under a protocol, with a target and a fold seed."""

    protocol: Protocol
    target: Target
    model: str
    seed: int
    #: of a learning curve: the share of the training groups that are learned from, 0–1, and which
    #: of several trainings on the same folds it is
    share: float = 1.0
    training: int = 0

    @property
    def of_curve(self) -> bool:
        """Whether this is a run for a learning curve alone, and not for the tables."""
        return self.share != 1.0 or self.training != 0

    @property
    def stem(self) -> str:
        """File name without ending; the colon of ``module:function`` is no part of a file name."""
        model = self.model.replace(":", ".")
        share = f"-share{100 * self.share:g}" if self.share != 1.0 else ""
        training = f"-training{self.training}" if self.training else ""
        return f"{self.protocol}-{self.target}-{model}-seed{self.seed}{share}{training}"


@dataclass(frozen=True, slots=True, order=True)
class CellName:
    """One fold of a run."""

    run: Run
    fold: int

    @property
    def stem(self) -> str:
        """File name without ending."""
        return f"{self.run.stem}-fold{self.fold}"

    def __str__(self) -> str:
        run = self.run
        target = "" if run.target == "label" else f" on {run.target}"
        share = f", {100 * run.share:g} % of the training part" if run.share != 1.0 else ""
        training = f", training {run.training + 1}" if run.training else ""
        return (
            f"{run.model}{target}, {run.protocol}, seed {run.seed}, fold {self.fold + 1}"
            f"{share}{training}"
        )


@dataclass(frozen=True, slots=True)
class Record:
    """How a cell was made."""

    key: str  #: SHA-256 of everything the predictions depend on: see :func:`cell_key`
    fingerprint: str
    n_folds: int  #: number of folds of the run
    seconds: float = 0.0  #: training and prediction, wall clock
    threads: int = 1  #: threads the training ran on
    #: of Python and the packages that the predictions depend on
    versions: dict[str, str] = field(default_factory=dict)
    code: str = ""  #: :func:`.provenance.code_digest`; empty where that was not noted
    #: this and the rest: the model's own report
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = -1
    notes: tuple[str, ...] = ()
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """Predictions for the test part of one fold."""

    name: CellName
    unit: NDArray[np.int64]  #: segments or tracks of the corpus, shape (n,), increasing
    emotions: NDArray[np.float32]  #: predictions, shape (n, 9)
    intensities: NDArray[np.float32]  #: predictions, shape (n, 9)
    record: Record
    #: predictions of a model that learned ratings, shape (n, k); ``None`` of others
    ratings: NDArray[np.float32] | None = None


def cell_key(**parts: Any) -> str:
    """Return the SHA-256 of named JSON values and arrays, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        value = parts[name]
        if isinstance(value, np.ndarray):
            text = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        else:
            text = json.dumps(value, sort_keys=True)
        digest.update(f"{name}={text}\n".encode())
    return digest.hexdigest()


class CellStore:
    """The cells of one output folder."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def find(self, name: CellName) -> Cell | None:
        """Return a cell that is on disk, ``None`` where there is none."""
        for path in (self._cell_path(name), self._run_path(name.run)):
            if path.is_file():
                for cell in _read(path):
                    if cell.name == name:
                        return cell
        return None

    def write(self, cell: Cell) -> None:
        """Write a cell; it is there as a whole or not at all."""
        _write(self._cell_path(cell.name), [cell])

    def pack(self, run: Run, keys: Sequence[str]) -> bool:
        """Pack the cells of a run into one file if all of them, with these keys, are there.

        Returns whether they are.
        """
        names = [CellName(run, fold) for fold in range(len(keys))]
        cells = [cell for name in names if (cell := self.find(name)) is not None]
        if [cell.record.key for cell in cells] != list(keys):
            return False
        loose = [path for name in names if (path := self._cell_path(name)).is_file()]
        if loose:
            _write(self._run_path(run), cells)
            for path in loose:
                path.unlink()
            with suppress(OSError):  # other runs are still under way there
                (self.out / CELLS).rmdir()
        return True

    def complete_runs(self) -> Iterator[tuple[Run, tuple[Cell, ...]]]:
        """Yield every packed run in sorted order, with its cells in the order of the folds.

        Runs for learning curves alone are left out; see :meth:`curve_runs`.
        """
        return (one for one in self._packed() if not one[0].of_curve)

    def curve_runs(self) -> Iterator[tuple[Run, tuple[Cell, ...]]]:
        """Yield every packed run that may be part of a learning curve: all of them."""
        return self._packed()

    def _packed(self) -> Iterator[tuple[Run, tuple[Cell, ...]]]:
        for path in sorted((self.out / PREDICTIONS).glob("*-seed*.npz")):
            cells = _read(path)
            if cells:
                yield cells[0].name.run, cells

    def cells(self) -> Iterator[Cell]:
        """Yield every cell on disk, of runs that are complete and of those that are not."""
        for folder in (PREDICTIONS, CELLS):
            for path in sorted((self.out / folder).glob("*-seed*.npz")):
                yield from _read(path)

    def _cell_path(self, name: CellName) -> Path:
        return self.out / CELLS / f"{name.stem}.npz"

    def _run_path(self, run: Run) -> Path:
        return self.out / PREDICTIONS / f"{run.stem}.npz"


def _write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_output(path, buffer.getvalue())


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise EvaluationError(
            f"cannot read {path}: delete it, and the same command makes it again"
        ) from error


def _write(path: Path, cells: Sequence[Cell]) -> None:
    folds = [{"fold": cell.name.fold, **asdict(cell.record)} for cell in cells]
    run = cells[0].name.run
    named = asdict(run) if run.of_curve else _without_curve(asdict(run))
    header = {**named, "folds": folds}
    sizes = [len(cell.unit) for cell in cells]
    ratings = [cell.ratings for cell in cells if cell.ratings is not None]
    _write_arrays(
        path,
        unit=np.concatenate([cell.unit for cell in cells]).astype(np.int32),
        fold=np.repeat([cell.name.fold for cell in cells], sizes).astype(np.int16),
        emotions=np.concatenate([cell.emotions for cell in cells]).astype(np.float32),
        intensities=np.concatenate([cell.intensities for cell in cells]).astype(np.float32),
        records=np.array(json.dumps(header)),
        **({"ratings": np.concatenate(ratings).astype(np.float32)} if ratings else {}),
    )


def _without_curve(run: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, so that earlier versions read the file."""
    return {key: value for key, value in run.items() if key not in ("share", "training")}


def _read(path: Path) -> tuple[Cell, ...]:
    arrays = _read_arrays(path)
    try:
        header = json.loads(str(arrays["records"]))
        folds = header.pop("folds")
        run = Run(**header)
        cells = []
        for entry in folds:
            fold = entry.pop("fold")
            record = Record(**{**entry, "notes": tuple(entry["notes"])})
            chosen = arrays["fold"] == fold
            unit = arrays["unit"][chosen].astype(np.int64)
            emotions, intensities = arrays["emotions"][chosen], arrays["intensities"][chosen]
            ratings = arrays["ratings"][chosen] if "ratings" in arrays else None
            cells.append(Cell(CellName(run, fold), unit, emotions, intensities, record, ratings))
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path} does not hold predictions: delete it") from error
    return tuple(cells)


# --- What predictions are scored against ----------------------------------------------------------

TRUTH = "truth.npz"


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What predictions for a corpus are scored against."""

    name: str
    fingerprint: str
    note: str
    ids: NDArray[np.str_]  #: track identifiers, shape (tracks,)
    label: NDArray[np.int64]  #: dominant emotion of each track, shape (tracks,)
    group: NDArray[np.int64]  #: artist group of each track, shape (tracks,)
    genre: NDArray[np.str_]  #: genre of each track, shape (tracks,)
    track_index: NDArray[np.int64]  #: track of each segment, shape (segments,)
    folds: Mapping[Protocol, int]  #: number of folds of each protocol
    #: vote fractions, shape (tracks, 9); ``None`` where the corpus has none or is not at hand
    votes: NDArray[np.float32] | None = None
    #: listeners' votes one by one, in the order of the tracks, or ``None``
    vote_table: VoteTable | None = None
    scales: tuple[Scale, ...] = ()  #: what the tracks' ratings are on
    #: what raters said of the tracks; ``None`` where the corpus has none or is not at hand
    ratings: Ratings | None = None
    #: what they said of the segments; ``None`` where the corpus has none over time
    moments: Moments | None = None

    @property
    def n_groups(self) -> int:
        """Number of artist groups."""
        return int(self.group.max()) + 1

    def with_votes(self, corpus: Corpus) -> GroundTruth:
        """Return the truth with the votes and ratings of its corpus.

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
        table = corpus.vote_table
        return replace(
            self,
            votes=corpus.vote_fractions if corpus.has_votes else None,
            vote_table=table and table.aligned([track.id for track in corpus.tracks]),
            scales=corpus.scales,
            ratings=corpus.ratings,
            moments=moments_of(corpus, self.track_index),
        )

    @property
    def has_labels(self) -> bool:
        """Whether every track has a dominant emotion."""
        return bool((self.label != NO_LABEL).all())

    def scored(
        self,
        protocol: Protocol,
        unit: NDArray[np.int64],
        emotions: NDArray[np.float32],
        intensities: NDArray[np.float32],
    ) -> Scored:
        """Put predictions of units beside the truth."""
        track_index = self.track_index[unit] if protocol == "segment" else unit
        return Scored(
            label=self.label[track_index],
            votes=None if self.votes is None else self.votes[track_index],
            group=self.group[track_index],
            n_groups=self.n_groups,
            genre=self.genre[track_index],
            emotions=emotions,
            intensities=intensities,
        )


def ground_truth_of(
    corpus: Corpus, track_index: NDArray[np.int64], folds: Mapping[Protocol, int]
) -> GroundTruth:
    """Return what predictions for a corpus are scored against."""
    truth = GroundTruth(
        name=corpus.name,
        fingerprint=corpus.fingerprint,
        note=corpus.note,
        ids=np.array([one.id for one in corpus.tracks]),
        label=corpus.labels,
        group=track_groups("artist", corpus),
        genre=corpus.genres,
        track_index=np.asarray(track_index, dtype=np.int64),
        folds=dict(folds),
    )
    return truth.with_votes(corpus)


def write_ground_truth(out: Path, truth: GroundTruth) -> None:
    """Write everything but the votes and the ratings."""
    about = {key: getattr(truth, key) for key in ("name", "fingerprint", "note")}
    if truth.scales:
        about["scales"] = scale_rows(truth.scales)
    _write_arrays(
        out / PREDICTIONS / TRUTH,
        ids=truth.ids,
        label=truth.label.astype(np.int8),
        group=truth.group.astype(np.int32),
        genre=truth.genre,
        segment_track=truth.track_index.astype(np.int32),
        about=np.array(json.dumps({**about, "folds": dict(truth.folds)})),
    )


def read_ground_truth(out: Path) -> GroundTruth | None:
    """Read what a comparison in ``out`` was scored against; ``None`` where there is nothing.

    Raises
    ------
    EvaluationError
        If the file is damaged.
    """
    path = out / PREDICTIONS / TRUTH
    if not path.is_file():
        return None
    arrays = _read_arrays(path)
    try:
        about = json.loads(str(arrays["about"]))
        scales = scales_of(about.pop("scales", ()))
        return GroundTruth(
            **about,
            scales=scales,
            ids=arrays["ids"],
            label=arrays["label"].astype(np.int64),
            group=arrays["group"].astype(np.int64),
            genre=arrays["genre"],
            track_index=arrays["segment_track"].astype(np.int64),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path} is damaged: run compare again to write it anew") from error

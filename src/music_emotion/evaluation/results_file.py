"""The files of a comparison: ``results.json``, written and read back, and ``summary.csv``.

:class:`Document` is ``results.json``: each field is a key of it. Nothing is computed again when it
is read, so that a page about a comparison shows the very figures that were published, whether or
not the data, the votes or the predictions are still at hand.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError, printable
from music_emotion.evaluation.agreement import Ceilings, PanelCurve
from music_emotion.evaluation.analysis import Conclusions, Confusions, ModelCalibration
from music_emotion.evaluation.bootstrap import BOOTSTRAP_SEED, CONFIDENCE, N_RESAMPLES
from music_emotion.evaluation.cells import PREDICTIONS
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.hypotheses import Ablation, HypothesisTest
from music_emotion.evaluation.learning_curves import LearningCurve
from music_emotion.evaluation.provenance import Command
from music_emotion.evaluation.rating_results import RatingFigures
from music_emotion.evaluation.results import ModelResult, Results, in_tables
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import ProtocolTests
from music_emotion.evaluation.strict_json import (
    DECIMALS,
    OPTIONAL,
    from_json,
    json_key,
    json_text,
)
from music_emotion.models.base import Target

SUMMARY = "summary.csv"
RESULTS = "results.json"
FORMAT = 1

SUMMARY_COLUMNS = (
    "protocol",
    "model",
    "target",
    "metric",
    "value",
    "low",
    "high",
    "seed",
    "repeats",
    "n",
)


@dataclass(frozen=True, slots=True)
class Data:
    """The corpus that was compared on, and its size."""

    name: str
    tracks: int
    segments: int
    groups: int
    fingerprint: str
    note: str


@dataclass(frozen=True, slots=True)
class Intervals:
    """How the intervals were made."""

    confidence: float = CONFIDENCE
    resamples: int = N_RESAMPLES
    seed: int = BOOTSTRAP_SEED
    resampled: str = "artist groups and repeats"


@dataclass(frozen=True, slots=True)
class Panels:
    """What :class:`~music_emotion.evaluation.agreement.PanelCurve` says, emotions averaged."""

    tracks: int
    held_out: int
    sizes: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    mean_r: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far listeners agree: :class:`.Ceilings` by the emotions' names, and the panels."""

    reliability: dict[str, float]
    ceiling_of_r: dict[str, float]
    mean_ceiling_of_r: float
    half_agreement: float
    label_stability: float
    oracle_accuracy: float
    panels: Panels | None = field(default=None, metadata=OPTIONAL)

    @classmethod
    def of(cls, ceilings: Ceilings, curve: PanelCurve | None) -> Agreement:
        """Return what is published of ceilings and panels."""
        panels = None
        if curve is not None:
            panels = Panels(curve.tracks, curve.held_out, curve.sizes, curve.accuracy, curve.mean_r)
        return cls(
            reliability=dict(zip(EMOTIONS, ceilings.reliability.tolist(), strict=True)),
            ceiling_of_r=dict(zip(EMOTIONS, ceilings.r.tolist(), strict=True)),
            mean_ceiling_of_r=ceilings.mean_r,
            half_agreement=ceilings.half_agreement,
            label_stability=ceilings.label_stability,
            oracle_accuracy=ceilings.oracle_accuracy,
            panels=panels,
        )

    @property
    def ceilings(self) -> Ceilings:
        """The ceilings as arrays over the emotions."""
        return Ceilings(
            reliability=np.array([self.reliability[name] for name in EMOTIONS]),
            r=np.array([self.ceiling_of_r[name] for name in EMOTIONS]),
            half_agreement=self.half_agreement,
            label_stability=self.label_stability,
            oracle_accuracy=self.oracle_accuracy,
        )

    @property
    def curve(self) -> PanelCurve | None:
        """The panels; r per emotion is not published here and NaN."""
        if self.panels is None:
            return None
        return PanelCurve(
            sizes=self.panels.sizes,
            accuracy=self.panels.accuracy,
            mean_r=self.panels.mean_r,
            r=np.full((len(self.panels.sizes), len(EMOTIONS)), np.nan),
            tracks=self.panels.tracks,
            held_out=self.panels.held_out,
        )


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that ``results.json`` says."""

    format: int  #: version of the file
    data: Data
    folds: dict[Protocol, int]  #: folds of each protocol
    intervals: Intervals
    commands: tuple[Command, ...]  #: those that contributed, oldest first
    emotions: tuple[str, ...]  #: the nine, in the order of every array
    #: in the order of protocols, targets and models
    rows: tuple[ModelResult, ...] = field(metadata=json_key("results"))
    left_out: tuple[str, ...]  #: what was left out, with the reason
    #: this and the next four: as in :class:`.Conclusions`
    hypotheses: tuple[HypothesisTest, ...] = field(metadata=json_key("findings"))
    ablations: tuple[Ablation, ...] = field(metadata=json_key("smote"))
    paired: tuple[ProtocolTests, ...] = field(metadata=json_key("paired_tests"))
    calibration: tuple[ModelCalibration, ...]
    confusions: Confusions
    #: how far people agree, where their single votes were known
    agreement: Agreement | None = field(metadata=json_key("listeners"))
    #: models that learned ratings, where there are any
    ratings: RatingFigures | None = field(default=None, metadata=OPTIONAL)
    #: figures by the share of the training part, where there are any
    learning_curves: tuple[LearningCurve, ...] | None = field(default=None, metadata=OPTIONAL)

    @classmethod
    def of(
        cls, results: Results, conclusions: Conclusions, commands: Sequence[Command]
    ) -> Document:
        """Return what is published of a comparison."""
        truth, yardstick, ceilings = results.ground_truth, results.yardstick, conclusions.ceilings
        curve = None if yardstick is None else yardstick.curve
        return cls(
            format=FORMAT,
            data=Data(
                truth.name,
                tracks=len(truth.ids),
                segments=len(truth.track_index),
                groups=truth.n_groups,
                fingerprint=truth.fingerprint,
                note=truth.note,
            ),
            folds=dict(truth.folds),
            intervals=Intervals(),
            commands=tuple(commands),
            emotions=EMOTIONS,
            rows=results.models,
            left_out=results.left_out,
            hypotheses=conclusions.hypotheses,
            ablations=conclusions.ablations,
            paired=conclusions.paired,
            calibration=conclusions.calibration,
            confusions=conclusions.confusions,
            agreement=None if ceilings is None else Agreement.of(ceilings, curve),
            ratings=results.ratings,
            learning_curves=results.curves or None,
        )

    @property
    def ceilings(self) -> Ceilings | None:
        """How far people agree."""
        return None if self.agreement is None else self.agreement.ceilings

    @property
    def panels(self) -> PanelCurve | None:
        """How well panels of people predict others."""
        return None if self.agreement is None else self.agreement.curve

    def calibration_of(self, row: ModelResult) -> ModelCalibration:
        """Return the calibration of one of the rows; raise a :class:`KeyError` without one."""
        by_key = {(one.protocol, one.target, one.model): one for one in self.calibration}
        return by_key[row.protocol, row.target, row.model]

    def tables(self) -> list[tuple[Protocol, Target, list[ModelResult]]]:
        """Return the rows of each protocol and target, each table the most accurate model first.

        The most honest protocol comes first, and of its targets the one with the best model.
        """
        rows = sorted(self.rows, key=lambda row: -row.headline["accuracy"].value)
        return in_tables(sorted(rows, key=lambda row: -PROTOCOLS.index(row.protocol)))


def write_figures(
    out: Path, results: Results, conclusions: Conclusions, commands: Sequence[Command]
) -> None:
    """Write ``summary.csv`` and ``results.json``."""
    write_output(out / SUMMARY, summary_csv(results.models, results.ratings).encode())
    document = Document.of(results, conclusions, commands)
    write_output(out / RESULTS, json_text(document).encode())


def read_commands(out: Path) -> list[Command]:
    """Return the commands recorded in an output folder, oldest first.

    Raises
    ------
    EvaluationError
        If its ``results.json`` is damaged.
    """
    path = out / RESULTS
    if not path.is_file():
        return []
    try:
        commands = json.loads(path.read_text(encoding="utf-8"))["commands"]
        return [from_json(Command, command) for command in commands]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{path} is damaged: delete it and run compare again") from error


def read_document(folder: Path) -> Document:
    """Read ``results.json``.

    Raises
    ------
    EvaluationError
        If it is missing, damaged or of another version.
    """
    path, shown = folder / RESULTS, printable(folder)
    if not path.is_file():
        if not folder.is_dir():
            raise EvaluationError(f"{shown} is not a folder: name one that compare wrote")
        remedy = "evaluate" if (folder / PREDICTIONS).is_dir() else "compare --out"
        raise EvaluationError(
            f"{shown} holds no {RESULTS}: write it with `music-emotion {remedy} {shown}`"
        )
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["format"] != FORMAT or tuple(entry["emotions"]) != EMOTIONS:
            raise EvaluationError(
                f"{printable(path)} is of another version: run `music-emotion evaluate {shown}`"
            )
        document: Document = from_json(Document, entry)
        if not document.rows and document.ratings is None:
            raise ValueError("no results")
        for row in document.rows:
            document.calibration_of(row)
            if row.confusion.shape != (len(EMOTIONS), len(EMOTIONS)):
                raise ValueError(f"a confusion matrix of shape {row.confusion.shape}")
        return document
    except OSError as error:
        raise EvaluationError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise EvaluationError(
            f"{printable(path)} is damaged: write it again with `music-emotion evaluate {shown}`"
        ) from error


def summary_rows(
    models: Sequence[ModelResult], ratings: RatingFigures | None = None
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of ``summary.csv``, values as fractions 0–1 and 6 decimal places.

    The metrics of ratings, in their own units, end in the name of the scale.

    A worth in listeners that no panel reaches stands there as the largest panel; the row
    ``…_censored`` below it says so.
    """
    for result in models:
        head = (result.protocol, result.model, result.target)
        seed, repeats = str(result.seeds[0]), str(len(result.seeds))
        for name, estimate in result.headline.items():
            yield (*head, name, *_digits(estimate), seed, repeats, str(result.n))
        if result.worth is not None:
            tracks = str(result.worth.tracks)
            for name, size in (
                ("worth_accuracy", result.worth.by_accuracy),
                ("worth_r", result.worth.by_r),
            ):
                estimate = Estimate(size.value, size.low, size.high)
                yield (*head, name, *_digits(estimate), seed, "1", tracks)
                # 1 where the value, or its upper limit, is only a bound: "> 24".
                bounds = Estimate(float(size.censored), 0.0, float(size.high_censored))
                yield (*head, f"{name}_censored", *_digits(bounds), seed, "1", tracks)
    for row in () if ratings is None else ratings.rows:
        about = (str(row.seeds[0]), str(len(row.seeds)), str(row.n))
        for scale, scores in row.scores.items():
            for name, estimate in scores.items():
                target = "ratings-over-time" if row.over_time else "ratings"
                key = (row.protocol, row.model, target, f"{name}_{scale}")
                yield (*key, *_digits(estimate), *about)


def summary_csv(models: Sequence[ModelResult], ratings: RatingFigures | None = None) -> str:
    """Return the text of ``summary.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    writer.writerows(summary_rows(models, ratings))
    return text.getvalue()


def _digits(estimate: Estimate) -> tuple[str, str, str]:
    def text(value: float) -> str:
        # Adding 0 turns -0 into 0.
        return f"{round(value, DECIMALS) + 0.0:.{DECIMALS}f}" if math.isfinite(value) else ""

    return text(estimate.value), text(estimate.low), text(estimate.high)

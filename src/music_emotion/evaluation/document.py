"""The figures of a comparison read back from ``results.json``, as it was written.

Nothing is computed again, so that a page about a comparison shows the very figures that were
published, whether or not the data, the votes or the predictions are still at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError, printable
from music_emotion.evaluation.agreement import Ceilings, PanelCurve, PanelSize, Worth
from music_emotion.evaluation.analysis import ModelCalibration
from music_emotion.evaluation.calibration import ConstantScores, ReliabilityDiagram
from music_emotion.evaluation.cells import PREDICTIONS, Record
from music_emotion.evaluation.folds import PROTOCOLS, Protocol
from music_emotion.evaluation.output import FORMAT, RESULTS
from music_emotion.evaluation.scores import Estimate
from music_emotion.models.base import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One model under one protocol with one target, as published.

    Attributes
    ----------
    protocol, target, model, seeds, n, seconds, headline, per_emotion, per_genre, confusion, worth
        As in :class:`~music_emotion.evaluation.results.ModelResult`.
    parameters
        Trainable parameters; 0 where the notion does not apply.
    records
        How each fold of the first repeat was made: best epoch and curves.
    calibration
        How well its probabilities mean what they say.
    """

    protocol: Protocol
    target: Target
    model: str
    seeds: tuple[int, ...]
    n: int
    seconds: float
    parameters: int
    headline: dict[str, Estimate]
    per_emotion: dict[str, Estimate]
    per_genre: dict[str, Estimate]
    confusion: NDArray[np.int64]
    worth: Worth | None
    records: tuple[Record, ...]
    calibration: ModelCalibration


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding of the reference study and what came of it, in words."""

    text: str
    protocol: Protocol
    target: Target
    verdict: str
    line: str


@dataclass(frozen=True, slots=True)
class TestLine:
    """A paired test between two models under one protocol; ``difference`` is first minus second.

    Models are named as :func:`.results.model_title` does.
    """

    protocol: Protocol
    first: str
    second: str
    metric: str
    difference: Estimate
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that ``results.json`` says.

    Attributes
    ----------
    name, fingerprint, note
        The corpus's.
    tracks, segments, groups
        Its size.
    folds
        Folds of each protocol.
    commands
        The commands that contributed, oldest first, with date, versions and machine.
    rows
        The models, in the order of protocols, targets and models.
    findings, tests, left_out
        What follows, and what was left out with the reason.
    ceilings, panels
        How far people agree, where their single votes were known.
    """

    name: str
    fingerprint: str
    note: str
    tracks: int
    segments: int
    groups: int
    folds: Mapping[str, int]
    commands: tuple[Mapping[str, Any], ...]
    rows: tuple[Row, ...]
    findings: tuple[FindingLine, ...]
    tests: tuple[TestLine, ...]
    left_out: tuple[str, ...]
    ceilings: Ceilings | None
    panels: PanelCurve | None

    def tables(self) -> Iterator[tuple[Protocol, Target, tuple[Row, ...]]]:
        """Yield the rows of each protocol and target, each table the most accurate model first.

        The most honest protocol comes first, and of its targets the one with the best model.
        """
        for protocol in reversed(PROTOCOLS):
            tables: dict[Target, list[Row]] = {}
            for row in sorted(self.rows, key=lambda row: -row.headline["accuracy"].value):
                if row.protocol == protocol:
                    tables.setdefault(row.target, []).append(row)
            for target, rows in tables.items():
                yield protocol, target, tuple(rows)


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
        return _document(entry)
    except OSError as error:
        raise EvaluationError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise EvaluationError(
            f"{printable(path)} is damaged: write it again with `music-emotion evaluate {shown}`"
        ) from error


def _document(entry: Mapping[str, Any]) -> Document:
    data, listeners = entry["data"], entry["listeners"]
    calibration = {(c["protocol"], c["target"], c["model"]): c for c in entry["calibration"]}
    rows = tuple(
        _row(one, calibration[one["protocol"], one["target"], one["model"]])
        for one in entry["results"]
    )
    if not rows:
        raise ValueError("no results")
    return Document(
        name=str(data["name"]),
        fingerprint=str(data["fingerprint"]),
        note=str(data["note"]),
        tracks=int(data["tracks"]),
        segments=int(data["segments"]),
        groups=int(data["groups"]),
        folds={str(name): int(count) for name, count in entry["folds"].items()},
        commands=tuple(_command(one) for one in entry["commands"]),
        rows=rows,
        findings=tuple(
            FindingLine(f["finding"], f["protocol"], f["target"], f["verdict"], f["line"])
            for f in entry["findings"]
        ),
        tests=tuple(_tests(entry["paired_tests"])),
        left_out=tuple(map(str, entry["left_out"])),
        ceilings=None if listeners is None else _ceilings(listeners),
        panels=None if listeners is None else _panels(listeners.get("panels")),
    )


def _command(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "command": str(entry["command"]),
        "date": str(entry["date"]),
        "cells_trained": int(entry["cells_trained"]),
        "seconds": float(entry["seconds"]),
        "machine": dict(entry["machine"]),
        "versions": dict(entry["versions"]),
    }


def _row(entry: Mapping[str, Any], calibration: Mapping[str, Any]) -> Row:
    first = [cell for cell in entry["cells"] if cell["seed"] == entry["seeds"][0]]
    confusion = np.array(entry["confusion"], dtype=np.int64)
    if confusion.shape != (len(EMOTIONS), len(EMOTIONS)):
        raise ValueError(f"a confusion matrix of shape {confusion.shape}")
    return Row(
        protocol=entry["protocol"],
        target=entry["target"],
        model=str(entry["model"]),
        seeds=tuple(map(int, entry["seeds"])),
        n=int(entry["n"]),
        seconds=float(entry["seconds"]),
        parameters=int(entry["parameters"]),
        headline=_estimates(entry["metrics"]),
        per_emotion=_estimates(entry["per_emotion"]),
        per_genre=_estimates(entry["per_genre"]),
        confusion=confusion,
        worth=None if entry["worth"] is None else _worth(entry["worth"]),
        records=tuple(
            Record("", "", len(first), history=cell["history"], best_epoch=int(cell["best_epoch"]))
            for cell in first
        ),
        calibration=_calibration(calibration),
    )


def _calibration(entry: Mapping[str, Any]) -> ModelCalibration:
    diagram, constant = entry["diagram"], entry["constant"]
    return ModelCalibration(
        protocol=entry["protocol"],
        target=entry["target"],
        model=entry["model"],
        error=_number(entry["error"]),
        band_low=_number(entry["band_low"]),
        band_high=_number(entry["band_high"]),
        inside=bool(entry["inside"]),
        diagram=ReliabilityDiagram(
            edges=_floats(diagram["edges"]),
            count=np.array(diagram["count"], dtype=np.int64),
            confidence=_floats(diagram["confidence"]),
            accuracy=_floats(diagram["accuracy"]),
            error=_number(diagram["error"]),
            overconfidence=_number(diagram["overconfidence"]),
        ),
        bin_low=_floats(entry["bin_low"]),
        bin_high=_floats(entry["bin_high"]),
        log_loss=_number(entry["log_loss"]),
        brier=_number(entry["brier"]),
        constant=ConstantScores(_number(constant["log_loss"]), _number(constant["brier"])),
    )


def _worth(entry: Mapping[str, Any]) -> Worth:
    return Worth(
        by_accuracy=PanelSize(**entry["by_accuracy"]),
        by_r=PanelSize(**entry["by_r"]),
        accuracy=float(entry["accuracy"]),
        mean_r=float(entry["mean_r"]),
        tracks=int(entry["tracks"]),
    )


def _ceilings(entry: Mapping[str, Any]) -> Ceilings:
    return Ceilings(
        reliability=_floats([entry["reliability"][name] for name in EMOTIONS]),
        r=_floats([entry["ceiling_of_r"][name] for name in EMOTIONS]),
        half_agreement=_number(entry["half_agreement"]),
        label_stability=_number(entry["label_stability"]),
        oracle_accuracy=_number(entry["oracle_accuracy"]),
    )


def _panels(entry: Mapping[str, Any] | None) -> PanelCurve | None:
    if entry is None:
        return None
    sizes = np.array(entry["sizes"], dtype=np.int64)
    return PanelCurve(
        sizes=sizes,
        accuracy=_floats(entry["accuracy"]),
        mean_r=_floats(entry["mean_r"]),
        r=np.full((len(sizes), len(EMOTIONS)), np.nan),  # not in this file
        tracks=int(entry["tracks"]),
        held_out=int(entry["held_out"]),
    )


def _tests(entries: list[Mapping[str, Any]]) -> Iterator[TestLine]:
    for table in entries:
        for test in table["tests"]:
            yield TestLine(
                table["protocol"],
                test["first"],
                test["second"],
                test["metric"],
                Estimate(*(_number(test[name]) for name in ("difference", "low", "high"))),
                _number(test["p_adjusted"]),
            )


def _estimates(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Estimate]:
    return {
        str(name): Estimate(*(_number(one[part]) for part in ("value", "low", "high")))
        for name, one in entries.items()
    }


def _number(value: float | None) -> float:
    """Return a number; strict JSON holds no NaN, so ``null`` stands for it."""
    return float("nan") if value is None else float(value)


def _floats(values: list[float | None]) -> Floats:
    return np.array([_number(value) for value in values])

"""``summary.csv`` and ``results.json``: the figures of a comparison as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.analysis import PAIRS, Conclusions
from music_emotion.evaluation.bootstrap import BOOTSTRAP_SEED, CONFIDENCE, N_RESAMPLES
from music_emotion.evaluation.cells import write_atomically
from music_emotion.evaluation.results import (
    ModelResult,
    Repeat,
    Results,
    calmness_against_tenderness,
    summary_csv,
)
from music_emotion.evaluation.strict_json import json_text

SUMMARY = "summary.csv"
RESULTS = "results.json"
FORMAT = 1


def read_commands(out: Path) -> list[dict[str, Any]]:
    """Return the commands recorded in an output folder, oldest first."""
    path = out / RESULTS
    if not path.is_file():
        return []
    try:
        commands = json.loads(path.read_text(encoding="utf-8"))["commands"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{path} is damaged: delete it and run compare again") from error
    return list(commands)


def write_figures(
    out: Path, results: Results, conclusions: Conclusions, commands: Sequence[Mapping[str, Any]]
) -> None:
    """Write ``summary.csv`` and ``results.json``."""
    write_atomically(out / SUMMARY, summary_csv(results).encode())
    document = results_document(results, conclusions, commands)
    write_atomically(out / RESULTS, json_text(document).encode())


def results_document(
    results: Results, conclusions: Conclusions, commands: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return everything about a comparison as one document."""
    truth = results.ground_truth
    return {
        "format": FORMAT,
        "data": {
            "name": truth.name,
            "tracks": len(truth.ids),
            "segments": len(truth.segment_track),
            "groups": truth.n_groups,
            "fingerprint": truth.fingerprint,
            "note": truth.note,
        },
        "folds": dict(truth.folds),
        "intervals": {
            "confidence": CONFIDENCE,
            "resamples": N_RESAMPLES,
            "seed": BOOTSTRAP_SEED,
            "resampled": "artist groups",
        },
        "commands": list(commands),
        "emotions": list(EMOTIONS),
        "results": [_model(result) for result in results.models],
        "left_out": list(results.left_out),
        "findings": [
            {
                "finding": one.claim.text,
                "protocol": one.protocol,
                "target": one.target,
                "better": one.better,
                "worse": one.worse,
                "difference": one.difference,
                "p_adjusted": one.p_adjusted,
                "verdict": one.verdict,
                "missing": list(one.missing),
                "line": str(one),
            }
            for one in conclusions.hypotheses
        ],
        "smote": [
            {
                "protocol": one.protocol,
                "model": one.model,
                "difference": one.difference,
            }
            for one in conclusions.ablations
        ],
        "paired_tests": [
            {
                "protocol": one.protocol,
                "seeds": one.seeds,
                "groups": one.table.groups,
                "tests": one.table.tests,
            }
            for one in conclusions.analysis.paired
        ],
        "calibration": conclusions.analysis.calibration,
        "confusions": {
            "pairs": [[EMOTIONS[i], EMOTIONS[j]] for i, j in PAIRS],
            "people": conclusions.analysis.people_shares,
            "models": conclusions.analysis.confusions,
        },
        "listeners": _listeners(results, conclusions),
    }


def _model(result: ModelResult) -> dict[str, Any]:
    worth = None
    if result.worth is not None:
        worth = {
            "seed": result.seeds[0],
            "tracks": result.worth.tracks,
            "by_accuracy": result.worth.by_accuracy,
            "by_r": result.worth.by_r,
            "accuracy": result.worth.accuracy,
            "mean_r": result.worth.mean_r,
        }
    return {
        "protocol": result.protocol,
        "target": result.target,
        "model": result.model,
        "seeds": list(result.seeds),
        "n": result.n,
        "seconds": result.seconds,
        "parameters": result.repeats[0].records[0].parameters,
        "versions": result.repeats[0].records[0].versions,
        "metrics": result.headline,
        "per_emotion": result.per_emotion,
        "per_genre": result.per_genre,
        "confusion": result.confusion,
        **calmness_against_tenderness(result.confusion),
        "worth": worth,
        "cells": [cell for repeat in result.repeats for cell in _cells(repeat, result.repeats[0])],
    }


def _cells(repeat: Repeat, first: Repeat) -> list[dict[str, Any]]:
    """Describe the folds of a repeat; the training curves of the first one only."""
    return [
        {
            "seed": repeat.seed,
            "fold": fold,
            "seconds": record.seconds,
            "threads": record.threads,
            "best_epoch": record.best_epoch,
            "notes": list(record.notes),
            **({"history": record.history} if repeat is first else {}),
        }
        for fold, record in enumerate(repeat.records)
    ]


def _listeners(results: Results, conclusions: Conclusions) -> dict[str, Any] | None:
    if conclusions.ceilings is None:
        return None
    agreement = conclusions.ceilings
    document: dict[str, Any] = {
        "reliability": dict(zip(EMOTIONS, agreement.reliability, strict=True)),
        "ceiling_of_r": dict(zip(EMOTIONS, agreement.r, strict=True)),
        "mean_ceiling_of_r": agreement.mean_r,
        "half_agreement": agreement.half_agreement,
        "label_stability": agreement.label_stability,
        "oracle_accuracy": agreement.oracle_accuracy,
    }
    if results.yardstick is not None:
        curve = results.yardstick.curve
        document["panels"] = {
            "tracks": curve.tracks,
            "held_out": curve.held_out,
            "sizes": curve.sizes,
            "accuracy": curve.accuracy,
            "mean_r": curve.mean_r,
        }
    return document

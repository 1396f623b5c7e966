"""The file, the picture and the table of the leak of a split over segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.atomic import write_output
from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.leakage import LeakCurve
from music_emotion.evaluation.provenance import Command, record_command
from music_emotion.evaluation.strict_json import json_text, read_json
from music_emotion.report.plots import CLASSIFIER_NAMES, LABEL_NAMES, draw_leak, png_bytes

LEAK = "leak.json"
PICTURE = "leak.png"


@dataclass(frozen=True, slots=True)
class LeakRecord:
    """A leak curve, the command that measured it, and the corpus it was measured on."""

    command: Command
    data: str
    fingerprint: str
    note: str
    curve: LeakCurve


def write_leak(
    curve: LeakCurve, corpus: Corpus, out: Path, arguments: Sequence[str], seconds: float
) -> None:
    """Write ``leak.json`` and ``leak.png`` into a folder."""
    fits = len(curve.lines) * len(curve.neighbours) * curve.folds
    entry = record_command(arguments, fits, seconds)
    record = LeakRecord(entry, corpus.name, corpus.fingerprint, corpus.note, curve)
    write_output(out / LEAK, json_text(record).encode())
    write_output(out / PICTURE, png_bytes(draw_leak(curve)))


def read_leak(folder: Path) -> LeakRecord | None:
    """Return what :func:`write_leak` wrote into a folder, ``None`` without it.

    Raises
    ------
    EvaluationError
        If the file is damaged.
    """
    return read_json(LeakRecord, folder / LEAK, EvaluationError, "music-emotion leak")


def leak_table(curve: LeakCurve) -> str:
    """Return the curve as text for a terminal, in per cent."""
    width = 52
    head = f"{'segments of the test track in training':<{width}}"
    lines = [head + "".join(f"{count:>7}" for count in curve.neighbours)]
    for line in curve.lines:
        name = f"{CLASSIFIER_NAMES[line.classifier]}, {LABEL_NAMES[line.labels]}"
        values = "".join(f"{100 * value:>7.1f}" for value in line.accuracy)
        lines.append(f"{name:<{width}}{values}")
    lines.append(f"{'always the commonest emotion':<{width}}{100 * curve.chance:>7.1f}")
    return "\n".join(lines)

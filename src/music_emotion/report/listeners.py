"""The file and the table about listeners: ceilings, panels, what people confuse."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from music_emotion.atomic import write_output
from music_emotion.datasets.emotify import ANNOTATIONS, REMEDY, find_root
from music_emotion.datasets.votes import VoteTable, read_emotify
from music_emotion.emotions import GEMS
from music_emotion.errors import DatasetError
from music_emotion.evaluation.agreement import (
    Ceilings,
    PanelCurve,
    PeopleConfuse,
    ceilings,
    panel_curve,
    people_confuse,
)
from music_emotion.evaluation.provenance import command_line, machine, today, versions
from music_emotion.evaluation.strict_json import json_text, read_json
from music_emotion.report.tables import SHOWN_PANELS

LISTENERS = "listeners.json"
PICTURE = "listeners.png"


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    """Everything that is known about the listeners of a data set, without any single one."""

    command: str
    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    seed: int
    fingerprint: str  #: SHA-256 of the tracks' identifiers, who heard them and what was ticked
    tracks: int
    rows: int  #: votes
    ceilings: Ceilings
    panels: PanelCurve
    confusions: PeopleConfuse


def measure_listeners(
    vote_table: VoteTable, seed: int, arguments: Sequence[str] | None = None
) -> ListenerFigures:
    """Measure ceilings, panels and confusions of a vote table, and record the command's arguments.

    ``seed`` is that of the random halves and panels.
    """
    used = versions()
    return ListenerFigures(
        command=command_line(arguments or ["listeners", "--seed", str(seed)]),
        date=today(),
        machine=machine(),
        versions={name: used[name] for name in ("python", "numpy", "scipy") if name in used},
        seed=seed,
        fingerprint=_fingerprint(vote_table),
        tracks=len(vote_table.ids),
        rows=len(vote_table),
        ceilings=ceilings(vote_table, seed=seed),
        panels=panel_curve(vote_table, seed=seed),
        confusions=people_confuse(vote_table, seed=seed),
    )


def _fingerprint(vote_table: VoteTable) -> str:
    digest = hashlib.sha256("\n".join(vote_table.ids).encode())
    digest.update(np.ascontiguousarray(vote_table.track_index, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(vote_table.ticks, dtype=np.int8).tobytes())
    return digest.hexdigest()


def write_listeners(
    votes: Path | None, out: Path, seed: int, arguments: Sequence[str] | None = None
) -> ListenerFigures:
    """Measure the listeners and write ``listeners.json`` and ``listeners.png`` into a folder.

    ``votes`` is a CSV with one row per listener and track, EMOTIFY's where ``None``; the others are
    as for :func:`measure_listeners`.

    Raises
    ------
    DatasetError
        If there are no votes.
    """
    from music_emotion.report.plots import draw_panels, png_bytes

    if votes is None:
        root = find_root()
        if root is None:
            raise DatasetError(f"no listeners' votes: {REMEDY}")
        votes = root / ANNOTATIONS
    figures = measure_listeners(read_emotify(votes), seed, arguments)
    write_output(out / LISTENERS, json_text(figures).encode())
    write_output(out / PICTURE, png_bytes(draw_panels(figures.panels)))
    return figures


def read_listeners(folder: Path) -> ListenerFigures | None:
    """Return the figures that :func:`write_listeners` wrote into a folder, ``None`` without them.

    Raises
    ------
    DatasetError
        If the file is damaged.
    """
    command = "music-emotion listeners"
    return read_json(ListenerFigures, folder / LISTENERS, DatasetError, command)


def listeners_table(figures: ListenerFigures) -> str:
    """Return the figures as text for a terminal."""
    found, panels = figures.ceilings, figures.panels
    lines = [
        f"{figures.rows} votes on {figures.tracks} tracks",
        f"two random halves of the listeners name the same emotion: {found.half_agreement:.1%}",
        f"the listeners resampled give the label again: {found.label_stability:.1%}",
        f"an oracle that knows the vote probabilities: {found.oracle_accuracy:.1%}",
        "",
        f"{'emotion':<20}{'reliability':>12}{'highest r':>12}",
    ]
    lines += [
        f"{emotion.label:<20}{reliability:>12.2f}{r:>12.2f}"
        for emotion, reliability, r in zip(GEMS, found.reliability, found.r, strict=True)
    ]
    lines += [
        f"{'mean':<20}{'':>12}{found.mean_r:>12.2f}",
        "",
        f"panels that predict {panels.held_out} others on {panels.tracks} tracks",
        f"{'listeners':<20}{'accuracy':>12}{'mean r':>12}",
    ]
    lines += [
        f"{size:<20}{panels.accuracy[size - 1]:>12.3f}{panels.mean_r[size - 1]:>12.3f}"
        for size in SHOWN_PANELS
        if size <= len(panels.sizes)
    ]
    return "\n".join(lines)

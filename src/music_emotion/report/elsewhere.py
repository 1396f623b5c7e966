"""The file and the tables of how models agree with listeners of music that is not EMOTIFY's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from music_emotion.emotions import GEMS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import read_json
from music_emotion.report.tables import NOTHING, coded, difference, markdown_table, number

ELSEWHERE = "elsewhere.json"

MEASURES: Mapping[str, str] = {
    "arousal": "arousal of a piece",
    "arousal_over_time": "arousal over time",
    "arousal_moving": "arousal over time, the third that moves most",
    "valence": "valence of a piece",
    "valence_over_time": "valence over time",
    "valence_moving": "valence over time, the third that moves most",
}
"""Rank correlations with the raters, and what each is called."""

QUADRANTS: Mapping[tuple[bool, bool], str] = {
    (True, True): "pleasant and stirring",
    (True, False): "pleasant and quiet",
    (False, True): "unpleasant and stirring",
    (False, False): "unpleasant and quiet",
}
"""What raters say of a piece: whether valence and arousal are above the middle of the pieces."""

Kind = Literal["model", "peer", "sound", "people", "difference", "variant"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one thing agrees with the raters."""

    name: str
    kind: Kind
    figures: dict[str, Estimate]  #: by :data:`MEASURES`; one that it does not have is missing
    version: str = ""  #: of a model


@dataclass(frozen=True, slots=True)
class NamedFirst:
    """Which emotions a model names first."""

    model: str
    pieces: dict[str, int]  #: for which this emotion is the first, by emotion
    calm: int  #: pieces that are called calm
    calm_unpleasant: int  #: of these, in the lowest quarter of rated valence
    sure: int  #: pieces that are called calm with a confidence of .8 at least
    sure_unpleasant: int  #: of these, in the lowest quarter of rated valence
    #: pieces by what raters say of them, :data:`QUADRANTS`, and by the emotion named first
    quadrants: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Models beside plain properties of sound, another system and people, on pieces with raters."""

    command: str
    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    data: str  #: name of the data set
    pieces: int
    games: int  #: which stay whole when pieces are drawn anew
    pieces_over_time: int  #: those long enough to be followed
    resamples: int
    rows: tuple[Agreement, ...]
    named: tuple[NamedFirst, ...]
    taken_apart: str = ""  #: the model that `variants` are of
    variants: tuple[Agreement, ...] = ()


def read_elsewhere(folder: Path) -> Elsewhere | None:
    """Return what ``benchmarks/vgmidi.py --json`` wrote into a folder, ``None`` without it.

    Raises
    ------
    EvaluationError
        If the file is damaged.
    """
    command = "python benchmarks/vgmidi.py RATINGS RENDERED --json results/elsewhere.json"
    return read_json(Elsewhere, folder / ELSEWHERE, EvaluationError, command)


def elsewhere_table(found: Elsewhere) -> str:
    """Return everything as one Markdown table, a row per thing that was compared."""
    named = {row.model: _named_cells(row) for row in found.named}
    body = [[*_agreement_cells(row), *named.get(row.name, ("", "", ""))] for row in found.rows]
    return markdown_table(["", *MEASURES.values(), *NAMED_HEADER], body)


def agreement_table(found: Elsewhere) -> str:
    """Return the rank correlations with the raters as a Markdown table."""
    return markdown_table(["", *MEASURES.values()], map(_agreement_cells, found.rows))


def variants_table(found: Elsewhere) -> str:
    """Return how far the model that was taken apart agrees as a Markdown table."""
    whole = [row for row in found.rows if row.name == found.taken_apart]
    return markdown_table(
        ["", *MEASURES.values()], map(_agreement_cells, (*whole, *found.variants))
    )


def named_table(found: Elsewhere) -> str:
    """Return which emotions models name first as a Markdown table."""
    body = [[coded(row.model), *_named_cells(row)] for row in found.named]
    return markdown_table(["model", *NAMED_HEADER], body)


NAMED_HEADER = (
    "named first, pieces",
    "in the lowest quarter of rated valence, of those called calm",
    "of those called calm with a confidence of .8",
)


def quadrant_table(found: Elsewhere, model: str) -> str:
    """Return which emotions a model names first for what raters say as a Markdown table."""
    body = [
        [name, str(sum(pieces.values())), _names(pieces)]
        for row in found.named
        if row.model == model
        for name, pieces in row.quadrants.items()
    ]
    return markdown_table(["raters say", "pieces", f"{coded(model)} names first"], body)


def _agreement_cells(row: Agreement) -> list[str]:
    cell = difference if row.kind == "difference" else lambda one: number(one, 2)
    name = f"`{row.name}`" if row.kind == "model" else row.name
    figures = [row.figures.get(measure) for measure in MEASURES]
    return [name, *(NOTHING if one is None else str(cell(one)) for one in figures)]


def _named_cells(row: NamedFirst) -> tuple[str, str, str]:
    calm = f"{row.calm_unpleasant} of {row.calm}"
    return _names(row.pieces), calm, f"{row.sure_unpleasant} of {row.sure}"


def _names(pieces: Mapping[str, int]) -> str:
    """Return emotions with how many pieces, the commonest first."""
    labels = {emotion.name: emotion.label for emotion in GEMS}
    order = sorted(pieces.items(), key=lambda item: -item[1])
    return ", ".join(f"{labels[name]} {count}" for name, count in order if count)

"""The file and the tables of whether a track's answer is the mean of its parts' answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.strict_json import read_json
from music_emotion.report.tables import coded, markdown_table, percent

ONE_ANSWER = "one_answer.json"


@dataclass(frozen=True, slots=True)
class Joined:
    """Six stretches joined to a track, against the mean of what is said of each alone.

    Attributes
    ----------
    parts: what was joined, and which model was asked
    joins: how many tracks were joined
    own: half the summed absolute difference of the nine probabilities from the mean of the join's
        own timeline, the largest of all joins
    first, half_difference: share of joins whose first emotion is that of the parts' mean, by
        seconds; half the summed absolute difference from it, mean over joins
    first_by_part, half_difference_by_part: the same of the mean in which each part counts the same
    """

    parts: str
    joins: int
    own: float
    first: float
    half_difference: float
    first_by_part: float
    half_difference_by_part: float


@dataclass(frozen=True, slots=True)
class RankWithVotes:
    """Rank correlation over EMOTIFY's tracks with the signed sum of their own votes."""

    dimension: str  #: valence or arousal
    as_read: float  #: as the packaged model's card says
    from_intensities: float  #: from the intensities alone


@dataclass(frozen=True, slots=True)
class OneModel:
    """What was measured of one recipe."""

    model: str
    tracks: int  #: of EMOTIFY, predicted by models that heard nothing by their artists
    own: float  #: as that of `Joined`, the largest of these tracks
    joined: tuple[Joined, ...]
    ranks: tuple[RankWithVotes, ...]


@dataclass(frozen=True, slots=True)
class OneAnswer:
    """What was measured, and with what."""

    command: str
    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    seed: int
    models: tuple[OneModel, ...]


def read_one_answer(folder: Path) -> OneAnswer | None:
    """Return what ``benchmarks/one_answer.py --json`` wrote into a folder, ``None`` without it.

    Raises
    ------
    EvaluationError
        If the file is damaged.
    """
    command = "python benchmarks/one_answer.py --json results/one_answer.json"
    return read_json(OneAnswer, folder / ONE_ANSWER, EvaluationError, command)


def joined_table(found: OneAnswer) -> str:
    """Return what joins say beside their parts as a Markdown table."""
    body = [
        [
            coded(one.model),
            row.parts,
            str(row.joins),
            f"{percent(row.first, 0)} % ({percent(row.first_by_part, 0)} %)",
            f"{row.half_difference:.3f} ({row.half_difference_by_part:.3f})",
        ]
        for one in found.models
        for row in one.joined
    ]
    header = ["model", "six parts", "joins", "first emotion the same", "half L1"]
    return markdown_table(header, body)


def rank_table(found: OneAnswer) -> str:
    """Return how valence and arousal rank beside the votes as a Markdown table."""
    body = [
        [coded(one.model), row.dimension, f"{row.from_intensities:.3f}", f"{row.as_read:.3f}"]
        for one in found.models
        for row in one.ranks
    ]
    return markdown_table(["model", "", "from intensities alone", "as its card says"], body)

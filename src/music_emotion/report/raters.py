"""How far the raters of a corpus agree: of whole tracks, and over time within tracks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from music_emotion.atomic import write_output
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.courses import REACTION_SECONDS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import (
    RatingCeiling,
    course_ceilings,
    rating_ceilings,
    spearman_brown,
)
from music_emotion.evaluation.folds import moments_of
from music_emotion.evaluation.provenance import command_line, machine, today, versions
from music_emotion.evaluation.strict_json import json_text
from music_emotion.features.segments import EXCERPT_SECONDS, SEGMENT_SECONDS
from music_emotion.report.ratings import agreement_line

RATERS = "raters.json"
PANELS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class RaterFigures:
    """What is known of the raters of a corpus, without any single one."""

    command: str
    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    data: str
    fingerprint: str
    tracks: int
    whole: tuple[RatingCeiling, ...]
    over_time: tuple[RatingCeiling, ...]  #: within tracks


def measure_raters(corpus: Corpus, arguments: Sequence[str]) -> RaterFigures:
    """Measure how far the raters of a corpus agree, and record the command's arguments.

    Raises
    ------
    EvaluationError
        If it has no ratings, or nothing tells how its raters scatter.
    """
    ratings = corpus.ratings
    if ratings is None:
        raise EvaluationError(
            f"corpus {corpus.name!r} has no ratings; name their columns with --ratings, or leave "
            "--csv and --data out for EMOTIFY's votes"
        )
    over_time: tuple[RatingCeiling, ...] = ()
    if corpus.has_courses:
        counts = [_segments(t.course.time) if t.course is not None else 0 for t in corpus.tracks]
        moments = moments_of(corpus, np.repeat(np.arange(len(corpus)), counts))
        over_time = () if moments is None else course_ceilings(moments)
    found = rating_ceilings(ratings)
    if not found and not over_time:
        raise EvaluationError(
            f"corpus {corpus.name!r} does not tell how its raters scatter; give each rating's "
            "standard deviation and the number of raters, as in 'valence_sd' and 'raters'"
        )
    return RaterFigures(
        command=command_line(arguments),
        date=today(),
        machine=machine(),
        versions=versions(),
        data=corpus.name,
        fingerprint=corpus.fingerprint,
        tracks=len(corpus),
        whole=found,
        over_time=over_time,
    )


def _segments(time: np.ndarray) -> int:
    """Return how many segments of a track the answers are about, of those that are looked at."""
    heard = min(float(time.max(initial=0.0)) - REACTION_SECONDS, EXCERPT_SECONDS)
    return max(0, math.ceil(heard / SEGMENT_SECONDS))


def write_raters(out: Path, figures: RaterFigures) -> None:
    """Write ``raters.json``."""
    write_output(out / RATERS, json_text(figures).encode())


def raters_table(figures: RaterFigures) -> str:
    """Return the figures as text for a terminal."""
    lines = [f"{figures.tracks} tracks of {figures.data}"]
    for title, ceilings in (
        ("of whole tracks", figures.whole),
        ("over time, within tracks", figures.over_time),
    ):
        if ceilings:
            lines += ["", f"ratings {title}", *map(agreement_line, ceilings), ""]
            lines.append(f"{'raters that agree with their mean by r':<40}" + _heads(ceilings))
            lines += [f"{size:<40}" + _panel(size, ceilings) for size in PANELS]
            lines.append(
                f"{'a perfect predictor':<40}" + "".join(f"{c.r:>10.2f}" for c in ceilings)
            )
    return "\n".join(lines)


def _heads(ceilings: Sequence[RatingCeiling]) -> str:
    return "".join(f"{ceiling.scale[:9]:>10}" for ceiling in ceilings)


def _panel(size: int, ceilings: Sequence[RatingCeiling]) -> str:
    """Return how the mean of so many raters correlates with the mean of those there are."""
    of_panels = (spearman_brown(one.reliability_of_one, size) * one.reliability for one in ceilings)
    return "".join(f"{of_panel**0.5:>10.2f}" for of_panel in of_panels)

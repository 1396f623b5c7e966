"""A packaged model held against somebody else's ratings, beside simple properties of the sound.

Nothing is learned: the model says what it says of any music. Of valence and arousal it is asked its
own reading, −1 to 1; of one of the nine emotions, or a word for it, its intensity; of labels its
emotions; of quadrants both dimensions. A model that has learned ratings is asked those. A property
is a mean over the first minute, as the features are. Where there are ratings over time, a model
that follows them is held against these, too, within the tracks: of the first minute, as
`compare --target ratings-over-time` does.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.datasets.corpus import LEFT_OUT, Corpus
from music_emotion.datasets.courses import FEWEST_MOMENTS, REACTION_SECONDS
from music_emotion.datasets.ratings import Ratings, Scale
from music_emotion.errors import EvaluationError
from music_emotion.evaluation import scores
from music_emotion.evaluation.agreement import RatingCeiling, course_ceilings, rating_ceilings
from music_emotion.evaluation.bootstrap import (
    N_RESAMPLES,
    percentile_interval,
    resample_groups,
    sum_by_group,
)
from music_emotion.evaluation.folds import moments_of, track_groups, unheard_courses
from music_emotion.evaluation.metrics import METRICS, RATING_METRICS, area_of_groups
from music_emotion.evaluation.provenance import command_line, machine, today, versions
from music_emotion.evaluation.rating_results import RatedItems, score_ratings
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.evaluation.strict_json import OPTIONAL, json_text
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.rating_model import RatingPrediction
from music_emotion.report.answers import DIMENSIONS, Answers, quadrants, truths
from music_emotion.report.ratings import agreement_line
from music_emotion.report.sound_properties import MEANINGS, SoundProperties
from music_emotion.report.tables import NOTHING, markdown_table, number, share

Floats = NDArray[np.float64]

FIGURES, SUMMARY, PREDICTIONS, README = (
    "cross-test.json",
    "summary.csv",
    "predictions.csv",
    "README.md",
)
FEWEST_TRACKS = 3

AREA, HITS = "roc_auc", "accuracy"

QUADRANTS_MEANING = (
    "How often valence and arousal both lie on the side of the middle of their scale where the "
    "raters put them. Beside the model the mode of the sound stands for valence, and its level or "
    "flux, above the median of the tracks or not, for arousal; and the quadrant that is commonest "
    "here."
)

OVER_TIME = " over time"
"""Ends the name of a scale whose course within tracks is meant."""

OVER_TIME_MEANING = (
    "Over time: within each track that was rated at four or more of the segments of 3 s of its "
    "first minute, by how much they differ from its mean; then the mean over tracks. Raters are "
    f"taken to answer {REACTION_SECONDS:g} s late."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing held against the ratings on one scale."""

    scale: str
    name: str  #: of the model, or of the property
    is_model: bool
    #: by :data:`.metrics.RATING_METRICS`, those that make sense; of what is or is not (0 or 1) its
    #: :data:`AREA`, of quadrants their :data:`HITS`
    figures: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class CrossTest:
    """How a model agrees with somebody's ratings, votes or labels."""

    command: str
    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    model: str
    model_version: str
    data: str
    fingerprint: str
    tracks: int
    groups: int
    resamples: int
    rows: tuple[Compared, ...]  #: scale by scale, the model first
    ceilings: tuple[RatingCeiling, ...]
    #: metrics of labels, and of votes, where there are any
    labels: dict[str, Estimate] | None = field(default=None, metadata=OPTIONAL)
    left_out: tuple[str, ...] = ()
    #: how often each names the quadrant of valence and arousal, where both are rated
    quadrants: tuple[Compared, ...] = field(default=(), metadata=OPTIONAL)
    #: of how many tracks the model is known to have learned, where of any
    heard_in_training: int | None = field(default=None, metadata=OPTIONAL)

    @property
    def follows(self) -> bool:
        """Whether ratings over time are among what was compared."""
        return any(row.scale.endswith(OVER_TIME) for row in self.rows)

    @property
    def novelty(self) -> str:
        """Whether the music is new to the model, in a sentence."""
        if self.heard_in_training is None:
            return "None of these tracks is known to be one that the model learned from."
        return (
            f"The model learned from {self.heard_in_training} of these {self.tracks} tracks, which "
            "it partly knows by heart: the figures do not say what it is worth on other music."
        )


Predictions = Sequence[TrackPrediction] | Sequence[RatingPrediction]


def cross_test(
    corpus: Corpus,
    predictions: Predictions,
    properties: SoundProperties,
    arguments: Sequence[str],
    left_out: Sequence[str] = (),
    *,
    learned_from: str = "",
) -> CrossTest:
    """Hold predictions against the ratings, votes and labels of a corpus.

    Parameters
    ----------
    corpus, predictions
        The tracks, and what the model says of each.
    properties
        What to compare with.
    arguments
        The command line, which is written down.
    left_out
        A line for each thing that was left out before.
    learned_from
        What the model's card says of its data; all tracks were learned where it holds their
        fingerprint.

    Raises
    ------
    EvaluationError
        If the model says nothing of what there is, or there are too few tracks.
    """
    if len(corpus) < FEWEST_TRACKS:
        raise EvaluationError(
            f"{len(corpus)} tracks are too few to tell how a model agrees with anybody: give "
            f"{FEWEST_TRACKS} or more"
        )
    group = track_groups("artist", corpus)
    draws = resample_groups(int(group.max()) + 1)
    remarks = list(left_out)
    rows = list[Compared]()
    answers = Answers.of(predictions)
    ratings = truths(corpus, answers)
    of_tracks = properties.of_tracks(len(corpus))
    for place, scale in enumerate(ratings.scales):
        if answers.said(scale.name) is None:
            remarks.append(
                f"{LEFT_OUT}{scale.name}: a model says nothing of it; it has "
                f"{', '.join(answers.names)}"
            )
        rows += _on_scale(scale, ratings.mean[:, place], answers, of_tracks, group, draws)
    followed, of_courses = _over_time(corpus, predictions, properties, group, draws)
    named_quadrants = _quadrants(ratings, answers, of_tracks, group, draws)
    labels = None
    if corpus.has_labels and answers.emotions is not None:
        labels = _labels(corpus, answers, group, draws)
    if not rows and labels is None:
        nothing = f"{answers.model} says nothing of labels; it has {', '.join(answers.names)}"
        raise EvaluationError(remarks[-1].removeprefix(LEFT_OUT) if remarks else nothing)
    remarks += unheard_courses(corpus, properties.track_index)
    named = {row.scale for row in rows}
    is_its_own = corpus.fingerprint in learned_from
    return CrossTest(
        command=command_line(arguments),
        date=today(),
        machine=machine(),
        versions=versions(),
        model=answers.model,
        model_version=answers.version,
        data=corpus.name,
        fingerprint=corpus.fingerprint,
        tracks=len(corpus),
        groups=int(group.max()) + 1,
        resamples=N_RESAMPLES,
        rows=(*rows, *followed),
        ceilings=(*(one for one in rating_ceilings(ratings) if one.scale in named), *of_courses),
        labels=labels,
        left_out=tuple(remarks),
        quadrants=named_quadrants,
        heard_in_training=len(corpus) if is_its_own else answers.heard_in_training,
    )


def _on_scale(
    scale: Scale,
    rated: Floats,
    answers: Answers,
    properties: Mapping[str, Floats],
    group: NDArray[np.int64],
    draws: Floats,
    piece: NDArray[np.int64] | None = None,
) -> Iterator[Compared]:
    """Score the model, and each property, against ratings; nothing where the model says nothing."""
    said = answers.said(scale.name)
    if said is None:
        return
    named = scale if piece is None else replace(scale, name=scale.name + OVER_TIME)
    ends = answers.on(scale)
    yield _compared(named, answers.model, True, rated, said, ends, group, draws, piece)
    for name, values in properties.items():
        yield _compared(named, name, False, rated, values, None, group, draws, piece)


def _over_time(
    corpus: Corpus,
    predictions: Predictions,
    properties: SoundProperties,
    group: NDArray[np.int64],
    draws: Floats,
) -> tuple[list[Compared], list[RatingCeiling]]:
    """Return how the courses of ratings are followed, and their ceilings; nothing without any."""
    track_index = properties.track_index
    moments = moments_of(corpus, track_index)
    if moments is None:
        return [], []
    answers = Answers.over_time(predictions, track_index)
    if answers is None:
        return [], []
    of_segments = properties.of_segments()
    rows = list[Compared]()
    for place, scale in enumerate(moments.scales):
        rated = moments.mean[:, place]
        if _followed(rated, track_index):
            of_segment = group[track_index]
            rows += _on_scale(scale, rated, answers, of_segments, of_segment, draws, track_index)
    named = {row.scale for row in rows}
    ceilings = [replace(one, scale=one.scale + OVER_TIME) for one in course_ceilings(moments)]
    return rows, [one for one in ceilings if one.scale in named]


def _followed(rated: Floats, track_index: NDArray[np.int64]) -> bool:
    """Whether some track is rated at enough of its segments."""
    counts = np.bincount(track_index[np.isfinite(rated)])
    return bool(counts.max(initial=0) >= FEWEST_MOMENTS)


def _compared(
    scale: Scale,
    name: str,
    is_model: bool,
    rated: Floats,
    said: Floats,
    on_scale: Floats | None,
    group: NDArray[np.int64],
    draws: Floats,
    piece: NDArray[np.int64] | None,
) -> Compared:
    """Score one thing; sizes count only where it is on the scale of the ratings."""
    values = said if on_scale is None else on_scale
    known = np.where(np.isfinite(values), rated, np.nan)[:, None]
    items = RatedItems(known, np.nan_to_num(values)[:, None], group, draws.shape[1], piece)
    figures = score_ratings([scale.name], [items], draws)[scale.name]
    kept = ("pearson_r", "spearman_rho") if on_scale is None else tuple(figures)
    chosen = {metric: figures[metric] for metric in kept}
    if piece is None and len(np.unique(known[np.isfinite(known)])) == 2:
        chosen[AREA] = _area(known[:, 0], values, group, draws)
    return Compared(scale.name, name, is_model, chosen)


def _area(rated: Floats, said: Floats, group: NDArray[np.int64], draws: Floats) -> Estimate:
    """Return the chance that a track of the higher rating is given more than one of the lower."""
    there = np.isfinite(rated)
    carries = rated[there] == rated[there].max()
    once, drawn = (
        area_of_groups(carries, said[there], group[there], weights)
        for weights in (np.ones((1, draws.shape[1])), draws)
    )
    return Estimate(float(once[0]), *percentile_interval(drawn))


def _quadrants(
    ratings: Ratings,
    answers: Answers,
    properties: Mapping[str, Floats],
    group: NDArray[np.int64],
    draws: Floats,
) -> tuple[Compared, ...]:
    """Return how often each names the quadrant that the raters do, where they rate both.

    A property of the sound stands for arousal, and the mode for valence: high is what is above the
    median of the tracks, and major. The commonest quadrant is that of these very tracks.
    """
    scales = {scale.name: scale for scale in ratings.scales}
    if not set(DIMENSIONS) <= set(scales):
        return ()
    ends = [scales[name] for name in DIMENSIONS]
    said = [values for scale in ends if (values := answers.on(scale)) is not None]
    if len(said) < len(ends):
        return ()
    valence, arousal = (ratings.mean[:, ratings.names.index(scale.name)] for scale in ends)
    truth = quadrants(valence, arousal, ends)
    named = {answers.model: quadrants(said[0], said[1], ends)}
    plain = [Scale("valence", -1.0, 1.0), Scale("arousal", -1.0, 1.0)]
    for name in ("level", "flux"):
        if name in properties and "mode" in properties:
            about = properties[name] - np.nanmedian(properties[name])
            named[f"mode and {name}"] = quadrants(properties["mode"], about, plain)
    known = truth >= 0
    commonest = np.bincount(truth[known], minlength=4).argmax() if known.any() else 0
    named["the commonest"] = np.full(len(truth), commonest)
    return tuple(
        Compared(
            "quadrant",
            name,
            name == answers.model,
            {HITS: _hits(truth[known] == quadrant[known], group[known], draws)},
        )
        for name, quadrant in named.items()
    )


def _hits(is_right: NDArray[np.bool_], group: NDArray[np.int64], draws: Floats) -> Estimate:
    """Return the share of right answers."""
    pairs = np.column_stack([is_right, np.ones(len(is_right))]).astype(np.float64)
    sums = draws @ sum_by_group(pairs, group, draws.shape[1])
    some = np.maximum(sums[:, 1], 1.0)
    drawn = np.where(sums[:, 1] > 0, sums[:, 0] / some, np.nan)
    return Estimate(float(is_right.mean()), *percentile_interval(drawn))


def _labels(
    corpus: Corpus, answers: Answers, group: NDArray[np.int64], draws: Floats
) -> dict[str, Estimate]:
    """Return the metrics of labels, and those of votes where there are any."""
    assert answers.emotions is not None, "a model of ratings is not asked"
    assert answers.intensities is not None, "they come together"
    items = Scored(
        label=corpus.labels,
        votes=corpus.vote_fractions if corpus.has_votes else None,
        group=group,
        n_groups=draws.shape[1],
        genre=corpus.genres,
        emotions=answers.emotions,
        intensities=answers.intensities,
    )
    return {
        metric.name: scores.estimate(metric, [items], draws)
        for metric in METRICS
        if corpus.has_votes or not metric.needs_votes
    }


# --- Files ---------------------------------------------------------------------------------------


def write_cross_test(
    out: Path,
    found: CrossTest,
    corpus: Corpus,
    predictions: Predictions,
    properties: SoundProperties,
) -> None:
    """Write figures as JSON and CSV, what was said of each track, and a page that shows them."""
    write_output(
        out / PREDICTIONS,
        _csv(_tracks(corpus, predictions, properties.of_tracks(len(corpus)))).encode(),
    )
    write_output(out / SUMMARY, _csv(_summary(found)).encode())
    write_output(out / FIGURES, json_text(found).encode())
    write_output(out / README, cross_test_page(found).encode())


def cross_test_page(found: CrossTest) -> str:
    """Return the figures as a page in Markdown."""
    version = f" {found.model_version}" if found.model_version else ""
    parts = [
        f"# `{found.model}`{version} on {found.data}",
        f"{found.tracks} tracks in {found.groups} groups that stay whole. Intervals are 95 % "
        f"bootstrap intervals from {found.resamples:,} resamples of whole groups. {found.novelty} "
        "Properties of the sound stand beside it as they are.",
    ]
    if found.rows:
        parts.append(cross_test_table(found))
    if found.follows:
        parts.append(OVER_TIME_MEANING)
    if found.ceilings:
        parts.append("\n".join(f"- {agreement_line(ceiling)}" for ceiling in found.ceilings))
    if found.quadrants:
        body = [
            [f"`{row.name}`" if row.is_model else row.name, str(share(row.figures[HITS]))]
            for row in found.quadrants
        ]
        parts += ["## Quadrants", QUADRANTS_MEANING, markdown_table(["", "right, per cent"], body)]
    if found.labels is not None:
        known = [
            (metric, found.labels[metric.name]) for metric in METRICS if metric.name in found.labels
        ]
        body = [
            [metric.title, str(share(one) if metric.is_share else number(one)), metric.meaning]
            for metric, one in known
        ]
        parts += ["## Labels", markdown_table(["", "model", ""], body)]
    meanings = [f"- {name}: {meaning}" for name, meaning in MEANINGS.items()]
    parts += ["## Properties of the sound", "\n".join(meanings)]
    lines = [f"Data fingerprint `{found.fingerprint}`.", "", f"- `{found.command}` ({found.date})"]
    lines += [f"- {line}" for line in found.left_out]
    return "\n\n".join([*parts, "## Where the figures come from", "\n".join(lines)]) + "\n"


def cross_test_table(found: CrossTest) -> str:
    """Return the figures of every scale as a Markdown table."""
    ceilings = {one.scale: one for one in found.ceilings}
    columns = {metric.name: metric.title for metric in RATING_METRICS}
    if any(AREA in row.figures for row in found.rows):
        columns[AREA] = "AUC"
    body = []
    for row in found.rows:
        name = f"`{row.name}`" if row.is_model else f"{row.name} alone"
        cells = [
            str(number(row.figures[name], 2)) if name in row.figures else NOTHING
            for name in columns
        ]
        body.append([row.scale, name, *cells])
    for scale, one in ceilings.items():
        values = (f"{one.r:.2f}", NOTHING, f"{one.ccc:.2f}", f"{one.rmse:.2f}", f"{one.r2:.2f}")
        more = [NOTHING] * (len(columns) - len(values))
        body.append([scale, "ceiling of the raters' scatter", *values, *more])
    order = {scale: place for place, scale in enumerate(dict.fromkeys(r.scale for r in found.rows))}
    body.sort(key=lambda cells: order[cells[0]])
    return markdown_table(["scale", "", *columns.values()], body)


def cross_test_lines(found: CrossTest) -> list[str]:
    """Return rho of everything, and the accuracy, as lines for a terminal."""
    lines = []
    for scale in dict.fromkeys(row.scale for row in found.rows):
        lines += ["", f"{scale}, rho with the raters (95 % interval):"]
        for row in found.rows:
            if row.scale == scale:
                lines.append(f"  {row.name:<10} {number(row.figures['spearman_rho'], 2)}")
    if found.quadrants:
        lines += ["", "quadrant of valence and arousal named as by the raters, per cent:"]
        width = max(len(row.name) for row in found.quadrants)
        for row in found.quadrants:
            lines.append(f"  {row.name:<{width}}  {share(row.figures[HITS])}")
    if found.labels is not None:
        lines += ["", f"accuracy: {share(found.labels['accuracy'])} %"]
    return [*lines, "", found.novelty]


def _summary(found: CrossTest) -> list[list[str]]:
    rows = [["scale", "name", "metric", "value", "low", "high", "n"]]
    said = [(row.scale, row.name, row.figures) for row in (*found.rows, *found.quadrants)]
    said += [("label", found.model, found.labels)] if found.labels is not None else []
    for scale, name, figures in said:
        for metric, one in figures.items():
            rows.append(
                [scale, name, metric, *_digits(one.value, one.low, one.high), str(found.tracks)]
            )
    return rows


def _tracks(
    corpus: Corpus, predictions: Predictions, properties: Mapping[str, Floats]
) -> list[list[str]]:
    """Return what was said of each track, ratings and votes left out: they are somebody else's."""
    answers = Answers.of(predictions)
    names_emotions = answers.emotions is not None
    rows = [["id", *answers.names, *(("top", "confidence") if names_emotions else ()), *properties]]
    said: Iterable[TrackPrediction | RatingPrediction] = predictions
    for place, (track, one) in enumerate(zip(corpus.tracks, said, strict=True)):
        top = []
        if names_emotions and not isinstance(one, RatingPrediction):
            top = [one.top or "", *_digits(one.confidence)]
        more = _digits(*(float(values[place]) for values in properties.values()))
        rows.append([track.id, *_digits(*answers.values[place]), *top, *more])
    return rows


def _digits(*values: float) -> list[str]:
    return [f"{value + 0.0:.6f}" if math.isfinite(value) else "" for value in values]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

"""A packaged model held against somebody else's ratings, beside simple properties of the sound.

Nothing is learned: the model says what it says of any music. Of valence and arousal it is asked its
own reading, −1 to 1; of one of the nine emotions its intensity; of labels its emotions. A property
is a mean over the first minute, as the features are.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.datasets.corpus import LEFT_OUT, Corpus
from music_emotion.datasets.ratings import Ratings, Scale
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation import scores
from music_emotion.evaluation.agreement import RatingCeiling, rating_ceilings
from music_emotion.evaluation.bootstrap import N_RESAMPLES, resample_groups
from music_emotion.evaluation.folds import track_groups
from music_emotion.evaluation.metrics import METRICS, RATING_METRICS
from music_emotion.evaluation.provenance import command_line, machine, today, versions
from music_emotion.evaluation.rating_results import RatedItems, score_ratings
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.evaluation.strict_json import OPTIONAL, json_text
from music_emotion.features.compute import FEATURES
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.report.ratings import agreement_line
from music_emotion.report.tables import NOTHING, markdown_table, number, share

Floats = NDArray[np.float64]

FIGURES, SUMMARY, PREDICTIONS, README = (
    "cross-test.json",
    "summary.csv",
    "predictions.csv",
    "README.md",
)
DIMENSIONS = ("valence", "arousal")
LEAST_LEVEL = 1e-5
"""The level of silence, of full scale."""

FEWEST_TRACKS = 3

PROPERTIES: Mapping[str, tuple[str, str]] = {
    "level": ("statistics", "rms_mean"),
    "flux": ("summary", "flux"),
    "centroid": ("statistics", "spectral_centroid_mean"),
    "mode": ("summary", "harmony_20"),
}
"""Each property's feature, and the column, or columns, that it is the mean of."""

MEANINGS = {
    "level": "root mean square, in dB",
    "flux": "how much bands rise from frame to frame",
    "centroid": "middle of the spectrum, in Hz",
    "mode": "by how much a major key fits better than a minor one",
}
FEATURE_NAMES = tuple(dict.fromkeys(feature for feature, _ in PROPERTIES.values()))


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing held against the ratings on one scale."""

    scale: str
    name: str  #: of the model, or of the property
    is_model: bool
    figures: dict[str, Estimate]  #: by :data:`.metrics.RATING_METRICS`, those that make sense


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


def model_says(scale: str, predictions: Sequence[TrackPrediction]) -> Floats | None:
    """Return what a model says on a scale, shape (tracks,); ``None`` where it says nothing."""
    if scale in DIMENSIONS:
        return np.array([getattr(one, scale) for one in predictions], dtype=np.float64)
    if scale in EMOTIONS:
        place = EMOTIONS.index(scale)
        return np.array([one.intensities[place] for one in predictions], dtype=np.float64)
    return None


def sound_properties(
    features: Mapping[str, NDArray[np.float32]], track_index: NDArray[np.int64], tracks: int
) -> dict[str, Floats]:
    """Return each of :data:`PROPERTIES` of every track, shape (tracks,).

    Parameters
    ----------
    features
        :data:`FEATURE_NAMES` per segment, (segments, columns).
    track_index
        Each segment's track, shape (segments,).
    tracks
        How many there are; one without a segment is NaN.
    """
    counts = np.bincount(track_index, minlength=tracks)
    found = {}
    for name, (feature, column) in PROPERTIES.items():
        columns = FEATURES[feature].columns
        chosen = [n for n, each in enumerate(columns) if each == column] or [
            n for n, each in enumerate(columns) if each.rstrip("0123456789") == f"{column}_"
        ]
        values = np.asarray(features[feature][:, chosen], dtype=np.float64).mean(axis=1)
        sums = np.bincount(track_index, weights=values, minlength=tracks)
        means = np.divide(sums, counts, out=np.full(tracks, np.nan), where=counts > 0)
        found[name] = 20.0 * np.log10(np.maximum(means, LEAST_LEVEL)) if name == "level" else means
    return found


def cross_test(
    corpus: Corpus,
    predictions: Sequence[TrackPrediction],
    properties: Mapping[str, Floats],
    arguments: Sequence[str],
    left_out: Sequence[str] = (),
) -> CrossTest:
    """Hold predictions against the ratings, votes and labels of a corpus.

    Parameters
    ----------
    corpus, predictions
        The tracks, and what the model says of each.
    properties
        What to compare with, by name, each of shape (tracks,); see :func:`sound_properties`.
    arguments
        The command line, which is written down.
    left_out
        A line for each thing that was left out before.

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
    ratings = _with_votes(corpus)
    for place, scale in enumerate(ratings.scales):
        said = model_says(scale.name, predictions)
        if said is None:
            remarks.append(
                f"{LEFT_OUT}{scale.name}: a model says nothing of it; it has "
                f"{', '.join((*DIMENSIONS, *EMOTIONS))}"
            )
            continue
        rated = ratings.mean[:, place]
        ends = None if math.isinf(scale.low) else _on_scale(scale, said)
        rows.append(_compared(scale, predictions[0].model, True, rated, said, ends, group, draws))
        rows += [
            _compared(scale, name, False, rated, values, None, group, draws)
            for name, values in properties.items()
        ]
    labels = _labels(corpus, predictions, group, draws) if corpus.has_labels else None
    if not rows and labels is None:
        raise EvaluationError(
            remarks[-1].removeprefix(LEFT_OUT) if remarks else "nothing is rated or labelled"
        )
    named = {row.scale for row in rows}
    return CrossTest(
        command=command_line(arguments),
        date=today(),
        machine=machine(),
        versions=versions(),
        model=predictions[0].model,
        model_version=predictions[0].version,
        data=corpus.name,
        fingerprint=corpus.fingerprint,
        tracks=len(corpus),
        groups=int(group.max()) + 1,
        resamples=N_RESAMPLES,
        rows=tuple(rows),
        ceilings=tuple(one for one in rating_ceilings(ratings) if one.scale in named),
        labels=labels,
        left_out=tuple(remarks),
    )


def _with_votes(corpus: Corpus) -> Ratings:
    """Return a corpus' ratings, and its vote fractions as ratings where it has votes."""
    ratings = corpus.ratings or Ratings.of((), [()] * len(corpus))
    names = [name for name in EMOTIONS if corpus.has_votes and name not in ratings.names]
    if not names:
        return ratings
    votes = corpus.vote_fractions[:, [EMOTIONS.index(name) for name in names]].astype(np.float64)
    listeners = np.repeat(corpus.listeners[:, None], len(names), axis=1)
    people = np.maximum(listeners - 1, 1)
    return Ratings(
        (*ratings.scales, *(Scale(name, 0.0, 1.0) for name in names)),
        np.concatenate([ratings.mean, votes], axis=1),
        np.concatenate(
            [ratings.deviation, np.sqrt(votes * (1.0 - votes) * listeners / people)], axis=1
        ),
        np.concatenate([ratings.raters, listeners], axis=1),
    )


def _on_scale(scale: Scale, said: Floats) -> Floats:
    """Return what a model says between the ends of a scale."""
    low = -1.0 if scale.name in DIMENSIONS else 0.0
    values: Floats = scale.low + (said - low) / (1.0 - low) * (scale.high - scale.low)
    return values


def _compared(
    scale: Scale,
    name: str,
    is_model: bool,
    rated: Floats,
    said: Floats,
    on_scale: Floats | None,
    group: NDArray[np.int64],
    draws: Floats,
) -> Compared:
    """Score one thing; sizes count only where it is on the scale of the ratings."""
    values = said if on_scale is None else on_scale
    known = np.where(np.isfinite(values), rated, np.nan)[:, None]
    items = RatedItems(known, np.nan_to_num(values)[:, None], group, draws.shape[1])
    figures = score_ratings([scale.name], [items], draws)[scale.name]
    kept = ("pearson_r", "spearman_rho") if on_scale is None else figures
    return Compared(scale.name, name, is_model, {metric: figures[metric] for metric in kept})


def _labels(
    corpus: Corpus,
    predictions: Sequence[TrackPrediction],
    group: NDArray[np.int64],
    draws: Floats,
) -> dict[str, Estimate]:
    """Return the metrics of labels, and those of votes where there are any."""
    items = Scored(
        label=corpus.labels,
        votes=corpus.vote_fractions if corpus.has_votes else None,
        group=group,
        n_groups=draws.shape[1],
        genre=corpus.genres,
        emotions=np.stack([one.emotions for one in predictions]),
        intensities=np.stack([one.intensities for one in predictions]),
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
    predictions: Sequence[TrackPrediction],
    properties: Mapping[str, Floats],
) -> None:
    """Write figures as JSON and CSV, what was said of each track, and a page that shows them."""
    write_output(out / PREDICTIONS, _csv(_tracks(corpus, predictions, properties)).encode())
    write_output(out / SUMMARY, _csv(_summary(found)).encode())
    write_output(out / FIGURES, json_text(found).encode())
    write_output(out / README, cross_test_page(found).encode())


def cross_test_page(found: CrossTest) -> str:
    """Return the figures as a page in Markdown."""
    version = f" {found.model_version}" if found.model_version else ""
    parts = [
        f"# `{found.model}`{version} on {found.data}",
        f"{found.tracks} tracks in {found.groups} groups that stay whole. Intervals are 95 % "
        f"bootstrap intervals from {found.resamples:,} resamples of whole groups. The model has "
        "learned nothing of these tracks; properties of the sound stand beside it as they are.",
    ]
    if found.rows:
        parts.append(cross_test_table(found))
    if found.ceilings:
        parts.append("\n".join(f"- {agreement_line(ceiling)}" for ceiling in found.ceilings))
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
    body = []
    for row in found.rows:
        name = f"`{row.name}`" if row.is_model else f"{row.name} alone"
        cells = [
            str(number(row.figures[metric.name], 2)) if metric.name in row.figures else NOTHING
            for metric in RATING_METRICS
        ]
        body.append([row.scale, name, *cells])
    for scale, one in ceilings.items():
        values = (f"{one.r:.2f}", NOTHING, f"{one.ccc:.2f}", f"{one.rmse:.2f}", f"{one.r2:.2f}")
        body.append([scale, "ceiling of the raters' scatter", *values])
    order = {scale: place for place, scale in enumerate(dict.fromkeys(r.scale for r in found.rows))}
    body.sort(key=lambda cells: order[cells[0]])
    return markdown_table(["scale", "", *(metric.title for metric in RATING_METRICS)], body)


def cross_test_lines(found: CrossTest) -> list[str]:
    """Return rho of everything, and the accuracy, as lines for a terminal."""
    lines = []
    for scale in dict.fromkeys(row.scale for row in found.rows):
        lines += ["", f"{scale}, rho with the raters (95 % interval):"]
        for row in found.rows:
            if row.scale == scale:
                lines.append(f"  {row.name:<10} {number(row.figures['spearman_rho'], 2)}")
    if found.labels is not None:
        lines += ["", f"accuracy: {share(found.labels['accuracy'])} %"]
    return lines


def _summary(found: CrossTest) -> list[list[str]]:
    rows = [["scale", "name", "metric", "value", "low", "high", "n"]]
    said = [(row.scale, row.name, row.figures) for row in found.rows]
    said += [("label", found.model, found.labels)] if found.labels is not None else []
    for scale, name, figures in said:
        for metric, one in figures.items():
            rows.append(
                [scale, name, metric, *_digits(one.value, one.low, one.high), str(found.tracks)]
            )
    return rows


def _tracks(
    corpus: Corpus, predictions: Sequence[TrackPrediction], properties: Mapping[str, Floats]
) -> list[list[str]]:
    """Return what was said of each track, ratings and votes left out: they are somebody else's."""
    rows = [["id", *DIMENSIONS, *EMOTIONS, "top", "confidence", *properties]]
    for place, (track, one) in enumerate(zip(corpus.tracks, predictions, strict=True)):
        values = (one.valence, one.arousal, *one.intensities)
        more = [float(values[place]) for values in properties.values()]
        rows.append([track.id, *_digits(*values), one.top or "", *_digits(one.confidence, *more)])
    return rows


def _digits(*values: float) -> list[str]:
    return [f"{value + 0.0:.6f}" if math.isfinite(value) else "" for value in values]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

"""The results of a comparison in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.analysis import Conclusions, ModelCalibration
from music_emotion.evaluation.bootstrap import N_RESAMPLES
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.hypotheses import HYPOTHESES, Ablation, HypothesisTest
from music_emotion.evaluation.metrics import BY_NAME
from music_emotion.evaluation.provenance import Command
from music_emotion.evaluation.results import ModelResult, Results
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import ProtocolTests, shown_p
from music_emotion.evaluation.strict_json import DECIMALS
from music_emotion.models.base import Target

REPORTED: Mapping[str, float] = {
    "lstm_cnn": 0.60,
    "lstm_cnn_advanced": 0.58,
    "bilstm_cnn": 0.67,
    "cnn2d": 0.64,
    "cnn2d_specaugment": 0.69,
    "ensemble": 0.76,
}
"""Accuracies that the reference study reports, measured as ``segment`` does."""

REFERENCE_DATA = "emotify"
"""Name of the corpus that the reference study used."""

PROTOCOL_TITLES: Mapping[Protocol, str] = {
    "segment": "Segments dealt out at random, as in the reference study",
    "track": "Tracks kept whole",
    "artist": "Artists kept whole",
}

PROTOCOL_MEANINGS: Mapping[Protocol, str] = {
    "segment": (
        "A test segment has neighbours of its own track in training, so this measures how well a "
        "track is recognised again. Accuracy is per 3-s segment."
    ),
    "track": (
        "Duplicate recordings together; a track gets one prediction: from models of segments the "
        "mean over its segments, from models of tracks (blend, light, transfer) their own. An "
        "artist may be in training and in the test part."
    ),
    "artist": (
        "All tracks of an artist together: music that is new to the model. A track gets one "
        "prediction: from models of segments the mean over its segments, from models of tracks "
        "(blend, light, transfer) their own."
    ),
}

TARGET_TITLES: Mapping[Target, str] = {
    "label": "trained on the dominant emotion",
    "votes": "trained on the listeners' votes",
}

TRAINING_VARIANCE = (
    "The intervals and tests say what other artists would change. What another training run or "
    "another division into folds would change is not in them, except where several fold seeds are "
    "averaged: each fold is trained once."
)


def markdown_report(
    results: Results,
    conclusions: Conclusions,
    commands: Sequence[Command],
    figures: Mapping[str, str],
) -> str:
    """Return the whole report.

    Parameters
    ----------
    results, conclusions
        The figures and what follows from them.
    commands
        The commands that contributed, as in ``results.json``.
    figures
        Pictures to show: file name by title.
    """
    parts = [_head(results)]
    for protocol, target, rows in results.tables():
        parts += [
            f"## {PROTOCOL_TITLES[protocol]} (`{protocol}`), {TARGET_TITLES[target]}",
            PROTOCOL_MEANINGS[protocol] + " " + _size(rows[0], results),
            main_table(rows, reported_accuracies(results)),
            probability_table(rows, conclusions),
            *([] if results.ground_truth.votes is None else [vote_table(rows)]),
        ]
    parts += [findings_section(conclusions.hypotheses)]
    if conclusions.ablations:
        parts += ["## With and without SMOTE", ablation_table(conclusions.ablations)]
    parts += _details(results, conclusions)
    paired = conclusions.paired
    if paired:
        parts += ["## Is the best model better than the others?", _paired_text(results, paired)]
    if conclusions.ceilings is not None:
        parts += ["## How far listeners agree", listeners_table(results, conclusions)]
    if figures:
        pictures = "\n\n".join(f"![{title}]({name})" for title, name in figures.items())
        parts += ["## Pictures", pictures]
    parts += ["## Where the figures come from", _provenance(results, commands)]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, first column to the left, the others to the right."""
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def as_written(value: float) -> float:
    """Return a value as ``results.json`` holds it, so that a page and the file round alike."""
    return round(value, DECIMALS) + 0.0


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as a percentage, one decimal by default, ``–`` where undefined."""
    return f"{100 * as_written(value):.{digits}f}" if math.isfinite(value) else "–"


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign."""
    return f"{as_written(value):+.{digits}f}"


def percent_interval(estimate: Estimate) -> str:
    """Return a fraction with its interval in per cent."""
    return f"{percent(estimate.value)} ({percent(estimate.low)}–{percent(estimate.high)})"


def number_interval(estimate: Estimate, digits: int = 3) -> str:
    """Return a value with its interval."""
    if not math.isfinite(estimate.value):
        return "–"
    value, low, high = (
        f"{as_written(v):.{digits}f}" for v in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def signed_interval(estimate: Estimate) -> str:
    """Return a difference with its interval."""
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def duration(seconds: float) -> str:
    """Return a time in words: ``48 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def reported_accuracies(results: Results) -> Mapping[str, float]:
    """Return what the reference study reports, if these are results on its data."""
    return REPORTED if results.ground_truth.name == REFERENCE_DATA else {}


def main_table(rows: Sequence[ModelResult], known: Mapping[str, float]) -> str:
    """Return accuracy and its kin, in per cent, of models under one protocol.

    Parameters
    ----------
    rows
        The models.
    known
        Accuracies that others report under ``segment``.
    """
    reported = rows[0].protocol == "segment" and any(row.model in known for row in rows)
    header = ["model", "accuracy (95 % interval)", "macro-F1", "macro-F1 without amazement"]
    header += ["balanced accuracy", "top 2", "top 3", "training"]
    if reported:
        header.insert(2, "reported by the reference study")
    body = []
    for row in rows:
        metrics = row.headline
        cells = [f"`{row.model}`", percent_interval(metrics["accuracy"])]
        if reported:
            cells.append(percent(known[row.model]) if row.model in known else "")
        cells += [
            percent_interval(metrics["macro_f1"]),
            percent(metrics["macro_f1_without_amazement"].value),
            percent(metrics["balanced_accuracy"].value),
            percent(metrics["top2_accuracy"].value),
            percent(metrics["top3_accuracy"].value),
            duration(row.seconds),
        ]
        body.append(cells)
    return table(header, body)


def probability_table(rows: Sequence[ModelResult], conclusions: Conclusions) -> str:
    """Return how good the probabilities are: ROC-AUC, log-loss, Brier score, calibration."""
    header = ["model", "ROC-AUC", "log-loss", "Brier score", "calibration error"]
    header += ["a perfectly calibrated model's"]
    body = [
        [
            f"`{row.model}`",
            f"{row.headline['roc_auc'].value:.3f}",
            number_interval(row.headline["log_loss"]),
            number_interval(row.headline["brier"]),
            f"{as_written(row.headline['ece'].value):.3f}",
            _band(conclusions.calibration_of(row)),
        ]
        for row in rows
    ]
    constant = conclusions.calibration_of(rows[0]).constant
    scores = [f"{constant.log_loss:.3f}", f"{constant.brier:.3f}"]
    body.append(["*class frequencies*", "0.500", *scores, "", ""])
    return table(header, body)


def vote_table(rows: Sequence[ModelResult]) -> str:
    """Return how well vote fractions are predicted, and what that is worth in listeners."""
    header = ["model", "mean Pearson r", "cosine", "Jensen–Shannon (bits)"]
    header += ["worth in listeners, by r", "by accuracy"]
    body = []
    for row in rows:
        metrics = row.headline
        worth = ["", ""]
        if row.worth is not None:
            worth = [str(row.worth.by_r), str(row.worth.by_accuracy)]
        body.append(
            [
                f"`{row.model}`",
                number_interval(metrics["mean_pearson_r"]),
                f"{metrics['cosine_similarity'].value:.3f}",
                f"{metrics['jensen_shannon'].value:.3f}",
                *worth,
            ]
        )
    return table(header, body)


def findings_section(findings: Sequence[HypothesisTest]) -> str:
    """Return one line per finding and protocol."""
    lines = [
        "## The reference study's findings",
        "A finding holds if a model of its better side is more accurate than every one of the "
        "other side by the paired tests below (whole artist groups swapped, p adjusted for all "
        "pairs of models and metrics under the protocol), does not hold if it is the other way "
        "round, and cannot be told where p is 0.05 or more. The interval comes from the paired "
        f"bootstrap over artist groups. {TRAINING_VARIANCE}",
    ]
    for number, hypothesis in enumerate(HYPOTHESES, start=1):
        outcomes = [
            f"   - `{one.protocol}`{'' if one.target == 'label' else ' on votes'}: {one.line}"
            for one in findings
            if one.text == hypothesis.text
        ]
        text = hypothesis.text[0].upper() + hypothesis.text[1:]
        lines.append(f"{number}. {text}.\n" + "\n".join(outcomes))
    return "\n\n".join(lines)


def ablation_table(ablations: Sequence[Ablation]) -> str:
    """Return accuracy and macro-F1 with and without SMOTE, in per cent."""
    header = ["model", "protocol", "accuracy with", "without", "difference of accuracy"]
    header += ["macro-F1 with", "without", "difference of macro-F1"]
    body = []
    for one in ablations:
        cells = [f"`{one.model}`", f"`{one.protocol}`"]
        for metric in ("accuracy", "macro_f1"):
            difference = one.difference.get(metric)
            cells += [
                percent(one.with_smote[metric].value),
                percent(one.without_smote[metric].value),
                "" if difference is None else points_interval(difference),
            ]
        body.append(cells)
    return table(header, body)


def emotion_table(rows: Sequence[ModelResult]) -> str:
    """Return the F1 of each emotion per model, in per cent, and how many items carry it."""
    support = rows[0].confusion.sum(axis=1) // len(rows[0].seeds)
    header = ["emotion", "items", *(f"`{row.model}`" for row in rows)]
    body = []
    for index, emotion in enumerate(GEMS):
        if support[index] == 0:
            continue
        values = [percent(row.per_emotion[f"f1_{emotion.name}"].value) for row in rows]
        body.append([emotion.label, str(support[index]), *values])
    return table(header, body)


def correlation_table(rows: Sequence[ModelResult], ceiling: Mapping[str, float]) -> str:
    """Return Pearson's r of each emotion per model beside the highest one that is possible."""
    header = ["emotion", *(["ceiling"] if ceiling else []), *(f"`{row.model}`" for row in rows)]
    body = []
    for emotion in GEMS:
        key = f"pearson_r_{emotion.name}"
        if key not in rows[0].per_emotion:
            continue
        highest = [f"{ceiling[emotion.name]:.2f}"] if ceiling else []
        values = [f"{row.per_emotion[key].value:.2f}" for row in rows]
        body.append([emotion.label, *highest, *values])
    return table(header, body)


def genre_table(rows: Sequence[ModelResult]) -> str:
    """Return the accuracy within each genre, in per cent."""
    genres = [name.removeprefix("accuracy_") for name in rows[0].per_genre]
    body = [
        [f"`{row.model}`", *(percent_interval(row.per_genre[f"accuracy_{g}"]) for g in genres)]
        for row in rows
    ]
    return table(["model", *genres], body)


def confusion_line(row: ModelResult) -> str:
    """Return how often calmness and tenderness are taken for each other."""
    return (
        f"- `{row.model}`: {percent(row.calmness_called_tenderness)} % of calmness is called "
        f"tenderness, {percent(row.tenderness_called_calmness)} % of tenderness is called "
        "calmness"
    )


def listeners_table(results: Results, conclusions: Conclusions) -> str:
    """Return how far people agree: ceilings and panels."""
    agreement = conclusions.ceilings
    assert agreement is not None, "only where single votes are known"
    rows = [
        [
            "two halves of a track's listeners name the same emotion",
            percent(agreement.half_agreement),
        ],
        ["the listeners, resampled, give the label again", percent(agreement.label_stability)],
        [
            "an oracle of the true vote probabilities names the label",
            percent(agreement.oracle_accuracy),
        ],
    ]
    text = table(["question", "per cent"], rows)
    text += (
        f"\n\nHighest mean Pearson r that a perfect predictor can reach: {agreement.mean_r:.2f}."
    )
    if results.yardstick is not None:
        curve = results.yardstick.curve
        shown = [k for k in (1, 2, 4, 8, 12, 16, 20, 24) if k <= len(curve.sizes)]
        panels = table(
            ["panel of k listeners", *(str(k) for k in shown)],
            [
                ["accuracy", *(percent(curve.accuracy[k - 1]) for k in shown)],
                ["mean r", *(f"{curve.mean_r[k - 1]:.2f}" for k in shown)],
            ],
        )
        text += (
            f"\n\nHow well a panel predicts {curve.held_out} other listeners of the same track "
            f"({curve.tracks} tracks); a model's worth in listeners is the k at which a panel does "
            f"as well as the model.\n\n{panels}"
        )
    return text


def points_interval(difference: Estimate) -> str:
    """Return a difference of fractions with its interval in percentage points."""
    value, low, high = (
        signed(100 * as_written(one), 1)
        for one in (difference.value, difference.low, difference.high)
    )
    return f"{value} ({low} to {high})"


def _head(results: Results) -> str:
    truth = results.ground_truth
    note = f" {truth.note}" if truth.note else ""
    return (
        f"# Comparison on {truth.name}\n\n{len(truth.ids)} tracks, {len(truth.segment_track)} "
        f"segments, {truth.n_groups} artist groups.{note}\n\nIntervals are 95 % bootstrap "
        f"intervals from {N_RESAMPLES:,} resamples of whole artist groups. {TRAINING_VARIANCE} "
        "The calibration error has the band of a perfectly calibrated model instead. "
        "`summary.csv` holds every figure, `results.json` the details, `predictions/` what they "
        "are computed from; `music-emotion evaluate` computes them again."
    )


def _size(row: ModelResult, results: Results) -> str:
    seeds = f"fold seed {row.seeds[0]}" if len(row.seeds) == 1 else f"fold seeds {row.seeds}"
    folds = results.ground_truth.folds[row.protocol]
    split = "one 80/20 split" if folds == 1 else f"{folds} folds"
    return f"{split[0].upper()}{split[1:]}, {seeds}, n = {row.n}."


def coded(title: str) -> str:
    """Return a model's title in Markdown, its name as code."""
    name, on, target = title.partition(" on ")
    return f"`{name}`{on}{target}"


def _band(calibration: ModelCalibration) -> str:
    word = "inside" if calibration.inside else "outside"
    return f"{calibration.band_low:.3f} to {calibration.band_high:.3f}: {word}"


def _details(results: Results, conclusions: Conclusions) -> list[str]:
    parts = []
    agreement = conclusions.ceilings
    ceiling = {} if agreement is None else dict(zip(EMOTIONS, agreement.r.tolist(), strict=True))
    for protocol, target, rows in results.tables():
        title = f"`{protocol}`, {TARGET_TITLES[target]}"
        parts += [f"## F1 per emotion ({title}), per cent", emotion_table(rows)]
        if results.ground_truth.votes is not None:
            parts += [f"## Pearson r per emotion ({title})", correlation_table(rows, ceiling)]
        if rows[0].per_genre:
            parts += [f"## Accuracy per genre ({title}), per cent", genre_table(rows)]
        parts += [
            f"## Calmness against tenderness ({title})",
            "\n".join(confusion_line(row) for row in rows),
        ]
    return parts


def _paired_text(results: Results, paired: Sequence[ProtocolTests]) -> str:
    parts = [
        "The most accurate model against each other one on the same tracks. The interval comes "
        "from the paired group bootstrap, p from swapping whole groups, adjusted by Holm's method "
        "for all pairs of models and metrics under the protocol, whatever the models learned; "
        f"`results.json` holds every pair. {TRAINING_VARIANCE}"
    ]
    for one in paired:
        tested = {name for test in one.tests for name in (test.first, test.second)}
        rows = [row for row in results.under(one.protocol) if row.title in tested]
        best = max(rows, key=lambda row: row.headline["accuracy"].value).title
        body = []
        for test in one.tests:
            if best not in (test.first, test.second):
                continue
            seen = test.seen_from(best)
            body.append(
                [
                    coded(seen.second),
                    BY_NAME[test.metric].title,
                    signed_interval(Estimate(seen.difference, seen.low, seen.high)),
                    shown_p(seen.p_adjusted),
                    "yes" if seen.is_significant else "cannot be told",
                ]
            )
        seeds = f"fold seed{'s' if len(one.seeds) > 1 else ''} {', '.join(map(str, one.seeds))}"
        parts += [
            f"`{one.protocol}`, {seeds}, {len(one.tests)} tests: {coded(best)} against",
            table(["model", "metric", "difference", "adjusted p", "different?"], body),
        ]
    return "\n\n".join(parts)


def _provenance(results: Results, commands: Sequence[Command]) -> str:
    lines = [f"Data fingerprint `{results.ground_truth.fingerprint}`.", ""]
    for command in commands:
        machine = command.machine
        lines.append(
            f"- `{command.command}` ({command.date}; {command.cells_trained} cells "
            f"trained in {duration(command.seconds)}; {machine['processor']}, "
            f"{machine['cores']} cores)"
        )
    if commands:
        named = ", ".join(f"{name} {number}" for name, number in commands[-1].versions.items())
        lines += ["", f"Versions of the last command: {named}."]
    if results.left_out:
        lines += ["", *(f"- {line}" for line in results.left_out)]
    return "\n".join(lines)


def accuracy_lines(results: Results) -> list[str]:
    """Return the accuracy of every model as lines for the terminal, an empty line per table."""
    lines = []
    for protocol, target, rows in results.tables():
        lines += ["", f"accuracy under {protocol}, {TARGET_TITLES[target]} (95 % interval):"]
        width = max(len(row.model) for row in rows)
        for row in rows:
            worth = f"  worth {row.worth.by_r} listeners by r" if row.worth is not None else ""
            interval = percent_interval(row.headline["accuracy"])
            lines.append(f"  {row.model:<{width}}  {interval} %{worth}")
    return lines

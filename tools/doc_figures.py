"""What stands in the marked places of the documentation: figures from ``results/`` as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.agreement import PanelSize
from music_emotion.evaluation.metrics import BY_NAME
from music_emotion.evaluation.results import model_title
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import SIGNIFICANT, shown_p
from music_emotion.models.registry import WITHOUT_SMOTE
from music_emotion.report.tables import (
    REPORTED,
    coded,
    number_interval,
    percent_interval,
    points_interval,
    signed_interval,
)

PROTOCOLS = ("segment", "track", "artist")
PREFERRED = ("blend", "transfer")
"""Models that stand for the project where one is to be shown."""
CONFUSED_PAIRS = 8
"""Pairs of emotions in the table of confusions."""
SHOWN_PANELS = (1, 2, 4, 8, 12, 16, 20, 24)
LABELS = {emotion.name: emotion.label for emotion in GEMS}

Json = Mapping[str, Any]


class NotMeasuredError(Exception):
    """A figure is not in ``results/`` yet; the message says what would put it there."""


@dataclass(frozen=True)
class Figures:
    """What was measured; ``None`` where it was not."""

    results: Json | None
    listeners: Json | None
    leak: Json | None

    @classmethod
    def read(cls, folder: Path) -> Figures:
        """Read the three files of a results folder."""
        files = [folder / f"{name}.json" for name in ("results", "listeners", "leak")]
        found = [
            json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            for path in files
        ]
        return cls(*found)

    def need(self, name: str) -> Json:
        """Return a file's content or say which command writes it."""
        content: Json | None = getattr(self, name)
        if content is None:
            command = {"results": "compare", "listeners": "listeners", "leak": "leak"}[name]
            raise NotMeasuredError(f"`music-emotion {command} --out results`")
        return content

    def rows(self, protocol: str | None = None) -> list[Json]:
        """Return the models' results, those of one protocol where it is given."""
        rows = self.need("results")["results"]
        chosen = [row for row in rows if protocol in (None, row["protocol"])]
        if not chosen:
            raise NotMeasuredError(f"`music-emotion compare --protocol {protocol} --out results`")
        return chosen

    def best(self, protocol: str = "artist") -> Json:
        """Return the model that stands for the project: the preferred one, else the best by r."""
        rows = self.rows(protocol)
        for name in PREFERRED:
            named = [row for row in rows if row["model"] == name]
            if named:
                return max(named, key=lambda row: row["target"] == "votes")
        return max(rows, key=lambda row: _value(row, "mean_pearson_r"))


# --- Writing -------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, first column to the left, the others to the right."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "|".join(["---", *["---:"] * (len(header) - 1)]) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def percent(value: float | None, digits: int = 0) -> str:
    """Return a fraction as a percentage, ``–`` where undefined."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def points(estimate: Json) -> str:
    """Return an accuracy in per cent with its interval."""
    return percent_interval(_estimate(estimate))


def number(estimate: Json | None, digits: int = 2) -> str:
    """Return a value with its interval."""
    return "–" if estimate is None else number_interval(_estimate(estimate), digits)


def _estimate(entry: Json, value: str = "value", sign: int = 1) -> Estimate:
    """Return a value and its interval, turned round where the sign is -1."""
    middle, low, high = (
        float("nan") if entry[name] is None else sign * float(entry[name])
        for name in (value, "low", "high")
    )
    return Estimate(middle, low, high) if sign > 0 else Estimate(middle, high, low)


def panel_size(size: Json) -> PanelSize:
    """Return a number of listeners from its JSON form."""
    return PanelSize(**size)


def name_of(row: Json) -> str:
    """Return a model as the tables name it."""
    return coded(model_title(row["model"], row["target"]))


def _value(row: Json, metric: str) -> float:
    estimate = row["metrics"].get(metric)
    return -1.0 if estimate is None or estimate["value"] is None else float(estimate["value"])


def command_of(*rows: Json) -> str:
    """Return the arguments of ``music-emotion`` behind the rows of one model and its seeds."""
    model, target, seeds = (rows[0][name] for name in ("model", "target", "seeds"))
    protocols = [row["protocol"] for row in rows]
    parts = ["compare", f"--models {model}"]
    if set(protocols) != set(PROTOCOLS):
        parts += [f"--protocol {protocol}" for protocol in protocols]
    if target == "votes":
        parts.append("--target votes")
    parts.append(f"--seed {seeds[0]}")
    if len(seeds) > 1:
        parts.append(f"--repeats {len(seeds)}")
    return " ".join([*parts, "--out results"])


# --- Listeners -----------------------------------------------------------------------------------


def ceilings_table(figures: Figures) -> str:
    """How far listeners agree."""
    found = figures.need("listeners")["ceilings"]
    mean = np.nanmean(np.array(found["r"], dtype=float))
    return table(
        ["question", "answer"],
        [
            [
                "two random halves of a track's listeners name the same dominant emotion",
                percent(found["half_agreement"]),
            ],
            [
                "the listeners, drawn anew with replacement, give the published label again",
                percent(found["label_stability"]),
            ],
            [
                "an oracle that knows each track's true vote probabilities predicts a fresh "
                "panel's label",
                percent(found["oracle_accuracy"]),
            ],
            ["highest mean r over the nine emotions that a perfect predictor can reach",
             f"{mean:.2f}"],
        ],
    )  # fmt: skip


def reliability_table(figures: Figures) -> str:
    """Reliability and ceiling of r per emotion."""
    found = figures.need("listeners")["ceilings"]
    return table(
        ["emotion", "reliability", "highest r"],
        [
            [emotion.label, f"{reliability:.2f}", f"{r:.2f}"]
            for emotion, reliability, r in zip(GEMS, found["reliability"], found["r"], strict=True)
        ],
    )


def panel_table(figures: Figures) -> str:
    """Accuracy and r of panels."""
    panels = figures.need("listeners")["panels"]
    shown = [size for size in SHOWN_PANELS if size <= len(panels["sizes"])]
    return table(
        ["listeners in the panel", *map(str, shown)],
        [
            ["accuracy", *(percent(panels["accuracy"][size - 1]) for size in shown)],
            ["mean r", *(f"{panels['mean_r'][size - 1]:.2f}" for size in shown)],
        ],
    )


# --- The leak ------------------------------------------------------------------------------------


def leak_table(figures: Figures) -> str:
    """Accuracy by the number of neighbours in training."""
    record = figures.need("leak")
    curve = record["curve"]
    names = {"nearest_neighbour": "1-nearest-neighbour", "svm": "support vector machine"}
    labels = {"published": "people's labels", "shuffled": "random labels"}
    rows = [
        [
            f"{names[line['classifier']]}, {labels[line['labels']]}",
            *(percent(value) for value in line["accuracy"]),
        ]
        for line in curve["lines"]
    ]
    text = table(["segments of the test track in training", *map(str, curve["neighbours"])], rows)
    return (
        f"{text}\n\nAccuracy per segment; {curve['tracks']} tracks, {curve['test_segments']} "
        f"segments tested of each, {curve['folds']} folds of artists, seed {curve['seed']}; always "
        f"naming the commonest emotion scores {percent(curve['chance'])}. "
        f"`{record['command']['command']}`"
    )


def leak_value(classifier: str, labels: str, neighbours: int) -> Callable[[Figures], str]:
    """Return a place that holds one accuracy of the leak."""

    def place(figures: Figures) -> str:
        curve = figures.need("leak")["curve"]
        for line in curve["lines"]:
            if (line["classifier"], line["labels"]) == (classifier, labels):
                return percent(line["accuracy"][curve["neighbours"].index(neighbours)])
        raise NotMeasuredError("`music-emotion leak --out results`")

    return place


# --- Models --------------------------------------------------------------------------------------


def headline(figures: Figures) -> str:
    """One sentence on the model that stands for the project."""
    best = figures.best()
    accuracy, r = best["metrics"]["accuracy"], best["metrics"]["mean_pearson_r"]
    worth = best["worth"]
    seeds = len(best["seeds"])
    text = (
        f"the best honest model, {name_of(best)}, names the dominant emotion of "
        f"{points(accuracy)} % of the tracks and reaches a mean r of {number(r)}"
    )
    if worth is not None:
        text += (
            f"; by r it is worth {panel_size(worth['by_r'])} listeners, by accuracy "
            f"{panel_size(worth['by_accuracy'])}"
        )
    return f"{text} ({seeds} × {figures.need('results')['folds']['artist']} folds)."


def three_protocols(figures: Figures) -> str:
    """Accuracy of every model under every protocol."""
    rows = figures.rows()
    found = {(row["model"], row["target"], row["protocol"]): row for row in rows}
    body = []
    for model, target in dict.fromkeys((row["model"], row["target"]) for row in rows):
        cells = [name_of({"model": model, "target": target})]
        reported = REPORTED.get(model) if target == "label" else None
        cells.append("" if reported is None else percent(reported))
        for protocol in PROTOCOLS:
            row = found.get((model, target, protocol))
            cells.append("" if row is None else points(row["metrics"]["accuracy"]))
        row = found.get((model, target, "artist"))
        cells.append("" if row is None else number(row["metrics"].get("mean_pearson_r")))
        worth = None if row is None else row["worth"]
        cells.append("" if worth is None else str(panel_size(worth["by_r"])))
        body.append(cells)
    return table(
        [
            "model",
            "reported",
            *(f"`{protocol}`, %" for protocol in PROTOCOLS),
            "mean r (`artist`)",
            "worth in listeners, by r",
        ],
        body,
    )


def data_note(figures: Figures) -> str:
    """What the figures were measured on."""
    results = figures.need("results")
    data = results["data"]
    return (
        f"Accuracy in per cent with 95 % intervals. {data['tracks']} tracks, {data['segments']} "
        f"segments, {data['groups']} artist groups. {data['note']} Data fingerprint "
        f"`{data['fingerprint'][:16]}`."
    )


def artist_votes(figures: Figures) -> str:
    """Vote fractions, probabilities and worth under the artist protocol."""
    results = figures.need("results")
    calibrations = {
        (one["protocol"], one["target"], one["model"]): one for one in results["calibration"]
    }
    body = []
    constant = None
    for row in figures.rows("artist"):
        metrics, worth = row["metrics"], row["worth"]
        calibration = calibrations["artist", row["target"], row["model"]]
        constant = calibration["constant"]
        verdict = "inside" if calibration["inside"] else "outside"
        sizes = ["", ""]
        if worth is not None:
            sizes = [str(panel_size(worth[name])) for name in ("by_r", "by_accuracy")]
        body.append(
            [
                name_of(row),
                number(metrics.get("mean_pearson_r")),
                *sizes,
                f"{metrics['log_loss']['value']:.2f}",
                f"{metrics['brier']['value']:.3f}",
                f"{calibration['error']:.3f}",
                f"{calibration['band_low']:.3f} to {calibration['band_high']:.3f}: {verdict}",
            ]
        )
    if constant is not None:
        scores = [f"{constant['log_loss']:.2f}", f"{constant['brier']:.3f}"]
        body.append(["*class frequencies*", "0", "", "", *scores, "", ""])
    header = ["model", "mean r", "worth, by r", "worth, by accuracy", "log-loss", "Brier", "ece"]
    return table([*header, "band of perfect calibration"], body)


def artist_emotions(figures: Figures) -> str:
    """Pearson r of the best model per emotion, beside the ceiling, and its F1."""
    best = figures.best()
    ceiling = dict(zip(EMOTIONS, figures.need("listeners")["ceilings"]["r"], strict=True))
    rows = []
    for emotion in EMOTIONS:
        r = best["per_emotion"].get(f"pearson_r_{emotion}")
        f1 = best["per_emotion"].get(f"f1_{emotion}")
        area = best["per_emotion"].get(f"roc_auc_{emotion}")
        tracks = int(sum(best["confusion"][EMOTIONS.index(emotion)])) // len(best["seeds"])
        rows.append(
            [
                LABELS[emotion],
                f"{ceiling[emotion]:.2f}",
                number(r),
                str(tracks),
                number(f1),
                number(area),
            ]
        )
    header = ["emotion", "highest r", f"r of {name_of(best)}", "tracks with this label", "F1"]
    return table([*header, "ROC-AUC"], rows)


def artist_genres(figures: Figures) -> str:
    """Accuracy per genre under the artist protocol, in per cent."""
    rows = figures.rows("artist")
    genres = list(rows[0]["per_genre"])
    body = [[name_of(row), *(points(row["per_genre"][g]) for g in genres)] for row in rows]
    return table(["model", *(f"{g.removeprefix('accuracy_')}, %" for g in genres)], body)


def paired(figures: Figures) -> str:
    """The best model against each other one under the artist protocol."""
    best = figures.best()
    title = model_title(best["model"], best["target"])
    for tests in figures.need("results")["paired_tests"]:
        if tests["protocol"] != "artist":
            continue
        body = []
        for test in tests["tests"]:
            if title not in (test["first"], test["second"]):
                continue
            turned = test["second"] == title
            other = test["first"] if turned else test["second"]
            sign = -1 if turned else 1
            verdict = "cannot be told"
            if test["p_adjusted"] < SIGNIFICANT:
                better = sign * test["difference"] > 0
                better = not better if test["metric"] == "log_loss" else better
                verdict = "better" if better else "worse"
            body.append(
                [
                    coded(other),
                    BY_NAME[test["metric"]].title,
                    signed_interval(_estimate(test, "difference", sign)),
                    shown_p(test["p_adjusted"]),
                    verdict,
                ]
            )
        header = ["against", "metric", "difference", "adjusted p", f"{name_of(best)} is"]
        return (
            f"{name_of(best)} against every other model under `artist`, whatever it learned; fold "
            f"seed{'s' if len(tests['seeds']) > 1 else ''} "
            f"{', '.join(map(str, tests['seeds']))}, {len(tests['tests'])} tests adjusted "
            f"together.\n\n{table(header, body)}"
        )
    raise NotMeasuredError("a second model under `music-emotion compare --protocol artist`")


def findings(figures: Figures) -> str:
    """The five findings under each protocol."""
    entries = [one for one in figures.need("results")["findings"] if one["difference"] is not None]
    if not entries:
        raise NotMeasuredError("`music-emotion compare --models six --out results`")
    protocols = [name for name in PROTOCOLS if any(one["protocol"] == name for one in entries)]
    body = []
    for finding in dict.fromkeys(one["finding"] for one in entries):
        cells = [finding]
        for protocol in protocols:
            chosen = [
                one
                for one in entries
                if (one["finding"], one["protocol"], one["target"]) == (finding, protocol, "label")
            ]
            cells.append(_finding(chosen[0]) if chosen else "")
        body.append(cells)
    return table(["finding", *(f"`{name}`" for name in protocols)], body)


def _finding(entry: Json) -> str:
    return (
        f"**{entry['verdict']}**: {points_interval(_estimate(entry['difference']))} points, p "
        f"{shown_p(entry['p_adjusted'])}"
    )


def confused_pairs(figures: Figures) -> str:
    """The pairs that people confuse most, beside the shares of models."""
    confusions = figures.need("results")["confusions"]
    if confusions["people"] is None:
        raise NotMeasuredError("`music-emotion compare` with the listeners' votes at hand")
    best = figures.best()
    models = [one for one in confusions["models"] if one["protocol"] == "artist"]
    chosen = [
        one
        for one in models
        if (one["model"], one["target"]) == (best["model"], best["target"])
        or (one["model"] == "ensemble" and one["target"] == "label")
    ]
    order = np.argsort(-np.array(confusions["people"]), kind="stable")[:CONFUSED_PAIRS]
    body = []
    for index in order:
        first, second = confusions["pairs"][index]
        shares = [percent(one["shares"][index], 1) for one in chosen]
        name = f"{LABELS[first]} – {LABELS[second]}"
        body.append([name, percent(confusions["people"][index], 1), *shares])
    likeness = ["–" if one["likeness"] is None else f"{one['likeness']:.2f}" for one in chosen]
    body.append(["*rank correlation with people over all 36 pairs*", "", *likeness])
    return table(["pair", "people", *(name_of(one) for one in chosen)], body)


def readme_table(figures: Figures) -> str:
    """The table of the README: accuracies under each protocol and the command behind each row."""
    together: dict[tuple[str, str, tuple[int, ...]], dict[str, Json]] = {}
    for row in figures.rows():
        if not row["model"].endswith(WITHOUT_SMOTE):
            key = (row["model"], row["target"], tuple(row["seeds"]))
            together.setdefault(key, {})[row["protocol"]] = row
    body = []
    for (model, target, _), found in together.items():
        rows = list(found.values())
        reported = REPORTED.get(model) if target == "label" and "segment" in found else None
        cells = [name_of(rows[0]), "" if reported is None else f"{100 * reported:.0f}"]
        for protocol in PROTOCOLS:
            row = found.get(protocol)
            cells.append("" if row is None else points(row["metrics"]["accuracy"]))
        body.append([*cells, f"`{command_of(*rows)}`"])
    header = ["model", "reported for `segment`", *(f"`{protocol}`" for protocol in PROTOCOLS)]
    return table([*header, "`music-emotion …`"], body)


def accuracy_picture(figures: Figures) -> str:
    """The accuracies as a picture."""
    figures.rows()
    return (
        "![Accuracy of every model under three protocols, with intervals: high where segments of "
        "one track are on both sides, low where artists are kept whole]"
        "(results/accuracy-label.png)"
    )


TABLES: Mapping[str, Callable[[Figures], str]] = {
    "ceilings-table": ceilings_table,
    "reliability-table": reliability_table,
    "panel-table": panel_table,
    "leak-table": leak_table,
    "three-protocols": three_protocols,
    "data-note": data_note,
    "artist-votes": artist_votes,
    "artist-emotions": artist_emotions,
    "artist-genres": artist_genres,
    "paired": paired,
    "findings": findings,
    "confused-pairs": confused_pairs,
    "readme-table": readme_table,
    "accuracy-picture": accuracy_picture,
}
"""Places that stand on lines of their own."""

NUMBERS: Mapping[str, Callable[[Figures], str]] = {
    "half-agreement": lambda f: percent(f.need("listeners")["ceilings"]["half_agreement"]),
    "label-stability": lambda f: percent(f.need("listeners")["ceilings"]["label_stability"]),
    "oracle-accuracy": lambda f: percent(f.need("listeners")["ceilings"]["oracle_accuracy"]),
    "panel-tracks": lambda f: str(f.need("listeners")["panels"]["tracks"]),
    "leak-nearest-0": leak_value("nearest_neighbour", "published", 0),
    "leak-nearest-16": leak_value("nearest_neighbour", "published", 16),
    "leak-shuffled-16": leak_value("nearest_neighbour", "shuffled", 16),
    "headline": headline,
}
"""Places within a sentence."""

PLACES: Mapping[str, Callable[[Figures], str]] = {**TABLES, **NUMBERS}

"""What stands in the marked places of the documentation: figures from ``results/`` as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from compare_recipes import (
    RECIPES_FILE,
    RecipeStudy,
    longer_segments,
    other_recipes,
    read_recipes,
    recipes_table,
)
from fit_dimensions import RECIPES, Part
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.hypotheses import HypothesisTest, would_take
from music_emotion.evaluation.metrics import BY_NAME
from music_emotion.evaluation.power import Power
from music_emotion.evaluation.results import ModelResult, model_title
from music_emotion.evaluation.results_file import RESULTS, Document, read_document
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.significance import TESTED, PairedTest, between, shown_p
from music_emotion.inference.valence_arousal import LEVEL
from music_emotion.models.registry import WITHOUT_SMOTE
from music_emotion.report import elsewhere, one_answer, tables
from music_emotion.report.elsewhere import Elsewhere, NamedFirst, read_elsewhere
from music_emotion.report.leak import LeakRecord, read_leak
from music_emotion.report.listeners import ListenerFigures, read_listeners
from music_emotion.report.one_answer import OneAnswer, RankWithVotes, read_one_answer
from music_emotion.report.plots import CLASSIFIER_NAMES
from music_emotion.report.tables import (
    REPORTED,
    coded,
    difference,
    markdown_table,
    number,
    points,
    share,
)

PREFERRED = ("blend", "transfer")
"""Models that stand for the project where one is to be shown."""
MADE_FOR_USE = ("light", "transfer", "blend")
CONFUSED_PAIRS = 8
"""Pairs of emotions in the table of confusions."""
Known = TypeVar("Known")
LABELS = {emotion.name: emotion.label for emotion in GEMS}


class NotMeasuredError(Exception):
    """A figure is not in ``results/`` yet; the message says what would put it there."""


@dataclass(frozen=True)
class Figures:
    """What was measured; an error says which command measures what is missing."""

    known_document: Document | None
    known_listeners: ListenerFigures | None
    known_leak: LeakRecord | None
    known_elsewhere: Elsewhere | None
    known_one_answer: OneAnswer | None
    known_recipes: RecipeStudy | None

    @classmethod
    def read(cls, folder: Path) -> Figures:
        """Read the six files of a results folder."""
        return cls(
            read_document(folder) if (folder / RESULTS).is_file() else None,
            read_listeners(folder),
            read_leak(folder),
            read_elsewhere(folder),
            read_one_answer(folder),
            read_recipes(folder / RECIPES_FILE),
        )

    @property
    def document(self) -> Document:
        """The comparison."""
        return _measured(self.known_document, "music-emotion compare --out results")

    @property
    def listeners(self) -> ListenerFigures:
        """How far listeners agree."""
        return _measured(self.known_listeners, "music-emotion listeners --out results")

    @property
    def leak(self) -> LeakRecord:
        """What neighbours of a test segment are worth."""
        return _measured(self.known_leak, "music-emotion leak --out results")

    @property
    def elsewhere(self) -> Elsewhere:
        """What models are worth on music that is not EMOTIFY's."""
        return _measured(
            self.known_elsewhere, "python benchmarks/vgmidi.py --json results/elsewhere.json"
        )

    @property
    def one_answer(self) -> OneAnswer:
        """Whether a track's answer is that of its parts."""
        return _measured(
            self.known_one_answer, "python benchmarks/one_answer.py --json results/one_answer.json"
        )

    @property
    def recipes(self) -> RecipeStudy:
        """What ways to train the networks reach on inner parts."""
        return _measured(
            self.known_recipes, "python tools/compare_recipes.py --json results/recipes.json"
        )

    def rows(self, protocol: str) -> list[ModelResult]:
        """Return the models' results under one protocol."""
        rows = [row for row in self.document.rows if row.protocol == protocol]
        if not rows:
            raise NotMeasuredError(f"`music-emotion compare --protocol {protocol} --out results`")
        return rows

    def best(self) -> ModelResult:
        """Return the model that stands for the project: the preferred one, else the best by r."""
        rows = self.rows("artist")
        for name in PREFERRED:
            if named := [row for row in rows if row.model == name]:
                return max(named, key=lambda row: row.target == "votes")
        with_r = [row for row in rows if "mean_pearson_r" in row.headline]
        return max(with_r or rows, key=lambda row: _r(row) if with_r else 0.0)


def _measured(known: Known | None, command: str) -> Known:
    if known is None:
        raise NotMeasuredError(f"`{command}`")
    return known


# --- Writing -------------------------------------------------------------------------------------


def rate(value: float, digits: int = 0) -> str:
    """Return a fraction as a percentage with its sign."""
    return f"{tables.percent(value, digits)} %"


def _r(row: ModelResult) -> float:
    return row.headline["mean_pearson_r"].value


def _number(row: ModelResult, metric: str) -> str:
    found = {**row.headline, **row.per_emotion}
    return str(number(found[metric], 2)) if metric in found else tables.NOTHING


def _accuracy(row: ModelResult | None) -> str:
    return "" if row is None else str(share(row.headline["accuracy"]))


def _worth(row: ModelResult | None) -> list[str]:
    """Return a model's worth in listeners by r and by accuracy."""
    if row is None or row.worth is None:
        return ["", ""]
    return [str(row.worth.by_r), str(row.worth.by_accuracy)]


def command_of(*rows: ModelResult) -> str:
    """Return the arguments of ``music-emotion`` behind the rows of one model and its seeds."""
    first, protocols = rows[0], [row.protocol for row in rows]
    parts = ["compare", f"--models {first.model}"]
    if set(protocols) != set(PROTOCOLS):
        parts += [f"--protocol {protocol}" for protocol in protocols]
    if first.target == "votes":
        parts.append("--target votes")
    parts.append(f"--seed {first.seeds[0]}")
    if len(first.seeds) > 1:
        parts.append(f"--repeats {len(first.seeds)}")
    return " ".join([*parts, "--out results"])


# --- Listeners and the leak ----------------------------------------------------------------------


def ceilings_table(figures: Figures) -> str:
    """How far listeners agree."""
    found = figures.listeners.ceilings
    body = [
        ["two random halves of a track's listeners name the same dominant emotion",
         rate(found.half_agreement)],
        ["the listeners, drawn anew with replacement, give the published label again",
         rate(found.label_stability)],
        ["an oracle that knows each track's true vote probabilities predicts a fresh panel's label",
         rate(found.oracle_accuracy)],
        ["highest mean r over the nine emotions that a perfect predictor can reach",
         f"{found.mean_r:.2f}"],
    ]  # fmt: skip
    return markdown_table(["question", "answer"], body)


def reliability_table(figures: Figures) -> str:
    """Reliability and ceiling of r per emotion."""
    found = figures.listeners.ceilings
    body = [
        [emotion.label, f"{reliability:.2f}", f"{r:.2f}"]
        for emotion, reliability, r in zip(GEMS, found.reliability, found.r, strict=True)
    ]
    return markdown_table(["emotion", "reliability", "highest r"], body)


def panel_table(figures: Figures) -> str:
    """Accuracy and r of panels."""
    return tables.panels_table("listeners in the panel", figures.listeners.panels, rate)


def leak_table(figures: Figures) -> str:
    """Accuracy by the number of neighbours in training."""
    curve, command = figures.leak.curve, figures.leak.command.command
    labels = {"published": "people's labels", "shuffled": "random labels"}
    body = [
        [f"{CLASSIFIER_NAMES[one.classifier]}, {labels[one.labels]}", *map(rate, one.accuracy)]
        for one in curve.lines
    ]
    header = ["segments of the test track in training", *map(str, curve.neighbours)]
    return (
        f"{markdown_table(header, body)}\n\nAccuracy per segment; {curve.tracks} tracks, "
        f"{curve.test_segments} segments tested of each, {curve.folds} folds of artists, seed "
        f"{curve.seed}; always naming the commonest emotion scores {rate(curve.chance)}. "
        f"`{command}`"
    )


def leak_value(classifier: str, labels: str, neighbours: int) -> Callable[[Figures], str]:
    """Return a place that holds one accuracy of the leak."""

    def place(figures: Figures) -> str:
        curve = figures.leak.curve
        for line in curve.lines:
            if (line.classifier, line.labels) == (classifier, labels):
                return rate(line.accuracy[list(curve.neighbours).index(neighbours)])
        raise NotMeasuredError("`music-emotion leak --out results`")

    return place


# --- Models --------------------------------------------------------------------------------------


def headline(figures: Figures) -> str:
    """One sentence on the model that stands for the project."""
    best = figures.best()
    text = (
        f"the best honest model, {coded(best.title)}, names the dominant emotion of "
        f"{_accuracy(best)} % of the tracks and reaches a mean r of "
        f"{_number(best, 'mean_pearson_r')}"
    )
    if best.worth is not None:
        by_r, by_accuracy = _worth(best)
        text += f"; by r it is worth {by_r} listeners, by accuracy {by_accuracy}"
    return f"{text} ({len(best.seeds)} × {figures.document.folds['artist']} folds)."


def in_short(figures: Figures) -> str:
    """The same for who has read nothing yet."""
    best = figures.best()
    text = f"The best model is right on {_accuracy(best)} % of them (95 % interval)"
    if best.worth is not None:
        text += (
            ", and tells how many feel each emotion as well as asking "
            f"{_worth(best)[0]} other listeners would"
        )
    return f"{text}."


def three_protocols(figures: Figures) -> str:
    """Accuracy of every model under every protocol."""
    found: dict[str, dict[str, ModelResult]] = {}
    for row in figures.document.rows:
        found.setdefault(row.title, {})[row.protocol] = row
    body = []
    for title, by_protocol in found.items():
        row = by_protocol.get("artist")
        reported = REPORTED.get(title)
        body.append(
            [
                coded(title),
                "" if reported is None else tables.percent(reported, 0),
                *(_accuracy(by_protocol.get(protocol)) for protocol in PROTOCOLS),
                "" if row is None else _number(row, "mean_pearson_r"),
                _worth(row)[0],
            ]
        )
    header = ["model", "reported, %", *(f"`{protocol}`, %" for protocol in PROTOCOLS)]
    return markdown_table([*header, "mean r (`artist`)", "worth in listeners, by r"], body)


def protocols_in_short(figures: Figures) -> str:
    """Accuracy of the best model, the study's last, the nearest neighbour and a guess."""
    best = figures.best()
    kept = (best.title, "ensemble", "nearest_neighbour", "commonest_class")
    rows = {(row.title, row.protocol): row for row in figures.document.rows if row.title in kept}
    body = [
        [
            coded(title),
            *(
                rate(rows[title, protocol].headline["accuracy"].value, 1)
                if (title, protocol) in rows
                else tables.NOTHING
                for protocol in PROTOCOLS
            ),
        ]
        for title in kept
        if any(title == known for known, _ in rows)
    ]
    return markdown_table(["accuracy", *(f"`{protocol}`" for protocol in PROTOCOLS)], body)


def data_note(figures: Figures) -> str:
    """What the figures were measured on."""
    data = figures.document.data
    return (
        f"Accuracy in per cent with 95 % intervals. {data.tracks} tracks, {data.segments} "
        f"segments, {data.groups} artist groups. {data.note} Data fingerprint "
        f"`{data.fingerprint[:16]}`."
    )


def artist_votes(figures: Figures) -> str:
    """Vote fractions, probabilities and worth under the artist protocol."""
    rows = figures.rows("artist")
    body = []
    for row in rows:
        calibration = figures.document.calibration_of(row)
        body.append(
            [
                coded(row.title),
                _number(row, "mean_pearson_r"),
                *_worth(row),
                f"{row.headline['log_loss'].value:.2f}",
                f"{row.headline['brier'].value:.3f}",
                f"{calibration.error:.3f}",
                tables.calibration_band(calibration),
            ]
        )
    constant = figures.document.calibration_of(rows[-1]).constant
    scores = [f"{constant.log_loss:.2f}", f"{constant.brier:.3f}"]
    body.append(["*class frequencies*", "0", "", "", *scores, "", ""])
    header = ["model", "mean r", "worth, by r", "worth, by accuracy", "log-loss", "Brier", "ece"]
    return markdown_table([*header, "band of perfect calibration"], body)


def shipped_models(figures: Figures) -> str:
    """What the models made for use reach under the artist protocol, in columns."""
    rows = [row for row in figures.rows("artist") if row.model in MADE_FOR_USE]
    rows = rows or [figures.best()]
    measures: dict[str, Callable[[ModelResult], str]] = {
        "accuracy of the dominant emotion, %": _accuracy,
        "macro-F1, %": lambda row: tables.percent(row.headline["macro_f1"].value, 1),
        "mean r over the nine emotions": lambda row: _number(row, "mean_pearson_r"),
        "worth in listeners, by r": lambda row: _worth(row)[0],
        "worth in listeners, by accuracy": lambda row: _worth(row)[1],
        "log-loss": lambda row: f"{row.headline['log_loss'].value:.3f}",
        "Brier score": lambda row: f"{row.headline['brier'].value:.3f}",
        "calibration error": lambda row: f"{figures.document.calibration_of(row).error:.3f}",
        "of a perfectly calibrated model": lambda row: tables.calibration_band(
            figures.document.calibration_of(row)
        ),
    }
    body = [[name, *map(measure, rows)] for name, measure in measures.items()]
    return markdown_table(["", *(coded(row.title) for row in rows)], body)


def artist_emotions(figures: Figures) -> str:
    """Pearson r of the best model per emotion, beside the ceiling, and its F1."""
    best, ceilings = figures.best(), figures.listeners.ceilings
    support = best.confusion.sum(axis=1) // len(best.seeds)
    body = [
        [
            emotion.label,
            f"{ceilings.r[index]:.2f}",
            _number(best, f"pearson_r_{emotion.name}"),
            str(support[index]),
            _number(best, f"f1_{emotion.name}"),
            _number(best, f"roc_auc_{emotion.name}"),
        ]
        for index, emotion in enumerate(GEMS)
    ]
    header = ["emotion", "highest r", f"r of {coded(best.title)}", "tracks with this label"]
    return markdown_table([*header, "F1", "ROC-AUC"], body)


def artist_genres(figures: Figures) -> str:
    """Accuracy per genre under the artist protocol, in per cent."""
    found = tables.genres(figures.rows("artist"))
    if found is None:
        raise NotMeasuredError("`music-emotion compare` on tracks whose genre is known")
    columns = [tables.Column(f"{column.title}, %") for column in found.columns[1:]]
    return replace(found, columns=(found.columns[0], *columns)).to_markdown()


def paired(figures: Figures) -> str:
    """The best model against each other one under the artist protocol."""
    best = figures.best()
    tests = tables.tests_of(figures.document, best)
    if not tests:
        raise NotMeasuredError("a second model under `music-emotion compare --protocol artist`")
    [all_tests] = [one for one in figures.document.paired if one.protocol == "artist"]
    rows = tuple(tables.test_cells(test, _verdict(test)) for test in tests)
    header = ("against", "metric", "difference", "adjusted p", f"{coded(best.title)} is")
    table = tables.Table("paired", "", tuple(map(tables.Column, header)), rows)
    seeds = f"fold seed{'s' if len(all_tests.seeds) > 1 else ''}"
    return (
        f"{coded(best.title)} against every other model under `artist`, whatever it learned; "
        f"{seeds} {', '.join(map(str, all_tests.seeds))}, {len(all_tests.tests)} tests adjusted "
        f"together.\n\n{table.to_markdown()}"
    )


def paired_in_short(figures: Figures) -> str:
    """How often the best model is told to be better or worse than another."""
    best = figures.best()
    verdicts = [_verdict(test) for test in tables.tests_of(figures.document, best)]
    if not verdicts:
        raise NotMeasuredError("a second model under `music-emotion compare --protocol artist`")
    better, worse = (verdicts.count(word) for word in ("better", "worse"))
    return (
        f"{coded(best.title)} is told to be better in {better} of {len(verdicts)} such tests, "
        f"worse in {worse or 'none'}."
    )


def _verdict(test: PairedTest) -> str:
    """Return in a word what a test says of its first model."""
    if not test.is_significant:
        return "cannot be told"
    return "better" if (test.difference > 0) != (test.metric == "log_loss") else "worse"


def findings(figures: Figures) -> str:
    """The five findings under each protocol, in words."""
    return _findings(figures, lambda one: f"**{one.verdict}**")


def findings_in_numbers(figures: Figures) -> str:
    """The differences behind the findings, with their intervals and tests."""

    def cell(one: HypothesisTest) -> str:
        if one.difference is None:
            return tables.NOTHING
        text = f"{points(one.difference)} points, p {shown_p(one.p_adjusted)}"
        if one.detectable is None:
            return text
        return f"{text}; {would_take(Power(one.detectable, one.tracks_needed))}"

    return _findings(figures, cell)


def _findings(figures: Figures, cell: Callable[[HypothesisTest], str]) -> str:
    tested = [one for one in figures.document.hypotheses if one.difference is not None]
    if not tested:
        raise NotMeasuredError("`music-emotion compare --models six --out results`")
    protocols = [name for name in PROTOCOLS if any(one.protocol == name for one in tested)]
    outcomes = {(one.text, one.protocol): cell(one) for one in tested if one.target == "label"}
    body = [
        [text, *(outcomes.get((text, protocol), "") for protocol in protocols)]
        for text in dict.fromkeys(one.text for one in tested)
    ]
    return markdown_table(["finding", *(f"`{name}`" for name in protocols)], body)


def curves(figures: Figures) -> str:
    """Figures by the share of the training part that was learned from."""
    if not figures.document.learning_curves:
        raise NotMeasuredError("`music-emotion compare --train-share … --trainings 3`")
    return tables.learning_curves(figures.document).to_markdown()


def votes_or_labels(figures: Figures) -> str:
    """What models gain from votes instead of labels under the artist protocol."""
    document = figures.document
    tests = [test for one in document.paired if one.protocol == "artist" for test in one.tests]
    names = dict.fromkeys(row.model for row in document.rows if row.protocol == "artist")
    body = []
    for name in names:
        ours, theirs = model_title(name, "votes"), model_title(name, "label")
        found = [between(tests, ours, theirs, metric) for metric in TESTED]
        if all(found):
            body.append([coded(name), *(_gain(test) for test in found if test is not None)])
    if not body:
        raise NotMeasuredError("`music-emotion compare --protocol artist --target label,votes`")
    return markdown_table(["model", *(BY_NAME[name].title for name in TESTED)], body)


def _gain(test: PairedTest) -> str:
    shown = difference(Estimate(test.difference, test.low, test.high))
    return f"{shown}, p {shown_p(test.p_adjusted)}"


def ear_gain(figures: Figures) -> str:
    """What the blend gains from the pretrained ear, over the same descriptors without it."""
    tests = [
        test for one in figures.document.paired if one.protocol == "artist" for test in one.tests
    ]
    names = [model_title(name, "votes") for name in ("blend", "light")]
    found = [(metric, between(tests, *names, metric)) for metric in TESTED]
    if not all(test for _, test in found):
        raise NotMeasuredError("`music-emotion compare --models light,blend --target votes`")
    texts = [f"{BY_NAME[name].title} {_gain(test)}" for name, test in found if test is not None]
    return "; ".join(texts)


def noise_share(figures: Figures) -> str:
    """Share of the preferred model's errors that the label's own noise would leave an oracle."""
    best = 1.0 - figures.best().headline["accuracy"].value
    oracle = 1.0 - figures.listeners.ceilings.oracle_accuracy
    return rate(min(oracle / max(best, 1e-9), 1.0))


def confused_pairs(figures: Figures) -> str:
    """The pairs that people confuse most, beside the shares of models."""
    confusions, best = figures.document.confusions, figures.best()
    people = confusions.people
    if people is None:
        raise NotMeasuredError("`music-emotion compare` with the listeners' votes at hand")
    shown = ((best.model, best.target), ("ensemble", "label"))
    chosen = [
        one
        for one in confusions.models
        if one.protocol == "artist" and (one.model, one.target) in shown
    ]
    body = []
    for index in np.argsort(-people, kind="stable")[:CONFUSED_PAIRS]:
        name = " – ".join(LABELS[emotion] for emotion in confusions.pairs[index])
        body.append([name, *(rate(of[index], 1) for of in (people, *(m.shares for m in chosen)))])
    likeness = [str(number(Estimate(one.likeness, np.nan, np.nan), 2)) for one in chosen]
    body.append(["*rank correlation with people over all 36 pairs*", "", *likeness])
    names = (coded(model_title(one.model, one.target)) for one in chosen)
    return markdown_table(["pair", "people", *names], body)


def results_table(figures: Figures) -> str:
    """Accuracies under each protocol and the command behind each row."""
    together: dict[tuple[str, tuple[int, ...]], dict[str, ModelResult]] = {}
    for row in figures.document.rows:
        if not row.model.endswith(WITHOUT_SMOTE):
            together.setdefault((row.title, row.seeds), {})[row.protocol] = row
    body = []
    for (title, _), found in together.items():
        reported = REPORTED.get(title) if "segment" in found else None
        cells = [coded(title), "" if reported is None else tables.percent(reported, 0)]
        cells += [_accuracy(found.get(protocol)) for protocol in PROTOCOLS]
        body.append([*cells, f"`{command_of(*found.values())}`"])
    header = ["model", "reported for `segment`", *(f"`{protocol}`" for protocol in PROTOCOLS)]
    return markdown_table([*header, "`music-emotion …`"], body)


def accuracy_picture(figures: Figures) -> str:
    """The accuracies as a picture."""
    assert figures.document.rows
    return (
        "![Accuracy of every model under three protocols, with intervals: high where segments of "
        "one track are on both sides, low where artists are kept whole]"
        "(../results/accuracy-label.png)"
    )


def models_picture(figures: Figures) -> str:
    """What the models of the wheel are worth, as a picture."""
    assert figures.document.rows
    return (
        "![Accuracy of the models in the wheel: default first, then light and transfer, all above "
        "the six networks of the reference study, whose reported figures are marked apart]"
        "(docs/pictures/models.png)"
    )


# --- Elsewhere -----------------------------------------------------------------------------------


def elsewhere_note(figures: Figures) -> str:
    """What the figures of other music were measured on."""
    found = figures.elsewhere
    versions = ", ".join(f"`{row.name}` {row.version}" for row in found.rows if row.version)
    return (
        f"{found.data}: {found.pieces} pieces of {found.games} games, {found.pieces_over_time} of "
        f"them followed over time. Spearman's rank correlation, with 95 % intervals of "
        f"{found.resamples:,} resamples of whole games. {versions}."
    )


PART_NAMES: Mapping[str, str] = {
    LEVEL: "level",
    "summary.flux_4": "spectral flux",
    "summary.harmony_18": "fit to a major key",
    "tags.party": "tags party, dance, happy",
    "tags.mellow": "less tags mellow, chill, sad",
}
"""What the parts of valence and arousal are called, by their first term."""


def dimension_parts(_: Figures) -> str:
    """What each packaged model reads valence and arousal from, and with which weights."""
    body = []
    for model, recipes in RECIPES.items():
        for name, recipe in zip(("valence", "arousal"), recipes, strict=True):
            parts = [f"{part.weight:g} × {_part_name(part)}" for part in recipe.parts]
            body.append([coded(model), name, " + ".join(parts), f"{recipe.seconds:g} s"])
    return markdown_table(["model", "", "read from", "features over"], body)


def _part_name(part: Part) -> str:
    first, *others = part.terms
    if first in EMOTIONS:
        return "signed sum of intensities"
    return "tag happy less tag sad" if others == ["tags.sad"] else PART_NAMES[first]


def agreement_value(name: str, measure: str) -> Callable[[Figures], str]:
    """Return a place that holds one rank correlation."""

    def place(figures: Figures) -> str:
        rows = {row.name: row.figures for row in figures.elsewhere.rows}
        if measure not in rows.get(name, {}):
            raise NotMeasuredError(f"`python benchmarks/vgmidi.py --model {name}`")
        return f"{rows[name][measure].value:.2f}"

    return place


def named_value(model: str, count: Callable[[NamedFirst], int]) -> Callable[[Figures], str]:
    """Return a place that holds a number of pieces."""

    def place(figures: Figures) -> str:
        for row in figures.elsewhere.named:
            if row.model == model:
                return str(count(row))
        raise NotMeasuredError(f"`python benchmarks/vgmidi.py --model {model}`")

    return place


def rank_value(
    model: str, dimension: str, value: Callable[[RankWithVotes], float]
) -> Callable[[Figures], str]:
    """Return a place that holds one rank correlation with EMOTIFY's votes."""

    def place(figures: Figures) -> str:
        for one in figures.one_answer.models:
            for row in one.ranks:
                if (one.model, row.dimension) == (model, dimension):
                    return f"{value(row):.3f}"
        raise NotMeasuredError(f"`python benchmarks/one_answer.py --model {model}`")

    return place


TABLES: Mapping[str, Callable[[Figures], str]] = {
    "ceilings-table": ceilings_table,
    "reliability-table": reliability_table,
    "panel-table": panel_table,
    "leak-table": leak_table,
    "three-protocols": three_protocols,
    "protocols-in-short": protocols_in_short,
    "data-note": data_note,
    "artist-votes": artist_votes,
    "shipped-models": shipped_models,
    "artist-emotions": artist_emotions,
    "artist-genres": artist_genres,
    "paired": paired,
    "findings": findings,
    "findings-in-numbers": findings_in_numbers,
    "confused-pairs": confused_pairs,
    "results-table": results_table,
    "accuracy-picture": accuracy_picture,
    "models-picture": models_picture,
    "dimension-parts": dimension_parts,
    "elsewhere-note": elsewhere_note,
    "elsewhere-agreement": lambda f: elsewhere.agreement_table(f.elsewhere),
    "elsewhere-named": lambda f: elsewhere.named_table(f.elsewhere),
    "elsewhere-quadrants": lambda f: elsewhere.quadrant_table(f.elsewhere, "default"),
    "elsewhere-variants": lambda f: elsewhere.variants_table(f.elsewhere),
    "joined-table": lambda f: one_answer.joined_table(f.one_answer),
    "recipes": lambda f: recipes_table(other_recipes(f.recipes)),
    "longer-segments": lambda f: recipes_table(longer_segments(f.recipes)),
    "learning-curves": curves,
    "votes-or-labels": votes_or_labels,
    "rank-with-votes": lambda f: one_answer.rank_table(f.one_answer),
}
"""Places that stand on lines of their own."""

NUMBERS: Mapping[str, Callable[[Figures], str]] = {
    "half-agreement": lambda f: rate(f.listeners.ceilings.half_agreement),
    "label-stability": lambda f: rate(f.listeners.ceilings.label_stability),
    "oracle-accuracy": lambda f: rate(f.listeners.ceilings.oracle_accuracy),
    "noise-share": noise_share,
    "ear-gain": ear_gain,
    "panel-tracks": lambda f: str(f.listeners.panels.tracks),
    "leak-nearest-0": leak_value("nearest_neighbour", "published", 0),
    "leak-nearest-16": leak_value("nearest_neighbour", "published", 16),
    "leak-shuffled-16": leak_value("nearest_neighbour", "shuffled", 16),
    "headline": headline,
    "in-short": in_short,
    "paired-in-short": paired_in_short,
    "elsewhere-arousal": agreement_value("default", "arousal"),
    "elsewhere-valence": agreement_value("default", "valence"),
    "halves-valence": agreement_value("half of the raters against half", "valence"),
    "halves-arousal": agreement_value("half of the raters against half", "arousal"),
    "elsewhere-calm": named_value("default", lambda row: row.calm),
    "elsewhere-calm-unpleasant": named_value("default", lambda row: row.calm_unpleasant),
    "votes-arousal": rank_value("blend", "arousal", lambda row: row.as_read),
    "votes-arousal-from-intensities": rank_value(
        "blend", "arousal", lambda row: row.from_intensities
    ),
}
"""Places within a sentence."""

PLACES: Mapping[str, Callable[[Figures], str]] = {**TABLES, **NUMBERS}

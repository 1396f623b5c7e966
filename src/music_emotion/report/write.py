"""What is written of a comparison: README.md with its pictures, page, pictures, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from music_emotion.atomic import write_output
from music_emotion.errors import DatasetError, EvaluationError
from music_emotion.evaluation.agreement import Ceilings
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.cells import read_ground_truth
from music_emotion.evaluation.error_analysis import worst_tracks
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.leak_free import LEAK_FREE, leak_free_csv
from music_emotion.evaluation.plan import QUICK_NOTE
from music_emotion.evaluation.provenance import Command
from music_emotion.evaluation.rating_results import RatingFigures, RatingResult
from music_emotion.evaluation.rescore import corpus_of
from music_emotion.evaluation.results import ModelResult, Results, in_tables
from music_emotion.evaluation.results_file import Agreement, Document, read_document, write_figures
from music_emotion.evaluation.strict_json import from_json, to_json
from music_emotion.models.registry import WITHOUT_SMOTE
from music_emotion.report import tables
from music_emotion.report.cross_test_page import (
    read_cross_test,
    write_cross_test_files,
    write_cross_test_page,
)
from music_emotion.report.listeners import read_listeners
from music_emotion.report.page import write_page
from music_emotion.report.plots import write_paper_pictures, write_pictures
from music_emotion.report.ratings import (
    MEANING,
    OVER_TIME,
    agreement_line,
    rating_lines,
    rating_table,
    rating_tables,
)
from music_emotion.report.tables import (
    PROTOCOL_TITLES,
    TARGET_TITLES,
    as_written,
    duration,
    markdown_table,
    number,
    percent,
    share,
)

REPORT, PAGE = "README.md", "report.html"
WORST_TRACKS = 10

TRAINING_VARIANCE = (
    "The intervals and tests say what other artists would change and, where several fold seeds are "
    "averaged, what other trainings on other divisions into folds would. Where there is one fold "
    "seed, the luck of the training is not in them."
)


def write_report(out: Path, results: Results, commands: Sequence[Command]) -> None:
    """Write the figures, ``leak-free.csv``, ``README.md`` and the pictures."""
    conclusions = conclude(results)
    write_figures(out, results, conclusions, commands)
    # As the file holds it: a figure on the edge of two roundings stands alike in both.
    written = to_json(Document.of(results, conclusions, commands))
    document: Document = from_json(Document, written)
    if document.rows:
        write_output(out / LEAK_FREE, leak_free_csv(document).encode())
    report = markdown_report(document, write_pictures(out, document))
    write_output(out / REPORT, report.encode())


def markdown_report(document: Document, pictures: Mapping[str, str]) -> str:
    """Return what a results folder's ``README.md`` says; ``pictures`` are file names by title."""
    data, by_table = document.data, in_tables(document.rows)
    ratings = document.ratings
    note = f" {data.note}" if data.note else ""
    parts = [
        f"# Comparison on {data.name}",
        f"{data.tracks} tracks, {data.segments} segments, {data.groups} artist groups.{note}",
        f"Intervals are 95 % bootstrap intervals from {document.intervals.resamples:,} resamples "
        f"of whole artist groups. {TRAINING_VARIANCE} "
        + (
            "The calibration error has the band of a perfectly calibrated model instead. "
            if document.rows
            else ""
        )
        + "`summary.csv` holds every figure, `results.json` the "
        "details, `predictions/` what they are computed from; `music-emotion evaluate` computes "
        "them again.",
    ]
    for protocol, target, rows in by_table:
        parts += [
            f"## {PROTOCOL_TITLES[protocol]} (`{protocol}`), {TARGET_TITLES[target]}",
            f"{tables.PROTOCOL_MEANINGS[protocol]} {_size(rows[0], document)}",
            _main_table(rows, tables.reported_accuracies(document)),
            _probability_table(rows, document),
            *([_vote_table(rows)] if "mean_pearson_r" in rows[0].headline else []),
        ]
    if ratings is not None:
        parts += _ratings(ratings, document)
    if document.rows:
        parts.append(_hypotheses(document))
    if document.ablations:
        parts += ["## With and without SMOTE", _ablation_table(document)]
    for _, _, rows in by_table:
        parts += _details(rows, document)
    if document.learning_curves:
        parts += [
            "## What is gained from more to learn from",
            "Each fold's model learned from a share of the artists (under `track`, of the tracks) "
            "of its training part. The last row of a model is what it gains from twice as many: "
            "all of them against half. Intervals hold artists and trainings.",
            tables.learning_curves(document).to_markdown(),
        ]
    if document.paired:
        parts += ["## Is the best model better than the others?", *_paired(document)]
    if document.ceilings is not None:
        parts += ["## How far listeners agree", *_agreement(document, document.ceilings)]
    if pictures:
        shown = "\n\n".join(f"![{title}]({name})" for title, name in pictures.items())
        parts += ["## Pictures", shown]
    parts += ["## Where the figures come from", _provenance(document)]
    return "\n\n".join(parts) + "\n"


def _ratings(ratings: RatingFigures, document: Document) -> list[str]:
    """Return the tables of models that learned ratings, and how far the raters agree."""
    parts = []
    for target, meaning, ceilings in (
        ("ratings", MEANING, ratings.ceilings),
        ("ratings-over-time", OVER_TIME, ratings.course_ceilings),
    ):
        over_time = target == "ratings-over-time"
        if not any(row.over_time == over_time for row in ratings.rows):
            continue
        parts += [f"## Models {TARGET_TITLES[target]}", meaning]  # type: ignore[index]
        for protocol in reversed(PROTOCOLS):
            if rows := ratings.under(protocol, over_time=over_time):
                parts.append(f"### {PROTOCOL_TITLES[protocol]} (`{protocol}`)")
                parts.append(_size(rows[0], document))
                for scale in ratings.scales:
                    table = rating_table(ratings, protocol, scale, over_time=over_time)
                    parts += [f"{table.caption}:", table.to_markdown()]
        if ceilings:
            parts.append("\n".join(f"- {agreement_line(ceiling)}" for ceiling in ceilings))
    return parts


def _size(row: ModelResult | RatingResult, document: Document) -> str:
    seeds = f"fold seed {row.seeds[0]}" if len(row.seeds) == 1 else f"fold seeds {row.seeds}"
    folds = document.folds[row.protocol]
    split = "One 80/20 split" if folds == 1 else f"{folds} folds"
    return f"{split}, {seeds}, n = {row.n}."


def _main_table(rows: Sequence[ModelResult], known: Mapping[str, float]) -> str:
    """Return accuracy and its kin, in per cent, beside the accuracies that others report."""
    header = ["model", "accuracy (95 % interval)", "macro-F1", "macro-F1 without amazement"]
    header += ["balanced accuracy", "top 2", "top 3", "training"]
    bare = ("macro_f1_without_amazement", "balanced_accuracy", "top2_accuracy", "top3_accuracy")
    body = [
        [
            f"`{row.model}`",
            *(str(share(row.headline[name])) for name in ("accuracy", "macro_f1")),
            *(percent(row.headline[name].value) for name in bare),
            duration(row.seconds),
        ]
        for row in rows
    ]
    if rows[0].protocol == "segment" and any(row.model in known for row in rows):
        header.insert(2, "reported by the reference study")
        for row, cells in zip(rows, body, strict=True):
            cells.insert(2, percent(known[row.model]) if row.model in known else "")
    return markdown_table(header, body)


def _probability_table(rows: Sequence[ModelResult], document: Document) -> str:
    """Return how good the probabilities are: ROC-AUC, log-loss, Brier score, calibration."""
    header = ["model", "ROC-AUC", "log-loss", "Brier score", "calibration error"]
    header += ["a perfectly calibrated model's"]
    body = [
        [
            f"`{row.model}`",
            f"{as_written(row.headline['roc_auc'].value):.3f}",
            str(number(row.headline["log_loss"])),
            str(number(row.headline["brier"])),
            f"{as_written(row.headline['ece'].value):.3f}",
            tables.calibration_band(document.calibration_of(row)),
        ]
        for row in rows
    ]
    constant = document.calibration_of(rows[0]).constant
    scores = [f"{constant.log_loss:.3f}", f"{constant.brier:.3f}"]
    return markdown_table(header, [*body, ["*class frequencies*", "0.500", *scores, "", ""]])


def _vote_table(rows: Sequence[ModelResult]) -> str:
    """Return how well vote fractions are predicted, and what that is worth in listeners."""
    header = ["model", "mean Pearson r", "cosine", "Jensen–Shannon (bits)"]
    header += ["worth in listeners, by r", "by accuracy"]
    body = [
        [
            f"`{row.model}`",
            str(number(row.headline["mean_pearson_r"])),
            f"{as_written(row.headline['cosine_similarity'].value):.3f}",
            f"{as_written(row.headline['jensen_shannon'].value):.3f}",
            *(["", ""] if row.worth is None else map(str, (row.worth.by_r, row.worth.by_accuracy))),
        ]
        for row in rows
    ]
    return markdown_table(header, body)


def _hypotheses(document: Document) -> str:
    """Return one line per hypothesis and protocol."""
    lines = [
        "## The reference study's findings",
        "A finding holds if a model of its better side is more accurate than every one of the "
        "other side by the paired tests below (p adjusted for all pairs of models and metrics "
        "under the protocol), does not hold if it is the other way round, and cannot be told where "
        "p is 0.05 or more; then there stands how many tracks would tell the difference that is "
        f"shown, were it the true one, four times in five. {TRAINING_VARIANCE}",
    ]
    for place, text in enumerate(dict.fromkeys(one.text for one in document.hypotheses), start=1):
        outcomes = [
            f"   - `{one.protocol}`{'' if one.target == 'label' else ' on votes'}: {one.line}"
            for one in document.hypotheses
            if one.text == text
        ]
        lines.append("\n".join([f"{place}. {text[0].upper()}{text[1:]}.", *outcomes]))
    return "\n\n".join(lines)


def _ablation_table(document: Document) -> str:
    """Return accuracy and macro-F1 with and without SMOTE, in per cent."""
    header = ["model", "protocol", "accuracy with", "without", "difference of accuracy"]
    header += ["macro-F1 with", "without", "difference of macro-F1"]
    known = {(row.protocol, row.target, row.model): row.headline for row in document.rows}
    pairs = [
        (known[protocol, target, base], without)
        for (protocol, target, model), without in known.items()
        if (base := model.removesuffix(WITHOUT_SMOTE)) != model
        and (protocol, target, base) in known
    ]
    body = []
    for one, (with_smote, without) in zip(document.ablations, pairs, strict=True):
        cells = [f"`{one.model}`", f"`{one.protocol}`"]
        for metric in ("accuracy", "macro_f1"):
            cells += [percent(scores[metric].value) for scores in (with_smote, without)]
            cells.append(
                str(tables.points(one.difference[metric])) if metric in one.difference else ""
            )
        body.append(cells)
    return markdown_table(header, body)


def _details(rows: Sequence[ModelResult], document: Document) -> list[str]:
    title = f"`{rows[0].protocol}`, {TARGET_TITLES[rows[0].target]}"
    parts = [f"## F1 per emotion ({title}), per cent", tables.f1(rows).to_markdown()]
    if (r := tables.correlations(rows, document)) is not None:
        parts += [f"## Pearson r per emotion ({title})", r.to_markdown()]
    if (genres := tables.genres(rows, short=True)) is not None:
        parts += [f"## Accuracy per genre ({title}), per cent", genres.to_markdown()]
    lines = [
        f"- `{row.model}`: {percent(row.calmness_called_tenderness)} % of calmness is called "
        f"tenderness, {percent(row.tenderness_called_calmness)} % of tenderness is called calmness"
        for row in rows
    ]
    return [*parts, f"## Calmness against tenderness ({title})", "\n".join(lines)]


def _paired(document: Document) -> list[str]:
    parts = [
        "The most accurate model against each other one on the same tracks and fold seeds. The "
        "interval comes from the bootstrap over artist groups and fold seeds, and so does p; with "
        "one fold seed it comes from swapping whole groups. p is adjusted by Holm's method for all "
        "pairs of models and metrics under the protocol, whatever the models learned; "
        f"`results.json` holds every pair. {TRAINING_VARIANCE}"
    ]
    for one in document.paired:
        tested = {name for test in one.tests for name in (test.first, test.second)}
        rows = [r for r in document.rows if r.protocol == one.protocol and r.title in tested]
        best = max(rows, key=lambda row: row.headline["accuracy"].value)
        seeds = f"fold seed{'s' if len(one.seeds) > 1 else ''} {', '.join(map(str, one.seeds))}"
        parts.append(
            f"`{one.protocol}`, {seeds}, {len(one.tests)} tests: {tables.coded(best.title)} against"
        )
        if (found := tables.tests(document, [best])) is not None:
            columns = (tables.Column("model"), *found.columns[1:])
            parts.append(replace(found, columns=columns).to_markdown())
    return parts


def _agreement(document: Document, ceilings: Ceilings) -> list[str]:
    """Return how far people agree: ceilings and panels."""
    questions = (
        ("two halves of a track's listeners name the same emotion", ceilings.half_agreement),
        ("the listeners, resampled, give the label again", ceilings.label_stability),
        ("an oracle of the true vote probabilities names the label", ceilings.oracle_accuracy),
    )
    body = [[question, percent(value)] for question, value in questions]
    parts = [
        markdown_table(["question", "per cent"], body),
        f"Highest mean Pearson r that a perfect predictor can reach: {ceilings.mean_r:.2f}.",
    ]
    if (curve := document.panels) is not None:
        parts += [
            f"How well a panel predicts {curve.held_out} other listeners of the same track "
            f"({curve.tracks} tracks); a model's worth in listeners is the k at which a panel does "
            "as well as the model.",
            tables.panels_table("panel of k listeners", curve),
        ]
    return parts


def _provenance(document: Document) -> str:
    lines = [f"Data fingerprint `{document.data.fingerprint}`.", ""]
    for command in document.commands:
        machine = command.machine
        lines.append(
            f"- `{command.command}` ({command.date}; {command.cells_trained} cells "
            f"trained in {duration(command.seconds)}; {machine['processor']}, "
            f"{machine['cores']} cores)"
        )
    if document.commands:
        named = ", ".join(f"{name} {n}" for name, n in document.commands[-1].versions.items())
        lines += ["", f"Versions of the last command: {named}."]
    if document.left_out:
        lines += ["", *(f"- {line}" for line in document.left_out)]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What is wanted of a report."""

    page: Path | None = None  #: the HTML file; ``None`` for ``report.html`` in the results folder
    figures: Path | None = None  #: folder for the pictures as PNG and SVG
    latex: Path | None = None  #: folder for the tables as LaTeX
    #: whether excerpts of the tracks that the best models get most wrong go into the page
    embed_audio: bool = False
    worst: int = WORST_TRACKS  #: tracks per model
    #: where the data are, as for :func:`~music_emotion.datasets.sources.find_source`
    data: Path | None = None
    csv: Path | None = None
    use_demo: bool = False


def report_results(results: Path, options: ReportOptions) -> list[str]:
    """Write what is wanted of a results folder and return what a user should know, line by line.

    Raises
    ------
    EvaluationError
        If the results are missing or damaged, or the data that are named are others.
    DatasetError
        If the data are named or needed and not found.
    MissingExtraError
        If matplotlib or Jinja is not installed.
    """
    for folder, option in ((options.figures, "--figures"), (options.latex, "--latex")):
        if folder is not None:
            _make_folder(folder, option)
    if (found := read_cross_test(results)) is not None:
        page = options.page or results / PAGE
        write_cross_test_page(page, found)
        lines = write_cross_test_files(found, figures=options.figures, latex=options.latex)
        return [f"written to {page}", *lines]
    document = read_document(results)
    listeners = read_listeners(results)
    if document.ceilings is None and listeners is not None:  # compare ran without the votes
        document = replace(document, agreement=Agreement.of(listeners.ceilings, listeners.panels))
    lines = []
    corpus = mistakes = None
    if (truth := read_ground_truth(results)) is None:
        sound = " and their sound" if options.embed_audio else ""
        lines.append(
            f"without the tracks that are most wrong{sound}: there are no predictions here"
        )
    else:
        named = options.data is not None or options.csv is not None or options.use_demo
        try:
            corpus = corpus_of(truth, data=options.data, csv=options.csv, use_demo=options.use_demo)
        except (DatasetError, EvaluationError) as error:
            if named or options.embed_audio:
                raise
            lines.append(f"without titles and votes of the tracks: {error}")
        mistakes = worst_tracks(results, truth, options.worst)
    page = options.page or results / PAGE
    lines += write_page(
        page,
        document,
        mistakes=mistakes,
        listeners=listeners,
        corpus=corpus,
        embed_audio=options.embed_audio and truth is not None,
    )
    lines.append(f"written to {page}")
    if options.figures is not None:
        files = write_paper_pictures(options.figures, document)
        lines.append(f"{len(files)} pictures written to {options.figures}")
    if options.latex is not None:
        files = tables.write_latex(options.latex, _all_tables(document))
        lines.append(f"{len(files)} tables written to {options.latex}")
    return lines


def accuracy_lines(results: Results) -> list[str]:
    """Return what every model reaches as lines for the terminal, an empty line per table.

    Its accuracy, and rho where it learned ratings; of a quick comparison that there is nothing to
    look at.
    """
    if results.ground_truth.note == QUICK_NOTE:
        return ["", QUICK_NOTE]
    lines = []
    for protocol, target, rows in in_tables(results.models):
        lines += [
            "",
            f"accuracy under {protocol}, {TARGET_TITLES[target]} (95 % interval);",
            f"{tables.PROTOCOL_NOTES[protocol]}:",
        ]
        width = max(len(row.model) for row in rows)
        for row in rows:
            worth = f"  worth {row.worth.by_r} listeners by r" if row.worth is not None else ""
            lines.append(f"  {row.model:<{width}}  {share(row.headline['accuracy'])} %{worth}")
    return lines + ([] if results.ratings is None else rating_lines(results.ratings))


def _all_tables(document: Document) -> list[tables.Table]:
    """Return every table, for files."""
    found = tables.all_tables(document) if document.rows else []
    return found + ([] if document.ratings is None else list(rating_tables(document.ratings)))


def _make_folder(folder: Path, option: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file of that name" if folder.is_file() else error.strerror or error
        raise EvaluationError(
            f"cannot make the folder {folder}: {reason}; choose another {option}"
        ) from None

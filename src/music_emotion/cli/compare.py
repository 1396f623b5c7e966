"""``music-emotion compare``: models × protocols → figures with intervals."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args

import typer
from typer import Option

from music_emotion.cli import options
from music_emotion.cli.progress import CellProgress, extract_with_bar
from music_emotion.errors import choose_from, printable
from music_emotion.interruption import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

    from music_emotion.datasets.corpus import Corpus
    from music_emotion.datasets.sources import Source
    from music_emotion.evaluation.engines import Engine
    from music_emotion.evaluation.plan import Comparison


Name = TypeVar("Name", bound=str)


def compare(
    models: Annotated[
        list[str] | None,
        Option(metavar="NAMES", help="Models, separated by commas; also: six, baselines, all."),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        Option(
            metavar="segment|track|artist",
            help="Repeatable, or separated by commas; all three by default, for ratings the last "
            "two.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        Option(
            metavar="label|votes|ratings|ratings-over-time",
            help="Repeatable, or separated by commas; what models learn: the dominant emotion "
            "(default), the votes, ratings (default where there is nothing else), or ratings "
            "from moment to moment.",
        ),
    ] = None,
    seed: Annotated[int, Option(min=0, metavar="N", help="First fold seed.")] = 42,
    repeats: Annotated[
        int, Option(min=1, metavar="N", help="Number of fold seeds, each with its training.")
    ] = 1,
    train_share: Annotated[
        list[float] | None,
        Option(
            min=0.01,
            max=1.0,
            metavar="SHARE",
            help="Repeatable; share of the training artists (or tracks) to learn from, 0-1: points "
            "of a learning curve, beside the tables. 1 is the whole.",
        ),
    ] = None,
    trainings: Annotated[
        int,
        Option(min=1, metavar="N", help="Trainings of each fold, for learning curves."),
    ] = 1,
    folds: Annotated[
        int | None,
        Option(min=2, metavar="N", help="Folds; by default 5, and one 80/20 split under segment."),
    ] = None,
    out: Annotated[
        Path | None,
        Option(
            callback=options.no_music,
            metavar="FOLDER",
            help="Folder of the results; default: runs/<data>.",
        ),
    ] = None,
    jobs: Annotated[
        int, options.jobs_option("Trainings at once; 0: as many as there are cores.")
    ] = 0,
    device: options.DeviceOption = options.DeviceName.AUTO,
    engine: options.EngineOption = options.EngineName.LOCAL,
    address: options.AddressOption = None,
    quick: Annotated[
        bool, Option("--quick", help="A few tracks, one epoch: does everything run?")
    ] = False,
    data: options.DataOption = None,
    csv: options.CsvOption = None,
    ratings: options.RatingsOption = None,
    demo: options.DemoOption = False,
    or_demo: Annotated[
        bool, Option("--or-demo", help="The same, but only where EMOTIFY is not found.")
    ] = False,
) -> None:
    """Train and score models under one or more protocols.

    What was done before is not done again: stop it whenever you like and run the same command
    to go on, or add models, protocols and seeds to the same --out.
    """
    from rich.console import Console

    from music_emotion.datasets.rating_columns import read_scales
    from music_emotion.datasets.sources import find_source
    from music_emotion.evaluation import plan
    from music_emotion.evaluation.engines import default_jobs, train_here, train_on_ray
    from music_emotion.evaluation.folds import PROTOCOLS
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.models.base import RATED, Target

    options.check_training("comparing models")
    options.check_address(engine, address)
    silence_native_libraries()
    console = Console()
    targets = _chosen(target, get_args(Target), "--target") if target else None
    protocols = _chosen(protocol, PROTOCOLS, "--protocol")
    source = find_source(
        data, csv, use_demo=demo, or_demo=or_demo, ratings=read_scales(ratings or ())
    )
    if source.remark:
        console.print(source.remark, highlight=False, markup=False, soft_wrap=True)
    corpus = source.load()
    corpus = plan.quick_corpus(corpus) if quick else corpus
    targets = targets or ("label" if corpus.has_labels else "ratings",)
    if set(RATED) & set(targets) and not protocol:
        protocols = tuple(name for name in protocols if name != "segment")
    comparison = plan.Comparison(
        models=plan.model_names(models or (), targets),
        protocols=protocols,
        targets=targets,
        seeds=tuple(range(seed, seed + repeats)),
        shares=tuple(dict.fromkeys(train_share or (1.0,))),
        trainings=trainings,
        n_folds=folds or (plan.QUICK_FOLDS if quick else None),
        settings={"device": str(device), **(plan.QUICK_SETTINGS if quick else {})},
    )
    out = out or Path("runs") / corpus.name
    train = partial(train_on_ray, address=address) if engine == "ray" else train_here
    complete = _run(
        console, comparison, corpus, out, jobs or default_jobs(), train, with_figures=not quick
    )
    for line in _next_steps(out, source, data, csv):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not complete:
        raise typer.Exit(options.EXIT_FAILURES)


def _chosen(given: Sequence[str] | None, names: Sequence[Name], option: str) -> tuple[Name, ...]:
    """Return those of the names that are given, apart or with commas, each once; else all."""
    words = [word.strip() for text in given or () for word in text.split(",")]
    known = {str(name): name for name in names}
    for word in words:
        if word not in known:
            shown = f"{option} {printable(word)}"
            raise typer.BadParameter(choose_from(word, known), param_hint=shown)
    return tuple(dict.fromkeys(known[word] for word in words or known))


def _next_steps(out: Path, source: Source, data: Path | None, csv: Path | None) -> list[str]:
    """Return what to look at next, as commands that work where this one did."""
    program = options.program()
    given = {"--data": data, "--csv": csv}
    own = [f"{name} {shlex.quote(str(path))}" for name, path in given.items() if path is not None]
    report = [program, "report", shlex.quote(str(out)), *own]
    lines = [
        "",
        f"the report, with pictures: {printable(out / 'README.md')} (every figure: summary.csv)",
        f"as a page to click through: {' '.join(report + ['--demo'] * (source.kind == 'demo'))}",
    ]
    if source.kind == "demo":
        lines += [
            f"the same on real music: {program} dataset download && {program} compare",
            f"what trained models hear: {program} example && {program} predict example.wav",
        ]
    return lines


def _run(
    console: Console,
    comparison: Comparison,
    corpus: Corpus,
    out: Path,
    jobs: int,
    engine: Engine,
    *,
    with_figures: bool = True,
) -> bool:
    """Extract, train, score and write; return whether everything could be done."""
    from music_emotion.datasets.corpus import LEFT_OUT
    from music_emotion.evaluation.compare import check_folder, compare
    from music_emotion.evaluation.folds import unheard_courses
    from music_emotion.evaluation.plan import check_plan, feature_names
    from music_emotion.evaluation.provenance import record_command
    from music_emotion.evaluation.results import collect
    from music_emotion.evaluation.results_file import read_commands
    from music_emotion.features.compute import feature_key
    from music_emotion.models.registry import MODEL_NAMES
    from music_emotion.report.write import accuracy_lines, write_report

    check_plan(comparison, corpus)  # before the features are computed
    check_folder(out, corpus)
    names = feature_names(comparison)
    commands = read_commands(out)
    progress = CellProgress(console, jobs)
    progress.message(f"{corpus.name}: {len(corpus)} tracks. {corpus.note}".rstrip())
    for line in corpus.remarks:
        progress.message(line)
    try:
        # A comparison of models without features still needs to know the segments.
        features = extract_with_bar(corpus, names or ("statistics",), jobs)
        left_out = [LEFT_OUT + failure.message for failure in features.failures]
        if "ratings-over-time" in comparison.targets:
            left_out += unheard_courses(corpus, features.track_index)
        for line in left_out:
            progress.message(line)
        left_out = [line for line in corpus.remarks if line.startswith(LEFT_OUT)] + left_out
        with progress:
            truth, failures = compare(
                comparison,
                corpus,
                features.track_index,
                features.arrays,
                feature_versions={name: feature_key(name).folder for name in names},
                out=out,
                jobs=jobs,
                reporter=progress,
                engine=engine,
            )
    except KeyboardInterrupt:
        progress.message(
            f"stopped: {progress.trained} of {progress.total} cells were trained and are kept in "
            f"{out}; run the same command to go on"
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if progress.trained or not commands:
        commands.append(record_command(sys.argv[1:], progress.trained, progress.seconds))
    results = collect(out, truth, MODEL_NAMES)
    write_report(out, results, commands)
    for line in results.left_out:
        progress.message(line)
    for line in ("", corpus.note, *accuracy_lines(results)) if with_figures else ():
        progress.message(line)
    for failed in failures:
        progress.message(f"failed: {failed.name}: {failed.line}")
        if failed.details:
            print(failed.details, file=sys.stderr)
    for line in left_out:  # hours and screens later, and why the exit code is not 0
        progress.message(line)
    complete = not failures and not left_out
    count = len(comparison.models)
    if complete and not with_figures:
        progress.message(
            f"everything ran: {count} model{'s' if count > 1 else ''} under "
            f"{', '.join(comparison.protocols)}; one epoch teaches nothing, so there is no figure "
            "to look at"
        )
    return complete


COMMANDS = {"compare": compare}
RESUMING = ("compare",)

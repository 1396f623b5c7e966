"""``music-emotion compare``: models × protocols → figures with intervals."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from music_emotion.cli.options import (
    EXIT_FAILURES,
    AddressOption,
    CsvOption,
    DataOption,
    DemoOption,
    DeviceName,
    DeviceOption,
    EngineName,
    EngineOption,
    TargetName,
    check_address,
)
from music_emotion.cli.progress import CellProgress, extract_with_bar
from music_emotion.errors import printable
from music_emotion.interruption import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

    from music_emotion.datasets.corpus import Corpus
    from music_emotion.evaluation.engines import Engine
    from music_emotion.evaluation.plan import Comparison

Name = TypeVar("Name", bound=StrEnum)


class ProtocolName(StrEnum):
    """The protocols as the command line takes them."""

    SEGMENT = "segment"
    TRACK = "track"
    ARTIST = "artist"


def compare(
    models: Annotated[
        list[str] | None,
        typer.Option(help="Models, separated by commas; also: six, baselines, all."),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="segment|track|artist",
            help="Repeatable, or separated by commas; all three by default.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="label|votes",
            help="Repeatable, or separated by commas; what models learn: the dominant emotion "
            "(default) or the votes.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="First fold seed.")] = 42,
    repeats: Annotated[int, typer.Option(min=1, help="Number of fold seeds: N, N + 1, …")] = 1,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Folds; by default 5, and one 80/20 split under segment."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: runs/<data>.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings at once; default: the processors.")
    ] = None,
    device: DeviceOption = DeviceName.AUTO,
    engine: EngineOption = EngineName.LOCAL,
    address: AddressOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few tracks, one epoch: does everything run?")
    ] = False,
    data: DataOption = None,
    csv: CsvOption = None,
    demo: DemoOption = False,
    or_demo: Annotated[
        bool, typer.Option("--or-demo", help="The same, but only where EMOTIFY is not found.")
    ] = False,
) -> None:
    """Train and score models under one or more protocols.

    What was done before is not done again: stop it whenever you like and run the same command
    to go on, or add models, protocols and seeds to the same --out.
    """
    from rich.console import Console

    from music_emotion.datasets.sources import find_source
    from music_emotion.evaluation.engines import default_jobs
    from music_emotion.evaluation.plan import (
        QUICK_FOLDS,
        QUICK_SETTINGS,
        Comparison,
        model_names,
        quick_corpus,
    )
    from music_emotion.inference.batch import silence_native_libraries

    check_address(engine, address)
    silence_native_libraries()
    console = Console()
    comparison = Comparison(
        models=model_names(models or ()),
        protocols=tuple(one.value for one in _chosen(protocol, ProtocolName, "--protocol")),
        targets=tuple(one.value for one in _chosen(target or ["label"], TargetName, "--target")),
        seeds=tuple(range(seed, seed + repeats)),
        n_folds=folds or (QUICK_FOLDS if quick else None),
        settings={"device": device.value, **(QUICK_SETTINGS if quick else {})},
    )
    source = find_source(data, csv, use_demo=demo, or_demo=or_demo)
    if source.remark:
        console.print(source.remark, highlight=False, markup=False, soft_wrap=True)
    corpus = source.load()
    corpus = quick_corpus(corpus) if quick else corpus
    complete = _run(
        console,
        comparison,
        corpus,
        out or Path("runs") / corpus.name,
        jobs or default_jobs(),
        _engine(engine, address),
    )
    if not complete:
        raise typer.Exit(EXIT_FAILURES)


def _chosen(given: Sequence[str] | None, names: type[Name], option: str) -> tuple[Name, ...]:
    """Return the members that are named, apart or with commas, each once; all by default."""
    words = [word.strip() for text in given or () for word in text.split(",")]
    known = {one.value: one for one in names}
    for word in words:
        if word not in known:
            raise typer.BadParameter(
                f"'{printable(word)}' is not one of {', '.join(known)}", param_hint=option
            )
    return tuple(dict.fromkeys(known[word] for word in words or known))


def _engine(name: EngineName, address: str | None) -> Engine:
    from music_emotion.evaluation.engines import train_here, train_on_ray

    return partial(train_on_ray, address=address) if name is EngineName.RAY else train_here


def _run(
    console: Console,
    comparison: Comparison,
    corpus: Corpus,
    out: Path,
    jobs: int,
    engine: Engine,
) -> bool:
    """Extract, train, score and write; return whether everything could be done."""
    from music_emotion.evaluation.compare import check_folder, compare
    from music_emotion.evaluation.plan import feature_names
    from music_emotion.evaluation.provenance import record_command
    from music_emotion.evaluation.results import collect
    from music_emotion.evaluation.results_file import read_commands
    from music_emotion.features.compute import feature_key
    from music_emotion.models.registry import MODEL_NAMES
    from music_emotion.report.write import accuracy_lines, write_report

    check_folder(out, corpus)  # before the features are computed
    names = feature_names(comparison)
    commands = read_commands(out)
    progress = CellProgress(console, jobs)
    progress.message(f"{corpus.name}: {len(corpus)} tracks. {corpus.note}".rstrip())
    try:
        # A comparison of models without features still needs to know the segments.
        features = extract_with_bar(corpus, names or ("statistics",), jobs)
        left_out = [f"left out: {failure.message}" for failure in features.failures]
        for line in left_out:
            progress.message(line)
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
    for line in (*results.left_out, *accuracy_lines(results)):
        progress.message(line)
    for failed in failures:
        progress.message(f"failed: {failed.name}: {failed.line}")
        if failed.details:
            print(failed.details, file=sys.stderr)
    progress.message(f"written to {out / 'README.md'}")
    for line in left_out:  # hours and screens later, and why the exit code is not 0
        progress.message(line)
    return not failures and not left_out


COMMANDS = {"compare": compare}

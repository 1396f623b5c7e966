"""Models × protocols × targets × seeds: train what is missing, then score everything."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import EvaluationError, printable
from music_emotion.evaluation.cells import (
    CELLS,
    PREDICTIONS,
    Cell,
    CellName,
    CellStore,
    GroundTruth,
    Run,
    ground_truth_of,
    read_ground_truth,
    write_ground_truth,
)
from music_emotion.evaluation.engines import (
    CellReporter,
    Engine,
    run_cells,
    threads_per_job,
    train_here,
)
from music_emotion.evaluation.plan import Comparison, EnsembleTask, Plan, make_plan
from music_emotion.evaluation.schedule import Schedule
from music_emotion.evaluation.train_cell import Failure, SharedArray, Task, Workplace
from music_emotion.models.base import Prediction
from music_emotion.models.ensemble import mean_prediction

NAMED_RUNS = 5
"""How many runs a line names at most."""


class Reporter(CellReporter, Protocol):
    """Reports what a comparison does."""

    def message(self, line: str) -> None:
        """Something a user should know."""
        return

    def planned(self, pending: Sequence[CellName], done: int, schedule: Schedule) -> None:
        """How many cells are to be trained and how many are there already."""
        return


class Silent(Reporter):
    """A reporter that keeps everything to itself."""


def compare(
    comparison: Comparison,
    corpus: Corpus,
    track_index: NDArray[np.int64],
    features: Mapping[str, NDArray[np.float32]],
    *,
    feature_versions: Mapping[str, str],
    out: Path,
    jobs: int,
    reporter: Reporter | None = None,
    engine: Engine = train_here,
) -> tuple[GroundTruth, list[Failure]]:
    """Train every cell of a comparison that is not there yet.

    Parameters
    ----------
    track_index, features
        Track of each segment, shape (n,), and feature arrays by name, axis 0 = segments.
    feature_versions
        A text per feature that changes when the feature does.
    out
        Folder of the results; cells that are there with the same key are not trained again.
    jobs
        Worker processes; 0 trains in this process.

    Returns
    -------
    (GroundTruth, list of Failure)
        What :func:`.results.collect` scores against, and the cells that could not be trained.
    """
    reporter = reporter or Silent()
    check_folder(out, corpus)
    plan = make_plan(comparison, corpus, track_index, feature_versions)
    store = CellStore(out)
    before = read_ground_truth(out)
    folds = {**(before.folds if before else {}), **comparison.folds}
    truth = ground_truth_of(corpus, track_index, folds)
    write_ground_truth(out, truth)
    pending = _pending(plan, store, reporter)
    schedule = Schedule(plan.feature_names)
    if pending:  # else nobody asks, and every file would be read once more
        for cell in store.cells():
            schedule.measured(cell.name, cell.record.seconds)
    order = schedule.longest_first(task.name for task in pending)
    reporter.planned(order, len(plan.tasks) - len(order), schedule)
    failures = []
    if order:
        needed = {name for task in pending for name in plan.feature_names[task.name.run.model]}
        with shared_arrays({name: features[name] for name in sorted(needed)}) as arrays:
            workplace = Workplace(corpus, track_index, arrays, threads_per_job(max(jobs, 1)))
            failures = run_cells(
                [plan.tasks[name] for name in order],
                workplace,
                jobs=jobs,
                save=store.write,
                reporter=reporter,
                engine=engine,
            )
    failures += _average(plan, store, reporter)
    for run, keys in plan.runs.items():
        store.pack(run, keys)
    return truth, failures


def check_folder(out: Path, corpus: Corpus) -> None:
    """Raise an :class:`EvaluationError` if a folder holds results of other data, to be lost."""
    before = read_ground_truth(out)
    if before is not None and before.fingerprint != corpus.fingerprint:
        shown = printable(out)
        raise EvaluationError(
            f"{shown} holds results on {printable(before.name)!r}, which are other data than these "
            f"of {printable(corpus.name)!r}: name another folder with --out, or delete {shown}"
        )


def _pending(plan: Plan, store: CellStore, reporter: Reporter) -> list[Task]:
    """Return the cells that are not there, or no longer; say what is outdated."""
    pending = []
    outdated: dict[Run, None] = {}
    other_code: dict[Run, None] = {}
    for name, task in plan.tasks.items():
        cell = store.find(name)
        if cell is None or cell.record.key != task.record.key:
            pending.append(task)
            if cell is not None:
                outdated[name.run] = None
        elif cell.record.code not in ("", task.record.code):
            other_code[name.run] = None
    for run in outdated:
        reporter.message(
            f"{run.model}, {run.protocol}, seed {run.seed} was made with other data, features, "
            "settings or folds: training it again"
        )
    if other_code:
        stems = [run.stem for run in other_code]
        more = f" and {len(stems) - NAMED_RUNS} more" if len(stems) > NAMED_RUNS else ""
        reporter.message(
            f"kept, though the code of models or of training has changed since: "
            f"{', '.join(stems[:NAMED_RUNS])}{more}; to train them again, delete their files in "
            f"{store.out / PREDICTIONS} and {store.out / CELLS}"
        )
    return pending


def _average(plan: Plan, store: CellStore, reporter: Reporter) -> list[Failure]:
    """Write the cells of ensembles from those of their members.

    The mean is taken anew each time: a member may have been trained again by other code, under the
    same key.
    """
    failures = []
    for task in plan.ensembles.values():
        before = _present(store, task)
        cells = [
            cell for name in task.members if (cell := _present(store, plan.tasks[name])) is not None
        ]
        if len(cells) < len(task.members):
            if before is None:
                failures.append(Failure(task.name, "a member could not be trained"))
                reporter.failed(failures[-1])
            continue
        mean = mean_prediction(
            [Prediction(cell.emotions, cell.intensities, cell.ratings) for cell in cells]
        )
        if before is not None and _same(before, mean):
            continue
        codes = {cell.record.code for cell in cells}
        record = replace(
            task.record,
            seconds=round(sum(cell.record.seconds for cell in cells), 2),
            threads=max(cell.record.threads for cell in cells),
            code=codes.pop() if len(codes) == 1 else "",
            notes=(f"mean of {', '.join(cell.name.run.model for cell in cells)}",),
            parameters=sum(cell.record.parameters for cell in cells),
        )
        store.write(
            Cell(task.name, cells[0].unit, mean.emotions, mean.intensities, record, mean.ratings)
        )
    return failures


def _same(cell: Cell, mean: Prediction) -> bool:
    """Whether a cell holds these predictions."""
    if cell.ratings is None or mean.ratings is None:
        return np.array_equal(cell.emotions, mean.emotions)
    return np.array_equal(cell.ratings, mean.ratings)


def _present(store: CellStore, task: Task | EnsembleTask) -> Cell | None:
    """Return the cell if it is there and made from the same."""
    cell = store.find(task.name)
    return cell if cell is not None and cell.record.key == task.record.key else None


@contextmanager
def shared_arrays(arrays: Mapping[str, NDArray[np.float32]]) -> Iterator[dict[str, SharedArray]]:
    """Put arrays where every worker can map them, until the end of the block.

    Those that are whole memory-mapped files stay where they are.
    """
    with tempfile.TemporaryDirectory(prefix="music-emotion-") as folder:
        yield {
            name: _mapped(array) or _written(array, Path(folder) / name)
            for name, array in arrays.items()
        }


def _mapped(array: NDArray[np.float32]) -> SharedArray | None:
    """Describe an array that is a whole memory-mapped file, ``None`` for any other."""
    base: object = array.base
    if not isinstance(array, np.memmap) or not isinstance(base, mmap.mmap):
        return None
    if not array.flags.c_contiguous:
        return None
    return SharedArray(Path(str(array.filename)), array.dtype.str, array.shape, array.offset)


def _written(array: NDArray[np.float32], path: Path) -> SharedArray:
    try:
        np.ascontiguousarray(array).tofile(path)
    except OSError as error:
        raise EvaluationError(
            f"cannot write the features to {path.parent} ({error.strerror or error}): make room "
            "there or point TMPDIR to another folder"
        ) from error
    return SharedArray(path, array.dtype.str, array.shape, 0)

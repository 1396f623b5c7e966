"""Training many cells: in this process, in processes of this machine, on a Ray cluster.

An engine is given cells one by one as it has room for them and gives back what each came to. A
process that dies takes only its cell with it, an error in a cell does not stop the others, and
every finished cell is saved at once, so that an interruption costs at most the cells that were
being trained. With the same number of threads all engines predict the same.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from music_emotion.cluster import cluster_cpus, largest_node, ray_cluster
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import Cell, CellName
from music_emotion.evaluation.train_cell import Failure, Task, Workplace, try_cell
from music_emotion.interruption import sigterm_interrupts
from music_emotion.parallel import Death, Report, available_cores, memory_bytes, run_tasks

BYTES_PER_JOB = 2 * 10**9  # reserved for a training where the number of jobs is not given
REPORT_SECONDS = 0.5  # between two reports of a training
MEMORY_HINT = "; was the memory full? try --jobs 1"
RETRIES = 1  # on a cluster, of a task whose process died: the machine may have been at fault
STORE_ROOM_BYTES = 100 * 10**6  # beside the features: corpus, tasks and finished cells

# Read by OpenMP and by glibc when a process starts. Idle threads that spin starve the others; and
# with the allocator's defaults, large arrays are returned to the system and zeroed again at every
# batch, which doubles the time of the 2-D networks.
WORKER_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}

Progressed = Callable[[Task, int, int], None]
"""Called with a task, the steps done and the steps in all."""


class Engine(Protocol):
    """Trains cells: :func:`train_here` or :func:`train_on_ray`."""

    def __call__(
        self, tasks: Iterable[Task], workplace: Workplace, *, jobs: int, progressed: Progressed
    ) -> Generator[Cell | Failure, None, None]:
        """Take cells when there is room for them, and yield what they came to as they are done."""


class CellReporter(Protocol):
    """Reports what happens while cells are trained; keeps it to itself unless it says how."""

    def started(self, name: CellName) -> None:
        """A cell is being trained."""
        return

    def progressed(self, name: CellName, done: int, total: int) -> None:
        """A cell got on."""
        return

    def finished(self, cell: Cell) -> None:
        """A cell is done and saved."""
        return

    def failed(self, failure: Failure) -> None:
        """A cell could not be trained."""
        return


def default_jobs() -> int:
    """Return the number of processors, fewer where the memory would not do for so many jobs."""
    cores, memory = available_cores(), memory_bytes()
    return cores if memory is None else max(1, min(cores, memory // BYTES_PER_JOB))


def threads_per_job(jobs: int) -> int:
    """Return how many threads each of ``jobs`` trainings gets."""
    return max(1, available_cores() // max(jobs, 1))


def run_cells(
    tasks: Sequence[Task],
    workplace: Workplace,
    *,
    jobs: int,
    save: Callable[[Cell], None],
    reporter: CellReporter,
    engine: Engine,
) -> list[Failure]:
    """Train cells in the given order, ``jobs`` at once, and return those that could not be trained.

    ``save`` is called with each cell the moment it is done.

    Raises
    ------
    MusicEmotionError
        The engine cannot be used.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after the trainings have been stopped.
    """

    def begun() -> Iterator[Task]:
        for task in tasks:
            reporter.started(task.name)
            yield task

    def progressed(task: Task, done: int, total: int) -> None:
        reporter.progressed(task.name, done, total)

    failures = []
    answers = engine(begun(), workplace, jobs=jobs, progressed=progressed)
    with sigterm_interrupts(), closing(answers):
        for answer in answers:
            if isinstance(answer, Failure):
                failures.append(answer)
                reporter.failed(answer)
            else:
                save(answer)
                reporter.finished(answer)
    return failures


def train_here(
    tasks: Iterable[Task], workplace: Workplace, *, jobs: int, progressed: Progressed
) -> Generator[Cell | Failure, None, None]:
    """Train cells on this machine, each job in a process; 0 jobs train in this one."""
    trained = run_tasks(
        partial(_begin, workplace),
        tasks,
        workers=jobs,
        queued=0,
        retry=False,
        environment={**WORKER_ENVIRONMENT, "OMP_NUM_THREADS": str(workplace.threads)},
        reported=lambda task, steps: progressed(task, *steps),
    )
    with closing(trained):
        for task, answer in trained:
            if isinstance(answer, Death):
                hint = MEMORY_HINT if answer.exit_code == -signal.SIGKILL else ""
                yield Failure(task.name, f"the worker process died ({answer}){hint}")
            else:
                yield answer


def _begin(workplace: Workplace, report: Report) -> Callable[[Task], Cell | Failure]:
    reported = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported >= REPORT_SECONDS:
            reported = now
            report((done, total))

    return lambda task: try_cell(task, workplace, progress)


# --- On a cluster ---------------------------------------------------------------------------------


def train_on_ray(
    tasks: Iterable[Task],
    workplace: Workplace,
    *,
    jobs: int,
    progressed: Progressed,
    address: str | None = None,
) -> Generator[Cell | Failure, None, None]:
    """Train cells on a Ray cluster, each a task of its own; they tell no progress.

    Corpus and features are put into the cluster's memory once and read from there by every
    training, so that no node needs the files. On a cluster that is there (``address``) as many are
    trained at once as it has processors for; without an address one is started here for ``jobs``.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    MusicEmotionError
        No cluster answers, or none of its machines has as many processors as a training takes.
    """
    arrays = workplace.arrays
    room = sum(array.nbytes for array in arrays.values()) + STORE_ROOM_BYTES
    jobs = max(jobs, 1)
    cluster = ray_cluster(address, cpus=jobs * workplace.threads, store_bytes=room)
    with cluster as ray, sigterm_interrupts():  # Ray's own way with SIGTERM is to exit
        if address is not None:
            _check_room(largest_node(ray), workplace.threads)
            jobs = max(cluster_cpus(ray) // workplace.threads, 1)
        threads = {"OMP_NUM_THREADS": str(workplace.threads)}
        train = ray.remote(_train).options(
            num_cpus=workplace.threads,
            max_retries=RETRIES,
            runtime_env={"env_vars": {**WORKER_ENVIRONMENT, **threads}},
        )
        held = [ray.put(np.asarray(array)) for array in arrays.values()]
        common = ray.put(replace(workplace, features={}))
        waiting = iter(tasks)
        running: dict[Any, Task] = {}
        try:
            while True:
                for task in islice(waiting, jobs - len(running)):
                    running[train.remote(task, common, tuple(arrays), *held)] = task
                if not running:
                    return
                ready, _ = ray.wait(list(running))
                for reference in ready:
                    yield _answer(ray, reference, running.pop(reference))
        finally:
            for reference in running:
                with suppress(Exception):
                    ray.cancel(reference, force=True)


def _check_room(processors: int, threads: int) -> None:
    """Refuse trainings that would wait for ever for a machine large enough."""
    if processors < threads:
        raise MusicEmotionError(
            f"a training takes {threads} processors here, and no machine of the cluster has more "
            f"than {processors}: --jobs says how many trainings share those of this machine, and "
            "so how many each takes"
        )


def _train(
    task: Task, workplace: Workplace, names: Sequence[str], *arrays: NDArray[np.float32]
) -> Cell | Failure:
    """Train a cell in a process of the cluster."""
    return try_cell(task, replace(workplace, features=dict(zip(names, arrays, strict=True))))


def _answer(ray: Any, reference: Any, task: Task) -> Cell | Failure:
    """Return what a task gave, or how its process ended."""
    try:
        answer: Cell | Failure = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        return Failure(task.name, f"the process that trained it died twice{MEMORY_HINT}")
    except ray.exceptions.RayError as error:
        lines = str(error).splitlines() or [type(error).__name__]
        return Failure(task.name, lines[0], str(error))
    return answer

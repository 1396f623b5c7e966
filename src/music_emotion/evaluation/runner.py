"""Training many cells on the processors of one machine.

Each job is a process started afresh (spawn), one cell at a time. A process that dies takes only
its cell with it; an error in a cell is reported and the others go on; workers die with their
parent. Every finished cell is handed over at once, so that an interruption costs at most the cells
that were being trained.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection as pipes
from typing import Any, Protocol

from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import Cell, CellName
from music_emotion.evaluation.worker import Task, Workplace, train_cell, work
from music_emotion.interruption import sigterm_interrupts
from music_emotion.parallel import available_cores

BYTES_PER_JOB = 2 * 10**9
"""Memory reserved for one training when the number of jobs is chosen automatically."""

STOP_SECONDS = 5.0
"""How long a worker may take to end before it is killed."""

# Read by OpenMP and by glibc when a process starts. Idle threads that spin starve the others; and
# with the allocator's defaults, large arrays are returned to the system and zeroed again at every
# batch, which doubles the time of the 2-D networks.
WORKER_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that could not be trained."""

    name: CellName
    line: str
    details: str = ""


class CellReporter(Protocol):
    """Is told what happens while cells are trained."""

    def started(self, name: CellName) -> None:
        """A cell is being trained."""

    def progressed(self, name: CellName, done: int, total: int) -> None:
        """A cell got on."""

    def finished(self, cell: Cell) -> None:
        """A cell is done and saved."""

    def failed(self, failure: Failure) -> None:
        """A cell could not be trained."""


def default_jobs() -> int:
    """Return the number of processors, fewer where the memory would not do for so many jobs."""
    cores = available_cores()
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return cores
    return max(1, min(cores, memory // BYTES_PER_JOB))


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
) -> list[Failure]:
    """Train cells in the given order.

    Parameters
    ----------
    tasks
        The cells; the order is the order in which they are begun.
    workplace
        Corpus, features and the number of threads of each job.
    jobs
        Number of processes; 0 trains in this process, for cheap models and notebooks.
    save
        Called with each cell the moment it is done.
    reporter
        Told what happens.

    Returns
    -------
    list of Failure
        The cells that could not be trained.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after the workers have been stopped.
    """
    with sigterm_interrupts():
        if jobs == 0:
            return _run_here(tasks, workplace, save, reporter)
        return _Pool(workplace, save, reporter).run(tasks, min(jobs, len(tasks)))


def _run_here(
    tasks: Sequence[Task],
    workplace: Workplace,
    save: Callable[[Cell], None],
    reporter: CellReporter,
) -> list[Failure]:
    failures = []
    for task in tasks:
        name = task.name
        reporter.started(name)
        try:
            cell = train_cell(task, workplace, partial(reporter.progressed, name))
        except MusicEmotionError as error:
            failures.append(Failure(name, str(error)))
            reporter.failed(failures[-1])
            continue
        save(cell)
        reporter.finished(cell)
    return failures


class _Worker:
    """One process and the task it is at."""

    def __init__(self, workplace: Workplace) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, workplace), daemon=True)
        with _environment({**WORKER_ENVIRONMENT, "OMP_NUM_THREADS": str(workplace.threads)}):
            self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        self.pipe.send(task)

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(STOP_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class _Pool:
    """Hands tasks to workers and collects what comes back."""

    def __init__(
        self, workplace: Workplace, save: Callable[[Cell], None], reporter: CellReporter
    ) -> None:
        self.workplace, self.save, self.reporter = workplace, save, reporter
        self.workers: list[_Worker] = []
        self.failures: list[Failure] = []

    def run(self, tasks: Sequence[Task], jobs: int) -> list[Failure]:
        waiting = list(reversed(tasks))
        try:
            while waiting or any(worker.task for worker in self.workers):
                self._occupy(waiting, jobs)
                self._collect()
        finally:
            for worker in self.workers:
                worker.stop()
        return self.failures

    def _occupy(self, waiting: list[Task], jobs: int) -> None:
        for worker in self.workers:
            if waiting and worker.task is None:
                self._begin(worker, waiting.pop())
        while waiting and len(self.workers) < jobs:
            worker = _Worker(self.workplace)
            self.workers.append(worker)
            self._begin(worker, waiting.pop())

    def _begin(self, worker: _Worker, task: Task) -> None:
        with suppress(OSError):  # it died between two tasks: _collect will find out
            worker.give(task)
        self.reporter.started(task.name)

    def _collect(self) -> None:
        """Wait until a worker says something or dies."""
        busy = {worker.pipe: worker for worker in self.workers if worker.task is not None}
        for pipe in pipes.wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]  # wait() returns what it was given
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            self._answer(worker, message)

    def _answer(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        assert worker.task is not None, "only busy workers are listened to"
        name = worker.task.name
        if message[0] == "progress":
            self.reporter.progressed(name, message[1], message[2])
            return
        worker.task = None
        if message[0] == "done":
            self.save(message[1])
            self.reporter.finished(message[1])
        else:
            self._fail(Failure(name, message[1], message[2]))

    def _bury(self, worker: _Worker) -> None:
        assert worker.task is not None, "only busy workers are listened to"
        worker.process.join(STOP_SECONDS)
        code = worker.process.exitcode
        reason = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; was the memory full? try --jobs 1" if code == -signal.SIGKILL else ""
        self.workers.remove(worker)
        worker.stop()
        self._fail(Failure(worker.task.name, f"the worker process died ({reason}){hint}"))

    def _fail(self, failure: Failure) -> None:
        self.failures.append(failure)
        self.reporter.failed(failure)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables inside the block: a spawned process inherits them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

"""Training the cells of a comparison on a Ray cluster.

Corpus and features are put into the cluster's memory once and read from there by every training,
so that no node needs the files. Each cell is a task of its own; it comes back to the process that
asked, which writes it at once: what was finished is kept whatever happens to the cluster. A task
whose process dies is begun again once, because the machine may have been at fault; the second time
it is the cell that failed. With the same number of threads the predictions are those of
:func:`music_emotion.evaluation.runner.run_cells`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.cluster import cluster_cpus, largest_node, ray_cluster
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import Cell
from music_emotion.evaluation.runner import WORKER_ENVIRONMENT, CellReporter, Failure
from music_emotion.evaluation.worker import Task, Workplace, train_cell
from music_emotion.interruption import sigterm_interrupts

RETRIES = 1  # of a task whose process died
STORE_ROOM_BYTES = 100 * 10**6  # beside the features: corpus, tasks and finished cells

Answer = tuple[Cell | None, str, str]
"""A cell, or the line that says why there is none and its details."""


@dataclass(frozen=True, slots=True)
class HeldArray:
    """An array in the cluster's memory, as a training sees it: read-only."""

    array: NDArray[np.float32]

    def open(self) -> NDArray[np.float32]:
        """Return it."""
        return self.array


def run_cells_on_ray(
    tasks: Sequence[Task],
    workplace: Workplace,
    *,
    jobs: int,
    save: Callable[[Cell], None],
    reporter: CellReporter,
    address: str | None = None,
) -> list[Failure]:
    """Train cells in the given order; see :func:`.runner.run_cells`.

    Parameters
    ----------
    jobs
        Trainings at once on a cluster started here. On one that is there (``address``) as many as
        it has processors for.
    address
        Of the cluster; ``None`` starts one on this machine.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    MusicEmotionError
        No cluster answers, or none of its machines has as many processors as a training takes.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after the trainings have been stopped.
    """
    arrays = {name: source.open() for name, source in workplace.features.items()}
    room = sum(array.nbytes for array in arrays.values()) + STORE_ROOM_BYTES
    cpus = max(jobs, 1) * workplace.threads
    with ray_cluster(address, cpus=cpus, store_bytes=room) as ray, sigterm_interrupts():
        if address is not None:
            _check_room(largest_node(ray), workplace.threads)
            jobs = cluster_cpus(ray) // workplace.threads
        return _Trainings(ray, workplace, arrays, save, reporter).run(tasks, max(jobs, 1))


def _check_room(processors: int, threads: int) -> None:
    """Refuse trainings that would wait for ever for a machine large enough."""
    if processors < threads:
        raise MusicEmotionError(
            f"a training takes {threads} processors here, and no machine of the cluster has more "
            f"than {processors}: --jobs says how many trainings share those of this machine, and "
            "so how many each takes"
        )


class _Trainings:
    """Hands tasks to the cluster and collects what comes back."""

    def __init__(
        self,
        ray: Any,
        workplace: Workplace,
        arrays: Mapping[str, NDArray[np.float32]],
        save: Callable[[Cell], None],
        reporter: CellReporter,
    ) -> None:
        self._ray, self._save, self._reporter = ray, save, reporter
        self._names = tuple(arrays)
        self._arrays = [ray.put(np.asarray(array)) for array in arrays.values()]
        self._workplace = ray.put(replace(workplace, features={}))
        self._train = ray.remote(_train).options(
            num_cpus=workplace.threads,
            max_retries=RETRIES,
            runtime_env={
                "env_vars": {**WORKER_ENVIRONMENT, "OMP_NUM_THREADS": str(workplace.threads)}
            },
        )

    def run(self, tasks: Sequence[Task], jobs: int) -> list[Failure]:
        waiting = list(reversed(tasks))
        running: dict[Any, Task] = {}
        failures: list[Failure] = []
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop()
                    running[self._begin(task)] = task
                ready, _ = self._ray.wait(list(running))
                for reference in ready:
                    failures += self._collect(reference, running.pop(reference))
        finally:
            for reference in running:
                with suppress(Exception):
                    self._ray.cancel(reference, force=True)
        return failures

    def _begin(self, task: Task) -> Any:
        self._reporter.started(task.name)
        return self._train.remote(task, self._workplace, self._names, *self._arrays)

    def _collect(self, reference: Any, task: Task) -> list[Failure]:
        """Save what a task gave; return its failure, if it is one."""
        exceptions = self._ray.exceptions
        try:
            cell, line, details = self._ray.get(reference)
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError):
            hint = "; was the memory full? try --jobs 1"
            cell, line, details = None, f"the process that trained it died twice{hint}", ""
        except exceptions.RayError as error:
            lines = str(error).splitlines() or [type(error).__name__]
            cell, line, details = None, lines[0], str(error)
        if cell is not None:
            self._save(cell)
            self._reporter.finished(cell)
            return []
        failure = Failure(task.name, line, details)
        self._reporter.failed(failure)
        return [failure]


def _train(
    task: Task, workplace: Workplace, names: Sequence[str], *arrays: NDArray[np.float32]
) -> Answer:
    """Train a cell in a process of the cluster; an error is an answer."""
    held = {name: HeldArray(array) for name, array in zip(names, arrays, strict=True)}
    try:
        return train_cell(task, replace(workplace, features=held)), "", ""
    except MusicEmotionError as error:
        return None, str(error), ""
    except Exception as error:  # a bug in one model must not end the others' work
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        return None, line, traceback.format_exc()

"""Compute features of many files, in this process or in several.

Worker processes are spawned, run one thread each, leave Ctrl-C to their parent and end when it
ends, however it ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import decode
from music_emotion.errors import CacheError, MusicEmotionError
from music_emotion.features.cache import FeatureStore
from music_emotion.features.compute import compute_features, feature_key
from music_emotion.features.segments import EXCERPT_SECONDS

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DEAD_WORKER = "the process reading it died (out of memory?)"

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Task:
    """One file and the features to compute of it.

    Attributes
    ----------
    number
        Index of the track in its corpus.
    path
        The audio file.
    audio
        SHA-256 of the file.
    names
        Features as they are stored (``advanced``, not ``basic``).
    directory
        Cache to store them in; ``None`` hands them back.
    """

    number: int
    path: Path
    audio: str
    names: tuple[str, ...]
    directory: Path | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    number
        Index of the track in its corpus.
    failure
        Why there are no features, ``""`` where there are.
    warnings
        What was wrong with the sound and has been repaired.
    arrays
        The features by name where they were not stored.
    """

    number: int
    failure: str = ""
    warnings: tuple[str, ...] = ()
    arrays: dict[str, Array] = field(default_factory=dict)


def run_task(task: Task) -> Outcome:
    """Decode a file once and compute its features; a bad file is an outcome, not an error.

    Raises
    ------
    CacheError
        The features cannot be stored.
    """
    try:
        sound = decode(task.path, duration=EXCERPT_SECONDS)
        arrays = compute_features(sound, task.names)
    except CacheError:
        raise
    except (MusicEmotionError, OSError) as error:
        return Outcome(task.number, failure=_about(task.path, error))
    if task.directory is None:
        return Outcome(task.number, warnings=sound.warnings, arrays=arrays)
    store = FeatureStore(task.directory)
    for name, values in arrays.items():
        store.save(task.audio, feature_key(name), values)
    return Outcome(task.number, warnings=sound.warnings)


def run_tasks(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Yield the outcome of each task as it is done, in any order.

    Parameters
    ----------
    jobs
        Processes; 1 computes in this one.

    Raises
    ------
    CacheError
        The features cannot be stored.
    """
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield run_task(task)
        return
    with single_threaded_children():
        unfinished = yield from _in_pool(tasks, min(jobs, len(tasks)))
        # A worker died and took the pool along: find the file that kills it, one at a time.
        for task in unfinished:
            if (yield from _in_pool([task], 1)):
                yield Outcome(task.number, failure=f"{task.path}: {DEAD_WORKER}; leave it out")


def _in_pool(tasks: Sequence[Task], jobs: int) -> Generator[Outcome, None, list[Task]]:
    """Yield outcomes of tasks run in worker processes; return those that a dead worker left."""
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=begin_worker)
    waiting: dict[Future[Outcome], Task] = {}
    try:
        waiting = {pool.submit(run_task, task): task for task in tasks}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                del waiting[future]
                yield outcome
    except BrokenProcessPool:
        pass
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return list(waiting.values())


def begin_worker() -> None:
    """Prepare a worker: Ctrl-C is the parent's business, and its end is the worker's end."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True, name="follow-parent").start()


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Let processes started meanwhile use one thread each; libraries read this when they load."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _about(path: Path, error: Exception) -> str:
    """Return the error's message, with the file in front where it is not named."""
    message = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return message if str(path) in message else f"{path}: {message}"

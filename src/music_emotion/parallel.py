"""Work in processes of its own, which may die of it.

Pools of the standard library and of joblib give up as a whole when one process dies, and do not
say over which task; Pebble's takes in all tasks at once. Here every worker has a pipe of its own,
so that it is known what it was at, it is replaced, and the others notice nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

MOST_WORKERS = 61  # Windows waits for no more
AHEAD = 4  # tasks per worker that wait or are done, so that memory does not grow with their number
STOP_SECONDS = 5.0  # a killed process gets to end
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Environment of a process whose libraries shall use one thread each; read when they load."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Report = Callable[[Any], None]
Begin = Callable[[Report], Callable[[Task], Result]]
"""Called once in each worker: loads what all tasks need and returns what performs one.

What it hands to the :data:`Report` it is given reaches the caller while the task is performed.
"""

_starting = threading.Lock()  # the environment is that of all threads


def available_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return how much memory this machine has, ``None`` where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


class Worker:
    """A process started afresh (spawn), and this side of the pipe to it.

    It runs ``target(connection, *args)``, importable by name, with variables of the environment set
    for it alone; leaves Ctrl-C to this process, and ends when this one ends, however it ends.
    """

    def __init__(
        self, target: Callable[..., None], *args: Any, environment: Mapping[str, str] = ONE_THREAD
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_live, args=(target, theirs, *args), daemon=True)
        with _starting, environment_set(environment), _interrupts_held():
            self.process.start()
        theirs.close()

    def kill(self) -> None:
        """End the process now, whatever it does; may be called from any thread."""
        self.process.kill()

    def exit_code(self) -> int | None:
        """Wait for the end of the process; return its exit code, below 0 that of a signal."""
        self.process.join(STOP_SECONDS)
        return self.process.exitcode

    def close(self) -> None:
        """Release what a killed or ended process leaves."""
        self.exit_code()
        self.connection.close()


@dataclass(frozen=True, slots=True)
class Death:
    """Why a task has no result: the process that was at it ended.

    Its exit code is below 0 where it was a signal, ``None`` where it is not known.
    """

    exit_code: int | None

    def __str__(self) -> str:
        code = self.exit_code
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def run_tasks(
    begin: Begin[Task, Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    in_order: bool = False,
    queued: int = 1,
    retry: bool = True,
    environment: Mapping[str, str] = ONE_THREAD,
    reported: Callable[[Task, Any], None] | None = None,
) -> Generator[tuple[Task, Result | Death], None, None]:
    """Perform tasks in worker processes and yield each with what became of it.

    Ctrl-C, an error and the end of the generator stop all workers at once.

    Parameters
    ----------
    begin
        What a worker begins with; it, tasks and results are pickled.
    tasks
        Asked for one by one in this process, :data:`AHEAD` per worker ahead of what is yielded.
    workers
        Processes; no more are started than there are tasks. 0 works in this one.
    in_order
        Whether results come in the order of the tasks, else as they are done.
    queued
        Tasks that wait in a worker while it is at one, so that it need not wait for this process;
        for tasks of some kilobytes at most.
    retry
        Whether a task over which a process died gets another try, alone: it may have been another
        that took all the memory.
    environment
        Variables set for the workers.
    reported
        Called with a task and each of its reports.

    Raises
    ------
    Exception
        What ``begin`` or a task raised, with the worker's traceback as a note.

    Examples
    --------
    >>> def begin(report):
    ...     return str.upper
    >>> list(run_tasks(begin, ["a", "b"], workers=0))
    [('a', 'A'), ('b', 'B')]
    """
    tell = reported or (lambda task, value: None)
    if workers <= 0:
        perform = begin(lambda value: tell(task, value))
        for task in tasks:
            yield task, perform(task)
        return
    pool = _Pool(begin, iter(tasks), min(workers, MOST_WORKERS), 1 + queued, retry, environment)
    early: dict[int, tuple[Task, Any]] = {}
    try:
        while pool.occupy():
            for number, task, answer in pool.answers(tell):
                early[number if in_order else pool.yielded] = task, answer
                while pool.yielded in early:
                    task, answer = early.pop(pool.yielded)
                    pool.yielded += 1
                    if isinstance(answer, _Raised):
                        raise answer.error
                    yield task, answer
    finally:
        pool.stop()


@dataclass(slots=True)
class _Pool(Generic[Task, Result]):
    """The workers and the tasks they hold, in the order in which they perform them."""

    begin: Begin[Task, Result]
    tasks: Iterator[Task]
    most: int
    holds: int
    retry: bool
    environment: Mapping[str, str]
    held: dict[Worker, deque[tuple[int, Task]]] = field(default_factory=dict)
    returned: deque[tuple[int, Task]] = field(default_factory=deque)  # of who died over another
    suspects: deque[tuple[int, Task]] = field(default_factory=deque)  # the first is tried, alone
    taken: int = 0
    yielded: int = 0

    def occupy(self) -> bool:
        """Give the workers what they can take; return whether they have anything to do."""
        while (numbered := self._next()) is not None:
            self._give(numbered)
        return any(self.held.values())

    def _next(self) -> tuple[int, Task] | None:
        """Return what is to be given to a worker now."""
        count = sum(map(len, self.held.values()))
        if self.suspects:
            return None if count else self.suspects[0]
        if count >= self.most * self.holds:
            return None
        if self.returned:
            return self.returned.popleft()
        if self.taken - self.yielded < max(AHEAD, self.holds) * self.most:
            for task in self.tasks:
                self.taken += 1
                return self.taken - 1, task
        return None

    def _give(self, numbered: tuple[int, Task]) -> None:
        worker = min(self.held, key=lambda each: len(self.held[each]), default=None)
        if worker is None or (self.held[worker] and len(self.held) < self.most):
            worker = Worker(_work, self.begin, environment=self.environment)
            self.held[worker] = deque()
        self.held[worker].append(numbered)
        with suppress(OSError):  # it died, as will be heard
            worker.connection.send(numbered[1])

    def answers(
        self, tell: Callable[[Task, Any], None]
    ) -> Iterator[tuple[int, Task, Result | Death | _Raised]]:
        """Wait until workers say something or die; yield what tasks came to."""
        speakers = {worker.connection: worker for worker in self.held}
        for connection in wait(list(speakers)):
            worker = speakers[connection]  # type: ignore[index]  # wait() returns what it was given
            held = self.held[worker]
            try:
                kind, value = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._bury(worker)
                continue
            if kind == "report":
                tell(held[0][1], value)
                continue
            number, task = held.popleft()
            self._clear(number)
            yield number, task, value

    def _bury(self, worker: Worker) -> Iterator[tuple[int, Task, Death]]:
        """Suspect what a dead worker was at, and give the rest back."""
        held = self.held.pop(worker)
        worker.close()
        if not held:
            return
        number, task = held.popleft()
        self.returned.extendleft(reversed(held))
        if self.retry and not self._clear(number):
            self.suspects.append((number, task))
        else:
            yield number, task, Death(worker.exit_code())

    def _clear(self, number: int) -> bool:
        """Forget that a task is tried alone; return whether it was."""
        tried = bool(self.suspects) and self.suspects[0][0] == number
        if tried:
            self.suspects.popleft()
        return tried

    def stop(self) -> None:
        for worker in self.held:
            worker.kill()
        for worker in self.held:
            worker.close()


# --- In the other process -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


def _live(target: Callable[..., None], connection: Connection, *args: Any) -> None:
    """Run in a new process; Ctrl-C is the parent's business, and its end is this one's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    threading.Thread(target=_follow_parent, daemon=True, name="follow-parent").start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is done with it
        target(connection, *args)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(connection: Connection, begin: Begin[Any, Any]) -> None:
    """Perform the tasks that come through the pipe, one after the other."""
    try:
        perform = begin(lambda value: connection.send(("report", value)))
    except Exception as error:
        connection.send(("answer", _Raised(_sendable(error))))
        return
    while True:
        task = connection.recv()
        try:
            connection.send(("answer", perform(task)))
        except Exception as error:
            connection.send(("answer", _Raised(_sendable(error))))


def _sendable(error: Exception) -> Exception:
    """Return the error with its traceback, or one that says the same where it cannot travel."""
    trace = traceback.format_exc().rstrip()
    error.add_note(trace)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class does when it is made anew
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(trace)
    return error


# --- How a process is started ---------------------------------------------------------------------


@contextmanager
def environment_set(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block: a process that is started inherits them."""
    before = {name: os.environ[name] for name in values if name in os.environ}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let a process started inside the block be deaf to Ctrl-C until it says what it means."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Worker processes: analyse one file at a time each, may be stopped at any moment, come back.

Sound is decoded and analysed in processes of their own, so that the server stays responsive, a
decoder that crashes takes nothing along, and an analysis nobody waits for ends at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import send_handle
from typing import BinaryIO

from music_emotion.errors import ServerError
from music_emotion.parallel import Worker
from music_emotion.web.worker import (
    AnalysisProgress,
    AnalysisRequest,
    Answer,
    Failure,
    WorkerSettings,
    work,
)

PAUSE_SECONDS = 1.0  # before another attempt to replace a process
FATAL_SIGNALS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
CRASHES = {-number for number in signal.Signals if number.name in FATAL_SIGNALS}
"""Exit codes of a process whose own native code failed; any other end came from outside."""
ProgressReporter = Callable[[AnalysisProgress], None]


class AnalysisWorker(Worker):
    """One process that analyses, and this side of the pipe to it; methods block.

    One thread at a time may use it, but :meth:`stop` may be called from any.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__(work, settings)
        self._loaded = self._stopped = False

    def load(self) -> Failure | None:
        """Wait until the first model is loaded; return why the process cannot work."""
        try:
            failure: Failure | None = self.connection.recv()
        except (EOFError, OSError):
            return Failure("broken", "the process ended while it loaded the model")
        self._loaded = failure is None
        return failure

    @property
    def ready(self) -> bool:
        """Whether it has loaded its model, runs and may go on."""
        return self._loaded and not self._stopped and self.process.is_alive()

    def perform(
        self, request: AnalysisRequest, descriptor: int, report: ProgressReporter
    ) -> Answer:
        """Have a file analysed; the descriptor is this method's own, and closed by it."""
        try:
            try:
                self.connection.send(request)
                send_handle(self.connection, descriptor, self.process.pid)
            finally:
                os.close(descriptor)
            while True:
                message: AnalysisProgress | Answer = self.connection.recv()
                if not isinstance(message, AnalysisProgress):
                    return message
                report(message)
        except (EOFError, OSError):
            return self._ended()

    def _ended(self) -> Failure:
        """Say why the process ended in the midst of a file."""
        exit_code = self.exit_code()
        self.stop()
        if exit_code in CRASHES:
            return Failure("unreadable", "the file crashed the decoder that read it; leave it out")
        return Failure("broken", "the process that analysed the file was ended; send it again")

    def stop(self) -> None:
        """End the process now, whatever it does."""
        self._stopped = True
        self.kill()


class Workers:
    """The ``count`` worker processes of a server, for its event loop."""

    def __init__(self, count: int, settings: WorkerSettings) -> None:
        self._count = count
        self._settings = settings
        self._workers: set[AnalysisWorker] = set()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._idle: asyncio.Queue[AnalysisWorker] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self) -> None:
        """Start all processes; they are ready when their model is loaded.

        Raises
        ------
        ServerError
            The first of them cannot work.
        """
        failures = await asyncio.gather(*(self._add() for _ in range(self._count)))
        for failure in failures:
            if failure is not None:
                await self.close()
                raise ServerError(f"no file can be analysed: {failure.message}")

    def retire(self) -> None:
        """Replace no process that ends from now on."""
        self._closing = True

    async def close(self) -> None:
        """Stop all processes."""
        self.retire()
        for worker in tuple(self._workers):
            worker.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.to_thread(self._threads.shutdown, wait=True)
        for worker in self._workers:
            await asyncio.to_thread(worker.close)

    @property
    def ready(self) -> int:
        """Processes that have loaded their model and run."""
        return sum(worker.ready for worker in self._workers)

    @property
    def processes(self) -> tuple[int, ...]:
        """Numbers of the ready processes."""
        return tuple(w.process.pid for w in self._workers if w.ready and w.process.pid is not None)

    async def take(self) -> AnalysisWorker:
        """Wait for an idle worker; give it to :meth:`run` or back by :meth:`give_back`."""
        return await self._idle.get()

    def give_back(self, worker: AnalysisWorker) -> None:
        """Let others have a worker; one that died is replaced first."""
        if self._closing:
            return
        if worker.ready:
            self._idle.put_nowait(worker)
            return
        task = asyncio.get_running_loop().create_task(self._replace(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(
        self,
        worker: AnalysisWorker,
        request: AnalysisRequest,
        file: BinaryIO,
        report: ProgressReporter,
    ) -> Answer:
        """Have a file analysed by a worker that was taken, and give it back.

        Cancelling the call ends the analysis at once.
        """
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.dup(file.fileno())
        except BaseException:
            self.give_back(worker)
            raise

        def report_here(progress: AnalysisProgress) -> None:
            loop.call_soon_threadsafe(report, progress)

        work = loop.run_in_executor(self._threads, worker.perform, request, descriptor, report_here)
        # Given back when its thread is done with it, however this call ends.
        work.add_done_callback(lambda _: self.give_back(worker))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if not work.done():  # else it may be at work for someone else already
                worker.stop()
            raise

    async def _add(self) -> Failure | None:
        """Start a process and let it be taken; return why it cannot work."""
        loop = asyncio.get_running_loop()
        worker, failure = await loop.run_in_executor(self._threads, self._begin)
        if failure is None:
            self._idle.put_nowait(worker)
        else:
            await self._discard(worker)
        return failure

    def _begin(self) -> tuple[AnalysisWorker, Failure | None]:
        worker = AnalysisWorker(self._settings)
        self._workers.add(worker)
        if self._closing:  # by another thread, which did not see this one
            worker.stop()
        return worker, worker.load()

    async def _discard(self, worker: AnalysisWorker) -> None:
        worker.stop()
        self._workers.discard(worker)
        await asyncio.get_running_loop().run_in_executor(self._threads, worker.close)

    async def _replace(self, worker: AnalysisWorker) -> None:
        await self._discard(worker)
        while await self._add() is not None and not self._closing:
            await asyncio.sleep(PAUSE_SECONDS)

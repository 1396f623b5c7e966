"""Predicting a library on a Ray cluster: one actor per processor, one shard at a time.

An actor holds the model, predicts the tracks of a shard and writes the shard's file itself, so that
nothing but counts passes through the process that asked. A shard whose actor died is given to
another; if that dies as well, a third reads each track in a process of its own, and the track that
kills it becomes a row with an error. A shard is whole or absent and its tracks are fixed by the
manifest, so every track is in the results exactly once, however often anything was killed.

Shards are handed out here and not by ``Dataset.map_batches``, which would give a track that kills
its process to one actor after another without end.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from music_emotion.cluster import cluster_cpus, ray_cluster
from music_emotion.digest import FileStamp
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference import batch
from music_emotion.inference.batch import Outcome
from music_emotion.inference.model import load_model
from music_emotion.inference.package import PACKAGE_FILES, find_package
from music_emotion.interruption import sigterm_interrupts
from music_emotion.library.distributed.shards import Shard, ShardFolder
from music_emotion.library.distributed.urls import downloaded, is_url
from music_emotion.library.scan import scanned, unreadable
from music_emotion.library.track import CatalogueTrack, ModelId, check_mutagen
from music_emotion.parallel import ONE_THREAD
from music_emotion.progress import Progress

SHARD_TRACKS = 256  # at most; with three tracks a second, a minute and a half of one processor
SHARDS_PER_WORKER = 8  # at least, where there are tracks enough, so that all end at about once
NEWS_SECONDS = 1.0  # between two counts of an actor
CAREFUL_AFTER = 2  # deaths over a shard until its tracks get processes of their own
MAX_DEATHS = 5  # over a shard; or of actors one after another without a finished shard


@dataclass(frozen=True, slots=True)
class RayScan:
    """What a scan on a cluster came to.

    Attributes
    ----------
    tracks, shards
        In all, those of earlier scans included.
    predicted, failures
        Tracks whose shards were made now; those of them that could not be predicted.
    deaths
        Worker processes that died and whose shards were made by others.
    """

    tracks: int
    shards: int
    predicted: int
    failures: int
    deaths: int


def scan_on_ray(
    paths: Sequence[str],
    output: str,
    *,
    model: str,
    jobs: int,
    address: str | None = None,
    shard_tracks: int | None = None,
    progress: Progress | None = None,
) -> RayScan:
    """Predict tracks on a cluster and write the rows as Parquet, resumable by shard.

    Parameters
    ----------
    paths
        From :func:`music_emotion.library.distributed.urls.find_locations`.
    output
        Folder or URL of the results; shards that are there and whole are not made again.
    model
        Name or folder; its files travel with the work, nodes need not have them.
    jobs, address
        Actors, and the cluster's address; ``None`` starts one on this machine. On one that is
        there, 0 takes all its processors.
    shard_tracks
        Tracks per new shard; ``None`` chooses.
    progress
        Called with (tracks done, in all).

    Raises
    ------
    MusicEmotionError
        No cluster answers, the output cannot be written, or workers die before they finish
        anything.
    MissingExtraError
        Ray is not installed.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after the workers have been stopped.
    """
    check_mutagen()
    identity = ModelId.of(load_model(model).card)
    files = _package_content(find_package(model))
    with ray_cluster(address, cpus=max(jobs, 1)) as ray, sigterm_interrupts():
        workers = jobs or cluster_cpus(ray)
        folder = ShardFolder(output)
        folder.sweep()
        fair = max(1, -(-len(paths) // (SHARDS_PER_WORKER * workers)))
        shards = folder.begin(paths, identity, shard_tracks or min(SHARD_TRACKS, fair))
        pending = [shard for shard in shards if not folder.done(shard, identity)]
        total = sum(len(shard.paths) for shard in shards)
        crew = _Crew(ray, files, output, total, progress or (lambda done, total: None))
        crew.run(pending, workers)
        return RayScan(
            tracks=total,
            shards=len(shards),
            predicted=sum(len(shard.paths) for shard in pending),
            failures=crew.failures,
            deaths=crew.deaths.total(),
        )


@dataclass(frozen=True, slots=True)
class _News:
    """What an actor tells: tracks of its shard that are done, and how many of them failed."""

    done: int
    failures: int
    finished: bool = False


class _Crew:
    """Hands shards to actors, replaces those that die, counts what they tell."""

    def __init__(
        self, ray: Any, files: dict[str, bytes], output: str, total: int, progress: Progress
    ) -> None:
        self._ray, self._output = ray, output
        self._files = ray.put(files)
        self._total, self._progress = total, progress
        self._actor_class = ray.remote(ShardScanner).options(
            num_cpus=1, max_restarts=0, runtime_env={"env_vars": ONE_THREAD}
        )
        self._actors: list[Any] = []
        self._running: dict[Any, tuple[Any, Shard]] = {}  # stream of news → actor and its shard
        self._under_way: Counter[int] = Counter()  # tracks done by shard, unfinished shards
        self._kept = total
        self._deaths_in_a_row = 0
        self.deaths: Counter[int] = Counter()  # by shard
        self.failures = 0

    def run(self, pending: Sequence[Shard], workers: int) -> None:
        waiting = deque(pending)
        self._kept = self._total - sum(len(shard.paths) for shard in pending)
        self._tell()
        try:
            for _ in range(min(workers, len(waiting))):
                self._give(self._hire(), waiting.popleft())
            while self._running:
                ready, _ = self._ray.wait(list(self._running), fetch_local=False)
                for stream in ready:
                    self._hear(stream, waiting)
        finally:  # at once: those that come next wait for their processors
            for actor in self._actors:
                self._dismiss(actor)

    def _hire(self) -> Any:
        actor = self._actor_class.remote(self._files, self._output)
        self._actors.append(actor)
        return actor

    def _dismiss(self, actor: Any) -> None:
        with suppress(Exception):
            self._ray.kill(actor)

    def _give(self, actor: Any, shard: Shard) -> None:
        careful = self.deaths[shard.number] >= CAREFUL_AFTER
        stream = actor.scan.options(num_returns="streaming").remote(shard, careful)
        self._running[stream] = actor, shard

    def _hear(self, stream: Any, waiting: deque[Shard]) -> None:
        """Take the next news of a shard; give its actor another one when it is finished."""
        actor, shard = self._running[stream]
        exceptions = self._ray.exceptions
        try:
            news: _News = self._ray.get(next(stream))
        except exceptions.RayTaskError as error:
            raise _cause(error) from None
        except exceptions.RayActorError as error:
            self._dismiss(actor)  # one that is merely out of reach may not go on beside the next
            self._bury(stream, error)
            self._give(self._hire(), shard)
            return
        self._under_way[shard.number] = news.done
        if news.finished:
            del self._running[stream], self._under_way[shard.number]
            self._kept += len(shard.paths)
            self.failures += news.failures
            self._deaths_in_a_row = 0
            if waiting:
                self._give(actor, waiting.popleft())
        self._tell()

    def _bury(self, stream: Any, error: Exception) -> None:
        _, shard = self._running.pop(stream)
        del self._under_way[shard.number]
        self.deaths[shard.number] += 1
        self._deaths_in_a_row += 1
        if MAX_DEATHS in (self.deaths[shard.number], self._deaths_in_a_row):
            line = next((line for line in str(error).splitlines() if "Error" in line), "")
            raise MusicEmotionError(
                f"workers die before they finish anything ({line or 'killed'}); is there memory "
                "enough, and the same music-emotion on every node? What was finished is kept"
            )

    def _tell(self) -> None:
        self._progress(self._kept + self._under_way.total(), self._total)


def _cause(error: Any) -> MusicEmotionError:
    """Return what went wrong in an actor, if it was a user's mistake, else in one line."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, MusicEmotionError):
        return MusicEmotionError(str(cause))
    last = (str(error).strip().splitlines() or ["unknown"])[-1]
    return MusicEmotionError(f"a worker failed ({last}); what was finished is kept")


class ShardScanner:
    """An actor: the model, loaded once, and the shards it is given."""

    def __init__(self, files: dict[str, bytes], output: str) -> None:
        batch.silence_native_libraries()
        self._files = files
        with _on_disk(files) as folder:
            self._model = load_model(folder)
        self._identity = ModelId.of(self._model.card)
        self._folder = ShardFolder(output)

    def scan(self, shard: Shard, careful: bool) -> Iterator[_News]:
        """Predict a shard's tracks and write its file; tell about once a second how far it is."""
        predict = self._predict_apart if careful else self._predict
        tracks, failures, reported = [], 0, time.monotonic()
        for path in shard.paths:
            tracks.append(scanned_location(path, predict, self._identity.sha256))
            failures += bool(tracks[-1].error)
            if time.monotonic() - reported >= NEWS_SECONDS:
                reported = time.monotonic()
                yield _News(len(tracks), failures)
        self._folder.write(shard, tracks, self._identity)
        yield _News(len(tracks), failures, finished=True)

    def _predict(self, path: str) -> Outcome:
        return batch.predict_file(path, self._model)

    def _predict_apart(self, path: str) -> Outcome:
        """Predict in a process of its own, so that a file which kills it is an outcome."""
        with _on_disk(self._files) as folder:
            return next(batch.predict_stream([path], folder, jobs=2))


def scanned_location(
    location: str, predict: Callable[[str], Outcome], model_sha256: str
) -> CatalogueTrack:
    """Return the row of a path or a URL; see :func:`music_emotion.library.scan.scanned`."""
    if not is_url(location):
        return scanned(location, predict, model_sha256)
    now = int(time.time())
    try:
        with downloaded(location) as (path, stamp):
            row = scanned(path, predict, model_sha256)
    except (OSError, MusicEmotionError) as error:
        line = unreadable(location, error) if isinstance(error, OSError) else str(error)
        return CatalogueTrack(location, FileStamp(0, 0, 0), b"", error=line, scanned_at=now)
    prediction = row.prediction and replace(row.prediction, path=location)
    row = replace(row, path=location, stamp=stamp, prediction=prediction)
    return replace(row, error=row.error.replace(printable(path), printable(location)))


def _package_content(folder: Path) -> dict[str, bytes]:
    files = (folder / name for name in PACKAGE_FILES)
    return {file.name: file.read_bytes() for file in files if file.is_file()}


@contextmanager
def _on_disk(files: dict[str, bytes]) -> Iterator[str]:
    """Give a folder with these files for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="music-emotion-model-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        yield folder

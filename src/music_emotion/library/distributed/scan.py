"""Predicting a library on a Ray cluster: one actor per processor, one shard at a time.

An actor holds the model, predicts the tracks of a shard and writes the shard's file itself, so that
nothing but counts and failures passes through the process that asked. A shard whose actor died is
given to another; if that dies as well, a third reads each track in a process of its own, and the
track that kills it becomes a row with an error. A shard is whole or absent and its tracks are fixed
by the manifest, so every track is in the results exactly once, however often anything was killed.

Shards are handed out here and not by ``Dataset.map_batches``, which would give a track that kills
its process to one actor after another without end. An actor is given one when it has its processor,
not before: what it waits for may be at another's work for hours.
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

from music_emotion.cluster import alive_nodes, ray_cluster
from music_emotion.digest import FileStamp
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference import batch
from music_emotion.inference.batch import Outcome
from music_emotion.inference.model import load_model
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import PACKAGE_FILES, find_package
from music_emotion.interruption import sigterm_interrupts
from music_emotion.library.distributed.settings import NO_SETTINGS, StorageSettings
from music_emotion.library.distributed.shards import Shard, ShardFolder, unknown
from music_emotion.library.distributed.urls import downloaded, is_url
from music_emotion.library.scan import scanned, unreadable
from music_emotion.library.track import CatalogueTrack, ModelId, check_mutagen
from music_emotion.parallel import ONE_THREAD
from music_emotion.progress import Progress

SHARD_TRACKS = 256  # at most; with three tracks a second, a minute and a half of one processor
LEAST_SHARD_TRACKS = 8  # unless there are fewer: every shard is one more file to look at
SHARDS_PER_WORKER = 8  # at least, where there are tracks enough, so that all end at about once
NEWS_SECONDS = 1.0  # between two counts of an actor
CAREFUL_AFTER = 2  # deaths over a shard until its tracks get processes of their own
POLL_SECONDS = 30.0  # after which machines are counted anew
MAX_DEATHS = 5  # over a shard; or of actors one after another without a finished shard


@dataclass(frozen=True, slots=True)
class Resources:
    """What each actor takes of a cluster.

    Attributes
    ----------
    cpus
        Processors that are kept for it; it uses one.
    memory
        Bytes that are kept for it; 0 keeps none.
    per_node
        Actors on a machine at most; ``None`` is as many as fit.
    """

    cpus: float = 1.0
    memory: int = 0
    per_node: int | None = None

    def fitting(self, nodes: Sequence[dict[str, Any]]) -> int:
        """Return how many actors fit on machines, as Ray describes them."""
        count = 0
        for node in nodes:
            has = node["Resources"]
            fit = int(has.get("CPU", 0) / self.cpus)
            if self.memory:
                fit = min(fit, int(has.get("memory", 0) / self.memory))
            count += fit if self.per_node is None else min(fit, self.per_node)
        return count


@dataclass(frozen=True, slots=True)
class RayScan:
    """What a scan on a cluster came to.

    Attributes
    ----------
    tracks, shards
        In all, those of earlier scans included.
    predicted, failed
        Tracks that were worked on now; those of them that could not be predicted.
    failures
        Why tracks that were asked for could not be predicted, now or before, in lines.
    deaths
        Worker processes that died and whose shards were made by others.
    """

    tracks: int
    shards: int
    predicted: int = 0
    failed: int = 0
    failures: tuple[str, ...] = ()
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """A shard, and the places of the tracks in it that are to be predicted; the others are kept."""

    shard: Shard
    places: frozenset[int]
    keeps: bool = False

    @classmethod
    def whole(cls, shard: Shard) -> Work:
        """Return all of a shard."""
        return cls(shard, frozenset(range(len(shard.paths))))


def scan_on_ray(
    paths: Sequence[str],
    output: str,
    *,
    model: str,
    jobs: int,
    address: str | None = None,
    retry: bool = False,
    resources: Resources | None = None,
    settings: StorageSettings = NO_SETTINGS,
    shard_tracks: int | None = None,
    progress: Progress | None = None,
) -> RayScan:
    """Predict tracks on a cluster and write the rows as Parquet, resumable by shard.

    What could not be read at all in an earlier scan is tried again. Where there is nothing to do,
    no cluster is asked.

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
        there, 0 takes as many as fit.
    retry
        Try everything again that failed.
    resources
        What each actor takes.
    settings
        How storage is reached, here and by the actors.
    shard_tracks
        Tracks per new shard; ``None`` chooses.
    progress
        Called with (tracks done, in all).

    Raises
    ------
    MusicEmotionError
        No cluster answers or none of its machines is large enough, the output cannot be written, or
        workers die before they finish anything.
    MissingExtraError
        Ray is not installed.
    KeyboardInterrupt
        On Ctrl-C and on SIGTERM, after the workers have been stopped.
    """
    check_mutagen()
    package = find_package(model)
    identity, resources = ModelId.of(read_card(package)), resources or Resources()
    folder = ShardFolder(output, settings)
    plan = _Plan(folder, identity, paths, retry)
    if not (plan.work or plan.new):
        return plan.summary()
    load_model(package)  # which says what is wrong with it
    files = _package_content(package)
    here = jobs * resources.cpus if address is None else 1
    with ray_cluster(address, cpus=max(1, -int(-here // 1))) as ray, sigterm_interrupts():
        workers = _workers(ray, jobs, resources)
        folder.sweep()
        fair = -(-len(plan.new) // (SHARDS_PER_WORKER * workers))
        size = shard_tracks or max(LEAST_SHARD_TRACKS, min(SHARD_TRACKS, fair))
        plan.begin(size)
        crew = _Crew(
            ray, (files, output, settings), resources, plan.tracks, progress or (lambda *_: None)
        )
        crew.run(plan.work, workers)
        return plan.summary(crew)


class _Plan:
    """What is to do in a folder of results, and what is done."""

    def __init__(
        self, folder: ShardFolder, model: ModelId, paths: Sequence[str], retry: bool
    ) -> None:
        self._folder, self._model, self._paths = folder, model, paths
        self.shards = folder.known(model)
        self.new = unknown(paths, self.shards)
        self.work: list[Work] = []
        self._kept: dict[str, str] = {}  # failures by path
        asked = set(paths)
        done_shards = folder.all_done(self.shards, model)
        for shard, done in zip(self.shards, done_shards, strict=True):
            if done is None:
                self.work.append(Work.whole(shard))
                continue
            failures = [f for f in done.failures if shard.paths[f.place] in asked]
            again = frozenset(f.place for f in failures if retry or f.passes)
            if again:
                self.work.append(Work(shard, again, keeps=True))
            self._kept |= {shard.paths[f.place]: f.error for f in failures if f.place not in again}

    def begin(self, shard_tracks: int) -> None:
        """Write the manifest of what is new, and have that done, too."""
        before = len(self.shards)
        self.shards = self._folder.begin(self._paths, self._model, shard_tracks)
        self.work += map(Work.whole, self.shards[before:])

    @property
    def tracks(self) -> int:
        return sum(len(shard.paths) for shard in self.shards)

    def summary(self, crew: _Crew | None = None) -> RayScan:
        """Return what it came to."""
        now = {} if crew is None else crew.failures
        known = self._kept | now
        return RayScan(
            tracks=self.tracks,
            shards=len(self.shards),
            predicted=sum(len(work.places) for work in self.work),
            failed=len(now),
            failures=tuple(known[path] for path in dict.fromkeys(self._paths) if path in known),
            deaths=0 if crew is None else crew.deaths.total(),
        )


def _workers(ray: Any, jobs: int, resources: Resources) -> int:
    """Return how many actors there will be; more than fit would wait for ever.

    Raises
    ------
    MusicEmotionError
        Not one fits on any machine.
    """
    fitting = resources.fitting(alive_nodes(ray))
    if not fitting:
        memory = f" and {resources.memory / 1e9:g} GB of memory" if resources.memory else ""
        raise MusicEmotionError(
            f"no machine of the cluster has {resources.cpus:g} processors{memory} for a worker; "
            "ask for less with --cpus and --memory"
        )
    return min(jobs, fitting) if jobs else fitting


@dataclass(frozen=True, slots=True)
class _News:
    """What an actor tells: how many tracks are done and, in the end, which of them failed."""

    done: int
    failures: tuple[tuple[str, str], ...] | None = None


class _Crew:
    """Hands shards to actors, replaces those that die, counts what they tell."""

    def __init__(
        self,
        ray: Any,
        tools: tuple[dict[str, bytes], str, StorageSettings],
        resources: Resources,
        total: int,
        progress: Progress,
    ) -> None:
        self._ray, self._resources = ray, resources
        files, *others = tools
        self._tools = (ray.put(files), *others)
        self._total, self._progress = total, progress
        self._actor_class = ray.remote(ShardScanner)
        self._options: dict[str, Any] = {
            "num_cpus": resources.cpus,
            "memory": resources.memory or None,
            "max_restarts": 0,
            "runtime_env": {"env_vars": ONE_THREAD},
        }
        self._starting: dict[Any, Any] = {}  # answer that it is there → actor
        self._running: dict[Any, tuple[Any, Work]] = {}  # stream of news → actor and its work
        self._nodes: dict[Any, str] = {}  # actor → machine that it is on, or shall be
        self._under_way: Counter[int] = Counter()  # tracks done by shard, unfinished shards
        self._kept = total
        self._deaths_in_a_row = 0
        self.deaths: Counter[int] = Counter()  # by shard
        self.failures: dict[str, str] = {}

    def run(self, pending: Sequence[Work], workers: int) -> None:
        waiting = deque(pending)
        self._kept = self._total - sum(len(work.places) for work in pending)
        self._tell()
        try:
            while waiting or self._running:
                self._hire(min(workers, len(waiting) + len(self._running)))
                at_work = [*self._running, *self._starting]
                if not at_work:  # no machine may have one more: others may come
                    time.sleep(NEWS_SECONDS)
                    continue
                ready, _ = self._ray.wait(at_work, timeout=POLL_SECONDS, fetch_local=False)
                for said in ready:
                    if said in self._starting:
                        self._welcome(said, waiting)
                    else:
                        self._hear(said, waiting)
        finally:  # at once: those that come next wait for their processors
            for actor in list(self._nodes):
                self._dismiss(actor)

    def _hire(self, wanted: int) -> None:
        """Start actors until there are as many as wanted, as far as machines may have more."""
        while len(self._nodes) < wanted:
            options, node = self._options, ""
            if self._resources.per_node is not None:
                from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

                node = self._free_node(self._resources.per_node)
                if not node:
                    return
                there = NodeAffinitySchedulingStrategy(node, soft=False)
                options = options | {"scheduling_strategy": there}
            actor = self._actor_class.options(**options).remote(*self._tools)
            self._nodes[actor] = node
            self._starting[actor.place.remote()] = actor

    def _free_node(self, most: int) -> str:
        """Return the machine with fewest actors; none where all have as many as they may."""
        counts = Counter(self._nodes.values())
        alone = replace(self._resources, per_node=None)
        fit = [node["NodeID"] for node in alive_nodes(self._ray) if alone.fitting([node])]
        node = min(fit, key=lambda name: counts[name], default="")
        return node if counts[node] < most else ""

    def _dismiss(self, actor: Any) -> None:
        self._nodes.pop(actor, None)
        with suppress(Exception):
            self._ray.kill(actor)

    def _welcome(self, answer: Any, waiting: deque[Work]) -> None:
        """Give the first work to an actor that has come to be."""
        actor = self._starting.pop(answer)
        try:
            self._nodes[actor] = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            lost = self._is_lost(actor, error)
            self._dismiss(actor)
            if not lost:
                self._count_death(error, 0)
            return
        self._give(actor, waiting)

    def _give(self, actor: Any, waiting: deque[Work]) -> None:
        """Give an actor its next work; send it away where there is none."""
        if not waiting:
            self._dismiss(actor)
            return
        work = waiting.popleft()
        careful = self.deaths[work.shard.number] >= CAREFUL_AFTER
        stream = actor.scan.options(num_returns="streaming").remote(work, careful)
        self._running[stream] = actor, work

    def _hear(self, stream: Any, waiting: deque[Work]) -> None:
        """Take the next news of a shard; give its actor another one when it is finished."""
        actor, work = self._running[stream]
        exceptions = self._ray.exceptions
        try:
            news: _News = self._ray.get(next(stream))
        except exceptions.RayTaskError as error:
            raise _cause(error) from None
        except (exceptions.RayError, StopIteration) as error:
            del self._running[stream], self._under_way[work.shard.number]
            lost = self._is_lost(actor, error)
            self._dismiss(actor)  # one that is merely out of reach may not go on beside the next
            waiting.appendleft(work)
            if not lost:
                self.deaths[work.shard.number] += 1
                self._count_death(error, self.deaths[work.shard.number])
            return
        self._under_way[work.shard.number] = news.done
        if news.failures is not None:
            del self._running[stream], self._under_way[work.shard.number]
            self._kept += len(work.places)
            self.failures |= dict(news.failures)
            self._deaths_in_a_row = 0
            self._give(actor, waiting)
        self._tell()

    def _is_lost(self, actor: Any, error: Exception) -> bool:
        """Whether an actor went with its machine, which says nothing of what it was at."""
        alive = {node["NodeID"] for node in alive_nodes(self._ray)}
        return "node has died" in str(error) or self._nodes[actor] not in {*alive, ""}

    def _count_death(self, error: Exception, over_shard: int) -> None:
        self._deaths_in_a_row += 1
        most = max(MAX_DEATHS, 2 * len(self._nodes))
        if over_shard == MAX_DEATHS or self._deaths_in_a_row >= most:
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

    def __init__(self, files: dict[str, bytes], output: str, settings: StorageSettings) -> None:
        batch.silence_native_libraries()
        settings.apply()
        self._files, self._settings = files, settings
        with _on_disk(files) as folder:
            self._model = load_model(folder)
        self._identity = ModelId.of(self._model.card)
        self._folder = ShardFolder(output, settings)

    def place(self) -> str:
        """Return the machine that this is on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def scan(self, work: Work, careful: bool) -> Iterator[_News]:
        """Predict a shard's tracks and write its file; tell about once a second how far it is."""
        predict = self._predict_apart if careful else self._predict
        shard, reported = work.shard, time.monotonic()
        tracks = list(self._folder.rows(shard.file)) if work.keeps else []
        failures: list[tuple[str, str]] = []
        for done, place in enumerate(sorted(work.places), start=1):
            path = shard.paths[place]
            tracks[place : place + 1] = [
                scanned_location(path, predict, self._identity.sha256, self._settings)
            ]
            if tracks[place].error:
                failures.append((path, tracks[place].error))
            if time.monotonic() - reported >= NEWS_SECONDS:
                reported = time.monotonic()
                yield _News(done)
        self._folder.write(shard, tracks, self._identity)
        yield _News(len(work.places), tuple(failures))

    def _predict(self, path: str) -> Outcome:
        return batch.predict_file(path, self._model)

    def _predict_apart(self, path: str) -> Outcome:
        """Predict in a process of its own, so that a file which kills it is an outcome."""
        with _on_disk(self._files) as folder:
            return next(batch.predict_stream([path], folder, jobs=2))


def scanned_location(
    location: str,
    predict: Callable[[str], Outcome],
    model_sha256: str,
    settings: StorageSettings = NO_SETTINGS,
) -> CatalogueTrack:
    """Return the row of a path or a URL; see :func:`music_emotion.library.scan.scanned`."""
    if not is_url(location):
        return scanned(location, predict, model_sha256)
    now = int(time.time())
    try:
        with downloaded(location, settings) as (path, stamp):
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

"""Features of a whole corpus, from the cache where they are, computed where they are not.

They are read by models, or written as files for other programs.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import replaced_when_done, write_whole
from music_emotion.audio import decode
from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.digest import FileDigest
from music_emotion.errors import AudioError, MusicEmotionError
from music_emotion.features.cache import FeatureStore
from music_emotion.features.compute import FEATURES, check_names, compute_features, feature_key
from music_emotion.features.segments import EXCERPT_SECONDS, SEGMENT_SECONDS
from music_emotion.parallel import Death, Report, run_tasks
from music_emotion.progress import Progress

DEAD_WORKER = "the process reading it died (out of memory?)"
CHANGED = "changed while it was read; run the command again"
SEGMENT_TABLE = "segments.csv"
REPAIRS = 2  # times a damaged entry is computed again before giving up

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Failure:
    """A track without features.

    Attributes
    ----------
    track_index, track_id
        Its place in the corpus, and its name.
    message
        The file, what is wrong with it, and the remedy.
    """

    track_index: int
    track_id: str
    message: str


@dataclass(frozen=True, slots=True)
class CorpusFeatures:
    """Features of the segments of all tracks, in the order of the corpus.

    Attributes
    ----------
    track_index
        Index of each segment's track in the corpus, shape (n,), rising.
    start
        Where the segment begins in its track, seconds, shape (n,).
    arrays
        Features by name, axis 0 the n segments; read-only maps of files where there is a cache,
        so that processes share them. ``basic`` is a view of ``advanced``.
    failures
        Tracks that could not be read; they have no segments.
    """

    track_index: NDArray[np.int64]
    start: NDArray[np.float64]
    arrays: Mapping[str, Array]
    failures: tuple[Failure, ...]

    def __len__(self) -> int:
        return len(self.track_index)


def extract_corpus(
    corpus: Corpus,
    names: Iterable[str],
    *,
    store: FeatureStore | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> CorpusFeatures:
    """Return features of the first minute of every track, each file decoded once for all of them.

    Parameters
    ----------
    corpus
        The tracks; a file that has changed since it was loaded is taken as it is now.
    names
        Some of `FEATURE_NAMES`.
    store
        Cache to take features from and put them into; without it they are held in memory.
    jobs
        Processes to compute in.
    progress
        Called with (tracks done, tracks in all) after each track.

    Raises
    ------
    AudioError
        No track could be read.
    CacheError
        The cache cannot be written; what was computed before is kept.
    """
    features = [FEATURES[name] for name in check_names(names)]
    stored = tuple(dict.fromkeys(feature.stored_as for feature in features))
    session = _Session(corpus.tracks, stored, store)
    session.compute(jobs, progress or (lambda done, total: None))
    arrays = {name: session.assemble(name) for name in stored}
    counts = session.counts
    return CorpusFeatures(
        track_index=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        start=np.concatenate([np.arange(count) * SEGMENT_SECONDS for count in counts]),
        arrays={feature.name: feature.part(arrays[feature.stored_as]) for feature in features},
        failures=tuple(session.failures[number] for number in sorted(session.failures)),
    )


class _Session:
    """One extraction: which tracks are known, which failed, what is in memory."""

    def __init__(
        self, tracks: tuple[Track, ...], names: tuple[str, ...], store: FeatureStore | None
    ) -> None:
        self._tracks, self._names, self._store = tracks, names, store
        self._digests: dict[int, FileDigest] = {}  # of the tracks' files, by index
        self._held: dict[str, dict[int, Array]] = {name: {} for name in names}
        self.counts = np.zeros(len(tracks), dtype=np.int64)
        self.failures: dict[int, Failure] = {}

    def compute(self, jobs: int, progress: Progress) -> None:
        """Compute what the cache does not hold."""
        tasks = []
        for number, track in enumerate(self._tracks):
            try:
                self._digests[number] = _current_digest(track)
            except OSError as error:
                reason = "is missing" if isinstance(error, FileNotFoundError) else error.strerror
                self._fail(number, f"{track.path} {reason}; restore it or leave it out")
                continue
            if missing := self._missing(number):
                tasks.append(self._task(number, missing))
        total = len(self._tracks)
        known = total - len(tasks)
        progress(known, total)
        for done, outcome in enumerate(_outcomes(tasks, jobs), known + 1):
            self._take(outcome)
            progress(done, total)
        if len(self.failures) == total:
            first = next(iter(self.failures.values()), None)
            what = f"; the first: {first.message}" if first else ": the corpus is empty"
            raise AudioError(f"none of {total} tracks could be read{what}")

    def assemble(self, name: str) -> Array:
        """Return one feature of all tracks, read from the cache or put together."""
        rows = int(self.counts.sum())
        key = feature_key(name)
        if self._store is None:
            result = np.empty((rows, *key.shape), dtype=np.float32)
            start = 0
            for number in self._readable():
                values = self._held[name].pop(number)  # sets each track's own array free
                result[start : start + len(values)] = values
                start += len(values)
            return result
        audio = [self._digests[number].sha256 for number in self._readable()]
        found = self._store.corpus(audio, key)
        if found is not None and len(found) == rows:
            return found
        return self._store.save_corpus(audio, key, rows, self._parts(name, self._store))

    def _readable(self) -> list[int]:
        return [number for number in range(len(self._tracks)) if number not in self.failures]

    def _missing(self, number: int) -> tuple[str, ...]:
        """Return the features of a track that must be computed; note its number of segments."""
        if self._store is None:
            return self._names
        audio = self._digests[number].sha256
        counts = {name: self._store.count(audio, feature_key(name)) for name in self._names}
        known = {count for count in counts.values() if count}
        if len(known) > 1:  # of files cut at different lengths; never by this package
            return self._names
        self.counts[number] = max(known, default=0)
        return tuple(name for name, count in counts.items() if not count)

    def _task(self, number: int, names: tuple[str, ...]) -> Task:
        path = self._tracks[number].path
        return Task(number, path, self._digests[number], names, self._store)

    def _take(self, outcome: Outcome) -> None:
        number = outcome.number
        path = self._tracks[number].path
        for warning in outcome.warnings:
            logger.warning("%s: %s", path, warning)
        if outcome.failure:
            self._fail(number, outcome.failure)
            return
        for name, values in outcome.arrays.items():
            self._held[name][number] = values
            self.counts[number] = len(values)
        if self._store is not None and self._missing(number):
            self._fail(number, f"{path}: its cache entry vanished; run the command again")

    def _fail(self, number: int, message: str) -> None:
        self.counts[number] = 0
        self.failures[number] = Failure(number, self._tracks[number].id, message)

    def _parts(self, name: str, store: FeatureStore) -> Iterator[Array]:
        """Yield a feature of each track from the cache; a damaged entry is computed again."""
        for number in self._readable():
            for _ in range(REPAIRS):
                values = store.load(self._digests[number].sha256, feature_key(name))
                if values is not None:
                    break
                self._take(run_task(self._task(number, (name,))))
            if values is None:
                raise AudioError(f"{self._tracks[number].path} {CHANGED}")
            yield values


def _current_digest(track: Track) -> FileDigest:
    """Return the digest of a track's file as it is now; it is read again only if it changed."""
    known = track.digest
    return known if known and known.is_current(track.path) else FileDigest.of(track.path)


# --- One track, in this process or in another -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """One file, and the features to compute of it and to store, or without a store to hand back."""

    number: int  # of the track in its corpus
    path: Path
    digest: FileDigest
    names: tuple[str, ...]  # as they are stored: ``advanced``, not ``basic``
    store: FeatureStore | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the task of this number: why it failed, or what was repaired and computed."""

    number: int
    failure: str = ""
    warnings: tuple[str, ...] = ()
    arrays: dict[str, Array] = field(default_factory=dict)  # by name, where they were not stored


def run_task(task: Task) -> Outcome:
    """Decode a file once and compute its features; a bad file is an outcome, not an error.

    Raises
    ------
    CacheError
        The features cannot be stored.
    """
    try:
        sound = decode(task.path, duration=EXCERPT_SECONDS)
        if not task.digest.is_current(task.path):
            raise AudioError(f"{task.path} {CHANGED}")
        arrays = compute_features(sound, task.names)
    except (MusicEmotionError, OSError) as error:
        return Outcome(task.number, failure=_about(task.path, error))
    if task.store is None:
        return Outcome(task.number, warnings=sound.warnings, arrays=arrays)
    for name, values in arrays.items():
        task.store.save(task.digest.sha256, feature_key(name), values)
    return Outcome(task.number, warnings=sound.warnings)


def _outcomes(tasks: list[Task], jobs: int) -> Iterator[Outcome]:
    """Yield the outcome of each task as it is done, in any order; one job works in this process."""
    workers = jobs if jobs > 1 and len(tasks) > 1 else 0
    for task, outcome in run_tasks(_begin, tasks, workers=workers):
        if isinstance(outcome, Death):
            outcome = Outcome(task.number, failure=f"{task.path}: {DEAD_WORKER}; leave it out")
        yield outcome


def _begin(_: Report) -> Callable[[Task], Outcome]:
    return run_task


def _about(path: Path, error: Exception) -> str:
    """Return the error's message, with the file in front where it is not named."""
    message = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return message if str(path) in message else f"{path}: {message}"


# --- For other programs and for people ------------------------------------------------------------


def write_features(features: CorpusFeatures, corpus: Corpus, folder: Path) -> None:
    """Write each feature as ``NAME.npy`` and the segments' tracks and times as ``segments.csv``.

    The folder is made where it is missing; files are replaced, each as a whole.

    Raises
    ------
    MusicEmotionError
        The folder cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["track", "start_seconds"])
    for index, start in zip(features.track_index, features.start, strict=True):
        writer.writerow([corpus.tracks[index].id, f"{start:g}"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in features.arrays.items():
            path = folder / f"{name}.npy"
            with replaced_when_done(path) as temporary, temporary.open("wb") as file:
                np.save(file, values, allow_pickle=False)
        write_whole(folder / SEGMENT_TABLE, table.getvalue().encode())
    except OSError as error:
        raise MusicEmotionError(
            f"cannot write to {folder}: {error.strerror or error}; name another folder"
        ) from error


def render_features(features: CorpusFeatures, corpus: Corpus, store: FeatureStore | None) -> str:
    """Describe what was extracted: one line for the corpus, one per feature, one for the place."""
    tracks = len(corpus) - len(features.failures)
    lines = [f"{corpus.name}: {len(features):,} segments of {tracks} of {len(corpus)} tracks"]
    for name, values in features.arrays.items():
        shape = " × ".join(str(size) for size in values.shape[1:])
        lines.append(f"  {name:<10}  {shape} per segment, {values.nbytes / 1e6:,.0f} MB")
    if store is not None:
        lines.append(f"kept in {store.directory}")
    return "\n".join(lines)

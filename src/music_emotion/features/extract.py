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
from music_emotion.datasets.corpus import Corpus
from music_emotion.digest import file_digest
from music_emotion.errors import AudioError, CacheError, MusicEmotionError
from music_emotion.features.cache import FeatureStore
from music_emotion.features.compute import FEATURES, check_names, compute_features, feature_key
from music_emotion.features.segments import EXCERPT_SECONDS, SEGMENT_SECONDS
from music_emotion.parallel import Death, Report, run_tasks

DEAD_WORKER = "the process reading it died (out of memory?)"
SEGMENT_TABLE = "segments.csv"
REPAIRS = 2  # times a damaged entry is computed again before giving up

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (tracks done, tracks in all)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A track without features.

    Attributes
    ----------
    track_index
        Index of the track in its corpus.
    track_id
        Its identifier.
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
    """Return features of every track of a corpus, each file decoded once for all of them.

    Parameters
    ----------
    corpus
        The tracks; the first minute of each is used.
    names
        Some of `FEATURE_NAMES`.
    store
        Cache to take features from and put them into; without it they are held in memory.
    jobs
        Processes to compute in.
    progress
        Called after each track.

    Raises
    ------
    AudioError
        No track could be read.
    CacheError
        The cache cannot be written; what was computed before is kept.
    """
    names = check_names(names)
    features = [FEATURES[name] for name in names]
    stored = tuple(dict.fromkeys(feature.stored_as for feature in features))
    session = _Session(corpus, stored, store, jobs, progress)
    session.compute()
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
        self,
        corpus: Corpus,
        names: tuple[str, ...],
        store: FeatureStore | None,
        jobs: int,
        progress: Progress | None,
    ) -> None:
        self._tracks = corpus.tracks
        self._names = names
        self._store = store
        self._jobs = jobs
        self._progress = progress
        self._audio: dict[int, str] = {}  # track → SHA-256 of its file
        self._held: dict[str, dict[int, Array]] = {name: {} for name in names}
        self.counts = np.zeros(len(corpus), dtype=np.int64)
        self.failures: dict[int, Failure] = {}

    def compute(self) -> None:
        """Compute what the cache does not hold."""
        tasks = []
        for number, track in enumerate(self._tracks):
            try:
                self._audio[number] = track.digest or file_digest(track.path)
            except OSError as error:
                reason = "is missing" if isinstance(error, FileNotFoundError) else error.strerror
                self._fail(number, f"{track.path} {reason}; restore it or leave it out")
                continue
            if missing := self._missing(number):
                tasks.append(self._task(number, missing))
        self._run(tasks)
        if len(self.failures) == len(self._tracks):
            first = next(iter(self.failures.values()), None)
            what = f"; the first: {first.message}" if first else ": the corpus is empty"
            raise AudioError(f"none of {len(self._tracks)} tracks could be read{what}")

    def assemble(self, name: str) -> Array:
        """Return one feature of all tracks, read from the cache or put together."""
        rows = int(self.counts.sum())
        if self._store is None:
            return self._in_memory(name, rows)
        key = feature_key(name)
        audio = [self._audio[number] for number in self._readable()]
        values = self._store.corpus(audio, key)
        if values is not None and len(values) == rows:
            return values
        return self._store.save_corpus(audio, key, rows, self._parts(name, self._store))

    def _readable(self) -> list[int]:
        return [number for number in range(len(self._tracks)) if number not in self.failures]

    def _missing(self, number: int) -> tuple[str, ...]:
        """Return the features of a track that must be computed; note its number of segments."""
        if self._store is None:
            return self._names
        audio = self._audio[number]
        counts = {name: self._store.count(audio, feature_key(name)) for name in self._names}
        known = {count for count in counts.values() if count}
        if len(known) > 1:  # of files cut at different lengths; never by this package
            return self._names
        self.counts[number] = max(known, default=0)
        return tuple(name for name, count in counts.items() if not count)

    def _task(self, number: int, names: tuple[str, ...]) -> Task:
        directory = None if self._store is None else self._store.directory
        return Task(number, self._tracks[number].path, self._audio[number], names, directory)

    def _run(self, tasks: list[Task]) -> None:
        total = len(self._tracks)
        done = total - len(tasks)
        if self._progress:
            self._progress(done, total)
        for outcome in _outcomes(tasks, self._jobs):
            self._take(outcome)
            done += 1
            if self._progress:
                self._progress(done, total)

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
                values = store.load(self._audio[number], feature_key(name))
                if values is not None:
                    break
                self._take(run_task(self._task(number, (name,))))
            if values is None:
                path = self._tracks[number].path
                raise AudioError(f"{path} changed while it was read; run the command again")
            yield values

    def _in_memory(self, name: str, rows: int) -> Array:
        """Move a feature of all tracks into one array, setting each track's own free."""
        result = np.empty((rows, *feature_key(name).shape), dtype=np.float32)
        start = 0
        for number in self._readable():
            values = self._held[name].pop(number)
            result[start : start + len(values)] = values
            start += len(values)
        return result


# --- One track, in this process or in another -----------------------------------------------------


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

    Parameters
    ----------
    folder
        Made where it is missing; files of the same name are replaced, each as a whole.

    Raises
    ------
    MusicEmotionError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in features.arrays.items():
            with (
                replaced_when_done(folder / f"{name}.npy") as temporary,
                temporary.open("wb") as file,
            ):
                np.save(file, values, allow_pickle=False)
        write_whole(folder / SEGMENT_TABLE, _segment_table(features, corpus).encode())
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


def _segment_table(features: CorpusFeatures, corpus: Corpus) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["track", "start_seconds"])
    for index, start in zip(features.track_index, features.start, strict=True):
        writer.writerow([corpus.tracks[index].id, f"{start:g}"])
    return text.getvalue()

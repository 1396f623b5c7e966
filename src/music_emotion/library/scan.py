"""Scan a library: walk, tell what is new, predict only that, write each result as it comes.

What was done is told from the catalogue and the disk alone, so that a scan that was killed goes on
where it was: every result is a transaction of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from music_emotion.digest import FileStamp
from music_emotion.errors import AudioError, CatalogueError, printable
from music_emotion.inference.batch import Outcome, predict_stream
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue, Known
from music_emotion.library.exclusions import Exclusions
from music_emotion.library.health import (
    block_line,
    damage_of,
    damaged_blocks,
    damaged_rows,
    paths_of,
    seal,
)
from music_emotion.library.search import refresh_index
from music_emotion.library.selection import EVERYTHING, Selection
from music_emotion.library.track import (
    CatalogueTrack,
    ModelId,
    Tags,
    check_mutagen,
    claimed_seconds,
    file_count,
)
from music_emotion.library.walk import Walked, absolute, walk
from music_emotion.progress import Progress


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How to scan.

    Attributes
    ----------
    model
        Its name or folder; what another model predicted is predicted again.
    jobs
        Processes that predict.
    retry, prune
        Try files again that failed before and did not change; forget files that are gone, instead
        of marking them as missing.
    again
        Predict anew what another version of the model predicted, wherever it is catalogued.
    exclude, taken
        What is left out by its name, and what is taken by its length; what is catalogued of the
        rest counts as gone.
    """

    model: str = "default"
    jobs: int = 1
    retry: bool = False
    prune: bool = False
    again: bool = False
    exclude: Exclusions = field(default_factory=Exclusions)
    taken: Selection = EVERYTHING


@dataclass(slots=True)
class ScanSummary:
    """What a scan did, in numbers of files.

    Attributes
    ----------
    files, unchanged, predicted
        Found on disk; with nothing to do; predicted now.
    moved, retagged, copied
        Not predicted, because their sound was known: under another name, with other tags or times,
        as another file that is still there.
    missing, pruned
        Gone and marked so, gone and forgotten.
    failures
        Path and reason of what could not be predicted now or, unchanged, before; and of folders
        that are not there or could not be listed.
    mended
        What of the catalogue was damaged and is made or predicted anew, in lines.
    left_out
        Paths of what is no music, and no part of what a scan does.
    excluded
        Paths of files and folders that were asked to be left out, and why.
    """

    files: int = 0
    unchanged: int = 0
    predicted: int = 0
    moved: int = 0
    retagged: int = 0
    copied: int = 0
    missing: int = 0
    pruned: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set, compare=False)
    excluded: dict[str, str] = field(default_factory=dict, compare=False)

    def lines(self, catalogue: Path) -> list[str]:
        """Return what was done, for people; the failures themselves are not named here."""
        counts = {
            "predicted": self.predicted,
            "moved": self.moved,
            "retagged": self.retagged,
            "the same sound as another": self.copied,
            "unchanged": self.unchanged,
            "missing": self.missing,
            "forgotten": self.pruned,
            "failed": len(self.failures),
        }
        return [counted(self.files, counts), f"catalogue: {printable(catalogue)}"]


def counted(files: int, counts: Mapping[str, int]) -> str:
    """Return in a line how many files there were, and what became of how many.

    Examples
    --------
    >>> counted(1_200, {"predicted": 1_199, "moved": 0, "failed": 1})
    '1,200 files: 1,199 predicted, 1 failed'
    """
    number = file_count(files)
    parts = [f"{count:,} {what}" for what, count in counts.items() if count]
    return f"{number}: {', '.join(parts)}" if parts else number


def scan(
    catalogue: Catalogue,
    folders: Sequence[str],
    options: ScanOptions | None = None,
    progress: Progress | None = None,
) -> ScanSummary:
    """Bring a catalogue up to date with folders; hold :meth:`Catalogue.held` for it.

    A folder that is not there is a failure, and what is catalogued of it is gone; the others are
    scanned. Progress is told as (files done, files to do).

    Raises
    ------
    CatalogueError
        The catalogue cannot be written, what was written before is kept; or what is to be predicted
        again is another model's.
    ModelError
        There is no such model, or it is damaged.
    MissingExtraError
        mutagen is not installed.
    """
    check_mutagen()
    options = options or ScanOptions()
    card = read_card(find_package(options.model))
    damaged = damaged_rows(catalogue)
    blocks = damaged_blocks(catalogue)
    work = _Scan(
        catalogue, options, ModelId.of(card), progress or (lambda done, total: None), damaged
    )
    for folder in folders:
        work.look_at(folder)
    if options.again:
        work.look_again(card.name)
    work.run()
    seal(catalogue)
    refresh_index(catalogue)
    work.summary.mended += [f"{block_line(*block)} made anew" for block in blocks]
    work.tell_damage()
    return work.summary


def scanned(path: str, predict: Callable[[str], Outcome], model_sha256: str) -> CatalogueTrack:
    """Return the row of one file, of an absolute path, as a scan would write it.

    The catalogue is not asked; ``model_sha256`` is that of the model's graph.
    """
    row = CatalogueTrack(path, FileStamp(0, 0, 0), b"", scanned_at=int(time.time()))
    try:
        row = replace(row, stamp=FileStamp.read(path))
        outcome = predict(path)
        row = replace(row, audio=audio_digest(path), tags=Tags.read(path))
    except OSError as error:
        return replace(row, error=unreadable(path, error))
    if outcome.prediction is None:
        return replace(row, error=outcome.error)
    return replace(row, prediction=outcome.prediction, model_sha256=model_sha256)


def unreadable(path: str, error: OSError) -> str:
    """Return in a line that a file or URL cannot be read, and why."""
    return f"'{printable(path)}' cannot be read ({error.strerror or error})"


class _Scan:
    """One run: what was found, what is to do, what is under way."""

    def __init__(
        self,
        catalogue: Catalogue,
        options: ScanOptions,
        model: ModelId,
        progress: Progress,
        damaged: Mapping[int, str],
    ) -> None:
        self.summary = ScanSummary()
        self._catalogue = catalogue
        self._options = options
        self._model = model
        self._progress = progress
        self._damaged = damaged
        self._present: dict[str, FileStamp] = {}
        self._known: dict[str, Known] = {}
        self._to_do: list[str] = []
        self._back: list[int] = []
        self._gone: dict[int, str] = {}
        # A file that is being predicted and its copies, with all that is known of them before.
        self._under_way: dict[str, list[CatalogueTrack]] = {}
        self._by_audio: dict[bytes, list[CatalogueTrack]] = {}
        self._displaced: dict[bytes, CatalogueTrack] = {}
        self._claimed: set[int] = set()
        self._done = 0

    def look_at(self, folder: str) -> None:
        """Walk a folder and compare it with the catalogue."""
        known = self._catalogue.known_under(absolute(folder))
        walked = Walked()

        def is_known(path: str, stamp: FileStamp) -> bool:
            return path in known and known[path].stamp == stamp

        try:
            walked = walk(folder, is_known, self._options.exclude)
        except AudioError as error:
            if not (self._options.prune and known):
                self.summary.failures.append(("", str(error)))
        for place, reason in walked.unreadable.items():
            line = f"'{printable(place)}' cannot be looked at ({reason})"
            self.summary.failures.append(("", line))
        self.summary.left_out |= walked.left_out
        self.summary.excluded |= walked.excluded
        if self._options.taken != EVERYTHING:
            for path in [path for path, stamp in walked.files.items() if is_known(path, stamp)]:
                if self._excludes(path, known[path].seconds):
                    del walked.files[path]
        closed = tuple(place.rstrip(os.sep) + os.sep for place in walked.unreadable)
        for path, row in known.items():
            if not (path in walked.files or path in walked.unreadable or path.startswith(closed)):
                self._gone[row.id] = path
        for path, stamp in walked.files.items():
            if path not in self._present:  # folders may overlap
                self._compare(path, stamp, known.get(path))
        self._present |= walked.files
        self._known |= known

    def _excludes(self, path: str, seconds: float | None) -> bool:
        """Return whether a file is left out for its length, and note that."""
        reason = self._options.taken.refuses_length(seconds)
        if reason:
            self.summary.excluded[path] = reason
        return bool(reason)

    def look_again(self, name: str) -> None:
        """Look at the files that another version of the model of this name predicted.

        Raises
        ------
        CatalogueError
            The catalogue is another model's.
        """
        names = self._catalogue.models().values()
        if names and name not in names:
            raise CatalogueError(
                f"'{printable(self._catalogue.path)}' was predicted by "
                f"{printable(', '.join(names))}, not by '{printable(name)}'; name that with --model"
            )
        for path, row in self._catalogue.known_otherwise(name, self._model).items():
            if path in self._present:  # in a folder that was looked at
                continue
            self._known[path] = row
            try:
                stamp = FileStamp.read(path)
            except (FileNotFoundError, NotADirectoryError):
                self._gone[row.id] = path
            except OSError as error:
                self.summary.failures.append((path, unreadable(path, error)))
            else:
                self._present[path] = stamp
                self._compare(path, stamp, row)

    def _compare(self, path: str, stamp: FileStamp, known: Known | None) -> None:
        self.summary.files += 1
        if known is None or known.stamp != stamp:
            self._to_do.append(path)
            return
        if known.missing:
            self._back.append(known.id)
        if known.id in self._damaged:
            self._to_do.append(path)
            return
        if known.failed and not self._options.retry:
            return  # named at the end
        if known.model != self._model:
            self._to_do.append(path)
        else:
            self.summary.unchanged += 1

    def run(self) -> None:
        """Do what is to do."""
        if self._back:
            self._catalogue.mark_missing(self._back, None)
        self._gone = {id: path for id, path in self._gone.items() if path not in self._present}
        before = {path for path, row in self._known.items() if row.failed}
        if self._to_do:
            self._progress(0, len(self._to_do))
            # One file gets a process of its own, too, so that it may kill that and not the scan.
            jobs = min(self._options.jobs, max(2, len(self._to_do)))
            wanted = self._wanted()
            with closing(predict_stream(wanted, self._options.model, jobs=jobs)) as outcomes:
                for outcome in outcomes:
                    self._keep(outcome)
        self._part_with_gone()
        again = before.intersection(self._present).difference(self._to_do)
        rows = self._catalogue.tracks(self._known[path].id for path in sorted(again))
        self.summary.failures += [(row.path, row.error) for row in rows]

    def tell_damage(self) -> None:
        """Say what was damaged: what is mended now, and what is left."""
        if not self._damaged:
            return
        left = damaged_rows(self._catalogue)
        paths = paths_of(self._catalogue, self._damaged)
        for number, what in self._damaged.items():
            if number not in left and number in paths:
                self.summary.mended.append(f"{damage_of(what, paths[number])} is predicted again")
        if lost := [number for number in left if number in paths]:
            first = damage_of(left[lost[0]], paths[lost[0]])
            more = f" and of {len(lost) - 1:,} other files" if len(lost) > 1 else ""
            line = f"damaged is {first}{more}; mend it: music-emotion catalogue repair"
            self.summary.failures.append(("", line))

    def _wanted(self) -> Iterator[str]:
        """Yield the files whose sound is new; what is known of the others is written at once."""
        for path in self._to_do:
            if self._options.taken != EVERYTHING and self._excludes(path, claimed_seconds(path)):
                known = self._known.get(path)
                self._pass_over(path, None if known is None else known.id)
                continue
            candidate = self._identify(path)
            candidate = candidate and self._recognise(candidate)
            if candidate is None:
                self._step()
            elif candidate.audio in self._by_audio:
                self._by_audio[candidate.audio].append(candidate)
            else:
                self._under_way[path] = self._by_audio[candidate.audio] = [candidate]
                yield path

    def _pass_over(self, path: str, row: int | None) -> None:
        """Go on without a file that is left out; its row, if there is one, counts as gone."""
        self._step()
        self.summary.files -= 1
        del self._present[path]
        if row is not None:
            self._gone[row] = path

    def _identify(self, path: str) -> CatalogueTrack | None:
        """Return what a file is before it is predicted; ``None`` where it is gone or unreadable."""
        known = self._known.get(path)
        number = None if known is None else known.id
        now = int(time.time())
        row = CatalogueTrack(path, self._present[path], b"", scanned_at=now, id=number)
        try:
            audio = audio_digest(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._write_failure(replace(row, error=unreadable(path, error)))
            return None
        old = None if known is None else self._catalogue.track(path, mending=True)
        if old is not None and old.audio != audio and old.model_id == self._model:
            self._displaced[old.audio] = old  # another takes its row, as in a chain of renames
        return replace(row, audio=audio, tags=Tags.read(path))

    def _recognise(self, candidate: CatalogueTrack) -> CatalogueTrack | None:
        """Write a file whose sound is known; return it, with its row, if it must be predicted."""
        same = self._catalogue.with_audio(candidate.audio)
        if candidate.id is not None:
            own = next((track for track in same if track.id == candidate.id), None)
        else:
            own = next((track for track in same if self._has_left(track)), None)
        if own is not None and own.id is not None:
            candidate = replace(candidate, id=own.id)
            self._claimed.add(own.id)
            self._gone.pop(own.id, None)
            if self._is_done(own):
                self._write_known(candidate, own)
                return None
        rows = (*same, self._displaced.get(candidate.audio))
        other = next((row for row in rows if row and row.model_id == self._model), None)
        if other is None:
            return candidate
        self._write_known(candidate, other)
        return None

    def _is_done(self, track: CatalogueTrack) -> bool:
        if track.error:
            return not self._options.retry
        return track.model_id == self._model

    def _has_left(self, track: CatalogueTrack) -> bool:
        """Whether a catalogued file is no longer where it was, and no other has its row."""
        if track.path in self._present or track.id in self._claimed:
            return False
        return track.id in self._gone or not os.path.lexists(track.path)

    def _write_known(self, candidate: CatalogueTrack, known: CatalogueTrack) -> None:
        """Write a file with what is known of its sound, and count it."""
        what = {name: getattr(known, name) for name in ("prediction", "model_sha256", "error")}
        self._catalogue.write(replace(candidate, **what))
        if known.error:
            self.summary.failures.append((candidate.path, known.error))
        elif candidate.id != known.id:
            self.summary.copied += 1
        elif candidate.path == known.path:
            self.summary.retagged += 1
        else:
            self.summary.moved += 1

    def _keep(self, outcome: Outcome) -> None:
        """Write what became of a file, and of those that sound the same."""
        tracks = self._under_way.pop(outcome.path)
        self._by_audio.pop(tracks[0].audio, None)
        for track in tracks:
            seconds = None if outcome.prediction is None else outcome.prediction.duration
            if self._excludes(track.path, seconds):
                self._pass_over(track.path, track.id)
                continue
            self._step()
            if outcome.prediction is not None:
                self._catalogue.write(
                    replace(track, prediction=outcome.prediction, model_sha256=self._model.sha256)
                )
                self.summary.predicted += track is tracks[0]
                self.summary.copied += track is not tracks[0]
            elif os.path.lexists(track.path):
                error = outcome.error.replace(printable(outcome.path), printable(track.path))
                self._write_failure(replace(track, error=error))

    def _write_failure(self, track: CatalogueTrack) -> None:
        self._catalogue.write(track)
        self.summary.failures.append((track.path, track.error))

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, len(self._to_do))

    def _part_with_gone(self) -> None:
        gone = list(self._gone)
        if self._options.prune:
            self._catalogue.remove(gone)
            self.summary.pruned = len(gone)
            return
        missing = {row.id for row in self._known.values() if row.missing}
        self._catalogue.mark_missing((id for id in gone if id not in missing), int(time.time()))
        self.summary.missing = len(gone)

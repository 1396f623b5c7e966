"""One run over many files: tag, or take back; shown only, or done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from music_emotion.errors import (
    CatalogueError,
    MissingExtraError,
    ModelError,
    MusicEmotionError,
)
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.journal import TagWrite, undoable, undoable_ids
from music_emotion.library.tags.plan import (
    NamedTracks,
    TagPlan,
    diff_lines,
    find_paths,
    plan_tags,
    plan_undo,
    real_folder,
    recover,
    undo_tags,
    undoable_write,
    write_tags,
)
from music_emotion.library.track import CatalogueTrack


class TagSession:
    """Plans, shows and does; one bad file does not stop the others.

    Parameters
    ----------
    catalogue
        Open for writing, and locked, if anything is to be written.
    names
        Files, folders and patterns; ``None`` is all that is catalogued.
    model
        See :class:`.tagging.NamedTracks`.
    write
        Do it; otherwise nothing is touched.
    overwrite
        Replace moods that the user set.
    keep_times
        Leave the files' times of change.

    Attributes
    ----------
    total
        Files in all, once the work has begun.
    changed, unchanged, kept
        Files that were (or would be) changed, that need not be, whose own mood stays.
    failures
        One line for each file that could not be tagged.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        names: Sequence[str] | None,
        model: str | None = None,
        write: bool = False,
        overwrite: bool = False,
        keep_times: bool = False,
    ) -> None:
        self._catalogue, self._names, self._model = catalogue, names, model
        self._write, self._overwrite, self._keep_times = write, overwrite, keep_times
        self.total = self.changed = self.unchanged = self.kept = 0
        self.failures: list[str] = []

    def tag(self) -> Iterator[list[str]]:
        """Tag; yield for each file what changes, nothing where nothing does."""
        if self._names is None:
            yield from self._tag_all()
            return
        named, paths = NamedTracks(self._catalogue, self._model), self._find(self._names)
        self._begin(len(paths), paths)
        for path in paths:
            yield self._step(partial(self._tag_path, named, path))

    def _tag_all(self) -> Iterator[list[str]]:
        numbers = [number for number, _ in self._catalogue.predicted()]
        self._begin(len(numbers), (path for _, path in self._catalogue.predicted()))
        for row in self._catalogue.tracks(numbers):
            yield self._step(partial(self._tag, row))

    def undo(self) -> Iterator[list[str]]:
        """Take back the latest writing of each file; yield what changes."""
        if self._names is None:
            self._begin(0, ())  # what was interrupted may be among them
            self.total = len(undoable_ids(self._catalogue))
            for write in undoable(self._catalogue):
                yield self._step(partial(self._undo, write))
            return
        paths = self._find(self._names)
        self._begin(len(paths), paths)
        for path in paths:
            yield self._step(partial(self._undo_path, path))

    def summary(self) -> str:
        """Return what was done in a line."""
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (self.changed, "changed" if self._write else "would be changed"),
                (self.unchanged, "need no change"),
                (self.kept, "keep the mood you set"),
                (len(self.failures), "failed"),
            )
            if count
        ]
        hint = "" if self._write or not self.changed else "; nothing was written: add --write"
        files = "1 file" if self.total == 1 else f"{self.total:,} files"
        return f"{files}{': ' if parts else ''}{', '.join(parts)}{hint}"

    def _find(self, names: Sequence[str]) -> list[str]:
        paths, failures = find_paths(names)
        self.failures += failures
        return paths

    def _begin(self, total: int, paths: Iterable[str]) -> None:
        self.total = total
        if self._write:
            recover(self._catalogue, {real_folder(path) for path in paths})

    def _step(self, one: Callable[[], TagPlan | None]) -> list[str]:
        try:
            plan = one()
            if plan is None:
                self.unchanged += 1
                return []
        except (CatalogueError, ModelError, MissingExtraError):
            raise  # the disk is full, perhaps: the next file would fare no better
        except MusicEmotionError as error:
            self.failures.append(str(error))
            return []
        self.kept += bool(plan.kept)
        self.changed += bool(plan.after)
        self.unchanged += not plan.after
        return diff_lines(plan) if plan.after or plan.left else []

    def _tag_path(self, named: NamedTracks, path: str) -> TagPlan:
        return self._tag(named.row(path))

    def _tag(self, row: CatalogueTrack) -> TagPlan:
        plan = plan_tags(self._catalogue, row, overwrite=self._overwrite)
        if self._write and plan.after:
            write_tags(self._catalogue, row, plan, keep_times=self._keep_times)
        return plan

    def _undo_path(self, path: str) -> TagPlan | None:
        write = undoable_write(self._catalogue, path)
        return None if write is None else self._undo(write)

    def _undo(self, write: TagWrite) -> TagPlan:
        plan = plan_undo(self._catalogue, write)
        if self._write:
            undo_tags(self._catalogue, write, plan, keep_times=self._keep_times)
        return plan

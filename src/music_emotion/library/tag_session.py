"""One run over many files: tag, or take back; shown only, or done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from music_emotion.errors import CatalogueError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tag_log import TagWrite
from music_emotion.library.tagging import (
    NamedTracks,
    TagPlan,
    catalogued_tracks,
    diff_lines,
    find_paths,
    plan_tags,
    plan_undo,
    recover,
    undo_tags,
    undoable_writes,
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
            rows = list(catalogued_tracks(self._catalogue))
            self._begin([row.path for row in rows])
            for row in rows:
                yield self._step(partial(self._tag, row))
            return
        named, paths = NamedTracks(self._catalogue, self._model), find_paths(self._names)
        self._begin(paths)
        for path in paths:
            yield self._step(partial(self._tag_path, named, path))

    def undo(self) -> Iterator[list[str]]:
        """Take back the latest writing of each file; yield what changes."""
        if self._write:
            recover(self._catalogue)  # what was interrupted may be among them
        writes = undoable_writes(self._catalogue, self._names)
        self._begin([write.path for write in writes])
        for write in writes:
            yield self._step(partial(self._undo, write))

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

    def _begin(self, paths: Sequence[str]) -> None:
        self.total = len(paths)
        if self._write:
            recover(self._catalogue, {Path(path).resolve().parent for path in paths})

    def _step(self, one: Callable[[], TagPlan]) -> list[str]:
        try:
            plan = one()
        except CatalogueError:
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
        plan = plan_tags(row, overwrite=self._overwrite)
        if self._write and plan.after:
            write_tags(self._catalogue, row, plan, keep_times=self._keep_times)
        return plan

    def _undo(self, write: TagWrite) -> TagPlan:
        plan = plan_undo(write)
        if self._write:
            undo_tags(self._catalogue, write, plan, keep_times=self._keep_times)
        return plan

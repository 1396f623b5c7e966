"""One run over many files: tag, or take back; shown only, or done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from music_emotion import errors
from music_emotion.audio.discover import find_files
from music_emotion.audio.names import local_path
from music_emotion.inference.batch import predict_file
from music_emotion.inference.model import DEFAULT_MODEL, EmotionModel, load_model
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.scan import counted, scanned
from music_emotion.library.tags import plan as planning
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.journal import TagWrite, undoable, undoable_ids
from music_emotion.library.tags.mark import read_mark
from music_emotion.library.tags.plan import TagPlan, audio_now, diff_lines, real_folder
from music_emotion.library.tags.settings import TagSettings
from music_emotion.library.track import CatalogueTrack, ModelId, Tags
from music_emotion.library.walk import absolute, walk

STOPPING = (errors.CatalogueError, errors.ModelError, errors.MissingExtraError)
"""What the next file would not be spared either: the disk is full, perhaps."""


class TagSession:
    """Plans, shows and does; one bad file does not stop the others.

    Parameters
    ----------
    catalogue
        Open for writing, and locked, if anything is to be written.
    names
        Files, folders and patterns; ``None`` is all that is catalogued.
    model
        See :class:`NamedTracks`.
    write
        Do it; otherwise nothing is touched.
    overwrite, keep_times
        Replace moods that the user set; leave the files' times of change.
    settings
        What is written, and in which words.

    Attributes
    ----------
    total, changed, unchanged, kept
        Files in all, once the work has begun; those that were (or would be) changed; that need not
        be; whose own words stay.
    unmarked
        Of ``total``, files of the catalogue that were looked through for a mark and have none.
    failures
        One line for each file that could not be tagged.
    left_out
        Paths of what the named folders hold and is no music.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        names: Sequence[str] | None,
        model: str | None = None,
        write: bool = False,
        overwrite: bool = False,
        keep_times: bool = False,
        settings: TagSettings | None = None,
    ) -> None:
        self._catalogue, self._names, self._model = catalogue, names, model
        self._write, self._overwrite, self._keep_times = write, overwrite, keep_times
        self._settings = settings
        self.total = self.changed = self.unchanged = self.kept = self.unmarked = 0
        self.failures: list[str] = []
        self.left_out: set[str] = set()
        self._planned: set[str] = set()  # files that would be changed, links followed

    def tag(self) -> Iterator[list[str]]:
        """Tag; yield for each file what changes, nothing where nothing does."""
        if self._names is None:
            numbers = [number for number, _ in self._catalogue.predicted()]
            self._begin(len(numbers), (path for _, path in self._catalogue.predicted()))
            for row in self._catalogue.tracks(numbers):
                yield self._step(self._tag, row)
            return
        named = NamedTracks(self._catalogue, self._model)
        for path in self._begin_named(self._names):
            yield self._step(self._tag_path, path, named)

    def undo(self) -> Iterator[list[str]]:
        """Take back the latest writing of each file; yield what changes."""
        if self._names is None:
            yield from self._undo_all()
            return
        for path in self._begin_named(self._names):
            yield self._step(self._undo_path, path)

    def _undo_all(self) -> Iterator[list[str]]:
        """Take back by the log and, where it names nothing of a file, by the mark in it."""
        self._begin(0, ())  # what was interrupted may be among them
        logged = len(undoable_ids(self._catalogue))
        paths = [path for _, path in self._catalogue.predicted()]
        self.total = logged + len(paths)
        done = set()
        for write in undoable(self._catalogue):
            yield self._step(self._undo, write)
            done.add(os.path.realpath(write.path))
        for path in paths:
            if os.path.realpath(path) in done or not _has_mark(path):
                self.unmarked += 1
                yield []
                continue
            yield self._step(self._undo_by_mark, path)

    def summary(self) -> str:
        """Return what was done in a line."""
        counts = {
            "changed" if self._write else "would be changed": self.changed,
            "need no change": self.unchanged,
            "keep words you set": self.kept,
            "failed": len(self.failures),
        }
        hint = "" if self._write or not self.changed else "; nothing was written: add --write"
        return counted(self.total - self.unmarked, counts) + hint

    def _begin_named(self, names: Sequence[str]) -> list[str]:
        paths, failures = find_paths(names, self.left_out)
        self.failures += failures
        self._begin(len(paths), paths)
        return paths

    def _begin(self, total: int, paths: Iterable[str]) -> None:
        self.total = total
        if self._write:
            planning.recover(self._catalogue, {real_folder(path) for path in paths})

    def _step(self, one: Callable[..., TagPlan | None], *of: object) -> list[str]:
        try:
            plan = one(*of)
        except STOPPING:
            raise
        except errors.MusicEmotionError as error:
            self.failures.append(str(error))
            return []
        if plan is None or self._is_planned(plan):
            self.unchanged += 1
            return []
        self.kept += bool(plan.kept)
        self.changed += bool(plan.after)
        self.unchanged += not plan.after
        return diff_lines(plan) if plan.after or plan.left else []

    def _is_planned(self, plan: TagPlan) -> bool:
        """Whether a link to the same file came before, with which all would have been written."""
        if self._write or not plan.after:
            return False
        file = os.path.realpath(plan.path)
        planned = file in self._planned
        self._planned.add(file)
        return planned

    def _tag_path(self, path: str, named: NamedTracks) -> TagPlan:
        return self._tag(named.row(path))

    def _tag(self, row: CatalogueTrack) -> TagPlan:
        plan = planning.plan_tags(
            self._catalogue, row, settings=self._settings, overwrite=self._overwrite
        )
        if self._write and plan.after:
            planning.write_tags(self._catalogue, row, plan, keep_times=self._keep_times)
        return plan

    def _undo_path(self, path: str) -> TagPlan | None:
        write = planning.undoable_write(self._catalogue, path)
        return self._undo_by_mark(path) if write is None else self._undo(write)

    def _undo_by_mark(self, path: str) -> TagPlan | None:
        plan = planning.plan_undo_by_mark(path)
        if plan is not None and self._write:
            planning.undo_by_mark(self._catalogue, plan, keep_times=self._keep_times)
        return plan

    def _undo(self, write: TagWrite) -> TagPlan:
        plan = planning.plan_undo(self._catalogue, write)
        if self._write:
            planning.undo_tags(self._catalogue, write, plan, keep_times=self._keep_times)
        return plan


def _has_mark(path: str) -> bool:
    try:
        return bool(read_mark(open_tags(path)))
    except errors.TagError:  # it is gone, or is of no kind that is tagged
        return False


# Choosing files


class NamedTracks:
    """Rows of named files; what is new or sounds different now is predicted first, and written.

    Where no model is named, predictions of any do, and new ones are the default model's.
    """

    def __init__(self, catalogue: Catalogue, model: str | None = None) -> None:
        self._catalogue = catalogue
        self._name = model

    def row(self, path: str) -> CatalogueTrack:
        """Return the row of a file, with its stamp of now.

        Raises
        ------
        TagError
            It cannot be read or predicted.
        ModelError
            There is no such model, or it is damaged.
        """
        known = self._catalogue.track(path)
        stamp, audio = audio_now(path, known)
        if known is not None and known.audio == audio and self._suits(known):
            return replace(known, stamp=stamp)
        row = self._of_same_sound(CatalogueTrack(path, stamp, audio)) or self._predicted(path)
        if row.id is None and known is not None:
            row = replace(row, id=known.id)
        return replace(row, id=self._catalogue.write(row))

    def known(self, path: str) -> CatalogueTrack | None:
        """Return what is known of a file's sound, whatever its name; nothing is written.

        Raises
        ------
        TagError
            It cannot be read.
        """
        known = self._catalogue.track(path)
        _, audio = audio_now(path, known)
        same = () if known is None or known.audio != audio else (known,)
        rows = (*same, *self._catalogue.with_audio(audio))
        return next((row for row in rows if self._suits(row)), None)

    def _of_same_sound(self, row: CatalogueTrack) -> CatalogueTrack | None:
        """Return a row with what is known of its sound, and the number of the one that left."""
        same = [track for track in self._catalogue.with_audio(row.audio) if self._suits(track)]
        if not same:
            return None
        left = next((track for track in same if not os.path.lexists(track.path)), None)
        return replace(
            left or same[0],
            path=row.path,
            stamp=row.stamp,
            tags=Tags.read(row.path),
            missing_since=None,
            id=None if left is None else left.id,
        )

    def _suits(self, track: CatalogueTrack) -> bool:
        if track.prediction is None:
            return False
        return self._name is None or track.model_id == self._wanted

    @cached_property
    def _wanted(self) -> ModelId:
        return ModelId.of(read_card(find_package(self._name or DEFAULT_MODEL)))

    @cached_property
    def _model(self) -> EmotionModel:
        return load_model(self._name or DEFAULT_MODEL)

    def _predicted(self, path: str) -> CatalogueTrack:
        row = scanned(path, partial(predict_file, model=self._model), self._model.card.sha256)
        if row.prediction is None:
            raise errors.TagError(row.error)
        return row


def find_paths(
    names: Sequence[str], left_out: set[str] | None = None
) -> tuple[list[str], list[str]]:
    """Return the audio files that files, folders and patterns name, and what could not be listed.

    Folders give the files that a scan of them finds; their others are added to ``left_out``. Paths
    are absolute, each once; what could not be listed is one line for each folder.
    """
    found: dict[str, None] = {}
    failures = []
    for name in map(local_path, names):
        if not Path(name).is_dir():
            found.update(dict.fromkeys(map(absolute, find_files([name], recursive=True))))
            continue
        walked = walk(name)
        if left_out is not None:
            left_out |= walked.left_out
        found.update(dict.fromkeys(walked.files or ([] if walked.unreadable else [absolute(name)])))
        failures += [
            f"the folder '{errors.printable(place)}' cannot be listed ({reason})"
            for place, reason in walked.unreadable.items()
        ]
    return list(found), failures

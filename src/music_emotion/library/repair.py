"""Mend a damaged catalogue: what is derived is made anew, what was predicted is predicted again.

Nothing else is touched. Each step is a transaction of its own, so that a repair that was stopped
goes on when it is run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError, printable
from music_emotion.inference.batch import predict_stream
from music_emotion.inference.model import DEFAULT_MODEL
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.distributed.urls import is_url
from music_emotion.library.health import Health, block_line, damage_of, examine, paths_of, seal
from music_emotion.library.salvage import rebuild
from music_emotion.library.scan import unreadable
from music_emotion.library.search import refresh_index
from music_emotion.library.track import CatalogueTrack, ModelId, count_of
from music_emotion.progress import Progress


@dataclass(slots=True)
class Repaired:
    """What a repair did.

    Attributes
    ----------
    found
        What was damaged.
    mended
        In lines.
    failures
        What could not be mended, and why, in lines.
    """

    found: Health
    mended: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def repair(
    catalogue: Catalogue,
    *,
    model: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Repaired:
    """Mend a catalogue; hold :meth:`.Catalogue.held` for it.

    Parameters
    ----------
    model
        Name or folder of what predicts again; ``None`` is the shipped one with the name of the
        catalogue's.
    jobs
        Processes that predict.
    progress
        Called with (files predicted again, files to predict).

    Raises
    ------
    CatalogueError
        The catalogue cannot be read or written, or the model is not the one that predicted it.
    ModelError
        There is no such model, or it is damaged.
    """
    found = examine(catalogue)
    done = Repaired(found)
    rows, names = found.rows, paths_of(catalogue, found.rows)
    if found.structure:
        for table, count in rebuild(catalogue).items():
            done.mended.append(_lost(table, count))
        done.mended.append("the file is made anew from what could be read")
        rows = rows | examine(catalogue).rows
        names |= paths_of(catalogue, rows)
    done.mended += [f"{block_line(*block)} made anew" for block in found.blocks]
    if rows:
        work = _Predicting(catalogue, model, jobs, progress or (lambda done, total: None))
        for number, error in work.mend(list(rows)):
            line = damage_of(rows[number], names.get(number))
            if error:
                done.failures.append(f"{line}: {error}")
            else:
                done.mended.append(f"{line} is predicted again")
    seal(catalogue)
    refresh_index(catalogue)
    return done


def _lost(table: str, count: int) -> str:
    """Say how many rows of a table are lost, and what to do."""
    then = {
        "track": "; a scan of their folders finds the files again",
        "tag_write": "; what they said was written into files cannot be taken back",
    }
    return f"{count_of(count, 'row')} of the table '{table}' could not be read{then.get(table, '')}"


class _Predicting:
    """Predicts again what is damaged, where the file is still the one that was predicted."""

    def __init__(
        self, catalogue: Catalogue, model: str | None, jobs: int, progress: Progress
    ) -> None:
        names = catalogue.models()
        self._name = model or next(iter(names.values()), DEFAULT_MODEL)
        card = read_card(find_package(self._name))
        if names and card.sha256 not in names:
            raise CatalogueError(
                f"'{printable(catalogue.path)}' was predicted by "
                f"{printable(', '.join(names.values()))}, not by '{card.name}' version "
                f"{card.version}; name its folder with --model"
            )
        self._model = ModelId.of(card)
        self._catalogue, self._jobs, self._progress = catalogue, jobs, progress

    def mend(self, rows: list[int]) -> Iterator[tuple[int, str]]:
        """Predict files again; yield each row's number, and why it could not be done or ``""``."""
        done, total = 0, len(rows)
        to_predict: dict[str, tuple[int, CatalogueTrack]] = {}
        for number, file in self._files(rows):
            error = self._hindrance(number, file)
            if file is None or error or self._is_copied(file):
                done += 1
                yield number, error
            else:
                to_predict[file.path] = number, file
        self._progress(done, total)
        if not to_predict:
            return
        jobs = min(self._jobs, max(2, len(to_predict)))
        with closing(predict_stream(to_predict, self._name, jobs=jobs)) as outcomes:
            for outcome in outcomes:
                number, file = to_predict[outcome.path]
                if outcome.prediction is not None:
                    self._write(file, outcome.prediction)
                done += 1
                self._progress(done, total)
                yield number, outcome.error

    def _files(self, rows: list[int]) -> Iterator[tuple[int, CatalogueTrack | None]]:
        found = {file.id: file for file in self._catalogue.files(rows)}
        return ((number, found.get(number)) for number in rows)

    def _hindrance(self, number: int, file: CatalogueTrack | None) -> str:
        """Return why a file cannot be predicted again; ``""`` where it can."""
        if file is None:
            return "its row is lost; scan its folder"
        if is_url(file.path):
            return "it is behind a URL; predict it again: music-emotion scan --engine ray"
        try:
            same = FileStamp.read(file.path) == file.stamp or audio_digest(file.path) == file.audio
        except OSError as error:
            return unreadable(file.path, error)
        return "" if same else "its file has changed since; scan its folder"

    def _is_copied(self, file: CatalogueTrack) -> bool:
        """Take what is known of another file that sounds the same, if there is one."""
        for other in self._catalogue.with_audio(file.audio):
            if other.prediction is not None and other.model_id == self._model:
                self._write(file, other.prediction)
                return True
        return False

    def _write(self, file: CatalogueTrack, prediction: TrackPrediction) -> None:
        prediction = replace(prediction, path=file.path)
        row = replace(file, prediction=prediction, model_sha256=self._model.sha256, error="")
        self._catalogue.write(row)

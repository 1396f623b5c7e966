"""Many files: predict each in this process or in several, let no one stop the others."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO, cast

from music_emotion.audio import AudioSource
from music_emotion.audio.discover import STANDARD_INPUT, no_file
from music_emotion.audio.files import (
    STDIN_NAME,
    copy_stream,
    named_stream,
    source_name,
    temporary_copy,
)
from music_emotion.errors import AudioError, MusicEmotionError, printable
from music_emotion.inference.explain import Explanation, explain_prediction
from music_emotion.inference.model import EmotionModel, ReadingProgress, load_model
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.rating_model import RatingModel, RatingPrediction, load_any_model
from music_emotion.parallel import Death, Report, run_tasks
from music_emotion.progress import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a prediction, or the line that says why there is none."""

    path: str
    prediction: TrackPrediction | None = None
    explanation: Explanation | None = None
    error: str = ""
    rated: RatingPrediction | None = None  #: in place of a prediction, of a model of ratings


def predict_file(
    path: str,
    model: EmotionModel | RatingModel,
    *,
    explained: bool = False,
    progress: ReadingProgress | None = None,
) -> Outcome:
    """Predict one file; what is wrong with it is an outcome, not an error."""
    if path != STANDARD_INPUT and (problem := no_file(path)):
        return Outcome(path, error=problem)
    try:
        with _source(path, again=explained) as source:
            if isinstance(model, RatingModel):
                rated = replace(model.predict(source, progress=progress), path=path)
                return Outcome(path, rated=rated)
            prediction = replace(model.predict(source, progress=progress), path=path)
            why = None
            if explained:
                prediction, why = explain_prediction(model, source, prediction)
    except MusicEmotionError as error:
        return Outcome(path, error=str(error))
    except MemoryError:
        return Outcome(path, error=f"'{printable(path)}' needs more memory than there is")
    except OSError as error:
        return Outcome(path, error=f"'{printable(path)}' cannot be read ({error.strerror})")
    return Outcome(path, prediction, why)


@contextmanager
def _source(path: str, *, again: bool) -> Iterator[AudioSource]:
    """Give what is read; a pipe that is read ``again`` is copied, as it gives its bytes once."""
    if path == STANDARD_INPUT:
        yield standard_input()
    elif again and _is_pipe(path):
        name = source_name(path)
        with Path(path).open("rb") as pipe, temporary_copy(pipe, name) as copy:
            yield named_stream(copy, path)
    else:
        yield path


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False  # what is wrong with it is said where it is read


def predict_files(
    paths: Sequence[str],
    model: str,
    *,
    explained: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    may_rate: bool = False,
) -> Generator[Outcome, None, None]:
    """Load the model; then predict files and yield their outcomes in order.

    Parameters
    ----------
    paths
        As :func:`music_emotion.audio.discover.find_files` gives them.
    model, explained, jobs, may_rate
        As :func:`predict_stream` takes them.
    progress
        Called with (files done, files in all), or for one file with the seconds heard.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.
    """
    if len(paths) == 1:
        reading = None if progress is None else _seconds(progress)
        loaded = _load(model, may_rate)
        return (predict_file(path, loaded, explained=explained, progress=reading) for path in paths)
    jobs = 1 if STANDARD_INPUT in paths else jobs  # only this process has the standard input
    outcomes = predict_stream(paths, model, explained=explained, jobs=jobs, may_rate=may_rate)
    return outcomes if progress is None else _counted(outcomes, len(paths), progress)


def _counted(
    outcomes: Iterable[Outcome], count: int, progress: Progress
) -> Generator[Outcome, None, None]:
    progress(0, count)
    for done, outcome in enumerate(outcomes, start=1):
        yield outcome
        progress(done, count)


def _seconds(progress: Progress) -> ReadingProgress:
    return lambda seconds, total: progress(round(seconds), round(total or 0))


def predict_stream(
    paths: Iterable[str],
    model: str,
    *,
    explained: bool = False,
    jobs: int = 1,
    may_rate: bool = False,
) -> Generator[Outcome, None, None]:
    """Load the model; then predict files named one by one, and yield their outcomes in order.

    Parameters
    ----------
    paths
        Files; asked for in this process and a few ahead of what is done, so that each may be looked
        at first and need not be known before.
    model
        Its name or folder.
    explained
        Whether to say what made each emotion.
    jobs
        Processes; 1 works in this one.
    may_rate
        Whether the model may be one of ratings, whose outcomes are ``rated``.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.
    """
    loaded = _load(model, may_rate)
    if jobs <= 1:
        return (predict_file(path, loaded, explained=explained) for path in paths)
    rates = isinstance(loaded, RatingModel)
    begin = partial(_begin_rating, model) if rates else partial(_begin, model, explained)
    return _in_processes(paths, begin, jobs)


def _load(model: str, may_rate: bool) -> EmotionModel | RatingModel:
    return load_any_model(model) if may_rate else load_model(model)


def _in_processes(
    paths: Iterable[str], begin: Callable[[Report], Callable[[str], Outcome]], jobs: int
) -> Generator[Outcome, None, None]:
    """Yield outcomes in order; a file that kills the process reading it is one of them."""
    for path, outcome in run_tasks(begin, paths, workers=jobs, in_order=True):
        if isinstance(outcome, Death):
            error = f"'{printable(path)}' killed the process that read it; leave it out"
            outcome = Outcome(path, error=error)
        yield outcome


def _begin(model: str, explained: bool, _: Report) -> Callable[[str], Outcome]:
    silence_native_libraries()
    return partial(predict_file, model=load_model(model), explained=explained)


def _begin_rating(model: str, _: Report) -> Callable[[str], Outcome]:
    silence_native_libraries()
    return partial(predict_file, model=load_any_model(model))


def silence_native_libraries() -> None:
    """Send what C libraries print on the error stream nowhere; Python's own stays visible.

    The MP3 decoder prints a line for every blemish of a file, in the middle of a progress bar.
    Nothing happens where the error stream is not the process's own.
    """
    original = sys.__stderr__
    if original is None or sys.stderr is not original:
        return
    original.flush()
    visible = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = visible


@cache
def standard_input() -> BinaryIO:
    """Return standard input as a file that can be read more than once.

    Raises
    ------
    AudioError
        It is closed, or cannot be kept.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise AudioError("standard input is closed; pipe a file into it, or name one")
    try:
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        copy_stream(sys.stdin.buffer, copy, "standard input")
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"standard input could not be kept ({reason}); name a file") from None
    return named_stream(cast(BinaryIO, copy), STDIN_NAME)

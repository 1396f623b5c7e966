"""Inside a worker process: takes orders with an open file each, answers with an analysis."""

from __future__ import annotations

import ctypes
import math
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import BinaryIO

import numpy as np

from music_emotion.audio.files import named_stream
from music_emotion.errors import MissingExtraError, ModelError, MusicEmotionError
from music_emotion.inference.batch import Outcome, silence_native_libraries
from music_emotion.inference.explain import explain_prediction
from music_emotion.inference.model import EmotionModel, load_model
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.writers import clock, outcome_dict
from music_emotion.web.orders import Analysis, Failure, Order, Progress, Ready

PEAKS = 1_200  # of a waveform's picture: more than the pixels it is drawn with
PEAK_DIGITS = 4
REPORT_SECONDS = 10.0  # of sound between two messages about progress


class TooLongError(MusicEmotionError):
    """A sound that is longer than the server takes."""


@dataclass
class Analyst:
    """Answers orders with models that are loaded when first asked for.

    Attributes
    ----------
    folders
        Of the served models, by name.
    longest
        Seconds of sound taken at most.
    """

    folders: Mapping[str, str]
    longest: float
    _models: dict[str, EmotionModel] = field(default_factory=dict)

    def model(self, name: str) -> EmotionModel:
        """Return a served model, loaded once."""
        if name not in self._models:
            self._models[name] = load_model(self.folders[name])
        return self._models[name]

    def analyse(self, order: Order, file: BinaryIO, connection: Connection) -> Analysis | Failure:
        """Answer one order; what is wrong with the file is an answer, too."""
        try:
            return self._analysis(order, file, connection)
        except TooLongError as error:
            return Failure("too_long", str(error))
        except MissingExtraError as error:
            return Failure("unsupported", str(error))
        except ModelError:  # its message may name a folder of the server
            traceback.print_exc()
            told = f"the model {order.model} cannot be used; tell whoever runs the server"
            return Failure("broken", told)
        except MusicEmotionError as error:
            return Failure("unreadable", str(error))
        except MemoryError:
            return Failure("memory", "the file needs more memory than the server has for one file")
        except Exception:  # the boundary of the process: a mistake of ours costs one answer only
            traceback.print_exc()
            return Failure("broken", "the analysis failed by a mistake of the server")

    def _analysis(self, order: Order, file: BinaryIO, connection: Connection) -> Analysis:
        model = self.model(order.model)
        upload = named_stream(file, order.name)
        next_report = 0.0

        def heard(seconds: float, total: float | None) -> None:
            nonlocal next_report
            self._check_length(max(seconds, total or 0.0))
            if seconds >= next_report:
                connection.send(Progress("listening", seconds, total))
                next_report = seconds + REPORT_SECONDS

        prediction = model.predict(upload, progress=heard)
        self._check_length(prediction.duration)
        why = None
        if order.explained:
            connection.send(Progress("explaining", prediction.duration, prediction.duration))
            prediction, why = explain_prediction(model, upload, prediction, emotion=order.emotion)
        result = outcome_dict(Outcome(order.name, prediction, why))
        return Analysis(result, peaks(prediction))

    def _check_length(self, seconds: float) -> None:
        if seconds > self.longest:
            raise TooLongError(
                f"the sound lasts {clock(math.ceil(seconds))} or more; "
                f"this server takes {clock(self.longest)} at most (minutes and seconds)"
            )


def peaks(prediction: TrackPrediction) -> list[float]:
    """Return the waveform's outline, at most :data:`PEAKS` numbers from 0 to 1."""
    envelope = prediction.envelope
    if len(envelope) > PEAKS:
        edges = np.linspace(0, len(envelope), PEAKS, endpoint=False).astype(np.int64)
        envelope = np.maximum.reduceat(envelope, edges)
    return [round(min(float(peak), 1.0), PEAK_DIGITS) for peak in envelope]


def work(connection: Connection, folders: Mapping[str, str], longest: float, space: int) -> None:
    """Answer orders until the server is gone; runs as the body of a worker process.

    Parameters
    ----------
    connection
        Gives an :class:`~music_emotion.web.orders.Order`, then the descriptor of its file.
    folders, longest
        As in :class:`Analyst`.
    space
        Bytes of address space this process may use; 0 sets no limit.
    """
    silence_native_libraries()
    limit_memory(space)
    analyst = Analyst(folders, longest)
    try:
        analyst.model(next(iter(folders)))
    except MusicEmotionError as error:
        connection.send(Failure("broken", str(error)))
        return
    connection.send(Ready())
    while True:
        order = connection.recv()
        with os.fdopen(recv_handle(connection), "rb", buffering=0) as file:
            answer = analyst.analyse(order, file, connection)
        connection.send(answer)
        del answer
        trim_memory()


def trim_memory() -> None:
    """Give freed memory back to the system, where its C library keeps it otherwise (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def limit_memory(space: int) -> None:
    """Let this process use ``space`` bytes at most, where the system knows such a limit."""
    try:
        import resource
    except ImportError:
        return
    if space:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        allowed = space if hard == resource.RLIM_INFINITY else min(space, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))

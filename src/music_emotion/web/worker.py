"""Inside a worker process: takes requests with an open file each, answers with an analysis."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any, BinaryIO, Literal

import numpy as np

from music_emotion.audio.files import named_stream
from music_emotion.audio.limit import ReadingLimit, TooMuchError
from music_emotion.errors import MissingExtraError, ModelError, MusicEmotionError
from music_emotion.inference.batch import Outcome, silence_native_libraries
from music_emotion.inference.explain import explain_prediction
from music_emotion.inference.model import EmotionModel, load_model
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.writers import clock, outcome_dict

PEAKS = 1_200  # of a waveform's picture: more than the pixels it is drawn with
PEAK_DIGITS = 4
MILLION = 1_000_000
REPORT_SECONDS = 10.0  # of sound between two messages about progress


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker is given."""

    folders: Mapping[str, str]  # of the served models by name, the default first
    audio_seconds: float  # of the longest sound taken
    audio_samples: float  # in all channels of a sound
    memory_bytes: int  # address space a process may use; 0 sets no limit


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """What is wanted of one file."""

    name: str  # what the client calls it: a label, never a path
    model: str  # name of a served model
    explained: bool = False  # whether reasons are wanted, too
    emotion: str | None = None  # which is explained; None: the most probable one


@dataclass(frozen=True, slots=True)
class AnalysisProgress:
    """How far an analysis is."""

    stage: str  # listening or explaining
    heard: float  # seconds of sound
    total: float | None  # seconds in all, where the file says so


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of a file."""

    result: dict[str, Any]  # the object that `music-emotion predict -f json` writes
    peaks: list[float]  # largest sample of equal parts of the sound, 0–1, for pictures


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of a file; ``broken`` is the server's fault."""

    reason: Literal["unreadable", "unsupported", "too_long", "memory", "broken"]
    message: str  # one sentence
    trace: str = ""  # of a mistake of the server's, for its log; it does not name the file


Answer = Analysis | Failure


@dataclass
class Predictor:
    """Answers requests with models that are loaded when first asked for."""

    settings: WorkerSettings
    _models: dict[str, EmotionModel] = field(default_factory=dict)

    def model(self, name: str) -> EmotionModel:
        """Return a served model, loaded once."""
        if name not in self._models:
            self._models[name] = load_model(self.settings.folders[name])
        return self._models[name]

    def analyse(self, request: AnalysisRequest, file: BinaryIO, line: Connection) -> Answer:
        """Answer one request; what is wrong with the file is an answer, too."""
        try:
            return self._analyse(request, file, line)
        except TooMuchError as error:
            return Failure("too_long", self._too_long(error))
        except MissingExtraError as error:
            return Failure("unsupported", str(error))
        except ModelError:  # its message may name a folder of the server
            message = f"the model {request.model} cannot be used; tell whoever runs the server"
            return Failure("broken", message, trace_without(request.name))
        except MusicEmotionError as error:
            return Failure("unreadable", str(error))
        except MemoryError:
            return Failure("memory", "the file needs more memory than the server has for one file")
        except Exception:  # the boundary of the process: a mistake of ours costs one answer only
            message = "the analysis failed by a mistake of the server"
            return Failure("broken", message, trace_without(request.name))

    def _analyse(self, request: AnalysisRequest, file: BinaryIO, line: Connection) -> Analysis:
        model = self.model(request.model)
        upload = named_stream(file, request.name)
        next_report = 0.0

        def heard(seconds: float, total: float | None) -> None:
            nonlocal next_report
            if seconds >= next_report:
                line.send(AnalysisProgress("listening", seconds, total))
                next_report = seconds + REPORT_SECONDS

        limit = ReadingLimit(self.settings.audio_seconds, self.settings.audio_samples)
        prediction = model.predict(upload, progress=heard, limit=limit)
        why = None
        if request.explained:
            line.send(AnalysisProgress("explaining", prediction.duration, prediction.duration))
            prediction, why = explain_prediction(model, upload, prediction, emotion=request.emotion)
        return Analysis(outcome_dict(Outcome(request.name, prediction, why)), peaks(prediction))

    def _too_long(self, found: TooMuchError) -> str:
        """Say how long a sound is, or in how many channels, and what is taken."""
        longest, most = self.settings.audio_seconds, self.settings.audio_samples
        if found.seconds > longest:
            return (
                f"the sound lasts {clock(math.ceil(found.seconds))} or more; "
                f"this server takes {clock(longest)} at most (minutes and seconds)"
            )
        samples = f"{math.ceil(found.samples / MILLION):,} million samples in all channels"
        return (
            f"the sound has {samples} or more; this server takes {most / MILLION:,g} million at "
            "most; mix it to stereo, or lower its rate"
        )


def trace_without(name: str) -> str:
    """Return the traceback of the exception that is being handled; no message if it has a name."""
    trace = traceback.format_exc()
    if name in trace or repr(name)[1:-1] in trace:
        kind, _, frames = sys.exc_info()
        trace = f"{''.join(traceback.format_tb(frames))}{kind.__name__ if kind else ''}"
    return trace.rstrip()


def peaks(prediction: TrackPrediction) -> list[float]:
    """Return the waveform's outline, at most :data:`PEAKS` numbers from 0 to 1."""
    envelope = prediction.envelope
    if len(envelope) > PEAKS:
        edges = np.linspace(0, len(envelope), PEAKS, endpoint=False).astype(np.int64)
        envelope = np.maximum.reduceat(envelope, edges)
    return [round(min(float(peak), 1.0), PEAK_DIGITS) for peak in envelope]


def work(connection: Connection, settings: WorkerSettings) -> None:
    """Answer requests until the server is gone; runs as the body of a worker process.

    It first sends ``None``, or why it cannot work. Then the connection gives an
    :class:`AnalysisRequest` and the descriptor of its file, and so on.
    """
    # Told to all processes of a service at once; the server says when this one ends.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    silence_native_libraries()
    limit_memory(settings.memory_bytes)
    predictor = Predictor(settings)
    try:
        predictor.model(next(iter(settings.folders)))
    except MusicEmotionError as error:
        connection.send(Failure("broken", str(error)))
        return
    connection.send(None)
    while True:
        request = connection.recv()
        with os.fdopen(recv_handle(connection), "rb", buffering=0) as file:
            answer = predictor.analyse(request, file, connection)
        connection.send(answer)
        del answer
        trim_memory()


def trim_memory() -> None:
    """Give freed memory back to the system, where its C library keeps it otherwise (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def limit_memory(size: int) -> None:
    """Let this process use ``size`` bytes at most, where the system knows such a limit."""
    try:
        import resource
    except ImportError:
        return
    if size:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        allowed = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))

"""Predictions as text: JSON, JSON lines, CSV and JAMS for programs, bars and lines for people.

A writer takes outcomes one at a time and writes each at once, so that a batch needs no memory and
a pipe gets lines as they come. JSON is strict: no NaN, and text that is not Unicode is escaped.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference.batch import Outcome
from music_emotion.inference.explain import Explanation
from music_emotion.inference.output import (
    STANDARD_OUTPUT,
    FileNames,
    check_writable,
    is_special,
    opened_output,
)
from music_emotion.inference.prediction import COLUMNS, Timeline, TrackPrediction, ranked, writable

if TYPE_CHECKING:
    from rich.text import Text

BAR_CELLS = 24
SPARK_CELLS = 24
LABEL_CELLS = 17
PATH_CELLS = 44
SPARKS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
COLOURS = {emotion.name: emotion.colour for emotion in GEMS}
LABELS = {emotion.name: emotion.label for emotion in GEMS}

Array = NDArray[np.float32]


class Writer:
    """Writes outcomes as they come; :meth:`close` writes what ends the document."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        raise NotImplementedError

    def close(self) -> None:
        """Write the end, where the format has one."""


def outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values: a prediction, or ``path`` and ``error``.

    Examples
    --------
    >>> outcome_dict(Outcome("song.mp3", error="'song.mp3' is not audio"))
    {'path': 'song.mp3', 'error': "'song.mp3' is not audio"}
    """
    path = writable(outcome.path)
    if outcome.prediction is None:
        return {"path": path, "error": outcome.error}
    data = {**outcome.prediction.to_dict(), "path": path}
    if outcome.explanation is not None:
        data["explanation"] = outcome.explanation.to_dict()
    return data


def _strict(data: object, indent: int | None = None) -> str:
    return json.dumps(data, allow_nan=False, indent=indent)


class JsonWriter(Writer):
    """One list of objects."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._count = 0

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        self._stream.write("[\n" if self._count == 0 else ",\n")
        self._stream.write(_strict(outcome_dict(outcome)))
        self._stream.flush()
        self._count += 1

    def close(self) -> None:
        """Write the end."""
        self._stream.write("\n]\n" if self._count else "[]\n")


class JsonLinesWriter(Writer):
    """One object per line."""

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        self._stream.write(_strict(outcome_dict(outcome)) + "\n")
        self._stream.flush()


class CsvWriter(Writer):
    """One row per track: path, the columns of a flat prediction, error."""

    COLUMNS = ("path", *COLUMNS, "error")

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._rows = csv.DictWriter(stream, self.COLUMNS, restval="", lineterminator="\n")
        self._rows.writeheader()

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        row = {} if outcome.prediction is None else outcome.prediction.to_row()
        self._rows.writerow({"path": writable(outcome.path), **row, "error": outcome.error})
        self._stream.flush()


class CsvTimelineWriter(Writer):
    """One row per point of the timeline: path, time, probabilities; a failure is left out."""

    COLUMNS = ("path", "time", *EMOTIONS)

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(self.COLUMNS)

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        if outcome.prediction is None:
            return
        timeline = outcome.prediction.to_dict()["timeline"]
        columns = [timeline["time"], *(timeline["emotions"][name] for name in EMOTIONS)]
        path = writable(outcome.path)
        self._rows.writerows([path, *point] for point in zip(*columns, strict=True))
        self._stream.flush()


class JamsWriter(Writer):
    """One JAMS document per track.

    Parameters
    ----------
    name
        Gives the file of a track; ``None`` is standard output.
    """

    def __init__(self, name: Callable[[str], Path | None]) -> None:
        self._name = name

    def add(self, outcome: Outcome) -> None:
        """Write one outcome; a failure leaves no document.

        Raises
        ------
        MusicEmotionError
            This file cannot be written; others may.
        """
        if outcome.prediction is not None:
            with opened_output(self._name(outcome.path)) as stream:
                stream.write(_strict(outcome.prediction.to_jams(), indent=1) + "\n")


class TerminalWriter(Writer):
    """Writes outcomes for people as they come.

    Parameters
    ----------
    stream
        Where to; colours only where it is a terminal, or standard output under ``FORCE_COLOR``.
    single
        Whether there is one track, which gets bars, or many, which get a line each.
    top
        How many emotions are shown; by default all of one track and three of many.
    timeline
        Whether each point in time gets a line.
    """

    def __init__(
        self, stream: TextIO, *, single: bool, top: int | None = None, timeline: bool = False
    ) -> None:
        from rich.console import Console

        self._console = Console(
            file=stream,
            force_terminal=None if stream is sys.stdout else False,  # FORCE_COLOR is of the screen
            highlight=False,
            soft_wrap=True,
            emoji=False,
        )
        self._single = single
        self._top = top or (len(EMOTIONS) if single else 3)
        self._timeline = timeline

    def add(self, outcome: Outcome) -> None:
        """Write one outcome; failures are for the error stream."""
        prediction, explanation = outcome.prediction, outcome.explanation
        if prediction is None:
            return
        lines: list[Text | str] = []
        lines += self._bars(prediction) if self._single else [self._line(prediction)]
        lines += self._points(prediction.timeline) if self._timeline else []
        lines += [] if explanation is None else _reasons(explanation)
        lines += [f"  note: {warning}" for warning in prediction.warnings]
        for line in lines:
            self._console.print(line, markup=False)

    def _line(self, prediction: TrackPrediction) -> Text:
        start = f"{_shortened(prediction.path):<{PATH_CELLS}}  {clock(prediction.duration):>7}"
        silent = prediction.top is None
        return _text(f"{start}  silent") if silent else _text(start, prediction.emotions, self._top)

    def _bars(self, prediction: TrackPrediction) -> list[Text]:
        model = f"model {prediction.model} {prediction.version}"
        title = f"{printable(prediction.path)}  {clock(prediction.duration)}  {model}"
        lines = [_text(title)]
        lines[0].style = "bold"
        for name, probability in prediction.ranked()[: self._top]:
            index = EMOTIONS.index(name)
            line = _text(f"  {LABELS[name]:<{LABEL_CELLS}} ")
            line.append(f"{_bar(probability):<{BAR_CELLS}}", style=COLOURS[name])
            line.append(f" {probability:4.0%}  ")
            course = _spark(prediction.timeline.emotions[:, index])
            line.append(f"{course:<{SPARK_CELLS}}", style=COLOURS[name])
            line.append(f"  felt by {prediction.intensities[index]:.0%}")
            lines.append(line)
        if prediction.top is None:
            return [*lines, _text("  silence: no emotion")]
        top, confidence = LABELS[prediction.top], prediction.confidence
        return [*lines, _text(f"  {top} with a confidence of {confidence:.0%}")]

    def _points(self, timeline: Timeline) -> list[Text]:
        return [
            _text(f"  {clock(float(time)):>7}", emotions, min(3, self._top))
            for time, emotions in zip(timeline.time, timeline.emotions, strict=True)
        ]


def _text(start: str, emotions: Array | None = None, top: int = 0) -> Text:
    """Return a line: what it begins with, then the ``top`` most probable emotions."""
    from rich.text import Text

    line = Text(start)
    for name, probability in [] if emotions is None else ranked(emotions)[:top]:
        line.append(f"  {LABELS[name]} ", style=COLOURS[name])
        line.append(f"{probability:.0%}")
    return line


def _reasons(explanation: Explanation) -> list[str]:
    """Say what an emotion would lose without its strongest seconds and bands."""
    label = LABELS[explanation.emotion]
    lines = [f"  why {label} ({explanation.probability:.0%}); what it loses without"]
    order = np.argsort(-explanation.seconds, kind="stable")[:3]
    for index in sorted(order.tolist()):
        start = float(explanation.time[index])
        loss = explanation.seconds[index]
        lines.append(f"    {clock(start):>7}–{clock(start + 3.0)}          {loss:+.1%}")
    for (low, high), loss in zip(explanation.bands, explanation.frequencies, strict=True):
        lines.append(f"    {low:>7,.0f}–{high:,.0f} Hz".ljust(26) + f"{loss:+.1%}")
    return lines


def clock(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``.

    Examples
    --------
    >>> clock(65.9), clock(3_600)
    ('1:05', '1:00:00')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _shortened(path: str) -> str:
    shown = printable(path)
    return shown if len(shown) <= PATH_CELLS else f"…{shown[-PATH_CELLS + 1 :]}"


def _bar(share: float) -> str:
    eighths = round(share * BAR_CELLS * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _spark(values: Array) -> str:
    """Return the course of a probability as blocks, on a scale of 0 to 1."""
    parts: Sequence[Array] = np.array_split(values, min(SPARK_CELLS, len(values)))
    steps = [min(len(SPARKS) - 1, int(float(part.mean()) * len(SPARKS))) for part in parts]
    return "".join(SPARKS[step] for step in steps)


@contextmanager
def opened_writer(
    name: str,
    path: Path | None,
    *,
    files: int,
    many: bool,
    top: int | None = None,
    timeline: bool = False,
) -> Iterator[Writer]:
    """Open the writer of a format; what it wrote is a whole document however the block ends.

    Parameters
    ----------
    name
        ``table``, ``json``, ``jsonl``, ``csv`` or ``jams``.
    path
        The file, which appears when all is written; ``None`` and ``-`` are standard output.
    files
        How many tracks there are; JAMS of several needs a ``path``.
    many
        Whether what was named may stand for several tracks; then ``path`` of JAMS is a folder.
    top, timeline
        How many emotions a table shows; whether tables and CSV show them over time.

    Raises
    ------
    MusicEmotionError
        The file cannot be written.

    Examples
    --------
    >>> with opened_writer("jsonl", None, files=1, many=False) as writer:
    ...     writer.add(Outcome("song.mp3", error="'song.mp3' is not audio"))
    {"path": "song.mp3", "error": "'song.mp3' is not audio"}
    """
    if path is not None and str(path) == STANDARD_OUTPUT:
        path = None
    if name == "jams" and files > 1 and path is None:
        raise MusicEmotionError("JAMS describes one track per file; name a folder with -o")
    if name == "jams":
        if path is not None and many:
            yield JamsWriter(FileNames(path, ".jams").next)
            return
        if path is not None and not is_special(path):
            check_writable(path)
        yield JamsWriter(lambda _: path)
        return
    with opened_output(path) as stream:
        writer: Writer
        if name == "table":
            writer = TerminalWriter(stream, single=files == 1, top=top, timeline=timeline)
        elif name == "csv":
            writer = CsvTimelineWriter(stream) if timeline else CsvWriter(stream)
        else:
            writer = JsonWriter(stream) if name == "json" else JsonLinesWriter(stream)
        try:
            yield writer
        finally:
            writer.close()

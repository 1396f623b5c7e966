"""Predictions as text: JSON, JSON lines, CSV and JAMS for programs, bars and lines for people.

A writer takes outcomes one at a time and writes each at once, so that a batch needs no memory and
a pipe gets lines as they come. JSON is strict: no NaN, and text that is not Unicode is escaped.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference import output
from music_emotion.inference.batch import Outcome
from music_emotion.inference.explain import Explanation
from music_emotion.inference.prediction import (
    COLUMNS,
    INTENSITY_COLUMNS,
    POINT_NUMBERS,
    Timeline,
    TrackPrediction,
    ranked,
)
from music_emotion.inference.valence_arousal import ENDS

if TYPE_CHECKING:
    from rich.text import Text

BAR_CELLS, SPARK_CELLS, LABEL_CELLS, PATH_CELLS = 24, 24, 17, 44  # widths
MOST_OF_MUSIC = 0.99
IN_BETWEEN = 0.1  # of valence and arousal, either side of 0
SPARKS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
COLOURS = {emotion.name: emotion.colour for emotion in GEMS}
LABELS = {emotion.name: emotion.label for emotion in GEMS}

Array = NDArray[np.float32]
_strict = partial(json.dumps, allow_nan=False)


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
    path = written_name(outcome.path)
    if outcome.rated is not None:
        return {**outcome.rated.to_dict(), "path": path}
    if outcome.prediction is None:
        return {"path": path, "error": outcome.error}
    data = {**outcome.prediction.to_dict(), "path": path}
    if outcome.explanation is not None:
        data["explanation"] = outcome.explanation.to_dict()
    return data


class _JsonWriter(Writer):
    """One list of objects."""

    _opening = "[\n"

    def add(self, outcome: Outcome) -> None:
        self._stream.write(self._opening + _strict(outcome_dict(outcome)))
        self._stream.flush()
        self._opening = ",\n"

    def close(self) -> None:
        self._stream.write("[]\n" if self._opening == "[\n" else "\n]\n")


class _JsonLinesWriter(Writer):
    """One object per line."""

    def add(self, outcome: Outcome) -> None:
        self._stream.write(_strict(outcome_dict(outcome)) + "\n")
        self._stream.flush()


class _CsvWriter(Writer):
    """One row per track: path, the columns of a flat prediction, error."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        columns = ("path", *COLUMNS, "error")
        self._rows = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        self._rows.writeheader()

    def add(self, outcome: Outcome) -> None:
        row = {} if outcome.prediction is None else outcome.prediction.to_row()
        self._rows.writerow({"path": written_name(outcome.path), **row, "error": outcome.error})
        self._stream.flush()


class _CsvTimelineWriter(Writer):
    """One row per point of the timeline, like its data frame; a failure is left out."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(("path", *POINT_NUMBERS, *EMOTIONS, *INTENSITY_COLUMNS))

    def add(self, outcome: Outcome) -> None:
        if outcome.prediction is None:
            return
        timeline = outcome.prediction.to_dict()["timeline"]
        columns = [timeline[name] for name in POINT_NUMBERS]
        for quantity in ("emotions", "intensities"):
            columns += [timeline[quantity][name] for name in EMOTIONS]
        path = written_name(outcome.path)
        self._rows.writerows([path, *point] for point in zip(*columns, strict=True))
        self._stream.flush()


class _JamsWriter(Writer):
    """One document per track, in files of their own or on one stream; a failure leaves none."""

    def __init__(self, name: Callable[[str], Path | None]) -> None:
        self._name = name

    def add(self, outcome: Outcome) -> None:
        if outcome.prediction is not None:
            with output.opened_output(self._name(outcome.path)) as stream:
                stream.write(_strict(outcome.prediction.to_jams(), indent=1) + "\n")


class _TableWriter(Writer):
    """Bars for a single track, a line for each of many; failures are for the error stream."""

    def __init__(self, stream: TextIO, *, single: bool, top: int | None, timeline: bool) -> None:
        from rich.console import Console

        self._console = Console(
            file=stream,
            force_terminal=None if stream is sys.stdout else False,  # FORCE_COLOR is of the screen
            highlight=False,
            soft_wrap=True,
            emoji=False,
        )
        self._single, self._timeline = single, timeline
        self._top = top or (len(EMOTIONS) if single else 3)

    def add(self, outcome: Outcome) -> None:
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

    def _line(self, prediction: TrackPrediction) -> Text | str:
        start = f"{shortened(prediction.path)}  {clock(prediction.duration):>7}"
        if prediction.top is None:
            return f"{start}  silent"
        return _strongest(start, prediction.emotions, self._top)

    def _bars(self, prediction: TrackPrediction) -> Iterator[Text | str]:
        from rich.text import Text

        model = f"model {prediction.model} {prediction.version}"
        shown = printable(written_name(prediction.path))
        title = f"{shown}  {clock(prediction.duration)}  {model}"
        yield Text(title, style="bold")
        for name, probability in prediction.ranked()[: self._top]:
            index, colour = EMOTIONS.index(name), COLOURS[name]
            course = _spark(prediction.timeline.emotions[:, index])
            yield Text.assemble(
                f"  {LABELS[name]:<{LABEL_CELLS}} ",
                (f"{_bar(probability):<{BAR_CELLS}}", colour),
                f" {probability:4.0%}  ",
                (f"{course:<{SPARK_CELLS}}", colour),
                f"  {_felt(prediction, index)}",
            )
        if prediction.top is None:
            yield "  silence: no emotion"
            return
        yield f"  {LABELS[prediction.top]} with a confidence of {prediction.confidence:.0%}"
        if facts := _dimensions(prediction):
            yield f"  {', '.join(facts)}"

    def _points(self, timeline: Timeline) -> list[Text]:
        return [
            _strongest(f"  {clock(float(time)):>7}", emotions, min(3, self._top))
            for time, emotions in zip(timeline.time, timeline.emotions, strict=True)
        ]


def shortened(path: str) -> str:
    """Return a path as a column of a table shows it: its end where it is long.

    >>> shortened("song.mp3").rstrip(), shortened("x" * 50 + ".mp3")[:2], len(shortened("a"))
    ('song.mp3', '…x', 44)
    """
    shown = printable(written_name(path))
    if len(shown) > PATH_CELLS:
        shown = f"…{shown[-PATH_CELLS + 1 :]}"
    return f"{shown:<{PATH_CELLS}}"


def _felt(prediction: TrackPrediction, index: int) -> str:
    """Say how much an emotion is felt: beside other music, or by how many where that is unknown."""
    standing = float(prediction.standing[index])
    if math.isnan(standing) or prediction.top is None:
        return f"felt by {prediction.intensities[index]:.0%}"
    # Of all music nobody knows.
    share = min(max(standing, 1 - standing), MOST_OF_MUSIC)
    return f"{'more' if standing >= 0.5 else 'less'} than {share:.0%} of music"


def _dimensions(prediction: TrackPrediction) -> list[str]:
    """Say what a track is in one number each, as far as it is known."""
    facts = []
    for name, (low, high) in ENDS.items():
        value = float(getattr(prediction, name))
        word = "in between" if abs(value) < IN_BETWEEN else high if value > 0 else low
        if not math.isnan(value):
            facts.append(f"{name} {round(value, 2) + 0.0:+.2f} ({word})")
    if not math.isnan(prediction.familiarity):
        facts.append(f"familiarity {prediction.familiarity:.0%}")
    return facts


def _strongest(start: str, emotions: Array, top: int) -> Text:
    """Return a line: what it begins with, then the ``top`` most probable emotions."""
    from rich.text import Text

    line = Text(start)
    for name, probability in ranked(emotions)[:top]:
        line.append(f"  {LABELS[name]} ", style=COLOURS[name]).append(f"{probability:.0%}")
    return line


def _reasons(explanation: Explanation) -> list[str]:
    """Say what an emotion would lose without its strongest seconds and bands."""
    label = LABELS[explanation.emotion]
    share = f"{explanation.probability:.0%}"
    lines = [f"  why {label} ({share}); what it loses without a part (losses do not add up)"]
    order = np.argsort(-explanation.seconds, kind="stable")[:3]
    for index in sorted(order.tolist()):
        start = float(explanation.time[index])
        loss = explanation.seconds[index]
        lines.append(f"    {clock(start):>7}–{clock(start + 3.0)}          {loss:+z.1%}")
    for (low, high), loss in zip(explanation.bands, explanation.frequencies, strict=True):
        lines.append(f"    {low:>7,.0f}–{high:,.0f} Hz".ljust(26) + f"{loss:+z.1%}")
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
    if path is not None and str(path) == output.STANDARD_OUTPUT:
        path = None
    if name == "jams":
        yield _JamsWriter(_jams_names(path, files, many))
        return
    with output.opened_output(path) as stream:
        writer: Writer
        if name == "table":
            writer = _TableWriter(stream, single=files == 1, top=top, timeline=timeline)
        elif name == "csv":
            writer = _CsvTimelineWriter(stream) if timeline else _CsvWriter(stream)
        else:
            writer = _JsonWriter(stream) if name == "json" else _JsonLinesWriter(stream)
        try:
            yield writer
        finally:
            writer.close()


def _jams_names(path: Path | None, files: int, many: bool) -> Callable[[str], Path | None]:
    """Return what names the file of a track's document; ``None`` is standard output."""
    if files > 1 and path is None:
        raise MusicEmotionError("JAMS describes one track per file; name a folder with -o")
    if path is not None and many:
        return output.FileNames(path, ".jams").next
    if path is not None and not output.is_special(path):
        output.check_writable(path)
    return lambda _: path

"""Predictions as text for other programs: JSON, JSON lines, CSV, JAMS.

A writer takes outcomes one at a time and writes each at once, so that a batch needs no memory and
a pipe gets lines as they come. JSON is strict: no NaN, and text that is not Unicode is escaped.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.batch import Outcome
from music_emotion.inference.output import (
    STANDARD_OUTPUT,
    FileNames,
    check_writable,
    is_special,
    opened_output,
    writable,
)


class Writer(Protocol):
    """Writes outcomes as they come; :meth:`close` writes what ends the document."""

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        ...

    def close(self) -> None:
        """Write the end."""
        ...


def outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values: a prediction, or ``path`` and ``error``."""
    path = writable(outcome.path)
    if outcome.prediction is None:
        return {"path": path, "error": outcome.error}
    data = {**outcome.prediction.to_dict(), "path": path}
    if outcome.explanation is not None:
        data["explanation"] = outcome.explanation.to_dict()
    return data


def _strict(data: object, indent: int | None = None) -> str:
    return json.dumps(data, allow_nan=False, indent=indent)


class JsonWriter:
    """One list of objects."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
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


class JsonLinesWriter:
    """One object per line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        self._stream.write(_strict(outcome_dict(outcome)) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Write nothing: lines need no end."""


class CsvWriter:
    """One row per track: path, duration, top emotion, probabilities, intensities, warnings."""

    COLUMNS = (
        "path",
        "duration",
        "model",
        "version",
        "top",
        "confidence",
        *EMOTIONS,
        *(f"intensity_{name}" for name in EMOTIONS),
        "warnings",
        "error",
    )

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows = csv.DictWriter(stream, self.COLUMNS, restval="", lineterminator="\n")
        self._rows.writeheader()

    def add(self, outcome: Outcome) -> None:
        """Write one outcome."""
        data = outcome_dict(outcome)
        emotions: Mapping[str, float] = data.pop("emotions", {})
        intensities: Mapping[str, float] = data.pop("intensities", {})
        row = {name: data[name] for name in self.COLUMNS if name in data}
        row.update(emotions)
        row.update({f"intensity_{name}": value for name, value in intensities.items()})
        if outcome.prediction is not None:
            row["top"] = outcome.prediction.top or ""
            row["warnings"] = "; ".join(outcome.prediction.warnings)
        self._rows.writerow(row)
        self._stream.flush()

    def close(self) -> None:
        """Write nothing: rows need no end."""


class CsvTimelineWriter:
    """One row per point of the timeline: path, time, probabilities; a failure is left out."""

    COLUMNS = ("path", "time", *EMOTIONS)

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
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

    def close(self) -> None:
        """Write nothing: rows need no end."""


class JamsWriter:
    """One JAMS document, which describes one track."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, outcome: Outcome) -> None:
        """Write one outcome; a failure leaves no document."""
        if outcome.prediction is not None:
            self._stream.write(_strict(outcome.prediction.to_jams(), indent=1) + "\n")

    def close(self) -> None:
        """Write nothing: the document is whole."""


class JamsFileWriter:
    """One JAMS document per track, in the file that is named for it."""

    def __init__(self, name: Callable[[str], Path]) -> None:
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
                JamsWriter(stream).add(outcome)

    def close(self) -> None:
        """Write nothing: the documents are whole."""


STREAM_WRITERS: Mapping[str, Callable[[TextIO], Writer]] = {
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
    "jams": JamsWriter,
}


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
        ``table``, or a key of :data:`STREAM_WRITERS`.
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
    """
    if path is not None and str(path) == STANDARD_OUTPUT:
        path = None
    if name == "jams" and files > 1 and path is None:
        raise MusicEmotionError("JAMS describes one track per file; name a folder with -o")
    if name == "jams" and path is not None:
        if not many and not is_special(path):
            check_writable(path)
        yield JamsFileWriter(FileNames(path, ".jams").next if many else lambda _: path)
        return
    with opened_output(path) as stream:
        writer: Writer
        if name == "table":
            from music_emotion.inference.terminal import TerminalWriter

            writer = TerminalWriter(stream, single=files == 1, top=top, timeline=timeline)
        elif name == "csv" and timeline:
            writer = CsvTimelineWriter(stream)
        else:
            writer = STREAM_WRITERS[name](stream)
        try:
            yield writer
        finally:
            writer.close()

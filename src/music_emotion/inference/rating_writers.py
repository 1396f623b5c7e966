"""Ratings of tracks as text: JSON, JSON lines and CSV for programs, a line each for people."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from music_emotion.audio.names import written_name
from music_emotion.datasets.ratings import Scale
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference import output
from music_emotion.inference.batch import Outcome
from music_emotion.inference.writers import Writer, clock, opened_writer, shortened

FORMATS = ("table", "json", "jsonl", "csv")
TIMES = ("time", "start", "end")
"""Of a point, as columns of a table."""


class _CsvWriter(Writer):
    """One row per track: path, the ratings, what was wrong."""

    def __init__(self, stream: TextIO, scales: Sequence[Scale]) -> None:
        super().__init__(stream)
        names = [scale.name for scale in scales]
        columns = ("path", "duration", "model", "version", *names, "warnings", "error")
        self._rows = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        self._rows.writeheader()

    def add(self, outcome: Outcome) -> None:
        row = {} if outcome.rated is None else outcome.rated.to_dict()
        row.pop("timeline", None)
        row |= row.pop("ratings", {}) | {"warnings": "; ".join(row.get("warnings", ()))}
        self._rows.writerow({**row, "path": written_name(outcome.path), "error": outcome.error})
        self._stream.flush()


class _CsvTimelineWriter(Writer):
    """One row per point of the timeline; a failure is left out."""

    def __init__(self, stream: TextIO, scales: Sequence[Scale]) -> None:
        super().__init__(stream)
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(("path", *TIMES, *(scale.name for scale in scales)))

    def add(self, outcome: Outcome) -> None:
        if outcome.rated is None:
            return
        timeline = outcome.rated.to_dict()["timeline"]
        columns = [*(timeline[name] for name in TIMES), *timeline["ratings"].values()]
        path = written_name(outcome.path)
        self._rows.writerows([path, *point] for point in zip(*columns, strict=True))
        self._stream.flush()


class _TableWriter(Writer):
    """A line for each track, and for each of its points; failures are for the error stream."""

    def __init__(self, stream: TextIO, *, timeline: bool) -> None:
        super().__init__(stream)
        self._timeline = timeline

    def add(self, outcome: Outcome) -> None:
        if (rated := outcome.rated) is None:
            return
        start = f"{shortened(rated.path)}  {clock(rated.duration):>7}"
        lines = [f"{start}  {_ratings(rated.scales, rated.ratings)}"]
        if self._timeline and rated.timeline is not None:
            points = zip(rated.timeline.time, rated.timeline.ratings, strict=True)
            lines += [
                f"  {clock(float(time)):>7}  {_ratings(rated.scales, said)}"
                for time, said in points
            ]
        lines += [f"  note: {one}" for one in rated.warnings]
        self._stream.write("".join(f"{line}\n" for line in lines))


def _ratings(scales: Sequence[Scale], values: Iterable[float]) -> str:
    said = (
        f"{printable(scale.name)} {value:+.2f}"
        for scale, value in zip(scales, values, strict=True)
        if value == value  # NaN for silence
    )
    return "  ".join(said) or "silent"


@contextmanager
def opened_rating_writer(
    name: str, path: Path | None, scales: Sequence[Scale], *, timeline: bool = False
) -> Iterator[Writer]:
    """Open the writer of a format; what it wrote is a whole document however the block ends.

    ``name`` is one of :data:`FORMATS`; ``path`` the file, standard output where ``None``;
    ``timeline`` whether tables and CSV show the ratings over time.

    Raises
    ------
    MusicEmotionError
        The format cannot tell ratings, or the file cannot be written.

    Examples
    --------
    >>> with opened_rating_writer("csv", None, [Scale("mood")]) as writer:
    ...     writer.add(Outcome("song.mp3", error="'song.mp3' is not audio"))
    path,duration,model,version,mood,warnings,error
    song.mp3,,,,,,'song.mp3' is not audio
    """
    if name not in FORMATS:
        raise MusicEmotionError(f"{name} cannot tell ratings: use {', '.join(FORMATS)}")
    if name.startswith("json"):  # an outcome tells itself what it holds
        with opened_writer(name, path, files=1, many=False) as writer:
            yield writer
        return
    with output.opened_output(path) as stream:
        if name == "csv":
            yield (_CsvTimelineWriter if timeline else _CsvWriter)(stream, scales)
        else:
            yield _TableWriter(stream, timeline=timeline)

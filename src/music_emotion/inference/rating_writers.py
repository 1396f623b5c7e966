"""Ratings of tracks as text: JSON, JSON lines and CSV for programs, a line each for people."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
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
        row |= row.pop("ratings", {}) | {"warnings": "; ".join(row.get("warnings", ()))}
        self._rows.writerow({**row, "path": written_name(outcome.path), "error": outcome.error})
        self._stream.flush()


class _TableWriter(Writer):
    """A line for each track; failures are for the error stream."""

    def add(self, outcome: Outcome) -> None:
        if (rated := outcome.rated) is None:
            return
        said = "  ".join(
            f"{printable(scale.name)} {value:+.2f}"
            for scale, value in zip(rated.scales, rated.ratings, strict=True)
            if value == value  # NaN for silence
        )
        line = f"{shortened(rated.path)}  {clock(rated.duration):>7}  {said or 'silent'}\n"
        self._stream.write(line + "".join(f"  note: {one}\n" for one in rated.warnings))


@contextmanager
def opened_rating_writer(name: str, path: Path | None, scales: Sequence[Scale]) -> Iterator[Writer]:
    """Open the writer of a format; what it wrote is a whole document however the block ends.

    ``name`` is one of :data:`FORMATS`; ``path`` the file, standard output where ``None``.

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
        yield _CsvWriter(stream, scales) if name == "csv" else _TableWriter(stream)

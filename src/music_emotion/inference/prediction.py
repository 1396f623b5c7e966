"""What a model says of one track, and the forms it can be written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError

if TYPE_CHECKING:
    import pandas

DIGITS = 6  # after the point, in everything written
JAMS_VERSION = "0.3.4"
NAMESPACE = "tag_open"

INTENSITY_COLUMNS = tuple(f"intensity_{name}" for name in EMOTIONS)
COLUMNS: Mapping[str, type[str] | type[float]] = {
    "duration": float,
    "model": str,
    "version": str,
    "top": str,
    "confidence": float,
    **dict.fromkeys(EMOTIONS, float),
    **dict.fromkeys(INTENSITY_COLUMNS, float),
    "warnings": str,
}
"""Columns of a prediction as one flat row, in order, and what each holds; see
:meth:`TrackPrediction.to_row`."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no one truth to compare by
class Timeline:
    """Emotions over the course of a track.

    Attributes
    ----------
    time: middle of each 3-s segment in seconds, shape (n,)
    emotions: probabilities in the window around it, shape (n, 9), rows sum to 1
    window: length of that window in seconds
    """

    time: NDArray[np.float64]
    emotions: Array
    window: float

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrackPrediction:
    """What a model says of one track; equal to itself alone (:meth:`to_dict` compares values).

    Attributes
    ----------
    path: the file as it was named; ``""`` for an array
    duration: seconds of sound that were heard
    model, version: of the model
    emotions: probability of each emotion to be the dominant one, shape (9,), sums to 1
    intensities: expected share of listeners who feel each emotion, shape (9,), 0–1
    confidence: probability that the top emotion is the one most listeners name, 0–1, calibrated
        out of fold as the model's card says; 0 for silence
    timeline: the emotions over time
    warnings: what was wrong with the sound, one line each
    envelope: largest sample in each 1/20 s, shape (n,), for pictures; not written out
    """

    path: str
    duration: float
    model: str
    version: str
    emotions: Array
    intensities: Array
    confidence: float
    timeline: Timeline
    warnings: tuple[str, ...] = ()
    envelope: Array = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)

    def __repr__(self) -> str:
        return (
            f"TrackPrediction({self.path!r}, {self.duration:.1f} s, top={self.top!r}, "
            f"confidence={self.confidence:.3f}, model={self.model!r})"
        )

    @property
    def top(self) -> str | None:
        """Name of the most probable emotion; ``None`` for silence."""
        return EMOTIONS[int(np.argmax(self.emotions))] if self.confidence > 0 else None

    def ranked(self) -> list[tuple[str, float]]:
        """Return (emotion, probability), most probable first."""
        return ranked(self.emotions)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, as ``music-emotion predict`` writes them."""
        rows = [_shares(row) for row in self.timeline.emotions]
        return {
            "path": written_name(self.path),
            "duration": round(self.duration, 3),
            "model": self.model,
            "version": self.version,
            "emotions": dict(zip(EMOTIONS, _shares(self.emotions), strict=True)),
            "intensities": dict(zip(EMOTIONS, rounded_values(self.intensities), strict=True)),
            "confidence": round(self.confidence, DIGITS),
            "timeline": {
                "time": [round(float(time), 3) for time in self.timeline.time],
                "window": self.timeline.window,
                "emotions": {name: [row[at] for row in rows] for at, name in enumerate(EMOTIONS)},
            },
            "warnings": list(self.warnings),
        }

    def to_row(self, *, rounded: bool = True) -> dict[str, str | float | None]:
        """Return the prediction, but for its timeline, as one flat row.

        Parameters
        ----------
        rounded
            As people read numbers and :meth:`to_dict` gives them; otherwise as they are.

        Returns
        -------
        dict
            One value per name in :data:`COLUMNS`. ``top`` is ``None`` for silence; warnings are
            one text, divided by ``"; "``.
        """
        if rounded:
            duration, confidence = round(self.duration, 3), round(self.confidence, DIGITS)
            emotions, intensities = _shares(self.emotions), rounded_values(self.intensities)
        else:
            duration, confidence = float(self.duration), float(self.confidence)
            emotions, intensities = self.emotions.tolist(), self.intensities.tolist()
        start = (duration, self.model, self.version, self.top, confidence)
        values = (*start, *emotions, *intensities, "; ".join(self.warnings))
        return dict(zip(COLUMNS, values, strict=True))

    @classmethod
    def from_row(
        cls, row: Mapping[str, Any], *, path: str, timeline: Timeline, warnings: Iterable[str]
    ) -> TrackPrediction:
        """Return the prediction that :meth:`to_row` made a row of.

        The row may have more columns; ``path``, ``timeline`` and ``warnings`` are what it does not
        hold, or not apart.
        """
        return cls(
            path=path,
            **{name: row[name] for name in ("duration", "model", "version", "confidence")},
            emotions=np.array([row[name] for name in EMOTIONS], np.float32),
            intensities=np.array([row[name] for name in INTENSITY_COLUMNS], np.float32),
            timeline=timeline,
            warnings=tuple(warnings),
        )

    def to_jams(self) -> dict[str, Any]:
        """Return a JAMS document (Humphrey et al., ISMIR 2014; schema 0.3) as a dict.

        It holds three annotations in the namespace ``tag_open``, whose values are emotions: the
        probabilities of the whole track, its intensities, and the probabilities over time. Which is
        which is in each annotation's sandbox.
        """
        duration, timeline = round(self.duration, 3), self.timeline
        half = timeline.window / 2
        spans = [
            (max(0.0, middle - half), min(duration, middle + half), emotions)
            for middle, emotions in zip(timeline.time.tolist(), timeline.emotions, strict=True)
        ]
        return {
            "annotations": [
                self._jams_annotation("emotions", [(0.0, duration, self.emotions)]),
                self._jams_annotation("intensities", [(0.0, duration, self.intensities)]),
                self._jams_annotation("timeline", spans),
            ],
            "file_metadata": {
                **dict.fromkeys(("title", "artist", "release"), ""),
                "duration": duration,
                "identifiers": {},
                "jams_version": JAMS_VERSION,
            },
            "sandbox": {
                "path": written_name(self.path),
                "confidence": round(self.confidence, DIGITS),
                "warnings": list(self.warnings),
            },
        }

    def _jams_annotation(
        self, quantity: str, spans: Iterable[tuple[float, float, Array]]
    ) -> dict[str, Any]:
        """Annotate spans, each (start, end, nine values)."""
        return {
            "namespace": NAMESPACE,
            "time": 0.0,
            "duration": round(self.duration, 3),
            "data": [
                {
                    "time": round(start, 3),
                    "duration": round(end - start, 3),
                    "value": name,
                    "confidence": round(float(value), DIGITS),
                }
                for start, end, values in spans
                for name, value in zip(EMOTIONS, values, strict=True)
            ],
            "annotation_metadata": {
                "curator": {"name": "", "email": ""},
                "annotator": {},
                "version": self.version,
                "corpus": "",
                "annotation_tools": f"music-emotion, model {self.model}",
                "annotation_rules": "",
                "validation": "",
                "data_source": "program",
            },
            "sandbox": {"quantity": quantity},
        }

    def to_frame(self) -> pandas.DataFrame:
        """Return the timeline as a table: one row per point, ``time`` and the nine emotions.

        Raises
        ------
        MusicEmotionError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MusicEmotionError("a DataFrame needs pandas: pip install pandas") from None
        frame = pandas.DataFrame(self.timeline.emotions, columns=list(EMOTIONS))
        frame.insert(0, "time", self.timeline.time)
        return frame


def ranked(emotions: Array) -> list[tuple[str, float]]:
    """Return (emotion, probability) of nine probabilities, most probable first.

    Examples
    --------
    >>> ranked(np.eye(9, dtype=np.float32)[4])[0]
    ('calmness', 1.0)
    """
    order = np.argsort(-emotions, kind="stable")
    return [(EMOTIONS[index], float(emotions[index])) for index in order]


def _shares(values: Array) -> list[float]:
    """Round probabilities so that they sum to 1: the largest takes what rounding left.

    Nine that are equal, as for silence, stay equal.
    """
    rounded = rounded_values(values)
    largest = max(rounded)
    if largest > min(rounded):
        at = rounded.index(largest)
        rounded[at] = round(largest + 1.0 - sum(rounded), DIGITS)
    return rounded


def rounded_values(values: Array) -> list[float]:
    """Return numbers as they are written.

    Examples
    --------
    >>> rounded_values(np.array([1 / 3, 1.0], np.float32))
    [0.333333, 1.0]
    """
    return [round(float(value), DIGITS) for value in values]

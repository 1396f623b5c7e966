"""What a model says of one track, and the forms it can be written in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.features.segments import SEGMENT_SECONDS, segment_count
from music_emotion.models.pooling import spans_around

if TYPE_CHECKING:
    import pandas

DIGITS = 6  # after the point, in everything written
JAMS_VERSION = "0.3.4"

INTENSITY_COLUMNS = tuple(f"intensity_{name}" for name in EMOTIONS)
STANDING_COLUMNS = tuple(f"standing_{name}" for name in EMOTIONS)
NUMBERS = ("valence", "arousal", "familiarity")
"""What a prediction says of a track in one number each, besides emotions and confidence."""

FLAGS = ("unfamiliar", "heard_in_training")
POINT_NUMBERS = ("time", "start", "end", "valence", "arousal")
"""What a row of a timeline says of a point in one number each, besides the nine of two kinds."""

COLUMNS: Mapping[str, type[str] | type[float] | type[bool]] = {
    "duration": float,
    "model": str,
    "version": str,
    "top": str,
    "confidence": float,
    **dict.fromkeys(NUMBERS, float),
    **dict.fromkeys(FLAGS, bool),
    **dict.fromkeys(EMOTIONS, float),
    **dict.fromkeys(INTENSITY_COLUMNS, float),
    **dict.fromkeys(STANDING_COLUMNS, float),
    "warnings": str,
}
"""Columns of a prediction as one flat row, in order, and what each holds; see
:meth:`TrackPrediction.to_row`."""

Array = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no one truth to compare by
class Timeline:
    """What people feel over the course of a track: n points, one per 3-s segment.

    Attributes
    ----------
    start, end: what the point was heard from, in seconds, shape (n,); spans overlap
    section: number of the section that the point is in, from 0, shape (n,); spans end with it
    weight: audible seconds of the point's own segment, which it counts by in the whole, shape (n,)
    emotions: probabilities, shape (n, 9), rows sum to 1
    intensities: expected share of listeners who feel each emotion, shape (n, 9), 0–1
    valence, arousal: shape (n,), −1 to 1
    window: length in seconds of a span that no end of a section cuts
    """

    start: Floats
    end: Floats
    section: NDArray[np.int64]
    weight: Floats
    emotions: Array
    intensities: Array
    valence: Array
    arousal: Array
    window: float

    def __len__(self) -> int:
        return len(self.start)

    @property
    def time(self) -> Floats:
        """Middle of what each point was heard from, in seconds, shape (n,)."""
        return (self.start + self.end) / 2

    def mean(self, values: Array) -> Array:
        """Return the mean of ``values``, one per point on axis 0, over the audible time.

        This is how a track's emotions, intensities, valence and arousal follow from its points.
        Where nothing is audible all points count the same.

        Examples
        --------
        >>> flat = np.zeros((2, 9), np.float32)
        >>> times, seconds = np.array([0.0, 3.0]), np.array([3.0, 1.0])
        >>> one = np.zeros(2, np.int64)
        >>> valence = np.array([0.2, 0.6], np.float32)
        >>> course = Timeline(times, times + 3, one, seconds, flat, flat, valence, valence, 3.0)
        >>> round(float(course.mean(course.valence)), 3)
        0.3
        """
        return weighted_mean(values, self.weight)


def weighted_mean(values: Array, weight: Floats) -> Array:
    """Return the mean over axis 0; where nothing has any weight, all count the same.

    Examples
    --------
    >>> weighted_mean(np.array([0.25, 0.75], np.float32), np.array([3.0, 1.0])).tolist()
    0.375
    """
    weights = weight if weight.any() else None
    mean: Array = np.average(values, axis=0, weights=weights).astype(np.float32)
    return mean


def point_spans(
    section: NDArray[np.int64], window: float, duration: float
) -> tuple[Floats, Floats]:
    """Return what each point of a timeline is heard from: start and end in seconds, each (n,).

    A point is heard from the segments around its own, see
    :func:`~music_emotion.models.pooling.spans_around`. Segments follow each other; a last one that
    the end would cut reaches back from it, and one that is all there is lasts as long as the track.

    Parameters
    ----------
    section
        Of each of the track's segments, shape (n,), numbered from 0.
    window
        Length in seconds of a span that no end of a section cuts.
    duration
        Of the track in seconds.

    Examples
    --------
    >>> start, end = point_spans(np.zeros(4, int), 9.0, duration=10.0)
    >>> start.tolist(), end.tolist()
    ([0.0, 0.0, 3.0, 6.0], [6.0, 9.0, 10.0, 10.0])
    """
    last = max(0.0, duration - SEGMENT_SECONDS)
    segment_start = np.minimum(np.arange(len(section)) * SEGMENT_SECONDS, last)
    spans = spans_around(section, max(1, segment_count(window)))
    start = segment_start[[span.start for span in spans]] if spans else segment_start
    end = segment_start[[span.stop - 1 for span in spans]] if spans else segment_start
    return start, end + segment_seconds(duration)


def new_seconds(count: int, duration: float) -> Floats:
    """Return how many seconds of a track each segment is the first to hear, shape (count,).

    Examples
    --------
    >>> new_seconds(4, duration=10.0).tolist()
    [3.0, 3.0, 3.0, 1.0]
    """
    seconds = np.full(count, segment_seconds(duration))
    if count:
        seconds[-1] = min(seconds[-1], duration - SEGMENT_SECONDS * (count - 1))
    return seconds


def segment_seconds(duration: float) -> float:
    """Return how long a segment of a track is: 3 s, or all of a shorter one.

    Examples
    --------
    >>> segment_seconds(180.0), segment_seconds(1.5)
    (3.0, 1.5)
    """
    return min(SEGMENT_SECONDS, duration)


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
    valence, arousal: how pleasant and how stirring, −1 to 1
    timeline: the same over time; emotions, intensities, valence and arousal of the whole are its
        means over the audible time
    standing: share of the reference tracks whose intensity of each emotion is lower, shape (9,),
        0–1; NaN where the model brings no reference
    familiarity: how like the music behind the model the sound is, 0–1; NaN where it cannot tell
    unfamiliar: whether it is so far from that music that the answer means little
    heard_in_training: whether the model learned from this very recording
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
    valence: float
    arousal: float
    timeline: Timeline
    standing: Array = field(default_factory=lambda: np.full(len(EMOTIONS), np.nan, np.float32))
    familiarity: float = math.nan
    unfamiliar: bool = False
    heard_in_training: bool = False
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
        return {
            "path": written_name(self.path),
            "duration": round(self.duration, 3),
            "model": self.model,
            "version": self.version,
            "emotions": dict(zip(EMOTIONS, _shares(self.emotions), strict=True)),
            "intensities": dict(zip(EMOTIONS, rounded_values(self.intensities), strict=True)),
            "standing": dict(zip(EMOTIONS, rounded_values(self.standing), strict=True)),
            "confidence": round(self.confidence, DIGITS),
            **{name: _rounded(getattr(self, name)) for name in NUMBERS},
            **{name: getattr(self, name) for name in FLAGS},
            "timeline": self._timeline_dict(),
            "warnings": list(self.warnings),
        }

    def _timeline_dict(self) -> dict[str, Any]:
        course = self.timeline
        shares = rounded_shares(course.emotions).T.tolist()
        return {
            **{
                name: rounded_values(getattr(course, name), digits=3)
                for name in ("time", "start", "end", "weight")
            },
            "section": course.section.tolist(),
            "window": course.window,
            "emotions": dict(zip(EMOTIONS, shares, strict=True)),
            "intensities": {
                name: rounded_values(course.intensities[:, at]) for at, name in enumerate(EMOTIONS)
            },
            "valence": rounded_values(course.valence),
            "arousal": rounded_values(course.arousal),
        }

    def to_row(self, *, rounded: bool = True) -> dict[str, str | float | bool | None]:
        """Return the prediction, but for its timeline, as one flat row.

        Parameters
        ----------
        rounded
            As people read numbers and :meth:`to_dict` gives them; otherwise as they are.

        Returns
        -------
        dict
            One value per name in :data:`COLUMNS`. ``top`` is ``None`` for silence, a number that
            is not known too; warnings are one text, divided by ``"; "``.
        """
        numbers = [getattr(self, name) for name in NUMBERS]
        known: Callable[[Iterable[float]], list[float | None]]
        known = rounded_values if rounded else _without_nan
        if rounded:
            duration, confidence = round(self.duration, 3), round(self.confidence, DIGITS)
            emotions, intensities = _shares(self.emotions), rounded_values(self.intensities)
        else:
            duration, confidence = float(self.duration), float(self.confidence)
            emotions, intensities = self.emotions.tolist(), self.intensities.tolist()
        flags = [getattr(self, name) for name in FLAGS]
        start = (duration, self.model, self.version, self.top, confidence, *known(numbers), *flags)
        values = (*start, *emotions, *intensities, *known(self.standing), "; ".join(self.warnings))
        return dict(zip(COLUMNS, values, strict=True))

    @classmethod
    def from_row(
        cls, row: Mapping[str, Any], *, path: str, timeline: Timeline, warnings: Iterable[str]
    ) -> TrackPrediction:
        """Return the prediction that :meth:`to_row` made a row of.

        The row may have more columns, and fewer where it is older: what is missing is not known.
        ``path``, ``timeline`` and ``warnings`` are what it does not hold, or not apart.
        """
        return cls(
            path=path,
            **{name: row[name] for name in ("duration", "model", "version", "confidence")},
            valence=_with_nan(row.get("valence")),
            arousal=_with_nan(row.get("arousal")),
            familiarity=_with_nan(row.get("familiarity")),
            unfamiliar=bool(row.get("unfamiliar")),
            heard_in_training=bool(row.get("heard_in_training")),
            standing=np.array([_with_nan(row.get(name)) for name in STANDING_COLUMNS], np.float32),
            emotions=np.array([row[name] for name in EMOTIONS], np.float32),
            intensities=np.array([row[name] for name in INTENSITY_COLUMNS], np.float32),
            timeline=timeline,
            warnings=tuple(warnings),
        )

    def to_jams(self) -> dict[str, Any]:
        """Return a JAMS document (Humphrey et al., ISMIR 2014; schema 0.3) as a dict.

        Annotations in the namespace ``tag_open`` have emotions as values: the probabilities of the
        whole track, its intensities, and both over time, each for the span that a point was heard
        from. Those in ``mood_thayer`` have (valence, arousal), of the whole and over time. Which is
        which is in each annotation's sandbox.
        """
        duration, course = round(self.duration, 3), self.timeline
        whole = ([0.0], [duration])
        spans = (course.start.tolist(), course.end.tolist())
        moods = np.stack([course.valence, course.arousal], axis=1)
        return {
            "annotations": [
                self._jams_emotions("emotions", *whole, self.emotions[None]),
                self._jams_emotions("intensities", *whole, self.intensities[None]),
                self._jams_emotions("timeline", *spans, course.emotions),
                self._jams_emotions("timeline of intensities", *spans, course.intensities),
                self._jams_moods("mood", *whole, np.array([[self.valence, self.arousal]])),
                self._jams_moods("timeline of mood", *spans, moods),
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
                **{name: _rounded(getattr(self, name)) for name in NUMBERS},
                **{name: getattr(self, name) for name in FLAGS},
                "standing": dict(zip(EMOTIONS, rounded_values(self.standing), strict=True)),
                "warnings": list(self.warnings),
            },
        }

    def _jams_emotions(
        self, quantity: str, start: Sequence[float], end: Sequence[float], rows: Array
    ) -> dict[str, Any]:
        """Annotate spans with nine values each."""
        data = [
            _observation(first, last, name, round(float(value), DIGITS))
            for first, last, row in zip(start, end, rows, strict=True)
            for name, value in zip(EMOTIONS, row, strict=True)
        ]
        return self._jams_annotation("tag_open", quantity, data)

    def _jams_moods(
        self,
        quantity: str,
        start: Sequence[float],
        end: Sequence[float],
        moods: NDArray[np.floating],
    ) -> dict[str, Any]:
        """Annotate spans with (valence, arousal)."""
        data = [
            _observation(first, last, [round(float(value), DIGITS) for value in mood], None)
            for first, last, mood in zip(start, end, moods, strict=True)
            if not np.isnan(mood).any()
        ]
        return self._jams_annotation("mood_thayer", quantity, data)

    def _jams_annotation(
        self, namespace: str, quantity: str, data: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "namespace": namespace,
            "time": 0.0,
            "duration": round(self.duration, 3),
            "data": data,
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
        """Return the timeline as a table, one row per point.

        Its columns are ``time``, ``start`` and ``end``, ``valence`` and ``arousal``, the nine
        emotions and their intensities.

        Raises
        ------
        MusicEmotionError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MusicEmotionError("a DataFrame needs pandas: pip install pandas") from None
        course = self.timeline
        columns = {name: getattr(course, name) for name in POINT_NUMBERS}
        for names, values in ((EMOTIONS, course.emotions), (INTENSITY_COLUMNS, course.intensities)):
            columns |= dict(zip(names, values.T, strict=True))
        return pandas.DataFrame(columns)


def ranked(emotions: Array) -> list[tuple[str, float]]:
    """Return (emotion, probability) of nine probabilities, most probable first.

    Examples
    --------
    >>> ranked(np.eye(9, dtype=np.float32)[4])[0]
    ('calmness', 1.0)
    """
    order = np.argsort(-emotions, kind="stable")
    return [(EMOTIONS[index], float(emotions[index])) for index in order]


def _observation(
    start: float, end: float, value: str | list[float], confidence: float | None
) -> dict[str, Any]:
    """Return what JAMS says of one span."""
    span = {"time": round(start, 3), "duration": round(end - start, 3)}
    return {**span, "value": value, "confidence": confidence}


def _shares(values: Array) -> list[float]:
    shares: list[float] = rounded_shares(values[None])[0].tolist()
    return shares


def rounded_shares(values: NDArray[np.floating]) -> Floats:
    """Round probabilities, shape (n, 9), so that they sum to 1: the largest takes what is left.

    Nine that are equal, as for silence, stay equal.

    Examples
    --------
    >>> rounded_shares(np.array([[0.5, 0.25, 0.2499999]])).tolist()
    [[0.5, 0.25, 0.25]]
    """
    shares = np.asarray(values, np.float64).round(DIGITS)
    rows = np.flatnonzero(shares.max(axis=1, initial=0.0) > shares.min(axis=1, initial=1.0))
    largest = shares[rows].argmax(axis=1)
    rest = 1.0 - shares[rows].sum(axis=1)
    shares[rows, largest] = (shares[rows, largest] + rest).round(DIGITS)
    return shares


def rounded_values(values: Iterable[float], digits: int = DIGITS) -> list[float | None]:
    """Return numbers as they are written; what is not known is ``None``, and 0 has no sign.

    Examples
    --------
    >>> rounded_values(np.array([1 / 3, np.nan, -1e-9], np.float32))
    [0.333333, None, 0.0]
    """
    return [_rounded(value, digits) for value in values]


def _rounded(value: float, digits: int = DIGITS) -> float | None:
    return None if math.isnan(value) else round(float(value), digits) + 0.0


def _without_nan(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]


def _with_nan(value: float | None) -> float:
    return math.nan if value is None else value

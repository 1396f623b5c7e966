"""The model card: what a packaged model takes, gives, was trained on and is worth.

``card.json`` beside ``model.onnx``; :func:`read_card` checks every field, so that a damaged or
foreign card is refused in one line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from music_emotion.datasets.ratings import Scale, scale_rows, scales_of
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError, printable
from music_emotion.features.compute import FEATURES
from music_emotion.inference.valence_arousal import AROUSAL, VALENCE, Dimension, is_term

CARD_FILE = "card.json"
FORMAT = 1
MAX_CARD_BYTES = 1 << 20

LINES = (
    "name",
    "version",
    "sha256",
    "reference_sha256",
    "course_sha256",
    "summary",
    "use_when",
    "protocol",
    "intended_use",
)
"""Fields of a card that are one line each."""

Scope = Literal["segment", "track"]

POOLINGS = ("mean", "std", "max", "min")
"""Statistics over the segments of a span."""


@dataclass(frozen=True)
class ConfidenceCurve:
    """How often the top emotion was right, against its probability; measured out of fold.

    Attributes
    ----------
    probability: of the top emotion, rising
    accuracy: share of tracks whose dominant emotion it was, at each; straight lines in between
    ece: expected calibration error that remains, out of fold
    """

    probability: tuple[float, ...]
    accuracy: tuple[float, ...]
    ece: float


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes
    ----------
    name, version: what ``--model`` takes, and which weights these are
    features: names of the graph's inputs, from :data:`~music_emotion.features.compute.FEATURES`
    scope: ``segment``, the graph maps segments to predictions, a track's is their mean; or
        ``track``, features are pooled over a span first, and the graph maps spans to predictions
    sha256: of ``model.onnx``
    reference_sha256: of ``reference.npz``; ``""`` where the model brings none
    course_sha256: of ``course.onnx``, which has the same inputs and says by how much moments differ
        from the whole on the scales; ``""`` where the model follows no course
    reference: what is told by it, and how that was measured: a line by name
    pooling: with scope ``track``, for each feature the statistics over segments that make its
        input, from :data:`POOLINGS`, concatenated in this order
    window_seconds: span of sound behind one point of the timeline, 3–600
    emotions: in the graph's order; always the package's own
    valence, arousal: how each is read; by default from the intensities alone
    confidence: calibration of the top emotion's probability as a track's confidence; ``None``
        takes the probability itself
    summary, use_when: one line each, for ``music-emotion models``
    training: what it was trained on and how: ``data``, ``command``, ``target``, …
    figures: out of fold, such as ``accuracy``, ``macro_f1``, ``mean_pearson_r``, ``ece``
    protocol: how the figures were measured
    intended_use, limits: what it is for, and not good for
    licences: what its parts are under
    scales: what it rates, of a model that has learned ratings and says nothing of the emotions;
        its figure of a whole track is that of all audible segments
    """

    name: str
    version: str
    features: tuple[str, ...]
    scope: Scope
    sha256: str
    reference_sha256: str = ""
    course_sha256: str = ""
    reference: Mapping[str, str] = field(default_factory=dict)
    pooling: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window_seconds: float = 3.0
    emotions: tuple[str, ...] = EMOTIONS
    valence: Dimension = VALENCE
    arousal: Dimension = AROUSAL
    confidence: ConfidenceCurve | None = None
    summary: str = ""
    use_when: str = ""
    training: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    protocol: str = ""
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    scales: tuple[Scale, ...] = ()

    @property
    def dimension_features(self) -> tuple[str, ...]:
        """Features that valence and arousal are read from."""
        return tuple(dict.fromkeys((*self.valence.features, *self.arousal.features)))

    @property
    def computed_features(self) -> tuple[str, ...]:
        """All features of a segment that are computed for an answer."""
        return tuple(dict.fromkeys((*self.features, *self.dimension_features)))

    def __post_init__(self) -> None:
        """Raise ``ValueError`` naming the first field that cannot be."""
        for holds, fault in _requirements(self):
            if not holds:
                raise ValueError(fault)


def read_card(folder: Path) -> Card:
    """Read and check ``card.json`` in ``folder``.

    Raises
    ------
    ModelError
        There is none, or it is damaged or of another format.

    Examples
    --------
    >>> from music_emotion.inference.package import find_package
    >>> read_card(find_package("light")).scope
    'track'
    """
    path = folder / CARD_FILE
    shown = f"'{printable(path)}'"
    data = read_part(
        path,
        most_bytes=MAX_CARD_BYTES,
        too_large="is too large for a model card; export the model again",
        missing="is missing; name a folder that holds a model",
    )
    try:
        fields = json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ModelError(f"{shown} is not valid JSON; export the model again") from None
    try:
        return _parse(fields)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        reason = printable(error)
        raise ModelError(f"{shown} is not a card of this format ({reason})") from None


def read_part(path: Path, *, most_bytes: int, too_large: str, missing: str) -> bytes:
    """Read a file of a packaged model; the last two say what is wrong with it, and the remedy.

    Raises
    ------
    ModelError
        It is larger than ``most_bytes``, missing, or cannot be read.

    Examples
    --------
    >>> read_part(Path("gone"), most_bytes=9, too_large="is too large", missing="is missing")
    Traceback (most recent call last):
    ...
    music_emotion.errors.ModelError: 'gone' is missing
    """
    shown = f"'{printable(path)}'"
    try:
        if path.stat().st_size > most_bytes:
            raise ModelError(f"{shown} {too_large}")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{shown} {missing}") from None
    except OSError as error:
        raise ModelError(f"{shown} cannot be read ({error.strerror})") from None


def card_json(card: Card) -> str:
    """Return the card as it is written to ``card.json``.

    Examples
    --------
    >>> json.loads(card_json(Card("mine", "1", ("waveform",), "segment", sha256="")))["format"]
    1
    """
    fields = {"format": FORMAT, **asdict(card), "scales": scale_rows(card.scales)}
    for name in ("scales", "course_sha256"):
        if not fields[name]:
            del fields[name]
    return json.dumps(fields, indent=2, allow_nan=False) + "\n"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _parse(fields: Any) -> Card:
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
        raise ValueError(f"format is not {FORMAT}")
    if (curve := fields.get("confidence")) is not None:
        points = {name: tuple(map(float, curve[name])) for name in ("probability", "accuracy")}
        fields["confidence"] = ConfidenceCurve(**points, ece=float(curve["ece"]))
    for name in ("valence", "arousal"):
        if name in fields:
            fields[name] = _dimension(fields[name])
    for name in ("features", "emotions", "limits", "licences"):
        if name in fields:
            fields[name] = _texts(name, fields[name])
    if "pooling" in fields:
        fields["pooling"] = {k: _texts("pooling", v) for k, v in fields["pooling"].items()}
    if "scales" in fields:
        fields["scales"] = scales_of(fields["scales"])
    if "figures" in fields:
        fields["figures"] = {k: float(v) for k, v in fields["figures"].items()}
    for name in ("training", "reference"):
        if name in fields:
            fields[name] = {k: str(v) for k, v in fields[name].items()}
    return Card(**fields)


def _dimension(fields: Any) -> Dimension:
    terms = {str(term): float(weight) for term, weight in fields["terms"].items()}
    return Dimension(terms, float(fields["offset"]), float(fields["seconds"]))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{name}: a list of texts is expected")
    return tuple(value)


def _requirements(card: Card) -> Iterator[tuple[object, str]]:
    """Yield what a card must fulfil, as (whether it does, what is wrong where it does not)."""
    # What people are shown is lines of text that can be shown.
    for name in LINES:
        yield _is_line(getattr(card, name)), f"{name} is not a line of text"
    for name in ("limits", "licences"):
        yield _are_lines(getattr(card, name)), f"{name} are not lines of text"
    for name in ("training", "reference"):
        facts = getattr(card, name)
        yield _are_lines([*facts, *facts.values()]), f"{name} is not lines of text"
    yield _are_lines([one.name for one in card.scales]), "the names of scales are not lines of text"
    yield card.scales or not card.course_sha256, "there is a course of no scales"
    yield _are_lines(card.figures), "the names of figures are not lines of text"
    yield card.name and card.version, "name or version is empty"
    yield card.emotions == EMOTIONS, "emotions are not the nine of this package"
    repeat = len(set(card.features)) < len(card.features)
    yield card.features and not repeat, "features are missing or repeat"
    for name in card.features:
        yield name in FEATURES, f"unknown feature {name!r}"
    yield card.scope in ("segment", "track"), "scope is neither segment nor track"
    yield 3.0 <= card.window_seconds <= 600.0, "window_seconds is not within 3 to 600"
    yield all(map(math.isfinite, card.figures.values())), "a figure is not finite"
    pooled = card.features if card.scope == "track" else ()
    yield set(card.pooling) == set(pooled), "pooling does not fit scope and features"
    for name, statistics in card.pooling.items():
        yield FEATURES[name].is_pooled, f"{name} cannot be pooled"
        yield statistics and set(statistics) <= set(POOLINGS), f"unknown pooling of {name}"
    for name in ("valence", "arousal"):
        dimension = getattr(card, name)
        yield all(map(is_term, dimension.terms)), f"{name} has an unknown term"
        numbers = (*dimension.terms.values(), dimension.offset, dimension.seconds)
        yield all(map(math.isfinite, numbers)), f"{name} has a number that is not finite"
        yield 0.0 <= dimension.seconds <= 600.0, f"seconds of {name} are not within 0 to 600"
    if (curve := card.confidence) is not None:
        rises = all(a < b for a, b in pairwise(curve.probability))
        fits = 0 < len(curve.probability) == len(curve.accuracy)
        yield fits and rises, "the confidence curve is empty or does not rise"
        values = (*curve.probability, *curve.accuracy, curve.ece)
        yield all(0.0 <= value <= 1.0 for value in values), "the confidence curve leaves 0 to 1"
        reached = "the confidence curve reaches 0, which is left to silence"
        yield min(curve.accuracy) > 0.0, reached


def _are_lines(texts: Iterable[object]) -> bool:
    return all(map(_is_line, texts))


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isprintable()

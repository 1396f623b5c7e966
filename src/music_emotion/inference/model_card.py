"""The model card: what a packaged model takes, gives, was trained on and is worth.

``card.json`` beside ``model.onnx``; :func:`read_card` checks every field, so that a damaged or
foreign card is refused in one line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError, printable
from music_emotion.features.compute import FEATURES

CARD_FILE = "card.json"
FORMAT = 1
MAX_CARD_BYTES = 1 << 20

LINES = ("name", "version", "sha256", "summary", "use_when", "protocol", "intended_use")
"""Fields of a card that are one line each."""

Scope = Literal["segment", "track"]

POOLINGS = ("mean", "std", "max", "min")
"""Statistics over the segments of a span."""


@dataclass(frozen=True)
class ConfidenceCurve:
    """How often the top emotion was right, against its probability; measured out of fold.

    Attributes
    ----------
    probability
        Probabilities of the top emotion, rising.
    accuracy
        Share of tracks whose dominant emotion it was, at each; straight lines in between.
    ece
        Expected calibration error that remains, out of fold.
    """

    probability: tuple[float, ...]
    accuracy: tuple[float, ...]
    ece: float


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes
    ----------
    name, version
        What ``--model`` takes, and which weights these are.
    features
        Names of the graph's inputs, from
        :data:`~music_emotion.features.compute.FEATURES`.
    scope
        ``segment``: the graph maps segments to predictions, a track's is their mean.
        ``track``: features are pooled over a span first, and the graph maps spans to predictions.
    pooling
        With scope ``track``, for each feature the statistics over segments that make its input,
        from :data:`POOLINGS`, concatenated in this order.
    window_seconds
        Span of sound behind one point of the timeline.
    sha256
        Of ``model.onnx``.
    emotions
        The emotions in the graph's order; always the package's own.
    confidence
        Calibration of the top emotion's probability as a track's confidence; ``None`` takes the
        probability itself.
    summary, use_when
        One line each, for ``music-emotion models``.
    training
        What it was trained on and how: ``data``, ``command``, ``target``, …
    figures
        Out-of-fold figures, such as ``accuracy``, ``macro_f1``, ``mean_pearson_r``, ``ece``.
    protocol
        How the figures were measured.
    intended_use
        What it is for.
    limits, licences
        What it is not good for; what its parts are under.
    """

    name: str
    version: str
    features: tuple[str, ...]
    scope: Scope
    sha256: str
    pooling: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window_seconds: float = 3.0
    emotions: tuple[str, ...] = EMOTIONS
    confidence: ConfidenceCurve | None = None
    summary: str = ""
    use_when: str = ""
    training: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    protocol: str = ""
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self)


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
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise ModelError(f"{shown} is too large for a model card; export the model again")
        fields = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except FileNotFoundError:
        raise ModelError(f"{shown} is missing; name a folder that holds a model") from None
    except OSError as error:
        raise ModelError(f"{shown} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{shown} is not valid JSON; export the model again") from None
    try:
        return _parse(fields)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        reason = printable(error)
        raise ModelError(f"{shown} is not a card of this format ({reason})") from None


def card_json(card: Card) -> str:
    """Return the card as it is written to ``card.json``.

    Examples
    --------
    >>> json.loads(card_json(Card("mine", "1", ("waveform",), "segment", sha256="")))["format"]
    1
    """
    return json.dumps({"format": FORMAT, **asdict(card)}, indent=2, allow_nan=False) + "\n"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _parse(fields: Any) -> Card:
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
        raise ValueError(f"format is not {FORMAT}")
    curve = fields.get("confidence")
    if curve is not None:
        fields["confidence"] = ConfidenceCurve(
            tuple(float(value) for value in curve["probability"]),
            tuple(float(value) for value in curve["accuracy"]),
            float(curve["ece"]),
        )
    for name in ("features", "emotions", "limits", "licences"):
        if name in fields:
            fields[name] = _texts(name, fields[name])
    if "pooling" in fields:
        fields["pooling"] = {str(k): _texts("pooling", v) for k, v in fields["pooling"].items()}
    if "figures" in fields:
        fields["figures"] = {str(k): float(v) for k, v in fields["figures"].items()}
    if "training" in fields:
        fields["training"] = {str(k): str(v) for k, v in fields["training"].items()}
    return Card(**fields)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{name}: a list of texts is expected")
    return tuple(value)


def _check(card: Card) -> None:
    """Raise ``ValueError`` naming the first field that cannot be."""
    _check_texts(card)
    if card.emotions != EMOTIONS:
        raise ValueError("emotions are not the nine of this package")
    if not card.features or len(set(card.features)) < len(card.features):
        raise ValueError("features are missing or repeat")
    unknown = [name for name in card.features if name not in FEATURES]
    if unknown:
        raise ValueError(f"unknown feature {unknown[0]!r}")
    if card.scope not in ("segment", "track"):
        raise ValueError("scope is neither segment nor track")
    if not 3.0 <= card.window_seconds <= 600.0:
        raise ValueError("window_seconds is not within 3 to 600")
    if not all(math.isfinite(value) for value in card.figures.values()):
        raise ValueError("a figure is not finite")
    _check_pooling(card)
    if card.confidence is not None:
        _check_curve(card.confidence)


def _check_texts(card: Card) -> None:
    """See that what people are shown is lines of text, and that they can be shown."""
    for field_name in LINES:
        if not _is_line(getattr(card, field_name)):
            raise ValueError(f"{field_name} is not a line of text")
    for field_name in ("limits", "licences"):
        if not all(map(_is_line, getattr(card, field_name))):
            raise ValueError(f"{field_name} are not lines of text")
    if not all(map(_is_line, (*card.training, *card.training.values()))):
        raise ValueError("training is not lines of text")
    if not all(map(_is_line, card.figures)):
        raise ValueError("the names of figures are not lines of text")
    if not card.name or not card.version:
        raise ValueError("name or version is empty")


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isprintable()


def _check_pooling(card: Card) -> None:
    if set(card.pooling) != (set(card.features) if card.scope == "track" else set()):
        raise ValueError("pooling does not fit scope and features")
    for feature, statistics in card.pooling.items():
        if not FEATURES[feature].is_pooled:
            raise ValueError(f"{feature} cannot be pooled")
        if not statistics or any(statistic not in POOLINGS for statistic in statistics):
            raise ValueError(f"unknown pooling of {feature}")


def _check_curve(curve: ConfidenceCurve) -> None:
    rising = all(a < b for a, b in zip(curve.probability, curve.probability[1:], strict=False))
    values = (*curve.probability, *curve.accuracy, curve.ece)
    if not curve.probability or len(curve.probability) != len(curve.accuracy) or not rising:
        raise ValueError("the confidence curve is empty or does not rise")
    if not all(0.0 <= value <= 1.0 for value in values):
        raise ValueError("the confidence curve leaves 0 to 1")
    if min(curve.accuracy) <= 0.0:
        raise ValueError("the confidence curve reaches 0, which is left to silence")

"""What is written of a prediction: numbers, and words that follow from the numbers beside them.

The numbers are the nine intensities (0–1, the share of listeners who are expected to feel it),
valence and arousal (−1 to 1), the nine standings (0–1, the share of the model's reference tracks
that have less of it), the confidence (0–1) and the model::

    EMOTION_CALMNESS=0.42   …   EMOTION_VALENCE=0.31   EMOTION_AROUSAL=-0.55
    EMOTION_STANDING_CALMNESS=0.88   …   EMOTION_CONFIDENCE=0.47   EMOTION_MODEL=default 1

The rule of the words: the mood is the emotion whose intensity, as it is written, is the highest; of
equals the first of :data:`~music_emotion.emotions.EMOTIONS`. Where the confidence, as it is
written, is below the threshold, there is no word. What else words may say is in
:mod:`music_emotion.library.tags.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.tags.fields import MOOD, Values
from music_emotion.library.tags.settings import PREFIX, TagSettings

INTENSITIES = tuple(f"{PREFIX}{name.upper()}" for name in EMOTIONS)
STANDINGS = tuple(f"{PREFIX}STANDING_{name.upper()}" for name in EMOTIONS)
VALENCE, AROUSAL = f"{PREFIX}VALENCE", f"{PREFIX}AROUSAL"
CONFIDENCE, MODEL = f"{PREFIX}CONFIDENCE", f"{PREFIX}MODEL"
FIELDS = (MOOD, *INTENSITIES, VALENCE, AROUSAL, *STANDINGS, CONFIDENCE, MODEL)
"""All that is written where no settings say otherwise."""

MOODS = tuple(emotion.label for emotion in GEMS)
"""The words written as moods where no settings say otherwise."""

BETWEEN = ", "  # several moods within a text, where no separator is set


def values_of(
    prediction: TrackPrediction, settings: TagSettings | None = None
) -> dict[str, Values | None]:
    """Return what is written of a prediction by the names of fields.

    What is not known, and what is not to be written, is ``None``.
    """
    settings = settings or TagSettings()
    numbers = number_texts(prediction)
    model = f"{prediction.model} {prediction.version}"
    written = {**numbers, MODEL: model} if settings.numbers else dict.fromkeys((*numbers, MODEL))
    return {
        **words_of(numbers, settings),
        **{field: None if text is None else (text,) for field, text in written.items()},
    }


def number_texts(prediction: TrackPrediction) -> dict[str, str | None]:
    """Return the numbers of a prediction as they are written; ``None`` is not known."""
    numbers = {
        **dict(zip(INTENSITIES, prediction.intensities.tolist(), strict=True)),
        VALENCE: prediction.valence,
        AROUSAL: prediction.arousal,
        **dict(zip(STANDINGS, prediction.standing.tolist(), strict=True)),
        CONFIDENCE: prediction.confidence,
    }
    return {name: None if isnan(value) else f"{value:z.2f}" for name, value in numbers.items()}


def words_of(numbers: Mapping[str, str | None], settings: TagSettings) -> dict[str, Values | None]:
    """Return the words that follow from numbers, as :func:`number_texts` gives them, by fields.

    Examples
    --------
    >>> felt = dict.fromkeys(INTENSITIES, "0.10") | {"EMOTION_POWER": "0.40"}
    >>> words_of({**felt, "EMOTION_CONFIDENCE": "0.30"}, TagSettings())
    {'MOOD': ('power',)}
    >>> words_of({**felt, "EMOTION_CONFIDENCE": "0.29"}, TagSettings())
    {'MOOD': None}
    """
    moods = [settings.names.get(name, _LABELS[name]) for name in moods_of(numbers, settings)]
    if not moods:
        return dict.fromkeys(settings.fields)
    arousal = numbers.get(AROUSAL)
    known = {
        "moods": (settings.separator or BETWEEN).join(moods),
        "mood": moods[0],
        "energy": None if arousal is None else str(energy(float(arousal))),
        **{name: numbers.get(f"{PREFIX}{name.upper()}") for name in _NUMBERS},
    }
    return {field: _filled(text, known, moods, settings) for field, text in settings.fields.items()}


_LABELS = {emotion.name: emotion.label for emotion in GEMS}
_NUMBERS = ("valence", "arousal", "confidence", *EMOTIONS)


def moods_of(numbers: Mapping[str, str | None], settings: TagSettings) -> list[str]:
    """Return the names of the emotions that are the moods, strongest first; none below doubt."""
    if float(numbers.get(CONFIDENCE) or 0.0) < settings.confidence:
        return []
    felt = [
        (float(numbers.get(field) or 0.0), name)
        for field, name in zip(INTENSITIES, EMOTIONS, strict=True)
    ]
    ranked = sorted(felt, key=lambda one: -one[0])[: settings.most]  # equals stay in order
    return [
        name
        for place, (share, name) in enumerate(ranked)
        if share > 0 and (place == 0 or share >= settings.share)
    ]


def energy(arousal: float) -> int:
    """Return the energy, 1 to 10, that disc jockeys write, of an arousal of −1 to 1.

    Examples
    --------
    >>> energy(-1.0), energy(0.12), energy(1.0)
    (1, 6, 10)
    """
    return 1 + round(4.5 * (min(1.0, max(-1.0, arousal)) + 1.0))


def _filled(
    text: str, known: Mapping[str, str | None], moods: list[str], settings: TagSettings
) -> Values | None:
    """Return a field's values; ``None`` where its text names what is not known."""
    if text == "{moods}" and settings.separator is None:
        return tuple(moods)
    if any(value is None and f"{{{name}}}" in text for name, value in known.items()):
        return None
    return (text.format_map({name: value or "" for name, value in known.items()}),)

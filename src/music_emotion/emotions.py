"""The nine emotions of the Geneva Emotional Music Scale as EMOTIFY asks for them.

Order and names are those of the published annotations (``data.csv``); every array with an emotion
axis in this package follows this order. Meanings are paraphrased from Aljanaki, Wiering and
Veltkamp, *Studying emotion induced by music through a crowdsourcing game*, Information Processing
& Management 52(1), 2016; the scale is that of Zentner, Grandjean and Scherer, *Emotions evoked by
the sound of music*, Emotion 8(4), 2008.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Emotion:
    """One emotion of the scale.

    Attributes
    ----------
    name: identifier as in the annotations, for example ``"joyful_activation"``
    label: the name for people, for example ``"joyful activation"``
    meaning: what a listener who ticks it means, in one line
    colour: ``#rrggbb``, the same in every picture
    """

    name: str
    label: str
    meaning: str
    colour: str


GEMS: tuple[Emotion, ...] = (
    Emotion("amazement", "amazement", "a feeling of wonder and happiness", "#e6a700"),
    Emotion("solemnity", "solemnity", "transcendence, inspiration, thrills", "#6a4c93"),
    Emotion("tenderness", "tenderness", "sensuality, affection, love", "#e377a2"),
    Emotion("nostalgia", "nostalgia", "dreamy, melancholic, sentimental", "#a0785a"),
    Emotion("calmness", "calmness", "relaxation, serenity, meditation", "#3fa7a0"),
    Emotion("power", "power", "strong, heroic, triumphant, energetic", "#c1121f"),
    Emotion("joyful_activation", "joyful activation", "bouncy, animated, dancing", "#f3722c"),
    Emotion("tension", "tension", "nervous, impatient, irritated", "#4a4e69"),
    Emotion("sadness", "sadness", "depressed, sorrowful", "#4878a8"),
)

EMOTIONS: tuple[str, ...] = tuple(emotion.name for emotion in GEMS)
"""The nine names in their fixed order."""

"""Words for moods that other data sets use, and what they have in common with the nine emotions.

A word goes to the emotion that counts it among its adjectives (the 45 of the Geneva Emotional Music
Scale: Zentner, Grandjean and Scherer, *Emotions evoked by the sound of music*, Emotion 8(4), 2008),
or whose adjective has the same stem; a few tags of catalogues mean the same. Words for the four
quadrants of valence and arousal (Russell 1980) are those of data sets with four classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from music_emotion.emotions import EMOTIONS

_WORDS = {
    "amazement": "amazed wonder dazzled allured",
    "solemnity": "solemn spiritual inspired inspiring transcendent",
    "tenderness": "tender love romantic affectionate sensual mellow",
    "nostalgia": "nostalgic sentimental dreamy melancholic melancholy",
    "calmness": "calm peaceful relaxed relaxing serene soothing meditative",
    "power": "powerful energetic triumphant strong heroic epic fiery",
    "joyful_activation": "joyful joy happy happiness animated amused cheerful fun dancing",
    "tension": "tense agitated nervous irritated angry anger aggressive fear anxious",
    "sadness": "sad sorrowful tearful",
}
MOODS: Mapping[str, str] = {
    **{name: name for name in EMOTIONS},
    **{word: name for name, words in _WORDS.items() for word in words.split()},
}
"""The emotion of each word."""

_QUADRANT_WORDS = {
    (1, 1): "q1 happy happiness joy joyful cheerful exciting excited",
    (0, 1): "q2 angry anger tense fear aggressive",
    (0, 0): "q3 sad sadness depressed depressing",
    (1, 0): "q4 calm calmness relaxed relaxing peaceful content serene tender",
}
QUADRANT_OF: Mapping[str, tuple[int, int]] = {
    word: ends for ends, words in _QUADRANT_WORDS.items() for word in words.split()
}
"""Whether valence and whether arousal are high, of the words for quadrants."""


def are_quadrants(words: Iterable[str]) -> bool:
    """Whether words name several quadrants, and are not all among the nine emotions.

    >>> are_quadrants(["Q1", "Q4"]), are_quadrants(["happy"]), are_quadrants(["sadness", "calm"])
    (True, False, True)
    """
    plain = {word.strip().casefold() for word in words} - {""}
    if not plain <= set(QUADRANT_OF) or plain <= set(EMOTIONS):
        return False
    return len({QUADRANT_OF[word] for word in plain}) > 1

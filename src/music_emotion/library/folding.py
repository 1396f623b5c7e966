"""Text as it is compared, whatever its case and the way its accents are written.

*Folded*, compatible characters are one (NFKC), and so are upper and lower case (Unicode's full case
folding, with the dotted and dotless i as one). *Plain*, it has no accents, either.
"""

from __future__ import annotations

import unicodedata

VIRAMA, LAST_POINT, FIRST_ACCENT = 9, 36, 200  # combining classes; points are of Semitic scripts
LIGATURES = {"æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}


def folded(text: str) -> str:
    """Return a text as it is compared: case and composition do not count.

    Examples
    --------
    >>> folded("STRASSE") == folded("Straße"), folded("Björk") == folded("BJO\u0308RK")
    (True, True)
    """
    if text.isascii():
        return text.lower()
    # Upper case first: a few letters have one upper case and several lower ones, as Σ and İ.
    bare = unicodedata.normalize("NFKD", text).upper().casefold()
    return unicodedata.normalize("NFKC", bare).replace("i\u0307", "i")


def plain(text: str) -> str:
    """Return a folded text without accents; marks that make another letter stay (が, कि).

    Examples
    --------
    >>> plain(folded("Motörhead, Sigur Rós, MØ, Ёлка"))
    'motorhead, sigur ros, mo, елка'
    """
    if text.isascii():
        return text
    bare = unicodedata.normalize("NFD", text).translate(_PLAIN)
    return unicodedata.normalize("NFC", bare)


class _Plain(dict[int, str]):
    """What each letter is without accents, found when it is first asked for."""

    def __missing__(self, code: int) -> str:
        self[code] = made = _without_accent(chr(code))
        return made


_PLAIN = _Plain()


def _without_accent(letter: str) -> str:
    mark = unicodedata.combining(letter)
    if VIRAMA < mark <= LAST_POINT or mark >= FIRST_ACCENT:
        return ""
    if letter in LIGATURES or not letter.isalpha():
        return LIGATURES.get(letter, letter)
    base, drawn, _ = unicodedata.name(letter, "").partition(" WITH ")  # a stroke, a hook
    try:
        return unicodedata.lookup(base) if drawn else letter
    except KeyError:
        return letter

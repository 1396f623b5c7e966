"""Which tracks an honest split keeps together: those linked by an artist or a recording.

A model that has heard an artist recognises the voice, the instruments and the studio. Tracks that
share a name, directly or through a joint name ("A and B" links A to B), form one group: groups are
the connected components of the graph whose edges are shared names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Hashable, Sequence

_JOINT = re.compile(
    r"\s+(?:and|feat\.?|featuring|ft\.?|with|vs\.?|versus)\s+|\s*[&;,]\s*|\s+[/+]\s+", re.IGNORECASE
)
_APOSTROPHE = re.compile(r"['’`´]")
_PUNCTUATION = re.compile(r"[\W_]+")
_ARTICLE = re.compile(r"^(?:the )+(?=.)")


def normalise_name(name: str) -> str:
    """Return a name without accents, case, punctuation and a leading "the"."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = _PUNCTUATION.sub(" ", _APOSTROPHE.sub("", plain)).strip()
    return _ARTICLE.sub("", words) or letters.strip()


def split_credit(credit: str) -> frozenset[str]:
    """Return the normalised single names in an artist credit.

    Examples
    --------
    >>> sorted(split_credit("Edward Martin & Paul Berget"))
    ['edward martin', 'paul berget']
    """
    names = (normalise_name(part) for part in _JOINT.split(credit))
    return frozenset(name for name in names if name)


def name_key(name: str) -> str:
    """Return what makes two normalised names equal: "four stones" and "fourstones" are one."""
    return name.replace(" ", "")


def connected_components(keys: Sequence[Collection[Hashable]]) -> list[int]:
    """Return the connected component of each item, by the keys of each; items share some.

    They are numbered in order of appearance; an item without keys is a component of its own.
    """
    parent = list(range(len(keys)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    owner: dict[Hashable, int] = {}
    for item, own in enumerate(keys):
        for key in own:
            parent[root(item)] = root(owner.setdefault(key, item))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(item), len(numbers)) for item in range(len(keys))]


def group_names(
    names: Sequence[Collection[str]],
    recordings: Sequence[str],
    *,
    key: Callable[[str], str] = name_key,
) -> list[str]:
    """Name each track's group of artists; tracks with the same recording share a group.

    A group has the name of its alphabetically first artist, or where nobody is named of its first
    recording. The tracks' order plays no part in it.

    Parameters
    ----------
    names, recordings
        Single names of each track's artists (see :func:`split_credit`), if any; its recording.
    key
        What makes two names equal.
    """
    keys = [
        {("artist", key(name)) for name in own} | {("recording", recording)}
        for own, recording in zip(names, recordings, strict=True)
    ]
    components = connected_components(keys)
    artists: dict[int, str] = {}
    nameless: dict[int, str] = {}
    for component, own, recording in zip(components, names, recordings, strict=True):
        fallback = f"track:{recording}"
        nameless[component] = min(nameless.get(component, fallback), fallback)
        for name in own:
            artists[component] = min(artists.get(component, name), name)
    return [artists.get(component, nameless[component]) for component in components]

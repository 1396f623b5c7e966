"""Who plays on EMOTIFY's tracks where the artist tag alone would mislead, and what is there twice.

Compiled by reading the tags of the 400 files. The duplicates are all there are: among the 79,800
pairs of tracks, the normalised cross-correlation of the waveforms' differences at 1 kHz reaches
.94–.99 for these five and at most .27 for every other pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COMPILATION_CREDITS: Mapping[int, str] = MappingProxyType(
    {
        9: "Sonnerie",
        137: "Rocket City Riot",
        138: "Fluid",
        168: "Brad Sucks",
        169: "Rocket City Riot",
        248: "Mr Gelatine",
        328: "Four Stones",
        369: "Pat Chilla",
    }
)
"""Artists named in the title where the artist tag names a compilation, by track id."""

COMPILATION_ARTISTS = ("Magnatune Compilation", "Magnatune Remixed")
"""The artist tags of these tracks: albums, not people."""

FURTHER_CREDITS: Mapping[int, str] = MappingProxyType(
    {
        # A disc jockey's mixes: the title names whose piece it is.
        105: "Mountain Mirrors",
        226: "Hans Christian",
        227: "Mr Epic",
        317: "Ammonite",
        318: "Dr Kuch",
        # A guest, and two remixes of "Brilliant Day", which is track 325.
        220: "Canola Tenderfoot",
        322: "Lisa DeBenedictis",
        369: "Lisa DeBenedictis",
    }
)
"""Artists to be heard besides the one in the artist tag, by track id."""

DUPLICATES: tuple[tuple[int, ...], ...] = (
    (54, 80),
    (163, 166),
    (170, 176),
    (172, 175),
    (359, 366),
)
"""Track ids that hold the same recording."""

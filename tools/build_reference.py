"""What a model of the wheel compares tracks with (``reference.npz``), and what its card says of it.

Called by `build_models.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus
from music_emotion.inference.reference import Reference, reference_of


def build_reference(
    intensities: NDArray[np.float64] | None, corpus: Corpus
) -> tuple[Reference | None, dict[str, str]]:
    """Return what a model brings, and what its card says of each part; nothing is ``None``.

    Parameters
    ----------
    intensities
        Of each track of the corpus by models that had not heard its artist, shape (tracks, 9), 0–1,
        where there are such.
    corpus
        What the model learned from.
    """
    if intensities is None:
        return None, {}
    told = {
        "standing": f"share of the {len(intensities)} tracks of {corpus.name} whose intensity of "
        "an emotion is lower, each track predicted by models that heard nothing by its artist, "
        "mean over the fold seeds",
    }
    return reference_of(intensities), told

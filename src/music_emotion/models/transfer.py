"""Transfer learning at its plainest: a kernel regression on the pretrained network's maps.

Features: mean and standard deviation over a track's segments of MSD_musicnn's pooled maps. One
kernel; its width and ridge are chosen by cross-validation over artists inside the training part.
"""

from __future__ import annotations

from music_emotion.models.blend import Candidate, KernelBlend

TRANSFER_CANDIDATES = (Candidate((("musicnn", 1.0),)),)


def transfer() -> KernelBlend:
    """Return an unfitted ``transfer``."""
    return KernelBlend("transfer", TRANSFER_CANDIDATES, rounds=1)

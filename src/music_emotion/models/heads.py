"""The two answers of every network: which emotion dominates, and how strong each one is."""

from __future__ import annotations

from torch import Tensor, nn

from music_emotion.emotions import EMOTIONS


class EmotionHeads(nn.Module):
    """Two linear layers on one hidden vector.

    Parameters
    ----------
    hidden
        Size of the hidden vector.
    shared
        Whether the intensities' loss may shape the hidden vector. With the dominant emotion as
        target it may not, so that the path to the softmax is the reference study's alone.
    """

    def __init__(self, hidden: int, *, shared: bool) -> None:
        super().__init__()
        self.emotions = nn.Linear(hidden, len(EMOTIONS))
        self.intensities = nn.Linear(hidden, len(EMOTIONS))
        self.shared = shared

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, intensity_logits)``, each (batch, 9).

        The softmax of the first gives the emotions' probabilities, the sigmoid of the second the
        expected vote fractions.
        """
        seen = hidden if self.shared else hidden.detach()
        return self.emotions(hidden), self.intensities(seen)

"""2-D CNN: three convolutions over a mel spectrogram."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music_emotion.models.heads import EmotionHeads
from music_emotion.models.spec_augment import SpecAugment

_BANDS, _FRAMES = 128, 130
_FILTERS = (32, 64, 128)
_KERNEL = 3
_POOLS = ((4, 4), (2, 4), (2, 8))
"""(bands, frames) pooled after each convolution: 128 × 130 becomes 8 × 1. With no frame left, the
dense layer learns what sounds, not when, and generalises better for it."""
_DENSE_UNITS = 256


class Cnn2d(nn.Module):
    """Conv2D 32 → 64 → 128, each with BN and MaxPool → Flatten → Dense 256 → Dropout.

    Parameters
    ----------
    dropout
        Probability to drop a unit of the dense layer.
    shared
        See :class:`~music_emotion.models.heads.EmotionHeads`.
    masking
        Whether :class:`~music_emotion.models.spec_augment.SpecAugment` masks the input in
        training.
    """

    def __init__(self, *, dropout: float, shared: bool, masking: bool = False) -> None:
        super().__init__()
        self.masking = SpecAugment() if masking else nn.Identity()
        layers: list[nn.Module] = []
        channels, bands, frames = 1, _BANDS, _FRAMES
        for filters, pool in zip(_FILTERS, _POOLS, strict=True):
            # Normalising what the pooling leaves, not what it takes its maxima from, gives the next
            # layer inputs centred on 0, which it learns from faster, and leaves a sixteenth as
            # much to normalise after the first layer. ReLU and maximum commute.
            layers += [
                nn.Conv2d(channels, filters, _KERNEL, padding=_KERNEL // 2),
                nn.MaxPool2d(pool),
                nn.ReLU(),
                nn.BatchNorm2d(filters),
            ]
            channels, bands, frames = filters, bands // pool[0], frames // pool[1]
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Linear(channels * bands * frames, _DENSE_UNITS)
        self.dropout = nn.Dropout(dropout)
        self.heads = EmotionHeads(_DENSE_UNITS, shared=shared)

    def forward(self, spectrograms: Tensor) -> tuple[Tensor, Tensor]:
        """Map standardised log-mel (batch, 128, 130) to two sets of logits, each (batch, 9)."""
        hidden = self.convolutions(self.masking(spectrograms).unsqueeze(1)).flatten(1)
        logits, intensity_logits = self.heads(self.dropout(torch.relu(self.dense(hidden))))
        return logits, intensity_logits

"""2-D CNN: three convolutions over a mel spectrogram, and SpecAugment, which masks it in training.

Park, Chan, Zhang, Chiu, Zoph, Cubuk and Le, *SpecAugment: a simple data augmentation method for
automatic speech recognition*, Interspeech 2019; without the time warping.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from music_emotion.models.neural import EmotionHeads, InputKind, NeuralModel
from music_emotion.training.config import TrainingConfig

MODELS = ("cnn2d", "cnn2d_specaugment")
DEFAULTS = TrainingConfig(
    max_epochs=28, patience=6, batch_size=32, learning_rate=2e-3, dropout=0.1, mixup=0.2
)
"""These networks learn more from each epoch, which costs more: they get fewer, of more steps."""

_BANDS, _FRAMES = 128, 130
_FILTERS = (32, 64, 128)
_KERNEL = 3
_POOLS = ((4, 4), (2, 4), (2, 8))
"""(bands, frames) pooled after each convolution: 128 × 130 becomes 8 × 1. With no frame left, the
dense layer learns what sounds, not when, and generalises better for it."""
_DENSE_UNITS = 256


def create(name: str, **settings: Any) -> NeuralModel:
    """Return an unfitted ``cnn2d``, or ``cnn2d_specaugment``, which masks its input in training.

    ``settings`` are the fields of :data:`DEFAULTS` to change.
    """

    def network(config: TrainingConfig, n_features: int, shared: bool) -> nn.Module:
        return Cnn2d(dropout=config.dropout, shared=shared, masking=name == "cnn2d_specaugment")

    return NeuralModel(name, InputKind("log_mel", axis=1), network, replace(DEFAULTS, **settings))


class Cnn2d(nn.Module):
    """Conv2D 32 → 64 → 128, each with BN and MaxPool → Flatten → Dense 256 → Dropout.

    Parameters
    ----------
    dropout
        Probability to drop a unit of the dense layer.
    shared
        See :class:`~music_emotion.models.neural.EmotionHeads`.
    masking
        Whether :class:`SpecAugment` masks the input in training.
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


class SpecAugment(nn.Module):
    """Set random stripes of standardised spectrograms to 0, the mean of each band.

    The width of a mask is uniform on 0…limit, its place uniform over what fits; each spectrogram
    of a batch gets its own.

    Parameters
    ----------
    frequency_masks, time_masks
        How many stripes of each kind; they may overlap.
    max_bands, max_frames
        Largest width of a stripe, in mel bands and in frames.
    """

    def __init__(
        self,
        *,
        frequency_masks: int = 2,
        max_bands: int = 20,
        time_masks: int = 2,
        max_frames: int = 25,
    ) -> None:
        super().__init__()
        self.frequency_masks = frequency_masks
        self.max_bands = max_bands
        self.time_masks = time_masks
        self.max_frames = max_frames

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Mask spectrograms (batch, bands, frames) in training; return them as they are after."""
        if not self.training:
            return spectrograms
        batch, bands, frames = spectrograms.shape
        device = spectrograms.device
        band = _stripes(batch, bands, self.frequency_masks, self.max_bands, device)
        frame = _stripes(batch, frames, self.time_masks, self.max_frames, device)
        return spectrograms.masked_fill(band[:, :, None] | frame[:, None, :], 0.0)


def _stripes(batch: int, length: int, count: int, limit: int, device: torch.device) -> Tensor:
    """Return which of ``length`` positions are covered, shape (batch, length), boolean."""
    width = torch.randint(0, limit + 1, (batch, count, 1), device=device)
    start = (torch.rand(batch, count, 1, device=device) * (length - width + 1)).long()
    position = torch.arange(length, device=device)
    return ((position >= start) & (position < start + width)).any(dim=1)

"""Masking of bands and frames in training; nothing at inference.

Park, Chan, Zhang, Chiu, Zoph, Cubuk and Le, *SpecAugment: a simple data augmentation method for
automatic speech recognition*, Interspeech 2019; without the time warping.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


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

"""The scaling of the inputs as the first layer of a network, so that exports include it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtract the mean and divide by the standard deviation of each feature.

    Parameters
    ----------
    mean, deviation
        One value per feature, shape (features,).
    axis
        The axis of the batch that holds the features: -1 for frame sequences
        (batch, frames, features), 1 for spectrograms (batch, bands, frames).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, *, axis: int) -> None:
        super().__init__()
        shape = (-1,) if axis == -1 else (-1, 1)
        self.register_buffer("mean", mean.to(torch.float32).reshape(shape))
        self.register_buffer("scale", (1 / deviation.to(torch.float64)).float().reshape(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Standardise a batch; the shape stays."""
        return (inputs - self.mean) * self.scale


class StandardisedNetwork(nn.Module):
    """A network that takes raw features: the scaling, then the architecture."""

    def __init__(self, standardise: Standardise, architecture: nn.Module) -> None:
        super().__init__()
        self.standardise = standardise
        self.architecture = architecture

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, intensity_logits)``, each (batch, 9)."""
        logits, intensity_logits = self.architecture(self.standardise(inputs))
        return logits, intensity_logits

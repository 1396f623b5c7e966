"""LSTM-CNN and BiLSTM-CNN: two convolutions over time, then an LSTM that reads the frames in order.

The two networks differ in the direction alone, so that comparing them on the same features tests
bidirectionality and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from music_emotion.models.neural import EmotionHeads, InputKind, NeuralModel
from music_emotion.models.registry import WITHOUT_SMOTE
from music_emotion.training.config import TrainingConfig

MODELS = (
    "lstm_cnn",
    "lstm_cnn_advanced",
    "bilstm_cnn",
    "lstm_cnn_without_smote",
    "lstm_cnn_advanced_without_smote",
    "bilstm_cnn_without_smote",
)
VARIANTS = {
    "lstm_cnn": ("basic", False),
    "lstm_cnn_advanced": ("advanced", False),
    "bilstm_cnn": ("advanced", True),
}
"""The features of each, and whether a second LSTM reads the frames backwards."""

_FILTERS = (256, 128)
_KERNEL = 3
_POOLS = (4, 2)
"""Frames pooled after each convolution: 130 frames become 32, then 16 steps of the LSTM."""
_LSTM_UNITS = 128
_DENSE_UNITS = 128


def create(name: str, **settings: Any) -> NeuralModel:
    """Return an unfitted model of :data:`VARIANTS`; with the suffix, one that trains without SMOTE.

    ``settings`` are the fields of :class:`~music_emotion.training.config.TrainingConfig` to change.
    """
    feature, bidirectional = VARIANTS[name.removesuffix(WITHOUT_SMOTE)]

    def network(config: TrainingConfig, n_features: int, shared: bool) -> nn.Module:
        return LstmCnn(
            n_features, dropout=config.dropout, shared=shared, bidirectional=bidirectional
        )

    defaults = TrainingConfig(oversample=not name.endswith(WITHOUT_SMOTE))
    inputs = InputKind(feature, axis=2)
    return NeuralModel(name, inputs, network, replace(defaults, **settings))


class LstmCnn(nn.Module):
    """Conv1D 256 → BN → MaxPool → Conv1D 128 → BN → MaxPool → LSTM 128 → Dense 128 → Dropout.

    The dense layer reads the mean of the LSTM's outputs over time, not the last one alone: an
    emotion is a property of the whole segment.

    Parameters
    ----------
    n_features
        Descriptors per frame.
    dropout
        Probability to drop a unit of the dense layer.
    shared
        See :class:`~music_emotion.models.neural.EmotionHeads`.
    bidirectional
        Whether a second LSTM reads the frames backwards.
    """

    def __init__(
        self, n_features: int, *, dropout: float, shared: bool, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.first = _Convolution(n_features, _FILTERS[0], _POOLS[0])
        self.second = _Convolution(_FILTERS[0], _FILTERS[1], _POOLS[1])
        self.lstm = nn.LSTM(_FILTERS[1], _LSTM_UNITS, batch_first=True, bidirectional=bidirectional)
        directions = 2 if bidirectional else 1
        self.dense = nn.Linear(directions * _LSTM_UNITS, _DENSE_UNITS)
        self.dropout = nn.Dropout(dropout)
        self.heads = EmotionHeads(_DENSE_UNITS, shared=shared)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Map standardised frames (batch, 130, n_features) to two sets of logits (batch, 9)."""
        hidden = frames.transpose(1, 2).unsqueeze(2)
        hidden = self.second(self.first(hidden)).squeeze(2).transpose(1, 2)
        steps, _ = self.lstm(hidden)
        read = steps.mean(dim=1)
        logits, intensity_logits = self.heads(self.dropout(torch.relu(self.dense(read))))
        return logits, intensity_logits


class _Convolution(nn.Module):
    """Conv1D (ReLU) → BN → MaxPool over (batch, channels, 1, frames).

    Written as two-dimensional layers of height one, which run in the channels-last layout:
    about a sixth less time on a CPU.
    """

    def __init__(self, channels: int, filters: int, pool: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, filters, (1, _KERNEL), padding=(0, _KERNEL // 2))
        self.norm = nn.BatchNorm2d(filters)
        self.pool = nn.MaxPool2d((1, pool))

    def forward(self, inputs: Tensor) -> Tensor:
        pooled: Tensor = self.pool(self.norm(torch.relu(self.convolution(inputs))))
        return pooled

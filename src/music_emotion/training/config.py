"""Everything that can be chosen about the training of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""Where a network is trained; ``auto`` takes the graphics card where there is one."""

Watched = Literal["accuracy", "loss"]
"""What early stopping looks at in the validation part; ties are settled by the other."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained; the defaults serve every protocol.

    Attributes
    ----------
    max_epochs
        Length of the learning-rate schedule; early stopping may end the training before. An
        epoch is as many segments as there are real ones to learn from, with SMOTE too.
    watch
        What early stopping and the choice of the best epoch go by. Mixing and smoothing make the
        loss rise while the accuracy still does too.
    patience
        Epochs without a better one after which training stops; fewer early on
        (:func:`~music_emotion.training.fit.patience`).
    batch_size
        Segments per step.
    learning_rate
        Highest learning rate of Adam.
    warm_up
        Fraction of the schedule in which the rate rises to its highest value; it then falls to
        zero along a half cosine.
    weight_decay
        Decoupled weight decay (AdamW).
    dropout
        Probability to drop a unit of the dense layer.
    label_smoothing
        Share of the target spread evenly over the emotions.
    mixup
        Parameter of the beta distribution two segments are mixed with; 0 for no mixing (Zhang,
        Cissé, Dauphin and Lopez-Paz, *mixup: beyond empirical risk minimization*, ICLR 2018).
    splice
        Whether a training segment is continued, from a random frame on, with another training
        segment of the same track.
    validation_fraction
        Share of the training part that early stopping watches.
    oversample
        Whether small classes are filled up by SMOTE; without effect on the vote targets and on
        the networks that see spectrograms.
    device
        ``auto``, ``cpu`` or ``cuda``.
    """

    max_epochs: int = 60
    watch: Watched = "accuracy"
    patience: int = 8
    batch_size: int = 64
    learning_rate: float = 3e-3
    warm_up: float = 0.15
    weight_decay: float = 1e-2
    dropout: float = 0.3
    label_smoothing: float = 0.0
    mixup: float = 0.3
    splice: bool = True
    validation_fraction: float = 0.1
    oversample: bool = True
    device: Device = "auto"

"""Everything that can be chosen about the training of a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""Where a network is trained; ``auto`` takes the graphics card where there is one."""

Watched = Literal["accuracy", "loss"]
"""What early stopping looks at in the validation part; ties are settled by the other."""

NEUTRAL = "neutral"
"""Metadata of a setting that came later: the value with which trainings are what they were before.

A cell's key leaves it out at that value, so that cells of before stay valid."""


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
    averaging
        Share of the averaged weights that a step leaves as they were; 0 for none. The average is
        what is validated, kept and used for prediction (Polyak and Juditsky, *Acceleration of
        stochastic approximation by averaging*, SIAM Journal on Control and Optimization 30(4),
        1992, with weights that fade).
    second_training
        Whether the network is trained once more from the start, on the validation part as well, for
        as many epochs as were best, the rate falling to zero within them. Without it the network
        of the best epoch is kept, whose rate was still near its highest.
    stop_after
        Epochs after which the training ends, learning from all there is: no validation part is
        cut. ``None`` for early stopping.
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
    averaging: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    second_training: bool = field(default=True, metadata={NEUTRAL: False})
    stop_after: int | None = field(default=None, metadata={NEUTRAL: None})
    oversample: bool = True
    device: Device = "auto"

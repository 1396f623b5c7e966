"""The fit loop: AdamW, warm-up and cosine decay, early stopping, best weights kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from music_emotion.progress import Progress
from music_emotion.training.augment import Splicer, splice
from music_emotion.training.config import TrainingConfig
from music_emotion.training.data import TrainingData
from music_emotion.training.device import autocast, channels_last, half_precision, keep_freed_memory

_PREDICTION_BATCH = 128
"""Segments per forward pass without gradients."""

LEAST_PATIENCE = 3
"""Epochs without a better one that are always waited for, unless ``patience`` is smaller."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """How the fit loop went.

    Attributes
    ----------
    history
        ``train_loss``, ``train_accuracy``, ``learning_rate``, ``seconds``, one value per epoch;
        where there is a validation part, ``validation_loss``, ``validation_accuracy`` as well.
        Where ratings are learned there are no accuracies.
    best_epoch
        Zero-based epoch whose weights the network now has.
    """

    history: dict[str, list[float]]
    best_epoch: int


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw torch's random numbers from ``seed`` inside the block and restore its state after."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def fit_network(
    network: nn.Module,
    training: TrainingData,
    validation: TrainingData,
    config: TrainingConfig,
    *,
    device: torch.device,
    seed: int,
    frame_axis: int = 1,
    epoch_size: int | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Train ``network`` in place and leave it with the weights of its best epoch.

    Parameters
    ----------
    network
        Maps a batch of features to ``(logits, intensity_logits)``, each (batch, 9), or where
        ratings are learned to these, (batch, k), and to nothing, (batch, 0).
    training, validation
        The two parts; ``validation`` may be empty, and the training then lasts all epochs.
    config
        The schedule.
    device
        Where to compute.
    seed
        Order of the segments, dropout, masking and mixing all follow from it.
    frame_axis
        The axis of ``array`` that is time, for splicing.
    epoch_size
        Segments per epoch, ``None`` for all of ``training``. Where synthetic rows make the
        training part several times larger, an epoch is a part of it.
    progress
        Called with (batches done, batches in all) after each batch.
    """
    if device.type == "cpu":
        keep_freed_memory()
    segments = len(training) if epoch_size is None else min(epoch_size, len(training))
    steps = max(1, segments // config.batch_size)
    with seeded(seed, device):
        trainer = _Trainer(network, training, config, device, seed, frame_axis, steps, progress)
        return trainer.run(validation)


@dataclass
class _Trainer:
    """The state of one fit."""

    network: nn.Module
    data: TrainingData
    config: TrainingConfig
    device: torch.device
    seed: int
    frame_axis: int
    steps: int
    progress: Progress | None

    def __post_init__(self) -> None:
        self.network = channels_last(self.network.to(self.device))
        self.dtype = half_precision(self.device)
        self.generator = np.random.default_rng(self.seed)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=self.config.weight_decay, fused=True
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.splicer = Splicer(self.data.track_index) if self.config.splice else None
        self.order = np.zeros(0, dtype=np.int64)
        self.average = averaged(self.network, self.config.averaging)
        #: what is validated and kept
        self.kept = self.network if self.average is None else self.average.module

    def run(self, validation: TrainingData) -> FitResult:
        history: dict[str, list[float]] = {}
        best, best_rank, best_epoch = None, (-math.inf, -math.inf), -1
        first = first_candidate(self.config)
        for epoch in range(self.config.stop_after or self.config.max_epochs):
            started = time.perf_counter()
            curves = self._train_epoch(epoch)
            if len(validation):
                curves |= self._validate(validation)
                rank = self._rank(curves)
                if epoch >= first and rank > best_rank:
                    best_rank, best_epoch = rank, epoch
                    best = copy.deepcopy(self.kept.state_dict())
            else:
                best_epoch = epoch
            curves["seconds"] = time.perf_counter() - started
            for name, value in curves.items():
                history.setdefault(name, []).append(value)
            if epoch - max(best_epoch, first) >= patience(self.config, epoch):
                break
        self.network.load_state_dict(self.kept.state_dict() if best is None else best)
        self.network.eval()
        if self.progress is not None:
            steps = (epoch + 1) * self.steps
            self.progress(steps, steps)
        return FitResult(history, best_epoch)

    def _rank(self, scores: dict[str, float]) -> tuple[float, float]:
        """Return what an epoch is judged by, the more the better."""
        loss, accuracy = scores["validation_loss"], scores.get("validation_accuracy", 0.0)
        by_accuracy = self.config.watch == "accuracy" and not self.data.holds_ratings
        return (accuracy, -loss) if by_accuracy else (-loss, accuracy)

    def _next_batch(self) -> NDArray[np.int64]:
        """Draw without replacement until fewer than a batch is left, then shuffle anew."""
        size = self.config.batch_size
        if size > len(self.order):
            self.order = self.generator.permutation(len(self.data))
        batch, self.order = self.order[:size], self.order[size:]
        return batch

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        self.network.train()
        total, sums = self.config.max_epochs * self.steps, np.zeros(4)
        for done in range(epoch * self.steps, (epoch + 1) * self.steps):
            rate = learning_rate(self.config, done / total)
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = rate
            sums += self._step(self._next_batch())
            if self.progress is not None:
                self.progress(done + 1, total)
        loss, weight, correct, seen = sums.tolist()
        hits = {} if self.data.holds_ratings else {"train_accuracy": correct / seen}
        return {"train_loss": loss / weight, **hits, "learning_rate": rate}

    def _step(self, index: NDArray[np.int64]) -> tuple[float, float, int, int]:
        """Learn from one batch; return its summed loss, summed weight, hits and size."""
        data = self.data
        known = (data.emotions, data.weight, data.intensities, data.intensity_weight)
        inputs, emotions, weight, intensities, intensity_weight = (
            to_device(values, self.device)
            for values in (self._inputs(index), *(each[index] for each in known))
        )
        truth = emotions.argmax(1)
        if self.config.mixup > 0:
            share, partner = self._mixture(len(index))
            inputs, emotions, weight, intensities = (
                torch.lerp(values[partner], values, share)
                for values in (inputs, emotions, weight, intensities)
            )
            intensity_weight = torch.minimum(intensity_weight, intensity_weight[partner])
        self.optimizer.zero_grad()
        with autocast(self.device, self.dtype):
            logits, intensity_logits = self.network(inputs)
        losses = self._losses(logits.float(), emotions, self.config.label_smoothing)
        loss = (losses * weight).mean()
        if not data.holds_ratings:
            intensity_losses = intensity_loss(intensity_logits.float(), intensities)
            loss = loss + (intensity_losses * intensity_weight).mean()
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.network)
        with torch.no_grad():
            hits = int((logits.argmax(1) == truth).sum())
            return float((losses * weight).sum()), float(weight.sum()), hits, len(index)

    def _losses(self, said: Tensor, known: Tensor, label_smoothing: float) -> Tensor:
        """Return the loss of each segment's emotions, or ratings, shape (n,)."""
        if not self.data.holds_ratings:
            return emotion_loss(said, known, label_smoothing)
        return rating_loss(said, known, torch.from_numpy(self.data.spread).to(said.device))

    def _inputs(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        inputs = self.data.array[self.data.rows[index]]
        if self.splicer is None:
            return inputs
        partners = self.data.rows[self.splicer.partners(index, self.generator)]
        return splice(inputs, self.data.array[partners], self.frame_axis, self.generator)

    def _mixture(self, size: int) -> tuple[float, Tensor]:
        """Return the share a segment keeps (at least one half) and its partner in the batch."""
        share = float(self.generator.beta(self.config.mixup, self.config.mixup))
        partner = torch.from_numpy(self.generator.permutation(size)).to(self.device)
        return max(share, 1 - share), partner

    def _validate(self, data: TrainingData) -> dict[str, float]:
        logits, _ = predict_logits(self.kept, data.array, data.rows, self.device)
        emotions = torch.from_numpy(data.emotions)
        weight = torch.from_numpy(data.weight)
        losses = self._losses(torch.from_numpy(logits), emotions, 0.0)
        curves = {"validation_loss": float((losses * weight).sum() / weight.sum())}
        if not self.data.holds_ratings:
            right = logits.argmax(1) == data.emotions.argmax(1)
            curves["validation_accuracy"] = float(np.mean(right))
        return curves


def averaged(network: nn.Module, share: float) -> AveragedModel | None:
    """Return the fading mean of a network's weights and statistics, ``None`` with no ``share``.

    The first steps weigh more than ``share`` says, as in a mean that begins, so that the random
    weights of the beginning are soon forgotten.
    """
    if not share:
        return None

    def mean(averages: Any, values: Any, steps: Any) -> None:
        weight = 1.0 - min(share, (1.0 + float(steps)) / (10.0 + float(steps)))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:
                average.copy_(value)

    return AveragedModel(network, multi_avg_fn=torch.no_grad()(mean), use_buffers=True)


def to_device(array: NDArray[np.float32], device: torch.device) -> Tensor:
    """Move an array to ``device``, through pinned memory where that helps."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


def first_candidate(config: TrainingConfig) -> int:
    """Return the first epoch (from zero) that may be kept: the one that ends the warm-up.

    Before, the learning rate still rises. Where artists are kept whole, a validation part of thirty
    tracks is so noisy that an epoch of the warm-up often looks best, and a network that has hardly
    begun to learn would be kept.
    """
    return max(0, math.ceil(config.warm_up * config.max_epochs) - 1)


def patience(config: TrainingConfig, epoch: int) -> float:
    """Return how many epochs without a better one are enough, after ``epoch`` (from zero).

    A third of the epochs so far, at least :data:`LEAST_PATIENCE` and at most the configured
    patience, so that a plateau is waited out the longer, the longer learning has gone on.
    """
    return min(config.patience, max(LEAST_PATIENCE, (epoch + 1) / 3))


def learning_rate(config: TrainingConfig, position: float) -> float:
    """Return the rate at ``position`` (0–1) of the schedule: linear warm-up, then half a cosine."""
    if position < config.warm_up:
        return config.learning_rate * max(position, 0.01 * config.warm_up) / config.warm_up
    decay = (position - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * decay))


def emotion_loss(logits: Tensor, emotions: Tensor, label_smoothing: float) -> Tensor:
    """Cross-entropy against a distribution per segment, shape (n,), in nats."""
    return nn.functional.cross_entropy(
        logits, emotions, reduction="none", label_smoothing=label_smoothing
    )


def intensity_loss(logits: Tensor, fractions: Tensor) -> Tensor:
    """Binary cross-entropy against vote fractions, mean over the emotions, shape (n,), in nats."""
    losses = nn.functional.binary_cross_entropy_with_logits(logits, fractions, reduction="none")
    return losses.mean(1)


def rating_loss(said: Tensor, rated: Tensor, spread: Tensor) -> Tensor:
    """Squared error in standard deviations of each scale, mean over the scales, shape (n,).

    Parameters
    ----------
    said, rated
        Predicted and mean ratings, shape (n, k).
    spread
        Standard deviation of the ratings on each scale, shape (k,).
    """
    return ((said - rated) / spread).square().mean(1)


def predict_logits(
    network: nn.Module, array: NDArray[np.float32], rows: NDArray[np.int64], device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the emotions' and the intensities' logits of ``rows``, each (n, 9).

    Of a network that has learned ratings, these, (n, k), and nothing, (n, 0).

    In float32 whatever the training computed in, so that the exported network says the same.
    """
    network.eval()
    logits, intensities = [], []
    with torch.inference_mode():
        for start in range(0, len(rows), _PREDICTION_BATCH):
            batch = array[rows[start : start + _PREDICTION_BATCH]]
            emotion, intensity = network(to_device(batch, device))
            logits.append(emotion.float().cpu().numpy())
            intensities.append(intensity.float().cpu().numpy())
    return np.concatenate(logits), np.concatenate(intensities)

"""The fit loop: AdamW, warm-up and cosine decay, early stopping, best weights kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from music_emotion.training.augment import Splicer, splice
from music_emotion.training.config import Progress, TrainingConfig
from music_emotion.training.data import TrainingData
from music_emotion.training.device import autocast, half_precision, keep_freed_memory

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
        ``train_loss``, ``train_accuracy``, ``validation_loss``, ``validation_accuracy``,
        ``learning_rate`` and ``seconds``, one value per epoch; the validation curves are missing
        where there is no validation part.
    best_epoch
        Zero-based epoch whose weights the network now has.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = -1


@dataclass(slots=True)
class _Sums:
    """Running sums over the segments of one pass."""

    loss: float = 0.0
    correct: int = 0
    weight: float = 0.0
    seen: int = 0


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
        Maps a batch of features to ``(logits, intensity_logits)``, each (batch, 9).
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
        Told (batches done, batches in all) after each batch.
    """
    if device.type == "cpu":
        keep_freed_memory()
    with seeded(seed, device):
        return _Trainer(network, config, device, seed, progress, frame_axis, epoch_size).run(
            training, validation
        )


class _Trainer:
    """The state of one fit."""

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        device: torch.device,
        seed: int,
        progress: Progress | None,
        frame_axis: int,
        epoch_size: int | None,
    ) -> None:
        self.network = network.to(device)
        # torch's stubs do not know that a module takes a memory format alone.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.config = config
        self.device = device
        self.frame_axis = frame_axis
        self.dtype = half_precision(device)
        self.generator = np.random.default_rng(seed)
        self.progress = progress
        self.optimizer = torch.optim.AdamW(
            network.parameters(), weight_decay=config.weight_decay, fused=True
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)

        self.splicer: Splicer | None = None
        self.epoch_size = epoch_size
        self.order = np.zeros(0, dtype=np.int64)
        self.position = 0

    def run(self, training: TrainingData, validation: TrainingData) -> FitResult:
        if self.config.splice:
            self.splicer = Splicer(training.track_index)
        history: dict[str, list[float]] = {}
        best, best_rank, best_epoch = None, (-math.inf, -math.inf), -1
        for epoch in range(self.config.max_epochs):
            started = time.perf_counter()
            for name, value in self._train_epoch(training, epoch).items():
                history.setdefault(name, []).append(value)
            if len(validation):
                scores = self._validate(validation)
                for name, value in scores.items():
                    history.setdefault(name, []).append(value)
                rank = self._rank(scores)
                if epoch >= first_candidate(self.config) and rank > best_rank:
                    best_rank, best_epoch = rank, epoch
                    best = copy.deepcopy(self.network.state_dict())
            else:
                best_epoch = epoch
            history.setdefault("seconds", []).append(time.perf_counter() - started)
            since = max(best_epoch, first_candidate(self.config))
            if epoch - since >= patience(self.config, epoch):
                break
        if best is not None:
            self.network.load_state_dict(best)
        self.network.eval()
        if self.progress is not None:
            steps = (epoch + 1) * self._steps(training)
            self.progress(steps, steps)
        return FitResult(history, best_epoch)

    def _rank(self, scores: dict[str, float]) -> tuple[float, float]:
        """Return what an epoch is judged by, the more the better."""
        accuracy, loss = scores["validation_accuracy"], scores["validation_loss"]
        return (accuracy, -loss) if self.config.watch == "accuracy" else (-loss, accuracy)

    def _steps(self, data: TrainingData) -> int:
        segments = len(data) if self.epoch_size is None else min(self.epoch_size, len(data))
        return max(1, segments // self.config.batch_size)

    def _next_batch(self, rows: int, size: int) -> NDArray[np.int64]:
        """Draw without replacement until fewer than a batch is left, then shuffle anew."""
        if self.position + size > len(self.order):
            self.order, self.position = self.generator.permutation(rows), 0
        batch = self.order[self.position : self.position + size]
        self.position += len(batch)
        return batch

    def _train_epoch(self, data: TrainingData, epoch: int) -> dict[str, float]:
        self.network.train()
        steps, size = self._steps(data), self.config.batch_size
        sums = _Sums()
        rate = 0.0
        for step in range(steps):
            done = epoch * steps + step
            rate = learning_rate(self.config, done / (self.config.max_epochs * steps))
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = rate
            self._step(data, self._next_batch(len(data), size), sums)
            if self.progress is not None:
                self.progress(done + 1, self.config.max_epochs * steps)
        return {
            "train_loss": sums.loss / sums.weight,
            "train_accuracy": sums.correct / sums.seen,
            "learning_rate": rate,
        }

    def _step(self, data: TrainingData, index: NDArray[np.int64], sums: _Sums) -> None:
        inputs = self._to_device(self._inputs(data, index))
        emotions, weight = (
            self._to_device(data.emotions[index]),
            self._to_device(data.weight[index]),
        )
        intensities = self._to_device(data.intensities[index])
        intensity_weight = self._to_device(data.intensity_weight[index])
        truth = emotions.argmax(1)
        if self.config.mixup > 0:
            share, partner = self._mixture(len(index))
            inputs = torch.lerp(inputs[partner], inputs, share)
            emotions = torch.lerp(emotions[partner], emotions, share)
            intensities = torch.lerp(intensities[partner], intensities, share)
            weight = torch.lerp(weight[partner], weight, share)
            intensity_weight = torch.minimum(intensity_weight, intensity_weight[partner])
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.dtype):
            logits, intensity_logits = self.network(inputs)
        losses = emotion_loss(logits.float(), emotions, self.config.label_smoothing)
        loss = (losses * weight).mean() + (
            intensity_loss(intensity_logits.float(), intensities) * intensity_weight
        ).mean()
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():
            sums.loss += float((losses * weight).sum())
            sums.weight += float(weight.sum())
            sums.correct += int((logits.argmax(1) == truth).sum())
            sums.seen += len(index)

    def _inputs(self, data: TrainingData, index: NDArray[np.int64]) -> NDArray[np.float32]:
        inputs = data.array[data.rows[index]]
        if self.splicer is None:
            return inputs
        partners = self.splicer.partners(index, self.generator)
        return splice(inputs, data.array[data.rows[partners]], self.frame_axis, self.generator)

    def _mixture(self, size: int) -> tuple[float, Tensor]:
        """Return the share a segment keeps (at least one half) and its partner in the batch."""
        share = float(self.generator.beta(self.config.mixup, self.config.mixup))
        partner = torch.from_numpy(self.generator.permutation(size)).to(self.device)
        return max(share, 1 - share), partner

    def _validate(self, data: TrainingData) -> dict[str, float]:
        logits, _ = predict_logits(self.network, data.array, data.rows, self.device)
        emotions = torch.from_numpy(data.emotions)
        weight = torch.from_numpy(data.weight)
        losses = emotion_loss(torch.from_numpy(logits), emotions, 0.0)
        return {
            "validation_loss": float((losses * weight).sum() / weight.sum()),
            "validation_accuracy": float(np.mean(logits.argmax(1) == data.emotions.argmax(1))),
        }

    def _to_device(self, array: NDArray[np.float32]) -> Tensor:
        return to_device(array, self.device)


def to_device(array: NDArray[np.float32], device: torch.device) -> Tensor:
    """Move an array to ``device``, through pinned memory where that helps."""
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
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
    return nn.functional.binary_cross_entropy_with_logits(logits, fractions, reduction="none").mean(
        1
    )


def predict_logits(
    network: nn.Module, array: NDArray[np.float32], rows: NDArray[np.int64], device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the emotions' and the intensities' logits of ``rows``, each (n, 9).

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

"""Cheap models for tests of the comparison; worker processes import this module by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion.errors import ModelError
from music_emotion.models.base import Examples, FitReport, Prediction
from music_emotion.models.ensemble import Ensemble
from music_emotion.models.registry import create

GOOD, BAD, SLOW, PAIR, BROKEN, DIES, REFUSES = (
    f"helpers.stub_models:{kind}"
    for kind in ("good", "bad", "slow", "pair", "broken", "dies", "refuses")
)
FITS = "STUB_FITS"
"""Environment variable: a file that gets a line per fit."""
PACE = "STUB_SECONDS"
"""Environment variable: how long a fit lasts. It is no setting: slow cells count as made."""
N_EMOTIONS = 9


class Centroids:
    """The nearest class centroid, blurred by seeded noise."""

    def __init__(self, name: str, *, noise: float, blur: float) -> None:
        self.name = name
        self.feature_names: tuple[str, ...] = ("points",)
        self.noise = noise
        self.blur = blur

    def fit(self, examples: Examples, *, target="label", seed=0, progress=None) -> FitReport:
        if log := os.environ.get(FITS):
            with Path(log).open("a") as file:
                file.write(f"{self.name} {target} {seed}\n")
        points = examples.gather("points")
        if self.name == BROKEN:
            raise ValueError("this model is broken\nand says so at length")
        if self.name == REFUSES:
            raise ModelError("refuses to learn: give it something else")
        if self.name == DIES:
            os._exit(3)
        for step in range(3):
            time.sleep(float(os.environ.get(PACE, "0")) / 3)
            if progress:
                progress(step + 1, 3)
        rng = np.random.default_rng(seed)
        weights = np.eye(N_EMOTIONS)[examples.label]
        if target == "votes":
            weights = examples.vote_fractions
        sums = weights.T @ points
        self.centroids_ = sums / np.maximum(weights.sum(0), 1e-9)[:, None]
        self.centroids_ += self.noise * rng.normal(size=self.centroids_.shape)
        self.known_ = weights.sum(0) > 0
        return FitReport({"train_loss": [1.0, 0.5]}, best_epoch=1, notes=(f"noise {self.noise}",))

    def predict(self, examples: Examples) -> Prediction:
        points = examples.gather("points")
        distance = ((points[:, None] - self.centroids_) ** 2).sum(-1)
        logits = np.where(self.known_, -distance / self.blur, -50.0)
        weights = np.exp(logits - logits.max(1, keepdims=True))
        emotions = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        return Prediction(emotions, 0.5 * emotions)


def _centroids(noise: float) -> Callable[..., Centroids]:
    def create(name: str, dropout: float = 1.0) -> Centroids:
        return Centroids(name, noise=noise, blur=dropout)

    return create


good, bad, slow, broken, dies, refuses = map(_centroids, (0.01, 3.0, 0.05, 0.0, 0.0, 0.0))


def pair(name: str, **settings: Any) -> Ensemble:
    """The mean of the good one and the bad one."""
    return Ensemble(name, [create(GOOD, **settings), create(BAD, **settings)])

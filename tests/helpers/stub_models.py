"""Cheap models for tests of the comparison; worker processes import this module by name."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion.errors import ModelError
from music_emotion.models.base import Examples, FitReport, Prediction
from music_emotion.models.ensemble import Ensemble

FACTORY = "helpers.stub_models:create"
FITS = "STUB_FITS"
"""Environment variable: a file that gets a line per fit."""
N_EMOTIONS = 9


class Centroids:
    """The nearest class centroid, blurred by seeded noise."""

    def __init__(self, name: str, *, noise: float, blur: float = 1.0, seconds: float = 0.0) -> None:
        self.name = name
        self.feature_names: tuple[str, ...] = ("points",)
        self.noise = noise
        self.blur = blur
        self._seconds = seconds

    def fit(self, examples: Examples, *, target="label", seed=0, progress=None) -> FitReport:
        if log := os.environ.get(FITS):
            with Path(log).open("a") as file:
                file.write(f"{self.name} {target} {seed}\n")
        points = examples.gather("points")
        if self.name == "broken":
            raise ValueError("this model is broken\nand says so at length")
        if self.name == "refuses":
            raise ModelError("refuses to learn: give it something else")
        if self.name == "dies":
            os._exit(3)
        for step in range(3):
            time.sleep(self._seconds / 3)
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


def create(name: str, **settings: Any) -> Any:
    """Make a stub by name."""
    if name == "pair":
        return Ensemble(name, [create("good", **settings), create("bad", **settings)])
    noises = {"good": 0.01, "bad": 3.0, "slow": 0.05, "broken": 0.0, "dies": 0.0, "refuses": 0.0}
    if name not in noises:
        raise ModelError(f"there is no model {name!r}")
    seconds = settings.pop("seconds", 0.0) if name == "slow" else 0.0
    return Centroids(name, noise=noises[name], seconds=seconds, **settings)

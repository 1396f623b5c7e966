"""The unweighted mean of several models' predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from music_emotion.models import registry
from music_emotion.models.base import Examples, FitReport, Model, Prediction, Target
from music_emotion.progress import Progress, part_of

MODELS = ("ensemble",)
ENSEMBLE_MEMBERS = ("bilstm_cnn", "cnn2d_specaugment")


def create(name: str, **settings: Any) -> Ensemble:
    """Return the unfitted mean of :data:`ENSEMBLE_MEMBERS`, all of the same settings."""
    return Ensemble(name, [registry.create(member, **settings) for member in ENSEMBLE_MEMBERS])


def mean_prediction(predictions: Sequence[Prediction]) -> Prediction:
    """Average what models predicted of the same rows: emotions and intensities, or ratings."""
    ratings = [each.ratings for each in predictions if each.ratings is not None]
    if ratings:
        return Prediction.of_ratings(np.mean(ratings, axis=0, dtype=np.float64))
    return Prediction(
        np.mean([prediction.emotions for prediction in predictions], axis=0, dtype=np.float32),
        np.mean([prediction.intensities for prediction in predictions], axis=0, dtype=np.float32),
    )


class Ensemble:
    """Models fitted one after the other on the same examples, each exactly as if alone.

    Because each is fitted with the ensemble's own seed, :func:`mean_prediction` over predictions
    saved from the members alone is the ensemble's prediction.
    """

    def __init__(self, name: str, members: Sequence[Model]) -> None:
        self.name = name
        self.members = tuple(members)
        self.learns_ratings = all(getattr(each, "learns_ratings", False) for each in self.members)
        self.feature_names = tuple(
            dict.fromkeys(name for member in self.members for name in member.feature_names)
        )

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Fit every member; curves are named ``<member>/<curve>``."""
        history: dict[str, list[float]] = {}
        notes: list[str] = []
        parameters = 0
        for position, member in enumerate(self.members):
            report = member.fit(
                examples,
                target=target,
                seed=seed,
                progress=part_of(progress, position, len(self.members)),
            )
            for curve, values in report.history.items():
                history[f"{member.name}/{curve}"] = values
            notes += [f"{member.name}: {note}" for note in report.notes]
            parameters += report.parameters
        return FitReport(history=history, notes=tuple(notes), parameters=parameters)

    def predict(self, examples: Examples) -> Prediction:
        """Return the unweighted mean of the members' predictions."""
        return mean_prediction([member.predict(examples) for member in self.members])

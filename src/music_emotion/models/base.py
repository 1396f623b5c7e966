"""What every model shares: the examples it sees, what it predicts, and the fit/predict contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.progress import Progress

if TYPE_CHECKING:
    from onnx import ModelProto

FloatType = TypeVar("FloatType", np.float32, np.float64)

Target = Literal["label", "votes", "ratings", "ratings-over-time"]
"""``label``: learn the dominant emotion; ``votes``: learn the listeners' vote fractions;
``ratings``: learn what raters said on the corpus' own scales. A model that can do the last says so
with an attribute ``learns_ratings``, and may see other features then: ``rating_feature_names``.
``ratings-over-time``: the same of each segment, as an item of its own; to a model these are
``ratings``, see :func:`learned`."""

RATED: tuple[Target, ...] = ("ratings", "ratings-over-time")
"""The targets that are ratings."""


@dataclass(frozen=True)
class Examples:
    """Segments as a model sees them: n rows of the feature arrays.

    Attributes
    ----------
    features
        Arrays by name, one entry per segment of the *whole* corpus on axis 0 (possibly
        memory-mapped, shared by all subsets); :meth:`gather` returns this subset's.
    rows
        Positions of this subset in the feature arrays, shape (n,).
    track_index
        Each row's track in its corpus, shape (n,).
    unit
        What is scored as one, shape (n,): the segment or the track.
    group
        What must not be divided between training and validation, shape (n,).
    label
        Dominant emotion, shape (n,), 0–8.
    vote_fractions
        Ticks / listeners, shape (n, 9), 0–1.
    listeners
        Number of listeners, shape (n,), at least 1.
    genre
        Genre number, shape (n,).
    ratings
        Mean ratings, shape (n, k), NaN where nobody rated the track; ``None`` where the corpus has
        none.
    raters
        Number of raters, shape (n,), at least 1; ``None`` where it has none.
    """

    features: Mapping[str, NDArray[np.float32]]
    rows: NDArray[np.int64]
    track_index: NDArray[np.int64]
    unit: NDArray[np.int64]
    group: NDArray[np.int64]
    label: NDArray[np.int64]
    vote_fractions: NDArray[np.float32]
    listeners: NDArray[np.int64]
    genre: NDArray[np.int64]
    ratings: NDArray[np.float32] | None = None
    raters: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, name: str) -> NDArray[np.float32]:
        """Return the subset's features, a copy of shape (n, …)."""
        return np.asarray(self.features[name][self.rows])

    def take(self, index: NDArray[Any]) -> Examples:
        """Return the subset at ``index`` (integers or a mask over these n rows)."""
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        taken = {name: one[index] for name, one in values.items() if one is not None}
        return Examples(self.features, **taken)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of n rows.

    Attributes
    ----------
    emotions
        Probability of each emotion to be the dominant one, shape (n, 9), rows sum to 1.
    intensities
        Expected vote fraction of each emotion, shape (n, 9), 0–1.
    ratings
        Expected ratings, shape (n, k), of a model that has learned ratings; it says nothing of the
        emotions (see :meth:`of_ratings`). ``None`` of others.
    """

    emotions: NDArray[np.float32]
    intensities: NDArray[np.float32]
    ratings: NDArray[np.float32] | None = None

    @classmethod
    def of_ratings(cls, ratings: NDArray[np.floating]) -> Prediction:
        """Return the prediction of ratings alone, shape (n, k); its other arrays are (n, 0)."""
        nothing = np.zeros((len(ratings), 0), np.float32)
        return cls(nothing, nothing, ratings.astype(np.float32))

    def __len__(self) -> int:
        return len(self.emotions)


@dataclass(frozen=True, slots=True)
class FitReport:
    """How a fit went.

    Attributes
    ----------
    history
        One value per epoch and curve name (``train_loss``, …); empty where there are no epochs.
    best_epoch
        Zero-based epoch whose weights were kept; -1 where there are no epochs.
    notes
        What a reader should know: what SMOTE did, what an inner search chose.
    parameters
        Number of trainable parameters; 0 where the notion does not apply.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = -1
    notes: tuple[str, ...] = ()
    parameters: int = 0


def learned(target: Target) -> Target:
    """Return the target as a model is told it.

    >>> learned("ratings-over-time"), learned("votes")
    ('ratings', 'votes')
    """
    return "ratings" if target in RATED else target


def seen_features(model: Model, target: Target) -> tuple[str, ...]:
    """Return the names of the features that a model sees where it learns a target."""
    names = getattr(model, "rating_feature_names", None) if target in RATED else None
    return tuple(model.feature_names if names is None else names)


class Model(Protocol):
    """The contract of every model in the registry.

    A model gets the training part only. Scaling, SMOTE, the validation cut, calibration and any
    choice between candidates happen inside :meth:`fit`, so that nothing of a test fold can reach
    them.
    """

    name: str
    feature_names: tuple[str, ...]

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Learn from ``examples``; the same seed gives the same model.

        Raises
        ------
        ModelError
            If it cannot learn from them: there are none, or all are of one group where a model
            needs two; or the device of its settings is not there.
        """
        ...

    def predict(self, examples: Examples) -> Prediction:
        """Predict each row; rows of one unit may share one prediction.

        Raises
        ------
        ModelError
            If the model has not been fitted.
        """
        ...


@runtime_checkable
class GraphModel(Protocol):
    """A fitted model without a network, which makes its own graph.

    Attributes
    ----------
    feature_names
        The graph's inputs.
    pooling
        For each feature the statistics over segments that the graph sees, as on a card.
    window_seconds
        Span behind one point of the timeline.
    """

    feature_names: tuple[str, ...]
    pooling: Mapping[str, tuple[str, ...]]
    window_seconds: float

    def graph(self) -> ModelProto:
        """Return a graph with inputs (n, size) by feature name, outputs emotions, intensities."""
        ...


def one_hot(label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a distribution per label that is sure of it, shape (n, 9)."""
    return np.eye(len(EMOTIONS))[label]


def tick_shares(vote_fractions: NDArray[FloatType], label: NDArray[np.int64]) -> NDArray[FloatType]:
    """Return ticks / all ticks, shape (n, 9), rows sum to 1; the label where nobody ticked any.

    Parameters
    ----------
    vote_fractions
        Ticks / listeners, shape (n, 9); the result is of their type.
    label
        Dominant emotion, shape (n,).
    """
    ticks = vote_fractions.sum(axis=1, keepdims=True)
    shares = vote_fractions / np.where(ticks > 0, ticks, 1)
    return np.where(ticks > 0, shares, one_hot(label)).astype(vote_fractions.dtype)

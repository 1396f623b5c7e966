"""Models without a network, which say what the others' figures are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.features.descriptors import ADVANCED_NAMES
from music_emotion.features.statistics import STATISTICS
from music_emotion.models.base import Examples, FitReport, Model, Prediction, Target
from music_emotion.training.config import Progress

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Units:
    """Examples pooled so that each scored item (segment or track) is one row.

    Attributes
    ----------
    features
        Mean feature vectors, shape (units, k).
    label, genre, group, listeners
        Shape (units,).
    vote_fractions
        Shape (units, 9), 0–1.
    unit_of_row
        Position of each row's unit, shape (n,).
    """

    features: Floats
    label: NDArray[np.int64]
    genre: NDArray[np.int64]
    group: NDArray[np.int64]
    listeners: NDArray[np.int64]
    vote_fractions: Floats
    unit_of_row: NDArray[np.int64]

    @property
    def tick_shares(self) -> Floats:
        """Ticks / all ticks, shape (units, 9); the label where nobody ticked anything."""
        ticks = self.vote_fractions.sum(axis=1, keepdims=True)
        shares: Floats = np.where(
            ticks > 0, self.vote_fractions / np.where(ticks > 0, ticks, 1), _one_hot(self.label)
        )
        return shares

    def target(self, target: Target) -> tuple[Floats, Floats]:
        """Return the emotions' distribution (units, 9) and each unit's weight (units,)."""
        if target == "votes":
            return self.tick_shares, self.listeners.astype(np.float64)
        return _one_hot(self.label), np.ones(len(self.label))


def pool_units(examples: Examples, feature: str | None) -> Units:
    """Average the rows of each unit; ``feature`` may be ``None`` where none is needed."""
    _, first, unit_of_row = np.unique(examples.unit, return_index=True, return_inverse=True)
    if feature is None:
        pooled = np.zeros((len(first), 0))
    else:
        rows = examples.gather(feature).astype(np.float64)
        pooled = np.zeros((len(first), rows.shape[1]))
        np.add.at(pooled, unit_of_row, rows)
        pooled /= np.bincount(unit_of_row)[:, None]
    return Units(
        features=pooled,
        label=examples.label[first],
        genre=examples.genre[first],
        group=examples.group[first],
        listeners=examples.listeners[first],
        vote_fractions=examples.vote_fractions[first].astype(np.float64),
        unit_of_row=unit_of_row,
    )


class _Baseline:
    """Pool, fit and predict units, and hand each row its unit's prediction."""

    name: str
    feature_names: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._fitted = False

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Learn from ``examples``, pooled by unit.

        Raises
        ------
        ModelError
            If there are no examples.
        """
        if len(examples) == 0:
            raise ModelError(f"{self.name} cannot be fitted: the training part is empty")
        notes = self._fit_units(self._pool(examples), target, seed)
        self._fitted = True
        if progress is not None:
            progress(1, 1)
        return FitReport(notes=notes)

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction.

        Raises
        ------
        ModelError
            If the model has not been fitted.
        """
        if not self._fitted:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        units = self._pool(examples)
        emotions, intensities = self._predict_units(units)
        return Prediction(
            _distribution(emotions)[units.unit_of_row].astype(np.float32),
            np.clip(intensities, 0, 1)[units.unit_of_row].astype(np.float32),
        )

    def _pool(self, examples: Examples) -> Units:
        return pool_units(examples, self.feature_names[0] if self.feature_names else None)

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        raise NotImplementedError

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        raise NotImplementedError


class CommonestClass(_Baseline):
    """Predict the training part's class frequencies and mean vote fractions for everything."""

    name = "commonest_class"

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        self._emotions, self._intensities = _frequencies(units, target)
        return (f"commonest class: {EMOTIONS[int(self._emotions.argmax())]}",)

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        shape = (len(units.label), len(EMOTIONS))
        return np.broadcast_to(self._emotions, shape), np.broadcast_to(self._intensities, shape)


class GenreOnly(_Baseline):
    """Predict the class frequencies and mean vote fractions of the genre, hearing nothing."""

    name = "genre_only"

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        self._overall = _frequencies(units, target)
        self._by_genre = {
            int(genre): _frequencies(_of_genre(units, int(genre)), target)
            for genre in np.unique(units.genre)
        }
        return ()

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        found = [self._by_genre.get(int(genre), self._overall) for genre in units.genre]
        return np.stack([pair[0] for pair in found]), np.stack([pair[1] for pair in found])


class _OfStatistics(_Baseline):
    """A baseline on the first few of the eight statistics of each descriptor."""

    feature_names: tuple[str, ...] = ("statistics",)

    def __init__(self, statistics: tuple[str, ...]) -> None:
        super().__init__()
        # Not private: what cells are made of tells whether they are up to date.
        self.statistics = statistics

    def _pool(self, examples: Examples) -> Units:
        units = super()._pool(examples)
        columns = len(self.statistics) * len(ADVANCED_NAMES)
        return replace(units, features=units.features[:, :columns])


class NearestNeighbour(_OfStatistics):
    """Copy label and votes of the nearest training unit by standardised Euclidean distance.

    Distances are over the mean of each descriptor alone: the other statistics are noisier, and in a
    distance that weighs all columns alike they drown the means.
    """

    name = "nearest_neighbour"

    def __init__(self) -> None:
        super().__init__(STATISTICS[:1])

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        from sklearn.neighbors import NearestNeighbors
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._scaler = make_pipeline(StandardScaler())
        self._index = NearestNeighbors(n_neighbors=1)
        self._index.fit(self._scaler.fit_transform(units.features))
        self._emotions = units.target(target)[0]
        self._intensities = units.vote_fractions
        return ()

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        nearest = self._index.kneighbors(
            self._scaler.transform(units.features), return_distance=False
        )[:, 0]
        return self._emotions[nearest], self._intensities[nearest]


class SupportVectorMachine(_OfStatistics):
    """RBF support vector machine; intensities by kernel ridge regression with the same kernel.

    The probabilities are the softmax of the one-against-rest decision values, sharpened by one
    temperature that is fitted on grouped out-of-fold decisions inside the training part. Hinge
    losses know no soft labels, so with votes as target the same kernel ridge regression predicts
    the shares of the ticks too. Its columns are mean and standard deviation of each descriptor.
    """

    name = "svm"

    cost = 10.0
    """The machine's C."""

    ridge = 1.0
    """Regularisation of the kernel ridge regression for a unit of mean weight."""

    inner_folds = 5
    """Folds of the temperature's inner cross-validation."""

    def __init__(self) -> None:
        super().__init__(STATISTICS[:2])

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        from sklearn.kernel_ridge import KernelRidge
        from sklearn.preprocessing import StandardScaler

        self._scaler = StandardScaler()
        features = self._scaler.fit_transform(units.features)
        weight = units.listeners / units.listeners.mean()
        self._machine: _Classifier | None = None
        wanted = [units.vote_fractions]
        notes: tuple[str, ...] = ()
        if target == "votes":
            wanted.append(units.tick_shares)
        else:
            notes = self._fit_machine(features, units, seed)
        outputs = np.concatenate(wanted, axis=1)
        self._offset = np.average(outputs, axis=0, weights=weight)
        self._regression = KernelRidge(
            alpha=self.ridge, kernel="rbf", gamma=1 / max(features.shape[1], 1)
        )
        self._regression.fit(features, outputs - self._offset, sample_weight=weight)
        return notes

    def _fit_machine(self, features: Floats, units: Units, seed: int) -> tuple[str, ...]:
        self._classes = np.unique(units.label)
        self._temperature = 1.0
        if len(self._classes) == 1:
            return (f"only one class in training: {EMOTIONS[self._classes[0]]}",)
        self._machine = self._new_machine().fit(features, units.label)
        self._temperature = self._inner_temperature(features, units, seed)
        return (f"temperature {self._temperature:.3g} from inner cross-validation",)

    def _new_machine(self) -> _Classifier:
        from sklearn.svm import SVC

        machine: _Classifier = SVC(C=self.cost, kernel="rbf", gamma="scale")
        return machine

    def _inner_temperature(self, features: Floats, units: Units, seed: int) -> float:
        from sklearn.model_selection import GroupKFold

        folds = min(self.inner_folds, len(np.unique(units.group)))
        if folds < 2:
            return 1.0
        decisions, truth = [], []
        splitter = GroupKFold(folds, shuffle=True, random_state=seed)
        for inside, outside in splitter.split(features, units.label, units.group):
            if len(np.unique(units.label[inside])) < 2:
                continue
            machine = self._new_machine().fit(features[inside], units.label[inside])
            values = _decisions(machine, features[outside], np.unique(units.label[inside]))
            decisions.append(values)
            truth.append(units.label[outside])
        if not decisions:
            return 1.0
        return _best_temperature(np.concatenate(decisions), np.concatenate(truth))

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        features = self._scaler.transform(units.features)
        regressed = self._regression.predict(features) + self._offset
        intensities = regressed[:, : len(EMOTIONS)]
        if regressed.shape[1] > len(EMOTIONS):
            return np.clip(regressed[:, len(EMOTIONS) :], 1e-6, None), intensities
        if self._machine is None:
            return np.repeat(_one_hot(self._classes), len(features), axis=0), intensities
        decisions = _decisions(self._machine, features, self._classes)
        return _softmax(decisions / self._temperature), intensities


class _Classifier:
    """The part of scikit-learn's classifier this module uses (for the type checker)."""

    def fit(self, features: Floats, label: NDArray[np.int64]) -> _Classifier:
        raise NotImplementedError

    def decision_function(self, features: Floats) -> Floats:
        raise NotImplementedError


_ABSENT = -3.0
"""Decision value, relative to the lowest one, of an emotion that training did not contain."""


def _decisions(machine: _Classifier, features: Floats, classes: NDArray[np.int64]) -> Floats:
    """Return one decision value per emotion, shape (n, 9)."""
    values = machine.decision_function(features)
    if values.ndim == 1:
        values = np.stack([-values, values], axis=1)
    decisions = np.full((len(values), len(EMOTIONS)), values.min() + _ABSENT)
    decisions[:, classes] = values
    return decisions


def _best_temperature(decisions: Floats, truth: NDArray[np.int64]) -> float:
    """Return the temperature with the lowest log-loss."""
    from scipy.optimize import minimize_scalar

    def log_loss(exponent: float) -> float:
        probability = _softmax(decisions / np.exp(exponent))
        chosen = probability[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(-4, 4), method="bounded").x))


def _of_genre(units: Units, genre: int) -> Units:
    chosen = units.genre == genre
    return Units(
        features=units.features[chosen],
        label=units.label[chosen],
        genre=units.genre[chosen],
        group=units.group[chosen],
        listeners=units.listeners[chosen],
        vote_fractions=units.vote_fractions[chosen],
        unit_of_row=np.arange(int(chosen.sum())),
    )


def _frequencies(units: Units, target: Target) -> tuple[Floats, Floats]:
    """Return the mean distribution and the mean vote fractions, each shape (9,)."""
    emotions, weight = units.target(target)
    return (
        np.average(emotions, axis=0, weights=weight),
        np.average(units.vote_fractions, axis=0, weights=units.listeners),
    )


def _one_hot(label: NDArray[np.int64]) -> Floats:
    return np.eye(len(EMOTIONS))[label]


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def _distribution(values: Floats) -> Floats:
    result: Floats = values / values.sum(axis=1, keepdims=True)
    return result


def create(name: str, **settings: Any) -> Model:
    """Return an unfitted baseline; none has settings."""
    kinds = (CommonestClass, GenreOnly, NearestNeighbour, SupportVectorMachine)
    return next(kind() for kind in kinds if kind.name == name)

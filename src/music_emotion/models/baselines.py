"""Models without a network, which say what the others' figures are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.features.descriptors import ADVANCED_NAMES
from music_emotion.features.statistics import STATISTICS
from music_emotion.models.base import Examples, FitReport, Model, Prediction, Target, one_hot
from music_emotion.models.pooling import Units, pool_units
from music_emotion.models.rating_regression import Standard, rated
from music_emotion.progress import Progress

MODELS = ("commonest_class", "genre_only", "nearest_neighbour", "svm")

Floats = NDArray[np.float64]


class _Baseline:
    """Pool, fit and predict units, and hand each row its unit's prediction."""

    name: str
    feature_names: tuple[str, ...] = ()
    learns_ratings = True
    _fitted: Target | None = None

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Learn from ``examples``, pooled by unit."""
        if len(examples) == 0:
            raise ModelError(f"{self.name} cannot be fitted: the training part is empty")
        units = self._pool(examples)[0]
        if target == "ratings":
            self._fit_ratings(rated(units))
            notes: tuple[str, ...] = ()
        else:
            notes = self._fit_units(units, target, seed)
        self._fitted = target
        if progress is not None:
            progress(1, 1)
        return FitReport(notes=notes)

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction."""
        if self._fitted is None:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        units, unit_of_row = self._pool(examples)
        if self._fitted == "ratings":
            return Prediction.of_ratings(self._predict_ratings(units)[unit_of_row])
        emotions, intensities = self._predict_units(units)
        return Prediction(
            (emotions / emotions.sum(axis=1, keepdims=True))[unit_of_row].astype(np.float32),
            np.clip(intensities, 0, 1)[unit_of_row].astype(np.float32),
        )

    def _pool(self, examples: Examples) -> tuple[Units, NDArray[np.int64]]:
        return pool_units(examples, self.feature_names, ("mean",))

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        raise NotImplementedError

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        raise NotImplementedError

    def _fit_ratings(self, units: Units) -> None:
        raise NotImplementedError

    def _predict_ratings(self, units: Units) -> Floats:
        raise NotImplementedError


class CommonestClass(_Baseline):
    """Predict the training part's class frequencies and mean vote fractions for everything.

    Of ratings, their mean.
    """

    name = "commonest_class"

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        self._emotions, self._intensities = _frequencies(units, target)
        return (f"commonest class: {EMOTIONS[int(self._emotions.argmax())]}",)

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        shape = (len(units), len(EMOTIONS))
        return np.broadcast_to(self._emotions, shape), np.broadcast_to(self._intensities, shape)

    def _fit_ratings(self, units: Units) -> None:
        self._ratings = units.ratings.mean(axis=0)

    def _predict_ratings(self, units: Units) -> Floats:
        return np.broadcast_to(self._ratings, (len(units), len(self._ratings)))


class GenreOnly(_Baseline):
    """Predict the class frequencies, mean vote fractions or mean ratings of the genre.

    It hears nothing.
    """

    name = "genre_only"

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        self._overall = _frequencies(units, target)
        self._by_genre = {
            int(genre): _frequencies(units.take(units.genre == genre), target)
            for genre in np.unique(units.genre)
        }
        return ()

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        found = [self._by_genre.get(int(genre), self._overall) for genre in units.genre]
        return np.stack([pair[0] for pair in found]), np.stack([pair[1] for pair in found])

    def _fit_ratings(self, units: Units) -> None:
        self._mean = units.ratings.mean(axis=0)
        self._mean_by_genre = {
            int(genre): units.ratings[units.genre == genre].mean(axis=0)
            for genre in np.unique(units.genre)
        }

    def _predict_ratings(self, units: Units) -> Floats:
        return np.stack([self._mean_by_genre.get(int(genre), self._mean) for genre in units.genre])


class _OfStatistics(_Baseline):
    """A baseline on the first few of the eight statistics of each descriptor."""

    feature_names: tuple[str, ...] = ("statistics",)

    def __init__(self, statistics: tuple[str, ...]) -> None:
        # Not private: what cells are made of tells whether they are up to date.
        self.statistics = statistics

    def _features(self, units: Units) -> Floats:
        return units.features["statistics"][:, : len(self.statistics) * len(ADVANCED_NAMES)]


class NearestNeighbour(_OfStatistics):
    """Copy what is known of the nearest training unit by standardised Euclidean distance.

    Distances are over the mean of each descriptor alone: the other statistics are noisier, and in a
    distance that weighs all columns alike they drown the means.
    """

    name = "nearest_neighbour"

    def __init__(self) -> None:
        super().__init__(STATISTICS[:1])

    def _fit_units(self, units: Units, target: Target, seed: int) -> tuple[str, ...]:
        self._fit_index(units)
        self._emotions = units.target(target)[0]
        self._intensities = units.vote_fractions
        return ()

    def _fit_index(self, units: Units) -> None:
        from sklearn.neighbors import NearestNeighbors
        from sklearn.preprocessing import StandardScaler

        self._scaler = StandardScaler()
        self._index = NearestNeighbors(n_neighbors=1)
        self._index.fit(self._scaler.fit_transform(self._features(units)))

    def _nearest(self, units: Units) -> NDArray[np.int64]:
        """Return the nearest training unit of each unit, shape (n,)."""
        features = self._scaler.transform(self._features(units))
        nearest: NDArray[np.int64] = self._index.kneighbors(features, return_distance=False)[:, 0]
        return nearest

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        nearest = self._nearest(units)
        return self._emotions[nearest], self._intensities[nearest]

    def _fit_ratings(self, units: Units) -> None:
        self._fit_index(units)
        self._ratings = units.ratings

    def _predict_ratings(self, units: Units) -> Floats:
        return self._ratings[self._nearest(units)]


class SupportVectorMachine(_OfStatistics):
    """RBF support vector machine; intensities by kernel ridge regression with the same kernel.

    The probabilities are the softmax of the one-against-rest decision values, sharpened by one
    temperature that is fitted on grouped out-of-fold decisions inside the training part. Hinge
    losses know no soft labels, so with votes as target the same kernel ridge regression predicts
    the shares of the ticks too. Ratings are learned by support vector regression, scale by scale.
    Its columns are mean and standard deviation of each descriptor.
    """

    name = "svm"

    cost = 10.0
    """The C of the support vector machine."""

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
        features = self._scaler.fit_transform(self._features(units))
        weight = units.listeners / units.listeners.mean()
        if target == "votes":
            notes: tuple[str, ...] = ()
            outputs = np.concatenate([units.vote_fractions, units.tick_shares], axis=1)
        else:
            notes = self._fit_classifier(features, units, seed)
            outputs = units.vote_fractions
        self._offset = np.average(outputs, axis=0, weights=weight)
        self._regression = KernelRidge(alpha=self.ridge, kernel="rbf", gamma=1 / features.shape[1])
        self._regression.fit(features, outputs - self._offset, sample_weight=weight)
        return notes

    def _fit_classifier(self, features: Floats, units: Units, seed: int) -> tuple[str, ...]:
        self._classes = np.unique(units.label)
        if len(self._classes) == 1:
            return (f"only one class in training: {EMOTIONS[self._classes[0]]}",)
        self._classifier = self._new_classifier().fit(features, units.label)
        self._temperature = self._inner_temperature(features, units, seed)
        return (f"temperature {self._temperature:.3g} from inner cross-validation",)

    def _new_classifier(self) -> Any:
        from sklearn.svm import SVC

        return SVC(C=self.cost)

    def _inner_temperature(self, features: Floats, units: Units, seed: int) -> float:
        from sklearn.model_selection import GroupKFold

        folds = min(self.inner_folds, len(np.unique(units.group)))
        if folds < 2:
            return 1.0
        decisions, truth = [], []
        splitter = GroupKFold(folds, shuffle=True, random_state=seed)
        for inside, outside in splitter.split(features, groups=units.group):
            if len(np.unique(units.label[inside])) > 1:
                classifier = self._new_classifier().fit(features[inside], units.label[inside])
                decisions.append(_decisions(classifier, features[outside]))
                truth.append(units.label[outside])
        if not decisions:
            return 1.0
        return _best_temperature(np.concatenate(decisions), np.concatenate(truth))

    def _predict_units(self, units: Units) -> tuple[Floats, Floats]:
        features = self._scaler.transform(self._features(units))
        regressed = self._regression.predict(features) + self._offset
        intensities, shares = regressed[:, : len(EMOTIONS)], regressed[:, len(EMOTIONS) :]
        if shares.shape[1] > 0:
            return np.clip(shares, 1e-6, None), intensities
        if len(self._classes) == 1:
            return np.repeat(one_hot(self._classes), len(features), axis=0), intensities
        decisions = _decisions(self._classifier, features)
        return softmax(decisions / self._temperature, axis=1), intensities

    def _fit_ratings(self, units: Units) -> None:
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVR

        self._scaler = StandardScaler()
        features = self._scaler.fit_transform(self._features(units))
        self._standard = Standard.fit(units.ratings)
        self._regressions = [
            SVR().fit(features, scale) for scale in self._standard.of(units.ratings).T
        ]

    def _predict_ratings(self, units: Units) -> Floats:
        features = self._scaler.transform(self._features(units))
        said = np.stack([one.predict(features) for one in self._regressions], axis=1)
        return self._standard.ratings(said)


_ABSENT = -3.0
"""Decision value, relative to the lowest one, of an emotion that training did not contain."""


def _decisions(classifier: Any, features: Floats) -> Floats:
    """Return one decision value per emotion, shape (n, 9)."""
    values = classifier.decision_function(features)
    if values.ndim == 1:
        values = np.stack([-values, values], axis=1)
    decisions = np.full((len(values), len(EMOTIONS)), values.min() + _ABSENT)
    decisions[:, classifier.classes_] = values
    return decisions


def _best_temperature(decisions: Floats, truth: NDArray[np.int64]) -> float:
    """Return the temperature with the lowest log-loss."""
    from scipy.optimize import minimize_scalar

    def log_loss(exponent: float) -> float:
        probability = softmax(decisions / np.exp(exponent), axis=1)
        chosen = probability[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(-4, 4), method="bounded").x))


def _frequencies(units: Units, target: Target) -> tuple[Floats, Floats]:
    """Return the mean distribution and the mean vote fractions, each shape (9,)."""
    emotions, weight = units.target(target)
    return (
        np.average(emotions, axis=0, weights=weight),
        np.average(units.vote_fractions, axis=0, weights=units.listeners),
    )


def create(name: str, **settings: Any) -> Model:
    """Return an unfitted baseline; none has settings."""
    kinds = (CommonestClass, GenreOnly, NearestNeighbour, SupportVectorMachine)
    return next(kind() for kind in kinds if kind.name == name)

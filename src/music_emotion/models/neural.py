"""What the networks share: scaling, front end, heads, and the estimator around a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError
from music_emotion.features.filterbanks import N_FFT, mel
from music_emotion.features.spectrum import (
    DYNAMIC_RANGE,
    HIGHEST_FREQUENCY,
    HOP_LENGTH,
    SMALLEST_POWER,
)
from music_emotion.models.base import Examples, FitReport, Prediction, Target, one_hot, tick_shares
from music_emotion.models.candidates import relative_noise
from music_emotion.models.pooling import pool_units
from music_emotion.models.rating_regression import Standard, rated
from music_emotion.progress import Progress, part_of
from music_emotion.training.augment import SYNTHETIC
from music_emotion.training.config import TrainingConfig
from music_emotion.training.data import (
    Scaling,
    TrainingData,
    cut_validation,
    fit_scaling,
    oversample,
)
from music_emotion.training.device import half_precision, select_device
from music_emotion.training.fit import fit_network, predict_logits, seeded


class Standardise(nn.Module):
    """Subtract the mean and divide by the standard deviation of each feature.

    Parameters
    ----------
    mean, deviation
        One value per feature, shape (features,).
    axis
        The axis of the batch that holds the features: 2 for frame sequences
        (batch, frames, features), 1 for spectrograms (batch, bands, frames).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, *, axis: int) -> None:
        super().__init__()
        shape = (-1,) if axis == 2 else (-1, 1)
        self.register_buffer("mean", mean.to(torch.float32).reshape(shape))
        self.register_buffer("scale", (1 / deviation.to(torch.float64)).float().reshape(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Standardise a batch; the shape stays."""
        return (inputs - self.mean) * self.scale


class StandardisedNetwork(nn.Module):
    """A network that takes raw features: the scaling, then the architecture."""

    def __init__(self, standardise: Standardise, architecture: nn.Module) -> None:
        super().__init__()
        self.standardise = standardise
        self.architecture = architecture

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, intensity_logits)``, each (batch, 9)."""
        logits, intensity_logits = self.architecture(self.standardise(inputs))
        return logits, intensity_logits


class LogMel(nn.Module):
    """Equal to :func:`music_emotion.features.spectrum.log_mel`, in operations ONNX has."""

    window: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        # float64: the transforms of torch and onnxruntime lose the quietest bands in float32.
        self.register_buffer("window", torch.hann_window(N_FFT, dtype=torch.float64))
        weights = torch.from_numpy(mel(fmax=HIGHEST_FREQUENCY))
        bins = int(weights.any(dim=1).nonzero().max()) + 1
        self.register_buffer("weights", weights[:bins].T.contiguous())

    def forward(self, segments: Tensor) -> Tensor:
        """Map waveforms at 22,050 Hz, (n, 66150), to decibels, (n, 128, 130)."""
        padded = nn.functional.pad(segments.double(), (N_FFT // 2, N_FFT // 2))
        # Real and imaginary parts on a last axis of 2: ONNX has no complex numbers.
        parts = torch.stft(
            padded, N_FFT, HOP_LENGTH, window=self.window, center=False, return_complex=False
        )
        power = parts[:, : self.weights.shape[1]].square().sum(dim=-1)
        bands = self.weights @ power.float()
        decibels = 10.0 * torch.log10(bands.clamp(min=SMALLEST_POWER))
        decibels = decibels - decibels.amax(dim=(1, 2), keepdim=True)
        return decibels.clamp(min=-DYNAMIC_RANGE)


class EmotionHeads(nn.Module):
    """Two linear layers on one hidden vector.

    ``shared`` lets the intensities' loss shape the hidden vector. With the dominant emotion as
    target it may not, so that the path to the softmax is the reference study's alone.
    """

    def __init__(self, hidden: int, *, shared: bool) -> None:
        super().__init__()
        self.emotions = nn.Linear(hidden, len(EMOTIONS))
        self.intensities = nn.Linear(hidden, len(EMOTIONS))
        self.shared = shared

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, intensity_logits)``, each (batch, 9).

        The softmax of the first gives the emotions' probabilities, the sigmoid of the second the
        expected vote fractions.
        """
        seen = hidden if self.shared else hidden.detach()
        return self.emotions(hidden), self.intensities(seen)


class RatingHead(nn.Module):
    """A linear layer on one hidden vector whose outputs are spread as the ratings were.

    Parameters
    ----------
    hidden
        Size of the vector.
    mean, deviation
        Of the ratings of the training part on each of k scales, shape (k,).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, hidden: int, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.ratings = nn.Linear(hidden, len(mean))
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("deviation", deviation.to(torch.float32))

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ratings, (batch, k), and nothing, (batch, 0), in place of intensities."""
        ratings = self.ratings(hidden).float() * self.deviation + self.mean
        return ratings, ratings[:, :0]


Architecture = Callable[[TrainingConfig, int, bool], nn.Module]
"""Builds a network from (config, number of features, whether the heads share the hidden layer)."""


@dataclass(frozen=True, slots=True)
class InputKind:
    """What a network sees.

    Attributes
    ----------
    feature
        Name of the feature array.
    axis
        The axis of the array that holds the features: 2 for frame sequences
        (segments, frames, features), 1 for spectrograms (segments, bands, frames).
    """

    feature: str
    axis: int

    @property
    def is_sequence(self) -> bool:
        """Whether this is a sequence of frames, which SMOTE may fill up."""
        return self.axis == 2


class NeuralModel:
    """A network as a model of the registry.

    Where ratings are to be learned, a :class:`RatingHead` takes the place of the network's
    ``heads``, and early stopping watches the loss.

    Attributes
    ----------
    network_
        The fitted network; it takes raw features and includes the scaling.
    target_
        What it was fitted to.
    """

    learns_ratings = True

    def __init__(
        self, name: str, inputs: InputKind, architecture: Architecture, config: TrainingConfig
    ) -> None:
        self.name = name
        self.feature_names: tuple[str, ...] = (inputs.feature,)
        self.inputs = inputs
        self.architecture = architecture
        self.config = config
        self.network_: StandardisedNetwork | None = None
        self.target_: Target = "label"

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Cut a validation part, fit the scaling and SMOTE on the rest, and train.

        With a second training, the report's curves are those of the first.
        """
        if len(examples) == 0:
            raise ModelError(f"{self.name} cannot be fitted: the training part is empty")
        device = select_device(self.config.device)
        array = examples.features[self.inputs.feature]
        if array.ndim != 3:
            raise ModelError(
                f"{self.name} cannot be fitted: a segment's {self.inputs.feature} has no frames; "
                "let it see a feature that has, such as log_mel"
            )
        examples = rated_examples(examples) if target == "ratings" else examples
        twice = self.config.second_training and self.config.stop_after is None
        first, second = (part_of(progress, i, 2) if twice else progress for i in range(2))
        report = self._train(examples, array, self.config, target, seed, device, first)
        if not twice or "validation_loss" not in report.history:
            if progress is not None:
                progress(1, 1)
            return report
        epochs = report.best_epoch + 1
        again = replace(self.config, max_epochs=epochs, stop_after=epochs)
        self._train(examples, array, again, target, seed, device, second)
        note = f"trained again on all {len(examples)} segments, for {epochs} epochs"
        return replace(report, notes=(*report.notes, note))

    def _train(
        self,
        examples: Examples,
        array: NDArray[np.float32],
        config: TrainingConfig,
        target: Target,
        seed: int,
        device: torch.device,
        progress: Progress | None,
    ) -> FitReport:
        """Train a new network, which early stopping watches unless ``config`` says when to stop."""
        # Ratings are of no class: any group may be cut.
        label = np.zeros_like(examples.label) if target == "ratings" else examples.label
        fraction = config.validation_fraction if config.stop_after is None else 0.0
        cut = cut_validation(label, examples.group, fraction, seed=seed)
        standard = rating_standard(examples.take(cut.training)) if target == "ratings" else None
        scaling = fit_scaling(array, examples.rows[cut.training], axis=self.inputs.axis)
        with seeded(seed, device):
            mean, deviation = map(torch.from_numpy, (scaling.mean, scaling.deviation))
            network = self.build(mean, deviation, target, standard).to(device)
        training = training_data(examples.take(cut.training), array, target, standard)
        validation = training_data(examples.take(cut.validation), array, target, standard)
        notes: tuple[str, ...] = (
            f"{len(cut.training)} segments to learn from, {len(cut.validation)} to validate on",
            f"trained in {str(half_precision(device) or torch.float32).removeprefix('torch.')}",
        )
        trained: nn.Module = network
        if self.inputs.is_sequence:
            # Sequences are small: they are standardised once, which SMOTE needs anyway.
            trained = network.architecture
            training = _standardised(training, scaling)
            validation = _standardised(validation, scaling)
            if config.oversample and target == "label":
                training, smote_notes = _filled_up(training, seed)
                notes += smote_notes
        result = fit_network(
            trained,
            training,
            validation,
            config,
            device=device,
            seed=seed,
            frame_axis=3 - self.inputs.axis,
            epoch_size=len(cut.training),
            progress=progress,
        )
        self.network_, self.target_ = network, target
        parameters = sum(each.numel() for each in network.parameters() if each.requires_grad)
        return FitReport(result.history, result.best_epoch, notes, parameters)

    def predict(self, examples: Examples) -> Prediction:
        """Predict each row on its own."""
        if self.network_ is None:
            raise ModelError(f"{self.name} has not been fitted: call fit first")
        if len(examples) == 0:
            heads = self.network_.architecture.heads
            if isinstance(heads, RatingHead):
                return Prediction.of_ratings(np.zeros((0, len(heads.mean))))
            empty = np.zeros((0, len(EMOTIONS)), dtype=np.float32)
            return Prediction(empty, empty)
        device = next(self.network_.parameters()).device
        logits, intensity_logits = predict_logits(
            self.network_, examples.features[self.inputs.feature], examples.rows, device
        )
        if self.target_ == "ratings":
            return Prediction.of_ratings(logits)
        return Prediction(
            torch.softmax(torch.from_numpy(logits), dim=1).numpy(),
            torch.sigmoid(torch.from_numpy(intensity_logits)).numpy(),
        )

    def build(
        self,
        mean: Tensor,
        deviation: Tensor,
        target: Target,
        standard: Standard | None = None,
    ) -> StandardisedNetwork:
        """Return an untrained network around the features' means and deviations.

        ``standard`` are those of the ratings, where these are learned.

        Raises
        ------
        ModelError
            If ratings are to be learned by a network without :class:`EmotionHeads` as ``heads``.
        """
        architecture = self.architecture(self.config, len(mean), target == "votes")
        if standard is not None:
            heads = getattr(architecture, "heads", None)
            if not isinstance(heads, EmotionHeads):
                raise ModelError(
                    f"{self.name} cannot learn ratings: keep its EmotionHeads in an attribute "
                    "`heads`, which a head for ratings can take the place of"
                )
            scales = map(torch.from_numpy, (standard.mean, standard.deviation))
            architecture.heads = RatingHead(heads.emotions.in_features, *scales)
        standardise = Standardise(mean, deviation, axis=self.inputs.axis)
        return StandardisedNetwork(standardise, architecture)


def rated_examples(examples: Examples) -> Examples:
    """Return the rows of tracks that were rated on every scale.

    Raises
    ------
    ModelError
        If the tracks are too few to learn from.
    """
    rated(pool_units(examples, ())[0])
    assert examples.ratings is not None, "there are none to learn, and rated says so"
    known: NDArray[np.bool_] = np.all(np.isfinite(examples.ratings), axis=1)
    return examples.take(known)


def rating_standard(examples: Examples) -> Standard:
    """Return the middle and the spread of the ratings, each track counted once."""
    return Standard.fit(pool_units(examples, ())[0].ratings)


def training_data(
    examples: Examples,
    array: NDArray[np.float32],
    target: Target,
    standard: Standard | None = None,
) -> TrainingData:
    """Turn examples into targets and weights.

    With ``label`` the emotions' target is the dominant one, every segment weighs the same; with
    ``votes`` it is ticks / all ticks (the label where nobody ticked anything), weighted by the
    number of listeners. The intensities are always weighted by the number of listeners, which
    makes their loss the binomial likelihood of the votes up to a constant.

    With ``ratings`` the target are these, each weighted by how little chance there is in the mean
    of so many raters, and ``standard`` says how they are spread.
    """
    if standard is not None and examples.ratings is not None and examples.raters is not None:
        noise = relative_noise(examples.raters) if len(examples) else np.ones(0)
        return TrainingData(
            array=array,
            rows=examples.rows,
            emotions=examples.ratings,
            weight=(1.0 / noise).astype(np.float32),
            intensities=np.zeros((len(examples), 0), np.float32),
            intensity_weight=np.zeros(len(examples), np.float32),
            track_index=examples.track_index,
            spread=standard.deviation.astype(np.float32),
        )
    listeners = examples.listeners.astype(np.float32)
    listeners = listeners / listeners.mean() if len(listeners) else listeners
    if target == "votes":
        emotions = tick_shares(examples.vote_fractions, examples.label)
        weight = listeners
    else:
        emotions = one_hot(examples.label).astype(np.float32)
        weight = np.ones(len(examples), dtype=np.float32)
    return TrainingData(
        array=array,
        rows=examples.rows,
        emotions=emotions,
        weight=weight,
        intensities=examples.vote_fractions,
        intensity_weight=listeners,
        track_index=examples.track_index,
    )


def _standardised(data: TrainingData, scaling: Scaling) -> TrainingData:
    """Return the data with a standardised copy of its own rows as array."""
    array = np.array(data.array[data.rows])
    array -= scaling.mean
    array /= scaling.deviation
    return replace(data, array=array, rows=np.arange(len(array)))


def _filled_up(data: TrainingData, seed: int) -> tuple[TrainingData, tuple[str, ...]]:
    """Add SMOTE's synthetic rows, whose vote fractions nobody knows."""
    filled = oversample(data.array, data.emotions.argmax(axis=1), seed=seed)
    n, added = len(filled.label), len(filled.label) - len(data)
    unknown = np.zeros((added, len(EMOTIONS)), dtype=np.float32)
    grown = TrainingData(
        array=filled.features,
        rows=np.arange(n),
        emotions=one_hot(filled.label).astype(np.float32),
        weight=np.ones(n, dtype=np.float32),
        intensities=np.concatenate([data.intensities, unknown]),
        intensity_weight=np.concatenate([data.intensity_weight, unknown[:, 0]]),
        track_index=np.concatenate([data.track_index, np.full(added, SYNTHETIC)]),
    )
    return grown, filled.notes

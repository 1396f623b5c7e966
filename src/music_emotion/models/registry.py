"""Every model by name, and models of one's own by ``module:function``."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from music_emotion.errors import ModelError
from music_emotion.models.base import Model
from music_emotion.training.config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn

REFERENCE_NAMES: tuple[str, ...] = (
    "lstm_cnn",
    "lstm_cnn_advanced",
    "bilstm_cnn",
    "cnn2d",
    "cnn2d_specaugment",
    "ensemble",
)
"""The six models of the reference study."""

ENSEMBLE_MEMBERS: tuple[str, ...] = ("bilstm_cnn", "cnn2d_specaugment")
"""The models whose predictions ``ensemble`` averages."""

ABLATION_NAMES: tuple[str, ...] = (
    "lstm_cnn_without_smote",
    "lstm_cnn_advanced_without_smote",
    "bilstm_cnn_without_smote",
)
"""The sequence models without synthetic rows."""

EAR_NAMES: tuple[str, ...] = ("light", "transfer", "blend")
"""Kernel regressions on pooled features: cheap descriptors, the pretrained network, both."""

BASELINE_NAMES: tuple[str, ...] = ("commonest_class", "genre_only", "nearest_neighbour", "svm")
"""What any model has to beat."""

_SPECTROGRAM_CONFIG = TrainingConfig(
    max_epochs=28, patience=6, batch_size=32, learning_rate=2e-3, dropout=0.1, mixup=0.2
)
"""The 2-D networks learn more from each epoch, which costs more: they get fewer, of more steps."""

WITHOUT_SMOTE = "_without_smote"


def create(name: str, **overrides: Any) -> Model:
    """Return a new, unfitted model.

    Parameters
    ----------
    name
        One of :data:`MODEL_NAMES`, or ``module:function`` for a model of one's own: the function
        is called with this name and the overrides, and returns a
        :class:`~music_emotion.models.base.Model` of this name. The module is looked for where
        Python looks, and in the current folder.
    **overrides
        Fields of :class:`~music_emotion.training.config.TrainingConfig` to change. A model that
        has no network ignores them.

    Raises
    ------
    ModelError
        If there is no model of that name or no setting of that name.
    """
    if ":" not in name and name not in _FACTORIES:
        close = difflib.get_close_matches(name, MODEL_NAMES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(MODEL_NAMES)}"
        raise ModelError(f"there is no model {name!r}: {hint}")
    known = {field.name for field in fields(TrainingConfig)}
    for setting in overrides:
        if setting not in known:
            raise ModelError(
                f"there is no training setting {setting!r}: choose from {', '.join(sorted(known))}"
            )
    if ":" in name:
        return _own_model(name, overrides)
    return _FACTORIES[name](name, overrides)


def source_digest(model: Model) -> str:
    """Return the SHA-256 of the file that makes a model of one's own, ``""`` for one of ours.

    What was computed with a model must not pass for what an edited one would compute.
    """
    module, colon, _ = model.name.partition(":")
    file = getattr(sys.modules.get(module), "__file__", None) if colon else None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def _own_model(name: str, overrides: dict[str, Any]) -> Model:
    """Call a user's ``module:function``; what goes wrong inside the function is theirs to see."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # as `python -m` has it; workers inherit it
        sys.path.append(here)
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, ValueError, AttributeError) as error:
        raise ModelError(f"there is no model {name!r}: {error}") from error
    model: Model = factory(name, **overrides)
    if getattr(model, "name", None) != name:
        raise ModelError(f"{name} made a model of another name: pass on the name it is given")
    return model


def _sequence_model(name: str, overrides: dict[str, Any]) -> Model:
    from music_emotion.models.bilstm_cnn import BilstmCnn
    from music_emotion.models.lstm_cnn import LstmCnn
    from music_emotion.models.neural import InputKind, NeuralModel

    base = name.removesuffix(WITHOUT_SMOTE)
    network = BilstmCnn if base == "bilstm_cnn" else LstmCnn

    def architecture(config: TrainingConfig, n_features: int, shared: bool) -> nn.Module:
        return network(n_features, dropout=config.dropout, shared=shared)

    feature = "basic" if base == "lstm_cnn" else "advanced"
    config = replace(TrainingConfig(oversample=base == name), **overrides)
    return NeuralModel(name, InputKind(feature, axis=2), architecture, config)


def _spectrogram_model(name: str, overrides: dict[str, Any]) -> Model:
    from music_emotion.models.cnn2d import Cnn2d
    from music_emotion.models.neural import InputKind, NeuralModel

    def architecture(config: TrainingConfig, n_features: int, shared: bool) -> nn.Module:
        return Cnn2d(dropout=config.dropout, shared=shared, masking=name == "cnn2d_specaugment")

    config = replace(_SPECTROGRAM_CONFIG, **overrides)
    return NeuralModel(name, InputKind("log_mel", axis=1), architecture, config)


def _ensemble(name: str, overrides: dict[str, Any]) -> Model:
    from music_emotion.models.ensemble import Ensemble

    return Ensemble(name, [create(member, **overrides) for member in ENSEMBLE_MEMBERS])


def _baseline(name: str, overrides: dict[str, Any]) -> Model:
    from music_emotion.models import baselines

    classes: dict[str, Callable[[], Model]] = {
        "commonest_class": baselines.CommonestClass,
        "genre_only": baselines.GenreOnly,
        "nearest_neighbour": baselines.NearestNeighbour,
        "svm": baselines.SupportVectorMachine,
    }
    return classes[name]()


def _kernel_blend(name: str, overrides: dict[str, Any]) -> Model:
    from music_emotion.models import blend, transfer

    factories: dict[str, Callable[[], Model]] = {
        "light": blend.light,
        "transfer": transfer.transfer,
        "blend": blend.blend,
    }
    return factories[name]()


_FACTORIES: dict[str, Callable[[str, dict[str, Any]], Model]] = {
    "lstm_cnn": _sequence_model,
    "lstm_cnn_advanced": _sequence_model,
    "bilstm_cnn": _sequence_model,
    "cnn2d": _spectrogram_model,
    "cnn2d_specaugment": _spectrogram_model,
    "ensemble": _ensemble,
    **dict.fromkeys(EAR_NAMES, _kernel_blend),
    **dict.fromkeys(ABLATION_NAMES, _sequence_model),
    **dict.fromkeys(BASELINE_NAMES, _baseline),
}

MODEL_NAMES: tuple[str, ...] = tuple(_FACTORIES)
"""All models, in the order of the tables."""

"""Fitted models on disk: ``weights.safetensors`` and ``model.json``, nothing pickled.

A model without a network is kept as its ONNX graph, ``model.onnx``, in place of the weights. An
ensemble's folder holds a folder per member, that of a model of ratings over time the folder
``course`` with the one that tells how moments differ from the whole. :func:`load_fitted` gives back
a model that predicts the same to the last digit (from a graph, which is float32: to 1e-4);
``music-emotion export`` packages the folder for use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.datasets.ratings import Scale, scale_rows, scales_of
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError, printable
from music_emotion.features.graphs import quiet_onnxruntime
from music_emotion.features.segments import segment_count
from music_emotion.models.base import (
    RATED,
    Examples,
    FitReport,
    GraphModel,
    Model,
    Prediction,
    Target,
    learned,
    seen_features,
)
from music_emotion.models.ensemble import Ensemble
from music_emotion.models.pooling import POOLING, pool_alone, pool_units, predict_by_spans
from music_emotion.models.rating_regression import Standard
from music_emotion.models.registry import create
from music_emotion.models.sections import POSITION
from music_emotion.progress import Progress

if TYPE_CHECKING:
    from onnx import ModelProto

WEIGHTS_FILE = "weights.safetensors"
GRAPH_FILE = "model.onnx"
MODEL_FILE = "model.json"
COURSE_FOLDER = "course"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What ``model.json`` says.

    Attributes
    ----------
    name, target, feature_names
        What it is called in the registry, what it learnt, what it sees.
    settings
        Training settings that differ from the defaults.
    members
        Names of an ensemble's members, each a folder beside the file.
    scales
        What it rates; empty where it has learned no ratings.
    has_course
        Whether a model in the folder :data:`COURSE_FOLDER` tells how moments differ from the whole.
    provenance
        Data, seed, command, versions, notes: strings, numbers and lists for the model card.
    """

    name: str
    target: Target
    settings: Mapping[str, Any] = field(default_factory=dict)
    feature_names: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scales: tuple[Scale, ...] = ()
    has_course: bool = False


def check_saveable(model: Model) -> None:
    """Refuse a model that cannot be saved, before it is trained.

    Raises
    ------
    ModelError
        It is neither a network, nor a graph, nor an ensemble of these.
    """
    members = model.members if isinstance(model, Ensemble) else (model,)
    for member in members:
        if not isinstance(member, GraphModel) and not hasattr(member, "network_"):
            raise ModelError(
                f"{member.name!r} can be compared but not saved: train one of the networks, "
                "`light`, `transfer` or `blend`"
            )


def save_fitted(
    folder: Path,
    model: Model,
    *,
    target: Target,
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
    scales: Sequence[Scale] = (),
    course: Model | None = None,
) -> None:
    """Write a fitted model into a folder; ``scales`` are what it rates, if it does.

    ``course`` has learned by how much moments differ from the whole on these scales.

    Raises
    ------
    ModelError
        If the model is not fitted or cannot be saved.
    WriteError
        If the folder cannot be written.
    """
    members = model.members if isinstance(model, Ensemble) else ()
    for member in members:
        save_fitted(
            folder / member.name,
            member,
            target=target,
            settings=settings,
            provenance={},
            scales=scales,
        )
    if course is not None:
        at = folder / COURSE_FOLDER
        save_fitted(at, course, target=target, settings=settings, provenance={}, scales=scales)
    if isinstance(model, GraphModel):
        write_output(folder / GRAPH_FILE, model.graph().SerializeToString())
    elif not members:
        write_output(folder / WEIGHTS_FILE, _weights(model))
    described = {
        "format": FORMAT,
        "name": model.name,
        "target": target,
        "settings": dict(settings),
        "feature_names": list(seen_features(model, target)),
        "members": [member.name for member in members],
        "emotions": list(EMOTIONS),
        "provenance": dict(provenance),
        **({"scales": scale_rows(scales)} if scales else {}),
        **({"has_course": True} if course is not None else {}),
    }
    write_output(folder / MODEL_FILE, (json.dumps(described, indent=1) + "\n").encode())


def read_trained(folder: Path) -> TrainedModel:
    """Read ``model.json``.

    Raises
    ------
    ModelError
        If there is none or it is damaged.
    """
    path = folder / MODEL_FILE
    shown = printable(path)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        if described["format"] != FORMAT or tuple(described["emotions"]) != EMOTIONS:
            raise ModelError(f"{shown} is of another version: train the model again")
        if described["target"] not in get_args(Target):
            raise ValueError(described["target"])
        return TrainedModel(
            name=str(described["name"]),
            target=described["target"],
            settings=dict(described["settings"]),
            feature_names=tuple(described["feature_names"]),
            members=tuple(described["members"]),
            provenance=dict(described["provenance"]),
            scales=scales_of(described.get("scales", ())),
            has_course=bool(described.get("has_course", False)),
        )
    except FileNotFoundError:
        raise ModelError(
            f"{shown} is missing: name a folder that `music-emotion train` wrote"
        ) from None
    except OSError as error:
        raise ModelError(f"{shown} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{shown} is damaged: train the model again") from error


def load_fitted(folder: Path) -> Model:
    """Read a fitted model back.

    Raises
    ------
    ModelError
        If the folder does not hold a model of this version of the package.
    """
    trained = read_trained(folder)
    model = create(trained.name, **trained.settings)
    if isinstance(model, Ensemble):
        members = [load_fitted(folder / member.name) for member in model.members]
        return Ensemble(model.name, members)
    if isinstance(model, GraphModel):
        graph = _read(folder / GRAPH_FILE)
        if trained.target in RATED:
            return KeptGraph(model, model.name, graph, rated_from=trained.feature_names)
        return KeptGraph(model, model.name, graph)
    path = folder / WEIGHTS_FILE
    content = _read(path)
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        _restore(model, load(content), trained.target)
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise ModelError(
            f"{printable(path)} does not fit {trained.name!r}: train the model again"
        ) from error
    return model


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{printable(path)} cannot be read ({error.strerror})") from None


def _weights(model: Model) -> bytes:
    from safetensors.numpy import save

    check_saveable(model)
    network = getattr(model, "network_", None)
    if network is None:
        raise ModelError(f"{model.name!r} has not been fitted: call fit first")
    state = {name: value.contiguous().cpu().numpy() for name, value in network.state_dict().items()}
    packed: bytes = save(state)
    return packed


def _restore(model: Model, state: Mapping[str, NDArray[Any]], target: Target) -> None:
    import torch

    from music_emotion.models.neural import NeuralModel
    from music_emotion.training.device import channels_last

    if not isinstance(model, NeuralModel):
        raise ModelError(f"{model.name!r} cannot be loaded: train one of the networks")
    size = state["standardise.mean"].size
    standard = None
    if target in RATED:
        rated = state["architecture.heads.mean"].size
        standard = Standard(np.zeros(rated), np.ones(rated))
    network = model.build(torch.zeros(size), torch.ones(size), learned(target), standard)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    # Laid out as it was trained: a convolution's last digits depend on the layout.
    model.network_, model.target_ = channels_last(network).eval(), learned(target)


class KeptGraph:
    """A fitted model read back from its serialised graph; ``like`` says what it sees.

    One that has learned ratings sees the features ``rated_from`` of a whole track, pooled.

    Raises
    ------
    ModelError
        The graph cannot be run.
    """

    def __init__(
        self, like: GraphModel, name: str, data: bytes, *, rated_from: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.feature_names = rated_from or like.feature_names
        self.pooling: Mapping[str, tuple[str, ...]] = like.pooling
        if rated_from:
            self.pooling = dict.fromkeys(rated_from, POOLING)
        self.window_seconds = like.window_seconds
        self._rates = bool(rated_from)
        self._data = data
        try:
            self._session: Any = quiet_onnxruntime().InferenceSession(
                data, providers=["CPUExecutionProvider"]
            )
        except Exception:  # onnxruntime's exceptions share no narrower base
            raise ModelError(f"the graph of '{printable(name)}' cannot be run") from None

    def fit(
        self,
        examples: Examples,
        *,
        target: Target = "label",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> FitReport:
        """Raise a ModelError: what is read back is fitted."""
        raise ModelError(f"{self.name} was read from a file and cannot be fitted: create it anew")

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit, the mean over its spans; all its rows share the prediction.

        Ratings are those of the whole.
        """
        if self._rates:
            units, unit_of_row = pool_units(examples, self.feature_names)
            (ratings,) = self._session.run(["ratings"], _float32(units.features))
            return Prediction.of_ratings(ratings[unit_of_row])
        if any(statistics != POOLING for statistics in self.pooling.values()):
            raise ModelError(f"{self.name} pools in a way that only a packaged model can")
        width = segment_count(self.window_seconds)
        return predict_by_spans(self._answer, examples, self.feature_names, width, self._positions)

    def _positions(self, segments: Mapping[str, NDArray[np.floating]]) -> NDArray[np.floating]:
        """Return where segments stand; all at one place where an older graph does not know."""
        if POSITION not in {node.name for node in self._session.get_outputs()}:
            return np.zeros((len(next(iter(segments.values()))), 1))
        alone = {
            name: pool_alone(segments[name], self.pooling[name]) for name in self.feature_names
        }
        positions: NDArray[np.float32] = self._session.run([POSITION], _float32(alone))[0]
        return positions

    def _answer(self, pooled: Mapping[str, NDArray[np.float64]]) -> tuple[Any, Any]:
        emotions, intensities = self._session.run(["emotions", "intensities"], _float32(pooled))
        return emotions, intensities

    def graph(self) -> ModelProto:
        """Return the graph."""
        from onnx import load_model_from_string

        return load_model_from_string(self._data)


def _float32(pooled: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.float32]]:
    return {name: values.astype(np.float32) for name, values in pooled.items()}

"""A trained model as a packaged one, and any model as graphs that other programs can use.

Networks are traced by torch, with the scaling inside and, for spectrogram models, the mel front end
too. Other models bring their own graph (:class:`~music_emotion.models.base.GraphModel`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from music_emotion.atomic import write_whole
from music_emotion.audio.discover import is_folder
from music_emotion.datasets.ratings import Scale
from music_emotion.errors import MissingExtraError, ModelError, printable
from music_emotion.features.compute import FEATURES
from music_emotion.features.graphs import MUSICNN_LICENCE
from music_emotion.inference.ear import (
    COLUMNS_FILE,
    EAR_FILE,
    WAVEFORM,
    ear_columns,
    ear_graph,
    has_ear,
    holds_musicnn,
)
from music_emotion.inference.model_card import CARD_FILE, Card, read_card
from music_emotion.inference.model_page import PAGE_FILE, model_page
from music_emotion.inference.package import (
    COURSE_FILE,
    ONNX_FILE,
    OUTPUTS,
    RATED,
    find_package,
    open_course,
    open_package,
    shipped_names,
    write_package,
)
from music_emotion.models.base import GraphModel, Model, seen_features
from music_emotion.models.fitted_blend import OPSET
from music_emotion.models.pooling import POOLING

if TYPE_CHECKING:
    from onnx import ModelProto

    from music_emotion.models.checkpoint import TrainedModel

EXAMPLE_ROWS = 2  # a batch of one would be traced as a constant
NO_EPOCHS = -1
VERSION_DIGITS = 7  # of the SHA-256 of the graph, or of both
LEFT_OUT = frozenset({"history", "machine", "cells_trained", "seconds"})
"""Of a model's provenance; it stays in the trained model's own file."""
SMALLEST_HALVED = 16_384  # weights; what scales features is smaller, and needs its digits


def export_model(
    source: str | os.PathLike[str],
    folder: Path,
    *,
    name: str | None = None,
    mel_inside: bool = True,
    halve: bool = False,
) -> Card:
    """Write a model with all that other programs need to go from sound to its answer.

    Besides the packaged model the folder gets ``model.md``, which says how, and, where a graph
    computes all its features, ``ear.onnx`` with the names of its columns.

    Parameters
    ----------
    source
        The name of a model in the wheel, the folder of a packaged one, or what
        ``music-emotion train`` wrote.
    folder
        Where the model goes.
    name
        Its name; by default its own, or the folder's where it was just trained.
    mel_inside, halve
        Of a model that was just trained, as :func:`export_fitted` takes them.

    Raises
    ------
    ModelError
        There is no such model, it is damaged or has no graph, or the folder cannot be written.
    MissingExtraError
        onnx, or torch for a trained model, is not installed.
    """
    packaged = _packaged(source)
    if packaged is None:
        named = folder.resolve().name if name is None else name
        card = export_trained(Path(source), folder, name=named, mel_inside=mel_inside, halve=halve)
        _write_companions(folder, companions(card))
        return card
    if halve or not mel_inside:
        shown = printable(source)
        raise ModelError(
            f"'{shown}' is packaged already; leave --half and --mel-outside to a model that "
            "music-emotion train wrote"
        )
    return _export_packaged(packaged, folder, name)


@contextmanager
def packaged(model: str) -> Iterator[str]:
    """Give the name or folder of a packaged model; one that was trained is packaged for the while.

    Raises
    ------
    ModelError, MissingExtraError
        As :func:`export_trained` does.

    Examples
    --------
    >>> with packaged("light") as name:
    ...     print(name)
    light
    """
    from music_emotion.models.checkpoint import MODEL_FILE

    folder = Path(model)
    is_trained = is_folder(folder) and (folder / MODEL_FILE).is_file()
    if not is_trained or (folder / CARD_FILE).is_file():
        yield model
        return
    name = folder.resolve().name
    with tempfile.TemporaryDirectory() as scratch:
        export_trained(folder, Path(scratch, name), name=name)
        yield str(Path(scratch, name))


def _packaged(source: str | os.PathLike[str]) -> Path | None:
    """Return the folder of a packaged model; ``None`` where it may be a trained one."""
    folder = Path(source)
    if os.fspath(source) not in shipped_names() and is_folder(folder):
        return folder if (folder / CARD_FILE).is_file() else None
    return find_package(source)


def _export_packaged(packaged: Path, folder: Path, name: str | None) -> Card:
    card = read_card(packaged)
    if name is not None:
        card = replace(card, name=_checked_name(name))
    features = [f for f in card.computed_features if f != WAVEFORM and not FEATURES[f].graphs]
    if features:
        raise ModelError(
            f"'{printable(card.name)}' takes {', '.join(features)}, which only this package "
            "computes; export default, light, transfer or cnn2d"
        )
    _, reference = open_package(packaged, rates=bool(card.scales))
    open_course(packaged)
    files = companions(card)
    graph = (packaged / ONNX_FILE).read_bytes()
    course = (packaged / COURSE_FILE).read_bytes() if card.course_sha256 else None
    card = write_package(folder, card, graph, reference if card.reference_sha256 else None, course)
    _write_companions(folder, files)
    return card


def companions(card: Card) -> dict[str, bytes | None]:
    """Return what other programs need besides a packaged model, by file name; ``None``: nothing.

    Raises
    ------
    MissingExtraError
        onnx is not installed, and there is an ear to build.
    """
    names = card.computed_features
    hears = has_ear(names)
    return {
        EAR_FILE: _ear(names) if hears else None,
        COLUMNS_FILE: ear_columns(names).encode() if hears else None,
        MUSICNN_LICENCE.name: MUSICNN_LICENCE.read_bytes() if holds_musicnn(names) else None,
        PAGE_FILE: model_page(card).encode(),
    }


def _ear(names: Sequence[str]) -> bytes:
    try:
        return bytes(ear_graph(names).SerializeToString())
    except ImportError:
        raise MissingExtraError("exporting a model", "onnx") from None


def _write_companions(folder: Path, files: Mapping[str, bytes | None]) -> None:
    try:
        for name, content in files.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)  # of a model that was there before
            else:
                write_whole(folder / name, content)
    except OSError as error:
        raise ModelError(f"'{printable(folder)}' cannot be written ({error.strerror})") from None


def _checked_name(name: str) -> str:
    if not name or not name.isprintable():
        shown = printable(name)
        raise ModelError(f"'{shown}' is no name for a model; give a line of text (--name)")
    return name


def export_trained(trained: Path, folder: Path, *, name: str, **options: Any) -> Card:
    """Package a model that ``music-emotion train`` wrote into the folder ``trained``.

    Parameters
    ----------
    folder, name, **options
        As :func:`export_fitted` takes them.

    Raises
    ------
    ModelError
        The trained model is damaged, or is of a kind that has no graph; or the name cannot be
        shown.
    MissingExtraError
        torch or onnx is not installed.
    """
    _checked_name(name)
    try:
        import onnx  # noqa: F401  # needed below
        import torch  # noqa: F401

        from music_emotion.models.checkpoint import COURSE_FOLDER, load_fitted, read_trained
    except ImportError:
        raise MissingExtraError("exporting a model", "train") from None
    described = read_trained(trained)
    known = {
        "training": training_facts(described),
        "summary": f"{described.name}, trained on {_data_name(described)}",
        "scales": described.scales,
        "course": load_fitted(trained / COURSE_FOLDER) if described.has_course else None,
    }
    return export_fitted(load_fitted(trained), folder, name=name, **known | options)


def export_fitted(
    model: Model,
    folder: Path,
    *,
    name: str,
    mel_inside: bool = True,
    halve: bool = False,
    version: str = "",
    scales: Sequence[Scale] = (),
    course: Model | None = None,
    **card: Any,
) -> Card:
    """Package a fitted model.

    Parameters
    ----------
    model
        A network, an ensemble of networks, or a model that makes its own graph.
    folder
        Where the packaged model goes.
    name
        Its name.
    mel_inside
        Whether a spectrogram model takes the waveform and holds the mel front end; otherwise it
        takes the spectrogram, which is computed faster outside.
    halve
        Store large weights as float16.
    version
        By default the beginning of the SHA-256 of its graph, or of both, so that a prediction tells
        which of two exports under the same name made it.
    scales
        What it rates, of a model that has learned ratings.
    course
        A model of the same kind that has learned by how much moments differ from the whole.
    **card
        Further fields of the card.

    Raises
    ------
    ModelError
        The model is of a kind that has no graph, or the folder cannot be written.
    """
    graphs = [
        _graph(one, bool(scales), mel_inside=mel_inside)
        for one in (model, course)
        if one is not None
    ]
    written, *of_course = [
        (halved(graph) if halve else graph).SerializeToString() for graph in graphs
    ]
    digest = hashlib.sha256(b"".join([written, *of_course]))
    version = version or digest.hexdigest()[:VERSION_DIGITS]
    inputs = _inputs(model, bool(scales), mel_inside=mel_inside)
    described = Card(name, version, sha256="", scales=tuple(scales), **inputs | card)
    return write_package(folder, described, written, None, *of_course)


def _inputs(model: Model, rates: bool, *, mel_inside: bool) -> dict[str, Any]:
    """Return what a card says of what a model takes."""
    if not isinstance(model, GraphModel):
        return {"features": tuple(dict.fromkeys(_seen(model, mel_inside))), "scope": "segment"}
    seen = seen_features(model, "ratings" if rates else "label")
    return {
        "features": seen,
        "scope": "track",
        "pooling": {feature: model.pooling.get(feature, POOLING) for feature in seen},
        "window_seconds": model.window_seconds,
    }


def _graph(model: Model, rates: bool, *, mel_inside: bool) -> ModelProto:
    """Return a fitted model as a graph."""
    if isinstance(model, GraphModel):
        return model.graph()
    networks = [network for _, network in _networks(model)]
    return _traced(networks, _seen(model, mel_inside), RATED if rates else OUTPUTS)


def _seen(model: Model, mel_inside: bool) -> list[str]:
    """Return what each network of a model takes."""
    features = [feature for feature, _ in _networks(model)]
    return [WAVEFORM if mel_inside and name == "log_mel" else name for name in features]


def training_facts(described: TrainedModel) -> dict[str, str]:
    """Return what a card says of the training: one line per fact."""
    facts = {"model": described.name, "target": described.target, **described.provenance}
    if facts.get("best_epoch") == NO_EPOCHS:
        del facts["best_epoch"]
    kept = {name: value for name, value in facts.items() if name not in LEFT_OUT}
    return {printable(name): printable(_line(value)) for name, value in kept.items()}


def _data_name(described: TrainedModel) -> str:
    data = described.provenance.get("data")
    name = data.get("name") if isinstance(data, Mapping) else None
    return printable(name) if name else "your own data"


def _line(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_line(item)}" for name, item in value.items())
    return ", ".join(map(_line, value)) if isinstance(value, list | tuple) else str(value)


def _networks(model: Any) -> list[tuple[str, Any]]:
    """Return (feature, network) of each member."""
    members: Sequence[Any] = getattr(model, "members", (model,))
    networks = [(m.feature_names[0], getattr(m, "network_", None)) for m in members]
    if any(network is None for _, network in networks):
        shown = printable(model.name)
        raise ModelError(f"'{shown}' has no network to export; train one of the networks or blend")
    return networks


def _traced(
    networks: Sequence[Any], features: Sequence[str], outputs: tuple[str, ...]
) -> ModelProto:
    """Trace the mean of networks' answers."""
    import onnx
    import torch

    from music_emotion.models.neural import LogMel

    class Answers(torch.nn.Module):
        """The mean of the members' probabilities and of their intensities, or of ratings."""

        def __init__(self) -> None:
            super().__init__()
            self.members = torch.nn.ModuleList(network.cpu().eval() for network in networks)
            self.front_end = LogMel()

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            named = dict(zip(names, inputs, strict=True))
            if "waveform" in named:
                named["waveform"] = self.front_end(named["waveform"])
            pairs = [m(named[f]) for m, f in zip(self.members, features, strict=True)]
            if outputs == RATED:
                return (torch.stack([ratings for ratings, _ in pairs]).mean(dim=0),)
            emotions = torch.stack([torch.softmax(logits, dim=1) for logits, _ in pairs])
            intensities = torch.stack([torch.sigmoid(logits) for _, logits in pairs])
            return emotions.mean(dim=0), intensities.mean(dim=0)

    names = list(dict.fromkeys(features))
    shapes = [FEATURES[name].shape for name in names]
    examples = tuple(torch.randn(EXAMPLE_ROWS, *shape) for shape in shapes)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), torch.no_grad():
        path = Path(scratch, "model.onnx")
        warnings.simplefilter("ignore")  # of the tracing exporter, the one that takes an LSTM
        torch.onnx.export(
            Answers().eval(),
            examples,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in (*names, *outputs)},
        )
        return onnx.load(path)


def halved(graph: ModelProto) -> ModelProto:
    """Return a graph whose large weights are stored as float16 and widened when it is loaded."""
    import numpy as np
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    result = ModelProto()
    result.CopyFrom(graph)
    casts = []
    for weights in result.graph.initializer:
        values = numpy_helper.to_array(weights)
        is_large = values.dtype == np.float32 and values.size >= SMALLEST_HALVED
        if is_large and np.abs(values).max() <= np.finfo(np.float16).max:
            wide, half = weights.name, f"{weights.name}_half"
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
            casts.append(helper.make_node("Cast", [half], [wide], to=TensorProto.FLOAT))
    nodes = [*casts, *result.graph.node]
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result

"""What the networks are made of: a line per model, a table of layers per network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from music_emotion.errors import ModelError
from music_emotion.report.tables import table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from music_emotion.models.base import Model
    from music_emotion.models.neural import NeuralModel


def models_table(names: Iterable[str]) -> str:
    """Return a Markdown line per network: what it sees and how many parameters it learns.

    Parameters
    ----------
    names
        Networks, or ensembles of networks, of the registry.
    """
    body = []
    for name in names:
        parts = _networks(name)
        seen = " + ".join(dict.fromkeys(f"`{part.inputs.feature}`" for part in parts))
        shapes = " + ".join(dict.fromkeys(_shape(_input_shape(part)) for part in parts))
        count = sum(_parameters(_unfitted(part)) for part in parts)
        made_of = " + ".join(f"`{part.name}`" for part in parts) if len(parts) > 1 else ""
        body.append([f"`{name}`", made_of, seen, shapes, f"{count:,}"])
    return table(["model", "made of", "sees", "a segment's shape", "parameters"], body)


def layer_table(name: str) -> str:
    """Return a network's layers in Markdown: kind, shape of the output, learned parameters.

    Parameters
    ----------
    name
        A network of the registry.

    Raises
    ------
    ModelError
        If the model is not a single network.
    """
    parts = _networks(name)
    if len(parts) != 1:
        raise ModelError(f"{name} is made of several networks: name one of them")
    network = _unfitted(parts[0]).eval()
    rows: list[list[str]] = []
    hooks = [
        layer.register_forward_hook(_note(rows, path))
        for path, layer in network.named_modules()
        if not list(layer.children())
    ]
    import torch

    with torch.no_grad():
        network(torch.zeros(1, *_input_shape(parts[0])))
    for hook in hooks:
        hook.remove()
    body = [["input", "", _shape(_input_shape(parts[0])), ""], *rows]
    body.append(["**sum**", "", "", f"**{_parameters(network):,}**"])
    return table(["layer", "kind", "output", "parameters"], body)


def _note(rows: list[list[str]], path: str) -> Any:
    def note(layer: nn.Module, _: Any, output: Tensor | tuple[Tensor, Any]) -> None:
        # A recurrent layer also returns its state.
        first = output[0] if isinstance(output, tuple) else output
        count = _parameters(layer)
        shape = _shape(tuple(first.shape[1:]))
        rows.append([f"`{path}`", type(layer).__name__, shape, f"{count:,}" if count else ""])

    return note


def _networks(name: str) -> list[NeuralModel]:
    """Return the networks that a model of the registry consists of."""
    from music_emotion.models.ensemble import Ensemble
    from music_emotion.models.neural import NeuralModel
    from music_emotion.models.registry import create

    model: Model = create(name)
    parts = model.members if isinstance(model, Ensemble) else (model,)
    networks = [part for part in parts if isinstance(part, NeuralModel)]
    if len(networks) < len(parts):
        raise ModelError(f"{name} has no network: there are no layers to show")
    return networks


def _unfitted(model: NeuralModel) -> nn.Module:
    """Return a model's network as it is before training."""
    width = _input_shape(model)[model.inputs.axis - 1]
    return model.architecture(model.config, width, False)


def _input_shape(model: NeuralModel) -> tuple[int, ...]:
    """Return the shape of one segment as the network sees it."""
    from music_emotion.features.compute import feature_key
    from music_emotion.features.descriptors import BASIC_NAMES

    shape = feature_key(model.inputs.feature).shape
    return (shape[0], len(BASIC_NAMES)) if model.inputs.feature == "basic" else shape


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def _shape(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))

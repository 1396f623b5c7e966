"""A fitted blend: what it predicts with, and the same arithmetic as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.models.dominant_label import LEAST_INTENSITY, DominantLabel
from music_emotion.models.kernel import INTERCEPT, gaussian, squared_distances
from music_emotion.models.sections import POSITION, Position
from music_emotion.models.views import CLIP, View

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Floats = NDArray[np.float64]

OPSET = 17  # the first with a Fourier transform, which exported networks need
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class KernelModel:
    """Fitted members that share a view.

    Attributes
    ----------
    view
        From pooled features to points.
    support
        The training units as points, shape (units, k).
    widths, dual
        For each width the coefficients of its members times their weights, summed, shape (units,
        18): of the classifiers' logits and of the regressions' angles.
    """

    view: View
    support: Floats
    widths: tuple[float, ...]
    dual: tuple[Floats, ...]

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """Return the members' weighted sum for units, shape (n, 18)."""
        distances = squared_distances(self.view(features), self.support)
        pairs = zip(self.widths, self.dual, strict=True)
        outputs: Floats = np.sum([gaussian(distances, w) @ dual for w, dual in pairs], axis=0)
        return outputs


@dataclass(frozen=True, slots=True)
class FittedBlend:
    """Everything a fitted blend predicts with; its kernel models' outputs are summed."""

    kernel_models: tuple[KernelModel, ...]
    dominant_label: DominantLabel
    position: Position

    def __call__(self, features: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Return emotions and intensities of pooled units, each (n, 9)."""
        outputs = np.sum([kernel_model(features) for kernel_model in self.kernel_models], axis=0)
        intensities = fractions(outputs[:, len(EMOTIONS) :])
        return self.dominant_label(outputs[:, : len(EMOTIONS)], intensities), intensities


def fractions(angles: Floats) -> Floats:
    """Return vote fractions from angles, ``arcsin(sqrt(fraction))``.

    Regressions learn angles because the noise of an angle does not depend on the fraction.
    """
    inside: Floats = np.square(np.sin(np.clip(angles, 0.0, np.pi / 2)))
    return inside


Shapes = Mapping[str, tuple[int | str, ...]]


class GraphBuilder:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: NDArray[Any] | float) -> str:
        """Add a constant (float64 becomes float32) and return its name."""
        from onnx import numpy_helper

        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(
        self, operation: str, *inputs: str | float | NDArray[Any], name: str = "", **attributes: Any
    ) -> str:
        """Add a node; numbers among the inputs become constants. Return its output's name."""
        from onnx import helper

        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [name], **attributes))
        return name

    def model(self, title: str, inputs: Shapes, outputs: Shapes, **about: str) -> ModelProto:
        """Return the model; its inputs and outputs are float32, of shape (n, …), by name."""
        from onnx import TensorProto, checker, helper

        taken, given = (
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", *s])
                for n, s in each.items()
            ]
            for each in (inputs, outputs)
        )
        graph = helper.make_graph(self.nodes, title, taken, given, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, **about)
        checker.check_model(model, full_check=True)
        return model


def build_graph(fitted: FittedBlend, names: Sequence[str], title: str) -> ModelProto:
    """Return the graph.

    Parameters
    ----------
    fitted
        The fitted blend.
    names
        The inputs, each a feature's mean and standard deviation over a span's segments, float32
        (n, size); one that no member looks at is taken all the same.
    title
        Name of the graph. Its outputs are ``emotions`` and ``intensities``, float32 (n, 9), and
        ``position``, float32 (n, d), which tells sections of segments that are pooled alone.
    """
    graph = GraphBuilder()
    _answers(graph, fitted, _outputs(graph, fitted.kernel_models))
    _position(graph, fitted.position)
    positions = sum(map(len, fitted.position.factor.values()))
    return graph.model(
        title,
        _input_shapes(fitted.kernel_models, names),
        {"emotions": (len(EMOTIONS),), "intensities": (len(EMOTIONS),), POSITION: (positions,)},
        producer_name="music_emotion",
    )


def _position(graph: GraphBuilder, position: Position) -> None:
    """Add where a segment stands; the arithmetic of `Position`, of the means alone."""
    scaled = [
        graph.add("Mul", graph.add("Gather", name, np.arange(len(factor)), axis=1), factor)
        for name, factor in position.factor.items()
    ]
    graph.add("Concat", *scaled, name=POSITION, axis=1)


def build_rating_graph(
    kernel_models: Sequence[KernelModel],
    mean: Floats,
    deviation: Floats,
    names: Sequence[str],
    title: str,
) -> ModelProto:
    """Return the graph of regressions of ratings.

    Parameters
    ----------
    kernel_models
        Fitted to ratings in deviations from their middle.
    mean, deviation
        That middle, and the deviations, each shape (k,).
    names, title
        As :func:`build_graph` takes them. The graph's output is ``ratings``, float32 (n, k).
    """
    graph = GraphBuilder()
    spread = graph.add("Mul", _outputs(graph, kernel_models), deviation)
    graph.add("Add", spread, mean, name="ratings")
    return graph.model(
        title,
        _input_shapes(kernel_models, names),
        {"ratings": (len(mean),)},
        producer_name="music_emotion",
    )


def _input_shapes(kernel_models: Sequence[KernelModel], names: Sequence[str]) -> Shapes:
    sizes = dict(pair for part in kernel_models for pair in part.view.sizes)
    return {name: (sizes.get(name, f"{name}_size"),) for name in names}


def _outputs(graph: GraphBuilder, kernel_models: Sequence[KernelModel]) -> str:
    """Add the sum of what the kernel models say."""
    parts = []
    for kernel_model in kernel_models:
        distances = _distances(graph, kernel_model)
        for width, dual in zip(kernel_model.widths, kernel_model.dual, strict=True):
            kernel = graph.add("Exp", graph.add("Mul", distances, -width))
            parts.append(graph.add("Gemm", kernel, dual, INTERCEPT * dual.sum(axis=0)))
    return parts[0] if len(parts) == 1 else graph.add("Sum", *parts)


def _distances(graph: GraphBuilder, kernel_model: KernelModel) -> str:
    """Add the squared distances of a view's points to the training units, (n, units)."""
    view, support = kernel_model.view, kernel_model.support
    inputs = [name for name, _ in view.sizes]
    values = inputs[0] if len(inputs) == 1 else graph.add("Concat", *inputs, axis=1)
    centred = graph.add("Sub", graph.add("Gather", values, view.columns, axis=1), view.mean)
    inside = graph.add("Clip", graph.add("Mul", centred, view.scale), -CLIP, CLIP)
    points = graph.add("Mul", inside, view.factor)
    squares = graph.add("ReduceSumSquare", points, axes=[1], keepdims=1)
    crossed = graph.add("Gemm", points, -2.0 * support.T, np.square(support).sum(axis=1))
    return graph.add("Relu", graph.add("Add", crossed, squares))


def _answers(graph: GraphBuilder, fitted: FittedBlend, outputs: str) -> None:
    """Add emotions and intensities; the arithmetic of `fractions` and `DominantLabel`."""
    first, dominant_label = np.arange(len(EMOTIONS)), fitted.dominant_label
    chances = graph.add("Gather", outputs, first, axis=1)
    angles = graph.add("Gather", outputs, first + len(EMOTIONS), axis=1)
    sine = graph.add("Sin", graph.add("Clip", angles, 0.0, np.pi / 2))
    intensities = graph.add("Mul", sine, sine, name="intensities")
    logarithms = graph.add("Log", graph.add("Max", intensities, LEAST_INTENSITY))
    logits = graph.add(
        "Sum",
        graph.add("Mul", chances, dominant_label.chance_slope),
        graph.add("Mul", logarithms, dominant_label.intensity_slope),
        dominant_label.offset,
    )
    graph.add("Softmax", logits, name="emotions", axis=1)

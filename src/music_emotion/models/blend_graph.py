"""A fitted blend as an ONNX graph: pooled features in, emotions and intensities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.models.blend import FittedBlend, Machine
from music_emotion.models.dominant_label import LEAST_INTENSITY
from music_emotion.models.kernel_ridge import INTERCEPT
from music_emotion.models.views import CLIP

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET = 17
IR_VERSION = 8


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


def build_graph(
    fitted: FittedBlend, names: Sequence[str], sizes: Mapping[str, int], title: str
) -> ModelProto:
    """Return the graph.

    Parameters
    ----------
    fitted
        The fitted blend.
    names
        The inputs, each a feature's mean and standard deviation over a span's segments, float32
        (n, size); one that no member looks at is taken all the same.
    sizes
        Pooled sizes of the inputs that are looked at.
    title
        Name of the graph. Its outputs are ``emotions`` and ``intensities``, float32 (n, 9).
    """
    from onnx import TensorProto, checker, helper

    graph = GraphBuilder()
    parts = []
    for machine in fitted.machines:
        distances = _distances(graph, machine)
        for width, dual in zip(machine.widths, machine.dual, strict=True):
            kernel = graph.add("Exp", graph.add("Mul", distances, -width))
            parts.append(graph.add("Gemm", kernel, dual, INTERCEPT * dual.sum(axis=0)))
    outputs = parts[0] if len(parts) == 1 else graph.add("Sum", *parts)
    _answers(graph, fitted, outputs)

    def value(name: str, size: int | str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            title,
            [value(name, sizes.get(name, f"{name}_size")) for name in names],
            [value(name, len(EMOTIONS)) for name in ("emotions", "intensities")],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="music_emotion",
    )
    checker.check_model(model, full_check=True)
    return model


def _distances(graph: GraphBuilder, machine: Machine) -> str:
    """Add the squared distances of a view's points to the training items, (n, items)."""
    view, support = machine.view, machine.support
    inputs = [name for name, _ in view.sizes]
    values = inputs[0] if len(inputs) == 1 else graph.add("Concat", *inputs, axis=1)
    centred = graph.add("Sub", graph.add("Gather", values, view.columns, axis=1), view.mean)
    inside = graph.add("Clip", graph.add("Mul", centred, view.scale), -CLIP, CLIP)
    points = graph.add("Mul", inside, view.factor)
    squares = graph.add("ReduceSumSquare", points, axes=[1], keepdims=1)
    crossed = graph.add("Gemm", points, -2.0 * support.T, np.square(support).sum(axis=1))
    return graph.add("Relu", graph.add("Add", crossed, squares))


def _answers(graph: GraphBuilder, fitted: FittedBlend, outputs: str) -> None:
    """Add emotions and intensities; the arithmetic of `blend.fractions` and `Dominance`."""
    first, dominance = np.arange(len(EMOTIONS)), fitted.dominance
    chances = graph.add("Gather", outputs, first, axis=1)
    angles = graph.add("Gather", outputs, first + len(EMOTIONS), axis=1)
    sine = graph.add("Sin", graph.add("Clip", angles, 0.0, np.pi / 2))
    intensities = graph.add("Mul", sine, sine, name="intensities")
    logarithms = graph.add("Log", graph.add("Max", intensities, LEAST_INTENSITY))
    logits = graph.add(
        "Sum",
        graph.add("Mul", chances, dominance.chance_slope),
        graph.add("Mul", logarithms, dominance.intensity_slope),
        dominance.offset,
    )
    graph.add("Softmax", logits, name="emotions", axis=1)

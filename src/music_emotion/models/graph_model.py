"""Models that are an ONNX graph of pooled features, and such a graph kept as a fitted model.

A model without a network makes its own graph. The graph is also what is kept of it on disk: it
holds all that was learnt, whatever the model is made of inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from music_emotion.errors import ModelError, printable
from music_emotion.models.base import Examples, FitReport, Prediction, Progress, Target
from music_emotion.models.pooling import POOLING, pool

if TYPE_CHECKING:
    from onnx import ModelProto


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


class KeptGraph:
    """A fitted model read back from its graph.

    Parameters
    ----------
    like
        An unfitted model of the same kind: its name and what it sees.
    data
        The serialised graph.

    Raises
    ------
    ModelError
        The graph cannot be run.
    """

    def __init__(self, like: GraphModel, name: str, data: bytes) -> None:
        import onnxruntime

        self.name = name
        self.feature_names = like.feature_names
        self.pooling = like.pooling
        self.window_seconds = like.window_seconds
        self._data = data
        try:
            self._session: Any = onnxruntime.InferenceSession(
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
        """Refuse: what is read back is fitted.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(f"{self.name} was read from a file and cannot be fitted: create it anew")

    def predict(self, examples: Examples) -> Prediction:
        """Predict each unit; all its rows share the prediction."""
        if any(statistics != POOLING for statistics in self.pooling.values()):
            raise ModelError(f"{self.name} pools in a way that only a packaged model can")
        items = pool(examples, self.feature_names)
        feed = {name: values.astype(np.float32) for name, values in items.features.items()}
        emotions, intensities = self._session.run(["emotions", "intensities"], feed)
        return Prediction(emotions[items.item_of_row], intensities[items.item_of_row])

    def graph(self) -> ModelProto:
        """Return the graph."""
        from onnx import load_model_from_string

        return load_model_from_string(self._data)

"""What a packaged model hears, as one ONNX graph for other programs: from sound to features.

The graphs that features are computed by here (`music_emotion.features.graphs`), joined. Needs the
package onnx, prediction does not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from music_emotion.features.compute import FEATURES
from music_emotion.features.graphs import MUSICNN, SPECTRA, SUMMARY
from music_emotion.features.musicnn import LEAST_PROBABILITY, SAMPLE_RATE, SEGMENT_LENGTH
from music_emotion.inference.segmenter import (
    AUDIBLE_LEVELS,
    LEAST_POWER,
    LEVEL_SECONDS,
    MIN_SECONDS,
    SILENT_LEVEL,
)
from music_emotion.models.fitted_blend import GraphBuilder

if TYPE_CHECKING:
    from onnx import ModelProto

EAR_FILE = "ear.onnx"
COLUMNS_FILE = "ear.json"

SHARED = ("samples", "levelled", "power", "mel", "log_mel", "summary")
"""Inputs and outputs that the joined graphs have in common."""

WAVEFORM = "waveform"
"""The feature that is the sound itself; a graph that takes it needs no ear."""

LEVEL, AUDIBLE = "level", "audible"
"""What the graph says of each segment besides its features."""


def has_ear(names: Collection[str]) -> bool:
    """Whether there is a graph for all of some features.

    Examples
    --------
    >>> has_ear(["musicnn", "tags"]), has_ear(["summary", "advanced"])
    (True, False)
    """
    return bool(names) and all(FEATURES[name].graphs for name in names)


def holds_musicnn(names: Collection[str]) -> bool:
    """Whether there is a graph of some features, and holds MSD_musicnn.

    Examples
    --------
    >>> holds_musicnn(["tags"]), holds_musicnn(["summary"])
    (True, False)
    """
    return has_ear(names) and any(MUSICNN in FEATURES[name].graphs for name in names)


def ear_columns(names: Collection[str]) -> str:
    """Return as JSON what a program has to know of the graph of some features.

    Examples
    --------
    >>> json.loads(ear_columns(["summary"]))["columns"]["summary"][0]
    'mel_0'
    """
    facts = {
        "sample_rate": SAMPLE_RATE,
        "segment_samples": SEGMENT_LENGTH,
        "least_seconds": MIN_SECONDS,
        "columns": {name: FEATURES[name].columns for name in names if FEATURES[name].columns},
    }
    return json.dumps(facts, indent=2) + "\n"


def ear_graph(names: Collection[str]) -> ModelProto:
    """Return the graph of some features that :func:`has_ear` is true of.

    Input: ``samples``, float32 (n, 48000), 3 s of mono sound at 16 kHz each. Outputs, float32: each
    feature by its name, (n, size); ``level``, the mean power in dB of full scale, (n,); and
    ``audible``, 1 where there is more than silence and 0 where not, (n,).

    Examples
    --------
    >>> [output.name for output in ear_graph(["summary"]).graph.output]
    ['summary', 'level', 'audible']
    """
    graph = GraphBuilder()
    _join(graph, SPECTRA)
    if "summary" in names:
        _join(graph, SUMMARY)
    if holds_musicnn(names):
        _join(graph, MUSICNN, {"pooled": "musicnn", "tags": "probabilities"})
    if "tags" in names:
        _log_odds(graph)
    _loudness(graph)
    sizes = {name: FEATURES[name].shape for name in names}
    return graph.model(
        "ear",
        {"samples": (SEGMENT_LENGTH,)},
        {**sizes, LEVEL: (), AUDIBLE: ()},
        producer_name="music_emotion",
        doc_string="Features of 3 s of mono sound at 16 kHz. MIT licence; with MSD_musicnn, Pons "
        "and Serra 2019, ISC licence.",
    )


def _join(graph: GraphBuilder, path: Path, renamed: Mapping[str, str] | None = None) -> None:
    """Add a file's nodes and constants; names that are not shared get the file's in front."""
    import onnx

    known = {"": "", **{name: name for name in SHARED}, **(renamed or {})}

    def name(old: str) -> str:
        return known.get(old, f"{path.stem}/{old}")

    part = onnx.load(str(path)).graph
    for node in part.node:
        node.input[:] = map(name, node.input)
        node.output[:] = map(name, node.output)
        node.name = f"{path.stem}/{node.name}" if node.name else ""
    for constant in part.initializer:
        constant.name = name(constant.name)
    graph.nodes.extend(part.node)
    graph.constants.extend(part.initializer)


def _log_odds(graph: GraphBuilder) -> None:
    """Add ``tags``, as `features.musicnn` has them."""
    p = graph.add("Clip", "probabilities", LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    graph.add("Log", graph.add("Div", p, graph.add("Sub", 1.0, p)), name="tags")


def _loudness(graph: GraphBuilder) -> None:
    """Add ``level`` and ``audible``, as `inference.segmenter` tells them.

    Means are means of the means of short parts, which keep the digits of float32.
    """
    length = int(LEVEL_SECONDS * SAMPLE_RATE)
    shape = np.array([0, SEGMENT_LENGTH // length, length])
    parts = graph.add("Reshape", "samples", shape)
    power = _mean(graph, _mean(graph, graph.add("Mul", parts, parts), 2), 1)
    logarithm = graph.add("Log", graph.add("Add", power, LEAST_POWER))
    graph.add(
        "Mul", graph.add("Squeeze", logarithm, np.array([1, 2])), 10.0 / np.log(10.0), name=LEVEL
    )
    offset = _mean(graph, _mean(graph, parts, 2), 1)
    levels = _mean(graph, graph.add("Abs", graph.add("Sub", parts, offset)), 2)
    loud = graph.add("GreaterOrEqual", levels, SILENT_LEVEL)
    count = graph.add("ReduceSum", graph.add("Cast", loud, to=1), np.array([1]), keepdims=1)
    is_spread = graph.add("GreaterOrEqual", count, float(AUDIBLE_LEVELS))
    is_loud = graph.add("GreaterOrEqual", _mean(graph, levels, 1), SILENT_LEVEL)
    both = graph.add("Squeeze", graph.add("And", is_loud, is_spread), np.array([1, 2]))
    graph.add("Cast", both, name=AUDIBLE, to=1)


def _mean(graph: GraphBuilder, values: str, axis: int) -> str:
    return graph.add("ReduceMean", values, axes=[axis], keepdims=1)

"""Small packaged models whose answers are known, made with ``onnx.helper``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import write_package

SEGMENT = 66_150
RATE = 22_050
TONES = {"calmness": 440.0, "tension": 3_000.0}
"""What the detector of tones knows: the first is calm, the second tense."""


def card(**fields: Any) -> Card:
    plain = Card("test", "1", ("waveform",), "segment", sha256="")
    return replace(plain, **fields)


def model(
    nodes: list[Any], inputs: dict[str, list[Any]], constants: dict[str, np.ndarray]
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", len(EMOTIONS)])
            for n in ("emotions", "intensities")
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def tone_detector() -> ModelProto:
    """Scope segment, waveform: the logit of each emotion in TONES is its tone's power."""
    time = np.arange(SEGMENT) / RATE
    waves = [wave(2 * np.pi * f * time) for f in TONES.values() for wave in (np.cos, np.sin)]
    analysis = np.stack(waves, axis=1).astype(np.float32) * np.float32(2 / SEGMENT)
    spread = np.zeros((2 * len(TONES), len(EMOTIONS)), np.float32)
    for number, name in enumerate(TONES):
        spread[2 * number : 2 * number + 2, EMOTIONS.index(name)] = 40.0
    nodes = [
        helper.make_node("MatMul", ["waveform", "analysis"], ["parts"]),
        helper.make_node("Mul", ["parts", "parts"], ["powers"]),
        helper.make_node("MatMul", ["powers", "spread"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["emotions"], axis=1),
        helper.make_node("Tanh", ["logits"], ["intensities"]),
    ]
    return model(nodes, {"waveform": ["n", SEGMENT]}, {"analysis": analysis, "spread": spread})


def linear_reader(sizes: dict[str, int], seed: int = 0) -> tuple[ModelProto, dict[str, np.ndarray]]:
    """Scope track: softmax of a linear map of the pooled features; returns its weights too."""
    rng = np.random.default_rng(seed)
    weights = {
        f"w_{name}": (rng.standard_normal((size, len(EMOTIONS))) / size).astype(np.float32)
        for name, size in sizes.items()
    }
    nodes = [
        helper.make_node("MatMul", [name, f"w_{name}"], [f"logits_{name}"]) for name in sizes
    ] + [
        helper.make_node("Sum", [f"logits_{name}" for name in sizes], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["emotions"], axis=1),
        helper.make_node("Sigmoid", ["logits"], ["intensities"]),
    ]
    return model(nodes, {name: ["n", size] for name, size in sizes.items()}, weights), weights


def package(folder: Path, graph: ModelProto, **fields: Any) -> Path:
    write_package(folder, card(**fields), graph.SerializeToString())
    return folder

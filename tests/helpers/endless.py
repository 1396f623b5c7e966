"""A packaged model that never answers, for what happens while an analysis runs."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper

from helpers.graphs import SEGMENT, model
from music_emotion.emotions import EMOTIONS

ROUNDS = 1 << 40


def endless_listener() -> ModelProto:
    """Scope segment, waveform: goes round a loop for longer than anyone waits."""
    one = helper.make_tensor_value_info("before", TensorProto.FLOAT, ["n", 1])
    more = helper.make_tensor_value_info("after", TensorProto.FLOAT, ["n", 1])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_further"]),
            helper.make_node("Sin", ["before"], ["after"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            one,
        ],
        [helper.make_tensor_value_info("go_on_further", TensorProto.BOOL, []), more],
        [],
    )
    nodes = [
        helper.make_node("ReduceMean", ["waveform"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Loop", ["rounds", "", "mean"], ["last"], body=body),
        helper.make_node("MatMul", ["last", "spread"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["emotions"], axis=1),
        helper.make_node("Sigmoid", ["logits"], ["intensities"]),
    ]
    constants = {
        "spread": np.zeros((1, len(EMOTIONS)), np.float32),
        "rounds": np.array(ROUNDS, np.int64),
    }
    return model(nodes, {"waveform": ["n", SEGMENT]}, constants)

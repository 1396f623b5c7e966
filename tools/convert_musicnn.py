"""Convert MSD_musicnn from its published wheel into ONNX.

Run once; the result is committed under ``src/music_emotion/features/weights``::

    pip download --no-deps musicnn==0.1.0 --dest /tmp/musicnn
    python tools/convert_musicnn.py /tmp/musicnn/musicnn-0.1.0-py3-none-any.whl

TensorFlow is not needed: its checkpoint is a LevelDB table of offsets (``.index``) beside one
block of raw little-endian floats (``.data-00000-of-00001``), both read here in a few lines. Only
the ``MSD_musicnn`` checkpoint is touched; the wheel's ``MTT_*`` models were trained on
MagnaTagATune, which is Magnatune audio as EMOTIFY is, and could have heard the test tracks.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from music_emotion.atomic import write_whole
from music_emotion.features.musicnn import MEL_BANDS, PATCH_FRAMES, POOLED_SIZE, WEIGHTS
from music_emotion.models.fitted_blend import IR_VERSION, OPSET, GraphBuilder

Array = NDArray[np.float32]
Arrays = dict[str, Array]

WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"
LICENCE = "musicnn-0.1.0.dist-info/LICENSE.md"

TABLE_FOOTER_BYTES = 48
TABLE_MAGIC = 0xDB4775248B80FB57
DTYPE_FLOAT = 1
BATCH_NORM_EPSILON = 1e-3

CHANNELS_MID = 64

DEAD_STRENGTH = 1e-9  # change of a channel per unit of input; nothing lies between the two
ALIVE_STRENGTH = 1e-5

# Our names of the layers, in the order of the checkpoint's scopes.
CONVOLUTIONS = (
    "front.timbral_38",
    "front.timbral_67",
    "front.temporal_128",
    "front.temporal_64",
    "front.temporal_32",
    "mid.first",
    "mid.second",
    "mid.third",
)
BATCH_NORMS = ("input_norm", *(f"{name}_norm" for name in CONVOLUTIONS), "pool_norm", "dense_norm")


# --- The checkpoint -----------------------------------------------------------------------------


def read_checkpoint(wheel: Path) -> Arrays:
    """Return the network's variables by their TensorFlow names, without optimiser state."""
    with zipfile.ZipFile(wheel) as archive:
        index = archive.read(CHECKPOINT + ".index")
        data = archive.read(CHECKPOINT + ".data-00000-of-00001")
    variables: Arrays = {}
    for name, entry in _table(index):
        if not name or "Adam" in name or name.endswith("_power"):
            continue
        dtype, shape, offset, size = _bundle_entry(entry)
        if dtype != DTYPE_FLOAT:
            continue
        variables[name] = np.frombuffer(data[offset : offset + size], dtype="<f4").reshape(shape)
    return variables


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _table(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (key, value) of an uncompressed LevelDB table."""
    footer = data[-TABLE_FOOTER_BYTES:]
    if struct.unpack("<Q", footer[-8:])[0] != TABLE_MAGIC:
        raise SystemExit("the checkpoint's index is not a table this script can read")
    at = 0
    for _ in range(2):  # the meta-index block is not needed
        _, at = _varint(footer, at)
    index_offset, at = _varint(footer, at)
    index_size, at = _varint(footer, at)
    for _, handle in _block(data, index_offset, index_size):
        offset, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        for key, value in _block(data, offset, size):
            yield key.decode(), value


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the prefix-compressed entries of one block."""
    if data[offset + size] != 0:
        raise SystemExit("the checkpoint's index is compressed; this script reads plain ones")
    block = data[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def _bundle_entry(message: bytes) -> tuple[int, tuple[int, ...], int, int]:
    """Read dtype, shape, offset and size from a ``BundleEntryProto``."""
    fields: dict[int, int | bytes] = {3: 0, 4: 0, 5: 0}
    for number, value in _protobuf(message):
        fields[number] = value
    shape_message = fields.get(2, b"")
    assert isinstance(shape_message, bytes)
    shape = []
    for number, dimension in _protobuf(shape_message):
        if number == 2 and isinstance(dimension, bytes):
            shape.append(next((int(v) for n, v in _protobuf(dimension) if n == 1), 0))
    return int(fields.get(1, 0)), tuple(shape), int(fields[4]), int(fields[5])


def _protobuf(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
        elif wire == 2:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        elif wire == 5:
            at += 4  # the checksum
        else:
            raise SystemExit(f"unexpected wire type {wire} in the checkpoint's index")


# --- Our names and layout -----------------------------------------------------------------------


def to_state(variables: Arrays) -> Arrays:
    """Return the variables under our names and in ONNX's layout."""
    state: Arrays = {}
    for number, name in enumerate(BATCH_NORMS):
        scope = "batch_normalization" + (f"_{number}" if number else "")
        state[f"{name}.weight"] = variables[f"{scope}/gamma"]
        state[f"{name}.bias"] = variables[f"{scope}/beta"]
        state[f"{name}.running_mean"] = variables[f"{scope}/moving_mean"]
        state[f"{name}.running_var"] = variables[f"{scope}/moving_variance"]
    for number, name in enumerate(CONVOLUTIONS):
        scope = "conv2d" + (f"_{number}" if number else "")
        kernel = variables[f"{scope}/kernel"]  # (time, frequency, in, out)
        if name.startswith("mid"):
            # (7, channels, 1, 64): the frequency axis holds the channels of a map over time.
            state[f"{name}.weight"] = kernel[:, :, 0].transpose(2, 1, 0)
        else:
            state[f"{name}.weight"] = kernel.transpose(3, 2, 0, 1)
        state[f"{name}.bias"] = variables[f"{scope}/bias"]
    for number, name in enumerate(("dense", "tags")):
        scope = "dense" + (f"_{number}" if number else "")
        state[f"{name}.weight"] = variables[f"{scope}/kernel"].T
        state[f"{name}.bias"] = variables[f"{scope}/bias"]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in state.items()}


# --- The ONNX graph -----------------------------------------------------------------------------


def affine(state: Arrays, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scale and shift of a batch norm with its inference statistics."""
    variance = state[f"{name}.running_var"].astype(np.float64)
    scale = state[f"{name}.weight"] / np.sqrt(variance + BATCH_NORM_EPSILON)
    shift = state[f"{name}.bias"] - scale * state[f"{name}.running_mean"]
    return scale.astype(np.float32), shift.astype(np.float32)


def live(state: Arrays, name: str) -> NDArray[np.int64]:
    """Return the channels of a convolution that depend on its input.

    Weight decay has driven most filters of the published network to zero: what they can add to
    their channel (filter norm times the batch norm's scale) is below 1e-9, beside 7e-4 and more
    for the others. Their channels are constants, and are worked out here, once, instead of for
    every patch.
    """
    kernel = state[f"{name}.weight"]
    norms = np.sqrt(np.square(kernel, dtype=np.float64).reshape(len(kernel), -1).sum(axis=1))
    strength = norms * np.abs(affine(state, f"{name}_norm")[0])
    if np.any((strength > DEAD_STRENGTH) & (strength < ALIVE_STRENGTH)):
        raise SystemExit(f"{name}: a filter is neither dead nor alive; look before pruning")
    return np.flatnonzero(strength >= ALIVE_STRENGTH)


def constant_value(state: Arrays, name: str) -> NDArray[np.float32]:
    """Return what each channel gives after ReLU and batch norm when its filter is zero."""
    scale, shift = affine(state, f"{name}_norm")
    return np.maximum(state[f"{name}.bias"], 0.0) * scale + shift


def layer_constants(state: Arrays, name: str) -> tuple[NDArray[np.int64], Array]:
    """Return a layer's living channels, and what its dead ones give (0 where they live)."""
    alive = live(state, name)
    scale, shift = affine(state, f"{name}_norm")
    fixed = np.maximum(state[f"{name}.bias"], 0.0) * scale + shift
    fixed[alive] = 0.0
    return alive, fixed


def front_branch(graph: GraphBuilder, state: Arrays, name: str, source: str) -> str:
    """Convolve, take the maximum over frequency, then ReLU and batch norm; return (n, c, time).

    Only living channels are returned. ReLU and a batch norm of positive scale are monotonic, so
    the maximum may come first, on 1/59 of the values. Where the scale is negative the order turns
    round: there the filter's sign is flipped before the maximum and back after it.
    """
    alive = live(state, name)
    sign = np.where(affine(state, f"{name}_norm")[0][alive] < 0, -1.0, 1.0).astype(np.float32)
    kernel = state[f"{name}.weight"][alive] * sign[:, None, None, None]
    taps, bands = kernel.shape[2:]
    convolved = graph.add(
        "Conv",
        source,
        kernel,
        state[f"{name}.bias"][alive] * sign,
        kernel_shape=[taps, bands],
        pads=[(taps - 1) // 2, 0, taps // 2, 0],
    )
    peak = graph.add("ReduceMax", convolved, axes=[3], keepdims=0)
    return active(graph, state, name, graph.add("Mul", peak, sign[:, None]), alive)


def mid_layer(
    graph: GraphBuilder,
    state: Arrays,
    name: str,
    source: str,
    inputs: NDArray[np.int64],
    fixed: Array,
) -> str:
    """Convolve along time, then ReLU and batch norm; return all channels, (n, 64, time).

    Parameters
    ----------
    source
        The living input channels, numbered by ``inputs``.
    fixed
        Values of all input channels where they are dead, 0 where they live. Their part is a
        constant map (not a constant number: the zero padding is felt at the edges).
    """
    alive, own_fixed = layer_constants(state, name)
    kernel = state[f"{name}.weight"][alive]
    half = kernel.shape[2] // 2
    padded = np.pad(np.repeat(fixed[:, None], PATCH_FRAMES, axis=1), ((0, 0), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2], axis=1)
    offset = np.einsum("oik,itk->ot", kernel.astype(np.float64), windows)
    offset += state[f"{name}.bias"][alive, None]
    convolved = graph.add(
        "Conv", source, kernel[:, inputs], kernel_shape=[kernel.shape[2]], pads=[half, half]
    )
    layer = active(graph, state, name, graph.add("Add", convolved, offset), alive)
    # Put the living channels in their places among the dead ones' values.
    turned = graph.add("Transpose", layer, perm=[0, 2, 1])
    placed = graph.add("MatMul", turned, places(alive, len(own_fixed)).T)
    return graph.add("Transpose", graph.add("Add", placed, own_fixed), perm=[0, 2, 1])


def active(
    graph: GraphBuilder, state: Arrays, name: str, source: str, alive: NDArray[np.int64]
) -> str:
    """Apply ReLU and the inference batch norm of the living channels to (n, c, time)."""
    scale, shift = (value[alive, None] for value in affine(state, f"{name}_norm"))
    return graph.add("Add", graph.add("Mul", graph.add("Relu", source), scale), shift)


def places(alive: NDArray[np.int64], count: int) -> Array:
    """Return the matrix that puts living channels in their places, (count, living)."""
    return np.eye(count, dtype=np.float32)[:, alive]


def build_onnx(state: Arrays) -> onnx.ModelProto:
    """Return the network with inputs ``log_mel`` and outputs ``pooled`` (n, 1506), ``tags``."""
    graph = GraphBuilder()
    scale, shift = affine(state, "input_norm")
    image = graph.add("Unsqueeze", "log_mel", np.array([1]))
    source = graph.add("Add", graph.add("Mul", image, scale), shift)

    front = [front_branch(graph, state, name, source) for name in CONVOLUTIONS[:5]]
    front_live = graph.add("Concat", *front, axis=1)
    alive, fixed, start = [], [], 0
    for name in CONVOLUTIONS[:5]:
        branch_alive, branch_fixed = layer_constants(state, name)
        alive.append(branch_alive + start)
        fixed.append(branch_fixed)
        start += len(branch_fixed)
    front_alive, front_fixed = np.concatenate(alive), np.concatenate(fixed)
    everything, nothing = np.arange(CHANNELS_MID), np.zeros(CHANNELS_MID, dtype=np.float32)
    first = mid_layer(graph, state, "mid.first", front_live, front_alive, front_fixed)
    second = mid_layer(graph, state, "mid.second", first, everything, nothing)
    second = graph.add("Add", second, first)
    third = mid_layer(graph, state, "mid.third", second, everything, nothing)
    third = graph.add("Add", third, second)
    maps = graph.add("Concat", front_live, first, second, third, axis=1)

    # Order of the pooled vector: channel by channel, maximum then mean, as in the original.
    peak = graph.add("ReduceMax", maps, axes=[2], keepdims=1)
    mean = graph.add("ReduceMean", maps, axes=[2], keepdims=1)
    channels = np.concatenate([front_alive, start + np.arange(3 * CHANNELS_MID)])
    dead = np.concatenate([front_fixed, np.tile(nothing, 3)])
    pair = graph.add("Concat", peak, mean, axis=2)
    placed = graph.add("MatMul", places(channels, len(dead)), pair)
    graph.add("Flatten", graph.add("Add", placed, dead[:, None]), name="pooled", axis=1)

    scale, shift = affine(state, "pool_norm")
    weight = state["dense.weight"]
    dense = graph.add(
        "Gemm", "pooled", weight * scale, state["dense.bias"] + weight @ shift, transB=1
    )
    scale, shift = affine(state, "dense_norm")
    scaled = graph.add("Mul", graph.add("Relu", dense), scale)
    graph.add("Add", scaled, shift, name="penultimate")
    logits = graph.add("Gemm", "penultimate", state["tags.weight"], state["tags.bias"], transB=1)
    graph.add("Sigmoid", logits, name="tags")

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "MSD_musicnn",
            [value("log_mel", PATCH_FRAMES, MEL_BANDS)],
            [value("pooled", POOLED_SIZE), value("penultimate", 200), value("tags", 50)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="tools/convert_musicnn.py",
        doc_string="MSD_musicnn, Pons and Serra 2019, ISC licence; see msd_musicnn.LICENSE.md",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


# --- The script ---------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent)
    options = parser.parse_args()
    found = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{options.wheel} is not the published musicnn 0.1.0 (sha256 {found})")
    state = to_state(read_checkpoint(options.wheel))
    options.out.mkdir(parents=True, exist_ok=True)
    write_whole(options.out / "msd_musicnn.onnx", build_onnx(state).SerializeToString())
    with zipfile.ZipFile(options.wheel) as archive:
        write_whole(options.out / "msd_musicnn.LICENSE.md", archive.read(LICENCE))


if __name__ == "__main__":
    main()

"""Convert MSD_musicnn from its published wheel into safetensors (training) and ONNX (prediction).

Run once; the results are committed under ``src/music_emotion/features/weights``::

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
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

Array = NDArray[np.float32]
Arrays = dict[str, Array]

WEIGHTS = Path(__file__).parents[1] / "src" / "music_emotion" / "features" / "weights"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"
LICENCE = "musicnn-0.1.0.dist-info/LICENSE.md"

TABLE_FOOTER_BYTES = 48
TABLE_MAGIC = 0xDB4775248B80FB57
DTYPE_FLOAT = 1
BATCH_NORM_EPSILON = 1e-3

PATCH_FRAMES = 187
MEL_BANDS = 96
CHANNELS_MID = 64

DEAD_STRENGTH = 1e-9  # change of a channel per unit of input; nothing lies between the two
ALIVE_STRENGTH = 1e-5

# Checkpoint scope → our module path, in the order of construction.
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
    """Return the variables under the names and in the layout of ``models.musicnn.MusicNN``."""
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


class Graph:
    """Collects nodes and weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a weight and return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operation: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(operation, inputs, [output], output, **attributes))
        return output


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


def front_branch(graph: Graph, state: Arrays, name: str, source: str) -> str:
    """Convolve, take the maximum over frequency, then ReLU and batch norm; return (n, c, time).

    Only living channels are returned. ReLU and a batch norm of positive scale are monotonic, so
    the maximum may come first, on 1/59 of the values. Where the scale is negative the order turns
    round: there the filter's sign is flipped before the maximum and back after it.
    """
    alive = live(state, name)
    scale, shift = (value[alive] for value in affine(state, f"{name}_norm"))
    sign = np.where(scale < 0, -1.0, 1.0).astype(np.float32)
    kernel = state[f"{name}.weight"][alive] * sign[:, None, None, None]
    taps, bands = kernel.shape[2:]
    graph.constant(f"{name}.weight", kernel)
    graph.constant(f"{name}.bias", state[f"{name}.bias"][alive] * sign)
    convolved = graph.add(
        "Conv",
        [source, f"{name}.weight", f"{name}.bias"],
        f"{name}.conv",
        kernel_shape=[taps, bands],
        pads=[(taps - 1) // 2, 0, taps // 2, 0],
    )
    peak = graph.add("ReduceMax", [convolved], f"{name}.max", axes=[3], keepdims=0)
    sign_column = graph.constant(f"{name}.sign", sign[:, None])
    active = graph.add(
        "Relu", [graph.add("Mul", [peak, sign_column], f"{name}.turned")], f"{name}.relu"
    )
    return normalise(graph, name, active, scale, shift)


def mid_layer(
    graph: Graph, state: Arrays, name: str, source: str, inputs: NDArray[np.int64], fixed: Array
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
    alive = live(state, name)
    kernel = state[f"{name}.weight"][alive]
    half = kernel.shape[2] // 2
    padded = np.pad(np.repeat(fixed[:, None], PATCH_FRAMES, axis=1), ((0, 0), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2], axis=1)
    offset = np.einsum("oik,itk->ot", kernel.astype(np.float64), windows)
    offset += state[f"{name}.bias"][alive, None]
    graph.constant(f"{name}.weight", kernel[:, inputs])
    graph.constant(f"{name}.offset", offset.astype(np.float32))
    convolved = graph.add(
        "Conv",
        [source, f"{name}.weight"],
        f"{name}.conv",
        kernel_shape=[kernel.shape[2]],
        pads=[half, half],
    )
    raised = graph.add("Add", [convolved, f"{name}.offset"], f"{name}.raised")
    active = graph.add("Relu", [raised], f"{name}.relu")
    scale, shift = (value[alive] for value in affine(state, f"{name}_norm"))
    return normalise(graph, name, active, scale, shift)


def normalise(graph: Graph, name: str, source: str, scale: Array, shift: Array) -> str:
    """Apply an inference batch norm to (n, c, time)."""
    column = graph.constant(f"{name}.scale", scale[:, None])
    scaled = graph.add("Mul", [source, column], f"{name}.scaled")
    return graph.add("Add", [scaled, graph.constant(f"{name}.shift", shift[:, None])], name)


def spread(graph: Graph, name: str, source: str, alive: NDArray[np.int64], fixed: Array) -> str:
    """Put living channels (n, c, …) in their places among the dead ones' values, (n, all, …)."""
    places = np.zeros((len(alive), len(fixed)), dtype=np.float32)
    places[np.arange(len(alive)), alive] = 1.0
    turned = graph.add("Transpose", [source], f"{name}.turned", perm=[0, 2, 1])
    placed = graph.add(
        "MatMul", [turned, graph.constant(f"{name}.places", places)], f"{name}.placed"
    )
    raised = graph.add("Add", [placed, graph.constant(f"{name}.fixed", fixed)], f"{name}.raised")
    return graph.add("Transpose", [raised], f"{name}.all", perm=[0, 2, 1])


def spread_rows(graph: Graph, source: str, alive: NDArray[np.int64], fixed: Array) -> str:
    """Put rows (n, c, 2) in their places among the dead channels' values, (n, all, 2)."""
    places = np.zeros((len(fixed), len(alive)), dtype=np.float32)
    places[alive, np.arange(len(alive))] = 1.0
    placed = graph.add("MatMul", [graph.constant("pool.places", places), source], "pool.placed")
    return graph.add("Add", [placed, graph.constant("pool.fixed", fixed[:, None])], "pool.all")


def layer_constants(state: Arrays, name: str) -> tuple[NDArray[np.int64], Array]:
    """Return a layer's living channels and the values of its dead ones (0 where they live)."""
    alive = live(state, name)
    fixed = constant_value(state, name)
    fixed[alive] = 0.0
    return alive, fixed


def front_constants(state: Arrays) -> tuple[NDArray[np.int64], Array]:
    """Return living channels and constants of the concatenated front end, of 561."""
    alive, fixed, start = [], [], 0
    for name in CONVOLUTIONS[:5]:
        branch_alive, branch_fixed = layer_constants(state, name)
        alive.append(branch_alive + start)
        fixed.append(branch_fixed)
        start += len(branch_fixed)
    return np.concatenate(alive), np.concatenate(fixed)


def residual(
    graph: Graph, state: Arrays, name: str, source: str, inputs: NDArray[np.int64], fixed: Array
) -> str:
    """Return a mid layer's 64 channels plus its input."""
    layer = mid_layer(graph, state, name, source, inputs, fixed)
    whole = spread(graph, f"{name}.spread", layer, *layer_constants(state, name))
    return graph.add("Add", [whole, source], f"{name}.sum")


def build_onnx(state: Arrays) -> onnx.ModelProto:
    """Return the network with inputs ``log_mel`` and outputs ``pooled`` (n, 1506), ``tags``."""
    graph = Graph()
    graph.constant("axis_1", np.array([1], dtype=np.int64))
    scale, shift = affine(state, "input_norm")
    graph.constant("input.scale", scale)
    graph.constant("input.shift", shift)
    image = graph.add("Unsqueeze", ["log_mel", "axis_1"], "image")
    scaled = graph.add("Mul", [image, "input.scale"], "input.scaled")
    source = graph.add("Add", [scaled, "input.shift"], "input.norm")

    front = [front_branch(graph, state, name, source) for name in CONVOLUTIONS[:5]]
    front_live = graph.add("Concat", front, "front.live", axis=1)
    alive, fixed = front_constants(state)
    first_live = mid_layer(graph, state, "mid.first", front_live, alive, fixed)
    first_alive, first_fixed = layer_constants(state, "mid.first")
    everything = np.arange(CHANNELS_MID)
    nothing = np.zeros(CHANNELS_MID, dtype=np.float32)
    first = spread(graph, "first", first_live, first_alive, first_fixed)
    second = residual(graph, state, "mid.second", first, everything, nothing)
    third = residual(graph, state, "mid.third", second, everything, nothing)
    maps = graph.add("Concat", [front_live, first, second, third], "maps", axis=1)

    # Order of the pooled vector: channel by channel, maximum then mean, as in the original.
    peak = graph.add("ReduceMax", [maps], "pool.max", axes=[2], keepdims=1)
    mean = graph.add("ReduceMean", [maps], "pool.mean", axes=[2], keepdims=1)
    pair = graph.add("Concat", [peak, mean], "pool.pair", axis=2)
    channels = np.concatenate([alive, len(fixed) + np.arange(3 * CHANNELS_MID)])
    dead = np.concatenate([fixed, np.zeros(3 * CHANNELS_MID, dtype=np.float32)])
    spread_pair = spread_rows(graph, pair, channels, dead)
    graph.add("Flatten", [spread_pair], "pooled", axis=1)

    scale, shift = affine(state, "pool_norm")
    weight = state["dense.weight"] * scale[None, :]
    bias = state["dense.bias"] + state["dense.weight"] @ shift
    graph.constant("dense.weight", weight)
    graph.constant("dense.bias", bias)
    dense = graph.add("Gemm", ["pooled", "dense.weight", "dense.bias"], "dense", transB=1)
    active = graph.add("Relu", [dense], "dense.relu")
    scale, shift = affine(state, "dense_norm")
    graph.constant("dense.scale", scale)
    graph.constant("dense.shift", shift)
    scaled = graph.add("Mul", [active, "dense.scale"], "dense.scaled")
    penultimate = graph.add("Add", [scaled, "dense.shift"], "penultimate")
    graph.constant("tags.weight", state["tags.weight"])
    graph.constant("tags.bias", state["tags.bias"])
    logits = graph.add("Gemm", [penultimate, "tags.weight", "tags.bias"], "logits", transB=1)
    graph.add("Sigmoid", [logits], "tags")

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "MSD_musicnn",
            [value("log_mel", "n", PATCH_FRAMES, MEL_BANDS)],
            [value("pooled", "n", 1506), value("penultimate", "n", 200), value("tags", "n", 50)],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="tools/convert_musicnn.py",
        doc_string="MSD_musicnn, Pons and Serra 2019, ISC licence; see msd_musicnn.LICENSE.md",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


# --- The script ---------------------------------------------------------------------------------


def write(path: Path, content: bytes) -> None:
    """Write to a temporary name in the same directory, then rename."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
    print(f"{path.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    found = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{options.wheel} is not the published musicnn 0.1.0 (sha256 {found})")
    state = to_state(read_checkpoint(options.wheel))
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "msd_musicnn.safetensors", save(state))
    write(options.out / "msd_musicnn.onnx", build_onnx(state).SerializeToString())
    with zipfile.ZipFile(options.wheel) as archive:
        write(options.out / "msd_musicnn.LICENSE.md", archive.read(LICENCE))


if __name__ == "__main__":
    main()

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
import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from music_emotion.atomic import write_whole
from music_emotion.features.graphs import MUSICNN
from music_emotion.features.musicnn import N_MELS, PATCH_FRAMES, POOLED_SIZE
from music_emotion.models.fitted_blend import GraphBuilder

Array = NDArray[np.float32]
Indices = NDArray[np.int64]
Variables = dict[str, Array]

WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"
LICENCE = "musicnn-0.1.0.dist-info/LICENSE.md"

TABLE_FOOTER_BYTES = 48
TABLE_MAGIC = 0xDB4775248B80FB57
DTYPE_FLOAT = 1
BATCH_NORM_EPSILON = 1e-3

FRONT_BRANCHES = 5  # convolutions over time and frequency; the three after them read their maps
MID_LAYERS = 3
CHANNELS_MID = 64

DEAD_STRENGTH = 1e-9  # change of a channel per unit of input; nothing lies between the two
ALIVE_STRENGTH = 1e-5


# --- The checkpoint -----------------------------------------------------------------------------


def read_checkpoint(wheel: Path) -> Variables:
    """Return the network's variables by their TensorFlow names, without optimiser state."""
    with zipfile.ZipFile(wheel) as archive:
        index = archive.read(CHECKPOINT + ".index")
        data = archive.read(CHECKPOINT + ".data-00000-of-00001")
    variables: Variables = {}
    for name, message in _table(index):
        if not name or "Adam" in name or name.endswith("_power"):
            continue
        # A BundleEntryProto: 1 is the type, 2 the shape, 4 the offset, 5 the size.
        entry = {2: b"", 4: 0, 5: 0, **dict(_protobuf(message))}
        if entry[1] == DTYPE_FLOAT:
            sizes = [dict(_protobuf(value)) for number, value in _protobuf(entry[2]) if number == 2]
            values = np.frombuffer(data[entry[4] : entry[4] + entry[5]], dtype="<f4")
            variables[name] = values.reshape([size.get(1, 0) for size in sizes])
    return variables


def _varint(stream: BinaryIO) -> int:
    value = shift = 0
    while True:
        (byte,) = stream.read(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _table(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (key, value) of an uncompressed LevelDB table."""
    footer = io.BytesIO(data[-TABLE_FOOTER_BYTES:])
    if struct.unpack("<Q", data[-8:])[0] != TABLE_MAGIC:
        raise SystemExit("the checkpoint's index is not a table this script can read")
    # Offset and size of the meta-index block, which is not needed, and of the index block.
    _, _, offset, size = (_varint(footer) for _ in range(4))
    for _, handle in _block(data, offset, size):
        place = io.BytesIO(handle)
        for key, value in _block(data, _varint(place), _varint(place)):
            yield key.decode(), value


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the prefix-compressed entries of one block."""
    if data[offset + size] != 0:
        raise SystemExit("the checkpoint's index is compressed; this script reads plain ones")
    (restarts,) = struct.unpack_from("<I", data, offset + size - 4)
    entries, key = data[offset : offset + size - 4 - 4 * restarts], b""
    stream = io.BytesIO(entries)
    while stream.tell() < len(entries):
        shared, unshared, length = (_varint(stream) for _ in range(3))
        key = key[:shared] + stream.read(unshared)
        yield key, stream.read(length)


def _protobuf(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field."""
    stream = io.BytesIO(message)
    while stream.tell() < len(message):
        number, wire = divmod(_varint(stream), 8)
        if wire == 0:
            yield number, _varint(stream)
        elif wire in (2, 5):  # of a length of its own, or of four bytes
            yield number, stream.read(_varint(stream) if wire == 2 else 4)
        else:
            raise SystemExit(f"unexpected wire type {wire} in the checkpoint's index")


# --- The layers, pruned -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with ReLU and batch norm, in ONNX's layout, without its dead channels.

    Weight decay has driven most filters of the published network to zero: what they can add to
    their channel (filter norm times the batch norm's scale) is below 1e-9, beside 7e-4 and more
    for the others. Their channels are constants, and are worked out here, once, instead of for
    every patch.

    Attributes
    ----------
    alive
        The channels that depend on the input.
    fixed
        What each dead channel gives, 0 where it lives, shape (channels,).
    kernel, bias, scale, shift
        Of the living channels, on axis 0.
    """

    alive: Indices
    fixed: Array
    kernel: Array
    bias: Array
    scale: Array
    shift: Array


def variable(variables: Variables, scope: str, number: int, name: str) -> Array:
    """Return a variable of the layer of that number; TensorFlow gives the first none."""
    return variables[f"{scope}_{number}/{name}" if number else f"{scope}/{name}"]


def batch_norm(variables: Variables, number: int) -> tuple[Array, Array]:
    """Return scale and shift of a batch norm with its inference statistics."""
    gamma, beta, mean, variance = (
        variable(variables, "batch_normalization", number, name)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance.astype(np.float64) + BATCH_NORM_EPSILON)
    return scale.astype(np.float32), (beta - scale * mean).astype(np.float32)


def dense(variables: Variables, number: int) -> tuple[Array, Array]:
    """Return weights (out, in) and bias of a dense layer."""
    kernel, bias = (variable(variables, "dense", number, name) for name in ("kernel", "bias"))
    return np.ascontiguousarray(kernel.T), bias


def prune(variables: Variables, number: int) -> Layer:
    """Return the convolution of that number with the batch norm behind it."""
    kernel, bias = (variable(variables, "conv2d", number, name) for name in ("kernel", "bias"))
    if number < FRONT_BRANCHES:  # (time, frequency, 1, out)
        kernel = kernel.transpose(3, 2, 0, 1)
    else:  # (7, channels, 1, 64): the frequency axis holds the channels of a map over time
        kernel = kernel[:, :, 0].transpose(2, 1, 0)
    kernel = np.ascontiguousarray(kernel)
    scale, shift = batch_norm(variables, number + 1)
    norms = np.sqrt(np.square(kernel, dtype=np.float64).reshape(len(kernel), -1).sum(axis=1))
    strength = norms * np.abs(scale)
    if np.any((strength > DEAD_STRENGTH) & (strength < ALIVE_STRENGTH)):
        raise SystemExit(f"convolution {number}: a filter is neither dead nor alive")
    alive = np.flatnonzero(strength >= ALIVE_STRENGTH)
    fixed = np.maximum(bias, 0.0) * scale + shift
    fixed[alive] = 0.0
    return Layer(alive, fixed, kernel[alive], bias[alive], scale[alive], shift[alive])


# --- The ONNX graph -----------------------------------------------------------------------------


def front_branch(graph: GraphBuilder, layer: Layer, source: str) -> str:
    """Convolve, take the maximum over frequency, then ReLU and batch norm; return (n, c, time).

    Only living channels are returned. ReLU and a batch norm of positive scale are monotonic, so
    the maximum may come first, on 1/59 of the values. Where the scale is negative the order turns
    round: there the filter's sign is flipped before the maximum and back after it.
    """
    sign = np.where(layer.scale < 0, -1.0, 1.0).astype(np.float32)
    kernel = layer.kernel * sign[:, None, None, None]
    taps, bands = kernel.shape[2:]
    pads = [(taps - 1) // 2, 0, taps // 2, 0]
    convolved = graph.add(
        "Conv", source, kernel, layer.bias * sign, kernel_shape=[taps, bands], pads=pads
    )
    peak = graph.add("ReduceMax", convolved, axes=[3], keepdims=0)
    return active(graph, layer, graph.add("Mul", peak, sign[:, None]))


def mid_layer(graph: GraphBuilder, layer: Layer, source: str, inputs: Indices, fixed: Array) -> str:
    """Convolve along time, then ReLU and batch norm; return all channels, (n, 64, time).

    Parameters
    ----------
    source
        The living input channels, numbered by ``inputs``.
    fixed
        Values of all input channels where they are dead, 0 where they live. Their part is a
        constant map (not a constant number: the zero padding is felt at the edges).
    """
    taps = layer.kernel.shape[2]
    half = taps // 2
    padded = np.pad(np.repeat(fixed[:, None], PATCH_FRAMES, axis=1), ((0, 0), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=1)
    offset = np.einsum("oik,itk->ot", layer.kernel.astype(np.float64), windows)
    offset += layer.bias[:, None]
    convolved = graph.add(
        "Conv", source, layer.kernel[:, inputs], kernel_shape=[taps], pads=[half, half]
    )
    living = active(graph, layer, graph.add("Add", convolved, offset))
    # Put the living channels in their places among the dead ones' values.
    turned = graph.add("Transpose", living, perm=[0, 2, 1])
    placed = graph.add("MatMul", turned, places(layer.alive, len(layer.fixed)).T)
    return graph.add("Transpose", graph.add("Add", placed, layer.fixed), perm=[0, 2, 1])


def active(graph: GraphBuilder, layer: Layer, source: str) -> str:
    """Apply ReLU and the batch norm to the living channels, (n, c, time)."""
    scaled = graph.add("Mul", graph.add("Relu", source), layer.scale[:, None])
    return graph.add("Add", scaled, layer.shift[:, None])


def places(alive: Indices, count: int) -> Array:
    """Return the matrix that puts living channels in their places, (count, living)."""
    return np.eye(count, dtype=np.float32)[:, alive]


def build_onnx(variables: Variables) -> ModelProto:
    """Return the network with inputs ``log_mel`` and outputs ``pooled`` (n, 1506), ``tags``."""
    layers = [prune(variables, number) for number in range(FRONT_BRANCHES + MID_LAYERS)]
    branches, mid = layers[:FRONT_BRANCHES], layers[FRONT_BRANCHES:]
    graph = GraphBuilder()
    scale, shift = batch_norm(variables, 0)
    image = graph.add("Unsqueeze", "log_mel", np.array([1]))
    source = graph.add("Add", graph.add("Mul", image, scale), shift)

    front = graph.add("Concat", *(front_branch(graph, each, source) for each in branches), axis=1)
    fixed = np.concatenate([each.fixed for each in branches])
    starts = np.cumsum([0, *(len(each.fixed) for each in branches)])
    alive = np.concatenate(
        [each.alive + start for each, start in zip(branches, starts, strict=False)]
    )
    everything, nothing = np.arange(CHANNELS_MID), np.zeros(CHANNELS_MID, dtype=np.float32)
    first = mid_layer(graph, mid[0], front, alive, fixed)
    second = mid_layer(graph, mid[1], first, everything, nothing)
    second = graph.add("Add", second, first)
    third = mid_layer(graph, mid[2], second, everything, nothing)
    third = graph.add("Add", third, second)
    maps = graph.add("Concat", front, first, second, third, axis=1)

    # Order of the pooled vector: channel by channel, maximum then mean, as in the original.
    peak = graph.add("ReduceMax", maps, axes=[2], keepdims=1)
    mean = graph.add("ReduceMean", maps, axes=[2], keepdims=1)
    channels = np.concatenate([alive, len(fixed) + np.arange(MID_LAYERS * CHANNELS_MID)])
    dead = np.concatenate([fixed, np.tile(nothing, MID_LAYERS)])
    pair = graph.add("Concat", peak, mean, axis=2)
    placed = graph.add("MatMul", places(channels, len(dead)), pair)
    graph.add("Flatten", graph.add("Add", placed, dead[:, None]), name="pooled", axis=1)

    scale, shift = batch_norm(variables, len(layers) + 1)
    weight, bias = dense(variables, 0)
    hidden = graph.add("Gemm", "pooled", weight * scale, bias + weight @ shift, transB=1)
    scale, shift = batch_norm(variables, len(layers) + 2)
    scaled = graph.add("Mul", graph.add("Relu", hidden), scale)
    graph.add("Add", scaled, shift, name="penultimate")
    logits = graph.add("Gemm", "penultimate", *dense(variables, 1), transB=1)
    graph.add("Sigmoid", logits, name="tags")
    return graph.model(
        "MSD_musicnn",
        {"log_mel": (PATCH_FRAMES, N_MELS)},
        {"pooled": (POOLED_SIZE,), "penultimate": (200,), "tags": (50,)},
        producer_name="tools/convert_musicnn.py",
        doc_string="MSD_musicnn, Pons and Serra 2019, ISC licence; see msd_musicnn.LICENSE.md",
    )


# --- The script ---------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=MUSICNN.parent)
    options = parser.parse_args()
    found = hashlib.sha256(options.wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{options.wheel} is not the published musicnn 0.1.0 (sha256 {found})")
    model = build_onnx(read_checkpoint(options.wheel))
    options.out.mkdir(parents=True, exist_ok=True)
    write_whole(options.out / MUSICNN.name, model.SerializeToString())
    with zipfile.ZipFile(options.wheel) as archive:
        write_whole(options.out / "msd_musicnn.LICENSE.md", archive.read(LICENCE))


if __name__ == "__main__":
    main()

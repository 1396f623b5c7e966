"""Build the graphs of the ear: sound to spectra, and spectra to low-level descriptors.

Run again where a descriptor is to change; the result is committed under
``src/music_emotion/features/weights``::

    python tools/build_ear.py

``ear_spectra.onnx`` brings 3-s segments at 16 kHz, (n, 48000), to one level and takes their power
spectra and mel bands; ``ear_summary.onnx`` describes those as `features.lowlevel` says. What they
give is compared with plain NumPy by ``tests/features/test_lowlevel.py``.

A Fourier transform is a matrix product here, which runs in any runtime and, halved where sums and
differences of the two halves of a frame have the even and the odd bins, as fast as a fast one. Its
bins stay in the order that this leaves them in (`BINS`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, helper

from music_emotion.atomic import write_whole
from music_emotion.features.filterbanks import mel
from music_emotion.features.graphs import SPECTRA, SUMMARY
from music_emotion.features.lowlevel import LOWLEVEL_SIZE
from music_emotion.features.musicnn import (
    HOP_LENGTH,
    N_FFT,
    N_MELS,
    PATCH_FRAMES,
    SAMPLE_RATE,
    SEGMENT_LENGTH,
)
from music_emotion.features.spectrum import hann
from music_emotion.models.fitted_blend import GraphBuilder

PEAK = 0.9  # largest absolute sample every segment is brought to
QUIETEST_PEAK = 1e-3  # below this (-60 dBFS) a segment counts as silence and is raised no further
LOG_GAIN = 10_000.0  # log10(LOG_GAIN * power + 1)

N_BINS = 1 + N_FFT // 2
FREQUENCY = np.arange(N_BINS) * SAMPLE_RATE / N_FFT  # Hz
BIN_GROUPS = (
    np.arange(0, N_BINS, 4),
    np.arange(2, N_BINS, 4),
    np.arange(1, N_BINS, 2),
)
BINS = np.concatenate(BIN_GROUPS)
"""Number of each bin of a power spectrum, as the graphs have them."""

BANDS_PER_GROUP = 3
COEFFICIENTS = 20
COARSE_BANDS = 8
LEVEL_FLOOR = 1e-4  # of a frame's summed power, so that silence has a level
POWER_FLOOR = 1e-6  # of a band's power before its logarithm is taken

ROLL_OFF = (0.25, 0.85)  # share of the power below
BINS_PER_RUN = 16  # whose power is cumulated at once
LOWEST_FREQUENCY = 20.0  # Hz, added before a frequency's logarithm is taken
LEVEL_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONTRAST_EDGES = (0, 7, 13, 26, 51, 103, 257)  # bins: octaves from 200 Hz to 8 kHz
CONTRAST_SHARE = 0.2  # of a band's bins count as peaks, and as many as valleys
CONTRAST_STEP = 2  # every second frame is enough
LARGE_BAND = 100  # bins; where the fewest values are found slowly, and the most fast

MODULATION_FFT = 256  # frames
MODULATION_EDGES = (2, 4, 8, 16, 32, 64, 129)  # bins of 0.244 Hz
MODULATION_FLOOR = 1e-3
PERIODICITY_FFT = 512  # frames
LAG_EDGES = (12, 16, 20, 24, 28, 34, 40, 48, 58, 70, 84, 100, 124)  # frames of 16 ms

PITCH_FFT = 4_096  # samples
PITCH_HOP = 3_200  # samples
PITCH_FRAMES = 1 + (SEGMENT_LENGTH - PITCH_FFT) // PITCH_HOP
PITCH_RANGE = (65.0, 4_000.0)  # Hz
PITCH_WIDTH = 0.35  # semitones
PITCH_CENTRE = 440.0  # Hz, where the weight over octaves is highest
PITCH_OCTAVES = 1.5  # width of that weight
PITCH_CLASSES = 12

# Krumhansl and Kessler's probe-tone ratings for major and minor keys.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

TINY = 1e-6

Floats = NDArray[np.float64]


class EarBuilder(GraphBuilder):
    """A builder with words for what is done again and again; axis 0 is the segments."""

    def reshape(self, source: str, *shape: int) -> str:
        """Give each segment a shape."""
        return self.add("Reshape", source, np.array([0, *shape]))

    def flat(self, source: str) -> str:
        """Return one vector per segment."""
        return self.add("Flatten", source, axis=1)

    def slice(self, source: str, start: int, stop: int, *, axis: int, step: int = 1) -> str:
        """Take a part of an axis."""
        bounds = (np.array([value]) for value in (start, stop, axis, step))
        return self.add("Slice", source, *bounds)

    def split(self, source: str, sizes: ArrayLike, *, axis: int) -> list[str]:
        """Cut an axis into parts of these sizes."""
        sizes = np.asarray(sizes, np.int64)
        parts = [f"value_{len(self.nodes)}_{number}" for number in range(len(sizes))]
        node = helper.make_node("Split", [source, self.constant(sizes)], parts, axis=axis)
        self.nodes.append(node)
        return parts

    def top(
        self, source: str, count: int, *, axis: int, largest: bool = True, ordered: bool = True
    ) -> str:
        """Return the largest or smallest values of an axis; faster where in any order."""
        values = f"value_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                "TopK",
                [source, self.constant(np.array([count]))],
                [values, f"{values}_at"],
                axis=axis,
                largest=int(largest),
                sorted=int(ordered),
            )
        )
        return values

    def reduce(self, operation: str, source: str, axis: int) -> str:
        """Reduce an axis to length 1, with ``Mean``, ``Max`` or ``Min``."""
        return self.add(f"Reduce{operation}", source, axes=[axis], keepdims=1)

    def mean(self, source: str, axis: int) -> str:
        """Return the mean over an axis, which stays, of length 1."""
        return self.reduce("Mean", source, axis)

    def sum(self, source: str, axis: int) -> str:
        """Return the sum over an axis, which stays, of length 1."""
        return self.add("ReduceSum", source, np.array([axis]), keepdims=1)

    def count(self, condition: str, axis: int) -> str:
        """Return how often a condition holds on an axis, which stays, of length 1."""
        return self.sum(self.add("Cast", condition, to=1), axis)

    def share(self, condition: str, axis: int) -> str:
        """Return in which share of an axis a condition holds; the axis stays, of length 1."""
        return self.mean(self.add("Cast", condition, to=1), axis)

    def moments(self, source: str, axis: int) -> tuple[str, str, str]:
        """Return mean and standard deviation over an axis, and the deviations from the mean."""
        mean = self.mean(source, axis)
        deviations = self.add("Sub", source, mean)
        return mean, self.add("Sqrt", self.mean(self.square(deviations), axis)), deviations

    def square(self, source: str) -> str:
        """Multiply by itself."""
        return self.add("Mul", source, source)

    def log(self, source: str, floor: float, *, scale: float = 1.0) -> str:
        """Return ``scale * log(source + floor)``."""
        logarithm = self.add("Log", self.add("Add", source, floor))
        return logarithm if scale == 1.0 else self.add("Mul", logarithm, scale)

    def ratio(self, above: str, below: str) -> str:
        """Divide, by a little more, so that silence has a ratio."""
        return self.add("Div", above, self.add("Add", below, TINY))

    def difference(self, source: str, length: int, *, step: int = 1) -> str:
        """Return the difference of each frame, on axis 1, from the one ``step`` before it."""
        later = self.slice(source, step, length, axis=1)
        return self.add("Sub", later, self.slice(source, 0, length - step, axis=1))


def fourier(length: int, bins: NDArray[np.int64], size: int) -> tuple[Floats, Floats]:
    """Return real and imaginary part of the transform's matrix, each (length, bins)."""
    phase = 2.0 * np.pi * (np.outer(np.arange(length), bins) % size) / size
    return np.cos(phase), -np.sin(phase)


def runs(edges: Sequence[int]) -> list[NDArray[np.int64]]:
    """Return the numbers between each edge and the next."""
    return [np.arange(low, high) for low, high in pairwise(edges)]


def averages(groups: Sequence[NDArray[np.int64]], size: int) -> Floats:
    """Return the matrix whose columns average groups of rows, (size, groups)."""
    matrix = np.zeros((size, len(groups)))
    for column, rows in enumerate(groups):
        matrix[rows, column] = 1.0 / len(rows)
    return matrix


# --- Spectra ------------------------------------------------------------------------------------


def build_spectra() -> ModelProto:
    """Return the graph with input ``samples`` (n, 48000).

    Outputs: ``levelled``, the samples at one level; ``power`` (n, 187, 257), under a Hann window,
    bins in the order of `BINS`; ``mel`` (n, 187, 96), Slaney bands of unit area up to 8 kHz;
    ``log_mel``, ``log10(10000 mel + 1)``.
    """
    graph = EarBuilder()
    peak = absolute_peak(graph, "samples")
    gain = graph.add("Div", np.float32(PEAK), graph.add("Max", peak, QUIETEST_PEAK))
    levelled = graph.add("Mul", "samples", gain, name="levelled")
    power = graph.add("Concat", *power_groups(graph, levelled), name="power", axis=2)
    bands = graph.add("MatMul", power, in_bins(mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS)))
    graph.add("Identity", bands, name="mel")
    amplified = graph.add("Log", graph.add("Add", graph.add("Mul", bands, LOG_GAIN), 1.0))
    graph.add("Mul", amplified, 1.0 / np.log(10.0), name="log_mel")
    outputs = {
        "levelled": (SEGMENT_LENGTH,),
        "power": (PATCH_FRAMES, N_BINS),
        "mel": (PATCH_FRAMES, N_MELS),
        "log_mel": (PATCH_FRAMES, N_MELS),
    }
    return model(graph, "ear_spectra", {"samples": (SEGMENT_LENGTH,)}, outputs)


def absolute_peak(graph: EarBuilder, samples: str) -> str:
    """Add the largest absolute sample, (n, 1)."""
    lowest = graph.reduce("Min", samples, 1)
    return graph.add("Max", graph.reduce("Max", samples, 1), graph.add("Neg", lowest))


def power_groups(graph: EarBuilder, levelled: str) -> list[str]:
    """Add the power of centred, zero-padded frames, for each of `BIN_GROUPS` (n, 187, bins).

    With a and b the two halves of a windowed frame, a + b has its even bins and a - b its odd ones;
    with a and b those of a + b, the same holds once more.
    """
    half, length = HOP_LENGTH, PATCH_FRAMES * HOP_LENGTH
    before = np.array([0, half, 0, length - half - SEGMENT_LENGTH])
    first = graph.reshape(graph.add("Pad", levelled, before), PATCH_FRAMES, half)
    second = graph.reshape(graph.slice(levelled, 0, length, axis=1), PATCH_FRAMES, half)
    window = hann(N_FFT)
    first = graph.add("Mul", first, window[:half])
    second = graph.add("Mul", second, window[half:])
    even, odd = graph.add("Add", first, second), graph.add("Sub", first, second)
    quarters = graph.split(even, [half // 2, half // 2], axis=2)
    folded = [
        (graph.add("Add", *quarters), half // 2),
        (graph.add("Sub", *quarters), half // 2),
        (odd, half),
    ]
    groups = []
    for (source, taps), bins in zip(folded, BIN_GROUPS, strict=True):
        real, imaginary = (
            graph.square(graph.add("MatMul", source, part)) for part in fourier(taps, bins, N_FFT)
        )
        groups.append(graph.add("Add", real, imaginary))
    return groups


def in_bins(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights of the bins 0, 1, … on axis 0 in the order of `BINS`."""
    return weights[BINS]


# --- Descriptors --------------------------------------------------------------------------------


def build_summary() -> ModelProto:
    """Return the graph from the outputs of `build_spectra` to ``summary``, (n, 272)."""
    graph = EarBuilder()
    rise = graph.add("Relu", graph.difference("log_mel", PATCH_FRAMES))
    log_bands = graph.log("mel", POWER_FLOOR)
    columns = [
        *timbre(graph, log_bands, rise),
        *shape_and_dynamics(graph, log_bands),
        *contrast(graph),
        modulation(graph),
        *periodicity(graph, rise),
        *harmony(graph),
    ]
    graph.add("Concat", *map(graph.flat, columns), name="summary", axis=1)
    inputs = {
        "levelled": (SEGMENT_LENGTH,),
        "power": (PATCH_FRAMES, N_BINS),
        "mel": (PATCH_FRAMES, N_MELS),
        "log_mel": (PATCH_FRAMES, N_MELS),
    }
    return model(graph, "ear_summary", inputs, {"summary": (LOWLEVEL_SIZE,)})


def timbre(graph: EarBuilder, log_bands: str, rise: str) -> list[str]:
    """Add ``mel``, ``mel_deviation``, ``mfcc``, its deviation and change, and ``flux``."""
    bands = np.arange(N_MELS)
    grouped = averages(np.split(bands, N_MELS // BANDS_PER_GROUP), N_MELS)
    coarse = averages(np.split(bands, COARSE_BANDS), N_MELS)
    mean, deviation, _ = graph.moments("log_mel", 1)
    cosines = np.cos(np.pi * np.outer(bands + 0.5, np.arange(COEFFICIENTS)) / N_MELS)
    cosines *= np.sqrt(np.where(np.arange(COEFFICIENTS) == 0, 1.0, 2.0) / N_MELS)
    cepstrum = graph.add("MatMul", log_bands, 10.0 / np.log(10.0) * cosines)
    change = graph.difference(cepstrum, PATCH_FRAMES, step=2)
    return [
        graph.add("MatMul", mean, grouped),
        graph.add("MatMul", deviation, grouped),
        *graph.moments(cepstrum, 1)[:2],
        graph.moments(change, 1)[1],
        graph.add("MatMul", graph.mean(rise, 1), coarse),
    ]


def shape_and_dynamics(graph: EarBuilder, log_bands: str) -> list[str]:
    """Add ``shape``, ``shape_deviation`` and ``dynamics``."""
    # Per frame the power in all, its first two moments, and what lies below each run of bins.
    starts = np.arange(0, N_BINS - 1, BINS_PER_RUN)
    below = (np.arange(N_BINS)[:, None] < starts).astype(np.float64)
    weights = np.column_stack([np.ones(N_BINS), FREQUENCY, FREQUENCY**2, below])
    sums = graph.add("MatMul", "power", in_bins(weights))
    power, first, second, cumulated = graph.split(sums, [1, 1, 1, len(starts)], axis=2)
    total = graph.add("Add", power, TINY)
    centroid = graph.add("Div", first, total)
    variance = graph.add("Sub", graph.add("Div", second, total), graph.square(centroid))
    spread = graph.add("Sqrt", graph.add("Relu", variance))
    frequencies = graph.add("Concat", centroid, spread, *roll_offs(graph, power, cumulated), axis=2)
    octaves = graph.log(frequencies, LOWEST_FREQUENCY, scale=1.0 / np.log(2.0))
    flatness = graph.add(
        "Sub", graph.mean(log_bands, 2), graph.log(graph.mean("mel", 2), POWER_FLOOR)
    )
    level = graph.log(total, LEVEL_FLOOR, scale=10.0 / np.log(10.0))
    shape = graph.add("Concat", octaves, flatness, crossings(graph), level, axis=2)
    mean, deviation, _ = graph.moments(shape, 1)
    shape_mean, level_mean = graph.split(mean, [6, 1], axis=2)
    return [shape_mean, deviation, *dynamics(graph, total, level, level_mean)]


def roll_offs(graph: EarBuilder, power: str, cumulated: str) -> list[str]:
    """Add for each of `ROLL_OFF` the frequency that this share of the power lies below.

    The run of bins is found first, then the bin in it.

    Parameters
    ----------
    power, cumulated
        Of each frame in all, (n, 187, 1), and below each run, (n, 187, 16).
    """
    count = (N_BINS - 1) // BINS_PER_RUN
    sizes = [len(group) for group in BIN_GROUPS]
    groups = graph.split("power", [sizes[0] - 1, 1, *sizes[1:]], axis=2)
    del groups[1]  # the last bin of all, which no share ends in
    in_runs = [
        graph.reshape(group, PATCH_FRAMES, count, size // count)
        for group, size in zip(groups, sizes, strict=True)
    ]
    order = np.concatenate([group[group < BINS_PER_RUN] for group in BIN_GROUPS])
    up_to = (order[:, None] <= np.arange(BINS_PER_RUN)).astype(np.float64)
    ends = graph.slice(cumulated, 1, count, axis=2)
    frequencies = []
    for share in ROLL_OFF:
        limit = graph.add("Mul", power, share)
        whole_runs = graph.count(graph.add("Less", ends, limit), 2)
        run = graph.add("Cast", whole_runs, to=7)
        bins = [graph.add("GatherND", each, run, batch_dims=2) for each in in_runs]
        within = graph.add("MatMul", graph.add("Concat", *bins, axis=2), up_to)
        below = graph.reshape(graph.add("GatherND", cumulated, run, batch_dims=2), -1, 1)
        inside = graph.count(graph.add("Less", graph.add("Add", within, below), limit), 2)
        bins_below = graph.add("Add", inside, graph.add("Mul", whole_runs, float(BINS_PER_RUN)))
        frequencies.append(graph.add("Mul", bins_below, SAMPLE_RATE / N_FFT))
    return frequencies


def crossings(graph: EarBuilder) -> str:
    """Add the share of zero crossings per frame, (n, 187, 1)."""
    length = PATCH_FRAMES * HOP_LENGTH
    negative = graph.add("Less", "levelled", 0.0)
    later = graph.slice(negative, 1, length + 1, axis=1)
    changes = graph.add("Xor", later, graph.slice(negative, 0, length, axis=1))
    return graph.share(graph.reshape(changes, PATCH_FRAMES, HOP_LENGTH), 2)


def dynamics(graph: EarBuilder, total: str, level: str, level_mean: str) -> list[str]:
    """Add quantiles of the level, the share of quiet frames, and the crest factor."""
    place = np.array(LEVEL_QUANTILES) * (PATCH_FRAMES - 1)
    distance = np.abs(place[:, None] - np.arange(PATCH_FRAMES))
    between = np.maximum(1.0 - distance, 0.0).astype(np.float32)
    ordered = graph.top(level, PATCH_FRAMES, axis=1, largest=False)
    quantiles = graph.add("Sub", graph.add("MatMul", between, ordered), level_mean)
    quiet = graph.share(graph.add("Less", total, graph.mean(total, 1)), 1)
    effective = graph.add("Sqrt", graph.mean(graph.square("levelled"), 1))
    peak = graph.add("Add", absolute_peak(graph, "levelled"), TINY)
    crest = graph.log(graph.ratio(peak, effective), 0.0, scale=1.0 / np.log(10.0))
    return [quantiles, quiet, crest]


def contrast(graph: EarBuilder) -> list[str]:
    """Add ``contrast`` and ``contrast_deviation``."""
    frames = graph.slice("power", 0, PATCH_FRAMES, axis=1, step=CONTRAST_STEP)
    logarithms = graph.log(frames, POWER_FLOOR)
    bands = runs(CONTRAST_EDGES)
    sizes = [np.isin(group, band).sum() for group in BIN_GROUPS for band in bands]
    parts = graph.split(logarithms, sizes, axis=2)
    contrasts = []
    for number, band in enumerate(bands):
        values = graph.add("Concat", *parts[number :: len(bands)], axis=2)
        size = max(1, int(CONTRAST_SHARE * len(band)))
        peaks = graph.mean(graph.top(values, size, axis=2, ordered=False), 2)
        contrasts.append(graph.add("Sub", peaks, valleys(graph, values, size, len(band))))
    return list(graph.moments(graph.add("Concat", *contrasts, axis=2), 1)[:2])


def valleys(graph: EarBuilder, values: str, size: int, width: int) -> str:
    """Add the mean of the smallest values of a band, (n, frames, 1)."""
    if width < LARGE_BAND:
        return graph.mean(graph.top(values, size, axis=2, largest=False, ordered=False), 2)
    others = graph.sum(graph.top(values, width - size, axis=2, ordered=False), 2)
    return graph.add("Mul", graph.add("Sub", graph.sum(values, 2), others), 1.0 / size)


def modulation(graph: EarBuilder) -> str:
    """Add ``modulation``, (n, 9, 6)."""
    coarse = np.split(np.arange(N_MELS), COARSE_BANDS)
    envelope = graph.add("MatMul", "log_mel", averages([*coarse, np.arange(N_MELS)], N_MELS))
    _, _, deviations = graph.moments(envelope, 1)
    turned = graph.add("Transpose", deviations, perm=[0, 2, 1])
    octaves = averages(runs(MODULATION_EDGES), MODULATION_FFT // 2 + 1)
    window = np.hanning(PATCH_FRAMES)[:, None]
    power = transformed_power(graph, turned, window, MODULATION_FFT, octaves)
    return graph.log(power, MODULATION_FLOOR)


def transformed_power(
    graph: EarBuilder, source: str, window: Floats, size: int, weights: Floats
) -> str:
    """Add the power spectrum of the last axis, zero-padded to ``size``, times weights of bins."""
    bins = np.flatnonzero(weights.any(axis=1))
    matrix = np.concatenate(fourier(len(window), bins, size), axis=1) * window
    parts = graph.square(graph.add("MatMul", source, matrix))  # squares of real, then imaginary
    return graph.add("MatMul", parts, np.concatenate([weights[bins], weights[bins]]))


def periodicity(graph: EarBuilder, rise: str) -> list[str]:
    """Add ``periodicity``."""
    frames = PATCH_FRAMES - 1
    _, deviation, onset = graph.moments(graph.reshape(graph.mean(rise, 2), frames), 1)
    lags = np.array([0, *range(LAG_EDGES[0], LAG_EDGES[-1])])
    bins = np.arange(PERIODICITY_FFT // 2 + 1)
    twice = np.where(bins % (PERIODICITY_FFT // 2) == 0, 1.0, 2.0) / PERIODICITY_FFT
    inverse = np.cos(2.0 * np.pi * np.outer(bins, lags) / PERIODICITY_FFT) * twice[:, None]
    ones = np.ones((frames, 1))
    products = transformed_power(graph, onset, ones, PERIODICITY_FFT, inverse)
    energy, later = graph.split(products, [1, len(lags) - 1], axis=1)
    correlation = graph.ratio(later, energy)
    ranges = [band - LAG_EDGES[0] for band in runs(LAG_EDGES)]
    longest = max(map(len, ranges))
    filled = np.stack([np.resize(each, longest) for each in ranges])
    strongest = graph.reduce("Max", graph.add("Gather", correlation, filled, axis=1), 2)
    third = graph.mean(graph.add("Mul", graph.square(onset), onset), 1)
    skewness = graph.ratio(third, graph.add("Mul", graph.square(deviation), deviation))
    is_onset = graph.add("Greater", onset, graph.add("Mul", deviation, 2.0))
    return [
        strongest,
        graph.reduce("Max", correlation, 1),
        deviation,
        graph.share(is_onset, 1),
        graph.log(graph.add("Relu", skewness), 3.0),
    ]


# --- Harmony ------------------------------------------------------------------------------------


def harmony(graph: EarBuilder) -> list[str]:
    """Add ``harmony``."""
    chroma = pitch_classes(graph)
    mean, deviation, _ = graph.moments(chroma, 1)
    profile = graph.flat(mean)
    share = graph.ratio(profile, graph.sum(profile, 1))
    logarithm = graph.log(share, 1e-9)
    entropy = graph.add("Neg", graph.sum(graph.add("Mul", share, logarithm), 1))
    _, unevenness, deviations = graph.moments(profile, 1)
    standard = graph.ratio(deviations, unevenness)
    major, next_major = graph.split(
        graph.top(graph.add("MatMul", standard, keys(MAJOR)), 2, axis=1), [1, 1], axis=1
    )
    minor = graph.reduce("Max", graph.add("MatMul", standard, keys(MINOR)), 1)
    steps = graph.square(graph.difference(chroma, PITCH_FRAMES))
    change, change_deviation, _ = graph.moments(graph.add("Sqrt", graph.sum(steps, 2)), 1)
    return [
        cycles(graph, profile),
        *graph.moments(cycles(graph, chroma), 1)[:2],
        major,
        minor,
        graph.add("Sub", major, minor),
        graph.add("Sub", major, next_major),
        entropy,
        change,
        change_deviation,
        graph.mean(graph.flat(deviation), 1),
        graph.top(profile, PITCH_CLASSES, axis=1),
    ]


def cycles(graph: EarBuilder, profile: str) -> str:
    """Add the magnitudes of the six Fourier components over pitch class, relative to the sum."""
    real, imaginary = (
        graph.square(graph.add("MatMul", profile, part))
        for part in fourier(PITCH_CLASSES, np.arange(1, 7), PITCH_CLASSES)
    )
    return graph.ratio(graph.add("Sqrt", graph.add("Add", real, imaginary)), graph.sum(profile, -1))


def pitch_classes(graph: EarBuilder) -> str:
    """Add pitch-class profiles between 0 and 1, (n, 14, 12).

    The transform of 64 times 64 samples is made of two of 64, with a turn of phase between: sample
    64 a + b and bin c + 64 d. Of c the upper half is left out, as those bins mirror others of
    negative d.
    """
    side = 64
    rows = graph.reshape(  # the rows that frames are made of
        "levelled", SEGMENT_LENGTH // side, side
    )
    of_frame = np.arange(side)[:, None] + PITCH_HOP // side * np.arange(PITCH_FRAMES)
    frames = graph.add("Gather", rows, of_frame, axis=1)  # (n, a, frame, b)
    windowed = graph.add("Mul", frames, hann(PITCH_FFT).reshape(side, 1, side))
    c, d = np.arange(side // 2 + 1), np.arange(-side // 4, side // 4)
    matrix = np.concatenate([part.T for part in fourier(side, c, side)]).astype(np.float32)
    over_a = graph.add("MatMul", matrix, graph.reshape(windowed, side, PITCH_FRAMES * side))
    apart = graph.reshape(over_a, 2 * len(c), PITCH_FRAMES, side)
    real, imaginary = graph.split(apart, [len(c), len(c)], axis=1)  # (n, c, frame, b)
    cosine, sine = (part.T[:, None] for part in fourier(side, c, PITCH_FFT))
    turned = [
        graph.add("Sub", graph.add("Mul", real, cosine), graph.add("Mul", imaginary, sine)),
        graph.add("Add", graph.add("Mul", real, sine), graph.add("Mul", imaginary, cosine)),
    ]
    cosine, sine = fourier(side, d, side)
    over_b = graph.add(
        "MatMul", graph.add("Concat", *turned, axis=3), np.block([[cosine, sine], [-sine, cosine]])
    )
    squares = graph.split(graph.square(over_b), [len(d), len(d)], axis=3)
    magnitude = graph.add("Sqrt", graph.add("Sqrt", graph.add("Add", *squares)))
    spectrum = graph.reshape(
        graph.add("Transpose", magnitude, perm=[0, 2, 1, 3]), PITCH_FRAMES, len(c) * len(d)
    )
    chroma = graph.add("MatMul", spectrum, pitch_bank(c[:, None] + side * d))
    chroma = graph.add("Sub", chroma, graph.reduce("Min", chroma, 2))
    return graph.ratio(chroma, graph.reduce("Max", chroma, 2))


def pitch_bank(bins: NDArray[np.int64]) -> Floats:
    """Return the weight of each bin for each pitch class, (bins, 12); A comes fourth.

    Of bins that are there twice, as k and as -k, only the first counts.
    """
    numbers = np.abs(bins.ravel())
    frequency = np.maximum(numbers * SAMPLE_RATE / PITCH_FFT, 1.0)
    octave = np.log2(frequency / PITCH_CENTRE)
    distance = (PITCH_CLASSES * octave[:, None] - np.arange(PITCH_CLASSES) + 3.0) % PITCH_CLASSES
    distance = np.minimum(distance, PITCH_CLASSES - distance)
    bank = np.exp(-0.5 * (distance / PITCH_WIDTH) ** 2)
    bank *= np.exp(-0.5 * (octave / PITCH_OCTAVES) ** 2)[:, None]
    bank[(frequency < PITCH_RANGE[0]) | (frequency > PITCH_RANGE[1])] = 0.0
    repeated = np.ones(len(numbers), bool)
    repeated[np.unique(numbers, return_index=True)[1]] = False
    bank[repeated] = 0.0
    return bank


def keys(profile: tuple[float, ...]) -> Floats:
    """Return the standardised profile in twelve keys as columns that give correlations."""
    values = np.asarray(profile)
    values = (values - values.mean()) / values.std() / PITCH_CLASSES
    return np.stack([np.roll(values, key) for key in range(PITCH_CLASSES)], axis=1)


# --- The script ---------------------------------------------------------------------------------


def model(graph: EarBuilder, title: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """Return a finished graph."""
    return graph.model(title, inputs, outputs, producer_name="tools/build_ear.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=SPECTRA.parent)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / SPECTRA.name, build_spectra().SerializeToString())
    write_whole(folder / SUMMARY.name, build_summary().SerializeToString())


if __name__ == "__main__":
    main()

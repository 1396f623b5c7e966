"""What the notebook shows and nothing else does: a segment, the networks' layers, one metric."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.errors import EvaluationError, ModelError
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.metrics import METRICS
from music_emotion.evaluation.results_file import SUMMARY
from music_emotion.evaluation.scores import Estimate
from music_emotion.features.descriptors import ADVANCED_NAMES, PITCH_CLASSES
from music_emotion.features.filterbanks import fft_frequencies, mel
from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_SECONDS
from music_emotion.features.spectrum import HIGHEST_FREQUENCY
from music_emotion.report.plots import empty_figure
from music_emotion.report.tables import markdown_table, number, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor, nn

    from music_emotion.models.base import Model
    from music_emotion.models.neural import NeuralModel

SHARES = [metric.name for metric in METRICS if metric.is_share]
WIDTH = 9.0  # inches
MAP_HEIGHT, LINE_HEIGHT = 1.2, 0.55  # inches
INK = "#1d4e89"
COLOURS = "magma"
FLOOR = -80.0  # dB below the loudest bin
SHOWN_BANDS = (0, 32, 64, 96, 127)
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "MFCC 2–13": tuple(f"mfcc_{number}" for number in range(2, 14)),
    "chroma": tuple(name for name in ADVANCED_NAMES if name.startswith("chroma")),
    "spectral contrast": tuple(
        name for name in ADVANCED_NAMES if name.startswith("spectral_contrast")
    ),
    "tonnetz": tuple(name for name in ADVANCED_NAMES if name.startswith("tonnetz")),
}
"""Descriptors that are drawn together as a map, by the map's title."""

Array = NDArray[np.float32]


def draw_sound(segment: Array, log_mel: Array) -> Figure:
    """Draw a segment's waveform above its log-mel spectrogram.

    Parameters
    ----------
    segment
        Waveform at 22,050 Hz, shape (samples,).
    log_mel
        Its spectrogram in dB, shape (128, frames).
    """
    figure = empty_figure(WIDTH, 4.6)
    wave, spectrogram = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.4))
    wave.plot(np.arange(len(segment)) / SAMPLE_RATE, segment, color=INK, linewidth=0.4)
    wave.set_ylabel("waveform")
    image = _draw_map(spectrogram, log_mel, FLOOR, 0.0)
    _mark_bands(spectrogram)
    spectrogram.set_xlabel("seconds")
    figure.colorbar(image, ax=spectrogram, label="dB below the maximum", pad=0.01)
    return figure


def draw_spectrograms(spectrograms: Mapping[str, Array]) -> Figure:
    """Draw spectrograms (bands × frames) beside each other, on one scale, under their titles."""
    figure = empty_figure(WIDTH, 2.8)
    panels = figure.subplots(1, len(spectrograms), sharey=True, squeeze=False)[0]
    low = min(float(one.min()) for one in spectrograms.values())
    high = max(float(one.max()) for one in spectrograms.values())
    for axes, (title, values) in zip(panels, spectrograms.items(), strict=True):
        _draw_map(axes, values, low, high)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("seconds")
    _mark_bands(panels[0])
    return figure


def draw_descriptors(frames: Array) -> Figure:
    """Draw the descriptors of a segment over time: four families as maps, the rest as lines.

    Parameters
    ----------
    frames
        The advanced descriptors, shape (frames, 45).
    """
    column = {name: number for number, name in enumerate(ADVANCED_NAMES)}
    together = {name for names in FAMILIES.values() for name in names}
    single = [name for name in ADVANCED_NAMES if name not in together]
    figure = empty_figure(WIDTH, MAP_HEIGHT * len(FAMILIES) + LINE_HEIGHT * len(single))
    heights = [MAP_HEIGHT] * len(FAMILIES) + [LINE_HEIGHT] * len(single)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for axes, (title, names) in zip(panels, FAMILIES.items(), strict=False):
        values = frames[:, [column[name] for name in names]].T
        _draw_map(axes, values, float(values.min()), float(values.max()))
        axes.set_ylabel(title, rotation=0, ha="right", va="center")
        axes.set_yticks([])
        if title == "chroma":
            axes.set_yticks(np.arange(12) + 0.5, PITCH_CLASSES, fontsize=5)
    time = (np.arange(len(frames)) + 0.5) * SEGMENT_SECONDS / len(frames)
    for axes, name in zip(panels[len(FAMILIES) :], single, strict=True):
        axes.plot(time, frames[:, column[name]], color=INK, linewidth=1)
        axes.set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center")
        axes.tick_params(labelsize=6)
    panels[-1].set_xlabel("seconds")
    return figure


def _draw_map(axes: Axes, values: Array, low: float, high: float) -> Any:
    """Draw rows over the three seconds of a segment."""
    extent = (0.0, SEGMENT_SECONDS, 0.0, float(len(values)))
    return axes.imshow(
        values, origin="lower", aspect="auto", cmap=COLOURS, vmin=low, vmax=high, extent=extent
    )


def _mark_bands(axes: Axes) -> None:
    """Name some mel bands by their centre frequency."""
    centres = fft_frequencies()[mel(fmax=HIGHEST_FREQUENCY).argmax(axis=0)]
    axes.set_yticks(
        [band + 0.5 for band in SHOWN_BANDS], [f"{centres[band]:.0f}" for band in SHOWN_BANDS]
    )
    axes.set_ylabel("Hz (mel scale)")


def models_table(names: Iterable[str]) -> str:
    """Return a Markdown line per network: what it sees and how many parameters it learns.

    Parameters
    ----------
    names
        Networks, or ensembles of networks, of the registry.
    """
    body = []
    for name in names:
        parts = _networks(name)
        seen = " + ".join(dict.fromkeys(f"`{part.inputs.feature}`" for part in parts))
        shapes = " + ".join(dict.fromkeys(_shape(_input_shape(part)) for part in parts))
        count = sum(_parameters(_unfitted(part)) for part in parts)
        made_of = " + ".join(f"`{part.name}`" for part in parts) if len(parts) > 1 else ""
        body.append([f"`{name}`", made_of, seen, shapes, f"{count:,}"])
    return markdown_table(["model", "made of", "sees", "a segment's shape", "parameters"], body)


def layer_table(name: str) -> str:
    """Return a network's layers in Markdown: kind, shape of the output, learned parameters.

    Parameters
    ----------
    name
        A network of the registry.

    Raises
    ------
    ModelError
        If the model is not a single network.
    """
    parts = _networks(name)
    if len(parts) != 1:
        raise ModelError(f"{name} is made of several networks: name one of them")
    network = _unfitted(parts[0]).eval()
    rows: list[list[str]] = []
    hooks = [
        layer.register_forward_hook(_note(rows, path))
        for path, layer in network.named_modules()
        if not list(layer.children())
    ]
    import torch

    with torch.no_grad():
        network(torch.zeros(1, *_input_shape(parts[0])))
    for hook in hooks:
        hook.remove()
    body = [["input", "", _shape(_input_shape(parts[0])), ""], *rows]
    body.append(["**sum**", "", "", f"**{_parameters(network):,}**"])
    return markdown_table(["layer", "kind", "output", "parameters"], body)


def _note(rows: list[list[str]], path: str) -> Any:
    def note(layer: nn.Module, _: Any, output: Tensor | tuple[Tensor, Any]) -> None:
        # A recurrent layer also returns its state.
        first = output[0] if isinstance(output, tuple) else output
        count = _parameters(layer)
        shape = _shape(tuple(first.shape[1:]))
        rows.append([f"`{path}`", type(layer).__name__, shape, f"{count:,}" if count else ""])

    return note


def _networks(name: str) -> list[NeuralModel]:
    """Return the networks that a model of the registry consists of."""
    from music_emotion.models.ensemble import Ensemble
    from music_emotion.models.neural import NeuralModel
    from music_emotion.models.registry import create

    model: Model = create(name)
    parts = model.members if isinstance(model, Ensemble) else (model,)
    networks = [part for part in parts if isinstance(part, NeuralModel)]
    if len(networks) < len(parts):
        raise ModelError(f"{name} has no network: there are no layers to show")
    return networks


def _unfitted(model: NeuralModel) -> nn.Module:
    """Return a model's network as it is before training."""
    width = _input_shape(model)[model.inputs.axis - 1]
    return model.architecture(model.config, width, False)


def _input_shape(model: NeuralModel) -> tuple[int, ...]:
    """Return the shape of one segment as the network sees it."""
    from music_emotion.features.compute import FEATURES

    return FEATURES[model.inputs.feature].shape


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def _shape(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def results_folder(*folders: Path) -> Path:
    """Return the first folder that holds results.

    Raises
    ------
    EvaluationError
        If none does.
    """
    for folder in folders:
        if (folder / SUMMARY).is_file():
            return folder
    named = " nor ".join(map(str, folders))
    raise EvaluationError(f"neither {named} holds results: run `music-emotion compare`")


def summary_table(folder: Path, metric: str = "accuracy") -> str:
    """Return a Markdown table of one metric, a row per model and target, a column per protocol.

    Parameters
    ----------
    folder
        Results as ``music-emotion compare`` writes them.
    metric
        As ``summary.csv`` names it.

    Raises
    ------
    EvaluationError
        If the folder holds no results or not this metric.
    """
    with (results_folder(folder) / SUMMARY).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == metric]
    if not rows:
        raise EvaluationError(f"{folder / SUMMARY} holds no metric {metric!r}")
    found = {(row["model"], row["target"], row["protocol"]): row for row in rows}
    protocols = [name for name in PROTOCOLS if any(row["protocol"] == name for row in rows)]
    body = []
    for model, target in dict.fromkeys((row["model"], row["target"]) for row in rows):
        cells = [f"`{model}`", target]
        for protocol in protocols:
            row = found.get((model, target, protocol))
            cells.append("" if row is None else _cell(row, metric))
        body.append(cells)
    unit = ", per cent" if metric in SHARES else ""
    header = [f"{metric.replace('_', ' ')}{unit}", "trained on"]
    return markdown_table([*header, *(f"`{name}`" for name in protocols)], body)


def _cell(row: dict[str, str], metric: str) -> str:
    """Return a value with its interval where there is one."""
    estimate = Estimate(*(float(row[name] or "nan") for name in ("value", "low", "high")))
    return str(share(estimate) if metric in SHARES else number(estimate))

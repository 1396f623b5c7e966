"""Pictures of one segment: its waveform, its log-mel spectrogram, its descriptors over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.descriptors import ADVANCED_NAMES, PITCH_CLASSES
from music_emotion.features.filterbanks import mel_weights
from music_emotion.features.melspectrogram import HIGHEST_FREQUENCY
from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_SECONDS
from music_emotion.features.spectrum import bin_frequencies
from music_emotion.report.plots import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    centres = bin_frequencies()[mel_weights(HIGHEST_FREQUENCY).argmax(axis=0)]
    axes.set_yticks(
        [band + 0.5 for band in SHOWN_BANDS], [f"{centres[band]:.0f}" for band in SHOWN_BANDS]
    )
    axes.set_ylabel("Hz (mel scale)")

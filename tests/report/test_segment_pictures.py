"""The pictures of a segment: the axes say what is where."""

from __future__ import annotations

import numpy as np
import pytest

from music_emotion.features.descriptors import ADVANCED_NAMES, advanced
from music_emotion.features.melspectrogram import log_mel
from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_LENGTH
from music_emotion.report.segment import (
    FAMILIES,
    draw_descriptors,
    draw_sound,
    draw_spectrograms,
)

pytest.importorskip("matplotlib")
TONE_HZ = 1_000.0
TIME = np.arange(SEGMENT_LENGTH) / SAMPLE_RATE
TONE = (0.5 * np.sin(2 * np.pi * TONE_HZ * TIME)).astype(np.float32)


def test_a_tone_stands_at_its_frequency() -> None:
    spectrogram = log_mel(TONE[None])[0]
    figure = draw_sound(TONE, spectrogram)
    wave, picture = figure.axes[:2]
    line = wave.lines[0]
    assert line.get_xdata()[-1] == pytest.approx(3.0, abs=1e-3)
    assert np.abs(line.get_ydata()).max() == pytest.approx(0.5, abs=1e-3)
    row = float(spectrogram.mean(axis=1).argmax()) + 0.5
    ticks = picture.get_yticks()
    hertz = [float(label.get_text()) for label in picture.get_yticklabels()]
    below = int(np.searchsorted(ticks, row)) - 1
    assert hertz[below] < TONE_HZ < hertz[below + 1]
    np.testing.assert_array_equal(picture.images[0].get_array(), spectrogram)
    assert picture.images[0].origin == "lower"


def test_every_descriptor_is_drawn_once() -> None:
    frames = advanced(TONE[None])[0]
    figure = draw_descriptors(frames)
    together = [name for names in FAMILIES.values() for name in names]
    single = [name for name in ADVANCED_NAMES if name not in together]
    assert sorted(together + single) == sorted(ADVANCED_NAMES)
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert titles == [*FAMILIES, *(name.replace("_", " ") for name in single)]
    centroid = figure.axes[titles.index("spectral centroid")].lines[0]
    np.testing.assert_array_equal(
        centroid.get_ydata(), frames[:, ADVANCED_NAMES.index("spectral_centroid")]
    )


def test_spectrograms_beside_each_other_share_their_scale() -> None:
    one = np.zeros((128, 130), dtype=np.float32)
    one[5, 7] = -40.0
    figure = draw_spectrograms({"first": one, "second": one + 3})
    images = [axes.images[0] for axes in figure.axes]
    assert [axes.get_title() for axes in figure.axes] == ["first", "second"]
    assert {image.get_clim() for image in images} == {(-40.0, 3.0)}

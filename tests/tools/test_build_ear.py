from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import build_ear
from music_emotion.features.graphs import SPECTRA, SUMMARY


@pytest.mark.parametrize(
    ("path", "build"),
    [(SPECTRA, build_ear.build_spectra), (SUMMARY, build_ear.build_summary)],
)
def test_the_graphs_are_those_that_the_tool_builds(
    path: Path, build: Callable[[], onnx.ModelProto]
) -> None:
    committed, built = onnx.load(str(path)), build()
    assert list(committed.graph.node) == list(built.graph.node)
    pairs = zip(committed.graph.initializer, built.graph.initializer, strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(
            numpy_helper.to_array(one), numpy_helper.to_array(other), rtol=1e-6, atol=1e-7
        )


def test_a_transform_of_bins_is_that_of_numpy() -> None:
    real, imaginary = build_ear.fourier(5, np.array([3, 1]), 8)
    sound = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    expected = np.fft.fft(sound, n=8)[[3, 1]]
    np.testing.assert_allclose(sound @ real + 1j * (sound @ imaginary), expected, atol=1e-12)


def test_bins_that_are_there_twice_count_once() -> None:
    bank = build_ear.pitch_bank(np.array([100, -100, 225, 3]))
    assert bank[0].any()
    assert not bank[1].any()
    assert bank[2].argmax() == 3  # 879 Hz is an A
    assert not bank[3].any()  # 12 Hz is no pitch

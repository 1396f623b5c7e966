"""What the notebook shows: a segment's pictures, the layers of networks, one metric of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from music_emotion.errors import EvaluationError, ModelError
from music_emotion.features.descriptors import ADVANCED_NAMES, advanced
from music_emotion.features.segments import SAMPLE_RATE, SEGMENT_LENGTH
from music_emotion.features.spectrum import log_mel
from music_emotion.models.registry import REFERENCE_NAMES
from tour import (
    FAMILIES,
    draw_descriptors,
    draw_sound,
    draw_spectrograms,
    layer_table,
    models_table,
    results_folder,
    summary_table,
)

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


BILSTM_CNN = {
    # (kernel × inputs + bias) × filters
    "first.convolution": (3 * 45 + 1) * 256,
    "first.norm": 2 * 256,
    "second.convolution": (3 * 256 + 1) * 128,
    "second.norm": 2 * 128,
    # two directions × four gates × units × (inputs + own state + two biases)
    "lstm": 2 * 4 * 128 * (128 + 128 + 2),
    "dense": (256 + 1) * 128,
    "heads.emotions": (128 + 1) * 9,
    "heads.intensities": (128 + 1) * 9,
}


def cells(table: str) -> list[list[str]]:
    return [
        [cell.strip(" `*") for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]
    ]


def number(cell: str) -> int:
    return int(cell.replace(",", "") or 0)


def test_layers_and_parameters_of_the_bilstm_cnn() -> None:
    rows = cells(layer_table("bilstm_cnn"))
    learned = {row[0]: number(row[3]) for row in rows[:-1] if row[3]}
    assert learned == BILSTM_CNN
    assert rows[0] == ["input", "", "130 × 45", ""]
    assert number(rows[-1][3]) == sum(BILSTM_CNN.values())


def test_one_line_per_model_and_the_ensemble_is_the_sum_of_its_members() -> None:
    rows = {row[0]: row for row in cells(models_table(REFERENCE_NAMES))}
    assert tuple(rows) == REFERENCE_NAMES
    count = {name: number(row[-1]) for name, row in rows.items()}
    assert count["ensemble"] == count["bilstm_cnn"] + count["cnn2d_specaugment"]
    assert count["cnn2d"] == count["cnn2d_specaugment"]
    assert count["bilstm_cnn"] == sum(BILSTM_CNN.values())
    assert rows["lstm_cnn"][2:4] == ["basic", "130 × 27"]
    assert rows["cnn2d"][2:4] == ["log_mel", "128 × 130"]


@pytest.mark.parametrize("name", ["svm", "ensemble"])
def test_only_a_single_network_has_layers(name: str) -> None:
    with pytest.raises(ModelError, match=name):
        layer_table(name)


SUMMARY = """protocol,model,target,metric,value,low,high,seed,repeats,n
segment,svm,label,accuracy,0.870000,0.851000,0.889000,42,1,1592
artist,svm,label,accuracy,0.400000,0.350000,0.450000,42,1,400
artist,light,votes,accuracy,0.410000,,,42,1,400
artist,light,votes,log_loss,1.700000,1.600000,1.800000,42,1,400
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "summary.csv").write_text(SUMMARY)
    return tmp_path


def test_a_row_per_model_and_target_a_column_per_protocol(folder: Path) -> None:
    assert summary_table(folder).splitlines() == [
        "| accuracy, per cent | trained on | `segment` | `artist` |",
        "|---|---:|---:|---:|",
        "| `svm` | label | 87.0 (85.1–88.9) | 40.0 (35.0–45.0) |",
        "| `light` | votes |  | 41.0 |",
    ]


def test_other_metrics_are_numbers(folder: Path) -> None:
    assert "| `light` | votes | 1.700 (1.600 to 1.800) |" in summary_table(folder, "log_loss")
    with pytest.raises(EvaluationError, match="no metric 'nonsense'"):
        summary_table(folder, "nonsense")


def test_the_first_folder_with_results_counts(folder: Path) -> None:
    assert results_folder(folder / "empty", folder) == folder
    with pytest.raises(EvaluationError, match=r"empty.*music-emotion compare"):
        results_folder(folder / "empty")

"""The tables of layers against what the networks are."""

from __future__ import annotations

import pytest

from music_emotion.errors import ModelError
from music_emotion.models.registry import REFERENCE_NAMES
from music_emotion.report.architecture import layer_table, models_table

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

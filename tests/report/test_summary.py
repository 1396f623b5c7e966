"""The table that is read from ``summary.csv``."""

from __future__ import annotations

from pathlib import Path

import pytest

from music_emotion.errors import EvaluationError
from music_emotion.report.summary import results_folder, summary_table

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

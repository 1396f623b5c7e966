"""The notebook, executed from top to bottom on the synthesised corpus, and what is kept of that."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image

from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.models.registry import REFERENCE_NAMES
from run_notebook import NOTEBOOK, PICTURE, ROOT, execute, make_small, read_notebook
from tour import summary_table

LIVE = ("lstm_cnn", "nearest_neighbour", "commonest_class")
PICTURES = {
    "draw_sound": 1,
    "draw_descriptors": 1,
    "draw_spectrograms": 1,
    "training_curves": 1,
    "accuracy-label.png": 1,
    "draw_leak": 1,
}
"""Pictures under the cell that calls for them."""


NUMBER = re.compile(r"(?<![\w.])-?[\d,]*\.?\d+(?!\w)")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
FROM_TRAINING = {"training_curves(": 30.0, "measure_leak(": 6.0}
"""Cells whose figures another machine may round or train otherwise, and by how many points."""

FROM_RESULTS = ("summary_table(shown)", "accuracy-label.png", "listeners_table(")
"""Cells that show the committed comparison, which the run here does without."""

LARGEST = 750_000  # bytes; what is kept is small


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """Return the notebook after a run without data, results or anything kept from before."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = read_notebook()
    execute(notebook, folder, results=f"Path({str(folder / 'results')!r})")
    make_small(notebook)
    return notebook


@pytest.fixture(scope="module")
def kept() -> NotebookNode:
    """Return the notebook as it is committed."""
    return read_notebook()


def outputs(notebook: NotebookNode, part: str) -> list[NotebookNode]:
    """Return what stands under the only code cell that holds ``part``."""
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and any(part in line and "import" not in line for line in cell.source.splitlines())
    ]
    assert len(cells) == 1, part
    found: list[NotebookNode] = cells[0].outputs
    return found


def text(notebook: NotebookNode, part: str, kind: str = "text/markdown") -> str:
    """Return the text under a cell."""
    found = outputs(notebook, part)
    printed = "".join(one.text for one in found if one.output_type == "stream")
    shown = "\n".join(one.data[kind] for one in found if kind in one.get("data", {}))
    return printed + shown


def test_every_cell_runs_without_error_or_warning(executed: NotebookNode) -> None:
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text


def test_the_pictures_and_the_sound_are_there(executed: NotebookNode) -> None:
    for part, count in PICTURES.items():
        shown = [one for one in outputs(executed, part) if "image/png" in one.get("data", {})]
        assert len(shown) == count, part
    assert "<audio" in text(executed, "Audio(segment", "text/html")


def test_the_six_models_and_their_layers(executed: NotebookNode) -> None:
    table = text(executed, "models_table(")
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == list(REFERENCE_NAMES)
    layers = text(executed, "layer_table(")
    # Four gates of 128 units, each with inputs, own state and two biases, in two directions.
    lstm = 2 * 4 * 128 * (128 + 128 + 2)
    assert f"| `lstm` | LSTM | 16 × 256 | {lstm:,} |" in layers
    assert "| `masking` | SpecAugment | 128 × 130 |  |" in layers


def test_the_live_figures_are_shown_where_no_results_are(executed: NotebookNode) -> None:
    live = text(executed, "training_curves(")
    for model in LIVE:
        assert f"`{model}`" in live
    assert "`segment`" in live
    assert "`artist`" in live
    assert "scratch" in text(executed, "results_folder(")
    assert live.strip().splitlines() == text(executed, "results_folder(").splitlines()[1:]
    assert [name for name in PROTOCOLS if f"`{name}`" in live] == ["segment", "artist"]


def test_the_leak_is_there(executed: NotebookNode) -> None:
    table = text(executed, "measure_leak(").splitlines()
    assert table[0].split()[-3:] == ["0", "1", "2"]  # of five segments, three are tested
    rows = {line[:52].strip(): [float(v) for v in line[52:].split()] for line in table[1:]}
    shuffled = rows["1-nearest-neighbour, labels dealt out at random"]
    assert shuffled[-1] > shuffled[0] + 20


def test_the_kept_outputs_are_those_of_a_run(executed: NotebookNode, kept: NotebookNode) -> None:
    for fresh, old in zip(executed.cells, kept.cells, strict=True):
        if fresh.cell_type != "code" or any(part in fresh.source for part in FROM_RESULTS):
            continue
        assert shape(old) == shape(fresh), fresh.source
        tolerance = max(
            [FROM_TRAINING[part] for part in FROM_TRAINING if part in fresh.source] or [0]
        )
        told, tells = words(old), words(fresh)
        assert NUMBER.sub("#", told).split() == NUMBER.sub("#", tells).split()
        assert numbers(told) == pytest.approx(numbers(tells), abs=tolerance), fresh.source
        if not tolerance:
            for one, other in zip(pictures(old), pictures(fresh), strict=True):
                assert one.shape == other.shape
                assert np.abs(one - other).mean() < 2.0, fresh.source  # of 255


def test_the_kept_figures_are_those_of_the_committed_comparison(kept: NotebookNode) -> None:
    table = text(kept, "summary_table(shown)")
    assert table == f"figures of results\n{summary_table(ROOT / 'results')}"
    (shown,) = outputs(kept, "accuracy-label.png")
    committed = NotebookNode(data={PICTURE: encoded(ROOT / "results" / "accuracy-label.png")})
    [one], [other] = (
        pictures(NotebookNode(outputs=[shown])),
        pictures(NotebookNode(outputs=[committed])),
    )
    assert np.abs(one - other).mean() < 2.0
    assert "8407 votes on 400 tracks" in text(kept, "listeners_table(")


def test_what_is_kept_is_small_and_was_run_in_order(kept: NotebookNode) -> None:
    assert NOTEBOOK.stat().st_size < LARGEST
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any("execution" in cell.metadata for cell in kept.cells)


def shape(cell: NotebookNode) -> list[tuple[str, ...]]:
    """Return of what kinds the outputs of a cell are."""
    return [
        (one.output_type, one.get("name", ""), *sorted(one.get("data", {}))) for one in cell.outputs
    ]


def words(cell: NotebookNode) -> str:
    """Return what a cell prints and tables it shows."""
    parts = [
        one.get("text", "") or one.get("data", {}).get("text/markdown", "") for one in cell.outputs
    ]
    return DIGEST.sub("DIGEST", "\n".join(parts))


def numbers(told: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(told)]


def pictures(cell: NotebookNode) -> list[np.ndarray]:
    """Return the pictures below a cell in shades of grey."""
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one.data[PICTURE]))).convert("L"), float)
        for one in cell.outputs
        if PICTURE in one.get("data", {})
    ]


def encoded(picture: Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()

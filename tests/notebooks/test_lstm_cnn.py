"""The notebook, executed from top to bottom on the synthesised corpus."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.models.registry import REFERENCE_NAMES

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "lstm_cnn.ipynb"
SECONDS_PER_CELL = 300
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


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """Return the notebook after a run without data, results or anything kept from before."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSIC_EMOTION_CACHE", str(folder / "features"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        chosen = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        assert len(chosen) == 1
        chosen[0].source += (
            "\nuse_demo = True"
            f"\nresults = Path({str(folder / 'results')!r})"
            f"\nscratch = Path({str(folder / 'scratch')!r})"
            "\ntracks_per_emotion = 3"
        )
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        )
        client.execute()
    return notebook


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


def test_the_committed_notebook_holds_no_output() -> None:
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None

"""Run the notebook from top to bottom and keep its outputs in it.

It is run as on a machine without data, on the synthesised corpus, so that it holds nobody's music;
``results/`` is the committed comparison's. The tests run it again and compare::

    python tools/run_notebook.py
"""

from __future__ import annotations

import base64
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from music_emotion.atomic import write_output
from music_emotion.datasets.emotify import ROOT_VARIABLE

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "lstm_cnn.ipynb"
SECONDS_PER_CELL = 300
PICTURE = "image/png"
COLOURS = 128
PARAMETERS = "parameters"
"""The tag of the cell that says what is run on, and where things lie."""


def read_notebook() -> NotebookNode:
    """Return the notebook as it is committed."""
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: NotebookNode, folder: Path, **parameters: str) -> None:
    """Run a notebook without data or anything kept from before, and fill in its outputs.

    Parameters
    ----------
    notebook
        Its outputs are replaced; its sources stay.
    folder
        For what is trained and cached; an empty one, for a run from the beginning.
    parameters
        Python expressions in place of those of the cell of parameters.
    """
    [chosen] = [cell for cell in notebook.cells if PARAMETERS in cell.metadata.get("tags", [])]
    source = chosen.source
    parameters = {"scratch": f"Path({str(folder / 'scratch')!r})", "use_demo": "True", **parameters}
    chosen.source += "".join(f"\n{name} = {value}" for name, value in parameters.items())
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute(env=_environment(folder))
    chosen.source = source


def _environment(folder: Path) -> Mapping[str, str]:
    """Return the environment of a machine that has no data, and threads that do not wait busily."""
    kept = {name: value for name, value in os.environ.items() if name != ROOT_VARIABLE}
    caches = {
        "MUSIC_EMOTION_CACHE": str(folder / "features"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return {**kept, **caches, "OMP_WAIT_POLICY": "PASSIVE"}


def make_small(notebook: NotebookNode) -> None:
    """Give pictures a palette, a quarter of the size, and leave out when each cell was run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PICTURE in data:
                data[PICTURE] = base64.b64encode(_with_palette(data[PICTURE])).decode()


def _with_palette(encoded: str) -> bytes:
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    small = io.BytesIO()
    # No dithering: flat areas stay flat, and compress.
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    notebook = read_notebook()
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    make_small(notebook)
    text = nbformat.writes(notebook) + "\n"
    write_output(NOTEBOOK, text.encode())
    print(f"{NOTEBOOK.name}: {len(text) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

"""The graphs of features, ONNX files beside this one, run in onnxruntime.

``ear_spectra.onnx`` and ``ear_summary.onnx`` are built by ``tools/build_ear.py``,
``msd_musicnn.onnx`` by ``tools/convert_musicnn.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

WEIGHTS = Path(__file__).with_name("weights")
SPECTRA = WEIGHTS / "ear_spectra.onnx"
SUMMARY = WEIGHTS / "ear_summary.onnx"
MUSICNN = WEIGHTS / "msd_musicnn.onnx"
MUSICNN_LICENCE = WEIGHTS / "msd_musicnn.LICENSE.md"

Array = NDArray[np.float32]


def run_graph(
    graph: Path, outputs: Sequence[str], inputs: Mapping[str, Array], *, threads: int = 1
) -> list[Array]:
    """Return outputs of a graph by their names; inputs and outputs have axis 0 in common.

    One thread gives the same bits on every machine load.

    Examples
    --------
    >>> (log_mel,) = run_graph(SPECTRA, ["log_mel"], {"samples": np.zeros((2, 48_000), np.float32)})
    >>> log_mel.shape
    (2, 187, 96)
    """
    answer: list[Array] = open_graph(graph, threads=threads).run(list(outputs), dict(inputs))
    return answer


def open_graph(graph: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a graph, once; onnxruntime's exceptions where it is missing or damaged.

    Examples
    --------
    >>> [output.name for output in open_graph(SUMMARY).get_outputs()]
    ['summary']
    """
    return _session(graph, threads)


def quiet_onnxruntime() -> Any:
    """Import onnxruntime, and let it report to nobody.

    Newer versions note in the user's cache which programs ran which models on which machine, and
    send it to their maker; whether they do is read when they are imported.

    Examples
    --------
    >>> quiet_onnxruntime().__name__
    'onnxruntime'
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # where another part of the program imported it before
    return onnxruntime


@lru_cache(maxsize=8)
def _session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    onnxruntime = quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(graph), sess_options=options, providers=["CPUExecutionProvider"]
    )

"""A packaged model on disk: a folder with ``model.onnx`` and ``card.json``.

``reference.npz`` may be there, too (:mod:`music_emotion.inference.reference`), and ``course.onnx``
of a model that has learned ratings over time: a graph with the same inputs, of the moments of a
track, whose output ``ratings`` is by how much they differ from the whole
(:mod:`music_emotion.inference.rating_model`).

The graph's contract, checked when it is opened:

- one float32 input per name in ``card.features``, batch first, of the shape in
  :data:`music_emotion.features.compute.FEATURES` (scope ``segment``), or (spans, size) (scope
  ``track``);
- outputs ``emotions`` and ``intensities``, float32, (batch, 9): probabilities that sum to 1, and
  expected vote fractions, each 0–1; scaling and calibration are inside the graph. There may be an
  output ``position``, (batch, d), that tells sections (:mod:`music_emotion.models.sections`) of
  segments that are pooled alone. Where the card
  has k scales, one output ``ratings``, (batch, k), in place of both.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.discover import is_folder
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError, choose_from, printable
from music_emotion.features.compute import FEATURES
from music_emotion.features.graphs import open_graph, quiet_onnxruntime
from music_emotion.inference.model_card import CARD_FILE, Card, card_json, read_card, read_part
from music_emotion.inference.reference import (
    REFERENCE_FILE,
    Reference,
    parse_reference,
    reference_bytes,
)
from music_emotion.interruption import held_back
from music_emotion.models.base import Prediction
from music_emotion.models.sections import POSITION

ONNX_FILE = "model.onnx"
COURSE_FILE = "course.onnx"
MAX_ONNX_BYTES = 1 << 30
MAX_REFERENCE_BYTES = 1 << 24
PACKAGE_FILES = (CARD_FILE, ONNX_FILE, REFERENCE_FILE, COURSE_FILE)
"""Names of a package's files; the last two are not in all."""

SHIPPED = Path(__file__).with_name("weights")
"""Folder of the models in the wheel, one subfolder each."""

OUTPUTS = ("emotions", "intensities")
"""Of a graph."""

RATED = ("ratings",)
"""Of the graph of a model that has learned ratings."""

SUM_TOLERANCE = 1e-3  # of the nine probabilities around 1


class Network:
    """A graph of the packaged model in a folder, ready to run: its own, or that of its course.

    Raises
    ------
    ModelError
        A file is missing, damaged, or not of this package; or a graph of its features is.
    """

    def __init__(self, folder: Path, graph: str = ONNX_FILE) -> None:
        path, card = folder / graph, read_card(folder)
        self._open(path, card, _read_onnx(path, card))

    def _open(self, path: Path, card: Card, data: bytes) -> None:
        self.card, self._path = card, path
        self._session = _session(data, self._fault("is not a graph that can be run"))
        self.size_bytes = len(data)
        self._check_contract()
        for name in self.card.computed_features:
            _open_graphs(FEATURES[name].graphs)

    def __call__(self, inputs: Mapping[str, NDArray[np.floating]]) -> Prediction:
        """Run the graph on n segments or spans.

        Raises
        ------
        ModelError
            The graph fails, or its answer is not what the contract says.
        """
        feed = {name: np.ascontiguousarray(inputs[name], np.float32) for name in self.card.features}
        rows = len(next(iter(feed.values())))
        try:
            said = self._session.run(self._outputs, feed)
        except Exception as error:  # onnxruntime's exceptions share no narrower base
            raise self._fault(f"failed ({printable(error)[:200]})") from None
        if self.card.scales:
            return self._rated(said[0], rows)
        emotions, intensities = said
        for array in (emotions, intensities):
            if array.shape != (rows, len(EMOTIONS)) or not np.isfinite(array).all():
                raise self._fault("gave no finite (n, 9) answer")
        sums_to_one = np.abs(emotions.sum(axis=1) - 1.0) <= SUM_TOLERANCE
        if not sums_to_one.all() or emotions.min(initial=0.0) < -SUM_TOLERANCE:
            raise self._fault("gave probabilities that do not sum to 1")
        return Prediction(np.clip(emotions, 0.0, 1.0), np.clip(intensities, 0.0, 1.0))

    @property
    def tells_sections(self) -> bool:
        """Whether the graph says where segments stand."""
        return POSITION in {node.name for node in self._session.get_outputs()}

    def positions(self, inputs: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
        """Return where n segments that are pooled alone stand, shape (n, d).

        Raises
        ------
        ModelError
            The graph fails, or its answer is not finite.
        """
        feed = {name: np.ascontiguousarray(inputs[name], np.float32) for name in self.card.features}
        options = quiet_onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = True
        try:
            positions: NDArray[np.float32] = self._session.run([POSITION], feed, options)[0]
        except Exception as error:  # onnxruntime's exceptions share no narrower base
            raise self._fault(f"failed ({printable(error)[:200]})") from None
        if positions.ndim != 2 or not np.isfinite(positions).all():
            raise self._fault("gave no finite (n, d) positions")
        return positions

    @property
    def _outputs(self) -> tuple[str, ...]:
        return RATED if self.card.scales else OUTPUTS

    def _rated(self, ratings: NDArray[np.float32], rows: int) -> Prediction:
        if ratings.shape != (rows, len(self.card.scales)) or not np.isfinite(ratings).all():
            raise self._fault(f"gave no finite (n, {len(self.card.scales)}) answer")
        return Prediction.of_ratings(ratings)

    def __getstate__(self) -> tuple[Path, Card, bytes]:
        """Return what a copy, perhaps on another machine, opens the graph anew from."""
        return self._path, self.card, _read_onnx(self._path, self.card)

    def __setstate__(self, state: tuple[Path, Card, bytes]) -> None:
        self._open(*state)

    def _fault(self, what: str) -> ModelError:
        return ModelError(f"'{printable(self._path)}' {what}; export or install the model again")

    def _check_contract(self) -> None:
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if set(inputs) != set(self.card.features):
            raise self._fault(f"takes {printable(sorted(inputs))}, not the features of its card")
        if not set(self._outputs) <= outputs:
            raise self._fault(f"does not give {' and '.join(self._outputs)}")
        for name, node in inputs.items():
            wanted = FEATURES[name].shape
            if self.card.scope == "track":
                wanted = (wanted[0] * len(self.card.pooling[name]),)
            if node.type != "tensor(float)" or not _fits(node.shape, wanted):
                raise self._fault(f"takes {name} in another shape")


def _fits(shape: list[Any], wanted: tuple[int, ...]) -> bool:
    """Whether a declared shape, batch first, has room for ``wanted`` sizes."""
    if len(shape) != 1 + len(wanted) or isinstance(shape[0], int):
        return False
    pairs = zip(shape[1:], wanted, strict=True)
    return all(not isinstance(have, int) or have == want for have, want in pairs)


def _read_onnx(path: Path, card: Card) -> bytes:
    data = read_part(
        path,
        most_bytes=MAX_ONNX_BYTES,
        too_large="is larger than 1 GB; this is not a model of this package",
        missing="is missing; export or install the model again",
    )
    _check_digest(path, data, card.course_sha256 if path.name == COURSE_FILE else card.sha256)
    return data


def open_package(folder: Path, *, rates: bool = False) -> tuple[Network, Reference]:
    """Open the packaged model in ``folder``: its graph with its card, and what it is compared with.

    ``rates`` says whether it is one that has learned ratings, and names no emotions.

    Raises
    ------
    ModelError
        It is of the other kind; or as :class:`Network` and :func:`read_reference`.

    Examples
    --------
    >>> open_package(find_package("light"))[0].card.name
    'light'
    """
    scales = read_card(folder).scales
    if bool(scales) != rates:
        shown, rated = printable(folder), ", ".join(printable(one.name) for one in scales)
        raise ModelError(
            f"'{shown}' rates {rated} and names no emotions: use it with `music-emotion predict` "
            "or `cross-test`"
            if scales
            else f"'{shown}' names emotions and has learned no ratings; name a model that has"
        )
    network = Network(folder)
    return network, read_reference(folder, network.card)


def open_course(folder: Path) -> Network | None:
    """Open the graph that follows the course of ratings, ``None`` where the model has none.

    Raises
    ------
    ModelError
        As :class:`Network`.

    Examples
    --------
    >>> open_course(find_package("light"))
    """
    return Network(folder, COURSE_FILE) if read_card(folder).course_sha256 else None


def read_reference(folder: Path, card: Card) -> Reference:
    """Read what the model in ``folder`` is compared with, which is nothing where its card says so.

    Raises
    ------
    ModelError
        The file is missing or damaged.

    Examples
    --------
    >>> folder = find_package("lstm_cnn")
    >>> isinstance(read_reference(folder, read_card(folder)), Reference)
    True
    """
    if not card.reference_sha256:
        return Reference()
    path = folder / REFERENCE_FILE
    shown = f"'{printable(path)}'"
    data = read_part(
        path,
        most_bytes=MAX_REFERENCE_BYTES,
        too_large="is too large for a reference; export or install the model again",
        missing="is missing; export or install the model again",
    )
    _check_digest(path, data, card.reference_sha256)
    try:
        return parse_reference(data)
    except ValueError as error:
        raise ModelError(
            f"{shown} is not a reference of this format ({printable(error)}); export or install "
            "the model again"
        ) from None


def _check_digest(path: Path, data: bytes, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        shown = f"'{printable(path)}'"
        raise ModelError(f"{shown} is damaged or not the one its card describes (SHA-256 differs)")


def _session(data: bytes, fault: ModelError) -> Any:
    onnxruntime = quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # parallel work is over files; and the bits stay the same
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's exceptions share no narrower base
        raise fault from None


def _open_graphs(graphs: Iterable[Path]) -> None:
    """Open graphs of features now, which answer many segments later."""
    for graph in graphs:
        try:
            open_graph(graph)
        except ImportError:
            raise
        except Exception:  # onnxruntime's exceptions share no narrower base
            shown = printable(graph)
            raise ModelError(
                f"'{shown}' is missing or damaged; install music-emotion again"
            ) from None


def shipped_names() -> tuple[str, ...]:
    """Return the names of the models in the wheel, ``default`` first.

    Examples
    --------
    >>> shipped_names()[0]
    'default'
    """
    names = (card.parent.name for card in SHIPPED.glob(f"*/{CARD_FILE}"))
    return tuple(sorted(names, key=lambda name: (name != "default", name)))


def find_package(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a shipped model, or of one on disk.

    A shipped model is found by its name, or by what was trained: ``blend`` is ``default``.

    Raises
    ------
    ModelError
        There is no such model, or it was trained and not packaged.

    Examples
    --------
    >>> find_package("blend").name
    'default'
    """
    name = os.fspath(name_or_path)
    if name in shipped_names():
        return SHIPPED / name
    path = Path(name)
    if is_folder(path):
        _check_packaged(path)
        return path
    if path.name in (ONNX_FILE, CARD_FILE):
        return path.parent
    for shipped in shipped_names():
        if read_card(SHIPPED / shipped).training.get("model") == name:
            return SHIPPED / shipped
    hint = choose_from(name, shipped_names()) if shipped_names() else "none is installed"
    hint += "" if hint.endswith("?") else "; or name a folder"
    raise ModelError(f"there is no model '{printable(name)}'; {hint}")


def _check_packaged(folder: Path) -> None:
    """Raise where a folder holds a trained model that was not packaged."""
    if (folder / CARD_FILE).is_file():
        return
    from music_emotion.models.checkpoint import MODEL_FILE

    if (folder / MODEL_FILE).is_file():
        shown = printable(folder)
        raise ModelError(
            f"'{shown}' is as train wrote it; package it with `music-emotion export {shown} -o "
            "FOLDER`, and name that folder"
        )


def read_cards(folders: Iterable[Path]) -> list[tuple[Card, int]]:
    """Return the card of each packaged model, and the size of its graph in bytes.

    Raises
    ------
    ModelError
        A card is missing or damaged.

    Examples
    --------
    >>> [(card, size)] = read_cards([find_package("light")])
    >>> card.name, size > 1_000_000
    ('light', True)
    """
    graphs = ((folder, folder / ONNX_FILE) for folder in folders)
    return [(read_card(at), graph.stat().st_size if graph.is_file() else 0) for at, graph in graphs]


def write_package(
    folder: Path,
    card: Card,
    onnx: bytes,
    reference: Reference | None = None,
    course: bytes | None = None,
) -> Card:
    """Write a packaged model: a card, a serialised graph, what it is compared with where known.

    ``course`` is the graph that follows the course of ratings, serialised.

    The folder is made where it does not exist; a model in it is replaced. It is checked that the
    new one opens. Returned is the card as written, with the ``sha256`` of all files.

    Raises
    ------
    ModelError
        The graph breaks the contract (nothing is replaced), or the folder cannot be written.

    Examples
    --------
    >>> light = find_package("light")
    >>> graph, card = (light / ONNX_FILE).read_bytes(), read_card(light)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_package(Path(folder), card, graph, read_reference(light, card))
    >>> written.sha256 == card.sha256
    True
    """
    compared = None if reference is None else reference_bytes(reference)
    files = {ONNX_FILE: onnx, REFERENCE_FILE: compared, COURSE_FILE: course}
    digests = {
        name: "" if content is None else hashlib.sha256(content).hexdigest()
        for name, content in files.items()
    }
    card = replace(
        card,
        sha256=digests[ONNX_FILE],
        reference_sha256=digests[REFERENCE_FILE],
        course_sha256=digests[COURSE_FILE],
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            new = Path(scratch)
            (new / CARD_FILE).write_text(card_json(card), encoding="utf-8")
            for file, content in files.items():
                if content is not None:
                    (new / file).write_bytes(content)
            open_package(new, rates=bool(card.scales))
            open_course(new)
            with held_back():  # the graph of one model and the card of another are none
                for file in (*files, CARD_FILE):
                    if (new / file).is_file():
                        (new / file).replace(folder / file)
                    else:
                        (folder / file).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"'{printable(folder)}' cannot be written ({error.strerror})") from None
    return card

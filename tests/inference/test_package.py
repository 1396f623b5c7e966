from __future__ import annotations

import hashlib
import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from helpers.graphs import SEGMENT, card, linear_reader, model, package, tone_detector
from music_emotion.errors import ModelError
from music_emotion.features.compute import FEATURES
from music_emotion.inference.model_card import ConfidenceCurve, card_json, read_card
from music_emotion.inference.package import (
    Network,
    find_package,
    open_package,
    read_reference,
    write_package,
)
from music_emotion.inference.reference import REFERENCE_FILE, reference_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return package(tmp_path / "model", tone_detector())


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = write_package(
        tmp_path / "model",
        card(
            name="mine",
            version="2.1",
            confidence=ConfidenceCurve((0.1, 0.9), (0.2, 0.7), 0.03),
            figures={"accuracy": 0.5},
            training={"data": "EMOTIFY"},
            limits=("one", "two"),
        ),
        tone_detector().SerializeToString(),
    )
    assert read_card(tmp_path / "model") == written
    assert len(written.sha256) == 64


def test_a_stop_never_parts_a_graph_from_its_card(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        signal.raise_signal(signal.SIGINT)
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    graph, _ = linear_reader({"summary": 272})
    fields = {"scope": "track", "features": ("summary",), "pooling": {"summary": ("mean",)}}
    with pytest.raises(KeyboardInterrupt):
        write_package(folder, card(name="new", **fields), graph.SerializeToString())
    assert Network(folder).card.name == "new"


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """A package with a reference."""
    folder, graph = tmp_path / "compared", tone_detector().SerializeToString()
    write_package(folder, card(), graph, reference_of(np.eye(9)))
    return folder


def test_a_reference_is_part_of_a_package(compared: Path) -> None:
    network, reference = open_package(compared)
    assert len(network.card.reference_sha256) == 64
    assert np.array_equal(reference.intensities, np.sort(np.eye(9), axis=0))
    graph = (compared / "model.onnx").read_bytes()
    write_package(compared, network.card, graph)
    assert sorted(file.name for file in compared.iterdir()) == ["card.json", "model.onnx"]
    network, reference = open_package(compared)
    assert network.card.reference_sha256 == ""
    assert not len(reference.intensities)


def test_a_card_alone_decides_whether_there_is_a_reference(folder: Path) -> None:
    (folder / REFERENCE_FILE).write_bytes(b"left behind by something else")
    assert not len(open_package(folder)[1].intensities)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "is missing"), (b"PK", "is damaged or not the one its card")]
)
def test_a_reference_that_is_not_the_cards_is_refused(
    content: bytes | None, reason: str, compared: Path
) -> None:
    (compared / REFERENCE_FILE).unlink()
    if content is not None:
        (compared / REFERENCE_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=f"reference.npz' {reason}"):
        open_package(compared)


def test_a_file_that_is_no_reference_is_refused_in_a_line(compared: Path) -> None:
    content = b"no archive\n"
    (compared / REFERENCE_FILE).write_bytes(content)
    foreign = replace(read_card(compared), reference_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match=r"not a reference of this format \(.*\); export") as told:
        read_reference(compared, foreign)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("content", [None, b"damaged"])
@pytest.mark.parametrize("feature", ["musicnn", "summary"])
def test_a_graph_of_a_feature_that_cannot_be_opened_is_named(
    feature: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"scope": "track", "features": (feature,), "pooling": {feature: ("mean",)}}
    size = FEATURES[feature].shape[0]
    asking = package(tmp_path / "model", linear_reader({feature: size})[0], **fields)
    graph = tmp_path / "ear.onnx"
    if content is not None:
        graph.write_bytes(content)
    lacking = replace(FEATURES[feature], graphs=(*FEATURES[feature].graphs, graph))
    monkeypatch.setitem(FEATURES, feature, lacking)
    with pytest.raises(ModelError, match=r"ear\.onnx' is missing or damaged"):
        Network(asking)


@pytest.mark.parametrize("file", ["model.onnx", "card.json"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelError, match=f"{file}' is missing"):
        Network(folder)


def test_a_changed_byte_of_the_graph_is_noticed(folder: Path) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256"):
        Network(folder)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("format", 2, "format"),
        ("features", ["pickle"], "unknown feature"),
        ("features", [], "features are missing"),
        ("features", "waveform", "list of texts"),
        ("emotions", ["joy"], "emotions"),
        ("scope", "album", "scope"),
        ("valence", {"terms": {"tags.hapy": 1.0}, "offset": 0, "seconds": 9}, "unknown term"),
        (
            "arousal",
            {"terms": {"level": math.inf}, "offset": 0, "seconds": 9},
            "not valid JSON",
        ),
        ("arousal", {"terms": {"level": 1.0}, "offset": 0, "seconds": -1}, "seconds of arousal"),
        ("arousal", {"terms": {"level": 1.0}}, "not a card"),
        ("window_seconds", 1e9, "window_seconds"),
        ("window_seconds", None, "not a card"),
        ("name", "two\nlines", "name is not a line of text"),
        ("name", 7, "name is not a line of text"),
        ("intended_use", 5, "intended_use is not a line of text"),
        ("limits", ["\ud800"], "limits are not lines of text"),
        ("limits", [5], "limits: a list of texts"),
        ("licences", ["\x1b[2J"], "licences are not lines of text"),
        ("training", {"data": "\x1b[2J"}, "training is not lines of text"),
        ("training", {"\ud800": "EMOTIFY"}, "training is not lines of text"),
        ("reference", {"standing": "two\nlines"}, "reference is not lines of text"),
        ("reference_sha256", "two\nlines", "reference_sha256 is not a line of text"),
        ("figures", {"accuracy": "good"}, "not a card"),
        ("figures", [], "not a card"),
        ("pooling", {"waveform": ["mean"]}, "pooling does not fit"),
        ("surprise", 1, "not a card"),
        (
            "confidence",
            {"probability": [0.5, 0.4], "accuracy": [0.1, 0.2], "ece": 0.1},
            "does not rise",
        ),
        ("confidence", {"probability": [0.5], "accuracy": [1.5], "ece": 0.1}, "leaves 0 to 1"),
        ("confidence", {"probability": [0.5], "accuracy": [0.0], "ece": 0.1}, "left to silence"),
        ("confidence", [1], "not a card"),
    ],
)
def test_a_foreign_card_is_refused_with_its_reason(
    folder: Path, field: str, value: Any, reason: str
) -> None:
    fields = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**fields, field: value}))
    with pytest.raises(ModelError, match=reason) as caught:
        Network(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"format": NaN}', "[" * 100_000, '{"format": 1}']
)
def test_a_card_that_is_not_one_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    with pytest.raises(ModelError):
        Network(folder)


@settings(max_examples=100, deadline=None)
@given(where=st.floats(0, 1), mask=st.integers(1, 255))
def test_a_mutated_card_is_read_or_refused(where: float, mask: int, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("card")
    data = bytearray(card_json(card(figures={"accuracy": 0.5})).encode())
    data[min(len(data) - 1, int(where * len(data)))] ^= mask
    (folder / "card.json").write_bytes(data)
    try:
        read_card(folder)
    except ModelError as error:
        assert str(error).isprintable()


def _graph_of(other: Callable[[], Any], **fields: Any) -> Callable[[Path], None]:
    return lambda folder: write_package(folder, card(**fields), other().SerializeToString())


def _constant_answer(emotions: float) -> Any:
    constants = {
        "zero": np.zeros((SEGMENT, 9), np.float32),
        "value": np.full(9, emotions, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["waveform", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "value"], ["emotions"]),
        helper.make_node("Identity", ["nothing"], ["intensities"]),
    ]
    return model(nodes, {"waveform": ["n", SEGMENT]}, constants)


def test_graphs_that_break_the_contract_are_not_written(tmp_path: Path) -> None:
    pooled = {"scope": "track", "features": ("musicnn",), "pooling": {"musicnn": ("mean",)}}
    for write, reason in [
        (_graph_of(lambda: linear_reader({"musicnn": 10})[0]), "not the features of its card"),
        (_graph_of(lambda: linear_reader({"waveform": 10})[0]), "another shape"),
        (_graph_of(tone_detector, **pooled), "not the features of its card"),
    ]:
        with pytest.raises(ModelError, match=reason):
            write(tmp_path / "model")
    with pytest.raises(ModelError, match="not a graph"):
        write_package(tmp_path / "model", card(), b"\x80\x04pickle")
    assert list((tmp_path / "model").iterdir()) == []


def test_a_pooled_input_of_another_width_is_noticed_when_it_is_opened(tmp_path: Path) -> None:
    pooled = {
        "scope": "track",
        "features": ("musicnn",),
        "pooling": {"musicnn": ("mean", "std")},
    }
    with pytest.raises(ModelError, match="another shape"):
        package(tmp_path / "narrow", linear_reader({"musicnn": 1_506})[0], **pooled)
    Network(package(tmp_path / "model", linear_reader({"musicnn": 3_012})[0], **pooled))


@pytest.mark.parametrize(
    ("value", "reason"), [(0.5, "sum to 1"), (np.nan, "finite"), (np.inf, "finite")]
)
def test_answers_that_are_no_probabilities_are_refused(
    tmp_path: Path, value: float, reason: str
) -> None:
    network = Network(package(tmp_path / "model", _constant_answer(value)))
    with pytest.raises(ModelError, match=reason):
        network({"waveform": np.zeros((1, SEGMENT), np.float32)})


def test_an_answer_is_nine_probabilities_per_row(tmp_path: Path) -> None:
    network = Network(package(tmp_path / "model", _constant_answer(1 / 9)))
    answer = network({"waveform": np.zeros((4, SEGMENT), np.float32)})
    assert np.allclose(answer.emotions, 1 / 9)
    assert answer.intensities.shape == (4, 9)


def test_models_are_found_by_folder_and_by_file(folder: Path) -> None:
    assert find_package(folder) == folder
    assert find_package(folder / "model.onnx") == folder
    with pytest.raises(ModelError, match=r"there is no model 'no\\nsuch'"):
        find_package("no\nsuch")


def test_a_model_that_was_trained_and_not_packaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ModelError, match="as train wrote it; package it with `music-emotion exp"):
        find_package(tmp_path)


def test_cards_are_checked_when_made() -> None:
    with pytest.raises(ValueError, match="pooling"):
        replace(card(), scope="track")

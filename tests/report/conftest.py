"""A results folder with planted answers, written by the same code that a comparison uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.corpora import corpus_of, segments
from helpers.sounds import tone
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.votes import VoteTable
from music_emotion.emotions import EMOTIONS
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.cells import (
    Cell,
    CellName,
    CellStore,
    Record,
    Run,
    ground_truth_of,
    write_ground_truth,
)
from music_emotion.evaluation.provenance import Command
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import write_figures

TRACKS, SEGMENTS, LISTENERS = 18, 2, 44
WORST = 7
"""The track to whose emotion the model `half` gives the least probability."""
COMMAND = Command(
    command="music-emotion compare --models half,<right> --out runs/tiny",
    date="2026-01-02",
    cells_trained=4,
    seconds=120.0,
    machine={"processor": "Some Processor", "cores": 3, "system": "Linux"},
    versions={"python": "3.11.7", "numpy": "2.0.0"},
)


@dataclass(frozen=True)
class Planted:
    """A folder of results and the corpus behind it."""

    folder: Path
    corpus: Corpus


def labels() -> list[int]:
    return [index % len(EMOTIONS) for index in range(TRACKS)]


def predictions(model: str) -> np.ndarray:
    """`right` is always right, `half` on the first half and never after, both fairly sure."""
    label = np.array(labels())
    named = label.copy()
    if model == "half":
        named[TRACKS // 2 :] = (label[TRACKS // 2 :] + 1) % 9
        named[WORST] = (label[WORST] + 1) % 9
    rows = np.full((TRACKS, 9), 0.02)
    rows[np.arange(TRACKS), named] = 0.84
    if model == "half":
        rows[WORST, label[WORST]] = 0.001
        rows[WORST, named[WORST]] = 0.859
    return rows.astype(np.float32)


def votes_of(corpus: Corpus) -> VoteTable:
    """Listeners who mostly tick the label, so that panels and ceilings exist."""
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(TRACKS), LISTENERS)
    chance = np.where(np.eye(9)[corpus.labels] > 0, 0.6, 0.15)[track]
    ticks = (rng.random((len(track), 9)) < chance).astype(np.int8)
    return VoteTable(track, ticks, tuple(one.id for one in corpus.tracks))


def write_results(
    folder: Path,
    corpus: Corpus,
    *,
    table: VoteTable | None,
    protocols: tuple[str, ...] = ("artist", "track"),
    models: tuple[str, ...] = ("half", "right"),
) -> None:
    corpus = replace(corpus, vote_table=table)
    folds = dict.fromkeys(protocols, 2)
    truth = ground_truth_of(corpus, segments(corpus, SEGMENTS), folds)
    write_ground_truth(folder, truth)
    store = CellStore(folder)
    for protocol in protocols:
        for model in models:
            _write_run(store, Run(protocol, "label", model, 42), corpus)
    results = collect(folder, truth, models)
    write_figures(folder, results, conclude(results), [COMMAND])


def _write_run(store: CellStore, run: Run, corpus: Corpus) -> None:
    emotions = predictions(run.model)
    curves = {"train_loss": [2.0, 1.0, 0.5], "validation_loss": [2.1, 1.5, 1.7]}
    for fold in range(2):
        unit = np.arange(fold, TRACKS, 2)
        if run.protocol == "segment":
            unit = np.sort(np.concatenate([2 * unit, 2 * unit + 1]))
        track = unit // SEGMENTS if run.protocol == "segment" else unit
        record = Record(
            "key",
            corpus.fingerprint,
            2,
            history=curves if run.model == "half" else {},
            best_epoch=1,
        )
        store.write(Cell(CellName(run, fold), unit, emotions[track], emotions[track], record))
    assert store.pack(run, ["key", "key"])


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Results of two models under two protocols, with listeners, and sounds of some tracks."""
    folder = tmp_path_factory.mktemp("planted")
    corpus = corpus_of(labels())
    soundfile.write(folder / "tone.wav", tone(), 44_100)
    tracks = tuple(
        replace(
            track, path=folder / "tone.wav", artist="A <b>bold</b> Band", title=f"No. {track.id}"
        )
        for track in corpus.tracks
    )
    corpus = replace(corpus, tracks=tracks)
    results = folder / "results"
    write_results(results, corpus, table=votes_of(corpus))
    return Planted(results, corpus)

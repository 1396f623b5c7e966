"""Which cells a comparison consists of, and what each depends on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus, sample_corpus
from music_emotion.evaluation.cells import CellName, Record, Run, cell_key
from music_emotion.evaluation.folds import DEFAULT_SEED, Fold, Protocol, fold_count, make_folds
from music_emotion.evaluation.provenance import code_digest, versions
from music_emotion.evaluation.train_cell import Task, training_seed
from music_emotion.models.base import Model, Target
from music_emotion.models.ensemble import Ensemble
from music_emotion.models.registry import create, source_digest

KEY_FORMAT = 1
"""Raised when the meaning of a cell changes, so that cells of before are computed again."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be compared.

    Attributes
    ----------
    models
        Names in the registry, or ``module:function``.
    protocols, targets, seeds
        Every model is run under each protocol, with each target and each fold seed.
    n_folds
        Number of folds; ``None`` for each protocol's default.
    settings
        Training settings that differ from the defaults, passed to every model's constructor.
    """

    models: tuple[str, ...]
    protocols: tuple[Protocol, ...] = ("segment", "track", "artist")
    targets: tuple[Target, ...] = ("label",)
    seeds: tuple[int, ...] = (DEFAULT_SEED,)
    n_folds: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folds(self) -> dict[Protocol, int]:
        """Number of folds of each protocol."""
        return {protocol: fold_count(protocol, self.n_folds) for protocol in self.protocols}


@dataclass(frozen=True, slots=True)
class EnsembleTask:
    """A cell that is the mean of other cells.

    Attributes
    ----------
    name
        Which cell.
    members
        The cells it averages.
    record
        Key, corpus and number of folds.
    """

    name: CellName
    members: tuple[CellName, ...]
    record: Record


@dataclass(frozen=True, slots=True)
class Plan:
    """All cells of a comparison.

    Attributes
    ----------
    tasks
        Cells to train, by name.
    ensembles
        Cells to average from others, by name.
    feature_names
        What each trained model sees, by model name.
    runs
        The runs with the keys of their cells, in the order of the folds.
    """

    tasks: dict[CellName, Task]
    ensembles: dict[CellName, EnsembleTask]
    feature_names: dict[str, tuple[str, ...]]
    runs: dict[Run, tuple[str, ...]]


def model_names(words: Iterable[str]) -> tuple[str, ...]:
    """Return the models that words name, each once, in the order of the words.

    Parameters
    ----------
    words
        Names, or several separated by commas; ``six`` stands for the reference study's models,
        ``baselines`` for what any model has to beat, ``all`` for every model. No word at all
        stands for ``six,baselines``.
    """
    from music_emotion.models.registry import BASELINE_NAMES, MODEL_NAMES, REFERENCE_NAMES

    sets = {"six": REFERENCE_NAMES, "baselines": BASELINE_NAMES, "all": MODEL_NAMES}
    names: dict[str, None] = {}
    for word in ",".join(words).replace(",", " ").split() or ["six", "baselines"]:
        names.update(dict.fromkeys(sets.get(word, (word,))))
    return tuple(names)


def feature_names(comparison: Comparison) -> tuple[str, ...]:
    """Return the features that a comparison needs, each once.

    Raises
    ------
    ModelError
        If a model or a setting is unknown.
    """
    names: dict[str, None] = {}
    for model in comparison.models:
        made = create(model, **comparison.settings)
        names.update(dict.fromkeys(made.feature_names))
    return tuple(names)


def make_plan(
    comparison: Comparison,
    corpus: Corpus,
    track: NDArray[np.int64],
    feature_versions: Mapping[str, str],
) -> Plan:
    """Lay out the cells of a comparison.

    Parameters
    ----------
    comparison
        What is to be compared.
    corpus
        The tracks.
    track
        Index of each segment's track, shape (n,).
    feature_versions
        A text per feature that changes when the feature does.

    Raises
    ------
    EvaluationError
        If the corpus is too small for a protocol.
    ModelError
        If a model or a setting is unknown.
    """
    plan = Plan({}, {}, {}, {})
    models = [create(name, **comparison.settings) for name in comparison.models]
    for protocol in comparison.protocols:
        for seed in comparison.seeds:
            folds = make_folds(protocol, corpus, track, seed=seed, n_folds=comparison.n_folds)
            for target in comparison.targets:
                for model in models:
                    layout = _Layout(comparison, corpus, track, feature_versions, folds)
                    layout.add(plan, model, protocol, target, seed)
    return plan


@dataclass(frozen=True, slots=True)
class _Layout:
    comparison: Comparison
    corpus: Corpus
    track: NDArray[np.int64]
    feature_versions: Mapping[str, str]
    folds: Sequence[Fold]

    def add(
        self, plan: Plan, model: Model, protocol: Protocol, target: Target, seed: int
    ) -> tuple[str, ...]:
        """Add a model's cells, and those of its members, to the plan; return their keys."""
        run = Run(protocol, target, model.name, seed)
        if run in plan.runs:
            return plan.runs[run]
        if isinstance(model, Ensemble):
            keys = self._add_ensemble(plan, model, run)
        else:
            keys = self._add_tasks(plan, model, run)
        plan.runs[run] = keys
        return keys

    def _add_tasks(self, plan: Plan, model: Model, run: Run) -> tuple[str, ...]:
        plan.feature_names[model.name] = tuple(model.feature_names)
        described = describe(model)
        features = {name: self.feature_versions.get(name, "") for name in model.feature_names}
        keys = []
        for number, fold in enumerate(self.folds):
            name = CellName(run, number)
            key = cell_key(
                format=KEY_FORMAT,
                data=self.corpus.fingerprint,
                track=self.track,
                features=features,
                model=described,
                protocol=run.protocol,
                target=run.target,
                seed=training_seed(run.seed, number),
                train=fold.train,
                test=fold.test,
            )
            record = self._record(key)
            plan.tasks[name] = Task(name, fold, record, dict(self.comparison.settings))
            keys.append(key)
        return tuple(keys)

    def _add_ensemble(self, plan: Plan, model: Ensemble, run: Run) -> tuple[str, ...]:
        member_keys = [
            self.add(plan, member, run.protocol, run.target, run.seed) for member in model.members
        ]
        keys = []
        for number in range(len(self.folds)):
            name = CellName(run, number)
            members = tuple(
                CellName(Run(run.protocol, run.target, member.name, run.seed), number)
                for member in model.members
            )
            key = cell_key(format=KEY_FORMAT, mean_of=[keys[number] for keys in member_keys])
            plan.ensembles[name] = EnsembleTask(name, members, self._record(key))
            keys.append(key)
        return tuple(keys)

    def _record(self, key: str) -> Record:
        return Record(
            key=key,
            fingerprint=self.corpus.fingerprint,
            n_folds=len(self.folds),
            versions=versions(),
            code=code_digest(),
        )


def describe(model: Model) -> dict[str, Any]:
    """Return everything about an unfitted model that its predictions depend on, as JSON values.

    Public attributes that are plain values or dataclasses count; fitted state (ending in ``_``)
    and the device do not. Of a model of one's own, the file it comes from counts as well.
    """
    described: dict[str, Any] = {"class": type(model).__qualname__}
    if source := source_digest(model):
        described["source"] = source
    for name, value in sorted(vars(model).items()):
        if name.startswith("_") or name.endswith("_"):
            continue
        if is_dataclass(value) and not isinstance(value, type):
            value = {key: item for key, item in asdict(value).items() if key != "device"}
        try:
            text = json.dumps(value, sort_keys=True, default=_dataclass_values)
        except (TypeError, ValueError):
            continue  # a function, a network: part of the code, not of the settings
        described[name] = json.loads(text)
    return described


def _dataclass_values(value: object) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__qualname__} is not plain data")


QUICK_TRACKS = 3
"""Tracks per emotion."""

QUICK_FOLDS = 2

QUICK_SETTINGS = {"max_epochs": 1}
"""Training settings of a quick comparison."""

QUICK_NOTE = "Made with --quick: the figures show that the machinery works and nothing else."


def quick_corpus(corpus: Corpus) -> Corpus:
    """Return three tracks per emotion, of as many artists as possible."""
    return sample_corpus(corpus, QUICK_TRACKS, name="quick", note=QUICK_NOTE)

"""Which cells a comparison consists of, and what each depends on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.corpus import Corpus, sample_corpus
from music_emotion.errors import EvaluationError, ModelError, printable
from music_emotion.evaluation.cells import CellName, Record, Run, cell_key
from music_emotion.evaluation.folds import (
    DEFAULT_SEED,
    PROTOCOLS,
    Fold,
    Protocol,
    fold_count,
    make_folds,
    thin_training,
)
from music_emotion.evaluation.provenance import code_digest, versions
from music_emotion.evaluation.train_cell import Task, training_seed
from music_emotion.models.base import RATED, Model, Target, seen_features
from music_emotion.models.ensemble import Ensemble
from music_emotion.models.registry import (
    BASELINE_NAMES,
    KERNEL_NAMES,
    MODEL_NAMES,
    REFERENCE_NAMES,
    create,
    source_digest,
)
from music_emotion.training.config import NEUTRAL

KEY_FORMAT = 1
"""Raised when the meaning of a cell changes, so that cells of before are computed again."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be compared."""

    models: tuple[str, ...]  #: names in the registry, or ``module:function``
    #: every model is run under each protocol, with each target and each fold seed
    protocols: tuple[Protocol, ...] = PROTOCOLS
    targets: tuple[Target, ...] = ("label",)
    seeds: tuple[int, ...] = (DEFAULT_SEED,)
    n_folds: int | None = None  #: number of folds; ``None`` for each protocol's default
    #: shares of the training groups that are learned from, each 0–1: points of a learning curve
    shares: tuple[float, ...] = (1.0,)
    trainings: int = 1  #: how often each fold is trained, with different seeds
    #: training settings that differ from the defaults, passed to every model's constructor
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folds(self) -> dict[Protocol, int]:
        """Number of folds of each protocol."""
        return {protocol: fold_count(protocol, self.n_folds) for protocol in self.protocols}


@dataclass(frozen=True, slots=True)
class EnsembleTask:
    """A cell that is the mean of other cells, its members."""

    name: CellName
    members: tuple[CellName, ...]
    record: Record  #: key, corpus and number of folds


@dataclass(frozen=True, slots=True)
class Plan:
    """All cells of a comparison."""

    tasks: dict[CellName, Task]  #: cells to train, by name
    ensembles: dict[CellName, EnsembleTask]  #: cells to average from others, by name
    feature_names: dict[str, tuple[str, ...]]  #: what each trained model sees, by model name
    #: the runs with the keys of their cells, in the order of the folds
    runs: dict[Run, tuple[str, ...]]


RATING_MODELS = (*REFERENCE_NAMES, *KERNEL_NAMES, *BASELINE_NAMES)
"""The models that learn ratings."""


def model_names(words: Iterable[str], targets: Sequence[Target] = ("label",)) -> tuple[str, ...]:
    """Return the models that words name, each once, in the order of the words.

    A word is a name, or several with commas in between; ``six`` stands for the reference study's
    models, ``baselines`` for what any model has to beat, ``all`` for every model. No word at all
    stands for ``six,baselines``, and where ratings are among the targets for all that learn them.
    """
    words = list(words)
    if set(RATED) & set(targets) and not ",".join(words).replace(",", " ").split():
        return RATING_MODELS
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
    models = [create(name, **comparison.settings) for name in comparison.models]
    return tuple(
        dict.fromkeys(
            name
            for model in models
            for target in comparison.targets
            for name in seen_features(model, target)
        )
    )


def make_plan(
    comparison: Comparison,
    corpus: Corpus,
    track_index: NDArray[np.int64],
    feature_versions: Mapping[str, str],
) -> Plan:
    """Lay out the cells of a comparison.

    ``track_index`` (n,) is each segment's track; ``feature_versions`` hold a text per feature that
    changes when the feature does.

    Raises
    ------
    EvaluationError
        If the corpus is too small for a protocol, or does not have what is to be learned.
    ModelError
        If a model or a setting is unknown, or a model cannot learn ratings.
    """
    check_plan(comparison, corpus)
    plan = Plan({}, {}, {}, {})
    models = [create(name, **comparison.settings) for name in comparison.models]
    for protocol, seed in product(comparison.protocols, comparison.seeds):
        folds = make_folds(protocol, corpus, track_index, seed=seed, n_folds=comparison.n_folds)
        layout = _Layout(comparison, corpus, track_index, feature_versions, folds)
        ways = product(comparison.shares, range(comparison.trainings))
        for (share, training), target, model in product(ways, comparison.targets, models):
            layout.add(plan, model, Run(protocol, target, model.name, seed, share, training))
    return plan


def check_plan(comparison: Comparison, corpus: Corpus) -> None:
    """Raise unless every model can learn every target on these data.

    Raises
    ------
    EvaluationError
        See :func:`check_target`.
    ModelError
        If a model or a setting is unknown, or a model cannot learn ratings.
    """
    if "segment" in comparison.protocols and set(comparison.shares) != {1.0}:
        raise EvaluationError(
            "a share of the training part is one of whole tracks or artists: use --protocol track "
            "or artist with --train-share"
        )
    for target in comparison.targets:
        check_target(target, corpus, comparison.protocols)
    if set(RATED) & set(comparison.targets):
        check_learns_ratings(create(name, **comparison.settings) for name in comparison.models)


def check_target(
    target: Target, corpus: Corpus, protocols: Sequence[Protocol] = ("track", "artist")
) -> None:
    """Raise unless a corpus has what models are to learn.

    Raises
    ------
    EvaluationError
        Naming what it has instead; or if ratings, which are of whole tracks, are to be learned
        under ``segment``.
    """
    if target == "ratings" and not corpus.scales:
        raise EvaluationError(
            f"corpus {corpus.name!r} has no ratings to learn: name their columns with --ratings, "
            "or leave --target ratings out"
        )
    if target == "ratings-over-time" and not corpus.has_courses:
        raise EvaluationError(
            f"corpus {corpus.name!r} has no ratings over time: put them beside its table, as "
            "NAME-over-time.csv beside NAME.csv, or use --target ratings"
        )
    if target == "ratings-over-time":
        followed, others = _followed_scales(corpus)
        if others:
            raise EvaluationError(
                f"{', '.join(map(printable, others))} of corpus {corpus.name!r} "
                f"{'is' if len(others) == 1 else 'are'} rated of whole tracks alone: name what is "
                f"rated over time with --ratings {printable(','.join(followed))}"
            )
    if target in RATED and "segment" in protocols:
        raise EvaluationError("ratings are of whole tracks: use --protocol track or artist")
    if target not in RATED and not corpus.has_labels:
        raise EvaluationError(
            f"corpus {corpus.name!r} has ratings and no labels: use --target ratings"
        )


def _followed_scales(corpus: Corpus) -> tuple[list[str], list[str]]:
    """Return the names of the scales that some track is rated on over time, and of the others."""
    courses = [track.course for track in corpus.tracks if track.course is not None]
    followed, others = list[str](), list[str]()
    for place, scale in enumerate(corpus.scales):
        is_rated = any(np.isfinite(course.mean[:, place]).any() for course in courses)
        (followed if is_rated else others).append(scale.name)
    return followed, others


def check_learns_ratings(models: Iterable[Model]) -> None:
    """Raise unless all models can learn ratings.

    Raises
    ------
    ModelError
        Naming those that cannot.
    """
    names = [model.name for model in models if not getattr(model, "learns_ratings", False)]
    if names:
        raise ModelError(
            f"{', '.join(names)} cannot learn ratings: choose among {', '.join(RATING_MODELS)}, or "
            "models of your own that say learns_ratings"
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    comparison: Comparison
    corpus: Corpus
    track_index: NDArray[np.int64]
    feature_versions: Mapping[str, str]
    folds: Sequence[Fold]

    def add(self, plan: Plan, model: Model, run: Run) -> tuple[str, ...]:
        """Add a model's cells, and those of its members, to the plan; return their keys."""
        if run not in plan.runs:
            if isinstance(model, Ensemble):
                plan.runs[run] = self._add_ensemble(plan, model, run)
            else:
                plan.runs[run] = self._add_tasks(plan, model, run)
        return plan.runs[run]

    def _add_tasks(self, plan: Plan, model: Model, run: Run) -> tuple[str, ...]:
        seen = seen_features(model, run.target)
        before = plan.feature_names.get(model.name, ())
        plan.feature_names[model.name] = tuple(dict.fromkeys((*before, *seen)))
        described = describe(model)
        if run.target in RATED:
            candidates = getattr(model, "rating_candidates", ())
            described["rating_candidates"] = [asdict(candidate) for candidate in candidates]
        features = {name: self.feature_versions.get(name, "") for name in seen}
        keys = []
        for number, fold in enumerate(self.folds):
            name = CellName(run, number)
            seed = training_seed(run.seed, number, run.training)
            fold = thin_training(
                fold, run.protocol, self.corpus, self.track_index, run.share, seed=seed
            )
            key = cell_key(
                format=KEY_FORMAT,
                data=self.corpus.fingerprint,
                track=self.track_index,
                features=features,
                model=described,
                protocol=run.protocol,
                target=run.target,
                seed=seed,
                train=fold.train,
                test=fold.test,
            )
            record = self._record(key)
            plan.tasks[name] = Task(name, fold, record, dict(self.comparison.settings))
            keys.append(key)
        return tuple(keys)

    def _add_ensemble(self, plan: Plan, model: Ensemble, run: Run) -> tuple[str, ...]:
        runs = [replace(run, model=member.name) for member in model.members]
        member_keys = [
            self.add(plan, member, its) for member, its in zip(model.members, runs, strict=True)
        ]
        keys = []
        for number, keys_of_members in enumerate(zip(*member_keys, strict=True)):
            name = CellName(run, number)
            members = tuple(CellName(its, number) for its in runs)
            key = cell_key(format=KEY_FORMAT, mean_of=keys_of_members)
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
    and the device do not, nor does a setting at its :data:`~.training.config.NEUTRAL` value. Of a
    model of one's own, the file it comes from counts as well.
    """
    described: dict[str, Any] = {"class": type(model).__qualname__}
    if source := source_digest(model):
        described["source"] = source
    for name, value in sorted(vars(model).items()):
        if name.startswith("_") or name.endswith("_"):
            continue
        if is_dataclass(value) and not isinstance(value, type):
            value = _deciding(value)
        try:
            text = json.dumps(value, sort_keys=True, default=_dataclass_values)
        except (TypeError, ValueError):
            continue  # a function, a network: part of the code, not of the settings
        described[name] = json.loads(text)
    return described


def _deciding(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that decide what is predicted."""
    neutral = {
        one.name: one.metadata[NEUTRAL] for one in fields(settings) if NEUTRAL in one.metadata
    }
    return {
        key: value
        for key, value in asdict(settings).items()
        if key != "device" and not (key in neutral and neutral[key] == value)
    }


def _dataclass_values(value: object) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__qualname__} is not plain data")


# A quick comparison, for trying things out.
QUICK_TRACKS = 3  # per emotion
QUICK_FOLDS = 2
QUICK_SETTINGS = {"max_epochs": 1}
QUICK_NOTE = "Made with --quick: the figures show that the machinery works and nothing else."


def quick_corpus(corpus: Corpus) -> Corpus:
    """Return three tracks per emotion, of as many artists as possible."""
    return sample_corpus(corpus, QUICK_TRACKS, name="quick", note=QUICK_NOTE)

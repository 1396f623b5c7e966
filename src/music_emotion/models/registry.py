"""Every model by name, and models of one's own by ``module:function``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from music_emotion.digest import file_digest
from music_emotion.errors import ModelError, choose_from, printable
from music_emotion.models.base import Model
from music_emotion.training.config import TrainingConfig

REFERENCE_NAMES: tuple[str, ...] = (
    "lstm_cnn",
    "lstm_cnn_advanced",
    "bilstm_cnn",
    "cnn2d",
    "cnn2d_specaugment",
    "ensemble",
)
"""The six models of the reference study."""

WITHOUT_SMOTE = "_without_smote"
"""Ends the names of sequence models that are trained without synthetic rows."""


def find_models(folder: Path) -> dict[str, str]:
    """Return the modules of a folder whose ``create`` makes models, by the models' names.

    A module lists its models at top level as ``MODELS``, a tuple of texts, which is read without
    running the module: torch takes seconds to import.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        for statement in ast.parse(path.read_bytes()).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="MODELS")], value=names):
                    found |= dict.fromkeys(ast.literal_eval(names), path.stem)
    return found


_MODULES = find_models(Path(__file__).parent)


def _made_by(module: str) -> tuple[str, ...]:
    return tuple(name for name, its_module in _MODULES.items() if its_module == module)


KERNEL_NAMES = _made_by("blend")
"""Kernel regressions on pooled features: cheap descriptors, the pretrained network, both."""

BASELINE_NAMES = _made_by("baselines")
"""What any model has to beat."""

MODEL_NAMES = tuple(
    dict.fromkeys(
        (*REFERENCE_NAMES, *KERNEL_NAMES, *_made_by("lstm_cnn"), *BASELINE_NAMES, *_MODULES)
    )
)
"""All models, in the order of the tables."""


def create(name: str, **overrides: Any) -> Model:
    """Return a new, unfitted model.

    Parameters
    ----------
    name
        One of :data:`MODEL_NAMES`, or ``module:function`` for a model of one's own: the function
        is called with this name and the overrides, and returns a
        :class:`~music_emotion.models.base.Model` of this name. The module is looked for where
        Python looks, and in the current folder.
    **overrides
        Fields of :class:`~music_emotion.training.config.TrainingConfig` to change. A model that
        has no network ignores them.

    Raises
    ------
    ModelError
        If there is no model of that name or no setting of that name.
    """
    if ":" not in name and name not in MODEL_NAMES:
        hint = choose_from(name, MODEL_NAMES)
        raise ModelError(f"there is no model '{printable(name)}'; {hint}")
    known = {field.name for field in fields(TrainingConfig)}
    for setting in overrides:
        if setting not in known:
            raise ModelError(
                f"there is no training setting {setting!r}: choose from {', '.join(sorted(known))}"
            )
    if ":" in name:
        factory = _own_factory(name)
    else:
        factory = import_module(f"music_emotion.models.{_MODULES[name]}").create
    model: Model = factory(name, **overrides)
    if getattr(model, "name", None) != name:
        raise ModelError(f"{name} made a model of another name: pass on the name it is given")
    return model


def source_digest(model: Model) -> str:
    """Return the SHA-256 of the file that makes a model of one's own, ``""`` for one of ours.

    What was computed with a model must not pass for what an edited one would compute.
    """
    module, colon, _ = model.name.partition(":")
    file = getattr(sys.modules.get(module), "__file__", None) if colon else None
    return file_digest(Path(file)) if file else ""


def _own_factory(name: str) -> Callable[..., Any]:
    """Find a user's ``module:function``; what goes wrong inside the function is theirs to see."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # as `python -m` has it; workers inherit it
        sys.path.append(here)
    try:
        factory: Callable[..., Any] = getattr(import_module(module), function)
    except (ImportError, ValueError, AttributeError) as error:
        raise ModelError(f"there is no model {name!r}: {error}") from error
    return factory

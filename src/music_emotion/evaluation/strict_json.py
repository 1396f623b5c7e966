"""Dataclasses and arrays as strict JSON, written and read by one pair of functions.

A field is written under its own name, or under that of ``field(metadata=json_key("..."))``. A field
with ``metadata=NOT_WRITTEN`` is left out and reads as its default; so does one with
``metadata=OPTIONAL`` that is ``None``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from music_emotion.errors import MusicEmotionError

Written = TypeVar("Written")
DECIMALS = 6
"""Decimal places of the numbers in a file: beyond any figure's own uncertainty."""

NOT_WRITTEN: Mapping[str, Any] = {"json_written": False}
"""Metadata of a field that files do not hold."""

OPTIONAL: Mapping[str, Any] = {"json_optional": True}
"""Metadata of a field that is left out where it is ``None``."""


def json_key(key: str) -> Mapping[str, Any]:
    """Return the metadata of a field that files hold under another name."""
    return {"json_key": key}


def to_json(value: Any) -> Any:
    """Return a value made of dictionaries, lists, strings, numbers and ``None`` only.

    Dataclasses become dictionaries, arrays lists; what is not finite becomes ``None``, because
    strict JSON has no NaN.

    >>> to_json({"r": np.array([0.25, np.nan])})
    {'r': [0.25, None]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            key: to_json(part)
            for field, key in _written(type(value))
            if (part := getattr(value, field.name)) is not None or not _is_optional(field)
        }
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [to_json(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        # Adding 0 turns -0 into 0.
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    return value


def from_json(kind: Any, value: Any) -> Any:
    """Return a value of an annotated type from what :func:`to_json` made of it.

    Parameters
    ----------
    kind
        A dataclass, or a type as its fields are annotated with: numbers, texts, literals, arrays,
        tuples, dictionaries and unions with ``None``.
    value
        What ``json.loads`` returned. ``None`` is NaN where a number is wanted.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not of this type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _one_of([one for one in arguments if one is not NoneType], value)
    if origin is Literal:
        return arguments[arguments.index(value)]
    if origin is np.ndarray:
        (number,) = get_args(arguments[1])
        return np.array(_listed(value), dtype=number)
    if origin is tuple:
        parts = _listed(value)
        kinds = [arguments[0]] * len(parts) if arguments[-1] is Ellipsis else arguments
        return tuple(from_json(one, part) for one, part in zip(kinds, parts, strict=True))
    if origin is list:
        return [from_json(arguments[0], part) for part in _listed(value)]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: from_json(arguments[1], part) for name, part in value.items()}
    if is_dataclass(kind):
        assert isinstance(kind, type), "annotations name classes"
        hints = _hints(kind)
        return kind(
            **{
                field.name: from_json(hints[field.name], value[key])
                for field, key in _written(kind)
                if key in value or not _is_optional(field)
            }
        )
    if kind is float:
        return math.nan if value is None else float(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def json_text(value: Any) -> str:
    """Return a value as indented JSON, rows of numbers kept on one line."""
    return _indented(to_json(value), "") + "\n"


def read_json(
    kind: type[Written], path: Path, error: type[MusicEmotionError], command: str
) -> Written | None:
    """Return what :func:`json_text` wrote to a file, ``None`` without it.

    Raises
    ------
    MusicEmotionError
        The ``error``, naming the ``command`` that makes the file again, if it is damaged.
    """
    if not path.is_file():
        return None
    try:
        value: Written = from_json(kind, json.loads(path.read_text(encoding="utf-8")))
        return value
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise error(f"{path} is damaged: make it again with `{command}`") from cause


def _indented(value: Any, margin: str) -> str:
    nested = isinstance(value, dict | list) and any(
        isinstance(item, dict | list)
        for item in (value.values() if isinstance(value, dict) else value)
    )
    inner = margin + "  "
    if isinstance(value, dict) and value:
        rows = [f"{json.dumps(key)}: {_indented(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner + row for row in rows) + "\n" + margin + "}"
    if nested:
        rows = [_indented(item, inner) for item in value]
        return "[\n" + ",\n".join(inner + row for row in rows) + "\n" + margin + "]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _one_of(kinds: list[Any], value: Any) -> Any:
    if value is None or (len(kinds) > 1 and isinstance(value, tuple(kinds))):
        return value
    return from_json(kinds[0], value)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _written(kind: type) -> Iterator[tuple[Field[Any], str]]:
    """Yield the fields that files hold with their keys, in order."""
    for field in fields(kind):
        if field.metadata.get("json_written", True):
            yield field, field.metadata.get("json_key", field.name)


def _is_optional(field: Field[Any]) -> bool:
    return bool(field.metadata.get("json_optional", False))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)

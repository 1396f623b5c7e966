"""From dataclasses and arrays to strict JSON."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

DECIMALS = 6
"""Decimal places of the numbers in a file: beyond any figure's own uncertainty."""


def plain(value: Any) -> Any:
    """Return a value made of dictionaries, lists, strings, numbers and ``None`` only.

    Dataclasses become dictionaries, arrays lists; what is not finite becomes ``None``, because
    strict JSON has no NaN.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        # Adding 0 turns -0 into 0.
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    return value


def json_text(value: Any) -> str:
    """Return a value as indented JSON, rows of numbers kept on one line."""
    return _indented(plain(value), "") + "\n"


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
